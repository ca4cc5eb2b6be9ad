"""Services as messages, in raw core units and KiB on both ways."""

from __future__ import annotations

from typing import Any

from opencue_proto import service_pb2

from cuebot.domain.nouns import Service, ServiceOverride
from cuebot.wire.values import int32


def service_message(service: Service) -> service_pb2.Service:
    """A service."""
    return service_pb2.Service(
        id=service.id,
        name=service.name,
        threadable=service.threadable,
        min_cores=int32(service.min_cores),
        max_cores=int32(service.max_cores),
        min_memory=service.min_memory,
        min_gpu_memory=service.min_gpu_memory,
        tags=service.tags,
        timeout=int32(service.timeout_minutes),
        timeout_llu=int32(service.timeout_llu_minutes),
        min_gpus=int32(service.min_gpus),
        max_gpus=int32(service.max_gpus),
        min_memory_increase=int32(service.min_memory_increase),
    )


def override_message(override: ServiceOverride) -> service_pb2.ServiceOverride:
    """What a show has in the place of a service."""
    return service_pb2.ServiceOverride(id=override.id, data=service_message(override))


def service_values(message: service_pb2.Service) -> dict[str, Any]:
    """The fields of a service that a message gives; what it leaves at zero is left out where zero has no meaning."""
    values: dict[str, Any] = {
        "name": message.name,
        "threadable": message.threadable,
        "min_cores": message.min_cores,
        "max_cores": message.max_cores,
        "min_gpus": message.min_gpus,
        "max_gpus": message.max_gpus,
        "min_gpu_memory": message.min_gpu_memory,
        "timeout_minutes": message.timeout,
        "timeout_llu_minutes": message.timeout_llu,
    }
    if message.min_memory:
        values["min_memory"] = message.min_memory
    if message.min_memory_increase:
        values["min_memory_increase"] = message.min_memory_increase
    if message.tags:
        values["tags"] = tuple(message.tags)
    return values

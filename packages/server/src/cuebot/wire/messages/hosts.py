"""Hosts as messages."""

from __future__ import annotations

from typing import Any

from opencue_proto import host_pb2

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host
from cuebot.domain.tags import split_tags
from cuebot.wire.values import cores, int32, time_s


def host_message(farm: Farm, host: Host, commented: set[str]) -> host_pb2.Host:
    """A host. `memory` and `cores` are what may be reserved, `total_memory` what the host has."""
    return host_pb2.Host(**host_fields(farm, host, commented))


def host_fields(farm: Farm, host: Host, commented: set[str]) -> dict[str, Any]:
    """What Host and NestedHost have in common."""
    table, allocation = farm.hosts_table, farm.allocations[host.allocation_id]
    return {
        "id": host.id,
        "name": host.name,
        "alloc_name": farm.allocation_name(allocation),
        "nimby_enabled": host.nimby_enabled,
        "has_comment": host.id in commented,
        "cores": cores(host.cores),
        "idle_cores": cores(max(int(table.idle_cores[host.row]), 0)),  # less than none while a host that shrank drains
        "memory": host.memory,
        "idle_memory": max(int(table.idle_memory[host.row]), 0),
        "gpu_memory": host.gpu_memory,
        "idle_gpu_memory": max(int(table.idle_gpu_memory[host.row]), 0),
        "gpus": host.gpus,
        "idle_gpus": max(int(table.idle_gpus[host.row]), 0),
        "total_swap": host.total_swap,
        "total_memory": host.total_memory,
        "total_gpu_memory": host.gpu_memory,
        "total_mcp": host.total_temp,
        "free_swap": host.free_swap,
        "free_memory": host.free_memory,
        "free_mcp": host.free_temp,
        "free_gpu_memory": host.free_gpu_memory,
        "load": int32(host.load),
        "boot_time": time_s(host.boot_us),
        "ping_time": time_s(host.ping_us),
        "os": ",".join(host.os),
        "tags": split_tags((*host.manual_tags, allocation.tag, *host.hardware_tags, host.name)),
        "state": int(host.state),
        "lock_state": int(host.lock),
        "thread_mode": int(host.thread_mode),
    }

"""ServiceInterface and ServiceOverrideInterface."""

from __future__ import annotations

from decimal import Decimal
from difflib import get_close_matches
from typing import Final

from opencue_proto import service_pb2

from cuebot.domain import commands as c
from cuebot.domain.cores import read_frame_cores
from cuebot.domain.errors import NotFound
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Service
from cuebot.domain.units import ONE_CORE
from cuebot.queries.services import all_services
from cuebot.wire.call import Call
from cuebot.wire.messages.services import service_message, service_values
from cuebot.wire.without_effect import MAX_GPUS

NEAR_NAMES: Final = 3


class ServiceInterface:
    """Services: the defaults of layers."""

    async def CreateService(
        self, request: service_pb2.ServiceCreateServiceRequest, call: Call
    ) -> service_pb2.ServiceCreateServiceResponse:
        """Make a service."""
        id = await call.submit(c.CreateService(service_values(request.data)))
        warn_of_service(request.data, call)
        return service_pb2.ServiceCreateServiceResponse(service=service_message(call.farm.get("service", id)))

    def GetDefaultServices(
        self, request: service_pb2.ServiceGetDefaultServicesRequest, call: Call
    ) -> service_pb2.ServiceGetDefaultServicesResponse:
        """All services."""
        services = [service_message(service) for service in all_services(call.farm)]
        found = service_pb2.ServiceSeq(services=services)
        return service_pb2.ServiceGetDefaultServicesResponse(services=found)

    def GetService(
        self, request: service_pb2.ServiceGetServiceRequest, call: Call
    ) -> service_pb2.ServiceGetServiceResponse:
        """A service by name or id."""
        return service_pb2.ServiceGetServiceResponse(service=service_message(_service(call.farm, request.name)))

    async def Update(self, request: service_pb2.ServiceUpdateRequest, call: Call) -> None:
        """Give a service the values of the message."""
        service = _service(call.farm, request.service.id)
        await call.submit(c.Change("service", service.id, service_values(request.service)))
        warn_of_service(request.service, call)

    async def Delete(self, request: service_pb2.ServiceDeleteRequest, call: Call) -> None:
        """Remove a service; layers that name it fall back to `default`."""
        await call.submit(c.Delete("service", _service(call.farm, request.service.id).id))


class ServiceOverrideInterface:
    """What shows have in the place of services."""

    async def Update(self, request: service_pb2.ServiceOverrideUpdateRequest, call: Call) -> None:
        """Give a show's own service the values of the message."""
        override = call.farm.get("service_override", request.service.id)
        await call.submit(c.Change("service_override", override.id, service_values(request.service)))
        warn_of_service(request.service, call)

    async def Delete(self, request: service_pb2.ServiceOverrideDeleteRequest, call: Call) -> None:
        """Remove a show's own service; what the farm's says holds for the show's new layers again."""
        await call.submit(c.Delete("service_override", request.service.id))


def warn_of_service(message: service_pb2.Service, call: Call) -> None:
    """Tell the caller what of a service means nothing, or something else."""
    if message.max_gpus:
        call.warnings.append(MAX_GPUS)
    warning = read_frame_cores(Decimal(message.min_cores) / ONE_CORE, "the cores of a frame")[1]
    if warning:
        call.warnings.append(f"the cores of a frame: {warning}")


def unknown_service(farm: Farm, name: str, show: str) -> str:
    """That what a show has of its own is in the place of no service; layers that name it have its values."""
    alike = get_close_matches(name, farm.service_by_name, NEAR_NAMES)
    meant = f" (did you mean {' or '.join(alike)}?)" if alike else ""
    return f"the farm has no service {name!r}{meant}: only layers of show {show!r} that name it so have these values"


def _service(farm: Farm, name_or_id: str) -> Service:
    service = farm.services.get(farm.service_by_name.get(name_or_id, name_or_id))
    if service is None:
        known = ", ".join(sorted(farm.service_by_name)[:20])
        raise NotFound(f"there is no service {name_or_id!r}; there are {known}")
    return service

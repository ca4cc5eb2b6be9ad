"""FacilityInterface and AllocationInterface."""

from __future__ import annotations

from typing import Any

from opencue_proto import facility_pb2, host_pb2, subscription_pb2

from cuebot.domain import commands as c
from cuebot.domain.errors import NotFound
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Allocation, Facility
from cuebot.queries.allocations import (
    allocation_row,
    allocations_of_facility,
    default_allocation,
    subscription_row,
    subscriptions_of_allocation,
)
from cuebot.queries.hosts import hosts_of_allocation
from cuebot.wire.call import Call, rows_of, shared
from cuebot.wire.criteria import find_hosts
from cuebot.wire.messages.allocations import allocation_message, facility_message, subscription_message
from cuebot.wire.requests import OfAllocation
from cuebot.wire.rows import list_of


class FacilityInterface:
    """Facilities: sites."""

    async def Create(
        self, request: facility_pb2.FacilityCreateRequest, call: Call
    ) -> facility_pb2.FacilityCreateResponse:
        """Make a facility."""
        id = await call.submit(c.CreateFacility(request.name))
        return facility_pb2.FacilityCreateResponse(facility=facility_message(call.farm.get("facility", id)))

    def Get(self, request: facility_pb2.FacilityGetRequest, call: Call) -> facility_pb2.FacilityGetResponse:
        """A facility by name or id."""
        return facility_pb2.FacilityGetResponse(facility=facility_message(_facility(call.farm, request.name)))

    async def Rename(self, request: facility_pb2.FacilityRenameRequest, call: Call) -> None:
        """Rename a facility."""
        facility = _facility(call.farm, request.facility.id or request.facility.name)
        await call.submit(c.Change("facility", facility.id, {"name": request.new_name}))

    async def Delete(self, request: facility_pb2.FacilityDeleteRequest, call: Call) -> None:
        """Remove a facility that nothing belongs to."""
        await call.submit(c.Delete("facility", _facility(call.farm, request.name).id))

    def GetAllocations(
        self, request: facility_pb2.FacilityGetAllocationsRequest, call: Call
    ) -> facility_pb2.FacilityGetAllocationsResponse:
        """The allocations of a facility."""
        facility = _facility(call.farm, request.facility.id or request.facility.name)
        found = allocations_of_facility(call.farm, facility.id)
        return facility_pb2.FacilityGetAllocationsResponse(allocations=_allocations(call.farm, found))


class AllocationInterface:
    """Allocations: named sets of hosts."""

    async def Create(self, request: facility_pb2.AllocCreateRequest, call: Call) -> facility_pb2.AllocCreateResponse:
        """Make an allocation; its full name begins with its facility's."""
        facility = _facility(call.farm, request.facility.id or request.facility.name)
        name = request.name.removeprefix(facility.name + ".")
        id = await call.submit(c.CreateAllocation(name, request.tag, facility.id))
        message = allocation_message(allocation_row(call.farm, call.farm.get("allocation", id)))
        return facility_pb2.AllocCreateResponse(allocation=message)

    def Find(self, request: facility_pb2.AllocFindRequest, call: Call) -> facility_pb2.AllocFindResponse:
        """An allocation by its full name, or by its short one where only one has it."""
        found = call.farm.allocation_named(request.name)
        return facility_pb2.AllocFindResponse(allocation=allocation_message(allocation_row(call.farm, found)))

    def Get(self, request: facility_pb2.AllocGetRequest, call: Call) -> facility_pb2.AllocGetResponse:
        """An allocation by id or name."""
        farm = call.farm
        found = farm.allocations.get(request.id) or farm.allocation_named(request.id)
        return facility_pb2.AllocGetResponse(allocation=allocation_message(allocation_row(farm, found)))

    def GetAll(self, request: facility_pb2.AllocGetAllRequest, call: Call) -> facility_pb2.AllocGetAllResponse:
        """All allocations."""
        found = list(call.farm.allocations.values())
        return facility_pb2.AllocGetAllResponse(allocations=_allocations(call.farm, found))

    def GetDefault(
        self, request: facility_pb2.AllocGetDefaultRequest, call: Call
    ) -> facility_pb2.AllocGetDefaultResponse:
        """The allocation of new hosts."""
        found = default_allocation(call.farm)
        if found is None:
            raise NotFound("no allocation is the default; SetDefault makes one so")
        return facility_pb2.AllocGetDefaultResponse(allocation=allocation_message(allocation_row(call.farm, found)))

    async def SetDefault(self, request: facility_pb2.AllocSetDefaultRequest, call: Call) -> None:
        """Say where new hosts go."""
        await call.submit(c.SetDefaultAllocation(_allocation(request, call).id))

    @shared
    async def GetHosts(self, request: facility_pb2.AllocGetHostsRequest, call: Call) -> bytes:
        """The hosts of an allocation."""
        return await _hosts(call, _allocation(request, call), host_pb2.HostSearchCriteria())

    @shared
    async def FindHosts(self, request: facility_pb2.AllocFindHostsRequest, call: Call) -> bytes:
        """The hosts of an allocation by criteria."""
        return await _hosts(call, _allocation(request, call), request.r)

    def GetSubscriptions(
        self, request: facility_pb2.AllocGetSubscriptionsRequest, call: Call
    ) -> facility_pb2.AllocGetSubscriptionsResponse:
        """Who may use an allocation."""
        allocation = _allocation(request, call)
        of_this = subscriptions_of_allocation(call.farm, allocation.id)
        rows = sorted((subscription_row(call.farm, s) for s in of_this), key=lambda row: row.name)
        found = [subscription_message(row) for row in rows]
        sequence = subscription_pb2.SubscriptionSeq(subscriptions=found)
        return facility_pb2.AllocGetSubscriptionsResponse(subscriptions=sequence)

    async def ReparentHosts(self, request: facility_pb2.AllocReparentHostsRequest, call: Call) -> None:
        """Put hosts into an allocation: all of them, or none."""
        host_ids = tuple(call.farm.get("host", host.id).id for host in request.hosts.hosts)
        await call.submit(c.MoveHosts(host_ids, _allocation(request, call).id))

    async def SetBillable(self, request: facility_pb2.AllocSetBillableRequest, call: Call) -> None:
        """Say whether use of an allocation is charged."""
        await _change(request, call, billable=request.value)

    async def SetName(self, request: facility_pb2.AllocSetNameRequest, call: Call) -> None:
        """Rename an allocation; its facility's name before it is taken away."""
        facility = call.farm.facilities[_allocation(request, call).facility_id]
        await _change(request, call, name=request.name.removeprefix(facility.name + "."))

    async def SetTag(self, request: facility_pb2.AllocSetTagRequest, call: Call) -> None:
        """Set the tag that an allocation gives its hosts."""
        await _change(request, call, tag=request.tag)

    async def Delete(self, request: facility_pb2.AllocDeleteRequest, call: Call) -> None:
        """Remove an allocation that has no hosts and no subscriptions."""
        await call.submit(c.Delete("allocation", _allocation(request, call).id))


def _facility(farm: Farm, name_or_id: str) -> Facility:
    known = farm.facility_by_name
    facility = farm.facilities.get(known.get(name_or_id) or known.get(name_or_id.lower()) or name_or_id)
    if facility is None:
        raise NotFound(f"there is no facility {name_or_id!r}; there are {', '.join(sorted(known))}")
    return facility


def _allocation(request: OfAllocation, call: Call) -> Allocation:
    """By id; clients that made the message themselves give the name alone."""
    given = request.allocation
    if not given.id and given.name:
        return call.farm.allocation_named(given.name)
    allocation: Allocation = call.farm.get("allocation", given.id)
    return allocation


def _allocations(farm: Farm, allocations: list[Allocation]) -> facility_pb2.AllocationSeq:
    ordered = sorted(allocations, key=farm.allocation_name)
    return facility_pb2.AllocationSeq(allocations=[allocation_message(allocation_row(farm, a)) for a in ordered])


async def _hosts(call: Call, allocation: Allocation, criteria: host_pb2.HostSearchCriteria) -> bytes:
    members = hosts_of_allocation(call.farm, allocation.id)
    return list_of(await rows_of(call, await find_hosts(call, criteria, members), call.rows.host))


async def _change(request: OfAllocation, call: Call, **changes: Any) -> None:
    await call.submit(c.Change("allocation", _allocation(request, call).id, changes))

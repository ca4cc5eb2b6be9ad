"""Facilities, allocations and subscriptions: whose hosts there are, and who may use how many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Allocation, Subscription
from cuebot.domain.states import HostState, LockState
from cuebot.queries.units import in_cores


class AllocationRow(NamedTuple):
    """An allocation with what its hosts have and use.

    `available` is idle on hosts that take work, `locked` is all of locked hosts
    (opencue-behaviour: allocation-sums).
    """

    id: str
    name: str
    """The full one, `facility.name`."""
    tag: str
    facility: str
    billable: bool
    hosts: int
    locked_hosts: int
    down_hosts: int
    cores: float
    idle_cores: float
    running_cores: float
    locked_cores: float
    available_cores: float
    gpus: int
    idle_gpus: int
    running_gpus: int
    locked_gpus: int
    available_gpus: int


class SubscriptionRow(NamedTuple):
    """What a show may use of an allocation."""

    id: str
    name: str
    show: str
    allocation: str
    facility: str
    size_centicores: int
    burst_centicores: int
    reserved_centicores: int


def allocation_row(farm: Farm, allocation: Allocation) -> AllocationRow:
    """An allocation as a row."""
    table = farm.hosts_table
    hosts = [host for host in farm.hosts.values() if host.allocation_id == allocation.id and not host.removed]
    rows = [host.row for host in hosts]
    working = [host.row for host in hosts if host.state is HostState.UP and host.lock is LockState.OPEN]
    locked = [host for host in hosts if host.lock is not LockState.OPEN]
    core_units, idle_core_units = sum(host.cores for host in hosts), sum(table.idle_cores[rows].tolist())
    gpus, idle_gpus = sum(host.gpus for host in hosts), sum(table.idle["gpus"][rows].tolist())
    return AllocationRow(
        id=allocation.id,
        name=farm.allocation_name(allocation),
        tag=allocation.tag,
        facility=farm.facilities[allocation.facility_id].name,
        billable=allocation.billable,
        hosts=len(hosts),
        locked_hosts=sum(host.lock is LockState.LOCKED for host in hosts),
        down_hosts=sum(host.state is HostState.DOWN for host in hosts),
        cores=in_cores(core_units),
        idle_cores=in_cores(idle_core_units),
        running_cores=in_cores(core_units - idle_core_units),
        locked_cores=in_cores(sum(host.cores for host in locked)),
        available_cores=in_cores(sum(table.idle_cores[working].tolist())),
        gpus=gpus,
        idle_gpus=idle_gpus,
        running_gpus=gpus - idle_gpus,
        locked_gpus=sum(host.gpus for host in locked),
        available_gpus=sum(table.idle["gpus"][working].tolist()),
    )


def subscription_row(farm: Farm, subscription: Subscription) -> SubscriptionRow:
    """A subscription as a row."""
    allocation = farm.allocations[subscription.allocation_id]
    allocation_name, show_name = farm.allocation_name(allocation), farm.shows[subscription.show_id].name
    return SubscriptionRow(
        id=subscription.id,
        name=f"{allocation_name}.{show_name}",
        show=show_name,
        allocation=allocation_name,
        facility=farm.facilities[allocation.facility_id].name,
        size_centicores=subscription.size,
        burst_centicores=subscription.burst,
        reserved_centicores=subscription.reserved_cores,
    )


def allocation_ids(farm: Farm, names: Iterable[str]) -> set[str]:
    """Ids of the allocations of these names, full ones or not."""
    wanted = frozenset(names)
    return {
        a.id for a in farm.allocations.values() if wanted and (a.name in wanted or farm.allocation_name(a) in wanted)
    }


def allocations_of_facility(farm: Farm, facility_id: str) -> list[Allocation]:
    """The allocations of a facility."""
    return [allocation for allocation in farm.allocations.values() if allocation.facility_id == facility_id]


def default_allocation(farm: Farm) -> Allocation | None:
    """The allocation of new hosts."""
    return next((allocation for allocation in farm.allocations.values() if allocation.is_default), None)


def subscriptions_of_show(farm: Farm, show_id: str) -> list[Subscription]:
    """The subscriptions of a show."""
    return [subscription for subscription in farm.subscriptions.values() if subscription.show_id == show_id]


def subscriptions_of_allocation(farm: Farm, allocation_id: str) -> list[Subscription]:
    """Who may use the hosts of an allocation."""
    return [found for found in farm.subscriptions.values() if found.allocation_id == allocation_id]

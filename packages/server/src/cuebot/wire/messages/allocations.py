"""Facilities, allocations and subscriptions as messages."""

from __future__ import annotations

from typing import Any

from opencue_proto import facility_pb2, subscription_pb2

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Allocation, Facility, Subscription
from cuebot.domain.states import HostState, LockState
from cuebot.wire.values import cores, int32


def facility_message(facility: Facility) -> facility_pb2.Facility:
    """A facility."""
    return facility_pb2.Facility(id=facility.id, name=facility.name)


def allocation_message(farm: Farm, allocation: Allocation) -> facility_pb2.Allocation:
    """An allocation with what its hosts have and use. Its name is the full one, `facility.name`."""
    return facility_pb2.Allocation(
        id=allocation.id,
        name=farm.allocation_name(allocation),
        tag=allocation.tag,
        facility=farm.facilities[allocation.facility_id].name,
        billable=allocation.billable,
        stats=facility_pb2.AllocationStats(**_stats(farm, allocation)),
    )


def subscription_message(farm: Farm, subscription: Subscription) -> subscription_pb2.Subscription:
    """A subscription. Size, burst and reserved cores are core units here, not cores."""
    allocation = farm.allocations[subscription.allocation_id]
    allocation_name, show_name = farm.allocation_name(allocation), farm.shows[subscription.show_id].name
    return subscription_pb2.Subscription(
        id=subscription.id,
        name=f"{allocation_name}.{show_name}",
        show_name=show_name,
        facility=farm.facilities[allocation.facility_id].name,
        allocation_name=allocation_name,
        size=int32(subscription.size),
        burst=int32(subscription.burst),
        reserved_cores=int32(subscription.reserved_cores),
    )


def _stats(farm: Farm, allocation: Allocation) -> dict[str, Any]:
    """`available` is idle on hosts that take work, `locked` is all of locked hosts (behaviour_dispatch 12.1)."""
    table = farm.hosts_table
    hosts = [host for host in farm.hosts.values() if host.allocation_id == allocation.id and not host.removed]
    stats: dict[str, Any] = {
        "hosts": len(hosts),
        "locked_hosts": sum(host.lock is LockState.LOCKED for host in hosts),
        "down_hosts": sum(host.state is HostState.DOWN for host in hosts),
    }
    for what, idle_column in (("cores", table.idle_cores), ("gpus", table.idle_gpus)):
        out = cores if what == "cores" else float
        total = sum(getattr(host, what) for host in hosts)
        idle = sum(int(idle_column[host.row]) for host in hosts)
        takes_work = [host for host in hosts if host.state is HostState.UP and host.lock is LockState.OPEN]
        stats[what] = out(total)
        stats[f"idle_{what}"] = out(idle)
        stats[f"running_{what}"] = out(total - idle)
        stats[f"locked_{what}"] = out(sum(getattr(h, what) for h in hosts if h.lock is not LockState.OPEN))
        stats[f"available_{what}"] = out(sum(int(idle_column[host.row]) for host in takes_work))
    return stats

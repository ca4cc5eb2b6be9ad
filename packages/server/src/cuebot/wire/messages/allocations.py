"""Facilities, allocations and subscriptions as messages."""

from __future__ import annotations

from opencue_proto import facility_pb2, subscription_pb2

from cuebot.domain.nouns import Facility
from cuebot.queries.allocations import AllocationRow, SubscriptionRow
from cuebot.wire.values import int32


def facility_message(facility: Facility) -> facility_pb2.Facility:
    """A facility."""
    return facility_pb2.Facility(id=facility.id, name=facility.name)


def allocation_message(row: AllocationRow) -> facility_pb2.Allocation:
    """An allocation with what its hosts have and use. Its name is the full one, `facility.name`."""
    return facility_pb2.Allocation(
        id=row.id,
        name=row.name,
        tag=row.tag,
        facility=row.facility,
        billable=row.billable,
        stats=facility_pb2.AllocationStats(
            hosts=row.hosts,
            locked_hosts=row.locked_hosts,
            down_hosts=row.down_hosts,
            cores=row.cores,
            idle_cores=row.idle_cores,
            running_cores=row.running_cores,
            locked_cores=row.locked_cores,
            available_cores=row.available_cores,
            gpus=row.gpus,
            idle_gpus=row.idle_gpus,
            running_gpus=row.running_gpus,
            locked_gpus=row.locked_gpus,
            available_gpus=row.available_gpus,
        ),
    )


def subscription_message(row: SubscriptionRow) -> subscription_pb2.Subscription:
    """A subscription. Size, burst and reserved cores are core units here, not cores."""
    return subscription_pb2.Subscription(
        id=row.id,
        name=row.name,
        show_name=row.show,
        facility=row.facility,
        allocation_name=row.allocation,
        size=int32(row.size_centicores),
        burst=int32(row.burst_centicores),
        reserved_cores=int32(row.reserved_centicores),
    )

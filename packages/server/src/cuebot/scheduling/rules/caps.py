"""Caps on what may be booked: the burst of a subscription, the maximums of jobs and groups, a group's minimum."""

from __future__ import annotations

from typing import Final

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Allocation, Group, Job, Subscription

NO_CAP: Final = 1 << 60
"""More core units than any farm has."""

NOT_SUBSCRIBED: Final = -NO_CAP
"""Fewer than any frame takes."""


def room_under_cap(holder: Job | Group) -> int:
    """Core units that may still be booked under one maximum."""
    return holder.max_cores - holder.reserved_cores if holder.max_cores >= 0 else NO_CAP


def below_minimum(group: Group, booked: int = 0) -> bool:
    """A group holds less than its minimum of cores, counting core units that a pass has booked for it so far."""
    return group.reserved_cores + booked < group.min_cores


def gpu_room_under_cap(holder: Job | Group) -> int:
    """GPUs that may still be booked under one maximum."""
    return holder.max_gpus - holder.reserved_gpus if holder.max_gpus >= 0 else NO_CAP


def burst_room(farm: Farm, show_id: str, allocation: Allocation) -> int | None:
    """Core units that a show may still book in an allocation; None without a subscription."""
    id = farm.subscription_of.get((show_id, allocation.id))
    if id is None:
        return None
    return room_under_burst(farm.subscriptions[id])


def room_under_burst(subscription: Subscription) -> int:
    """Core units that a subscription's burst still allows; a plan counts them down in `shares.FairShare.room`."""
    return subscription.burst - subscription.reserved_cores

"""What a plan works on: the farm, what is left of hosts, limits and maximums, and what it has booked so far."""

from __future__ import annotations

from collections.abc import Sequence

from cuebot.domain.commands import Booking
from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Reservation
from cuebot.domain.ready import QueueKey
from cuebot.scheduling.plan.cap_room import CapRoom
from cuebot.scheduling.plan.capacity import FreeCapacity
from cuebot.scheduling.plan.frame_order import Part
from cuebot.scheduling.rules.gpus import kept_for_gpus
from cuebot.scheduling.rules.limits import LimitUsage
from cuebot.scheduling.rules.policy import Policies, Policy


class PlanState:
    """One plan under way; every step reads and writes it, and nobody else."""

    def __init__(self, farm: Farm, now_us: int, budget: int, policies: Sequence[Policy]) -> None:
        self.farm = farm
        self.now_us = now_us
        self.budget = budget
        self.bookings: list[Booking] = []

        self.free = FreeCapacity(farm, now_us)
        self.limit_usage = LimitUsage(farm, now_us)
        self.policies = Policies(farm, policies, now_us)
        self.job_ranks = self.policies.job_ranks()
        self.kept_for_gpus = kept_for_gpus(farm, now_us, self.limit_usage, self.policies)

        self.reserved: dict[int, Reservation] = {}
        """Hosts that are kept free for wide frames, by row."""
        self.has_released = False
        """A reserved host has become free for others, or what is left of it."""
        self.caps = CapRoom(farm, self.free, self.reserved)

        self.taken: dict[Part, int] = {}
        """Frames of a part of a layer that are booked: the first so many in its order."""
        self.taken_of: dict[QueueKey, int] = {}
        """Frames of a queue that are booked."""
        self.tried: set[str] = set()
        """Jobs that are held, and of which one frame is tried."""

    @property
    def is_spent(self) -> bool:
        """No further booking may be made."""
        return len(self.bookings) >= self.budget

    @property
    def is_exhausted(self) -> bool:
        """There may be more to book: the budget is spent, or what hosts were kept for has got a place elsewhere."""
        if self.is_spent or self.has_released:
            return True
        served = any(r.queue in self.taken_of or self.limit_usage.full(r.demand) for r in self.reserved.values())
        return bool(self.bookings) and (served or self.kept_for_gpus is not None)

"""What the maximums and minimums of jobs and groups leave, as a plan goes on.

The burst of a subscription is kept in `rules/shares.py: FairShare.room`.
"""

from __future__ import annotations

from collections.abc import Mapping

from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Reservation
from cuebot.domain.nouns import Group, Job
from cuebot.domain.ready import Demand
from cuebot.domain.units import CoreUnits
from cuebot.scheduling.plan.capacity import FreeCapacity
from cuebot.scheduling.rules.caps import below_minimum, gpu_room_under_cap, room_under_cap


class CapRoom:
    """Core units and GPUs that jobs and groups may still book in this plan."""

    def __init__(self, farm: Farm, free: FreeCapacity, reserved: Mapping[int, Reservation]) -> None:
        """`reserved` are the hosts that are kept free, by row: what they keep counts for their group."""
        self._farm = farm
        self._free = free
        self._reserved = reserved
        self._of_job: dict[str, int] = {}
        self._of_group: dict[str, int] = {}
        self._booked_of_group: dict[str, int] = {}
        self._gpus_booked: dict[str, int] = {}
        """By job and by group."""

    def of_job(self, job: Job) -> int:
        """Core units that a job may still book."""
        room = self._of_job.get(job.id)
        if room is None:
            room = self._of_job[job.id] = room_under_cap(job)
        return room

    def of_group(self, group_id: str) -> int:
        """Core units that a group may still book, beside what hosts are kept free for."""
        room = self._of_group.get(group_id)
        if room is None:
            promised = sum(
                self._free.cores_of(row, reservation.demand)
                for row, reservation in self._reserved.items()
                if reservation.group_id == group_id
            )
            room = self._of_group[group_id] = room_under_cap(self._farm.groups[group_id]) - promised
        return room

    def let_gpus(self, holder: Job | Group, demand: Demand) -> bool:
        """A frame is within the maximum of GPUs of a job or a group."""
        if not demand.gpus:
            return True
        return demand.gpus <= gpu_room_under_cap(holder) - self._gpus_booked.get(holder.id, 0)

    def below_minimum(self, group_id: str) -> bool:
        """A group holds less than its minimum of cores."""
        return below_minimum(self._farm.groups[group_id], self._booked_of_group.get(group_id, 0))

    def promise(self, group_id: str, cores: int) -> None:
        """Core units of a host are kept for a group, or with a negative number are not any more."""
        self._of_group[group_id] = self.of_group(group_id) - cores

    def book(self, job: Job, demand: Demand, cores: CoreUnits) -> None:
        """A frame of a job, whose room was asked for, got a place."""
        group_id = job.group_id
        self._of_job[job.id] -= cores
        self._of_group[group_id] -= cores
        self._booked_of_group[group_id] = self._booked_of_group.get(group_id, 0) + cores

        if demand.gpus:
            for holder_id in (job.id, group_id):
                self._gpus_booked[holder_id] = self._gpus_booked.get(holder_id, 0) + demand.gpus

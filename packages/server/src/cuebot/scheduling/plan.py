"""The plan: which waiting frame runs on which host, in one pass over the farm under a budget of bookings.

Order: a job's priority, then its age; within a job the frames' dispatch order, then the layers'. Placement: the host
with the fewest idle cores that still fits, so that big holes stay whole. The plan is made and booked in one step of the
engine, so it can never be out of date.

Shares between shows, limits, GPU hosts and reservations for wide frames find their place in `_job_order` (ranking)
and in `_Pass.host_for` (filter).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cuebot.domain.commands import Booking
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.states import FrameState
from cuebot.domain.units import CoreUnits
from cuebot.scheduling.eligibility import (
    Mask,
    Needs,
    allocation_mask,
    burst_room,
    facility_mask,
    job_reason,
    os_mask,
    room_under_cap,
    tag_mask,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass found."""

    bookings: list[Booking]
    exhausted: bool
    """The budget ended before the farm did: there may be more to book at once."""


def plan(farm: Farm, now_us: int, budget: int) -> Plan:
    """Places for at most `budget` waiting frames."""
    jobs = _job_order(farm)
    if not jobs or budget <= 0:
        return Plan([], exhausted=False)
    work = _Pass(farm, now_us)
    bookings: list[Booking] = []
    for job in jobs:
        if len(bookings) >= budget:
            return Plan(bookings, exhausted=True)
        if not work.any_idle():
            break
        work.book_job(job, bookings, budget)
    return Plan(bookings, exhausted=len(bookings) >= budget)


def _job_order(farm: Farm) -> list[Job]:
    """Jobs with ready frames that may be booked: higher priority first, then older."""
    jobs = {farm.layers[id].job_id: None for id in farm.ready}
    eligible = [job for job in (farm.jobs[id] for id in jobs) if not job_reason(farm, job)]
    return sorted(eligible, key=lambda job: (-job.priority, job.submitted_us, job.id))


class _Pass:
    """The farm's idle resources as this pass leaves them."""

    def __init__(self, farm: Farm, now_us: int) -> None:
        self.farm, self.now_us = farm, now_us
        table, n = farm.hosts_table, farm.hosts_table.size
        self.bookable: Mask = table.bookable[:n] & (table.refused_until_us[:n] <= now_us)
        self.idle_cores = table.idle_cores[:n].copy()
        self.idle_memory = table.idle_memory[:n].copy()
        self.idle_gpus = table.idle_gpus[:n].copy()
        self.cores = table.cores[:n]
        self.burst: dict[tuple[str, str], int] = {}
        self.group_room: dict[str, int] = {}
        self.masks: dict[tuple[object, ...], Mask] = {}

    def any_idle(self) -> bool:
        """Some host can take something."""
        return bool((self.bookable & (self.idle_cores > 0)).any())

    def book_job(self, job: Job, bookings: list[Booking], budget: int) -> None:
        """Append places for a job's frames, in its dispatch order, until nothing of it fits."""
        room = room_under_cap(job)
        group_room = self.group_room.setdefault(job.group_id, room_under_cap(self.farm.groups[job.group_id]))
        layers = [x for x in self.farm.layers_of(job) if x.id in self.farm.ready and x.start_after_us <= self.now_us]
        needs = {layer.id: Needs.of(layer) for layer in layers}
        left = {x.id for x in layers if self.host_for(job, x, needs[x.id], min(room, group_room)) is not None}
        for layer, index in _frame_order([x for x in layers if x.id in left], budget - len(bookings)):
            if len(bookings) >= budget or not left:
                break
            if layer.id not in left:
                continue
            row = self.host_for(job, layer, needs[layer.id], min(room, group_room))
            if row is None:
                left.discard(layer.id)
                continue
            booking = self._take(layer, index, row, needs[layer.id])
            room -= booking.cores
            group_room -= booking.cores
            self.burst[job.show_id, self.farm.hosts_table.allocations[row]] -= booking.cores
            bookings.append(booking)
        self.group_room[job.group_id] = group_room

    def host_for(self, job: Job, layer: Layer, needs: Needs, room: int) -> int | None:
        """The row of the host with the least idle cores that takes the frame, or None."""
        fits = self._open_to(job, layer) & (self.idle_memory >= needs.memory) & (self.idle_gpus >= needs.gpus)
        if needs.whole_host:
            fits &= (self.idle_cores == self.cores) & (self.cores > -needs.cores) & (self.cores + needs.cores <= room)
        elif needs.cores > room:
            return None
        else:
            fits &= self.idle_cores >= needs.cores
        rows = np.flatnonzero(fits)
        if not len(rows):
            return None
        for row in rows[np.argsort(self.idle_cores[rows], kind="stable")].tolist():
            cores = int(self.cores[row]) + needs.cores if needs.whole_host else needs.cores
            if self._burst_room(job, row) >= cores:
                return int(row)
        return None

    def _take(self, layer: Layer, index: int, row: int, needs: Needs) -> Booking:
        cores = CoreUnits(int(self.cores[row]) + needs.cores) if needs.whole_host else needs.cores
        self.idle_cores[row] -= cores
        self.idle_memory[row] -= needs.memory
        self.idle_gpus[row] -= needs.gpus
        return Booking(layer.id, index, self.farm.hosts_table.ids[row], cores, needs.memory, needs.gpus)

    def _open_to(self, job: Job, layer: Layer) -> Mask:
        """Bookable hosts of the job's facility, with its operating system, a wanted tag, and a subscription."""
        key = (job.show_id, job.facility_id, job.os, layer.tags, layer.services)
        mask = self.masks.get(key)
        if mask is None:
            subscribed = np.zeros(len(self.bookable), dtype=np.bool_)
            for allocation in self.farm.allocations.values():
                if (job.show_id, allocation.id) in self.farm.subscription_of:
                    subscribed |= allocation_mask(self.farm, allocation.id)
            mask = self.bookable & subscribed & facility_mask(self.farm, job.facility_id)
            mask &= os_mask(self.farm, job) & tag_mask(self.farm, layer)
            self.masks[key] = mask
        return mask

    def _burst_room(self, job: Job, row: int) -> int:
        allocation_id = self.farm.hosts_table.allocations[row]
        key = (job.show_id, allocation_id)
        if key not in self.burst:
            self.burst[key] = burst_room(self.farm, job.show_id, self.farm.allocations[allocation_id]) or 0
        return self.burst[key]


def _frame_order(layers: list[Layer], most: int) -> list[tuple[Layer, int]]:
    """Waiting frames of some layers by frame dispatch order, then layer order (behaviour_jobs 1.8).

    The first `most` of each layer, because the other layers may have found no host when a layer's turn comes.
    """
    orders, places, indices = [], [], []
    for place, layer in enumerate(layers):
        waiting = np.flatnonzero(layer.frames.state == FrameState.WAITING)
        order = layer.frames.dispatch_order[waiting]
        if len(waiting) > most:
            first = np.argpartition(order, most)[:most]
            waiting, order = waiting[first], order[first]
        orders.append(order)
        places.append(np.full(len(waiting), place))
        indices.append(waiting)
    if not orders:
        return []
    all_places, all_indices = np.concatenate(places), np.concatenate(indices)
    ranked = np.lexsort((all_indices, all_places, np.concatenate(orders)))
    return [(layers[p], i) for p, i in zip(all_places[ranked].tolist(), all_indices[ranked].tolist(), strict=True)]

"""The plan: which waiting frame runs on which host, in one pass over the farm under a budget of bookings.

A pass fills one allocation after another. In each, the show that is furthest under its share of the allocation books
next (`shares`); within a show the order is that of `order`. Placement: the host with the fewest idle cores that still
fits, so that big holes stay whole (`places`). The plan is made and booked in one step of the engine, so it can never be
out of date.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Final

from cuebot.domain.commands import Booking
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Allocation, Group, Job, Layer
from cuebot.domain.ready import Demand, Queue
from cuebot.scheduling.eligibility import avoided_rows, gpu_room_under_cap, room_under_cap, show_reason
from cuebot.scheduling.gpus import kept_for_gpus
from cuebot.scheduling.licences import Licences
from cuebot.scheduling.order import JobWork, jobs_in_order
from cuebot.scheduling.places import Idle, Places
from cuebot.scheduling.policy import Policies, Policy
from cuebot.scheduling.reservations import longest_us, waits_long
from cuebot.scheduling.shares import Standing


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass found."""

    bookings: list[Booking]
    exhausted: bool
    """The budget ended before the farm did, or hosts were kept free that may not need to be: plan again at once."""
    reserved: dict[int, str] = field(default_factory=dict)
    """Rows of the hosts that are kept free for wide frames, and the layers of those."""


def plan(farm: Farm, now_us: int, budget: int, policies: Sequence[Policy] = ()) -> Plan:
    """Places for at most `budget` waiting frames, under the studio's policies."""
    if not farm.ready or budget <= 0:
        return Plan([], exhausted=False)
    work = _Pass(farm, now_us, budget, policies)
    for allocation in sorted(farm.allocations.values(), key=farm.allocation_name):
        work.fill(allocation)
    # What was booked may have been what hosts were kept free for: only another pass gives those to others.
    kept_free = bool(work.reserved) or work.kept is not None
    exhausted = len(work.bookings) >= budget or (kept_free and bool(work.bookings))
    return Plan(work.bookings, exhausted=exhausted, reserved=work.reserved)


class _Pass:
    """What this pass has booked so far, and what it leaves."""

    def __init__(self, farm: Farm, now_us: int, budget: int, policies: Sequence[Policy]) -> None:
        self.farm, self.now_us, self.budget = farm, now_us, budget
        self.bookings: list[Booking] = []
        self.idle = Idle(farm, now_us)
        self.licences = Licences(farm)
        self.policies = Policies(farm, policies, now_us)
        self.job_ranks = self.policies.job_ranks()
        self.kept = kept_for_gpus(farm, now_us, self.licences, self.policies)
        self.reserved: dict[int, str] = {}
        self.job_room: dict[str, int] = {}
        self.group_room: dict[str, int] = {}
        self.group_booked: dict[str, int] = {}
        self.gpus_booked: dict[str, int] = {}
        """By job and by group."""
        self.taken: dict[str, int] = {}
        """Frames of a layer that this pass has booked: the first so many in its order."""

    def fill(self, allocation: Allocation) -> None:
        """Book what fits into one allocation, always for the show that is furthest under its share."""
        if len(self.bookings) >= self.budget:
            return
        places = Places(self.farm, self.idle, self.licences, self.policies, allocation, self.kept)
        if not places.any():
            return
        shows = []
        for show_id in self.farm.ready.of_show:
            subscription_id = self.farm.subscription_of.get((show_id, allocation.id))
            show = self.farm.shows[show_id]
            if subscription_id is not None and not show_reason(show):
                standing = Standing(self.farm.subscriptions[subscription_id], self.now_us)
                shows.append((standing.over, show.name, standing, self._show(show_id, standing, places)))
        heapq.heapify(shows)
        while shows:
            _, name, standing, bookings = shows[0]
            booking = next(bookings, None)
            if booking is None:
                heapq.heappop(shows)
                continue
            standing.book(booking.cores)
            self.bookings.append(booking)
            if len(self.bookings) >= self.budget:
                return
            if len(shows) > 1:
                heapq.heapreplace(shows, (standing.over, name, standing, bookings))

    def _show(self, show_id: str, standing: Standing, places: Places) -> Iterator[Booking]:
        """Bookings for a show, one at a time, until nothing of it fits."""

        def may_fit(queue: Queue, job_id: str) -> bool:
            demand = queue.demand
            if max(demand.cores, 1) > min(self._group_room(queue.group_id), standing.room):
                return False
            if demand.gpus and demand.gpus > self._gpu_room(self.farm.groups[queue.group_id]):
                return False
            return places.fits(demand) or self._ahead_of_reservations(job_id, demand, places, standing.room)

        for work in jobs_in_order(self.farm, show_id, may_fit, self._below_minimum, self.job_ranks):
            yield from self._job(work, standing, places)

    def _ahead_of_reservations(self, job_id: str, demand: Demand, places: Places, room: int) -> bool:
        """Nothing fits: whether reserved hosts may take something early. A wide frame gets a reservation here."""
        if places.reserved and places.may_backfill(demand):
            return True
        self._reserve(self.farm.jobs[job_id], demand, places, room, _NONE)
        return False

    def _reserve(self, job: Job, demand: Demand, places: Places, room: int, avoided: frozenset[int]) -> None:
        """Keep a host free for a job's next frame, if that is wide and has waited long."""
        if not self._may_take_gpus(job, demand):
            return
        waiting = waits_long(self.farm, job.id, demand, self.now_us)
        room = min(room, self._job_room(job), self._group_room(job.group_id))
        row = places.reserve(demand, room, avoided) if waiting is not None else None
        if row is not None and waiting is not None:
            self.reserved[row] = waiting.id

    def _job(self, work: JobWork, standing: Standing, places: Places) -> Iterator[Booking]:
        """Bookings for a job, in the dispatch order of its frames."""
        job = work.job
        room = min(self._job_room(job), self._group_room(job.group_id), standing.room)
        layers = [
            (layer, demand)
            for layer, demand in work.layers
            if demand.cores <= room and layer.start_after_us <= self.now_us
        ]
        if not layers:
            return
        most = min(self.budget - len(self.bookings), room // max(min(d.cores for _, d in layers), 1))
        avoided = {
            layer.id: avoided_rows(self.farm, layer, demand, self.now_us, self.policies)
            for layer, demand in layers
            if layer.avoided_until_us
        }
        closed: set[str] = set()
        for layer, demand, index in _frames_in_order(layers, self.taken, most):
            if layer.id in closed:
                continue
            if work.for_minimum and not self._below_minimum(job.group_id):
                return
            room = min(self.job_room[job.id], self.group_room[job.group_id], standing.room)
            row = None
            if demand.cores <= room and self._may_take_gpus(job, demand):
                row = places.best(demand, room, avoided.get(layer.id, _NONE))
                longest = longest_us(layer) if row is None and places.reserved else None
                if longest is not None:
                    row = places.backfill(demand, self.now_us + longest, avoided.get(layer.id, _NONE))
            if row is None:
                closed.add(layer.id)
                if avoided.get(layer.id):
                    self._reserve(job, demand, places, standing.room, avoided[layer.id])
                if len(closed) == len(layers):
                    return
                continue
            cores = places.book(row, demand)
            self.job_room[job.id] -= cores
            self.group_room[job.group_id] -= cores
            self.group_booked[job.group_id] = self.group_booked.get(job.group_id, 0) + cores
            for holder_id in (job.id, job.group_id) if demand.gpus else ():
                self.gpus_booked[holder_id] = self.gpus_booked.get(holder_id, 0) + demand.gpus
            self.taken[layer.id] = self.taken.get(layer.id, 0) + 1
            yield Booking(layer.id, index, self.farm.hosts_table.ids[row], cores, demand.memory, demand.gpus)

    def _job_room(self, job: Job) -> int:
        room = self.job_room.get(job.id)
        if room is None:
            room = self.job_room[job.id] = room_under_cap(job)
        return room

    def _may_take_gpus(self, job: Job, demand: Demand) -> bool:
        """A frame is within the maximums of GPUs of its job and its group."""
        if not demand.gpus:
            return True
        return demand.gpus <= min(self._gpu_room(job), self._gpu_room(self.farm.groups[job.group_id]))

    def _gpu_room(self, holder: Job | Group) -> int:
        return gpu_room_under_cap(holder) - self.gpus_booked.get(holder.id, 0)

    def _below_minimum(self, group_id: str) -> bool:
        group = self.farm.groups[group_id]
        return group.reserved_cores + self.group_booked.get(group_id, 0) < group.min_cores

    def _group_room(self, group_id: str) -> int:
        room = self.group_room.get(group_id)
        if room is None:
            room = self.group_room[group_id] = room_under_cap(self.farm.groups[group_id])
        return room


_NONE: Final[frozenset[int]] = frozenset()


def _frames_in_order(
    layers: list[tuple[Layer, Demand]], taken: dict[str, int], most: int
) -> Iterator[tuple[Layer, Demand, int]]:
    """Waiting frames of a job by frame dispatch order, then layer order (behaviour_jobs 1.8).

    The first `most` of each layer, because the other layers may have found no host when a layer's turn comes.
    """
    waiting: list[tuple[int, int, int]] = []
    for place, (layer, _) in enumerate(layers):
        skipped = taken.get(layer.id, 0)
        indices = layer.frames.first_waiting(skipped + most)[skipped:]
        orders = layer.frames.dispatch_order[indices].tolist()
        waiting += zip(orders, repeat(place), indices.tolist(), strict=False)
    waiting.sort()
    for _, place, index in waiting:
        layer, demand = layers[place]
        yield layer, demand, index

"""One allocation is filled: the shows take turns, a show's jobs come in their order, and each frame gets a host."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

from cuebot.domain.commands import Booking
from cuebot.domain.holds import Hold
from cuebot.domain.nouns import Allocation, Job, Layer
from cuebot.domain.ready import Demand, Queue
from cuebot.scheduling.plan.frame_order import Candidate, Part, frames_in_order, frames_to_try
from cuebot.scheduling.plan.placement import HostPool
from cuebot.scheduling.plan.reserving import Reserving
from cuebot.scheduling.plan.state import PlanState
from cuebot.scheduling.rules.eligibility import avoided_rows, may_start
from cuebot.scheduling.rules.estimate import longest_us
from cuebot.scheduling.rules.job_order import JobWork, jobs_in_order
from cuebot.scheduling.rules.shares import FairShare

_NOWHERE: Final[frozenset[int]] = frozenset()


def fill(state: PlanState, allocation: Allocation) -> None:
    """Book what fits into one allocation, always for the show that is furthest under its share."""
    if state.is_spent:
        return
    pool = HostPool(
        state.farm, state.free, state.limit_usage, state.policies, allocation, state.kept_for_gpus, state.reserved
    )
    if not pool.any():
        return

    fair_shares = _fair_shares(state, allocation, pool)
    filling = Filling(state, pool, fair_shares)
    turns = [
        (fair_share.usage, state.farm.shows[id].name, fair_share, filling.bookings(id))
        for id, fair_share in fair_shares.items()
    ]
    heapq.heapify(turns)
    while turns and len(state.bookings) < state.budget:
        _, name, fair_share, bookings = turns[0]
        booking = next(bookings, None)
        if booking is None:
            heapq.heappop(turns)
            continue
        fair_share.book(booking.cores)
        state.bookings.append(booking)
        if len(turns) > 1:
            heapq.heapreplace(turns, (fair_share.usage, name, fair_share, bookings))


def _fair_shares(state: PlanState, allocation: Allocation, pool: HostPool) -> dict[str, FairShare]:
    """By show: its place among those that may book in the allocation, with what is kept for it there."""
    fair_shares: dict[str, FairShare] = {}
    for show_id in state.farm.ready.of_show:
        fair_share = FairShare.of(state.farm, show_id, allocation, state.now_us)
        if fair_share is not None:
            fair_shares[show_id] = fair_share

    for row, reservation in pool.reserved.items():
        fair_shares[reservation.show_id].reserve(state.free.cores_of(row, reservation.demand))
    return fair_shares


class Filling:
    """An allocation that is being filled."""

    def __init__(self, state: PlanState, pool: HostPool, fair_shares: dict[str, FairShare]) -> None:
        self._state = state
        self._pool = pool
        self._fair_shares = fair_shares
        self._reserving = Reserving(state, pool, fair_shares)

    def bookings(self, show_id: str) -> Iterator[Booking]:
        """Bookings for a show, one at a time, until nothing of it fits."""
        state = self._state
        for work in jobs_in_order(state.farm, show_id, self._may_fit, state.caps.below_minimum, state.job_ranks):
            yield from self._bookings_of_job(work)

    def _may_fit(self, queue: Queue, job_id: str) -> bool:
        """Some host has room for a frame of a queue; where none has, one may be kept free for it."""
        state, pool, demand = self._state, self._pool, queue.demand
        least = pool.least_cores(demand) if demand.whole_host else demand.cores
        if least is None:
            return False
        if demand.gpus and not state.caps.let_gpus(state.farm.groups[queue.group_id], demand):
            return False

        job = state.farm.jobs[job_id]
        room = min(state.caps.of_group(queue.group_id), self._fair_shares[queue.show_id].room)
        if pool.reserved:
            room += self._reserving.kept_cores(queue.key)
        if least <= room and (pool.fits(demand) or (pool.reserved and pool.may_start_early(queue, job))):
            return True
        self._reserving.reserve(queue, job, _NOWHERE)
        return False

    def _bookings_of_job(self, work: JobWork) -> Iterator[Booking]:
        """Bookings for a job, in the dispatch order of its frames."""
        state, job = self._state, work.job
        room = self._room_of(work)
        layers = [
            (layer, demand)
            for layer, demand in work.layers
            if demand.cores <= room and may_start(state.farm, layer, state.now_us)
        ]
        if not layers or job.id in state.tried:
            return

        layers.sort(key=_place_in_job)
        avoided = self._avoided(layers)
        closed: set[Part] = set()
        hold = state.farm.holds.of_job(job)
        for layer, demand, index in self._candidates(layers, room, hold):
            part = layer.id, demand.alone
            if part in closed:
                continue
            if work.for_minimum and not state.caps.below_minimum(job.group_id):
                return

            row = self._place(job, layer, demand, avoided.get(part, _NOWHERE))
            if row is None:
                closed.add(part)
                self._reserve_beside(job, demand, avoided.get(part, _NOWHERE))
                if len(closed) == len(layers):
                    return
                continue

            state.taken[part] = state.taken.get(part, 0) + 1
            if hold is None:
                yield self._book(job, layer, demand, index, row)
                continue
            state.tried.add(job.id)
            yield self._book(job, layer, demand, index, row)
            return

    def _room_of(self, work: JobWork) -> int:
        """Core units that a job may still book here."""
        job = work.job
        room = min(self._state.caps.of_group(job.group_id), self._fair_shares[job.show_id].room)
        if self._pool.reserved:
            keys = [(job.show_id, job.group_id, demand) for _, demand in work.layers]
            room += sum(self._reserving.kept_cores(key) for key in keys)
        return min(room, self._state.caps.of_job(job))

    def _candidates(self, layers: list[tuple[Layer, Demand]], room: int, hold: Hold | None) -> Iterator[Candidate]:
        """Frames of a job that may be booked, the next first; of a job that is held, a few of which one is tried."""
        state = self._state
        if hold is not None:
            return frames_to_try(layers, hold.failures)

        narrowest = max(min(demand.cores for _, demand in layers), 1)
        most = min(state.budget - len(state.bookings), room // narrowest)
        return frames_in_order(layers, state.taken, most)

    def _avoided(self, layers: list[tuple[Layer, Demand]]) -> dict[Part, frozenset[int]]:
        """Rows of hosts that parts of layers keep off, because frames failed there."""
        state = self._state
        return {
            (layer.id, demand.alone): avoided_rows(state.farm, layer, demand, state.now_us, state.policies)
            for layer, demand in layers
            if layer.avoided_until_us
        }

    def _reserve_beside(self, job: Job, demand: Demand, avoided: frozenset[int]) -> None:
        """Another host may be kept free for a frame that found room only where it keeps off."""
        if avoided:
            queue = self._state.farm.ready.of_show[job.show_id][job.group_id, demand]
            self._reserving.reserve(queue, job, avoided)

    def _book(self, job: Job, layer: Layer, demand: Demand, index: int, row: int) -> Booking:
        """A frame gets its place."""
        cores = self._pool.book(row, demand)
        self._state.caps.book(job, demand, cores)
        host_id = self._state.farm.hosts_table.ids[row]
        return Booking(layer.id, index, host_id, cores, demand.memory, demand.gpus, demand.gpu_memory)

    def _place(self, job: Job, layer: Layer, demand: Demand, avoided: frozenset[int]) -> int | None:
        """The row of the host for one frame, if there is one."""
        caps = self._state.caps
        if demand.gpus and not (
            caps.let_gpus(job, demand) and caps.let_gpus(self._state.farm.groups[job.group_id], demand)
        ):
            return None

        room = min(caps.of_group(job.group_id), self._fair_shares[job.show_id].room)
        if self._pool.reserved:
            return self._place_beside_reserved(job, layer, demand, avoided, room)
        room = min(room, caps.of_job(job))
        row = self._pool.best(demand, room, avoided) if demand.cores <= room else None
        if row is not None:
            self._count_taken(job, demand)
        return row

    def _place_beside_reserved(
        self, job: Job, layer: Layer, demand: Demand, avoided: frozenset[int], room: int
    ) -> int | None:
        """The same where hosts are kept free: for this frame, for others, or until this one is surely over."""
        state, pool = self._state, self._pool
        queue = state.farm.ready.of_show[job.show_id][job.group_id, demand]
        room = min(room + self._reserving.kept_cores(queue.key), state.caps.of_job(job))
        if demand.cores > room:
            return None

        row = pool.best(demand, room, avoided)
        if row is None:
            longest = longest_us(layer)
            row = pool.early(queue, job, state.now_us + longest if longest is not None else None, avoided)
        if row is None or state.free.cores_of(row, demand) > room:
            return None

        self._count_taken(job, demand)
        kept = pool.kept_for(queue.key)
        if row in kept:
            self._reserving.release(row)
        elif kept and self._reserving.waiting(queue) < 0:
            self._reserving.release(kept[0])
        return row

    def _count_taken(self, job: Job, demand: Demand) -> None:
        key = (job.show_id, job.group_id, demand)
        self._state.taken_of[key] = self._state.taken_of.get(key, 0) + 1


def _place_in_job(entry: tuple[Layer, Demand]) -> tuple[int, int]:
    return entry[0].dispatch_order, entry[0].key

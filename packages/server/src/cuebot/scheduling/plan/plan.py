"""The plan: which waiting frame runs on which host, in one pass over the farm under a budget of bookings.

A pass fills one allocation after another. In each, the show that is furthest under its share of the allocation books
next (`shares`); within a show the order is that of `order`. Placement: the host with the fewest idle cores that still
fits, so that big holes stay whole (`placement`). The plan is made and booked in one step of the engine, so it can never
be out of date.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Final

from cuebot.domain.commands import Booking
from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Reservation
from cuebot.domain.nouns import Allocation, Group, Job, Layer
from cuebot.domain.ready import Demand, Queue, QueueKey
from cuebot.scheduling.plan.capacity import FreeCapacity
from cuebot.scheduling.plan.placement import HostPool, suiting
from cuebot.scheduling.plan.reservations import (
    is_draining,
    long_waiting,
    may_ever,
    most_draining,
    waits_long,
    wide,
)
from cuebot.scheduling.rules.eligibility import (
    allocation_mask,
    avoided_rows,
    below_minimum,
    gpu_room_under_cap,
    may_book,
    may_start,
    open_mask,
    room_under_cap,
)
from cuebot.scheduling.rules.estimate import longest_us
from cuebot.scheduling.rules.gpus import kept_for_gpus
from cuebot.scheduling.rules.limits import LimitUsage
from cuebot.scheduling.rules.order import JobWork, jobs_in_order
from cuebot.scheduling.rules.policy import Policies, Policy
from cuebot.scheduling.rules.shares import FairShare

Part = tuple[str, bool]
"""A layer's id, and whether those of its frames are meant that run alone."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass found."""

    bookings: list[Booking]
    exhausted: bool
    """The budget ended before the farm did, or a host was let go: there may be more to book at once."""
    reserved: dict[int, Reservation] = field(default_factory=dict)
    """Hosts that are kept free for wide frames, by row."""


def plan(farm: Farm, now_us: int, budget: int, policies: Sequence[Policy] = ()) -> Plan:
    """Hosts for at most `budget` waiting frames, under the studio's policies."""
    if not farm.ready or budget <= 0:
        return Plan([], exhausted=False, reserved=farm.hosts_table.reservations if farm.ready else {})
    work = _Pass(farm, now_us, budget, policies)
    for allocation in sorted(farm.allocations.values(), key=farm.allocation_name):
        work.fill(allocation)
    return Plan(work.bookings, exhausted=work.exhausted, reserved=work.reserved)


class _Pass:
    """What this pass has booked so far, and what it leaves."""

    def __init__(self, farm: Farm, now_us: int, budget: int, policies: Sequence[Policy]) -> None:
        self.farm, self.now_us, self.budget = farm, now_us, budget
        self.bookings: list[Booking] = []
        self.free = FreeCapacity(farm, now_us)
        self.limit_usage = LimitUsage(farm)
        self.policies = Policies(farm, policies, now_us)
        self.job_ranks = self.policies.job_ranks()
        self.kept = kept_for_gpus(farm, now_us, self.limit_usage, self.policies)
        self.taken_of: dict[QueueKey, int] = {}
        """Frames of a queue that this pass has booked."""
        self.reserved = self._still_reserved()
        self.has_released = False
        """A reserved host has become free for others, or what is left of it."""
        self.job_room: dict[str, int] = {}
        self.group_room: dict[str, int] = {}
        self.group_booked: dict[str, int] = {}
        self.gpus_booked: dict[str, int] = {}
        """By job and by group."""
        self.tried: set[str] = set()
        """Jobs that are held, and of which this pass tries one frame."""
        self.taken: dict[Part, int] = {}
        """Frames of a part of a layer that this pass has booked: the first so many in its order."""

    @property
    def exhausted(self) -> bool:
        """There may be more to book: the budget is spent, or what hosts were kept for has got a place elsewhere."""
        if len(self.bookings) >= self.budget or self.has_released:
            return True
        spent = any(r.queue in self.taken_of or self.limit_usage.full(r.demand) for r in self.reserved.values())
        return bool(self.bookings) and (spent or self.kept is not None)

    def fill(self, allocation: Allocation) -> None:
        """Book what fits into one allocation, always for the show that is furthest under its share."""
        if len(self.bookings) >= self.budget:
            return
        pool = HostPool(self.farm, self.free, self.limit_usage, self.policies, allocation, self.kept, self.reserved)
        if not pool.any():
            return
        fair_shares: dict[str, FairShare] = {}
        for show_id in self.farm.ready.of_show:
            fair_share = FairShare.of(self.farm, show_id, allocation, self.now_us)
            if fair_share is not None:
                fair_shares[show_id] = fair_share
        for row, reservation in pool.reserved.items():
            fair_shares[reservation.show_id].reserve(self.free.cores_of(row, reservation.demand))
        shows = [
            (fair_share.usage, self.farm.shows[id].name, fair_share, self._show(id, fair_shares, pool))
            for id, fair_share in fair_shares.items()
        ]
        heapq.heapify(shows)
        while shows:
            _, name, fair_share, bookings = shows[0]
            booking = next(bookings, None)
            if booking is None:
                heapq.heappop(shows)
                continue
            fair_share.book(booking.cores)
            self.bookings.append(booking)
            if len(self.bookings) >= self.budget:
                return
            if len(shows) > 1:
                heapq.heapreplace(shows, (fair_share.usage, name, fair_share, bookings))

    def _show(self, show_id: str, fair_shares: dict[str, FairShare], pool: HostPool) -> Iterator[Booking]:
        """Bookings for a show, one at a time, until nothing of it fits."""
        fair_share = fair_shares[show_id]

        def may_fit(queue: Queue, job_id: str) -> bool:
            demand = queue.demand
            room = min(self._group_room(queue.group_id), fair_share.room)
            if pool.reserved:
                room += self._kept_cores(queue.key, pool)
            least = pool.least_cores(demand) if demand.whole_host else demand.cores
            if least is None:
                return False
            if demand.gpus and demand.gpus > self._gpu_room(self.farm.groups[queue.group_id]):
                return False
            if least <= room and (
                pool.fits(demand) or (pool.reserved and pool.may_start_early(queue, self.farm.jobs[job_id]))
            ):
                return True
            self._reserve(queue, job_id, fair_shares, pool, _NONE)
            return False

        for work in jobs_in_order(self.farm, show_id, may_fit, self._below_minimum, self.job_ranks):
            yield from self._job(work, fair_shares, pool)

    # --- reservations ---------------------------------------------------------------------------------------------

    def _still_reserved(self) -> dict[int, Reservation]:
        """The reservations of the last pass that are still good for something.

        Their hosts may be used, and frames of their queues wait and may run there.
        """
        farm, found = self.farm, {}
        by_queue: dict[QueueKey, list[int]] = {}
        for row, reservation in farm.hosts_table.reservations.items():
            if self.free.bookable[row]:
                by_queue.setdefault(reservation.queue, []).append(row)
        for (show_id, group_id, demand), rows in by_queue.items():
            queue = farm.ready.of_show.get(show_id, {}).get((group_id, demand))
            if queue is None or not may_book(farm.shows[show_id]) or self.limit_usage.full(demand):
                continue
            least = min(self.free.cores_of(row, demand) for row in rows)
            frames, layer = long_waiting(farm, queue, len(rows), least, self.now_us)
            if layer is None:
                continue
            suits = suiting(farm, demand, self.kept, self.policies) & self.free.when_idle.fitting(demand)
            suits &= self.limit_usage.mask(demand) & wide(farm, demand)  # a host may have been made larger
            off = avoided_rows(farm, layer, demand, self.now_us, self.policies)
            for row in [row for row in rows if suits[row] and row not in off][:frames]:
                subscription_id = farm.subscription_of.get((show_id, farm.hosts_table.allocations[row]))
                cores = self.free.cores_of(row, demand)
                if subscription_id is not None and self._could_start(
                    farm.jobs[layer.job_id], demand, cores, farm.subscriptions[subscription_id].burst
                ):
                    found[row] = Reservation(show_id, group_id, demand, layer.id)
        return self._not_too_many(found)

    def _not_too_many(self, found: dict[int, Reservation]) -> dict[int, Reservation]:
        """Without those, of hosts that have got more runs meanwhile, that are too many for their allocation."""
        left: dict[str, int] = {}
        for row in [row for row in found if is_draining(self.farm, row)]:
            id = self.farm.hosts_table.allocations[row]
            if id not in left:
                left[id] = most_draining(self.free.bookable & allocation_mask(self.farm, id))
            left[id] -= 1
            if left[id] < 0:
                del found[row]
        return found

    def _reserve(
        self, queue: Queue, job_id: str, fair_shares: dict[str, FairShare], pool: HostPool, avoided: frozenset[int]
    ) -> None:
        """Keep a host free for the next frame of a queue, if that is wide, has waited long, and it is its turn."""
        job = self.farm.jobs[job_id]
        if not self._may_take_gpus(job, queue.demand):
            return
        layer = waits_long(self.farm, job_id, queue.demand, self.now_us)
        if layer is None or self._waiting(queue, pool) <= 0:
            return
        row = pool.host_for(queue, job, avoided, self.now_us)
        if row is None:
            return
        cores, fair_share = self.free.cores_of(row, queue.demand), fair_shares[queue.show_id]
        if not self._could_start(job, queue.demand, cores, fair_share.burst) or cores > self._job_room(job):
            return
        if self._wanted_by_others(row, queue.show_id, fair_shares, pool):
            return
        if row in pool.reserved:
            self._release(row, fair_share, pool)
        self.group_room[queue.group_id] = self._group_room(queue.group_id) - cores
        self.reserved[row] = Reservation(*queue.key, layer.id)
        pool.reserve(row, self.reserved[row])
        fair_share.reserve(cores)

    def _could_start(self, job: Job, demand: Demand, cores: int, burst: int) -> bool:
        """Neither a burst nor a maximum of the job or its group is too small for a frame alone."""
        group = self.farm.groups[job.group_id]
        return cores <= burst and may_ever(job, demand, cores) and may_ever(group, demand, cores)

    def _kept_cores(self, key: QueueKey, pool: HostPool) -> int:
        """Core units that are promised to a queue."""
        return sum(self.free.cores_of(row, key[2]) for row in pool.kept_for(key))

    def _waiting(self, queue: Queue, pool: HostPool) -> int:
        """Frames of a queue that wait without a host that is reserved for them, counted no further than matters."""
        taken = self.taken_of.get(queue.key, 0) + len(pool.kept_for(queue.key))
        least = pool.least_cores(queue.demand) if queue.demand.whole_host else queue.demand.cores
        return long_waiting(self.farm, queue, taken + 1, least or 1, self.now_us)[0] - taken

    def _wanted_by_others(self, row: int, show_id: str, fair_shares: dict[str, FairShare], pool: HostPool) -> bool:
        """A show that is further under its share could use a host, for frames that have none reserved yet."""
        own = fair_shares[show_id]
        for other_id, other in fair_shares.items():
            if other.usage >= own.usage:
                continue
            for queue in self.farm.ready.of_show[other_id].values():
                demand = queue.demand
                if not self.free.when_idle.fits(row, demand) or not open_mask(self.farm, demand)[row]:
                    continue
                if self.free.cores_of(row, demand) > min(self._group_room(queue.group_id), other.room):
                    continue
                if not pool.kept_for(queue.key) or self._waiting(queue, pool) > 0:
                    return True
        return False

    def _release(self, row: int, fair_share: FairShare, pool: HostPool) -> None:
        """A host is not kept free for its show any more."""
        reservation = pool.reserved[row]
        cores = self.free.cores_of(row, reservation.demand)
        self.group_room[reservation.group_id] = self._group_room(reservation.group_id) + cores
        fair_share.reserve(-cores)
        pool.release(row)
        del self.reserved[row]
        self.has_released = True

    def _job(self, work: JobWork, fair_shares: dict[str, FairShare], pool: HostPool) -> Iterator[Booking]:
        """Bookings for a job, in the dispatch order of its frames."""
        job, fair_share = work.job, fair_shares[work.job.show_id]
        room = min(self._group_room(job.group_id), fair_share.room)
        if pool.reserved:
            room += sum(self._kept_cores((job.show_id, job.group_id, demand), pool) for _, demand in work.layers)
        room = min(room, self._job_room(job))
        layers = [
            (layer, demand)
            for layer, demand in work.layers
            if demand.cores <= room and may_start(self.farm, layer, self.now_us)
        ]
        if not layers or job.id in self.tried:
            return
        layers.sort(key=_place_in_job)
        hold = self.farm.holds.of_job(job)
        most = min(self.budget - len(self.bookings), room // max(min(d.cores for _, d in layers), 1))
        avoided = {
            (layer.id, demand.alone): avoided_rows(self.farm, layer, demand, self.now_us, self.policies)
            for layer, demand in layers
            if layer.avoided_until_us
        }
        closed: set[Part] = set()
        frames = _frames_in_order(layers, self.taken, most) if hold is None else _frames_to_try(layers, hold.failures)
        for layer, demand, index in frames:
            part = layer.id, demand.alone
            if part in closed:
                continue
            if work.for_minimum and not self._below_minimum(job.group_id):
                return
            row = self._place(layer, demand, fair_share, pool, avoided.get(part, _NONE))
            if row is None:
                closed.add(part)
                if avoided.get(part):
                    queue = self.farm.ready.of_show[job.show_id][job.group_id, demand]
                    self._reserve(queue, job.id, fair_shares, pool, avoided[part])
                if len(closed) == len(layers):
                    return
                continue
            cores = pool.book(row, demand)
            self.job_room[job.id] -= cores
            self.group_room[job.group_id] -= cores
            self.group_booked[job.group_id] = self.group_booked.get(job.group_id, 0) + cores
            for holder_id in (job.id, job.group_id) if demand.gpus else ():
                self.gpus_booked[holder_id] = self.gpus_booked.get(holder_id, 0) + demand.gpus
            self.taken[part] = self.taken.get(part, 0) + 1
            host_id = self.farm.hosts_table.ids[row]
            if hold is not None:
                self.tried.add(job.id)
            yield Booking(layer.id, index, host_id, cores, demand.memory, demand.gpus, demand.gpu_memory)
            if hold is not None:
                return

    def _place(
        self, layer: Layer, demand: Demand, fair_share: FairShare, pool: HostPool, avoided: frozenset[int]
    ) -> int | None:
        """The row of the host for one frame, if there is one."""
        job = self.farm.jobs[layer.job_id]
        if not self._may_take_gpus(job, demand):
            return None
        room = min(self.group_room[job.group_id], fair_share.room)
        key = (job.show_id, job.group_id, demand)
        if not pool.reserved:
            room = min(room, self.job_room[job.id])
            row = pool.best(demand, room, avoided) if demand.cores <= room else None
            if row is not None:
                self.taken_of[key] = self.taken_of.get(key, 0) + 1
            return row
        room = min(room + self._kept_cores(key, pool), self.job_room[job.id])
        if demand.cores > room:
            return None
        queue = self.farm.ready.of_show[job.show_id][job.group_id, demand]
        row = pool.best(demand, room, avoided)
        if row is None:
            longest = longest_us(layer)
            row = pool.early(queue, job, self.now_us + longest if longest is not None else None, avoided)
        if row is None or self.free.cores_of(row, demand) > room:
            return None
        self.taken_of[key] = self.taken_of.get(key, 0) + 1
        if row in pool.kept_for(key):
            self._release(row, fair_share, pool)
        elif pool.kept_for(key) and self._waiting(queue, pool) < 0:
            self._release(pool.kept_for(key)[0], fair_share, pool)
        return row

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
        return below_minimum(self.farm.groups[group_id], self.group_booked.get(group_id, 0))

    def _group_room(self, group_id: str) -> int:
        room = self.group_room.get(group_id)
        if room is None:
            promised = sum(
                self.free.cores_of(row, reservation.demand)
                for row, reservation in self.reserved.items()
                if reservation.group_id == group_id
            )
            room = self.group_room[group_id] = room_under_cap(self.farm.groups[group_id]) - promised
        return room


def _place_in_job(entry: tuple[Layer, Demand]) -> tuple[int, int]:
    return entry[0].dispatch_order, entry[0].key


_NONE: Final[frozenset[int]] = frozenset()


def _frames_to_try(layers: list[tuple[Layer, Demand]], turn: int) -> Iterator[tuple[Layer, Demand, int]]:
    """A waiting frame of each layer, others at each turn: one that never can be started keeps no others from it."""
    for place in range(len(layers)):
        layer, demand = layers[(turn + place) % len(layers)]
        waiting = layer.frames.first_waiting(len(layer.frames), alone=demand.alone)
        waiting.sort()
        if len(waiting):
            yield layer, demand, int(waiting[turn % len(waiting)])


def _frames_in_order(
    layers: list[tuple[Layer, Demand]], taken: dict[Part, int], most: int
) -> Iterator[tuple[Layer, Demand, int]]:
    """Waiting frames of a job by frame dispatch order, then layer order (opencue-behaviour: order-of-frames).

    The first `most` of each layer, because the other layers may have found no host when a layer's turn comes.
    """
    waiting: list[tuple[int, int, int]] = []
    for place, (layer, demand) in enumerate(layers):
        skipped = taken.get((layer.id, demand.alone), 0)
        indices = layer.frames.first_waiting(skipped + most, alone=demand.alone)[skipped:]
        orders = layer.frames.dispatch_order[indices].tolist()
        waiting += zip(orders, repeat(place), indices.tolist(), strict=False)
    waiting.sort()
    for _, place, index in waiting:
        layer, demand = layers[place]
        yield layer, demand, index

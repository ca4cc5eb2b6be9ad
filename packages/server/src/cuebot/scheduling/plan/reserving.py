"""Hosts are kept free for wide frames here, and let go: `reservations` says when, this carries it out."""

from __future__ import annotations

from cuebot.domain.host_table import Reservation
from cuebot.domain.nouns import Job
from cuebot.domain.ready import Demand, Queue, QueueKey
from cuebot.scheduling.plan.placement import HostPool, suiting
from cuebot.scheduling.plan.reservations import is_draining, long_waiting, may_ever, most_draining, waits_long, wide
from cuebot.scheduling.plan.state import PlanState
from cuebot.scheduling.rules.eligibility import allocation_mask, avoided_rows, may_book, open_mask
from cuebot.scheduling.rules.shares import FairShare


def keep_reservations(state: PlanState) -> None:
    """Take over the reservations of the last plan that are still good for something.

    Their hosts may be used, and frames of their queues wait and may run there.
    """
    if not state.farm.hosts_table.reservations:
        return

    by_queue: dict[QueueKey, list[int]] = {}
    for row, reservation in state.farm.hosts_table.reservations.items():
        if state.free.bookable[row]:
            by_queue.setdefault(reservation.queue, []).append(row)

    found: dict[int, Reservation] = {}
    for key, rows in by_queue.items():
        found |= _still_reserved(state, key, rows)
    state.reserved.update(_not_too_many(state, found))


def _still_reserved(state: PlanState, key: QueueKey, rows: list[int]) -> dict[int, Reservation]:
    """The hosts that go on being kept for a queue, of those that were."""
    farm = state.farm
    show_id, group_id, demand = key
    queue = farm.ready.of_show.get(show_id, {}).get((group_id, demand))
    if queue is None or not may_book(farm.shows[show_id]) or state.limit_usage.full(demand):
        return {}
    least = min(state.free.cores_of(row, demand) for row in rows)
    frames, layer = long_waiting(farm, queue, len(rows), least, state.now_us)
    if layer is None:
        return {}

    suits = suiting(farm, demand, state.kept_for_gpus, state.policies) & state.free.when_idle.fitting(demand)
    suits &= state.limit_usage.mask(demand)
    suits &= wide(farm, demand)  # a host may have been made larger
    off = avoided_rows(farm, layer, demand, state.now_us, state.policies)
    return {
        row: Reservation(show_id, group_id, demand, layer.id)
        for row in [row for row in rows if suits[row] and row not in off][:frames]
        if _is_within_burst(state, show_id, row, farm.jobs[layer.job_id], demand)
    }


def _is_within_burst(state: PlanState, show_id: str, row: int, job: Job, demand: Demand) -> bool:
    farm = state.farm
    subscription_id = farm.subscription_of.get((show_id, farm.hosts_table.allocations[row]))
    if subscription_id is None:
        return False
    burst = farm.subscriptions[subscription_id].burst
    return _could_start(state, job, demand, state.free.cores_of(row, demand), burst)


def _not_too_many(state: PlanState, found: dict[int, Reservation]) -> dict[int, Reservation]:
    """Without those, of hosts that have got more runs meanwhile, that are too many for their allocation."""
    left: dict[str, int] = {}
    for row in [row for row in found if is_draining(state.farm, row)]:
        id = state.farm.hosts_table.allocations[row]
        if id not in left:
            left[id] = most_draining(state.free.bookable & allocation_mask(state.farm, id))
        left[id] -= 1
        if left[id] < 0:
            del found[row]
    return found


def _could_start(state: PlanState, job: Job, demand: Demand, cores: int, burst: int) -> bool:
    """Neither a burst nor a maximum of the job or its group is too small for a frame alone."""
    group = state.farm.groups[job.group_id]
    return cores <= burst and may_ever(job, demand, cores) and may_ever(group, demand, cores)


class Reserving:
    """Reservations on the hosts of one allocation, while that is filled."""

    def __init__(self, state: PlanState, pool: HostPool, fair_shares: dict[str, FairShare]) -> None:
        self._state = state
        self._pool = pool
        self._fair_shares = fair_shares

    def reserve(self, queue: Queue, job: Job, avoided: frozenset[int]) -> None:
        """Keep a host free for the next frame of a queue, if that is wide, has waited long, and it is its turn."""
        state, demand = self._state, queue.demand
        if self._pool.is_part:
            return
        group = state.farm.groups[job.group_id]
        if not (state.caps.let_gpus(job, demand) and state.caps.let_gpus(group, demand)):
            return
        layer = waits_long(state.farm, job.id, demand, state.now_us)
        if layer is None or self.waiting(queue) <= 0:
            return

        row = self._pool.host_for(queue, job, avoided, state.now_us)
        if row is None or not self._may_keep(row, queue, job):
            return

        if row in self._pool.reserved:
            self.release(row)
        reservation = Reservation(*queue.key, layer.id)
        cores = state.free.cores_of(row, demand)
        state.caps.promise(queue.group_id, cores)
        state.reserved[row] = reservation
        self._pool.reserve(row, reservation)
        self._fair_shares[queue.show_id].reserve(cores)

    def _may_keep(self, row: int, queue: Queue, job: Job) -> bool:
        """Nothing but time keeps a frame of a job from a host, and no other show should have that first."""
        cores = self._state.free.cores_of(row, queue.demand)
        burst = self._fair_shares[queue.show_id].burst
        if cores > self._state.caps.of_job(job) or not _could_start(self._state, job, queue.demand, cores, burst):
            return False
        return not self._wanted_by_others(row, queue.show_id)

    def release(self, row: int) -> None:
        """A host is not kept free for its show any more."""
        state, reservation = self._state, self._pool.reserved[row]
        cores = state.free.cores_of(row, reservation.demand)
        state.caps.promise(reservation.group_id, -cores)
        self._fair_shares[reservation.show_id].reserve(-cores)
        self._pool.release(row)
        del state.reserved[row]
        state.has_released = True

    def kept_cores(self, key: QueueKey) -> int:
        """Core units that are promised to a queue."""
        return sum(self._state.free.cores_of(row, key[2]) for row in self._pool.kept_for(key))

    def waiting(self, queue: Queue) -> int:
        """Frames of a queue that wait without a host that is reserved for them, counted no further than matters."""
        taken = self._state.taken_of.get(queue.key, 0) + len(self._pool.kept_for(queue.key))
        least = self._pool.least_cores(queue.demand) if queue.demand.whole_host else queue.demand.cores
        frames, _ = long_waiting(self._state.farm, queue, taken + 1, least or 1, self._state.now_us)
        return frames - taken

    def _wanted_by_others(self, row: int, show_id: str) -> bool:
        """A show that is further under its share could use a host, for frames that have none reserved yet."""
        own = self._fair_shares[show_id]
        return any(
            self._could_use(row, queue, other)
            for other_id, other in self._fair_shares.items()
            if other.usage < own.usage
            for queue in self._state.farm.ready.of_show[other_id].values()
        )

    def _could_use(self, row: int, queue: Queue, fair_share: FairShare) -> bool:
        state, demand = self._state, queue.demand
        if not state.free.when_idle.fits(row, demand) or not open_mask(state.farm, demand)[row]:
            return False
        if state.free.cores_of(row, demand) > min(state.caps.of_group(queue.group_id), fair_share.room):
            return False
        return not self._pool.kept_for(queue.key) or self.waiting(queue) > 0

"""Where frames find room: the hosts of one allocation with room, best fit first, as a pass uses them up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Mask, Reservation
from cuebot.domain.nouns import Allocation, Job
from cuebot.domain.ready import Demand, Queue, QueueKey
from cuebot.domain.units import CoreUnits
from cuebot.scheduling.plan.capacity import FreeCapacity
from cuebot.scheduling.plan.reservations import (
    BACKFILL_TRIES,
    HOSTS_TRIED,
    free_at_us,
    is_draining,
    most_draining,
    nearest,
    wide,
)
from cuebot.scheduling.rules.eligibility import allocation_mask, open_mask
from cuebot.scheduling.rules.fits import Rows
from cuebot.scheduling.rules.limits import LimitUsage
from cuebot.scheduling.rules.policy import Policies


def suiting(farm: Farm, demand: Demand, kept: Mask | None, policies: Policies) -> Mask:
    """Hosts that a demand may go to, whether they have room or not; `kept` are those kept for frames with GPUs."""
    suits = open_mask(farm, demand)
    if not demand.gpus and kept is not None:
        suits = suits & ~kept
    allowed = policies.allowed(demand)
    return suits if allowed is None else suits & allowed


class HostPool:
    """Hosts of one allocation for each demand, those with the fewest idle cores first.

    What a host has left only shrinks within a pass, so a host that was too small once is never looked at again.
    """

    def __init__(
        self,
        farm: Farm,
        free: FreeCapacity,
        limit_usage: LimitUsage,
        policies: Policies,
        allocation: Allocation,
        kept: Mask | None,
        reserved: dict[int, Reservation],
        among: Mask | None = None,
    ) -> None:
        """`kept` are hosts that are kept for frames with GPUs; None where there are none.

        With `among`, only these hosts of the allocation, less the reserved ones, of which no further is reserved then.
        """
        self._farm = farm
        self._free = free
        self._limit_usage = limit_usage
        self._policies = policies
        self._kept = kept

        self._hosts = free.bookable & allocation_mask(farm, allocation.id)
        self.is_part = among is not None
        if among is not None:
            self._hosts = self._hosts & among
            self._hosts[list(reserved)] = False
        self._rows = np.flatnonzero(self._hosts & free.open)
        self.reserved = {row: kept_for for row, kept_for in reserved.items() if self._hosts[row]}
        """Rows kept for wide frames."""
        self._kept_for: dict[QueueKey, list[int]] = {}
        """The same by queue."""

        for row, kept_for in self.reserved.items():
            self._kept_for.setdefault(kept_for.queue, []).append(row)
        self._reserved_rows: Rows | None = None
        """The rows, until another host is reserved."""
        self._free_us: dict[int, int | None] = {}
        self._backfills: dict[Demand, int] = {}
        self._left: dict[Demand, list[int]] = {}
        """Rows that may still fit, best last."""

    def any(self) -> bool:
        """Some host takes something."""
        return len(self._rows) > 0

    def fits(self, demand: Demand) -> bool:
        """Some host has room for one frame, and every limit has."""
        if demand.limits and self._limit_usage.full(demand) is not None:
            return False
        left = self._left.get(demand)
        if left is None:
            left = self._left[demand] = self._best_last(demand)
        while left and not self._lets(left[-1], demand):
            left.pop()
        return bool(left)

    def _lets(self, row: int, demand: Demand) -> bool:
        return row not in self.reserved and self._has_room(row, demand)

    def _has_room(self, row: int, demand: Demand) -> bool:
        return self._free.fits(row, demand) and (not demand.limits or self._limit_usage.lets(row, demand))

    def book(self, row: int, demand: Demand) -> CoreUnits:
        """A frame gets its place on a host that `best` named. Returns the core units that it takes."""
        if demand.limits and self._limit_usage.take(row, demand):
            for other in [d for d in self._left if d is not demand and set(d.limits) & set(demand.limits)]:
                del self._left[other]  # this host comes first for them now
        return self._free.take(row, demand)

    def best(self, demand: Demand, room: int, avoided: frozenset[int]) -> int | None:
        """The best host for one frame that may take `room` core units at most, and keeps off the avoided rows."""
        if not self.fits(demand):
            return None
        left = self._left[demand]
        if not demand.whole_host and left[-1] not in avoided:
            return left[-1]
        for row in reversed(left):
            enough = not demand.whole_host or self._free.cores_of(row, demand) <= room
            if enough and row not in avoided and self._lets(row, demand):
                return row
        return None

    def full(self) -> bool:
        """No further host may be reserved."""
        return sum(is_draining(self._farm, row) for row in self.reserved) >= most_draining(self._hosts)

    def host_for(self, queue: Queue, job: Job, avoided: frozenset[int], now_us: int) -> int | None:
        """The host that should be kept free for a wide frame that fits nowhere: its row, if there is one.

        While as many are reserved as may be, it is one that is reserved for a job of lower priority of the same show.
        """
        demand = queue.demand
        candidates = self._could_take(demand) & wide(self._farm, demand)
        if self.full():
            rows = [row for row in self.reserved if candidates[row] and row not in avoided]
            candidates = np.zeros(len(candidates), dtype=np.bool_)
            candidates[[row for row in rows if self._outranks(row, job)]] = True
        else:
            candidates[[*self.reserved, *avoided]] = False
        if demand.limits:
            if self._limit_usage.full(demand) is not None:
                return None
            candidates &= self._limit_usage.mask(demand)
        return nearest(self._farm, self._free, demand, candidates, now_us)

    def least_cores(self, demand: Demand) -> int | None:
        """The core units that one frame takes where it takes the fewest; None where it never has room."""
        cores = self._free.whole[self._could_take(demand)]
        if not len(cores):
            return None
        return int(cores.min()) + demand.cores if demand.whole_host else demand.cores

    def _could_take(self, demand: Demand) -> Mask:
        return self._hosts & self._suits(demand) & self._free.when_idle.fitting(demand)

    def reserve(self, row: int, reservation: Reservation) -> None:
        """Keep a host free."""
        self.reserved[row] = reservation
        self._reserved_rows = None
        self._kept_for.setdefault(reservation.queue, []).append(row)

    def kept_for(self, key: QueueKey) -> Sequence[int]:
        """The rows that are kept for a queue."""
        return self._kept_for.get(key, ())

    def release(self, row: int) -> None:
        """A host is not kept free any more; until the next pass nothing else looks at it."""
        self._kept_for[self.reserved.pop(row).queue].remove(row)
        self._reserved_rows = None

    def may_start_early(self, queue: Queue, job: Job) -> bool:
        """Some reserved host has room for one frame that may run there, and not too many jobs have tried."""
        if self._with_room(self.kept_for(queue.key), queue.demand):
            return True
        rows = self._with_room(None, queue.demand)
        if any(self._outranks(row, job) for row in rows):
            return True
        tries = self._backfills[queue.demand] = self._backfills.get(queue.demand, 0) + bool(rows)
        return bool(rows) and tries <= BACKFILL_TRIES

    def early(self, queue: Queue, job: Job, until_us: int | None, avoided: frozenset[int]) -> int | None:
        """A reserved host for one frame of a queue.

        One that is kept for the queue, or for a job of lower priority of the same show (being older is not enough), or
        that is not needed before the frame is over (`until_us`, None where nobody knows).
        """
        for row in self._with_room(self.kept_for(queue.key), queue.demand):
            if row not in avoided:
                return row
        for row in self._with_room(None, queue.demand):
            in_time = until_us is not None and until_us <= (self._free_at_us(row) or 0)
            if row not in avoided and (in_time or self._outranks(row, job)):
                return row
        return None

    def _outranks(self, row: int, job: Job) -> bool:
        """A job has a higher priority than the one of the same show that a host is reserved for."""
        other = self._farm.jobs[self._farm.layers[self.reserved[row].layer_id].job_id]
        return other.show_id == job.show_id and job.priority > other.priority

    def _free_at_us(self, row: int) -> int | None:
        if row not in self._free_us:
            self._free_us[row] = free_at_us(self._farm, row)
        return self._free_us[row]

    def _with_room(self, among: Sequence[int] | None, demand: Demand) -> list[int]:
        """The first few reserved hosts, or of some of them, that have room for one frame now."""
        if among is None:
            if self._reserved_rows is None:
                self._reserved_rows = np.fromiter(self.reserved, np.int64, len(self.reserved))
            rows = self._reserved_rows
        else:
            rows = np.array(among, dtype=np.int64)
        if len(rows):
            rows = rows[self._free.open[rows]]
            rows = rows[self._free.fitting(demand, rows)]
        if not len(rows) or (demand.limits and self._limit_usage.full(demand) is not None):
            return []
        rows = rows[self._suits(demand)[rows]][:HOSTS_TRIED]
        return [row for row in rows.tolist() if self._has_room(row, demand)]

    def _suits(self, demand: Demand) -> Mask:
        return suiting(self._farm, demand, self._kept, self._policies)

    def _best_last(self, demand: Demand) -> list[int]:
        rows = self._rows[self._suits(demand)[self._rows]]
        rows = rows[self._free.fitting(demand, rows)]
        order = np.argsort(self._free.cores[rows], kind="stable")
        if len(rows) > 1 and not demand.gpus and self._free.has_gpus[rows].any():  # GPU hosts last: GPU work may come
            order = order[np.argsort(self._free.has_gpus[rows[order]], kind="stable")]
        ranks = self._policies.host_ranks(demand)
        if ranks is not None:
            order = order[np.argsort(ranks[rows[order]], kind="stable")]
        best: list[int] = rows[order][::-1].tolist()
        if demand.limits:
            best.sort(key=lambda row: -self._limit_usage.missing(row, demand))
        return best

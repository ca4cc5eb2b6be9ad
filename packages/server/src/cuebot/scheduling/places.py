"""Places for frames: the hosts of one allocation with room, best fit first, as a pass uses them up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Mask
from cuebot.domain.nouns import Allocation
from cuebot.domain.ready import Demand
from cuebot.domain.units import CoreUnits
from cuebot.scheduling.eligibility import allocation_mask, fits_when_idle, open_mask, usable, within_room
from cuebot.scheduling.licences import Licences
from cuebot.scheduling.policy import Policies
from cuebot.scheduling.reservations import BACKFILL_TRIES, HOSTS_PER_RESERVATION, free_at_us, nearest

Rows = npt.NDArray[np.int64]


class Idle:
    """What every host has left in this pass, by row."""

    def __init__(self, farm: Farm, now_us: int) -> None:
        table, n = farm.hosts_table, farm.hosts_table.size
        self.hosts = table.cores[:n]
        """Core units of the whole host."""
        self.cores = table.idle_cores[:n].copy()
        self.memory = table.idle_memory[:n].copy()
        self.gpus = table.idle_gpus[:n].copy()
        self.gpu_memory = table.gpu_memory[:n]
        self.has_gpus = table.gpus[:n] > 0
        self.bookable = usable(farm, now_us)
        """Hosts that may be used."""
        self._probing = table.probing[:n]
        self.open = self.bookable & (self.cores > 0) & ~(self._probing & (self.cores < self.hosts))
        """Hosts that take something, as the pass begins: one on probation takes one frame at a time."""

    def take(self, row: int, demand: Demand) -> CoreUnits:
        """A frame gets its place. Returns the core units that it takes."""
        cores = int(self.hosts[row]) + demand.cores if demand.whole_host else demand.cores
        self.cores[row] -= cores
        if self._probing[row]:
            self.cores[row] = 0
        self.memory[row] -= demand.memory
        if demand.gpus:
            self.gpus[row] -= demand.gpus
        return CoreUnits(cores)

    def fits(self, row: int, demand: Demand) -> bool:
        """A host has room for one frame."""
        if demand.whole_host:
            enough = self.cores[row] == self.hosts[row] and self.hosts[row] > -demand.cores
        else:
            enough = self.cores[row] >= demand.cores
        if demand.gpu_memory and self.gpu_memory[row] < demand.gpu_memory:
            return False
        return bool(enough and self.memory[row] >= demand.memory and self.gpus[row] >= demand.gpus)

    def fitting(self, rows: Rows, demand: Demand) -> Rows:
        """Those rows that have room for one frame."""
        cores = self.cores[rows]
        if demand.whole_host:
            fits = (cores == self.hosts[rows]) & (cores > -demand.cores)
        else:
            fits = cores >= demand.cores
        fits &= self.memory[rows] >= demand.memory
        if demand.gpus:
            fits &= self.gpus[rows] >= demand.gpus
        if demand.gpu_memory:
            fits &= self.gpu_memory[rows] >= demand.gpu_memory
        return np.asarray(rows[fits])


class Places:
    """Hosts of one allocation for each demand, those with the fewest idle cores first.

    What a host has left only shrinks within a pass, so a host that was too small once is never looked at again.
    """

    def __init__(
        self,
        farm: Farm,
        idle: Idle,
        licences: Licences,
        policies: Policies,
        allocation: Allocation,
        kept: Mask | None,
    ) -> None:
        """`kept` are hosts that are kept for frames with GPUs; None where there are none."""
        self._farm, self._idle, self._licences, self._policies, self._kept = farm, idle, licences, policies, kept
        self._hosts = idle.bookable & allocation_mask(farm, allocation.id)
        self._rows = np.flatnonzero(self._hosts & idle.open)
        self.reserved: dict[int, int | None] = {}
        """Rows kept for wide frames, and when they are expected to be free."""
        self._backfills: dict[Demand, int] = {}
        self._left: dict[Demand, list[int]] = {}
        """Rows that may still fit, best last."""

    def any(self) -> bool:
        """Some host takes something."""
        return len(self._rows) > 0

    def fits(self, demand: Demand) -> bool:
        """Some host has room for one frame, and every limit has."""
        if demand.limits and self._licences.full(demand) is not None:
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
        return self._idle.fits(row, demand) and (not demand.limits or self._licences.lets(row, demand))

    def book(self, row: int, demand: Demand) -> CoreUnits:
        """A frame gets its place on a host that `best` named. Returns the core units that it takes."""
        if demand.limits and self._licences.take(row, demand):
            for other in [d for d in self._left if d is not demand and set(d.limits) & set(demand.limits)]:
                del self._left[other]  # this host comes first for them now
        return self._idle.take(row, demand)

    def best(self, demand: Demand, room: int, avoided: frozenset[int]) -> int | None:
        """The best host for one frame that may take `room` core units at most, and keeps off the avoided rows."""
        if not self.fits(demand):
            return None
        left = self._left[demand]
        if not demand.whole_host and left[-1] not in avoided:
            return left[-1]
        for row in reversed(left):
            enough = not demand.whole_host or self._idle.hosts[row] + demand.cores <= room
            if enough and row not in avoided and self._lets(row, demand):
                return row
        return None

    def reserve(self, demand: Demand, room: int, avoided: frozenset[int]) -> int | None:
        """Keep a host free for a wide frame that fits nowhere else, and may take `room` core units at most.

        Returns its row, if there is one.
        """
        if len(self.reserved) >= max(1, int(self._hosts.sum()) // HOSTS_PER_RESERVATION):
            return None
        candidates = self._hosts & self._suits(demand) & fits_when_idle(self._farm, demand)
        candidates &= within_room(self._farm, demand, room)
        candidates[[*self.reserved, *avoided]] = False
        if demand.limits:
            if self._licences.full(demand) is not None:
                return None
            candidates &= self._licences.mask(demand)
        row = nearest(self._farm, demand, candidates)
        if row is not None:
            self.reserved[row] = free_at_us(self._farm, row)
        return row

    def may_backfill(self, demand: Demand) -> bool:
        """Some reserved host has room for one frame now, and not too many jobs have tried."""
        tries = self._backfills[demand] = self._backfills.get(demand, 0) + 1
        return tries <= BACKFILL_TRIES and any(self._takes_early(row, demand) for row in self.reserved)

    def backfill(self, demand: Demand, until_us: int, avoided: frozenset[int]) -> int | None:
        """A reserved host with room for a frame that is over before the host is needed, and keeps off avoided rows."""
        for row, free_us in self.reserved.items():
            in_time = free_us is not None and until_us <= free_us
            if in_time and row not in avoided and self._takes_early(row, demand):
                return row
        return None

    def _takes_early(self, row: int, demand: Demand) -> bool:
        full = demand.limits and self._licences.full(demand) is not None
        open_there = not demand.whole_host and self._idle.open[row] and self._suits(demand)[row]
        return bool(open_there and not full and self._has_room(row, demand))

    def _suits(self, demand: Demand) -> Mask:
        suits = open_mask(self._farm, demand)
        if not demand.gpus and self._kept is not None:
            suits = suits & ~self._kept
        allowed = self._policies.allowed(demand)
        return suits if allowed is None else suits & allowed

    def _best_last(self, demand: Demand) -> list[int]:
        rows = self._idle.fitting(self._rows[self._suits(demand)[self._rows]], demand)
        order = np.argsort(self._idle.cores[rows], kind="stable")
        if not demand.gpus and self._idle.has_gpus[rows].any():  # GPU hosts last: GPU work may come
            order = order[np.argsort(self._idle.has_gpus[rows[order]], kind="stable")]
        ranks = self._policies.host_ranks(demand)
        if ranks is not None:
            order = order[np.argsort(ranks[rows[order]], kind="stable")]
        best: list[int] = rows[order][::-1].tolist()
        if demand.limits:
            best.sort(key=lambda row: -self._licences.missing(row, demand))
        return best

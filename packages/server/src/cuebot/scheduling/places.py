"""Places for frames: the hosts of one allocation with room, best fit first, as a pass uses them up."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Mask
from cuebot.domain.nouns import Allocation
from cuebot.domain.ready import Demand
from cuebot.domain.units import CoreUnits
from cuebot.scheduling.eligibility import allocation_mask, open_mask
from cuebot.scheduling.licences import Licences

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
        self.open = table.bookable[:n] & (table.refused_until_us[:n] <= now_us) & (self.cores > 0)
        """Hosts that take something, as the pass begins."""

    def take(self, row: int, demand: Demand) -> CoreUnits:
        """A frame gets its place. Returns the core units that it takes."""
        cores = int(self.hosts[row]) + demand.cores if demand.whole_host else demand.cores
        self.cores[row] -= cores
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

    def __init__(self, farm: Farm, idle: Idle, licences: Licences, allocation: Allocation, kept: Mask | None) -> None:
        """`kept` are hosts that are kept for frames with GPUs; None where there are none."""
        self._farm, self._idle, self._licences, self._kept = farm, idle, licences, kept
        self._rows = np.flatnonzero(idle.open & allocation_mask(farm, allocation.id))
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
        return self._idle.fits(row, demand) and (not demand.limits or self._licences.lets(row, demand))

    def book(self, row: int, demand: Demand) -> CoreUnits:
        """A frame gets its place on a host that `best` named. Returns the core units that it takes."""
        if demand.limits and self._licences.take(row, demand):
            for other in [d for d in self._left if d is not demand and set(d.limits) & set(demand.limits)]:
                del self._left[other]  # this host comes first for them now
        return self._idle.take(row, demand)

    def best(self, demand: Demand, room: int) -> int | None:
        """The best host for one frame that may take `room` core units at most."""
        if not self.fits(demand):
            return None
        left = self._left[demand]
        if not demand.whole_host:
            return left[-1]
        return next((row for row in self._whole(left, demand) if self._idle.hosts[row] + demand.cores <= room), None)

    def _whole(self, left: list[int], demand: Demand) -> Iterable[int]:
        return (row for row in reversed(left) if self._lets(row, demand))

    def _best_last(self, demand: Demand) -> list[int]:
        rows = self._rows[open_mask(self._farm, demand)[self._rows]] if len(self._rows) else self._rows
        if not demand.gpus and self._kept is not None:
            rows = rows[~self._kept[rows]]
        rows = self._idle.fitting(rows, demand)
        with_gpus = self._idle.has_gpus[rows]
        if demand.gpus or not with_gpus.any():
            order = np.argsort(self._idle.cores[rows], kind="stable")
        else:  # GPU hosts last: GPU work may come
            order = np.lexsort((self._idle.cores[rows], with_gpus))
        best: list[int] = rows[order][::-1].tolist()
        if demand.limits:
            best.sort(key=lambda row: -self._licences.missing(row, demand))
        return best

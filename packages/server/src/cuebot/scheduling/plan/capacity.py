"""What every host has left while a pass books: cores, memory, GPUs and their memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cuebot.domain.farm import Farm
from cuebot.domain.ready import Demand
from cuebot.domain.units import CoreUnits
from cuebot.scheduling.rules.eligibility import tried_hosts, usable

Rows = npt.NDArray[np.int64]


class FreeCapacity:
    """What every host has left in this pass, by row."""

    def __init__(self, farm: Farm, now_us: int) -> None:
        table, n = farm.hosts_table, farm.hosts_table.size
        self._table = table
        self.hosts = table.cores[:n]
        """Core units of the whole host."""
        self.cores = np.where(table.alone[:n] > 0, 0, table.idle_cores[:n])
        self.memory = table.idle_memory[:n].copy()
        self.gpus = table.idle_gpus[:n].copy()
        self.gpu_memory = table.idle_gpu_memory[:n].copy()
        self.has_gpus = table.gpus[:n] > 0
        self.bookable = usable(farm, now_us)
        """Hosts that may be used."""
        probing = table.probing[:n]
        self._one_frame = probing | tried_hosts(farm) if farm.holds.hosts else probing
        self.open = self.bookable & (self.cores > 0) & ~(probing & (self.cores < self.hosts))
        """Hosts that take something, as the pass begins: one on probation takes one frame at a time."""

    def take(self, row: int, demand: Demand) -> CoreUnits:
        """A frame gets its place. Returns the core units that it takes."""
        cores = self.cores_of(row, demand)
        self.cores[row] -= cores
        if self._one_frame[row] or demand.alone:
            self.cores[row] = 0
        self.memory[row] -= demand.memory
        if demand.gpus or demand.gpu_memory:
            self.gpus[row] -= demand.gpus
            self.gpu_memory[row] -= demand.gpu_memory
        return cores

    def cores_of(self, row: int, demand: Demand) -> CoreUnits:
        """What one frame takes on a host."""
        return CoreUnits(int(self.hosts[row]) + demand.cores if demand.whole_host else demand.cores)

    @staticmethod
    def _least(demand: Demand) -> int:
        """The core units that an idle host must have."""
        return 1 - demand.cores if demand.whole_host else demand.cores

    def fits_when_idle(self, row: int, demand: Demand) -> bool:
        """A host has room for one frame while nothing else runs there."""
        table = self._table
        return bool(
            0 < self.cores_of(row, demand) <= self.hosts[row]
            and demand.memory <= table.memory[row]
            and demand.gpus <= table.gpus[row]
            and demand.gpu_memory <= table.gpu_memory[row]
        )

    def fits(self, row: int, demand: Demand) -> bool:
        """A host has room for one frame."""
        if demand.idle_host:
            enough = self.cores[row] == self.hosts[row] and self.hosts[row] >= self._least(demand)
        else:
            enough = self.cores[row] >= demand.cores
        if demand.gpu_memory and self.gpu_memory[row] < demand.gpu_memory:
            return False
        return bool(enough and self.memory[row] >= demand.memory and self.gpus[row] >= demand.gpus)

    def fitting(self, rows: Rows, demand: Demand) -> Rows:
        """Those rows that have room for one frame."""
        cores = self.cores[rows]
        if demand.idle_host:
            fits = (cores == self.hosts[rows]) & (cores >= self._least(demand))
        else:
            fits = cores >= demand.cores
        fits &= self.memory[rows] >= demand.memory
        if demand.gpus:
            fits &= self.gpus[rows] >= demand.gpus
        if demand.gpu_memory:
            fits &= self.gpu_memory[rows] >= demand.gpu_memory
        return np.asarray(rows[fits])

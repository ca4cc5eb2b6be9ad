"""What every host has left while a plan is made, as frames get their places."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Redirect
from cuebot.domain.ready import Demand
from cuebot.domain.units import CoreUnits
from cuebot.scheduling.rules.eligibility import tried_hosts, usable
from cuebot.scheduling.rules.fits import Room, room_when_idle
from cuebot.scheduling.rules.places import give


class FreeCapacity(Room):
    """What every host has left in this plan, by row."""

    def __init__(self, farm: Farm, now_us: int) -> None:
        table, n = farm.hosts_table, farm.hosts_table.size
        cores = table.idle_cores[:n] * (table.alone[:n] == 0)
        super().__init__(table.cores[:n], cores, {name: column[:n].copy() for name, column in table.idle.items()})

        self._table = table
        self.has_gpus = table.has["gpus"][:n] > 0
        self.bookable = usable(farm, now_us)
        """Hosts that may be used."""
        probing = table.probing[:n]
        self._one_frame = probing | tried_hosts(farm) if farm.holds.hosts else probing
        self.open = self.bookable & (self.cores > 0) & ~(probing & (self.cores < self.whole))
        """Hosts that take something, as the plan begins: one on probation takes one frame at a time."""

    @cached_property
    def when_idle(self) -> Room:
        """What hosts have while nothing runs there."""
        return room_when_idle(self._table)

    def lend(self, row: int, places: Sequence[Redirect]) -> bool:
        """Count places that are held on a host as free. Returns whether it takes something; else they stay held."""
        if self._table.alone[row] or not self.bookable[row]:
            return False
        for place in places:
            give(self, row, place)
        self._set_open(row)
        if not self.open[row]:
            self.take_back(row, places)
        return bool(self.open[row])

    def take_back(self, row: int, places: Sequence[Redirect]) -> None:
        """Count places as held again."""
        for place in places:
            give(self, row, place, -1)
        self._set_open(row)

    def _set_open(self, row: int) -> None:
        is_probed = self._table.probing[row] and self.cores[row] < self.whole[row]
        self.open[row] = self.bookable[row] and self.cores[row] > 0 and not is_probed

    def take(self, row: int, demand: Demand) -> CoreUnits:
        """A frame gets its place. Returns the core units that it takes."""
        cores = self.cores_of(row, demand)
        self.cores[row] -= cores
        if self._one_frame[row] or demand.alone:
            self.cores[row] = 0

        for name, asked in demand.amounts:
            self.amounts[name][row] -= asked
        return cores

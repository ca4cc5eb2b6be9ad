"""Does a frame fit on a host: one rule over columns of what hosts have, for a plan, for explain and for a booking.

A `Room` holds those columns for one question: hosts as if they were idle (`room_when_idle`), as they are (`room_now`),
or what a plan has left of them (`plan/capacity`). Cores have a rule of their own, because a frame may ask for a whole
host; every other resource is a column of `domain.resources`, and needs no line here.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from cuebot.domain.host_table import Column, HostTable, Mask
from cuebot.domain.ready import Demand
from cuebot.domain.resources import Amounts
from cuebot.domain.units import CoreUnits

Rows = npt.NDArray[np.int64]
"""Numbers of host rows."""


def enough(demand: Demand, whole: int, cores: int, amounts: Mapping[str, int]) -> bool:
    """A host of `whole` core units that has so many, and so much of each resource, has room for one frame."""
    return enough_cores(demand, whole, cores) and all(amounts[name] >= asked for name, asked in demand.amounts)


def enough_cores(demand: Demand, whole: int, cores: int) -> bool:
    """A host of `whole` core units that has so many has the cores for one frame, and is idle where it needs that."""
    if not demand.idle_host:
        return cores >= demand.cores
    return cores == whole >= (1 - demand.cores if demand.whole_host else demand.cores)


class Room:
    """What there is on hosts, a row each."""

    def __init__(self, whole: Column, cores: Column, amounts: dict[str, Column]) -> None:
        self.whole = whole
        """Core units of the whole host."""
        self.cores = cores
        """Core units that are there to be taken."""
        self.amounts = amounts
        """By resource."""

    def cores_of(self, row: int, demand: Demand) -> CoreUnits:
        """Core units that one frame takes of a host; less than one where the host has not what it leaves to others."""
        return CoreUnits(self.whole.item(row) + demand.cores if demand.whole_host else demand.cores)

    def fits(self, row: int, demand: Demand) -> bool:
        """A host has room for one frame."""
        # A plan asks this more than anything: the usual demand costs no further call, and `all` would be slower.
        cores = self.cores.item(row)
        if cores < demand.cores or (demand.idle_host and not enough_cores(demand, self.whole.item(row), cores)):
            return False
        for name, asked in demand.amounts:  # noqa: SIM110
            if self.amounts[name].item(row) < asked:
                return False
        return True

    def fitting(self, demand: Demand, rows: Rows | slice = slice(None)) -> Mask:
        """Which hosts, or which of some, have room for one frame: `enough` for many at once."""
        fits = self.have_cores(demand, rows)

        for name, asked in demand.amounts:
            fits &= self.amounts[name][rows] >= asked
        return fits

    def have_cores(self, demand: Demand, rows: Rows | slice = slice(None)) -> Mask:
        """Which of them have the cores for one frame, or are idle where it needs that."""
        cores = self.cores[rows]
        if not demand.idle_host:
            return np.asarray(cores >= demand.cores)

        whole = self.whole[rows]
        least = 1 - demand.cores if demand.whole_host else demand.cores
        return np.asarray((cores == whole) & (whole >= least))

    def count(self, demand: Demand, rows: Rows) -> Column:
        """How many frames the columns have room for at once; one where a frame needs a host to itself."""
        if demand.idle_host:
            return np.ones(len(rows), dtype=np.int64)

        count = self.cores[rows] // demand.cores
        for name, asked in demand.amounts:
            count = np.minimum(count, self.amounts[name][rows] // asked)
        return np.asarray(count)


def room_when_idle(table: HostTable) -> Room:
    """What hosts have while nothing runs there."""
    cores = table.cores[: table.size]
    return Room(cores, cores, {name: column[: table.size] for name, column in table.has.items()})


def room_now(table: HostTable) -> Room:
    """What hosts have beside what runs there; whether that is to be alone there is not looked at."""
    idle = {name: column[: table.size] for name, column in table.idle.items()}
    return Room(table.cores[: table.size], table.idle_cores[: table.size], idle)


def has_left(table: HostTable, row: int, cores: int, amounts: Amounts) -> bool:
    """A host has so many core units, and so much of each resource, that no run holds."""
    return cores <= table.idle_cores[row] and all(amount <= table.idle[name][row] for name, amount in amounts)


def cores_taken(table: HostTable, demand: Demand) -> Column:
    """Core units that a frame takes of each host: all, or all but some, where it asks for that."""
    whole = table.cores[: table.size]
    return np.asarray(whole + demand.cores) if demand.whole_host else np.full(table.size, demand.cores, dtype=np.int64)

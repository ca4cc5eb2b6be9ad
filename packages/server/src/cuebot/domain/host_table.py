"""The hosts as columns: what a booking pass reads, kept current by `apply` and by telemetry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cuebot.domain import resources
from cuebot.domain.resources import amounts
from cuebot.domain.states import HostState, LockState
from cuebot.domain.units import KiB

if TYPE_CHECKING:
    from cuebot.domain.nouns import Host, Proc, Redirect
    from cuebot.domain.ready import Demand, QueueKey

FREE_MEMORY_FLOOR: Final = KiB(524_288)
"""A host that reports less free memory than 512 MiB gets nothing new (opencue-behaviour: bookable-hosts)."""
FREE_TEMP_PERCENT_MIN: Final = 5
"""Nor does one whose temporary disk is fuller than this (opencue-behaviour: temporary-disk)."""
JOBS_TO_QUARANTINE: Final = 3
"""A host that fails frames of so many different jobs, and none well in between, is quarantined."""
MASKS_KEPT: Final = 1_000
"""Masks that are remembered before all are made anew: some 10 MB on a farm of 10,000 hosts."""

Mask = npt.NDArray[np.bool_]
"""One truth a host row."""
Column = npt.NDArray[np.int64]
"""One number a host row."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A host is kept free for the next frame of one queue: what takes most of a host and waits long."""

    show_id: str
    group_id: str
    demand: Demand
    layer_id: str
    """The first layer of the queue."""

    @property
    def queue(self) -> QueueKey:
        """Which queue it is kept for."""
        return self.show_id, self.group_id, self.demand


class Held(NamedTuple):
    """What runs hold of a host."""

    cores: int
    """Core units."""
    amounts: Counter[str]
    """By resource."""
    alone: int
    """Runs that have the host to themselves."""

    @classmethod
    def by(cls, procs: Iterable[Proc | Redirect]) -> Held:
        """What these runs hold together."""
        cores = alone = 0
        held: Counter[str] = Counter()
        for proc in procs:
            cores += proc.cores
            alone += proc.alone
            for name, amount in amounts(proc):
                held[name] += amount
        return cls(cores, held, alone)


class HostTable:
    """Columns by host row. Rows are never reused: a removed host's row is simply not bookable."""

    def __init__(self) -> None:
        self.size = 0
        self.idle_cores = np.zeros(16, dtype=np.int64)
        self.cores = np.zeros(16, dtype=np.int64)
        self.has: dict[str, Column] = {r.name: np.zeros(16, dtype=np.int64) for r in resources.RESOURCES}
        """By resource, in the order of their table: what a host has."""
        self.idle: dict[str, Column] = {r.name: np.zeros(16, dtype=np.int64) for r in resources.RESOURCES}
        """The same less what its runs hold; negative on a host that came back smaller."""
        self.alone = np.zeros(16, dtype=np.int64)
        """How many runs there are that nothing may run beside."""
        self.present = np.zeros(16, dtype=np.bool_)
        """Rows of hosts that were not removed."""
        self.bookable = np.zeros(16, dtype=np.bool_)
        self.refused_until_us = np.zeros(16, dtype=np.int64)
        self.quarantined_until_us = np.zeros(16, dtype=np.int64)
        self.probing = np.zeros(16, dtype=np.bool_)
        """Hosts that failed frames of several jobs in a row, and take one frame at a time until one succeeds."""
        self.reservations: dict[int, Reservation] = {}
        """By row, as the last pass left them; telemetry."""
        self.ids: list[str] = []
        self.tags: list[frozenset[str]] = []
        self.allocations: list[str] = []
        self.rows_by_tag: dict[str, set[int]] = {}
        self.rows_by_allocation: dict[str, set[int]] = {}
        self.rows_by_os: dict[str, set[int]] = {}
        self._os: list[frozenset[str]] = []
        self._masks: dict[Hashable, Mask] = {}

    def add(self, host: Host) -> None:
        """Make the row of a new host."""
        if host.row >= len(self.cores):
            for columns in (vars(self), self.has, self.idle):
                _grow(columns, host.row)
        while self.size <= host.row:
            self.ids.append("")
            self.tags.append(frozenset())
            self.allocations.append("")
            self._os.append(frozenset())
            self.size += 1
        self.ids[host.row] = host.id
        self.forget_masks()

    def refresh(self, host: Host, held: Held) -> None:
        """Write a host's row again; `held` is what its procs hold."""
        row = host.row
        self.cores[row] = host.cores
        self.idle_cores[row] = host.cores - held.cores
        self.alone[row] = held.alone
        for name, column in self.has.items():
            column[row] = getattr(host, name)
            self.idle[name][row] = column[row] - held.amounts[name]
        self.refused_until_us[row] = host.refused_until_us
        self.quarantined_until_us[row] = host.quarantined_until_us
        self.probing[row] = len(host.failed_jobs) >= JOBS_TO_QUARANTINE
        self.present[row] = not host.removed
        self.refresh_bookable(host)

    def refresh_bookable(self, host: Host) -> None:
        """Say anew whether a host may be booked at all; what its procs hold is as it was."""
        self.bookable[host.row] = not host.removed and not why_not_bookable(host)

    @property
    def reserved_for(self) -> dict[int, str]:
        """Layer ids by row of the hosts that the last pass left reserved."""
        return {row: reservation.layer_id for row, reservation in self.reservations.items()}

    def take(self, row: int, proc: Proc | Redirect) -> None:
        """A run, or a place that is held, takes its part of a host."""
        self._hold(row, proc, 1)

    def give_back(self, row: int, proc: Proc | Redirect) -> None:
        """A run that ended, or a place that is held no more, gives back what it took."""
        self._hold(row, proc, -1)

    def _hold(self, row: int, proc: Proc | Redirect, by: int) -> None:
        self.idle_cores[row] -= by * proc.cores
        for name, column in self.idle.items():
            amount = getattr(proc, name)
            if amount:
                column[row] -= by * amount
        if proc.alone:
            self.alone[row] += by

    def index_tags(self, host: Host, tags: frozenset[str]) -> None:
        """Say which tags, which operating systems and which allocation a host has."""
        row = host.row
        allocation = "" if host.removed else host.allocation_id
        systems = frozenset() if host.removed else frozenset(name.lower() for name in host.os)
        if (self.tags[row], self._os[row], self.allocations[row]) == (tags, systems, allocation):
            return
        _move(self.rows_by_tag, row, self.tags[row], tags)
        _move(self.rows_by_os, row, self._os[row], systems)
        if self.allocations[row] != allocation:
            self.rows_by_allocation.get(self.allocations[row], set()).discard(row)
            self.rows_by_allocation.setdefault(allocation, set()).add(row)
        self.tags[row], self._os[row], self.allocations[row] = tags, systems, allocation
        self.forget_masks()

    def mask(self, key: Hashable, make: Callable[[], Mask]) -> Mask:
        """The mask with this key, made when it is not known: read it, never write to it.

        It may depend on tags, operating systems and allocations of hosts, on subscriptions and on services alone.
        """
        found = self._masks.get(key)
        if found is None:
            if len(self._masks) >= MASKS_KEPT:
                self._masks.clear()
            found = self._masks[key] = make()
        return found

    def forget_masks(self) -> None:
        """Something changed that masks may be made from."""
        self._masks.clear()


def _grow(columns: dict[str, Any], row: int) -> None:
    """Make room for a row in those of some values that are columns."""
    for name, old in columns.items():
        if isinstance(old, np.ndarray):
            columns[name] = np.concatenate([old, np.zeros(max(len(old), row + 1), dtype=old.dtype)])


def _move(index: dict[str, set[int]], row: int, old: frozenset[str], new: frozenset[str]) -> None:
    for name in old - new:
        index[name].discard(row)
    for name in new - old:
        index.setdefault(name, set()).add(row)


def why_not_bookable(host: Host) -> str:
    """Why a host takes nothing at all, as a reason code of `explain`; empty when it does."""
    if host.state is HostState.DOWN and host.stopped:
        return "HOST_STOPPED"
    if host.state is not HostState.UP:
        return "HOST_" + host.state.name
    if host.lock is not LockState.OPEN:
        return "HOST_" + host.lock.name
    return why_not_fit(host)


def why_not_fit(host: Host) -> str:
    """Why a host takes nothing although it is up and open, as a reason code; empty when nothing is wrong with it."""
    if not host.reported:
        return "HOST_NOT_HEARD"
    if host.closed:
        return "HOST_CLOSED"
    if host.free_memory < FREE_MEMORY_FLOOR:
        return "HOST_MEMORY_LOW"
    if host.total_temp and host.free_temp * 100 < host.total_temp * FREE_TEMP_PERCENT_MIN:
        return "HOST_DISK_LOW"
    return ""

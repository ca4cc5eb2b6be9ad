"""The hosts as columns: what a booking pass reads, kept current by `apply` and by telemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from cuebot.domain.states import HostState, LockState
from cuebot.domain.units import KiB

if TYPE_CHECKING:
    from cuebot.domain.nouns import Host

FREE_MEMORY_FLOOR: Final = KiB(524_288)
"""A host that reports less free memory than 512 MiB gets nothing new (behaviour_dispatch 3.1)."""
FREE_TEMP_PERCENT_MIN: Final = 5
"""Nor does one whose temporary disk is fuller than this (behaviour_dispatch 2.6)."""


class HostTable:
    """Columns by host row. Rows are never reused: a removed host's row is simply not bookable."""

    def __init__(self) -> None:
        self.size = 0
        self.idle_cores = np.zeros(16, dtype=np.int64)
        self.cores = np.zeros(16, dtype=np.int64)
        self.idle_memory = np.zeros(16, dtype=np.int64)
        self.memory = np.zeros(16, dtype=np.int64)
        self.idle_gpus = np.zeros(16, dtype=np.int64)
        self.bookable = np.zeros(16, dtype=np.bool_)
        self.refused_until_us = np.zeros(16, dtype=np.int64)
        self.ids: list[str] = []
        self.tags: list[frozenset[str]] = []
        self.allocations: list[str] = []
        self.rows_by_tag: dict[str, set[int]] = {}
        self.rows_by_allocation: dict[str, set[int]] = {}
        self.version = 0
        """Changes whenever tags or allocations do, so that masks made from them can be kept."""

    def add(self, host: Host) -> None:
        """Make the row of a new host."""
        if host.row >= len(self.cores):
            for name in ("idle_cores", "cores", "idle_memory", "memory", "idle_gpus", "bookable", "refused_until_us"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros(max(len(old), host.row + 1), dtype=old.dtype)]))
        while self.size <= host.row:
            self.ids.append("")
            self.tags.append(frozenset())
            self.allocations.append("")
            self.size += 1
        self.ids[host.row] = host.id

    def refresh(self, host: Host, used: tuple[int, int, int]) -> None:
        """Write a host's row again; `used` is what its procs hold: core units, KiB of memory, GPUs."""
        row = host.row
        self.cores[row], self.memory[row] = host.cores, host.memory
        self.idle_cores[row] = host.cores - used[0]
        self.idle_memory[row] = host.memory - used[1]
        self.idle_gpus[row] = host.gpus - used[2]
        self.refused_until_us[row] = host.refused_until_us
        self.judge(host)

    def judge(self, host: Host) -> None:
        """Say anew whether a host may be booked at all; what its procs hold is as it was."""
        self.bookable[host.row] = not host.removed and not why_not_bookable(host)

    def index_tags(self, host: Host, tags: frozenset[str]) -> None:
        """Say which tags and which allocation a host has."""
        row = host.row
        allocation = "" if host.removed else host.allocation_id
        for tag in self.tags[row] - tags:
            self.rows_by_tag[tag].discard(row)
        for tag in tags - self.tags[row]:
            self.rows_by_tag.setdefault(tag, set()).add(row)
        if self.allocations[row] != allocation:
            self.rows_by_allocation.get(self.allocations[row], set()).discard(row)
            self.rows_by_allocation.setdefault(allocation, set()).add(row)
        self.tags[row], self.allocations[row] = tags, allocation
        self.version += 1


def why_not_bookable(host: Host) -> str:
    """Why a host takes nothing at all, as a reason code of `explain`; empty when it does."""
    if host.state is not HostState.UP:
        return "HOST_" + host.state.name
    if host.lock is not LockState.OPEN:
        return "HOST_" + host.lock.name
    if not host.reported:
        return "HOST_NOT_HEARD"
    if host.free_memory < FREE_MEMORY_FLOOR:
        return "HOST_MEMORY_LOW"
    if host.total_temp and host.free_temp * 100 < host.total_temp * FREE_TEMP_PERCENT_MIN:
        return "HOST_DISK_LOW"
    return ""

"""How much memory runs hold: what their processes share counts once.

The sum of resident sizes counts a shared page as often as there are processes that share it. The *proportional* size
does not, but reading it makes the kernel walk through all of a process's pages: 13 microseconds a MB. So it is read
only where it can matter, within a budget, and what it showed is kept for a while.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import Callable

from rqd.platform import Memory, proc

OTHERS_KB_THAT_MATTER = 64 << 10
"""Where all processes but the largest hold less than this together, the sum is near enough."""

RUN_BUDGET_KB = 24 << 20
"""How much is walked through for one run at once: a third of a second."""

SAMPLE_BUDGET_SECONDS = 0.1
"""Runs are walked through one after the other until this is spent; the others have their turn at the next sample."""

REST_FACTOR = 30
"""A run that stays as it is is not walked through again before so many times the duration of the last walk."""

Sizes = dict[int, int]
"""The resident size of each process, in KiB."""

_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


class _Held:
    """What a run of several processes held when that was last measured."""

    def __init__(self) -> None:
        self.kb = 0
        self.of_processes: frozenset[int] = frozenset()
        self.of_sum_kb = 0
        self.due_at = 0.0

    def is_due(self, sizes: Sizes, now: float) -> bool:
        """Say whether that is too long ago, or the run is another by now."""
        grown_by_kb = abs(sum(sizes.values()) - self.of_sum_kb)
        return now >= self.due_at or self.of_processes != sizes.keys() or grown_by_kb * 10 > self.of_sum_kb


class MemoryMeter:
    """Measures the memory of runs, each a list of pids under its leader."""

    def __init__(self, machine_kb: int) -> None:
        self._machine_kb = machine_kb
        self._held: dict[int, _Held] = {}

    def measure(
        self, runs: Mapping[int, Iterable[int]], look_again: Callable[[], Mapping[int, Iterable[int]]]
    ) -> dict[int, Memory]:
        """Measure each run; `look_again` says which processes they have at that moment."""
        found: dict[int, Memory] = {}
        sharing: dict[int, Sizes] = {}
        for leader, pids in runs.items():
            sizes, virtual_kb = _resident_sizes(pids)
            if not sizes:
                continue
            sum_kb = sum(sizes.values())
            found[leader] = Memory(min(sum_kb, self._machine_kb), virtual_kb)
            if sum_kb - max(sizes.values()) >= OTHERS_KB_THAT_MATTER:
                sharing[leader] = sizes
        self._held = {leader: self._held.get(leader) or _Held() for leader in sharing}
        self._walk(sharing, look_again)
        for leader, sizes in sharing.items():
            # Before it is first measured, the largest process alone: less than the truth rather than more.
            held_kb = min(max(self._held[leader].kb, *sizes.values()), sum(sizes.values()), self._machine_kb)
            found[leader] = found[leader]._replace(rss_kb=held_kb)
        return found

    def _walk(self, runs: Mapping[int, Sizes], look_again: Callable[[], Mapping[int, Iterable[int]]]) -> None:
        """Walk through the runs for which that is due, the longest due first."""
        began = time.monotonic()
        for leader in sorted(runs, key=lambda run: self._held[run].due_at):
            held, sizes, now = self._held[leader], runs[leader], time.monotonic()
            if now - began > SAMPLE_BUDGET_SECONDS:
                return
            if not held.is_due(sizes, now):
                continue
            kb = proportional_kb(sizes)
            if frozenset(look_again().get(leader, ())) != sizes.keys():
                continue  # processes came or went while we counted, so each was counted as a part of something else
            held.kb, held.of_processes, held.of_sum_kb = kb, frozenset(sizes), sum(sizes.values())
            held.due_at = time.monotonic() + REST_FACTOR * (time.monotonic() - now)


def proportional_kb(sizes: Sizes) -> int:
    """What processes hold together, given their resident sizes.

    The smallest are walked through first, as far as the budget goes. One that is too large for it is taken to share as
    much as one of its kind that was measured (at least half its size); where there is none, to share nothing.
    """
    held_kb, walked_kb = 0, 0
    measured: tuple[int, float] = (0, 1.0)
    for pid, resident_kb in sorted(sizes.items(), key=lambda item: item[1]):
        if walked_kb + resident_kb <= RUN_BUDGET_KB:
            walked_kb += resident_kb
            own_kb = _proportional_size(pid, resident_kb)
            measured = (resident_kb, own_kb / max(1, resident_kb))
            held_kb += own_kb
        else:
            held_kb += round(resident_kb * (measured[1] if measured[0] * 2 >= resident_kb else 1.0))
    return held_kb


def _resident_sizes(pids: Iterable[int]) -> tuple[Sizes, int]:
    """The resident size of each process that is left, and the virtual size of all together."""
    sizes: Sizes = {}
    virtual_kb = 0
    for pid in pids:
        pages = proc.read(f"/proc/{pid}/statm").split()
        if len(pages) >= 2:
            sizes[pid] = int(pages[1]) * _PAGE_KB
            virtual_kb += int(pages[0]) * _PAGE_KB
    return sizes, virtual_kb


def _proportional_size(pid: int, resident_kb: int) -> int:
    """The proportional size, or the resident one where the kernel will not say."""
    for line in proc.read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1])
    return resident_kb


def peak_of_own_kb() -> int:
    """The largest size that this process ever had."""
    for line in proc.read("/proc/self/status").splitlines():
        if line.startswith(b"VmHWM:"):
            return int(line.split()[1])
    return 0

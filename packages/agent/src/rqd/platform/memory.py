"""How much memory runs hold: what their processes share counts once.

The sum of resident sizes counts a shared page as often as there are processes that share it. The *proportional* size
does not, but reading it makes the kernel walk through all of a process's pages: 13 microseconds a MB. So it is read
only where it can matter, within a budget, and what it showed is kept for a while as a proportion.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import Optional

from rqd.platform import Memory, proc

OTHERS_KB_THAT_MATTER = 64 << 10
"""Where all processes but the largest hold less than this together, the sum is near enough."""

RUN_BUDGET_KB = 24 << 20
"""How much is walked through for one run at once: a third of a second."""

SAMPLE_BUDGET_SECONDS = 0.1
"""Runs are walked through one after the other until this is spent; the others have their turn at the next sample."""

REST_FACTOR = 30
"""A run is not walked through again before so many times the duration of the last walk."""

_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


class _Proportion:
    """What part of a run's sum of resident sizes is really held, when that was last measured."""

    def __init__(self) -> None:
        self.value: Optional[float] = None
        self.due_at = 0.0


class MemoryMeter:
    """Measures the memory of runs, each a list of pids under its leader."""

    def __init__(self, machine_kb: int) -> None:
        self._machine_kb = machine_kb
        self._proportions: dict[int, _Proportion] = {}

    def measure(self, runs: Mapping[int, Iterable[int]]) -> dict[int, Memory]:
        """Measure each run."""
        self._proportions = {leader: known for leader, known in self._proportions.items() if leader in runs}
        found: dict[int, Memory] = {}
        to_walk: list[tuple[float, int, dict[int, int]]] = []
        for leader, pids in runs.items():
            sizes, virtual_kb = _resident_sizes(pids)
            if not sizes:
                continue
            sum_kb, largest_kb = sum(sizes.values()), max(sizes.values())
            found[leader] = Memory(min(sum_kb, self._machine_kb), virtual_kb)
            if sum_kb - largest_kb >= OTHERS_KB_THAT_MATTER:
                proportion = self._proportions.setdefault(leader, _Proportion())
                to_walk.append((proportion.due_at, leader, sizes))
        self._walk(to_walk)
        for _, leader, sizes in to_walk:
            # Before it is first measured, the largest process alone: less than the truth rather than more.
            part = self._proportions[leader].value or 0.0
            held_kb = max(max(sizes.values()), round(part * sum(sizes.values())))
            found[leader] = found[leader]._replace(rss_kb=min(held_kb, self._machine_kb))
        return found

    def _walk(self, runs: list[tuple[float, int, dict[int, int]]]) -> None:
        began = time.monotonic()
        for due_at, leader, sizes in sorted(runs, key=lambda run: run[:2]):
            now = time.monotonic()
            if due_at > now or now - began > SAMPLE_BUDGET_SECONDS:
                return
            proportion = self._proportions[leader]
            proportion.value = proportional_kb(sizes) / sum(sizes.values())
            proportion.due_at = time.monotonic() + REST_FACTOR * (time.monotonic() - now)


def proportional_kb(sizes: Mapping[int, int]) -> int:
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


def _resident_sizes(pids: Iterable[int]) -> tuple[dict[int, int], int]:
    """The resident size of each process that is left, and the virtual size of all together."""
    sizes: dict[int, int] = {}
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

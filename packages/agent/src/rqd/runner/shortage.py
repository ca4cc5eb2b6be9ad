"""When this host runs low on memory: which run has to go, before the kernel chooses.

The kernel ends what is large; what it should end is what took more than was reserved for it. Where no run did, the
choice stays the kernel's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from rqd.platform import Memory, Platform
from rqd.runner.run import Run

LOW_PERCENT = 2
LOW_MB_MAX = 1024
"""The host is low with less than this share of its memory available, or less than so much."""

SHORTAGE_GRACE_SECONDS = 1.0
"""Between SIGTERM and SIGKILL: what still grows must not take what is left."""

KB_PER_MB = 1024


class Shortage:
    """Names one run at a time: the next one only when the last is gone and the host is low all the same."""

    def __init__(self, platform: Platform, low_mb: Optional[int]) -> None:
        self._platform = platform
        self._low_mb = low_mb
        self._ending: Optional[Run] = None

    def run_to_end(self, runs: Iterable[Run]) -> Optional[tuple[Run, str, str]]:
        """The run that must go now, with cause and words; nothing where there is memory or nobody is over."""
        memory = self._platform.memory()
        low_kb = self._low_kb(memory)
        if memory.available_kb >= low_kb or self._is_awaited():
            return None
        run = max(runs, key=_over_kb, default=None)
        if run is None or _over_kb(run) <= 0:
            return None
        self._ending = run
        detail = (
            f"the host ran low on memory ({memory.available_kb // KB_PER_MB} MB available, low is below"
            f" {low_kb // KB_PER_MB} MB), and of its runs this one was furthest over its reservation:"
            f" it held {run.page['rss_kb'] // KB_PER_MB} MB of {run.identity['memory_kb'] // KB_PER_MB} MB"
        )
        return run, "memory", detail

    def _low_kb(self, memory: Memory) -> int:
        if self._low_mb is not None:
            return self._low_mb * KB_PER_MB
        return min(memory.total_kb * LOW_PERCENT // 100, LOW_MB_MAX * KB_PER_MB)

    def _is_awaited(self) -> bool:
        """Whether the memory of the last one may yet come back. What cannot be ended gives nothing back."""
        return self._ending is not None and self._ending.outcome is None and not self._ending.stuck()


def _over_kb(run: Run) -> int:
    """By how much a run is over its reservation; a run without one, or that is ending, is not."""
    reserved_kb = run.identity["memory_kb"]
    is_ours_to_end = reserved_kb and run.outcome is None and not run.stuck()
    return int(run.page["rss_kb"]) - int(reserved_kb) if is_ours_to_end else 0

"""Times, durations and sizes as people read them."""

from __future__ import annotations

import time
from typing import Optional

KB_PER_MB = 1024
KB_PER_GB = 1024 * 1024


def format_time(epoch: int, format: str = "%m/%d %H:%M", default: str = "--/-- --:--") -> str:
    """Return a time (seconds since 1970) in local time, `default` for 0."""
    return time.strftime(format, time.localtime(epoch)) if epoch else default


def dateToMMDDHHMM(sec: int) -> str:
    """Return a time as `MM/DD HH:MM`, dashes for 0."""
    return format_time(sec)


def secondsToHHMMSS(sec: float) -> str:
    """Return a duration as `HH:MM:SS`."""
    return f"{int(sec) // 3600:02d}:{int(sec) % 3600 // 60:02d}:{int(sec) % 60:02d}"


def secondsToHMMSS(sec: float) -> str:
    """Return a duration as `H:MM:SS`."""
    return f"{int(sec) // 3600:d}:{int(sec) % 3600 // 60:02d}:{int(sec) % 60:02d}"


def secondsToHHHMM(sec: float) -> str:
    """Return a duration as `HHH:MM`."""
    return f"{int(sec) // 3600:03d}:{int(sec) % 3600 // 60:02d}"


def secondsDiffToHMMSS(secA: int, secB: int) -> str:
    """Return the time between two moments as `H:MM:SS`; 0 stands for now."""
    now = time.time()
    return secondsToHMMSS(max(secA or now, secB or now) - min(secA or now, secB or now))


def convert_mem(kmem: int, unit: Optional[str] = None) -> str:
    """Return an amount of memory given in KB as `K`, `M` or `G`, the largest that fits unless `unit` says which."""
    if unit == "K" or (unit is None and kmem < KB_PER_MB):
        return f"{kmem:d}K"
    if unit == "M" or (unit is None and kmem < KB_PER_GB):
        return f"{kmem // KB_PER_MB:d}M"
    return f"{kmem / KB_PER_GB:.1f}G"

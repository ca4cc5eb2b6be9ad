"""Small words that all that talks to people shares; it imports nothing."""

from __future__ import annotations

from typing import Optional

KB_PER_MB = 1024
KB_PER_GB = 1024 * 1024


def counted(number: int, one: str, several: Optional[str] = None) -> str:
    """Return a number with its noun: `1 frame`, `2 frames`; `several` is for what takes more than an s."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def duration(seconds: float) -> str:
    """Return a time in the largest unit that says enough: `40 s`, `12 min`, `5 h`, `3 d`."""
    seconds = max(0, int(seconds))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 172_800 else f"{seconds // 86_400} d"


def formatMem(kmem: int, unit: Optional[str] = None) -> str:
    """Return an amount given in KB as `K`, `M` or `G`, the largest that fits unless `unit` says which."""
    if unit == "K" or (unit is None and kmem < KB_PER_MB):
        return f"{kmem:d}K"
    if unit == "M" or (unit is None and kmem < KB_PER_GB):
        return f"{kmem // KB_PER_MB:d}M"
    return f"{kmem / KB_PER_GB:.1f}G"

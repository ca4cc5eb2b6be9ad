"""Times, durations and sizes as the tables print them."""

from __future__ import annotations

import time

from opencue.wording import formatMem as formatMem


def now() -> int:
    """Return the present in seconds since 1970."""
    return int(time.time())


def formatTime(epoch: int, time_format: str = "%m/%d %H:%M", default: str = "--/-- --:--") -> str:
    """Return a time (seconds since 1970) in local time, `default` for 0."""
    return time.strftime(time_format, time.localtime(epoch)) if epoch else default


def findDuration(start: int, stop: int) -> int:
    """Return the seconds from `start` to `stop`, to now where `stop` is 0."""
    return int((stop if stop > 0 else now()) - start)


def formatDuration(sec: int) -> str:
    """Return a duration as `HH:MM:SS`."""
    return f"{int(sec) // 3600:02d}:{int(sec) % 3600 // 60:02d}:{int(sec) % 60:02d}"


def formatLongDuration(sec: int) -> str:
    """Return a duration as `DD:HH`."""
    return f"{int(sec) // 86400:02d}:{int(sec) % 86400 // 3600:02d}"


def cutoff(s: str, length: int) -> str:
    """Return the text cut to `length` with two dots at the end where it is longer."""
    return s if len(s) < length - 2 else f"{s[: length - 2]}.."

"""The server's time: the wall clock at its start plus a monotonic one since, so it never jumps or runs backwards."""

from __future__ import annotations

import time


class Clock:
    """Microseconds since the epoch, UTC."""

    def __init__(self) -> None:
        self._offset_us = time.time_ns() // 1000 - time.monotonic_ns() // 1000

    def now_us(self) -> int:
        """The time now."""
        return self._offset_us + time.monotonic_ns() // 1000

"""Simulated time: things to do, in the order of their time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final

START_US: Final = 1_700_000_000_000_000
"""When every simulation begins, in microseconds since the epoch."""


class Clock:
    """A queue of actions; time passes only from one to the next."""

    def __init__(self) -> None:
        self.now_us = START_US
        self.steps = 0
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0

    def later(self, delay_us: float, action: Callable[[], None]) -> None:
        """Do something after a while. Actions for the same moment keep their order."""
        self._number += 1
        heapq.heappush(self._queue, (self.now_us + max(int(delay_us), 0), self._number, action))

    @property
    def next_us(self) -> int | None:
        """When the next action is due; None where there is none."""
        return self._queue[0][0] if self._queue else None

    def step(self) -> None:
        """Go to the next action and do it."""
        self.now_us, _, action = heapq.heappop(self._queue)
        self.steps += 1
        action()

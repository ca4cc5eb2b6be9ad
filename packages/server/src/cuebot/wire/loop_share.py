"""What reads may take of the loop that they share with the engine, and who of those that wait goes on first.

The engine, agents and writers never ask here. While the farm works, reads together get a fixed share of the loop's
time; while it does not, nearly all of it.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

IDLE_SHARE: Final = 0.9
"""While nothing changes in the farm; the rest is for whoever comes next."""
IDLE_AFTER_SECONDS: Final = 0.05
"""A farm in which nothing has changed for so long is idle."""
BURST_SECONDS: Final = 0.02
"""What may be taken at once after a quiet time: most reads never wait."""
DEBT_SECONDS: Final = 0.02
"""What is owed at most: after one costly read the others must not wait for long."""
STEP_SECONDS: Final = 0.001
"""The finest that timers of the loop can do."""


class LoopShare:
    """The share of one kind of reads. All of it is used from the loop's thread."""

    def __init__(self, share: float, change: Callable[[], int], clock: Callable[[], float] = time.perf_counter) -> None:
        self.spent_s = 0.0
        """All that was spent so far."""
        self._share = share
        self._change = change
        self._clock = clock
        self._credit = BURST_SECONDS
        self._filled_at = self._changed_at = clock()
        self._seen = change()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._is_letting_go = False

    @property
    def is_free(self) -> bool:
        """A read that comes now need not wait."""
        return not self._waiting and (self._credit > 0 or self._fill() > 0)

    async def turn(self, caller: str) -> None:
        """Return when this caller may go on: at once where there is room, else each caller in turn."""
        if self.is_free:
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        if not self._is_letting_go:
            self._is_letting_go = True
            self._pause()
        await turn

    def spend(self, seconds: float) -> None:
        """Count time that was taken; more than there was is waited for by whoever comes next."""
        self._credit = max(self._credit - seconds, -DEBT_SECONDS)
        self.spent_s += seconds

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Count what is done within, which must not wait for anything."""
        began = self._clock()
        try:
            yield
        finally:
            self.spend(self._clock() - began)

    def _fill(self) -> float:
        now, change = self._clock(), self._change()
        if change != self._seen:
            self._seen, self._changed_at = change, now
        self._credit = min(self._credit + (now - self._filled_at) * self._rate(now), BURST_SECONDS)
        self._filled_at = now
        return self._credit

    def _rate(self, now: float) -> float:
        return IDLE_SHARE if now - self._changed_at > IDLE_AFTER_SECONDS else self._share

    def _let_go(self) -> None:
        """Let the next one go on; it is looked at again once that one has spent what it needs."""
        loop = asyncio.get_running_loop()
        if self._fill() <= 0:
            self._pause()
        elif self._next():
            loop.call_soon(self._let_go)
        else:
            self._is_letting_go = False

    def _pause(self) -> None:
        missing_s = max(-self._credit, 0.0) / self._rate(self._clock())
        asyncio.get_running_loop().call_later(max(missing_s, STEP_SECONDS), self._let_go)

    def _next(self) -> bool:
        """Wake one of those that wait, the callers in turn. Returns whether there was any."""
        while self._waiting:
            caller, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[caller] = turns  # behind the others
            if not turn.done():  # whoever asked may have gone away
                turn.set_result(None)
                return True
        return False

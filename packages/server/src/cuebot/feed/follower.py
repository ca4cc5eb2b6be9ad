"""Rooms of the server itself that hear of what was committed: internal events, in a task of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from cuebot.engine.ports import Recorded

log = structlog.get_logger("feed")

BATCHES_MAX: Final = 1_000
"""That wait for a follower; it misses what comes beyond."""

Take = Callable[[Sequence[Recorded]], Awaitable[None]]
"""Takes in a batch's events; is awaited before it is told of the next."""


class Follower:
    """Tells `take` of every batch from now on. A failure costs it that batch, and nobody else anything."""

    def __init__(self, name: str, take: Take) -> None:
        self._name = name
        self._take = take
        self._batches: asyncio.Queue[Sequence[Recorded]] = asyncio.Queue(BATCHES_MAX)
        self._missed_events = 0

    def offer(self, events: Sequence[Recorded]) -> None:
        """Let a batch wait for its turn, if there is room."""
        if self._batches.full():
            self._missed_events += len(events)
        else:
            self._batches.put_nowait(events)

    async def run(self) -> None:
        """Work until cancelled, whatever happens."""
        while True:
            events = await self._batches.get()
            try:
                await self._take(events)
            except Exception as error:
                log.error("a follower of the feed failed", follower=self._name, exc_info=error)
            if self._missed_events:
                log.warning("a follower of the feed was too slow", follower=self._name, missed=self._missed_events)
                self._missed_events = 0

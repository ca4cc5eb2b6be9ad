"""History on disk for the feed's subscribers: read in a thread of its own, so that the loop never waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from cuebot.engine.ports import JournalError, Recorded
from cuebot.journal import History
from cuebot.journal.daemon_thread import DaemonThread

READ_SECONDS: Final = 10.0


class ThreadedHistory:
    """Events of a journal; satisfies `feed.EventHistory`. One page is read at a time, whoever asks."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._thread = DaemonThread("feed")

    async def events_since(self, seq: int, limit: int) -> Sequence[Recorded]:
        """Events after `seq`, oldest first, at most `limit`. Raises JournalError, also where none come in time."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await loop.run_in_executor(self._thread, self._history.events_since, seq, limit)
        except TimeoutError:
            raise JournalError(f"{self._history.name} did not answer in {READ_SECONDS:.0f} s") from None

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown()

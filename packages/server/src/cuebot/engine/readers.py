"""Threads for reading what may be slow, history and logs on shared disks: the loop never waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Exhausted, Unavailable

Result = TypeVar("Result")


class Readers:
    """A few threads that read one kind of thing. A disk that hangs holds up these and nobody else.

    They are daemons, unlike those of an executor: a server that stops does not wait for a disk that never answers.
    """

    def __init__(self, what: str, threads: int, bounds: Bounds) -> None:
        self._what = what
        self._room = asyncio.Semaphore(threads)
        self._waiting = 0
        self._waiting_max = bounds.waiting_reads
        self._read_s = bounds.read_seconds

    async def read(self, work: Callable[[], Result]) -> Result:
        """Do work in a thread. Raises what it raises, Exhausted for too many readers, Unavailable after a time.

        The thread stays with what does not answer.
        """
        if self._waiting >= self._waiting_max:
            raise Exhausted(f"{self._waiting} calls wait for {self._what} already (limit waiting_reads); try again")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._read_s):
                await self._room.acquire()
                return await self._start(work)
        except TimeoutError:
            raise Unavailable(
                f"{self._what} did not answer in {self._read_s} s (limit read_seconds); try again, and look at that"
                " disk"
            ) from None
        finally:
            self._waiting -= 1

    def _start(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """Begin work; its thread gives its room back when it is done, also where nobody waits for it any more."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()

        def done(settle: Callable[[Any], None], outcome: Any) -> None:
            self._room.release()
            if not answer.done():
                settle(outcome)

        def run() -> None:
            try:
                outcome = (answer.set_result, work())
            except Exception as error:  # noqa: BLE001 - handed on to whoever waits
                outcome = (answer.set_exception, error)  # type: ignore[assignment]
            with contextlib.suppress(RuntimeError):  # the loop may be closed by now
                loop.call_soon_threadsafe(done, *outcome)

        threading.Thread(target=run, name=self._what, daemon=True).start()
        return answer

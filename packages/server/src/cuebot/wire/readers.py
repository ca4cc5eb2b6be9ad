"""Threads for reading what may be slow, history and logs on shared disks: the loop never waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from cuebot.domain.errors import Exhausted, Unavailable

READ_SECONDS: Final = 10.0
"""After so long whoever asked is told that what he asked for does not answer; the thread stays with it."""

Result = TypeVar("Result")


class Readers:
    """A few threads that read one kind of thing. A disk that hangs holds up these and nobody else."""

    def __init__(self, what: str, threads: int, waiting_max: int) -> None:
        self._what = what
        self._waiting = 0
        self._waiting_max = waiting_max
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=what)

    async def read(self, work: Callable[[], Result]) -> Result:
        """Do work in a thread. Raises what it raises, Exhausted for too many readers, Unavailable after a time."""
        if self._waiting >= self._waiting_max:
            raise Exhausted(f"{self._waiting} calls wait for {self._what} already (limit waiting_reads); try again")
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(self._done)
        done, _ = await asyncio.wait([future], timeout=READ_SECONDS)
        if not done:
            raise Unavailable(f"{self._what} did not answer in {READ_SECONDS:.0f} s; try again, and look at that disk")
        return future.result()

    def _done(self, future: asyncio.Future[Result]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()  # whoever asked may have gone away

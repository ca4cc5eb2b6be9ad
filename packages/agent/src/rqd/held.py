"""How many frames an agent holds, counted from outside in the books that it has open."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from typing import NamedTuple

from rqd.runner.spool import BOOK
from rqd.supervisor import book
from rqd.supervisor.book import PAGE_BYTES, Page


class Frames(NamedTuple):
    """What books say."""

    host_name: str = ""
    live: int = 0
    """Runs that have not ended."""
    suspended: int = 0
    """Those of them that stand still, since their lease is over."""
    untold: int = 0
    """Runs that have ended, of which the server has not heard."""


class Books:
    """The books at some paths. They stay open, so that they can be counted when their agent has gone."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Open them. Raises OSError."""
        self._fds = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in paths]

    def frames(self) -> Frames:
        """Count what is in them now."""
        counts = [_frames_in(fd) for fd in self._fds]
        return Frames(
            host_name=next((count.host_name for count in counts if count.host_name), ""),
            live=sum(count.live for count in counts),
            suspended=sum(count.suspended for count in counts),
            untold=sum(count.untold for count in counts),
        )

    def close(self) -> None:
        """Let go of the files."""
        while self._fds:
            os.close(self._fds.pop())


def frames_of(spool: str) -> Frames:
    """Look into a spool's book, whoever has it. Raises OSError where it cannot be read."""
    with open(os.path.join(spool, BOOK), "rb") as file:
        return _frames_in(file.fileno())


def _frames_in(fd: int) -> Frames:
    size = os.fstat(fd).st_size
    if size < PAGE_BYTES:
        return Frames()
    with mmap.mmap(fd, size, access=mmap.ACCESS_READ) as data:
        pages = [Page(data, number) for number in range(1, size // PAGE_BYTES)]
        live = [page for page in pages if book.FREE < page["phase"] < book.ENDED]
        return Frames(
            host_name=Page(data, 0)["host_name"],
            live=len(live),
            suspended=sum(bool(page["suspended"]) for page in live),
            untold=sum(page["phase"] >= book.ENDED for page in pages),
        )

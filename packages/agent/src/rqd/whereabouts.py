"""Which agents run on this machine, and on which spools: by the files that their main processes hold open.

A pid that was noted says nothing, since another process may have it by now: whoever has a spool's lock open is its
agent.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import signal
import time
from typing import NamedTuple, Optional

from rqd.platform import Process, proc
from rqd.runner.spool import BOOK, LOCK
from rqd.supervisor import book
from rqd.supervisor.book import PAGE_BYTES, Page

_LOOK_SECONDS = 0.05


class Agent(NamedTuple):
    """An agent's main process."""

    process: Process
    spool: str

    def tell(self, number: signal.Signals) -> None:
        """Signal it. Raises PermissionError where it is another user's, ProcessLookupError where it has ended."""
        fd = _descriptor_of(self.process)
        try:
            if not self.is_alive():
                raise ProcessLookupError
            if fd is None:
                os.kill(self.process.pid, number)
            else:
                signal.pidfd_send_signal(fd, number)
        finally:
            if fd is not None:
                os.close(fd)

    def is_alive(self) -> bool:
        """Say whether this very process goes on."""
        stat = proc.stat(self.process.pid)
        return stat is not None and not stat.is_dead and stat.start_ticks == self.process.start_ticks

    def ended_within(self, seconds: float) -> bool:
        """Wait for its end, as long as that."""
        fd = _descriptor_of(self.process)
        if fd is None:
            time.sleep(min(seconds, _LOOK_SECONDS))
            return not self.is_alive()
        try:
            return not self.is_alive() or bool(select.select([fd], [], [], seconds)[0])
        finally:
            os.close(fd)


def agent_of(spool: str) -> Optional[Agent]:
    """The agent that works on a spool. Raises PermissionError where that is another user's."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        with open(os.path.join(spool, LOCK), encoding="ascii") as file:
            pid, lock = int(file.read()), os.fstat(file.fileno())
        ticks = proc.start_ticks(pid)
        if ticks is not None and any(os.path.samestat(lock, opened) for opened in _open_files(pid)):
            return Agent(Process(pid, ticks), spool)
    return None


def is_being_replaced() -> bool:
    """Say whether an agent's other half is there, which becomes the agent when its main process has died."""
    return any(b"rqd.link" in proc.read(f"/proc/{pid}/cmdline").split(b"\0") for pid in proc.all_pids())


def spools() -> list[str]:
    """The spools that anybody works on: agents, and supervisors of agents that are gone."""
    found = set()
    for pid in proc.all_pids():
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    folder, file = os.path.split(os.readlink(f"/proc/{pid}/fd/{name}"))
                    if file == BOOK and os.path.exists(os.path.join(folder, LOCK)):
                        found.add(folder)
    return sorted(found)


class Frames(NamedTuple):
    """What the book of a spool says."""

    host_name: str
    live: int
    """Runs that have not ended."""


def frames_of(spool: str) -> Frames:
    """Look into a spool's book, whoever has it. Raises OSError where it cannot be read."""
    with open(os.path.join(spool, BOOK), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < PAGE_BYTES:
            return Frames("", 0)
        with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as data:
            phases = [Page(data, number)["phase"] for number in range(1, size // PAGE_BYTES)]
            return Frames(Page(data, 0)["host_name"], sum(book.FREE < phase < book.ENDED for phase in phases))


def _open_files(pid: int) -> list[os.stat_result]:
    """Raises PermissionError, FileNotFoundError."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            found.append(os.stat(f"/proc/{pid}/fd/{name}"))
    return found


def _descriptor_of(process: Process) -> Optional[int]:
    try:
        return os.pidfd_open(process.pid)
    except ProcessLookupError:
        raise
    except (OSError, AttributeError):  # a kernel before 5.3, a Python built on one, or a sandbox that has none
        return None

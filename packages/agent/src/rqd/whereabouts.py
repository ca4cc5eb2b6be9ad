"""Which agents run on this machine, and on which spools: by the files that their main processes hold open.

A pid that was noted says nothing, since another process may have it by now: whoever has a spool's lock open is its
agent.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from stat import S_ISREG
from typing import NamedTuple, Optional

from rqd.held import Books
from rqd.platform import Process, proc
from rqd.runner.spool import BOOK, LOCK, REFUSAL

_LOOK_SECONDS = 0.05
_ENDS_WITHIN_SECONDS = 1.0
"""So long what a process of ours has open may be hidden from us: while it ends, that belongs to root."""
_DELETED = " (deleted)"


class Agent(NamedTuple):
    """An agent's main process."""

    process: Process
    spool: str
    is_spool_deleted: bool = False

    def books(self) -> Books:
        """What it has frames in: its own book, and those that it took over from other spools. Raises OSError."""
        open_ones = _books_of(self.process.pid)
        if not open_ones and not self.is_spool_deleted:  # it has just ended
            open_ones = [os.path.join(self.spool, BOOK)]
        return Books(open_ones)

    def keeper(self) -> str:
        """Who starts it again when it ends, as whoever started it said; empty where nobody does."""
        words = proc.read(f"/proc/{self.process.pid}/cmdline").decode("utf-8", "replace").split("\0")
        return words[words.index("--kept-by") + 1] if "--kept-by" in words else ""

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
    """The agent that works on a spool, also on one that was deleted. Raises PermissionError where it is another's."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        with open(os.path.join(spool, LOCK), encoding="ascii", opener=_no_link) as file:
            pid, lock = int(file.read()), os.fstat(file.fileno())
        ticks = proc.start_ticks(pid)
        if ticks is not None and any(os.path.samestat(lock, opened) for opened in _open_files(pid)):
            return Agent(Process(pid, ticks), spool)
    return next((agent for agent in agents_of_deleted_spools() if agent.spool == os.path.realpath(spool)), None)


def agents_of_deleted_spools() -> list[Agent]:
    """The agents whose spools were deleted: what such a one has open still has its former name."""
    return [agent for agent in _agents() if agent.is_spool_deleted]


def taker_of(spool: str) -> Optional[Agent]:
    """The agent on another spool that took the frames of this one over, as far as we may look."""
    try:
        wanted = os.stat(os.path.join(spool, BOOK))
    except FileNotFoundError:
        return None
    others = (agent for agent in _agents() if agent.spool != os.path.realpath(spool))
    return next((agent for agent in others if _has_open(agent, wanted)), None)


def _has_open(agent: Agent, wanted: os.stat_result) -> bool:
    with contextlib.suppress(OSError):  # it has just ended
        return any(os.path.samestat(wanted, os.stat(path)) for path in _books_of(agent.process.pid))
    return False


def _agents() -> Iterator[Agent]:
    """Whoever has a lock open, and the book beside it."""
    for pid in proc.all_pids():
        stat, opened = proc.stat(pid), _opened(pid)
        for end in ("", _DELETED):
            for folder, file in map(os.path.split, opened):
                has_book = os.path.join(folder, BOOK + end) in opened
                if stat is not None and not stat.is_dead and file == LOCK + end and has_book:
                    yield Agent(Process(pid, stat.start_ticks), folder, end == _DELETED)


def is_being_replaced() -> bool:
    """Say whether an agent's other half is there, which becomes the agent when its main process has died."""
    return any(b"rqd.link" in proc.read(f"/proc/{pid}/cmdline").split(b"\0") for pid in proc.all_pids())


def are_there_others() -> bool:
    """Say whether another user has an agent here, into which we may not look."""
    if os.geteuid() == 0:
        return False
    pids = (pid for pid in proc.all_pids() if b"rqd.link" in proc.read(f"/proc/{pid}/cmdline").split(b"\0"))
    return any(_is_anothers(pid) for pid in pids)


def spools() -> list[str]:
    """The spools that anybody works on: agents, and supervisors of agents that are gone.

    Anybody can have a file of that name open; only who has the folder's own user's rights is listed with it.
    """
    found = set()
    for pid in proc.all_pids():
        for path in _opened(pid):
            folder, file = os.path.split(path)
            if file == BOOK and os.path.exists(os.path.join(folder, LOCK)) and _has_owners_rights(pid, folder):
                found.add(folder)
    return sorted(found)


def belongs_to_us(spool: str) -> bool:
    """Say whether a spool is this user's. What its book says is believed only then: it names processes to be killed."""
    return os.stat(spool).st_uid == os.geteuid()


def _has_owners_rights(pid: int, folder: str) -> bool:
    try:
        return os.stat(f"/proc/{pid}").st_uid == os.stat(folder).st_uid
    except OSError:  # ended by now
        return False


def refusal_of(spool: str) -> str:
    """Why the agent of a spool would not start anew when it was told last."""
    path = os.path.join(spool, REFUSAL)
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace", opener=_no_link) as file:
        return file.read().strip()
    return "its log says why"


def _no_link(path: str, flags: int) -> int:
    """A link in another user's folder could make another agent of it."""
    return os.open(path, flags | os.O_NOFOLLOW)


def _books_of(pid: int) -> list[str]:
    """Paths to the books that an agent has open; nothing of one that has ended."""
    found: dict[tuple[int, int], str] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{name}"
            with contextlib.suppress(OSError):
                if os.path.basename(os.readlink(path)) in (BOOK, BOOK + _DELETED):
                    status = os.stat(path)
                    if S_ISREG(status.st_mode):
                        found.setdefault((status.st_dev, status.st_ino), path)
    return list(found.values())


def _open_files(pid: int) -> list[os.stat_result]:
    """What a process has open; nothing of one that has ended, though nobody has collected it.

    Raises FileNotFoundError, and PermissionError where it is another user's.
    """
    until = time.monotonic() + _ENDS_WITHIN_SECONDS
    while True:
        stat = proc.stat(pid)
        if stat is None or stat.is_dead:
            return []
        try:
            names = os.listdir(f"/proc/{pid}/fd")
        except PermissionError:
            if _is_anothers(pid) or time.monotonic() >= until:
                raise
            time.sleep(_LOOK_SECONDS)
            continue
        found = []
        for name in names:
            with contextlib.suppress(OSError):
                found.append(os.stat(f"/proc/{pid}/fd/{name}"))
        return found


def _opened(pid: int) -> dict[str, str]:
    """The names of what a process has open, and other paths to it; nothing where it is none of ours."""
    found = {}
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                path = f"/proc/{pid}/fd/{name}"
                found[os.readlink(path)] = path
    return found


def _is_anothers(pid: int) -> bool:
    """Say whether a process is another user's; one that has ended is nobody's."""
    status = proc.read(f"/proc/{pid}/status")
    return bool(status) and proc.number_after(status, b"\nUid:") != os.geteuid()


def _descriptor_of(process: Process) -> Optional[int]:
    try:
        return os.pidfd_open(process.pid)
    except ProcessLookupError:
        raise
    except (OSError, AttributeError):  # a kernel before 5.3, a Python built on one, or a sandbox that has none
        return None

"""The port between the runner and the operating system: supervisors, what they may leave, and facts of the machine."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple, Optional, Protocol

from rqd.supervisor.book import Book

RUN_ID_VARIABLE = "CUEFARM_RUN_ID"
"""Every frame has its run's id in this environment variable; that is how its processes are recognised."""


class Process(NamedTuple):
    """A process beyond doubt: pids are used again, a pid with a start time is not (within one boot)."""

    pid: int
    start_ticks: int


class Traces(NamedTuple):
    """What is known of a run whose supervisor is gone, within one boot."""

    log: Optional[tuple[int, int]]
    """The device and inode of its log, which somebody holds open."""
    members: frozenset[Process]
    """What was seen of it last."""
    group: str = ""
    """The folder of its control group, if it has one."""


class JobUser(NamedTuple):
    """Whose rights a frame gets."""

    uid: int
    gid: int
    name: str
    home: str
    groups: tuple[int, ...]


class HostSize(NamedTuple):
    """What this machine could offer."""

    sockets: int
    cores: int
    threads_per_core: int
    memory_kb: int


class Memory(NamedTuple):
    """Memory of this machine, or of the part of it that this agent may use."""

    total_kb: int
    available_kb: int


class Platform(Protocol):
    """Processes as the runner sees them: each run has a supervisor, which is known by its pid and the run's id."""

    def receive_orphans(self) -> None:
        """Have what a killed supervisor leaves behind come to this process."""

    def start_supervisor(
        self, page: int, book_fd: int, arguments: list[str], environment: Mapping[str, str], log_fd: int
    ) -> int:
        """Start a supervisor for a page of the book, in the current folder; returns its pid.

        The words are the command and, where it needs no shell, those of its program. Raises OSError or ValueError.
        """

    def collect(self, others: frozenset[int]) -> list[int]:
        """Collect the children that have ended; `others` are left to whoever waits for them."""

    def find_supervisor(self, pid: int, run_id: str) -> Optional[int]:
        """Say whether this is the living supervisor of a run, or find it where its pid is 0; returns its pid."""

    def abandoned_books(self, host_name: str, servers: str) -> list[Book]:
        """Take over the books of dead agents of this name and these servers whose supervisors go on."""

    def call_supervisor(self, pid: int) -> None:
        """Have it look into the book."""

    def wake_supervisor(self, pid: int) -> None:
        """Let one go on that somebody has stopped."""

    def kill_supervisor(self, pid: int) -> None:
        """End one that does not do its work; its command ends with it."""

    def orphans(self, run_id: str, traces: Traces, supervisors: Container[int]) -> list[Process]:
        """List what is left of a run whose supervisor is gone, and stop it where it stands."""

    def kill_verified(self, processes: Iterable[Process]) -> list[Process]:
        """Send SIGKILL to those that still are who they were; returns them (none: all are gone)."""

    def frames_oom_score(self) -> int:
        """How much rather than the agent the kernel should end frames: a value for `oom_score_adj`."""

    def rights_of(self, user: Optional[JobUser]) -> AbstractContextManager[None]:
        """Have this process act on files as that user for a moment; without one nothing changes."""

    def lookup_user(self, uid: int, gid: int, name: str) -> JobUser:
        """Make out whose rights a frame gets."""

    def host_size(self) -> HostSize:
        """Measure the machine."""

    def groups_folder(self) -> str:
        """Where runs can have control groups of their own; empty where they cannot."""

    def drop_group(self, folder: str) -> None:
        """Remove a control group, if nothing is in it."""

    def memory(self) -> Memory:
        """What memory there is now, for this process and all that it starts."""

    def oom_kills(self) -> int:
        """How many processes the system has ended for want of memory since the boot."""

    def boot_id(self) -> str:
        """Name this boot of the machine: pids and start times mean nothing in another."""

    def boot_seconds(self) -> float:
        """Read a clock that goes on while the machine sleeps and that nobody can set."""

"""The port between the runner and the operating system: spawn, end, adopt, measure.

`linux` implements it. Another system adds a module with the same functions (on Windows, on Job Objects) and a line in
`this_system`. The runner calls nothing of the operating system about processes except through here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple, Optional, Protocol

RUN_ID_VARIABLE = "CUEFARM_RUN_ID"
"""Every frame has its run's id in this environment variable; that is how its processes are recognised."""


class UnsupportedSystem(Exception):
    """This operating system has no implementation of the port."""


class Process(NamedTuple):
    """A process beyond doubt: pids are used again, a pid with a start time is not (within one boot)."""

    pid: int
    start_ticks: int


class Traces(NamedTuple):
    """What is known of a run whose watcher died, within one boot."""

    leader: Optional[Process]
    log: Optional[tuple[int, int]]
    """The device and inode of its log, which somebody holds open."""
    strays: frozenset[Process] = frozenset()
    """What was seen of it outside of its leader's session."""


class JobUser(NamedTuple):
    """Whose rights a frame gets."""

    uid: int
    gid: int
    name: str
    home: str
    groups: tuple[int, ...]


class Ending(NamedTuple):
    """How a process ended, and what it and its children had used."""

    exit_status: int
    exit_signal: int
    user_seconds: float
    system_seconds: float
    max_rss_kb: int
    is_max_rss_own: bool
    """Whether that is the run's own; otherwise it may be no more than the runner's size at the moment of the fork."""


class Memory(NamedTuple):
    """What all processes of one run hold at one moment, in KiB; what they share counts once."""

    rss_kb: int
    vsize_kb: int


class HostSize(NamedTuple):
    """What this machine could offer."""

    sockets: int
    cores: int
    threads_per_core: int
    memory_kb: int


class Platform(Protocol):
    """Processes as the runner sees them.

    A run is the process that was spawned, its `leader`, and everything that comes from it; `leader` is the pid.
    """

    def spawn(
        self, arguments: list[str], environment: Mapping[str, str], log_fd: int, user: Optional[JobUser]
    ) -> Process:
        """Start a leader in the current folder, output to the descriptor; raises OSError or ValueError if it cannot."""

    def has_exited(self, leader: int) -> bool:
        """Say whether a spawned leader has ended, without reaping it."""

    def reap(self, leader: int) -> Ending:
        """Collect an ended leader. Its pid may belong to somebody else from here on."""

    def survivors(self, leaders: Iterable[int]) -> dict[int, list[int]]:
        """List the processes that each leader, which has ended, would leave behind; none for most.

        To be called too when no leader has ended but some child has: it collects what nobody else would.
        """

    def terminate(self, leader: int) -> int:
        """Ask everything of the run to end, suspended or not; returns the signal's number."""

    def kill(self, leader: int) -> int:
        """End everything of the run, without appeal; returns the signal's number."""

    def suspend(self, leader: int) -> None:
        """Stop everything of the run where it stands."""

    def resume(self, leader: int) -> None:
        """Let everything of the run go on."""

    def adopt(self, runs: Mapping[str, Traces], pids_given_then: Optional[int]) -> dict[str, list[Process]]:
        """Find what is left of runs whose watcher died, and suspend it.

        `pids_given` said that count when the runs were last watched.
        """

    def pids_given(self) -> Optional[int]:
        """Count what pids were given since the boot; None where that cannot be told. A pid comes again after many."""

    def kill_verified(self, processes: Iterable[Process]) -> list[Process]:
        """Send SIGKILL to those that still are who they were; returns them (none: all are gone)."""

    def strays(self) -> dict[int, frozenset[Process]]:
        """List what each run was last seen to have outside of its leader's session, by leader; none for most."""

    def usage(self, leaders: Iterable[int]) -> dict[int, Memory]:
        """Measure each run."""

    def rights_of(self, user: Optional[JobUser]) -> AbstractContextManager[None]:
        """Have this process act on files as that user for a moment; without one nothing changes."""

    def lookup_user(self, uid: int, gid: int, name: str) -> JobUser:
        """Make out whose rights a frame gets."""

    def host_size(self) -> HostSize:
        """Measure the machine."""

    def boot_id(self) -> str:
        """Name this boot of the machine: pids and start times mean nothing in another."""

    def boot_seconds(self) -> float:
        """Read a clock that goes on while the machine sleeps and that nobody can set."""


def this_system() -> Platform:
    """The implementation for the system that we run on; raises UnsupportedSystem where there is none yet."""
    if sys.platform.startswith("linux"):
        from rqd.platform.linux import Linux

        return Linux()
    raise UnsupportedSystem(
        f"rqd does not run frames on {sys.platform} yet, only on Linux; "
        "OpenCue's own agent for this system can stand in the same farm (docs/reference/agent-protocol.md)"
    )

"""Linux: supervisors, signals and /proc. What is left of a run without a supervisor is found in `orphans`."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from stat import S_ISREG
from typing import Optional

from rqd import machine, supervisor
from rqd.platform import host_memory, proc
from rqd.platform.orphans import orphans_of
from rqd.platform.port import HostSize, JobUser, Memory, Process, Traces
from rqd.supervisor.book import Book

LOOKS_MAX = 20
"""What is not ours to signal may go on and start more: so often it is looked for, and no more at once."""

FRAMES_OOM_SCORE = 300
"""Above the agent's, in thousandths of the machine's memory."""

BOOK_FD = 3
_PR_SET_CHILD_SUBREAPER = 36


class Linux:
    """The port's implementation."""

    def __init__(self) -> None:
        self._supervise = supervisor.program()
        self._cgroups = host_memory.own_cgroups()

    def receive_orphans(self) -> None:
        """Be the next reaper above the supervisors, should one be killed."""
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def start_supervisor(
        self, page: int, book_fd: int, arguments: list[str], environment: Mapping[str, str], log_fd: int
    ) -> int:
        """Start a supervisor in the current folder; raises OSError or ValueError where it cannot."""
        return os.posix_spawn(
            self._supervise[0],
            [*self._supervise, str(page), *arguments],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log_fd, 1),
                (os.POSIX_SPAWN_DUP2, log_fd, 2),
                (os.POSIX_SPAWN_DUP2, book_fd, BOOK_FD),
            ],
            setsigmask=signal.valid_signals(),  # whoever signals all of an agent ends no supervisor
        )

    def collect(self, others: frozenset[int]) -> list[int]:
        """Collect the children that have ended: supervisors, and orphans of those that were killed."""
        found: list[int] = []
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return found
            if ended is None or ended.si_pid in others:  # whoever waits for that one comes first, and we again
                return found
            os.waitpid(ended.si_pid, 0)
            found.append(ended.si_pid)

    def find_supervisor(self, pid: int, run_id: str) -> Optional[int]:
        """Say whether this is the living supervisor of a run, or look for it."""
        candidates = [pid] if pid else proc.all_pids()
        return next((one for one in candidates if self._supervises(one, run_id)), None)

    def _supervises(self, pid: int, run_id: str) -> bool:
        return self._is_supervisor(pid) and proc.run_id(pid) == run_id

    def _is_supervisor(self, pid: int) -> bool:
        """Whether it has the name and the rights of ours. The dead have no command line, so it lives."""
        arguments = proc.read(f"/proc/{pid}/cmdline").split(b"\0")
        if _PROGRAM_NAMES.isdisjoint(os.path.basename(word) for word in arguments[:4]):
            return False
        with contextlib.suppress(OSError):
            return os.stat(f"/proc/{pid}").st_uid == os.geteuid()
        return False

    def abandoned_books(self, host_name: str, servers: str) -> list[Book]:
        """Take over the books of dead agents of this name and these servers whose supervisors go on.

        An agent may have been given another folder, or its own may have been deleted: each supervisor holds the file.
        What is in a book is believed, so it must be a file of our own user's that nobody else may write, held by a
        process with our user's rights: anybody can give a program of his the name of a supervisor.
        """
        found: dict[tuple[int, int], Book] = {}
        for pid in proc.all_pids():
            if not self._is_supervisor(pid):
                continue
            with contextlib.suppress(OSError, ValueError):  # it is another user's, ended by now, or its runner lives
                fd = os.open(f"/proc/{pid}/fd/{BOOK_FD}", os.O_RDWR | os.O_CLOEXEC)
                status = os.fstat(fd)
                if (status.st_dev, status.st_ino) in found or not _is_ours_alone(status):
                    os.close(fd)
                    continue
                book = _book_of(fd)
                if book is not None and (book.head["host_name"], book.head["servers"]) == (host_name, servers):
                    found[status.st_dev, status.st_ino] = book
                elif book is not None:
                    book.close()
        return list(found.values())

    def call_supervisor(self, pid: int) -> None:
        """Have it look into the book. It looks anyhow, every few seconds."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1)

    def wake_supervisor(self, pid: int) -> None:
        """Let one go on that somebody has stopped."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def kill_supervisor(self, pid: int) -> None:
        """End one that does not do its work; its command ends with it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def orphans(self, run_id: str, traces: Traces, supervisors: Container[int]) -> list[Process]:
        """List what is left of a run whose supervisor is gone, and stop it where it stands.

        What is stopped starts nothing, so we look until there is nothing new: what a process leaves behind in the
        moment of its end may have no mark of its own. What came to us from a supervisor is a lost run's, whichever.
        """
        found: set[Process] = set()
        stopped: set[Process] = set()
        for _ in range(LOOKS_MAX):
            found = orphans_of(run_id, traces) | self._orphans(supervisors)
            running = found - stopped
            if not running:
                break
            for process in running:
                _signal_process(process, (signal.SIGSTOP,))
            stopped |= running
        return sorted(found)

    def _orphans(self, supervisors: Container[int]) -> set[Process]:
        """Children of ours that are neither supervisors nor of our own session, as the link is, and all below them."""
        own_session = os.getsid(0)
        found: set[Process] = set()
        new = [pid for pid in proc.children(os.getpid()) or () if pid not in supervisors]
        while new:
            pid = new.pop()
            stat = proc.stat(pid)
            if stat is None or stat.is_dead or stat.session == own_session:
                continue
            found.add(Process(pid, stat.start_ticks))
            new += proc.children(pid) or ()
        return found

    def kill_verified(self, processes: Iterable[Process]) -> list[Process]:
        """Send SIGKILL to those that still are who they were; returns them (none: all are gone)."""
        alive = []
        for process in processes:
            stat = proc.stat(process.pid)
            if stat is not None and stat.start_ticks == process.start_ticks and not stat.is_dead:
                alive.append(process)
                _signal_process(process, (signal.SIGKILL,))
        return alive

    def frames_oom_score(self) -> int:
        """Above ours; the kernel lets nobody go below."""
        own = proc.read("/proc/self/oom_score_adj").strip()
        return min(1000, int(own or 0) + FRAMES_OOM_SCORE)

    @contextlib.contextmanager
    def rights_of(self, user: Optional[JobUser]) -> Iterator[None]:
        """Act on files as that user for a moment: a network disk may hide a folder from root."""
        if user is None:
            yield
            return
        own_gid, own_groups = os.getegid(), os.getgroups()
        try:
            os.setgroups(user.groups)
            os.setegid(user.gid)
            os.seteuid(user.uid)
            yield
        finally:
            os.seteuid(0)
            os.setegid(own_gid)
            os.setgroups(own_groups)

    def lookup_user(self, uid: int, gid: int, name: str) -> JobUser:
        """Make out whose rights a frame gets; a uid without an account gets no groups and no home."""
        import pwd

        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            return JobUser(uid, gid if gid > 0 else uid, name, "/", ())
        group = gid if gid > 0 else entry.pw_gid
        return JobUser(uid, group, entry.pw_name, entry.pw_dir, tuple(os.getgrouplist(entry.pw_name, group)))

    def host_size(self) -> HostSize:
        """Measure the machine: physical cores that this process may use, and all its memory."""
        sockets: set[str] = set()
        siblings = cores_per_socket = 1
        for line in proc.read("/proc/cpuinfo").decode("utf-8", "replace").splitlines():
            key, _, value = line.partition(":")
            key = key.strip()
            if key == "physical id":
                sockets.add(value.strip())
            elif key == "siblings":
                siblings = int(value)
            elif key == "cpu cores":
                cores_per_socket = int(value)
        threads_per_core = max(1, siblings // max(1, cores_per_socket))
        usable_threads = len(os.sched_getaffinity(0))
        cores = max(1, usable_threads // threads_per_core)
        return HostSize(max(1, len(sockets)), cores, threads_per_core, host_memory.machine().total_kb)

    def groups_folder(self) -> str:
        """Our own control group (version 2), where we may make others in it: root may, or who was delegated it."""
        return self._cgroups[0] if self._cgroups and os.access(self._cgroups[0], os.W_OK) else ""

    def drop_group(self, folder: str) -> None:
        """Remove a control group, if nothing is in it."""
        with contextlib.suppress(OSError):
            os.rmdir(folder)

    def memory(self) -> Memory:
        """Look at the machine and at the control groups (v2) that this process is in: the tightest counts."""
        return host_memory.narrowest(self._cgroups)

    def oom_kills(self) -> int:
        """Read the kernel's count, which has those of control groups too."""
        return proc.number_after(proc.read("/proc/vmstat"), b"\noom_kill ")

    def boot_id(self) -> str:
        """Name this boot of the machine: pids and start times mean nothing in another."""
        return machine.boot_id()

    def boot_seconds(self) -> float:
        """Read a clock that goes on while the machine sleeps and that nobody can set."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def _is_ours_alone(file: os.stat_result) -> bool:
    return S_ISREG(file.st_mode) and file.st_uid == os.geteuid() and not file.st_mode & 0o022


def _book_of(fd: int) -> Optional[Book]:
    """The book of an open file; None where its runner lives, or it is none."""
    try:
        return Book(fd)
    except (OSError, ValueError):
        with contextlib.suppress(OSError):
            os.close(fd)
        return None


_PROGRAM_NAMES = {b"supervise", b"stand_in.py"}


def _signal_process(process: Process, numbers: Iterable[signal.Signals]) -> None:
    """Signal a process, and nobody who got its pid after it: a descriptor of a process stays with that process."""
    try:
        fd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    except (OSError, AttributeError):  # a kernel before 5.3, a Python built on one, or a sandbox that does not know it
        fd = None
    try:
        if proc.start_ticks(process.pid) != process.start_ticks:
            return
        for number in numbers:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if fd is None:
                    os.kill(process.pid, number)
                else:
                    signal.pidfd_send_signal(fd, number)
    finally:
        if fd is not None:
            os.close(fd)

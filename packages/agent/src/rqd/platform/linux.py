"""Linux: sessions, signals and /proc."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Optional

from rqd.platform import RUN_ID_VARIABLE, Ending, HostSize, JobUser, Memory, Process

# A frame starts with default signals, whatever the agent or its parent ignores (nohup, a shell's `&`, Python itself).
_DEFAULTED_SIGNALS = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGPIPE,
    signal.SIGTERM,
    signal.SIGXFSZ,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
)
_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


class Linux:
    """The port's implementation. It holds no state: the kernel does."""

    def spawn(
        self, arguments: list[str], environment: Mapping[str, str], log_fd: int, user: Optional[JobUser]
    ) -> Process:
        """Start a session of its own, output to the descriptor; raises OSError or ValueError where it cannot."""
        if user is not None:
            pid = _spawn_as(user, arguments, environment, log_fd)
        else:
            pid = os.posix_spawn(
                arguments[0],
                arguments,
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log_fd, 1),
                    (os.POSIX_SPAWN_DUP2, log_fd, 2),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=_DEFAULTED_SIGNALS,
            )
        return Process(pid, _start_ticks(pid) or 0)  # it is our child and not reaped, so /proc has it even if it ended

    def has_exited(self, leader: int) -> bool:
        """Say whether a spawned leader has ended, without reaping it."""
        return os.waitid(os.P_PID, leader, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def reap(self, leader: int) -> Ending:
        """Collect an ended leader. Its pid may belong to somebody else from here on.

        The peak is that of the largest single process, and never under the runner's own size: the kernel counts the
        moment between fork and exec.
        """
        _, status, used = os.wait4(leader, 0)
        signal_number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        exit_status = 1 if signal_number else os.WEXITSTATUS(status)
        return Ending(exit_status, signal_number, used.ru_utime, used.ru_stime, used.ru_maxrss)

    def survivors(self, leaders: Iterable[int]) -> dict[int, list[int]]:
        """List the processes that each leader would leave behind if it were gone; none for most."""
        found: dict[int, list[int]] = {}
        for pid, session in _members(leaders):
            if pid != session and not _is_dead(pid):
                found.setdefault(session, []).append(pid)
        return found

    def terminate(self, leader: int) -> int:
        """Ask everything of the session to end; returns the signal's number."""
        _signal_session(leader, signal.SIGTERM, signal.SIGCONT)
        return int(signal.SIGTERM)

    def kill(self, leader: int) -> int:
        """End everything of the session, without appeal; returns the signal's number."""
        _signal_session(leader, signal.SIGKILL)
        return int(signal.SIGKILL)

    def suspend(self, leader: int) -> None:
        """Stop everything of the session where it stands."""
        _signal_session(leader, signal.SIGSTOP)

    def resume(self, leader: int) -> None:
        """Let everything of the session go on."""
        _signal_session(leader, signal.SIGCONT)

    def adopt(self, run_ids: Mapping[str, Optional[Process]]) -> dict[str, list[Process]]:
        """Find what is left of runs whose watcher died, by their leader and by their id in the environment.

        A session's number is a pid, and pids are used again. So a session counts only while its leader is the process
        that was recorded; anything else must carry the run's id in its environment.
        """
        sessions = {
            process.pid: run_id
            for run_id, process in run_ids.items()
            if process is not None and _start_ticks(process.pid) == process.start_ticks
        }
        found: dict[str, list[Process]] = {}
        for pid in _pids():
            run_id = sessions.get(_session_of(pid) or 0) or _run_id_of(pid)
            if run_id not in run_ids or pid == os.getpid() or _is_dead(pid):
                continue
            start_ticks = _start_ticks(pid)
            if start_ticks is not None:
                found.setdefault(run_id, []).append(Process(pid, start_ticks))
        return found

    def kill_verified(self, processes: Iterable[Process]) -> list[Process]:
        """Send SIGKILL to those that still are who they were; returns them (none: all are gone)."""
        alive = [p for p in processes if _start_ticks(p.pid) == p.start_ticks and not _is_dead(p.pid)]
        for process in alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGKILL)
        return alive

    def usage(self, leaders: Iterable[int]) -> dict[int, Memory]:
        """Measure each session."""
        found: dict[int, Memory] = {}
        for pid, session in _members(leaders):
            pages = _read(f"/proc/{pid}/statm").split()
            if len(pages) < 2:
                continue
            sum_so_far = found.get(session, Memory(0, 0))
            rss_kb = sum_so_far.rss_kb + int(pages[1]) * _PAGE_KB
            found[session] = Memory(rss_kb, sum_so_far.vsize_kb + int(pages[0]) * _PAGE_KB)
        return found

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
        for line in _read("/proc/cpuinfo").splitlines():
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
        memory = next((n for n in _read("/proc/meminfo").splitlines() if n.startswith("MemTotal:")), "MemTotal: 0 kB")
        cores = max(1, usable_threads // threads_per_core)
        return HostSize(max(1, len(sockets)), cores, threads_per_core, int(memory.split()[1]))

    def boot_id(self) -> str:
        """Name this boot of the machine: pids and start times mean nothing in another."""
        return _read("/proc/sys/kernel/random/boot_id").strip()

    def boot_seconds(self) -> float:
        """Read a clock that goes on while the machine sleeps and that nobody can set."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def _spawn_as(user: JobUser, arguments: list[str], environment: Mapping[str, str], log_fd: int) -> int:
    """Start a process with another user's rights; posix_spawn cannot, so this costs a fork of the small runner."""
    import subprocess

    process = subprocess.Popen(
        arguments,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=log_fd,
        stderr=log_fd,
        start_new_session=True,
        user=user.uid,
        group=user.gid,
        extra_groups=list(user.groups),
    )
    process.returncode = 0  # the runner reaps it; Popen must neither wait for it nor complain
    return process.pid


def _signal_session(leader: int, *numbers: signal.Signals) -> None:
    """Send signals to the leader's group and to every other group of its session.

    Safe only while the leader is an unreaped child of ours: until then the kernel gives its number to nobody else.
    """
    groups = {leader}
    for pid, _ in _members((leader,)):
        with contextlib.suppress(ProcessLookupError):
            groups.add(os.getpgid(pid))
    for group in groups:
        for number in numbers:
            # PermissionError: all that is left of the group has changed its user and is not ours to signal.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)


def _members(leaders: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Walk the processes of these sessions, dead ones too. One getsid a process: 90 µs for a hundred of them."""
    wanted = set(leaders)
    for pid in _pids():
        session = _session_of(pid)
        if session in wanted:
            yield pid, session


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _session_of(pid: int) -> Optional[int]:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; a command's name may hold blanks and brackets."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _is_dead(pid: int) -> bool:
    fields = _stat_fields(pid)
    return not fields or fields[0] in "ZX"


def _start_ticks(pid: int) -> Optional[int]:
    fields = _stat_fields(pid)
    return int(fields[19]) if len(fields) > 19 else None


def _run_id_of(pid: int) -> str:
    marker = RUN_ID_VARIABLE + "="
    for entry in _read(f"/proc/{pid}/environ").split("\0"):
        if entry.startswith(marker):
            return entry[len(marker) :]
    return ""


def _read(path: str) -> str:
    """Read a file of /proc; empty where the process is gone or is none of ours."""
    chunks = []
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # a third of the cost of a file object, and this runs per frame
    except OSError:
        return ""
    try:
        while chunk := os.read(fd, 65536):
            chunks.append(chunk)
    except OSError:
        return ""
    finally:
        os.close(fd)
    return b"".join(chunks).decode("utf-8", "replace")

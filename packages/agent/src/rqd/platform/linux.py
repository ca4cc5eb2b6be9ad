"""Linux: processes, signals and /proc. Whose a process is stands in `families`, and of a dead runner's in `remains`."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Optional

from rqd.platform import RUN_ID_VARIABLE, Ending, HostSize, JobUser, Memory, Process, Traces, proc
from rqd.platform.families import Families, Member
from rqd.platform.memory import MemoryMeter, peak_of_own_kb
from rqd.platform.remains import remains_of

SHARED_WALK_SECONDS = 0.015
"""Signals to several runs at once share one walk through /proc. What it missed is signalled at the next look."""

LOOKS_MAX = 20
"""What is not ours to signal may go on and start more: so often it is looked for, and no more at once."""

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
_OWN_TOLERANCE_KB = 2048  # the kernel counts pages on each processor apart, and sums them up only now and then


class Linux:
    """The port's implementation. What it remembers of runs is in `Families` and `MemoryMeter`."""

    def __init__(self) -> None:
        self._families = Families()
        self._meter = MemoryMeter(_machine_kb())
        self._own_peak_kb = peak_of_own_kb()

    def spawn(
        self, arguments: list[str], environment: Mapping[str, str], log_fd: int, user: Optional[JobUser]
    ) -> Process:
        """Start a session of its own in the current folder; raises OSError or ValueError where it cannot."""
        self._families.expect()
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
        self._own_peak_kb = peak_of_own_kb()
        self._families.born(pid, environment[RUN_ID_VARIABLE], log_fd)
        # It is our child and not reaped, so /proc has it even if it ended.
        return Process(pid, proc.start_ticks(pid) or 0)

    def has_exited(self, leader: int) -> bool:
        """Say whether a spawned leader has ended, without reaping it."""
        return os.waitid(os.P_PID, leader, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def reap(self, leader: int) -> Ending:
        """Collect an ended leader. Its pid may belong to somebody else from here on."""
        _, status, used = os.wait4(leader, 0)
        orphans = self._families.gone(leader)
        signal_number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        exit_status = 1 if signal_number else os.WEXITSTATUS(status)
        return Ending(
            exit_status,
            signal_number,
            used.ru_utime + orphans.user_seconds,
            used.ru_stime + orphans.system_seconds,
            used.ru_maxrss,
            # The kernel counts the moment between fork and exec, in which a process is as large as the runner.
            used.ru_maxrss > self._own_peak_kb + _OWN_TOLERANCE_KB,
        )

    def survivors(self, leaders: Iterable[int]) -> dict[int, list[int]]:
        """List the processes that each ended leader would leave behind; none for most."""
        return self._families.left_behind(leaders)

    def terminate(self, leader: int) -> int:
        """Ask everything of the run to end; returns the signal's number."""
        self._signal(leader, signal.SIGTERM, signal.SIGCONT)
        return int(signal.SIGTERM)

    def kill(self, leader: int) -> int:
        """End everything of the run, without appeal; returns the signal's number."""
        self._signal(leader, signal.SIGKILL)
        return int(signal.SIGKILL)

    def suspend(self, leader: int) -> None:
        """Stop everything of the run where it stands, what already does not go on excepted."""
        _signal_group(leader, (signal.SIGSTOP,))
        for member in self._members_of(leader):
            if member.group != leader and not member.is_stopped:
                _signal_process(member.process, (signal.SIGSTOP,))

    def resume(self, leader: int) -> None:
        """Let everything of the run go on."""
        _signal_group(leader, (signal.SIGCONT,))
        for member in self._members_of(leader):
            _signal_process(member.process, (signal.SIGCONT,))

    def adopt(self, runs: Mapping[str, Traces], pids_given_then: Optional[int]) -> dict[str, list[Process]]:
        """Find what is left of runs whose watcher died, and stop it where it stands.

        What is stopped starts nothing, so we look until there is nothing new: what a process leaves behind in the
        moment of its end may have no mark of its own.
        """
        found: dict[str, list[Process]] = {}
        stopped: set[Process] = set()
        for _ in range(LOOKS_MAX):
            found = remains_of(runs, pids_given_then)
            running = {process for processes in found.values() for process in processes} - stopped
            if not running:
                break
            for process in running:
                _signal_process(process, (signal.SIGSTOP,))
            stopped |= running
        return found

    def pids_given(self) -> Optional[int]:
        """Count the pids that the kernel has given since the boot; None where it does not tell."""
        return proc.pids_given()

    def kill_verified(self, processes: Iterable[Process]) -> list[Process]:
        """Send SIGKILL to those that still are who they were; returns them (none: all are gone)."""
        alive = []
        for process in processes:
            stat = proc.stat(process.pid)
            if stat is not None and stat.start_ticks == process.start_ticks and not stat.is_dead:
                alive.append(process)
                _signal_process(process, (signal.SIGKILL,))
        return alive

    def strays(self) -> dict[int, frozenset[Process]]:
        """List what each run was last seen to have outside of its leader's session, by leader; none for most."""
        return self._families.strays()

    def usage(self, leaders: Iterable[int]) -> dict[int, Memory]:
        """Measure each run."""
        wanted = set(leaders)

        def processes() -> dict[int, list[int]]:
            members = self._families.members()
            return {leader: [member.process.pid for member in members.get(leader, ())] for leader in wanted}

        return self._meter.measure(processes(), processes)

    def _members_of(self, leader: int) -> list[Member]:
        return self._families.members(SHARED_WALK_SECONDS).get(leader, [])

    def _signal(self, leader: int, *numbers: signal.Signals) -> None:
        """Signal the leader's group, which reaches what it forks at this moment, and each process outside of it."""
        _signal_group(leader, numbers)
        for member in self._members_of(leader):
            if member.group != leader:
                _signal_process(member.process, numbers)

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
        return HostSize(max(1, len(sockets)), cores, threads_per_core, _machine_kb())

    def boot_id(self) -> str:
        """Name this boot of the machine: pids and start times mean nothing in another."""
        return proc.read("/proc/sys/kernel/random/boot_id").decode("ascii").strip()

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


def _signal_group(leader: int, numbers: Iterable[signal.Signals]) -> None:
    """Signal the leader's own group.

    Safe only while the leader is an unreaped child of ours: until then the kernel gives its number to nobody else.
    """
    for number in numbers:
        # PermissionError: all that is left of the group has changed its user and is not ours to signal.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, number)


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


def _machine_kb() -> int:
    """All memory of this machine."""
    line = next((n for n in proc.read("/proc/meminfo").splitlines() if n.startswith(b"MemTotal:")), b"MemTotal: 0 kB")
    return int(line.split()[1])

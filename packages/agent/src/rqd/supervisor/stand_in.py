"""A run's supervisor in Python, for machines on which `program/` was not compiled: it does the same, and is larger.

It is a program of its own (`python stand_in.py PAGE COMMAND [PROGRAM [ARGUMENT...]]`) and imports next to nothing,
since every run pays for that. Its parts, and why things are as they are, are those of `program/*.c`. One thing it
cannot: Python reads the time zone when it starts, so a `TZ` that names a file on a hung disk holds it up.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import resource  # noqa: F401 (os.wait4 wants it, and a frame may take the descriptors for that from us)
import signal
import sys
import time
from stat import S_ISREG
from typing import NamedTuple, Optional

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import book  # type: ignore[import-not-found]  # it stands beside this program

BOOK_FD = 3
LOG_FD = 1
LOOKS_MAX = 20
LOOK_AGAIN_SECONDS_MIN = 0.005
LOOK_AGAIN_SECONDS_MAX = 0.5
STOPPED_TOGETHER_SECONDS = 1.0
DIES_OF_ITS_AGENTS_STOP_SECONDS = 10.0
DIES_OF_A_STOP_SECONDS = 100.0
STOPS = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGTERM})
SHARING_KB_THAT_MATTERS = 64 << 10
WALK_BUDGET_KB = 24 << 20
WALK_REST_FACTOR = 100
FILES_MAX = 256
DESCRIPTORS_MAX = 4096
OWN_LOG_BYTES_MAX = 64 << 20
LOG_LOOK_AGAIN_SECONDS = 0.1
OUT_OF_MEMORY = 33
LOG_GRACE_SECONDS_MAX = 1.0
LEASE_GRACE_SECONDS_MAX = 10.0
JOIN_SECONDS_MAX = 0.05
FIND_SECONDS_MAX = 1.0
FIND_AGAIN_SECONDS = 0.01
STOP_AGAIN_SECONDS = 0.01
NAMED_MAX = 4
OOM_SAMPLES_MAX = 4
RULE = "=" * 59 + "\n"

# Why a program cannot be started, where that is the frame's own doing.
_NO_PROGRAM = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENOEXEC, errno.ELOOP, errno.ENAMETOOLONG)

# Why something cannot be opened that need not be gone.
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)

_SI_USER, _SI_KERNEL = 0, 0x80
_KCMP = {"x86_64": 312, "aarch64": 272}.get(os.uname().machine)
_KCMP_VM = 1
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)
_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


def _boot_seconds() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class _Stat(NamedTuple):
    state: str
    parent: int
    start_ticks: int


def _read(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _write(path: str, text: str) -> bool:
    """Write to a file of the kernel's; says whether it took that."""
    try:
        with open(path, "w") as file:
            file.write(text)
    except OSError:
        return False
    return True


def _stat(pid: int) -> Optional[_Stat]:
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return _Stat(fields[0], int(fields[1]), int(fields[19])) if len(fields) > 19 else None


class _Found(list[int]):
    """Processes; `is_cut` where something could not be read, and is not known to be gone."""

    is_cut = False

    def add_children(self, pid: int) -> None:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                path = f"/proc/{pid}/task/{thread}/children"
                with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(path, "rb", buffering=0) as file:
                    self += map(int, file.read().split())
        except OSError as problem:
            self.is_cut = self.is_cut or problem.errno in _NO_ROOM


def _processes() -> _Found:
    """Everything below us."""
    found, own = _Found(), os.getpid()
    if not os.access(f"/proc/{own}/task/{own}/children", os.R_OK):
        try:
            found += _by_parents(own)
        except OSError as problem:
            found.is_cut = problem.errno in _NO_ROOM
        return found
    found.add_children(own)
    for pid in found:  # grows while it is walked
        found.add_children(pid)
    return found


def _all_processes() -> _Found:
    """The same for whoever must reach all of them. What cannot be found for a while ends us."""
    until = _boot_seconds() + FIND_SECONDS_MAX
    while True:
        found = _processes()
        if not found.is_cut:
            return found
        if _boot_seconds() >= until:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(FIND_AGAIN_SECONDS)


def _by_parents(own: int) -> list[int]:
    """The same where the kernel does not tell a process's children."""
    parents = {}
    for name in os.listdir("/proc"):
        stat = _stat(int(name)) if name.isdigit() else None
        if stat is not None:
            parents[int(name)] = stat.parent
    found, new = [], [own]
    while new:
        new = [pid for pid, parent in parents.items() if parent in new]
        found += new
    return found


def _signal_all(number: int) -> None:
    for pid in _all_processes():
        stat = _stat(pid)
        if stat is not None and stat.state not in "ZX":
            with contextlib.suppress(OSError):
                os.kill(pid, number)


def _stop_all() -> None:
    """Stop everything where it stands: with rests at last, for what has to wait for a processor before it can stop."""
    for look in range(LOOKS_MAX):
        is_new = False
        for pid in _all_processes():
            stat = _stat(pid)
            if stat is not None and stat.state not in "TtZX":
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGSTOP)
                    is_new = True
        if not is_new:
            return
        time.sleep(STOP_AGAIN_SECONDS if look >= LOOKS_MAX // 2 else 0)


def _number_after(text: str, label: str, otherwise: int = 0) -> int:
    words = text.partition(label)[2].split(None, 1)
    return int(words[0]) if words else otherwise


def _pages(pid: int) -> tuple[int, int]:
    """The virtual and the resident size of a process; 0 where it is gone, or about to go."""
    pages = _read(f"/proc/{pid}/statm").split()
    return (int(pages[0]), int(pages[1])) if len(pages) >= 2 else (0, 0)


def _has_its_parents_memory(pid: int, sizes: dict[int, int]) -> bool:
    """Between vfork and exec a process has its parent's memory, and so it has that parent's sizes."""
    if _KCMP is None or not any(sizes[other] == sizes[pid] for other in sizes if other != pid):
        return False
    stat = _stat(pid)
    if stat is None or sizes.get(stat.parent) != sizes[pid]:
        return False
    return int(_LIBC.syscall(_KCMP, stat.parent, pid, _KCMP_VM, 0, 0)) == 0


def _proportional_kb(pid: int) -> tuple[int, int]:
    """The proportional size of a process, what it swapped out included, and what of that is shared memory."""
    text = _read(f"/proc/{pid}/smaps_rollup")
    if "\nPss:" not in text:
        return _pages(pid)[1] * _PAGE_KB, 0
    held_kb = _number_after(text, "\nPss:") + _number_after(text, "\nSwapPss:")
    return held_kb, _number_after(text, "\nPss_Shmem:")


def _machine_kb() -> tuple[int, int]:
    """Memory of the machine, swap included, and what of it is swapped out now."""
    text = _read("/proc/meminfo")
    swap_kb = _number_after(text, "SwapTotal:")
    return _number_after(text, "MemTotal:", 1 << 62) + swap_kb, swap_kb - _number_after(text, "SwapFree:")


def _mounts_in_memory() -> set[int]:
    return {int(line.split()[0]) for line in _read("/proc/self/mountinfo").splitlines() if " - tmpfs " in line}


def _open_files_kb(pids: list[int], mounts: set[int]) -> int:
    """What files in memory (/dev/shm, memfd) hold that these processes have open, each once."""
    files: dict[tuple[int, int], int] = {}
    looked_at = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                looked_at += 1
                if looked_at > DESCRIPTORS_MAX or len(files) >= FILES_MAX:
                    return sum(files.values())
                with contextlib.suppress(OSError):
                    if _holds_memory(pid, descriptor, mounts):
                        found = os.stat(f"/proc/{pid}/fd/{descriptor}")
                        if S_ISREG(found.st_mode):
                            files[found.st_dev, found.st_ino] = found.st_blocks // 2
    return sum(files.values())


def _holds_memory(pid: int, descriptor: str, mounts: set[int]) -> bool:
    """Whether a descriptor is of a file in memory. Only such a file is asked for its size: any other disk may hang."""
    path = os.readlink(f"/proc/{pid}/fd/{descriptor}")
    if path.startswith("/memfd:"):
        return True
    return path.startswith("/") and _number_after(_read(f"/proc/{pid}/fdinfo/{descriptor}"), "mnt_id:") in mounts


class _NoProgram(OSError):
    """What was named cannot be started."""


def _become_program(words: list[str]) -> None:
    """Become a program, by its path or from the folders of PATH. Raises _NoProgram where that cannot be."""
    folders = os.environ.get("PATH", "").split(":")
    paths = words[:1] if "/" in words[0] else [f"{folder}/{words[0]}" for folder in folders]
    problem = OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    for path in paths:
        try:
            os.execve(path, words, os.environ)
        except OSError as failure:
            if failure.errno not in (errno.ENOENT, errno.ENOTDIR) and problem.errno == errno.ENOENT:
                problem = failure
    raise _NoProgram(problem.errno, problem.strerror)


class Supervisor:
    """One run, from its command's start to the foot of its log."""

    def __init__(self, head: book.Page, run: book.Page) -> None:
        self._head = head
        self._run = run
        self._leader = 0
        self._leader_status: Optional[int] = None
        self._is_ending = False
        self._kill_at = 0.0
        self._killed_first_at = 0.0
        self._last_signal = 0
        self._suspended_at = 0.0
        self._suspended_seconds = 0.0
        self._stopped_at = 0.0
        self._started_at = 0.0
        self._grew_ms = 0
        self._was_shot = False
        self._unkillable_seconds = 0.0
        self._walk_due_at = 0.0
        self._walked_kb = self._walked_sum_kb = self._walked_max_kb = self._walked_shared_kb = 0
        self._mounts_in_memory: Optional[set[int]] = None
        self._log_is_watched = True  # at first nobody knows how fast it grows
        self._log_bytes = 0
        self._log_looked_at = 0.0
        self._has_joined = False

    def main(self, command: str, arguments: list[str]) -> None:
        """Supervise the run to its end."""
        run = self._run
        run["supervisor_pid"] = os.getpid()
        run["start_ms"] = int(time.time() * 1000)
        self._started_at = _boot_seconds()
        run["started_ns"] = run["alive_ns"] = int(self._started_at * 1e9)
        self._note_log()
        problem, is_program = self._start(command, arguments)
        if problem:
            run["start_errno"] = problem
            run["end_ms"] = int(time.time() * 1000)
            is_own = problem == errno.E2BIG or (is_program and problem in _NO_PROGRAM)
            run["end_cause"] = "launch_failed" if is_own else "host_fault"
            who = f"{arguments[0][:400]} cannot be" if is_program else "no process could be"
            whom = "" if is_program else " for the command"
            run["end_words"] = f"{who} started{whom}: {os.strerror(problem)}"
            run["exit_status"] = 1
        else:
            run["leader_pid"] = self._leader
            run["phase"] = book.RUNNING
            os.chdir("/")
            self._watch()
            self._note_end()
            self._leave_group()
        self._write_foot()
        run["phase"] = book.ENDED

    # --- the command -------------------------------------------------------------------------------------------------

    def _start(self, command: str, arguments: list[str]) -> tuple[int, bool]:
        """Start the command; returns 0, or why there is no process, and whether the program is at fault."""
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        try:
            self._leader = os.fork()
        except OSError as problem:
            return problem.errno or errno.EAGAIN, False
        if self._leader == 0:
            try:
                self._become_frame(command, arguments)
            except OSError as problem:
                os.write(theirs, f"{problem.errno or errno.EINVAL} {int(isinstance(problem, _NoProgram))}".encode())
            finally:
                os._exit(127)
        os.close(theirs)
        said = os.read(ours, 16).split()
        os.close(ours)
        if not said:
            return 0, False
        os.waitpid(self._leader, 0)
        return int(said[0]), said[1] == b"1"

    def _become_frame(self, command: str, arguments: list[str]) -> None:
        run = self._run
        os.setsid()
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            with contextlib.suppress(OSError):
                signal.signal(number, signal.SIG_DFL)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(run["oom_score_adj"]))
        if run["become_user"]:
            if run["group_count"] > book.GROUPS_MAX:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            os.setgroups(run["groups"][: run["group_count"]])
            os.setresgid(run["gid"], run["gid"], run["gid"])
            os.setresuid(run["uid"], run["uid"], run["uid"])
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != run["supervisor_pid"]:  # it died before that was asked
            os._exit(127)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if arguments and not command:
            _become_program(arguments)
        if arguments:
            with contextlib.suppress(OSError):
                os.execve(arguments[0], arguments, os.environ)
        os.execve("/bin/sh", ["/bin/sh", "-c", command], os.environ)

    # --- watching ----------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        run = self._run
        sample_seconds = self._head["sample_ns"] / 1e9
        sample_at, waited = _boot_seconds() + sample_seconds / 10, LOOK_AGAIN_SECONDS_MIN
        while True:
            self._await_signal(self._patience(sample_at, waited))
            self._note_time()
            if self._reap():
                return
            if self._leader_status is not None and not self._is_ending:
                run["left_behind"] = self._note_left()
                self._begin_to_end("exited", "", run["kill_grace_ms"] / 1000)
            self._take_order()
            self._keep_lease()
            if self._log_is_watched or _boot_seconds() >= sample_at:
                self._note_log()
            if _boot_seconds() >= sample_at:
                if not self._is_ending:
                    self._join_group()
                self._measure()
                self._keep_limits()
                if run["suspended"]:
                    _stop_all()
                sample_at = _boot_seconds() + sample_seconds
            if self._is_ending:
                self._escalate_kill()
                waited = min(waited * 2, LOOK_AGAIN_SECONDS_MAX)

    def _patience(self, sample_at: float, look_again: float) -> float:
        now, until, lease_until = _boot_seconds(), sample_at, self._head["lease_until_ns"] / 1e9
        if not self._is_ending and not self._run["suspended"] and self._head["policy"] != book.CONTINUE and lease_until:
            until = min(until, lease_until)
        if self._is_ending:
            until = min(until, now + look_again)
        if self._log_is_watched and not self._is_ending:
            until = min(until, now + LOG_LOOK_AGAIN_SECONDS)
        return max(until - now, 0.001)

    def _reap(self) -> bool:
        """Collect whatever has ended below us; says whether nothing is left."""
        run, own_size_kb = self._run, 0
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            run["user_us"] = run["user_us"] + int(used.ru_utime * 1e6)
            run["system_us"] = run["system_us"] + int(used.ru_stime * 1e6)
            if used.ru_maxrss > run["largest_kb"]:
                own_size_kb = own_size_kb or self._own_size_kb()
            if run["largest_kb"] < used.ru_maxrss > own_size_kb:
                run["largest_kb"] = used.ru_maxrss
            if pid == self._leader and self._leader_status is None:
                self._leader_status = status
                is_shot = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL != self._last_signal
                self._was_shot = is_shot and self._kernel_was_short()

    def _kernel_was_short(self) -> bool:
        """Whether the kernel has ended processes for want of memory since a moment ago."""
        head = self._head
        age_seconds = _boot_seconds() - head["oom_kills_at_ns"] / 1e9
        if not head["oom_kills_at_ns"] or age_seconds > OOM_SAMPLES_MAX * head["sample_ns"] / 1e9:
            return False
        return _number_after(_read("/proc/vmstat"), "\noom_kill ") > int(head["oom_kills"])

    def _note_left(self) -> int:
        """Note who is left, a few by name; returns how many."""
        alive = [pid for pid in _processes() if (found := _stat(pid)) is not None and found.state not in "ZX"]
        names = ", ".join(f"{pid} ({_read(f'/proc/{pid}/comm').rstrip()})" for pid in alive[:NAMED_MAX])
        self._run["left_names"] = names + (f" and {len(alive) - NAMED_MAX} more" if len(alive) > NAMED_MAX else "")
        return len(alive)

    def _own_size_kb(self) -> int:
        """Between fork and exec a process is as large as this one: the kernel counts that, and it tells nothing."""
        return _number_after(_read("/proc/self/status"), "VmHWM:", -2048) + 2048

    def _take_order(self) -> None:
        run = self._run
        number, order = run["order_number"], run["order"]
        if number == run["order_done"] or not order:
            return
        cause, words, grace_seconds = run["order_cause"], run["order_words"], run["order_grace_ms"] / 1000
        if (run["order_number"], run["order"]) != (number, order):
            return  # it is being written
        if order == book.ORDER_END:
            self._begin_to_end(cause, words, grace_seconds)
        elif order == book.ORDER_SUSPEND:
            self._suspend()
        elif order == book.ORDER_RESUME:
            self._resume()
        run["order_done"] = number

    def _keep_lease(self) -> None:
        until, policy = self._head["lease_until_ns"] / 1e9, self._head["policy"]
        standing_seconds = self._head["standing_ns"] / 1e9
        if self._run["suspended"] and 0 < standing_seconds < _boot_seconds() - self._suspended_at:
            self._begin_to_end("lease", "it stood still for too long without a server", 0)
        if policy == book.CONTINUE or not until or _boot_seconds() < until:
            return
        if policy == book.SUSPEND and not self._is_ending:
            self._suspend()
            return
        if not self._is_ending:
            words = "no server answered in time (--on-lost-contact kill)"
            self._begin_to_end("lease", words, self._run["kill_grace_ms"] / 1000)
        self._kill_at = min(self._kill_at, until + (LEASE_GRACE_SECONDS_MAX if policy == book.KILL else 0))

    def _keep_limits(self) -> None:
        run = self._run
        if self._is_ending or run["suspended"]:
            return
        grace_seconds, memory_kb = run["kill_grace_ms"] / 1000, run["memory_max_kb"]
        timeout_ms, silence_ms = run["timeout_ms"], run["silence_ms"]
        if self._is_out_of_memory():
            held_mb = run["rss_kb"] + 1023 >> 10
            words = f"out of memory: it held {held_mb} MB, more than the {memory_kb >> 10} MB that it may"
            self._begin_to_end("memory", words, grace_seconds)
        elif timeout_ms and self._ran_ms() > timeout_ms:
            words = f"timed out: it ran longer than the {_time(timeout_ms)} that its layer allows (timeout)"
            self._begin_to_end("timeout", words, grace_seconds)
        elif silence_ms and self._ran_ms() - self._grew_ms > silence_ms:
            words = f"timed out: its log did not grow for the {_time(silence_ms)} that its layer allows (timeout_llu)"
            self._begin_to_end("silent", words, grace_seconds)

    def _is_out_of_memory(self) -> bool:
        """Say whether it holds too much, measured where it stands.

        Pages that become shared while they are counted are counted more than once.
        """
        limit_kb = self._run["memory_max_kb"]
        if limit_kb == 0 or self._run["rss_kb"] <= limit_kb:
            return False
        _stop_all()
        self._measure()
        if self._run["rss_kb"] > limit_kb:
            return True  # what ends it wakes it
        _signal_all(signal.SIGCONT)
        return False

    def _measure(self) -> None:
        sizes: dict[int, int] = {}
        virtual_sizes: dict[int, int] = {}
        machine_kb, swapped_kb = _machine_kb()
        for pid in _processes():
            pages_virtual, pages = _pages(pid)
            out_kb = _number_after(_read(f"/proc/{pid}/status"), "\nVmSwap:") if swapped_kb else 0
            sizes[pid] = pages * _PAGE_KB + out_kb
            virtual_sizes[pid] = pages_virtual * _PAGE_KB
        for pid in reversed(list(sizes)):  # a child stands behind its parent
            if sizes[pid] and _has_its_parents_memory(pid, sizes):
                sizes[pid] = virtual_sizes[pid] = 0
        virtual_kb = sum(virtual_sizes.values())
        sum_kb, largest_kb = sum(sizes.values()), max(sizes.values(), default=0)
        held_kb = sum_kb
        most_shared_kb, seems_too_much = sum_kb - largest_kb, 0 < self._run["memory_max_kb"] < sum_kb
        is_walked = most_shared_kb >= SHARING_KB_THAT_MATTERS or (most_shared_kb > 0 and seems_too_much)
        if is_walked:
            held_kb = min(max(self._walked(sizes, sum_kb), largest_kb), sum_kb)
        if self._mounts_in_memory is None:
            self._mounts_in_memory = _mounts_in_memory()
        files_kb = _open_files_kb(list(sizes), self._mounts_in_memory)
        if files_kb:
            mapped_kb = self._walked_shared_kb
            if not is_walked:
                counted = (pid for pid in sizes if sizes[pid])
                mapped_kb = sum(_number_after(_read(f"/proc/{pid}/status"), "\nRssShmem:") for pid in counted)
            held_kb += max(0, files_kb - mapped_kb)
        held_kb = min(held_kb, machine_kb)
        run = self._run
        run["rss_kb"], run["virtual_kb"] = held_kb, virtual_kb
        run["rss_max_kb"] = max(run["rss_max_kb"], held_kb)
        run["virtual_max_kb"] = max(run["virtual_max_kb"], virtual_kb)
        stats = [(found.start_ticks, pid) for pid in sizes if (found := _stat(pid)) is not None]
        run["members"] = tuple(number for member in stats for number in member)

    # --- a control group, as a second net ----------------------------------------------------------------------------

    def _make_group(self) -> bool:
        run, folder = self._run, self._head["group_folder"]
        group = f"{folder}/cuefarm-{run['run_id']}"
        if run["group"]:
            return True
        if not folder or not run.has_room("group", group):
            return False
        try:
            os.mkdir(group)
        except FileExistsError:
            pass
        except OSError:
            return False
        run["group"] = group
        return True

    def _join_group(self) -> None:
        """Move all into the group; what starts processes faster than that is moved at a later look."""
        if self._has_joined or not self._make_group():
            return
        until = _boot_seconds() + JOIN_SECONDS_MAX
        for _ in range(LOOKS_MAX):
            self._reap()
            is_new = False
            for pid in _processes():
                if _boot_seconds() >= until:
                    return
                is_new = (self._is_outside(pid) and _write(f"{self._run['group']}/cgroup.procs", str(pid))) or is_new
            if not is_new:
                self._has_joined = True
                return

    def _is_outside(self, pid: int) -> bool:
        if self._run["run_id"] in _read(f"/proc/{pid}/cgroup"):
            return False
        stat = _stat(pid)
        return stat is not None and stat.state not in "ZX"

    def _leave_group(self) -> None:
        with contextlib.suppress(OSError):
            if self._run["group"]:
                os.rmdir(self._run["group"])
                self._run["group"] = ""

    # --- memory ------------------------------------------------------------------------------------------------------

    def _walked(self, sizes: dict[int, int], sum_kb: int) -> int:
        """The sum of proportional sizes; the kernel walks through all pages for it, where that is due."""
        began, limit_kb = _boot_seconds(), self._run["memory_max_kb"]
        guess_kb = self._walked_kb + max(0, sum_kb - self._walked_sum_kb)
        is_peak = guess_kb * 10 > self._walked_max_kb * 11
        if began < self._walk_due_at and not is_peak and not 0 < limit_kb < guess_kb:
            return guess_kb
        self._walked_kb, self._walked_shared_kb, budget_kb = 0, 0, WALK_BUDGET_KB
        for pid, resident_kb in sizes.items():
            if not resident_kb:
                continue
            held_kb, shared_kb = resident_kb, 0
            if resident_kb <= budget_kb:
                budget_kb -= resident_kb
                held_kb, shared_kb = _proportional_kb(pid)
            self._walked_kb += held_kb
            self._walked_shared_kb += shared_kb
        has_shrunk = sum(_pages(pid)[1] for pid in sizes) * _PAGE_KB * 10 < sum_kb * 9
        if has_shrunk:  # what leaves during the walk makes the shares of the others larger
            self._walked_kb = min(self._walked_kb, self._run["rss_kb"])
        self._walked_sum_kb = sum_kb
        self._walked_max_kb = max(self._walked_max_kb, self._walked_kb)
        rest_factor = WALK_REST_FACTOR * max(1, self._head["live_runs"])
        self._walk_due_at = _boot_seconds() + rest_factor * (_boot_seconds() - began)
        return self._walked_kb

    # --- suspending and ending ---------------------------------------------------------------------------------------

    def _suspend(self) -> None:
        if self._is_ending:
            return
        if not self._run["suspended"]:
            self._suspended_at = _boot_seconds()
            self._run["suspended"] = 1
        _stop_all()

    def _resume(self) -> None:
        if not self._run["suspended"]:
            return
        self._suspended_seconds += _boot_seconds() - self._suspended_at
        self._run["suspended"] = 0
        _signal_all(signal.SIGCONT)

    def _begin_to_end(self, cause: str, words: str, grace_seconds: float) -> None:
        at = _boot_seconds() + grace_seconds
        if self._is_ending:
            self._kill_at = min(self._kill_at, at)
            return
        self._is_ending, self._kill_at = True, at
        self._run["end_cause"], self._run["end_words"] = cause, words
        self._run["phase"] = book.ENDING
        if self._run["suspended"]:
            self._kill_at = _boot_seconds()
            return
        self._last_signal = signal.SIGTERM
        _signal_all(signal.SIGTERM)
        _signal_all(signal.SIGCONT)

    def _escalate_kill(self) -> None:
        now = _boot_seconds()
        if now < self._kill_at:
            return
        self._killed_first_at = self._killed_first_at or now
        if self._leader_status is None:
            self._last_signal = signal.SIGKILL
        _signal_all(signal.SIGKILL)
        if self._run["group"]:
            _write(f"{self._run['group']}/cgroup.kill", "1")
        if 0 < self._head["unkillable_ns"] < (now - self._killed_first_at) * 1e9:
            self._run["unkillable"] = self._note_left()
            self._unkillable_seconds = now - self._killed_first_at

    def _note_log(self) -> None:
        """Look at the log. One that would be too long before the next sample is looked at more often."""
        run, now = self._run, _boot_seconds()
        try:
            log = os.fstat(LOG_FD)
        except OSError:
            self._log_is_watched = False
            return
        if int(log.st_mtime * 1000) != run["log_written_ms"]:
            self._grew_ms = self._ran_ms()
        run["log_written_ms"] = int(log.st_mtime * 1000)
        most_bytes, grown_bytes = run["log_max_bytes"], max(0, log.st_size - self._log_bytes)
        if most_bytes and log.st_size > most_bytes:
            self._log_is_watched = False
            if not self._is_ending:
                self._end_for_its_log(log.st_size)
        elif self._log_looked_at:
            bytes_a_sample = grown_bytes / (now - self._log_looked_at + 1e-9) * self._head["sample_ns"] / 1e9
            self._log_is_watched = 0 < most_bytes < log.st_size + bytes_a_sample
        self._log_bytes, self._log_looked_at = log.st_size, now

    def _end_for_its_log(self, grown_to_bytes: int) -> None:
        most_bytes = self._run["log_max_bytes"]
        words = f"its log grew to {grown_to_bytes >> 20} MB, more than the {most_bytes >> 20} MB that it may"
        words += " (rqd's --log-max-mb on this host)"
        self._begin_to_end("log_limit", words, min(self._run["kill_grace_ms"] / 1000, LOG_GRACE_SECONDS_MAX))

    def _note_time(self) -> None:
        self._run["alive_ns"] = int(_boot_seconds() * 1e9)
        self._run["run_ms"] = self._ran_ms()

    def _ran_ms(self) -> int:
        now = self._suspended_at if self._run["suspended"] else _boot_seconds()
        return int((now - self._started_at - self._suspended_seconds) * 1000)

    # --- when everything is stopped ----------------------------------------------------------------------------------

    def _await_signal(self, patience_seconds: float) -> None:
        found = signal.sigtimedwait({signal.SIGCHLD, signal.SIGUSR1, *STOPS}, patience_seconds)
        if found is None or found.si_signo not in STOPS or found.si_code not in (_SI_USER, _SI_KERNEL):
            return
        if not _comes_from_the_run(found.si_pid):
            self._stopped_at = _boot_seconds()

    def _was_stopped_with_everything(self, number: int) -> bool:
        now, told_at = _boot_seconds(), self._head["told_to_stop_ns"] / 1e9
        if self._stopped_at and now - self._stopped_at < DIES_OF_A_STOP_SECONDS:
            return True
        is_near = bool(told_at) and now - told_at < DIES_OF_ITS_AGENTS_STOP_SECONDS
        return is_near and number in {*STOPS, signal.SIGKILL}

    def _is_of_a_stop(self) -> bool:
        status, number = self._run["exit_status"], self._run["exit_signal"]
        if not status and not number:
            return False
        number = number or status - 128
        until = _boot_seconds() + (STOPPED_TOGETHER_SECONDS if number in STOPS else 0)
        while True:
            self._await_signal(max(0.0, until - _boot_seconds()))
            if self._was_stopped_with_everything(number):
                return True
            if _boot_seconds() >= until:
                return False

    # --- the end -----------------------------------------------------------------------------------------------------

    def _note_end(self) -> None:
        run, status = self._run, self._leader_status or 0
        is_killed = self._is_ending and run["end_cause"] != "exited"
        run["end_ms"] = int(time.time() * 1000)
        run["run_ms"] = self._ran_ms()
        run["suspended"] = run["unkillable"] = 0
        if os.WIFSIGNALED(status):
            run["exit_status"], run["exit_signal"] = 1, os.WTERMSIG(status)
        else:
            run["exit_status"] = 1 if is_killed else os.WEXITSTATUS(status)
            run["exit_signal"] = self._last_signal if is_killed else 0
        if run["end_cause"] == "log_limit":
            with contextlib.suppress(OSError):
                os.ftruncate(LOG_FD, run["log_max_bytes"])
        if not is_killed and self._was_shot:
            run["end_cause"] = "memory"
            run["end_words"] = "it was killed while the kernel ended processes for want of memory"
        elif not is_killed and self._is_of_a_stop():
            run["end_cause"], run["end_words"] = "shutdown", "everything on its machine was told to stop"
        elif not is_killed:
            run["end_cause"] = "exited"
            if (run["exit_status"] or run["exit_signal"]) and _is_log_disk_full():
                run["log_errno"] = errno.ENOSPC

    def _write_foot(self) -> None:
        run = self._run
        with contextlib.suppress(OSError):
            run["output_ends_at"] = os.fstat(LOG_FD).st_size
        most_kb = max(run["rss_max_kb"], run["largest_kb"])
        is_memory = run["end_cause"] == "memory"
        status, number = (OUT_OF_MEMORY, 0) if is_memory else (run["exit_status"], run["exit_signal"])
        rows = [("exitStatus", status), ("exitSignal", number), ("cause", run["end_cause"])]
        if run["end_words"]:
            rows.append(("message" if run["start_errno"] else "killMessage", run["end_words"]))
        if run["left_behind"]:
            rows.append(("leftBehind", f"{run['left_behind']} left behind, ended: {run['left_names']}"))
        if self._unkillable_seconds:
            rows.append(("unkillable", f"{int(self._unkillable_seconds)} s after SIGKILL: {run['left_names']}"))
        rows += [
            ("startTime", self._local_time(run["start_ms"])),
            ("endTime", self._local_time(run["end_ms"])),
            *([("pid", run["leader_pid"])] if run["leader_pid"] else []),
            ("maxrss", most_kb),
            ("maxUsedGpuMemory", 0),
            ("utime", f"{run['user_us'] / 1e6:.2f}"),
            ("stime", f"{run['system_us'] / 1e6:.2f}"),
            ("renderhost", self._head["host_name"]),
            ("maxrss (KB)", most_kb),
        ]
        table = "".join(f"{label:<20}{value}\n".replace("\n", "\\n", str(value).count("\n")) for label, value in rows)
        data = f"\n{RULE}RenderQ Job Complete\n{table}{RULE}".encode("utf-8", "replace")
        try:
            while data:
                data = data[os.write(LOG_FD, data) :]
        except OSError as problem:
            run["log_errno"] = problem.errno or errno.EIO

    def _local_time(self, ms: int) -> str:
        return time.asctime(time.gmtime(ms // 1000 + self._head["utc_offset_s"]))


def _comes_from_the_run(sender: int) -> bool:
    own = os.getpid()
    while sender not in (0, own):
        stat = _stat(sender)
        if stat is None:
            return True
        sender = stat.parent
    return sender == own


def _time(ms: int) -> str:
    """Time-outs are given in minutes by whoever set them."""
    return f"{ms // 60_000} min" if ms % 60_000 == 0 else f"{ms // 1000} s"


def _is_log_disk_full() -> bool:
    with contextlib.suppress(OSError):
        disk = os.fstatvfs(LOG_FD)
        return os.fstat(LOG_FD).st_size <= OWN_LOG_BYTES_MAX and disk.f_blocks > 0 and disk.f_bavail == 0
    return False


def main() -> int:
    """Supervise the run of a page."""
    if len(sys.argv) < 3:
        sys.stderr.write("stand_in.py PAGE COMMAND [PROGRAM [ARGUMENT...]]; rqd starts it\n")
        return 64
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    number, command, *arguments = sys.argv[1:]
    file = mmap.mmap(BOOK_FD, 0)
    os.set_inheritable(BOOK_FD, False)
    os.closerange(BOOK_FD + 2, 1024)
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with contextlib.suppress(OSError):
        os.setsid()
    run = book.Page(file, int(number))
    if (run["phase"], run["run_id"]) != (book.PREPARED, os.environ.get("CUEFARM_RUN_ID")):
        return 67
    Supervisor(book.Page(file, 0), run).main(command, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())

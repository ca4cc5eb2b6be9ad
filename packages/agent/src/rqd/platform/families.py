"""Which processes are a run's: the one answer, for its end, its kill, its suspension and its memory.

A session is not a frame: a renderer may leave its session, and its parent may end before it. So the runner is a
*subreaper*: a process whose parent ended becomes a child of the runner and not of the machine's first process. Every
process of every frame is then below the runner, and there are two kinds of children of the runner's that matter: the
leaders, which it spawned, and *orphans*, which came to it. An orphan belongs to the run of its session, of the id in
its environment, of the log that it writes to, or that it was seen below before, and so does what is below it.

This makes the common case cheap. When a leader has ended, its children already are children of the runner; where the
runner has no children but leaders, nothing was left behind. That is one small file to read, not all of /proc.

A kernel that does not tell the children of a process has all of /proc looked through, and each process's environment
once.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterable
from typing import NamedTuple, Optional

from rqd.platform import Process, proc

_PR_SET_CHILD_SUBREAPER = 36


class Member(NamedTuple):
    """A live process of a run."""

    process: Process
    group: int
    session: int
    is_stopped: bool


class Used(NamedTuple):
    """Processor time of processes that have ended."""

    user_seconds: float
    system_seconds: float


class _Family:
    """A run whose leader we spawned and have not reaped, so that its pid is nobody else's."""

    def __init__(self, run_id: str, log: tuple[int, int]) -> None:
        self.run_id = run_id
        self.log = log
        self.orphans_used = Used(0.0, 0.0)


class Families:
    """The runs of this process, by the pid of their leader, and everything that is theirs."""

    def __init__(self) -> None:
        self._own_pid = os.getpid()
        self._own_session = os.getsid(0)
        self._sees_orphans: Optional[bool] = None  # until the first is born
        self._families: dict[int, _Family] = {}
        self._leader_of_run: dict[str, int] = {}
        self._leader_of_log: dict[tuple[int, int], int] = {}
        self._orphans: dict[int, Optional[int]] = {}  # and the leader of each, if any
        self._no_frames: set[int] = set()
        self._members: dict[int, list[Member]] = {}
        self._seen: dict[Process, Optional[int]] = {}
        self._walked_at = float("-inf")

    def expect(self) -> None:
        """A leader is about to be spawned."""
        if self._sees_orphans is None:
            self._sees_orphans = _become_subreaper() and proc.children(self._own_pid) is not None

    def born(self, leader: int, run_id: str, log_fd: int) -> None:
        """A leader was spawned."""
        log = os.fstat(log_fd)
        family = self._families[leader] = _Family(run_id, (log.st_dev, log.st_ino))
        self._leader_of_run[run_id] = leader
        self._leader_of_log[family.log] = leader

    def gone(self, leader: int) -> Used:
        """A leader was reaped; returns what orphans of its run had used."""
        family = self._families.pop(leader, None)
        if family is None:
            return Used(0.0, 0.0)
        self._leader_of_run.pop(family.run_id, None)
        self._leader_of_log.pop(family.log, None)
        self._members.pop(leader, None)
        for pid, owner in self._orphans.items():
            if owner == leader:
                self._orphans[pid] = None
        return family.orphans_used

    def left_behind(self, leaders: Iterable[int]) -> dict[int, list[int]]:
        """Of leaders that have ended: the processes that they would leave behind; none for most.

        Dead orphans are collected on the way.
        """
        wanted = set(leaders)
        found: dict[int, list[int]] = {}
        if self._sees_orphans is False:
            members = self.members() if wanted else {}
            return {leader: [m.process.pid for m in members[leader]] for leader in wanted if members.get(leader)}
        for pid, leader in self._living_orphans().items():
            if leader in wanted and leader is not None:
                found.setdefault(leader, []).append(pid)
        return found

    def members(self, seconds_old_at_most: float = 0.0) -> dict[int, list[Member]]:
        """The live processes of all runs, by leader: one walk through /proc, 20 microseconds a process."""
        if time.monotonic() - self._walked_at > seconds_old_at_most:
            self._walk()
        return self._members

    def strays(self) -> dict[int, frozenset[Process]]:
        """What was outside of its leader's session at the last walk, by leader; none for most."""
        found = {
            leader: frozenset(member.process for member in members if member.session != leader)
            for leader, members in self._members.items()
        }
        return {leader: processes for leader, processes in found.items() if processes}

    def _living_orphans(self) -> dict[int, Optional[int]]:
        living: dict[int, Optional[int]] = {}
        no_frames: set[int] = set()
        for pid in proc.children(self._own_pid) or ():
            if pid in self._families:
                continue
            if pid in self._no_frames:
                no_frames.add(pid)
                continue
            if pid in self._orphans:
                leader = self._orphans[pid]
            else:
                stat = proc.stat(pid)
                if stat is None or stat.session == self._own_session:
                    no_frames.add(pid)  # the link; a frame's process can be in any session but ours
                    continue
                leader = self._owner_by_marks(pid, stat)
            if not self._collect(pid, leader):
                living[pid] = leader
        self._orphans, self._no_frames = living, no_frames
        return living

    def _collect(self, pid: int, leader: Optional[int]) -> bool:
        """Collect an orphan if it has ended; says whether it had. Never a leader: its status is its run's."""
        try:
            ended, _, used = os.wait4(pid, os.WNOHANG)
        except ChildProcessError:
            return True
        if ended and leader is not None:
            so_far = self._families[leader].orphans_used
            self._families[leader].orphans_used = Used(
                so_far.user_seconds + used.ru_utime, so_far.system_seconds + used.ru_stime
            )
        return bool(ended)

    def _owner_by_marks(self, pid: int, stat: proc.Stat) -> Optional[int]:
        if stat.session in self._families:
            return stat.session
        leader = self._leader_of_run.get(proc.run_id(pid))
        if leader is None:
            logs = (self._leader_of_log.get(file) for file in proc.outputs(pid))
            leader = next((found for found in logs if found is not None), None)
        if leader is None:
            seen = self._seen.get(Process(pid, stat.start_ticks))
            leader = seen if seen in self._families else None
        if leader is None and stat.is_dead and len(self._families) == 1:
            leader = next(iter(self._families))  # the dead have no marks, but here nobody else can have started it
        return leader

    def _walk(self) -> None:
        stats = {pid: stat for pid in proc.all_pids() if (stat := proc.stat(pid)) is not None}
        if self._sees_orphans:
            self._living_orphans()  # afterwards: whatever was seen with us as its parent is known now
        owners: dict[int, Optional[int]] = {self._own_pid: None, 0: None}
        members: dict[int, list[Member]] = {leader: [] for leader in self._families}
        seen: dict[Process, Optional[int]] = {}
        for pid, stat in stats.items():
            owner = self._owner(pid, stats, owners)
            process = Process(pid, stat.start_ticks)
            if owner is None and self._sees_orphans is False and not stat.is_dead:
                owner = self._seen[process] if process in self._seen else self._owner_by_marks(pid, stat)
                seen[process] = owner
            if owner in members and owner is not None and not stat.is_dead:
                members[owner].append(Member(process, stat.group, stat.session, stat.is_stopped))
                seen[process] = owner
        self._members, self._seen, self._walked_at = members, seen, time.monotonic()

    def _owner(self, pid: int, stats: dict[int, proc.Stat], owners: dict[int, Optional[int]]) -> Optional[int]:
        """Climb from a process to the first whose run is known."""
        path = []
        while pid not in owners:
            stat = stats.get(pid)
            path.append(pid)
            if pid in self._families:
                owners[pid] = pid
            elif stat is None:
                owners[pid] = None
            elif stat.session in self._families:
                owners[pid] = stat.session
            elif stat.parent == self._own_pid:
                owners[pid] = self._orphans.get(pid)
            else:
                pid = stat.parent
        owner = owners[pid]
        owners.update(dict.fromkeys(path, owner))
        return owner


def _become_subreaper() -> bool:
    try:
        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False

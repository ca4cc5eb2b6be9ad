"""What is left of runs whose runner died: nobody's children by now, found by what was written down of their run.

A process is a run's by any of these marks, or if it comes from a process that is:

- the run's id in its environment;
- the run's log as its output, whose file the caller holds open, so that its inode is no other file's;
- it was seen below the run, outside of its session, while the runner lived;
- the session of the run's leader. A session's number is a pid, and pids are used again, though not before the last
  process of the session has ended. So where the leader is gone too, the session is the run's only if the kernel cannot
  have given that pid away since the run was last watched.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Optional

from rqd.platform import Process, Traces, proc


def remains_of(runs: Mapping[str, Traces], pids_given_then: Optional[int]) -> dict[str, list[Process]]:
    """List the live processes of each run that has some.

    `pids_given_then` is what `proc.pids_given` said when the runs were last watched, if that is known.
    """
    stats = {pid: stat for pid in proc.all_pids() if (stat := proc.stat(pid)) is not None}
    own_pid = os.getpid()
    stats.pop(own_pid, None)
    are_pids_fresh = _are_pids_fresh(pids_given_then)
    sessions: dict[int, tuple[str, int]] = {}
    run_of_stray: dict[Process, str] = {}
    for run_id, (leader, _, strays) in runs.items():
        run_of_stray.update(dict.fromkeys(strays, run_id))
        if leader is not None and _is_session_own(leader, are_pids_fresh):
            sessions[leader.pid] = (run_id, leader.start_ticks)
    run_of_log = {traces.log: run_id for run_id, traces in runs.items() if traces.log is not None}
    owners: dict[int, str] = {}
    for pid, stat in stats.items():
        run_id, born = sessions.get(stat.session, ("", 0))
        if not run_id or stat.start_ticks < born:
            run_id = proc.run_id(pid)
        if run_id not in runs:
            run_id = next((run_of_log[file] for file in proc.outputs(pid) if file in run_of_log), "")
        run_id = run_id or run_of_stray.get(Process(pid, stat.start_ticks), "")
        if run_id:
            owners[pid] = run_id
    found: dict[str, list[Process]] = {}
    for pid, stat in stats.items():
        run_id = _nearest(pid, stats, owners)
        if run_id and not stat.is_dead:
            found.setdefault(run_id, []).append(Process(pid, stat.start_ticks))
    return found


def _is_session_own(leader: Process, are_pids_fresh: bool) -> bool:
    start_ticks = proc.start_ticks(leader.pid)
    return are_pids_fresh if start_ticks is None else start_ticks == leader.start_ticks


def _are_pids_fresh(pids_given_then: Optional[int]) -> bool:
    """Say whether no pid of then can belong to somebody else now.

    The kernel gives pids in turn and begins anew after the largest. Half of them, since a fork that fails uses up a pid
    and is not counted.
    """
    now, largest = proc.pids_given(), proc.largest_pid()
    return None not in (pids_given_then, now) and 0 <= (now or 0) - (pids_given_then or 0) < largest // 2


def _nearest(pid: int, stats: Mapping[int, proc.Stat], owners: Mapping[int, str]) -> str:
    """The run of the nearest ancestor that has one."""
    for _ in range(len(stats)):
        if pid in owners:
            return owners[pid]
        stat = stats.get(pid)
        if stat is None:
            break
        pid = stat.parent
    return ""

"""What is left of a run whose supervisor was killed: nobody's children by now, or the runner's.

A process is the run's by any of these marks, if it is in the session of one that is, or comes from one:

- the run's id in its environment;
- the run's log as its output, whose file the caller holds open, so that its inode is no other file's;
- its supervisor had noted it in the book, or put it into the run's control group.

A session is a run's own: its leader begins one, and so does whoever leaves it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from rqd.platform import proc
from rqd.platform.port import Process, Traces


def orphans_of(run_id: str, traces: Traces) -> set[Process]:
    """Find the live processes of the run."""
    stats = {pid: stat for pid in proc.all_pids() if (stat := proc.stat(pid)) is not None and not stat.is_dead}
    own = stats.pop(os.getpid(), None)
    grouped = {int(number) for number in proc.read(f"{traces.group}/cgroup.procs").split()} if traces.group else set()
    marked = {
        pid
        for pid, stat in stats.items()
        if pid in grouped
        or Process(pid, stat.start_ticks) in traces.members
        or proc.run_id(pid) == run_id
        or (traces.log is not None and traces.log in proc.outputs(pid))
    }
    sessions = {stats[pid].session for pid in marked} - {own.session if own is not None else 0, 0}
    marked |= {pid for pid, stat in stats.items() if stat.session in sessions}
    return {Process(pid, stats[pid].start_ticks) for pid in stats if _comes_from(pid, marked, stats)}


def _comes_from(pid: int, marked: set[int], stats: Mapping[int, proc.Stat]) -> bool:
    """Climb to the first that is marked."""
    for _ in range(len(stats)):
        if pid in marked:
            return True
        if pid not in stats:
            return False
        pid = stats[pid].parent
    return False

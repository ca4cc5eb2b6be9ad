"""Commands on what runs: to end it, and to give its places to others. Which procs are meant, the filters say."""

from __future__ import annotations

from typing import Any, Sequence

from cue_cli.cueadmin.lookup import findAllocation, findJob, findShow
from cue_cli.cueadmin.session import CommandError, Session, UsageError
from opencue import api
from opencue.exception import EntityNotFoundException
from opencue.search import UNBOUNDED, parseRange
from opencue.wording import counted
from opencue.wrappers.group import Group
from opencue.wrappers.proc import Proc

KB_PER_GB = 1024 * 1024
NOTHING_FITS = "nothing was changed: no frame that waits there would fit into such a place, or they are its own"


def unbook(session: Session, shows: list[str]) -> None:
    """End what runs; its frames fail by it, and are tried again as far as their job says."""
    search, procs = _chosen(session, shows)
    session.confirm(f"End {counted(len(procs), 'frame')} that {_runs(procs)}")
    number = api.unbookProcs(kill=True, **search)
    session.changed(counted(number, "frame"), number, "ended", "nothing runs any more")


def redirect(session: Session, names: list[str]) -> None:
    """Give the places of what runs to jobs in turn."""
    jobs = [findJob(name) for name in names]
    search, procs = _chosen(session)
    to = ", ".join(job.name() for job in jobs)
    session.confirm(f"Give {_places(procs)} to {to}{_when(session)}")
    _tell(session, api.unbookProcsToJobs(jobs, kill=session.options.now, **search), to)


def redirect_group(session: Session, values: list[str]) -> None:
    """Give the places of what runs to the jobs of a group."""
    group = _findGroup(*values)
    search, procs = _chosen(session)
    to = f"group {group.name()} of {values[0]}"
    session.confirm(f"Give {_places(procs)} to {to}{_when(session)}")
    _tell(session, api.unbookProcsToGroup(group, kill=session.options.now, **search), to)


def clear_redirects(session: Session, shows: list[str]) -> None:
    """Give the places of what runs to nobody any more."""
    _, procs = _chosen(session, shows)
    redirected = [proc for proc in procs if proc.redirectTarget()]
    cleared = sum(proc.clearRedirect() for proc in redirected)
    session.changed(counted(cleared, "place"), cleared, "given to nobody any more", "none of them was redirected")


def procSearch(session: Session, shows: Sequence[str] = ()) -> dict[str, Any]:
    """Return ProcSearch options for the shows and filters of the command line."""
    options = session.options
    search: dict[str, Any] = {"show": list(shows), "limit": options.limit}
    if options.alloc:
        search["alloc"] = [findAllocation(name).name() for name in options.alloc]
    if options.host:
        search["host"] = options.host
    if options.job:
        search["job"] = options.job
    try:
        if options.memory is not None:
            search["memory"] = _kilobytes(options.memory)
        if options.duration is not None:
            parseRange(options.duration)
            search["duration"] = options.duration
    except ValueError as error:
        raise UsageError(str(error)) from error
    return search


def _kilobytes(gigabytes: str) -> str:
    """Return a range in GB as one in KB."""
    low, high = parseRange(gigabytes)
    return f"gt{low * KB_PER_GB}" if high == UNBOUNDED else f"{low * KB_PER_GB}-{high * KB_PER_GB}"


def _chosen(session: Session, shows: Sequence[str] = ()) -> tuple[dict[str, Any], list[Proc]]:
    """Return what finds the procs that a command is for, and those that it finds now: at least one."""
    search = procSearch(session, shows)
    if not shows and not any(search.get(name) for name in ("alloc", "host", "job", "memory", "duration")):
        raise UsageError("which procs? Choose them with -host, -job, -alloc, -memory or -duration, as -lp does")
    procs = api.getProcs(**search)
    if not procs:
        raise CommandError("nothing is done: nothing runs that was asked for; `cueadmin -lp` lists what runs")
    return search, procs


def _findGroup(show: str, name: str) -> Group:
    try:
        return api.findGroup(findShow(show).name(), name)
    except EntityNotFoundException:
        names = ", ".join(group.name() for group in findShow(show).getGroups())
        raise CommandError(f"show {show!r} has no group {name!r}; it has {names}") from None


def _runs(procs: list[Proc]) -> str:
    return "runs" if len(procs) == 1 else "run"


def _places(procs: list[Proc]) -> str:
    return f"the {'place' if len(procs) == 1 else 'places'} of {counted(len(procs), 'frame')}"


def _when(session: Session) -> str:
    return " now, and end them" if session.options.now else " when they end"


def _tell(session: Session, number: int, to: str) -> None:
    session.changed(counted(number, "place"), number, f"redirected to {to}", NOTHING_FITS)

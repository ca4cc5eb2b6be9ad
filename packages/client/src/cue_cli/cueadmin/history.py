"""What was: -job-history, -layer-history, -memory-history, -host-history and -farm-history."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Sequence

from cue_cli.cueadmin import records
from cue_cli.cueadmin.format import cutoff, formatDuration, formatMem, formatTime, now
from cue_cli.cueadmin.lookup import findShow, ofJob
from cue_cli.cueadmin.session import CommandError, Session, UsageError
from opencue import api
from opencue.enums import HardwareState, JobState, LockState
from opencue.wrappers import monitoring

LINES_MAX = 100  # without -limit
PAGE_MAX = 1000  # what a server gives at most
HOURS_MAX = 24 * 366
HOUR_S = 3600
INTERVALS_MAX = 48  # lines of -farm-history, about

Column = tuple[str, str, Callable[[Any], Any]]
"""What stands above it, how it is laid out, and what of a record is in it."""

JOBS: tuple[Column, ...] = (
    ("Job", "%-52s", lambda job: cutoff(job.name, 52)),
    ("State", "%-8s", lambda job: JobState(job.finalState).name),
    ("Ended", "%-11s", lambda job: formatTime(job.stopTime)),
    ("Took", "%9s", lambda job: formatDuration(max(job.stopTime - job.startTime, 0))),
    ("Frames", "%6s", lambda job: job.totalFrames),
    ("Done", "%6s", lambda job: job.succeededFrames),
    ("Failed", "%6s", lambda job: job.failedFrames),
    ("CoreHours", "%9s", lambda job: f"{job.totalCoreSeconds / HOUR_S:.2f}"),
    ("GpuHours", "%8s", lambda job: f"{job.totalGpuSeconds / HOUR_S:.2f}"),
    ("MaxRss", "%7s", lambda job: formatMem(job.maxRss)),
)
LAYERS: tuple[Column, ...] = (
    ("Layer", "%-32s", lambda layer: cutoff(layer.name, 32)),
    ("Frames", "%6s", lambda layer: layer.totalFrames),
    ("Done", "%6s", lambda layer: layer.succeededFrames),
    ("Failed", "%6s", lambda layer: layer.failedFrames),
    ("Mean", "%9s", lambda layer: formatDuration(layer.avgFrameSeconds)),
    ("CoreHours", "%9s", lambda layer: f"{layer.totalCoreSeconds / HOUR_S:.2f}"),
    ("GpuHours", "%8s", lambda layer: f"{layer.totalGpuSeconds / HOUR_S:.2f}"),
    ("MaxRss", "%7s", lambda layer: formatMem(layer.maxRss)),
)
MEMORY: tuple[Column, ...] = (
    ("Job", "%-52s", lambda one: cutoff(one.jobName, 52)),
    ("Ended", "%-11s", lambda one: formatTime(one.timestamp)),
    ("Frames", "%6s", lambda one: one.frameCount),
    ("Asked", "%7s", lambda one: formatMem(one.reservedMemory)),
    ("Mean", "%7s", lambda one: formatMem(one.avgFrameMemory)),
    ("95%", "%7s", lambda one: formatMem(one.p95FrameMemory)),
    ("Most", "%7s", lambda one: formatMem(one.maxRss)),
)
HOSTS: tuple[Column, ...] = (
    ("Time", "%-15s", lambda event: formatTime(event.timestamp // 1000, "%m/%d %H:%M:%S")),
    ("Host", "%-24s", lambda event: cutoff(event.name, 24)),
    ("What", "%-19s", lambda event: event.eventName),
    ("State", "%-16s", lambda event: HardwareState(event.state).name),
    ("Lock", "%-12s", lambda event: LockState(event.lockState).name),
    ("Why", "%s", lambda event: event.reason),
)
FARM: tuple[Column, ...] = (
    ("Time", "%-12s", lambda one: formatTime(one.snapshotTime)),
    ("Jobs", "%6s", lambda one: one.pendingJobs),
    ("Waiting", "%9s", lambda one: one.waitingFrames),
    ("Running", "%8s", lambda one: one.runningFrames),
    ("Dead", "%7s", lambda one: one.deadFrames),
    ("Hosts", "%6s", lambda one: one.totalHosts),
    ("Up", "%6s", lambda one: one.upHosts),
    ("Cores", "%9s", lambda one: f"{one.totalCores:g}"),
    ("Busy", "%9s", lambda one: f"{one.runningCores:g}"),
    ("Idle", "%9s", lambda one: f"{one.idleCores:g}"),
)


def job_history(session: Session, shows: list[str]) -> None:
    """-job-history: jobs that have ended, the last first, with what they took; of some shows or of all."""
    limit = session.options.limit or LINES_MAX
    names = [findShow(name).name() for name in shows]
    found = monitoring.getJobHistory(shows=names, page_size=min(limit, PAGE_MAX), max_results=limit)
    _show(session, found, JOBS)
    if not found:
        session.tell(f"no job has ended{_of_shows(names)}")


def layer_history(session: Session, values: list[str]) -> None:
    """-layer-history: what the layers of a job took, whether it is over or not."""
    _show(session, ofJob(values[0], lambda name: _layers(name)), LAYERS)


def memory_history(session: Session, values: list[str]) -> None:
    """-memory-history: what the frames of a layer of this name needed, job by job."""
    limit = session.options.limit or LINES_MAX
    names = [findShow(name).name() for name in values[1:]]
    found = monitoring.getLayerMemoryHistory(values[0], shows=names, max_results=limit)
    _show(session, found, MEMORY)
    if not found:
        session.tell(f"no layer called {values[0]!r} has run{_of_shows(names)}")


def host_history(session: Session, hosts: list[str]) -> None:
    """-host-history: what became of hosts, the newest first."""
    limit = session.options.limit or LINES_MAX
    found = monitoring.getHostHistory(host_names=hosts, page_size=min(limit, PAGE_MAX))
    if missing := sorted(set(hosts) - {event.name for event in found}):
        known = {host.name() for host in api.getHosts(name=missing)}
        for name in missing:
            if name not in known:  # neither now nor in what is kept of before
                session.fail(name, CommandError(f"there is and was no host {name!r}; `cueadmin -lh` lists hosts"))
    _show(session, found, HOSTS)
    if not found and not session.failed:
        session.tell(f"nothing has become of {', '.join(hosts) or 'any host'} since the history begins")


def farm_history(session: Session, values: list[str]) -> None:
    """-farm-history: what the farm came to in the last hours, the oldest first and now last."""
    text = values[0] if values else "24"
    if not text.isdecimal() or not 0 < int(text[:6]) <= HOURS_MAX:
        raise UsageError(f"-farm-history takes a number of hours from 1 to {HOURS_MAX}, not {text!r}")
    hours = int(text)
    span = monitoring.TimeRange((now() - hours * HOUR_S) * 1000)
    interval = max(hours * 60 // INTERVALS_MAX, 10)
    _show(session, monitoring.getFarmStatistics(span, interval_minutes=interval), FARM)


def _layers(name: str) -> list[monitoring.HistoricalLayer]:
    found: list[monitoring.HistoricalLayer] = []
    while page := monitoring.getLayerHistory(job_name=name, page=len(found) // PAGE_MAX + 1, page_size=PAGE_MAX):
        found += page
        if len(page) < PAGE_MAX:
            break
    return found


def _of_shows(names: Sequence[str]) -> str:
    return f" in {' or '.join(names)}" if names else ""


def _show(session: Session, found: Iterable[Any], columns: Sequence[Column]) -> None:
    if session.options.json:
        records.printRecords(found, _record)
        return
    layout = " ".join(layout for _, layout, _ in columns)
    print((layout % tuple(title for title, _, _ in columns)).rstrip())
    for one in found:
        print((layout % tuple(value(one) for _, _, value in columns)).rstrip())


def _record(one: Any) -> dict[str, Any]:
    """Return what a record says by the names of its properties; states by theirs."""
    names = [name for name, value in vars(type(one)).items() if isinstance(value, property)]
    return {name: _plain(name, getattr(one, name)) for name in names}


def _plain(name: str, value: Any) -> Any:
    kinds = {"finalState": JobState, "state": HardwareState, "previousState": HardwareState}
    kinds |= {"lockState": LockState, "previousLockState": LockState}
    if name in kinds:
        return kinds[name](value).name
    if name == "showStats":
        return [_record(show) for show in value]
    return value if isinstance(value, (str, int, float)) else list(value)

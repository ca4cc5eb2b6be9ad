"""The tables, in one of two styles: `cuefarm`, the default, and `upstream`, letter for letter for scripts.

They differ in seven places: whether reserved cores stand in a proc's eighth field, how a host's state, load and
uptime are written and whether its last report is shown, whether a job has its dead frames behind it, in which columns
finished jobs stand, what follows a job's name in the short list, and in which unit a service's memory is labelled.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterable, Optional

from cue_cli.cueadmin.format import cutoff, findDuration, formatDuration, formatLongDuration, formatMem, formatTime
from cue_cli.cueadmin.output_styles import UPSTREAM
from opencue.enums import HardwareState, JobState, LockState, ThreadMode
from opencue.wording import duration

POINTS_PER_CORE = 100
PERCENT = 100
KB_PER_MB = 1024
ID_SHOWN = 8


def displayProcs(procs: Iterable[Any], style: str = UPSTREAM) -> None:
    """Print what runs now, a line for each frame."""
    upstream = style == UPSTREAM
    layout = "%-10s %-7s %-24s %-30s " + ("/" if upstream else "%5s") + " %-30s %-12s %-12s "
    middle = () if upstream else ("Cores",)
    print(layout % ("Host", "Cores", "Memory", "Job", *middle, "Frame", "Start", "Runtime"))
    for proc in procs:
        data = proc.data
        share = 100.0 * data.used_memory / data.reserved_memory if data.reserved_memory else 0.0
        cores = f"{data.reserved_cores:0.2f}"
        print(
            layout
            % (
                data.name.split("/")[0],
                cores,
                f"{formatMem(data.used_memory)} of {formatMem(data.reserved_memory)} ({share:0.2f}%)",
                cutoff(data.job_name, 30),
                *(() if upstream else (cores,)),
                cutoff(data.frame_name, 30),
                formatTime(data.dispatch_time),
                formatDuration(findDuration(data.dispatch_time, 0)),
            )
        )


def displayHosts(
    hosts: Iterable[Any], lock_state: Optional[str] = None, sort_idle: bool = False, style: str = UPSTREAM
) -> None:
    """Print hosts by name, or by what they have free; `lock_state` keeps those of that LockState only."""
    layout = "%-15s %-4s %-5s %-8s %-8s %-9s %-5s %-5s %-16s %-8s %-8s %-6s %-9s %-10s %-7s"
    ours = style != UPSTREAM
    print(
        (layout + " Report" if ours else layout)
        % (
            "Host",
            "Load",
            "NIMBY",
            "freeMem",
            "freeSwap",
            "freeMcp",
            "Cores",
            "Mem",
            "Idle",
            "Os",
            "Uptime",
            "State",
            "Locked",
            "Alloc",
            "Thread",
        )
    )
    for host in chosenHosts(hosts, lock_state, sort_idle):
        data = host.data
        up_s = findDuration(data.boot_time, 0)
        unknown = ours and not data.ping_time  # not heard since the server started: what it has free nobody knows
        free = (data.free_memory, data.free_swap, data.free_mcp)
        free_memory, free_swap, free_mcp = ("-" if unknown else formatMem(kib) for kib in free)
        print(
            (f"{layout} {reportAge(data.ping_time)}" if ours else layout)
            % (
                data.name,
                "-" if unknown else f"{data.load / PERCENT:.2f}" if ours else data.load,
                data.nimby_enabled,
                free_memory,
                free_swap,
                free_mcp,
                data.cores,
                formatMem(data.memory),
                f"[ {data.idle_cores:0.2f} / {formatMem(data.idle_memory)} ]",
                data.os,
                (duration(up_s) if data.boot_time else "-") if ours else formatLongDuration(up_s),
                "Unheard" if ours and isUnheard(data) else stateWord(data.state, style),
                LockState(data.lock_state).name,
                data.alloc_name,
                ThreadMode(data.thread_mode).name,
            )
        )


def chosenHosts(hosts: Iterable[Any], lock_state: Optional[str] = None, sort_idle: bool = False) -> list[Any]:
    """Return hosts of a LockState (all where it is None), by name or with the most free first."""
    chosen = [host for host in hosts if lock_state is None or LockState(host.data.lock_state).name == lock_state]
    if sort_idle:
        return sorted(chosen, key=lambda host: (-host.data.idle_cores, -host.data.idle_memory, host.data.name))
    return sorted(chosen, key=lambda host: host.data.name)


def reportAge(ping_time: int) -> str:
    """Return how long ago a host was heard of (seconds since 1970): `4 s ago`; with 0, that it was not yet."""
    return f"{duration(findDuration(ping_time, 0))} ago" if ping_time else "not heard since the server started"


def isUnheard(data: Any) -> bool:
    """Return whether a host that the farm takes for up was not heard since the server started."""
    return HardwareState(data.state) is HardwareState.UP and not data.ping_time


def stateWord(state: int, style: str) -> str:
    """Return a HardwareState as `UP` (upstream) or `Up`; longer ones lose their underscores."""
    name = HardwareState(state).name
    return name if style == UPSTREAM else name.title().replace("_", "")


def displayShows(shows: Iterable[Any]) -> None:
    """Print shows with what they have running and waiting."""
    layout = "%-8s %-6s %15s %15s %15s %15s"
    print(layout % ("Show", "Active", "ReservedCores", "RunningFrames", "PendingFrames", "PendingJobs"))
    for show in shows:
        stats = show.data.show_stats
        print(
            layout
            % (
                show.data.name,
                show.data.active,
                f"{stats.reserved_cores:0.2f}",
                stats.running_frames,
                stats.pending_frames,
                stats.pending_jobs,
            )
        )


def displayServices(services: Iterable[Any], style: str = UPSTREAM) -> None:
    """Print services; upstream labels their KB as MB, the style `cuefarm` prints true MB."""
    layout = "%-20s %-12s %-20s %-15s %-36s"
    print(layout % ("Name", "Can Thread", "Min Cores Units", "Min Memory", "Tags"))
    for service in services:
        data = service.data
        memory = data.min_memory if style == UPSTREAM else data.min_memory // KB_PER_MB
        print(layout % (data.name, data.threadable, data.min_cores, f"{memory} MB", " | ".join(data.tags)))


def displayAllocations(allocations: Iterable[Any]) -> None:
    """Print allocations by facility, with their cores and hosts."""
    layout = "%-25s %15s %8s  %8s  %8s %8s %8s %8s %-8s"
    print(layout % ("Name", "Tag", "Running", "Avail", "Cores", "Hosts", "Locked", "Down", "Billable"))
    for allocation in sorted(allocations, key=lambda allocation: (allocation.data.facility, allocation.data.name)):
        data, stats = allocation.data, allocation.data.stats
        print(
            layout
            % (
                data.name,
                data.tag,
                f"{stats.running_cores:0.2f}",
                f"{stats.available_cores:0.2f}",
                stats.cores,
                stats.hosts,
                stats.locked_hosts,
                stats.down_hosts,
                data.billable,
            )
        )


def displaySubscriptions(subscriptions: Iterable[Any], show: str) -> None:
    """Print subscriptions, in cores, under a heading that names the show."""
    layout = "%-30s %-12s %6s %8s %8s %8s"
    print(f"Subscriptions for {show}")
    print(layout % ("Allocation", "Show", "Size", "Burst", "Run", "Used"))
    for subscription in subscriptions:
        data = subscription.data
        used = 100.0 * data.reserved_cores / data.size if data.size else 0.0
        print(
            layout
            % (
                data.allocation_name,
                data.show_name,
                data.size / POINTS_PER_CORE,
                data.burst / POINTS_PER_CORE,
                f"{data.reserved_cores / POINTS_PER_CORE:0.2f}",
                f"{used:0.2f}%",
            )
        )


def displayJobs(jobs: Iterable[Any], style: str = UPSTREAM) -> None:
    """Print jobs with what they hold and wait for; the style `cuefarm` shows what is over in columns of its own."""
    jobs = list(jobs)
    if style != UPSTREAM and jobs and all(job.data.state == JobState.FINISHED for job in jobs):
        _displayFinishedJobs(jobs)
        return
    ours = style != UPSTREAM
    layout = "%-56s %-15s %5s %7s %8s %5s %8s %8s" + (" %6s" if ours else "")
    print(layout % ("Job", "Group", "Booked", "Cores", "Wait", "Pri", "MinCores", "MaxCores", *(("Dead",) * ours)))
    for job in jobs:
        data, stats = job.data, job.data.job_stats
        name = f"{data.name} [paused]" if data.is_paused else data.name
        print(
            layout
            % (
                cutoff(name, 52),
                cutoff(data.group, 15),
                stats.running_frames,
                f"{stats.reserved_cores:0.2f}",
                stats.waiting_frames,
                data.priority,
                f"{data.min_cores:0.2f}",
                f"{data.max_cores:0.2f}",
                *((stats.dead_frames,) * ours),
            )
        )


def _displayFinishedJobs(jobs: list[Any]) -> None:
    shared = _sharedNames(jobs)
    layout = "%-56s %-15s %-8s %-11s %-11s %9s %6s %6s %6s %6s"
    print(layout % ("Job", "Group", "State", "Submitted", "Ended", "Took", "Frames", "Done", "Eaten", "Dead"))
    for job in jobs:
        data, stats = job.data, job.data.job_stats
        print(
            layout
            % (
                cutoff(_named(job, shared, 52), 52),
                cutoff(data.group, 15),
                jobState(job),
                formatTime(data.start_time),
                formatTime(data.stop_time),
                formatDuration(findDuration(data.start_time, data.stop_time)),
                stats.total_frames,
                stats.succeeded_frames,
                stats.eaten_frames,
                stats.dead_frames,
            )
        )


def jobState(job: Any) -> str:
    """Return a job's state; one that is over with frames neither done nor eaten was killed."""
    stats = job.data.job_stats
    over = job.data.state == JobState.FINISHED
    if over and stats.succeeded_frames + stats.eaten_frames < stats.total_frames:
        return "KILLED"
    return str(JobState(job.data.state).name)


def displayJobNames(jobs: Iterable[Any], style: str = UPSTREAM) -> None:
    """Print a line for each job: its name, and in the style `cuefarm` its state and progress behind it."""
    jobs = list(jobs)
    shared = _sharedNames(jobs)
    for job in jobs:
        mark = f", id {job.data.id}" if job.data.name in shared else ""
        print(job.data.name if style == UPSTREAM else f"{jobLine(job)}{mark}")


def _sharedNames(jobs: list[Any]) -> set[str]:
    """Return the names that several of these jobs have: only their ids tell them apart."""
    return {name for name, count in Counter(job.data.name for job in jobs).items() if count > 1}


def _named(job: Any, shared: set[str], width: int) -> str:
    """Return a job's name, with the first 8 characters of its id behind it where others have the name too."""
    if job.data.name not in shared:
        return str(job.data.name)
    mark = f" [{job.data.id[:ID_SHOWN]}]"
    return cutoff(job.data.name, width - len(mark)) + mark


def jobLine(job: Any) -> str:
    """Return a job's name, state and progress, each part only where there is something to say."""
    return f"{job.data.name} {jobState(job)} {jobProgress(job)}"


def jobProgress(job: Any) -> str:
    """Return what has become of a job's frames, each part only where there is something to say."""
    stats = job.data.job_stats
    parts = [f"{stats.succeeded_frames}/{stats.total_frames} done"]
    over = job.data.state == JobState.FINISHED  # nothing of it waits any more
    left = stats.waiting_frames + stats.depend_frames if over else 0
    for count, word in (
        (stats.eaten_frames, "eaten"),
        (stats.running_frames, "running"),
        (0 if over else stats.waiting_frames, "waiting"),
        (0 if over else stats.depend_frames, "depend"),
        (stats.dead_frames, "dead"),
        (left, "not done"),
    ):
        if count:
            parts.append(f"{count} {word}")
    if job.data.is_paused:
        parts.append("paused")
    if over and job.data.stop_time:
        parts.append(f"ended {formatTime(job.data.stop_time)}")
    return ", ".join(parts)

"""Sums over the whole farm at one moment, as they are kept for its history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Job
from cuebot.domain.states import FrameState, HostState, LockState
from cuebot.queries.jobs import pending_jobs
from cuebot.queries.statistics import totals
from cuebot.queries.units import in_cores


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSums:
    """What the PENDING jobs of a show came to."""

    show: str
    pending_jobs: int = 0
    running_frames: int = 0
    waiting_frames: int = 0
    reserved_cores: float = 0.0
    reserved_gpus: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmSums:
    """The farm at a moment. Frames are those of PENDING jobs, by state; what is idle is so on hosts that are UP.

    Whatever is added needs a default: sums of before do not have it.
    """

    at_us: int
    pending_jobs: int = 0
    finished_jobs: int = 0
    """In memory and on disk."""
    frames: int = 0
    waiting: int = 0
    running: int = 0
    succeeded: int = 0
    dead: int = 0
    eaten: int = 0
    depend: int = 0
    hosts: int = 0
    up: int = 0
    down: int = 0
    repair: int = 0
    nimby_locked: int = 0
    cores: float = 0.0
    running_cores: float = 0.0
    idle_cores: float = 0.0
    gpus: int = 0
    running_gpus: int = 0
    idle_gpus: int = 0
    memory_kib: int = 0
    """Of all hosts; what is used, of those that are UP."""
    used_memory_kib: int = 0
    shows: tuple[ShowSums, ...] = ()
    """Those with PENDING jobs, by name."""


def farm_sums(farm: Farm, at_us: int, finished_jobs: int) -> FarmSums:
    """The farm as it is now; how many jobs have finished is known to whoever asks."""
    jobs_of: dict[str, list[Job]] = defaultdict(list)
    pending = pending_jobs(farm)
    for job in pending:
        jobs_of[job.show_id].append(job)
    counts = [sum(of_state) for of_state in zip(*(job.counts for job in pending), strict=True)] or [0] * len(FrameState)
    shows = sorted((_show_sums(farm.shows[id].name, jobs) for id, jobs in jobs_of.items()), key=lambda one: one.show)

    hosts = [host for host in farm.hosts.values() if not host.removed]
    up = [host for host in hosts if host.state is HostState.UP]
    table = farm.hosts_table
    return FarmSums(
        at_us=at_us,
        pending_jobs=len(pending),
        finished_jobs=finished_jobs,
        frames=sum(counts),
        waiting=counts[FrameState.WAITING],
        running=counts[FrameState.RUNNING],
        succeeded=counts[FrameState.SUCCEEDED],
        dead=counts[FrameState.DEAD],
        eaten=counts[FrameState.EATEN],
        depend=counts[FrameState.DEPEND],
        hosts=len(hosts),
        up=len(up),
        down=_in_state(hosts, HostState.DOWN),
        repair=_in_state(hosts, HostState.REPAIR),
        nimby_locked=sum(host.lock is LockState.NIMBY_LOCKED for host in hosts),
        cores=in_cores(sum(host.cores for host in hosts)),
        running_cores=in_cores(sum(job.reserved_cores for job in pending)),
        idle_cores=in_cores(sum(max(int(table.idle_cores[host.row]), 0) for host in up)),
        gpus=sum(host.gpus for host in hosts),
        running_gpus=sum(job.reserved_gpus for job in pending),
        idle_gpus=sum(max(int(table.idle["gpus"][host.row]), 0) for host in up),
        memory_kib=sum(host.total_memory for host in hosts),
        used_memory_kib=sum(max(host.total_memory - host.free_memory, 0) for host in up),
        shows=tuple(shows),
    )


def _in_state(hosts: Iterable[Host], state: HostState) -> int:
    return sum(host.state is state for host in hosts)


def _show_sums(name: str, jobs: list[Job]) -> ShowSums:
    of_jobs = totals(jobs)
    return ShowSums(
        show=name,
        pending_jobs=of_jobs.jobs,
        running_frames=of_jobs.running,
        waiting_frames=of_jobs.waiting,
        reserved_cores=of_jobs.reserved_cores,
        reserved_gpus=of_jobs.reserved_gpus,
    )

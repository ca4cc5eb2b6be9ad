"""Procs: what runs where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cuebot.domain.bounds import Bounds
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Proc
from cuebot.domain.units import SECOND
from cuebot.queries.allocations import allocation_ids
from cuebot.queries.jobs import named_filter
from cuebot.queries.text import check_count
from cuebot.queries.units import in_cores, in_seconds
from rqd.runner.log_name import file_name


class ProcRow(NamedTuple):
    """One run of a frame on a host, and what it holds there."""

    id: str
    name: str
    """`host/cores/gpus`."""
    host: str
    show: str
    job: str
    group: str
    frame: str
    booked_s: int
    seen_s: int
    reserved_cores: float
    reserved_memory_kib: int
    used_memory_kib: int
    reserved_gpus: int
    reserved_gpu_memory_kib: int
    log_path: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcCriteria:
    """Which procs are asked for: fields are ANDed, the values of one are ORed, an empty field says nothing."""

    hosts: Sequence[str] = ()
    jobs: Sequence[str] = ()
    layers: Sequence[str] = ()
    shows: Sequence[str] = ()
    allocations: Sequence[str] = ()
    memory_kib: tuple[int, int] | None = None
    """From and to."""
    memory_above_kib: int | None = None
    memory_below_kib: int | None = None
    booked_for_s: tuple[int, int] | None = None
    """From and to."""
    words: int = 0
    """How many words were given in all."""


def proc_row(farm: Farm, proc: Proc) -> ProcRow:
    """A proc as a row."""
    layer, job, host = farm.layers[proc.layer_id], farm.jobs[proc.job_id], farm.hosts[proc.host_id]
    frame_name = farm.frame_name(layer, proc.frame_index)
    return ProcRow(
        id=proc.id,
        name=f"{host.name}/{proc.cores / 100:.2f}/{proc.gpus}",
        host=host.name,
        show=farm.shows[proc.show_id].name,
        job=job.name,
        group=farm.groups[job.group_id].name,
        frame=frame_name,
        booked_s=in_seconds(proc.booked_us),
        seen_s=in_seconds(proc.seen_us),
        reserved_cores=in_cores(proc.cores),
        reserved_memory_kib=proc.memory,
        used_memory_kib=proc.rss,
        reserved_gpus=proc.gpus,
        reserved_gpu_memory_kib=proc.gpu_memory,
        log_path=f"{job.log_dir}/{file_name(job.name, frame_name)}",
        services=tuple(layer.services),
    )


def procs_of_host(farm: Farm, host: Host) -> list[Proc]:
    """What runs on a host, the oldest first."""
    return sorted((farm.procs[id] for id in host.proc_ids), key=lambda proc: (proc.booked_us, proc.id))


def by_host(farm: Farm, procs: Iterable[Proc]) -> list[Proc]:
    """Procs by host, then the oldest first; without those that have ended since they were found."""
    living = [proc for proc in procs if proc.id in farm.procs]
    return sorted(living, key=lambda proc: (farm.hosts[proc.host_id].name, proc.booked_us, proc.id))


def proc_filter(farm: Farm, criteria: ProcCriteria, bounds: Bounds, now_us: int) -> Callable[[Proc], bool]:
    """Which procs the criteria mean. Raises Invalid."""
    check_count(criteria.words, bounds)
    hosts, layers = frozenset(criteria.hosts), frozenset(criteria.layers)
    named = named_filter(farm, criteria.jobs)
    shows = {farm.show_id_of(name) for name in criteria.shows}
    allocations = allocation_ids(farm, criteria.allocations)
    above_kib, below_kib = criteria.memory_above_kib, criteria.memory_below_kib
    return lambda proc: bool(
        proc.id in farm.procs  # it may have ended since the search began
        and (not hosts or farm.hosts[proc.host_id].name in hosts)
        and (not criteria.jobs or named(farm.jobs[proc.job_id]))
        and (not layers or farm.layers[proc.layer_id].name in layers)
        and (not shows or proc.show_id in shows)
        and (not criteria.allocations or farm.hosts[proc.host_id].allocation_id in allocations)
        and _within(proc.memory, criteria.memory_kib)
        and (above_kib is None or proc.memory > above_kib)
        and (below_kib is None or proc.memory < below_kib)
        and _within((now_us - proc.booked_us) // SECOND, criteria.booked_for_s)
    )


def _within(value: int, range: tuple[int, int] | None) -> bool:
    return range is None or range[0] <= value <= range[1]

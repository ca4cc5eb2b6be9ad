"""Jobs: which ones, in which order, and what each looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cuebot.domain.bounds import Bounds
from cuebot.domain.farm import Farm
from cuebot.domain.names import folded
from cuebot.domain.nouns import Job
from cuebot.domain.states import JobState
from cuebot.domain.units import is_id
from cuebot.queries.statistics import FrameCounts, UsageRow, frame_counts, usage_row
from cuebot.queries.text import Clock, check_count, text_filter
from cuebot.queries.units import in_cores, in_seconds, most, most_cores


class JobRow(NamedTuple):
    """A job with its statistics. None is "no maximum"."""

    id: str
    name: str
    state: JobState
    show: str
    shot: str
    user: str
    uid: int | None
    group: str
    facility: str
    os: str
    priority: int
    min_cores: float
    max_cores: float | None
    min_gpus: int
    max_gpus: int | None
    log_dir: str
    paused: bool
    auto_eat: bool
    commented: bool
    submitted_s: int
    stopped_s: int
    """0 while it has not."""
    layers: int
    reserved_cores: float
    reserved_gpus: int
    frames: FrameCounts
    usage: UsageRow


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCriteria:
    """Which jobs are asked for: fields are ANDed, the values of one are ORed, an empty field says nothing."""

    ids: Sequence[str] = ()
    names: Sequence[str] = ()
    """Names, ids, or beginnings of ids."""
    parts: Sequence[str] = ()
    """Parts of names, or beginnings of ids."""
    patterns: Sequence[str] = ()
    """Regular expressions that are found in names."""
    shots: Sequence[str] = ()
    shows: Sequence[str] = ()
    users: Sequence[str] = ()

    def words(self) -> int:
        """How many words are looked for."""
        fields = (self.ids, self.names, self.parts, self.patterns, self.shots, self.shows, self.users)
        return sum(len(field) for field in fields)


def job_row(farm: Farm, job: Job, commented: set[str] | frozenset[str] = frozenset()) -> JobRow:
    """A job as a row; `commented` has the ids of the jobs that have comments."""
    frames = frame_counts(job.counts)
    return JobRow(
        id=job.id,
        name=job.name,
        state=job.state,
        show=farm.shows[job.show_id].name,
        shot=job.shot,
        user=job.user,
        uid=job.uid,
        group=farm.groups[job.group_id].name,
        facility=farm.facilities[job.facility_id].name,
        os=job.os,
        priority=job.priority,
        min_cores=in_cores(job.min_cores),
        max_cores=most_cores(job.max_cores),
        min_gpus=job.min_gpus,
        max_gpus=most(job.max_gpus),
        log_dir=job.log_dir,
        paused=job.paused,
        auto_eat=job.auto_eat,
        commented=job.id in commented,
        submitted_s=in_seconds(job.submitted_us),
        stopped_s=in_seconds(job.stopped_us),
        layers=len(job.layer_ids),
        reserved_cores=in_cores(job.reserved_cores),
        reserved_gpus=job.reserved_gpus,
        frames=frames,
        usage=usage_row(frames.pending, farm.layers_of(job)),
    )


def pending_jobs(farm: Farm) -> list[Job]:
    """All jobs that are PENDING."""
    active = (farm.jobs[id] for id in farm.active_job_by_name.values())
    return [job for job in active if job.state is JobState.PENDING]


def pending_jobs_of_show(farm: Farm, show_id: str) -> list[Job]:
    """The PENDING jobs of a show, by name."""
    return by_name(job for job in pending_jobs(farm) if job.show_id == show_id)


def pending_jobs_of_group(farm: Farm, job_ids: Iterable[str]) -> list[Job]:
    """Those of a group's jobs that are PENDING, by name."""
    return by_name(job for job in (farm.jobs[id] for id in job_ids) if job.state is JobState.PENDING)


def finished_in_memory(farm: Farm) -> int:
    """How many finished jobs are in memory."""
    return len(farm.jobs) - len(farm.active_job_by_name)


def by_name(jobs: Iterable[Job]) -> list[Job]:
    """Jobs in the order of their names."""
    return sorted(jobs, key=lambda job: job.name)


def last_ended_first(jobs: Iterable[Job]) -> list[Job]:
    """Finished jobs, the one that ended last first."""
    return sorted(jobs, key=lambda job: (-job.stopped_us, -job.submitted_us, job.id))


def job_filter(farm: Farm, criteria: JobCriteria, bounds: Bounds, clock: Clock) -> Callable[[Job], bool]:
    """Which jobs the criteria mean, whatever their state (opencue-behaviour: searching-jobs). Raises Invalid."""
    check_count(criteria.words(), bounds)
    ids, names, users = (frozenset(field) for field in (criteria.ids, criteria.names, criteria.users))
    shots = frozenset(map(folded, criteria.shots))
    named = named_filter(farm, names)
    shows = {farm.show_id_of(name) for name in criteria.shows}
    matches = text_filter(criteria.parts, criteria.patterns, bounds, clock)
    return lambda job: bool(
        (not ids or job.id in ids)
        and (not names or named(job))
        and (not users or job.user in users)
        and (not shots or job.shot in shots)
        and (not shows or job.show_id in shows)
        and matches(job.name, job.id)
    )


def named_filter(farm: Farm, words: Iterable[str]) -> Callable[[Job], bool]:
    """Jobs of which one of these is the name, the id, or the beginning of that.

    A word that is no active job's name as it is spelled is one in any spelling.
    """
    names = frozenset(words)
    alike = frozenset(folded(name) for name in names if name not in farm.active_job_by_name)
    ids = tuple(word.lower() for word in names if is_id(word))
    return lambda job: bool(
        job.name in names or (alike and folded(job.name) in alike) or (ids and job.id.startswith(ids))
    )

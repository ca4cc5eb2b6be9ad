"""Criteria as the published interface has them: from messages to what `queries` understands, and what they find."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message
from opencue_proto import host_pb2, job_pb2

from cuebot.domain.names import folded
from cuebot.domain.nouns import Host, Job, Proc
from cuebot.domain.states import JobState
from cuebot.engine.past_jobs import Past, PastJob
from cuebot.engine.ports import JobSearch
from cuebot.queries.frames import FrameCriteria
from cuebot.queries.hosts import HostCriteria, by_name, host_filter
from cuebot.queries.jobs import JobCriteria, job_filter, last_ended_first
from cuebot.queries.procs import ProcCriteria, by_host, proc_filter
from cuebot.wire.call import Call, those
from cuefarm_proto import farm_pb2


def job_criteria(message: job_pb2.JobSearchCriteria) -> JobCriteria:
    """JobSearchCriteria; whether finished jobs are meant is another matter."""
    return JobCriteria(
        ids=message.ids,
        names=message.jobs,
        parts=message.substr,
        patterns=message.regex,
        shots=message.shots,
        shows=message.shows,
        users=message.users,
    )


def frame_criteria(message: job_pb2.FrameSearchCriteria) -> FrameCriteria:
    """FrameSearchCriteria. Page and limit play no part."""
    return FrameCriteria(
        ids=message.ids,
        names=message.frames,
        layers=message.layers,
        states=message.states.frame_states,
        range=message.frame_range,
        memory_gb=message.memory_range,
        duration_hours=message.duration_range,
        changed_since_s=message.change_date,
    )


async def find_jobs(call: Call, message: job_pb2.JobSearchCriteria, among: Iterable[Job]) -> list[Job]:
    """Those of some jobs that the criteria mean."""
    matches = job_filter(call.farm, job_criteria(message), call.engine.core.bounds, time.monotonic)
    return await those(call, among, matches)


async def find_past_jobs(call: Call, message: job_pb2.JobSearchCriteria, *, stopped_since_us: int = 0) -> Past:
    """Finished jobs on disk that the criteria mean."""
    return await _past(call, job_criteria(message), stopped_since_us)


async def find_finished_jobs(call: Call, request: farm_pb2.FindFinishedJobsRequest) -> tuple[list[Job], Past]:
    """Finished jobs by name, part of a name, show and user, the one that ended last first; and which are on disk."""
    criteria = JobCriteria(names=request.names, parts=request.parts, shows=request.shows, users=request.users)
    matches = job_filter(call.farm, criteria, call.engine.core.bounds, time.monotonic)
    jobs = call.farm.jobs.values()
    here = await those(call, jobs, lambda job: job.state is JobState.FINISHED and matches(job))
    past = await _past(call, criteria, 0)
    found = {job.id: job for job in (*here, *(one.job for one in past.jobs))}
    return last_ended_first(found.values()), past


async def find_ended_jobs(
    call: Call, criteria: JobCriteria, since_us: int, until_us: int
) -> tuple[list[PastJob], Past]:
    """Jobs that ended in a time, the last first, each with the farm that it is listed of; and which are on disk."""
    matches = job_filter(call.farm, criteria, call.engine.core.bounds, time.monotonic)

    def is_wanted(job: Job) -> bool:
        return job.state is JobState.FINISHED and since_us <= job.stopped_us <= until_us and matches(job)

    here = await those(call, call.farm.jobs.values(), is_wanted)
    past = await _past(call, criteria, since_us, until_us)
    found = {one.job.id: one for one in past.jobs} | {job.id: PastJob(call.farm, job, False) for job in here}
    return [found[job.id] for job in last_ended_first(one.job for one in found.values())], past


async def _past(call: Call, criteria: JobCriteria, stopped_since_us: int, stopped_until_us: int = 0) -> Past:
    """What the disk has: it looks at those that fit what it has columns for, and the filter at all of it."""
    engine, bounds = call.engine, call.engine.core.bounds
    if criteria.ids and all(id in call.farm.jobs for id in criteria.ids):
        return Past([], is_all=True)
    search = JobSearch(
        ids=tuple(criteria.ids),
        names=tuple(criteria.names),
        parts=tuple(criteria.parts),
        show_ids=[call.farm.show_id_of(name) for name in criteria.shows],
        users=tuple(criteria.users),
        shots=[folded(shot) for shot in criteria.shots],
        stopped_since_us=stopped_since_us,
        before=(stopped_until_us, "") if stopped_until_us else None,
    )
    await engine.durable()
    most = bounds.past_jobs_looked_at
    return await engine.past_jobs.find(
        call.farm, search, lambda farm: job_filter(farm, criteria, bounds, time.monotonic), most, most
    )


async def find_hosts(
    call: Call, message: host_pb2.HostSearchCriteria, among: Iterable[Host] | None = None
) -> list[Host]:
    """Hosts by HostSearchCriteria, in the order of their names."""
    criteria = HostCriteria(
        ids=message.ids,
        names=message.hosts,
        parts=message.substr,
        patterns=message.regex,
        allocations=message.allocs,
        states=message.states.state,
        locks=message.lock_states.state,
    )
    matches = host_filter(call.farm, criteria, call.engine.core.bounds, time.monotonic)
    return by_name(await those(call, call.farm.hosts.values() if among is None else among, matches))


async def find_procs(call: Call, message: host_pb2.ProcSearchCriteria) -> list[Proc]:
    """Procs by ProcSearchCriteria: by host, then the oldest first. Memory is in KiB, durations are in seconds."""
    criteria = ProcCriteria(
        hosts=message.hosts,
        jobs=message.jobs,
        layers=message.layers,
        shows=message.shows,
        allocations=message.allocs,
        memory_kib=_first_range(message.memory_range),
        memory_above_kib=_first_value(message.memory_greater_than),
        memory_below_kib=_first_value(message.memory_less_than),
        booked_for_s=_first_range(message.duration_range),
        words=_words_in(message),
    )
    matches = proc_filter(call.farm, criteria, call.engine.core.bounds, call.engine.now_us())
    found = by_host(call.farm, await those(call, call.farm.procs.values(), matches))
    first = max(message.first_result, 0)
    last = first + message.max_results[0] if message.max_results and message.max_results[0] > 0 else None
    return found[first:last]


def _first_range(ranges: Any) -> tuple[int, int] | None:
    return next(((range.min, range.max) for range in ranges), None)


def _first_value(bounds: Any) -> int | None:
    return next((bound.value for bound in bounds), None)


def _words_in(message: Message) -> int:
    """How many values the lists of a message have, and those of the messages in it."""
    words = 0
    for _, value in message.ListFields():
        if isinstance(value, Message):
            words += _words_in(value)
        elif not isinstance(value, (str, int, float)):  # a list
            words += len(value)
    return words

"""Jobs that go on for longer than somebody allowed are ended.

The time is counted from when a timer first sees a frame of the job run, pauses included, and anew once a job that had
ended is opened again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from cuebot.decide.context import Context
from cuebot.decide.host_remarks import USER
from cuebot.decide.jobs import killed
from cuebot.domain import events as ev
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Comment, Job, stored_values
from cuebot.domain.states import FrameState, JobState
from cuebot.domain.units import MINUTE, Micros


def jobs_over_time(farm: Farm, over: Collection[str], context: Context) -> Iterator[ev.Event]:
    """Begin the time of jobs that have begun, and end those whose time is up; `over` are runs that have ended."""
    for id in farm.active_job_by_name.values():
        job = farm.jobs[id]
        if not job.time_limit_minutes or job.state is not JobState.PENDING:
            continue
        if job.time_limit_from_us:
            if context.now_us >= ends_us(job):
                yield from _ended(farm, job, over, context)
        elif job.counts[FrameState.RUNNING]:
            yield ev.Changed("job", job.id, {"time_limit_from_us": Micros(context.now_us)})


def ends_us(job: Job) -> Micros:
    """When the time of a job is up; 0 while it is not counted."""
    if not (job.time_limit_minutes and job.time_limit_from_us):
        return Micros(0)
    return Micros(job.time_limit_from_us + job.time_limit_minutes * MINUTE)


def _ended(farm: Farm, job: Job, over: Collection[str], context: Context) -> Iterator[ev.Event]:
    words = f"it went on for longer than the {job.time_limit_minutes} min that it was given (time limit)"
    comment = Comment(
        id=context.new_id(),
        job_id=job.id,
        host_id=None,
        user=USER,
        subject="killed: out of time",
        message=f"{words}; a retry of its frames gives it as much again",
        created_us=Micros(context.now_us),
    )
    yield ev.Added("comment", stored_values(comment))
    yield from killed(farm, job, f"job killed: {words}", over)

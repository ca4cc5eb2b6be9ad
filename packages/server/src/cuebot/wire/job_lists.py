"""Lists of jobs: those that live in full, finished ones as far as anybody can read them."""

from __future__ import annotations

from opencue_proto import job_pb2

from cuebot.domain.nouns import Job
from cuebot.domain.states import JobState
from cuebot.domain.units import HOUR
from cuebot.queries.jobs import by_name, last_ended_first, pending_jobs
from cuebot.wire.call import Call, rows_of
from cuebot.wire.criteria import find_jobs
from cuebot.wire.rows import list_of

ROWS_AT_A_TIME = 500
"""Finished jobs that are put into a list before its size is looked at again."""


async def list_jobs(call: Call, criteria: job_pb2.JobSearchCriteria) -> bytes:
    """A response with the jobs that match, by name: PENDING ones, or with `include_finished` those in any state.

    Finished jobs are listed for a time, and while the reply is one that clients take; what is left out, a warning says.
    Whoever names jobs, or has their ids, finds them for ever.
    """
    farm, bounds = call.farm, call.engine.core.bounds
    if not criteria.include_finished:
        jobs = by_name(await find_jobs(call, criteria, pending_jobs(farm)))
        return list_of(await rows_of(call, jobs, call.rows.job))

    found = await find_jobs(call, criteria, farm.jobs.values())
    finished = [job for job in found if job.state is JobState.FINISHED]
    if not (criteria.ids or criteria.jobs):
        since_us = call.engine.now_us() - bounds.finished_jobs_hours * HOUR
        late = [job for job in finished if job.stopped_us >= since_us]
        early = len(finished) - len(late)
        which = "it" if early == 1 else "they"
        hours = f"{which} ended more than {bounds.finished_jobs_hours} hours ago; by name or id every job is found"
        _warn(call, early, "finished job", hours)
        finished = late
    finished = last_ended_first(finished)

    living = [job for job in found if job.state is not JobState.FINISHED]
    listed = await _with_rows(call, living)
    room = bounds.list_reply_bytes - sum(len(row) for _, row in listed) - 16  # what stands before the rows
    shown = 0
    while shown < len(finished) and room > 0:
        for job, row in await _with_rows(call, finished[shown : shown + ROWS_AT_A_TIME]):
            room -= len(row)
            if room < 0:
                break
            listed.append((job, row))
            shown += 1
    size = f"a list has at most {bounds.list_reply_bytes >> 20} MiB; ask for fewer: by name, show or user"
    _warn(call, len(finished) - shown, "older finished job", size)
    launched = {job.id: n for n, job in enumerate(found)}  # of those of one name the last that was launched is last
    listed.sort(key=lambda one: (one[0].name, launched[one[0].id]))
    return list_of([row for _, row in listed])


async def _with_rows(call: Call, jobs: list[Job]) -> list[tuple[Job, bytes]]:
    return list(zip(jobs, await rows_of(call, jobs, call.rows.job), strict=True))


def _warn(call: Call, left_out: int, what: str, why: str) -> None:
    if left_out:
        jobs = f"1 {what} is" if left_out == 1 else f"{left_out} {what}s are"
        call.warnings.append(f"{jobs} left out: {why} (`cueadmin -lj -finished` lists what ended last)")

"""Lists of jobs: those that live in full, finished ones as far as anybody can read them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from opencue_proto import job_pb2

from cuebot.domain.nouns import Job
from cuebot.domain.states import JobState
from cuebot.domain.units import HOUR
from cuebot.engine.past_jobs import Past, PastJob
from cuebot.queries.jobs import by_name, job_row, last_ended_first, pending_jobs
from cuebot.wire.call import Call, in_slices, rows_of
from cuebot.wire.criteria import find_jobs, find_past_jobs
from cuebot.wire.messages.jobs import job_message
from cuebot.wire.rows import list_of, row_of

ROWS_AT_A_TIME = 500
"""Finished jobs that are put into a list before its size is looked at again."""


class _Listed(NamedTuple):
    """A job of a list, and what makes its row when it is its turn; None for one in memory, whose row may be kept."""

    job: Job
    make_row: Callable[[], bytes] | None = None


async def list_jobs(call: Call, criteria: job_pb2.JobSearchCriteria) -> bytes:
    """A response with the jobs that match, by name: PENDING ones, or with `include_finished` those in any state.

    Finished jobs are listed for a time, and while the reply is one that clients take; what is left out, a warning says.
    Whoever names jobs, or has their ids, finds them for ever, on disk as in memory.
    """
    farm, bounds = call.farm, call.engine.core.bounds
    if not criteria.include_finished:
        jobs = by_name(await find_jobs(call, criteria, pending_jobs(farm)))
        return list_of(await rows_of(call, jobs, call.rows.job))

    found = await find_jobs(call, criteria, farm.jobs.values())
    finished = await _finished(call, criteria, found)
    listed = await _rows(call, [_Listed(job) for job in found if job.state is not JobState.FINISHED])
    room = bounds.list_reply_bytes - sum(len(row) for _, row in listed) - 16  # what stands before the rows
    shown = 0
    while shown < len(finished) and room > 0:
        for job, row in await _rows(call, finished[shown : shown + ROWS_AT_A_TIME]):
            room -= len(row)
            if room < 0:
                break
            listed.append((job, row))
            shown += 1
    size = f"a list has at most {bounds.list_reply_bytes >> 20} MiB; ask for fewer: by name, show or user"
    _warn(call, len(finished) - shown, "older finished job", size)

    launched = {job.id: n for n, job in enumerate(found)}  # of those of one name the last that was launched is last
    listed.sort(key=lambda one: (one[0].name, launched.get(one[0].id, -1), one[0].submitted_us))
    return list_of([row for _, row in listed])


async def _finished(call: Call, criteria: job_pb2.JobSearchCriteria, found: list[Job]) -> list[_Listed]:
    """Finished jobs, in memory (those of `found`) and on disk, the one that ended last first.

    Where neither names nor ids are asked for, those that ended lately.
    """
    hours = call.engine.core.bounds.finished_jobs_hours
    finished = [job for job in found if job.state is JobState.FINISHED]
    since_us = 0
    if not (criteria.ids or criteria.jobs):
        since_us = call.engine.now_us() - hours * HOUR
        late = [job for job in finished if job.stopped_us >= since_us]
        early = len(finished) - len(late)
        which = "it" if early == 1 else "they"
        why = f"{which} ended more than {hours} hours ago; by name or id every job is found"
        _warn(call, early, "finished job", why)
        finished = late

    past = await find_past_jobs(call, criteria, stopped_since_us=since_us)
    warn_of_past(call, past)
    listed = {one.job.id: _Listed(one.job, partial(_past_row, one)) for one in past.jobs}
    listed |= {job.id: _Listed(job) for job in finished}
    return [listed[job.id] for job in last_ended_first(one.job for one in listed.values())]


def _past_row(one: PastJob) -> bytes:
    commented = frozenset({one.job.id} if one.is_commented else ())
    return row_of(job_message(job_row(one.farm, one.job, commented)))


async def _rows(call: Call, listed: list[_Listed]) -> list[tuple[Job, bytes]]:
    in_memory = [one.job for one in listed if one.make_row is None]
    rows = dict(zip([job.id for job in in_memory], await rows_of(call, in_memory, call.rows.job), strict=True))

    def make(some: list[_Listed]) -> None:
        rows.update({one.job.id: one.make_row() for one in some if one.make_row is not None})

    await in_slices(call, [one for one in listed if one.make_row is not None], make)
    return [(one.job, rows[one.job.id]) for one in listed]


def warn_of_past(call: Call, past: Past) -> None:
    """Say where jobs on disk were not all looked at."""
    if not past.is_all:
        most = call.engine.core.bounds.past_jobs_looked_at
        call.warnings.append(
            f"of the finished jobs on disk the {most} that ended last were looked at (limit past_jobs_looked_at): a"
            " name, a show or a user choose among all"
        )


def _warn(call: Call, left_out: int, what: str, why: str) -> None:
    if left_out:
        jobs = f"1 {what} is" if left_out == 1 else f"{left_out} {what}s are"
        call.warnings.append(f"{jobs} left out: {why} (`cueadmin -lj -finished` lists what ended last)")

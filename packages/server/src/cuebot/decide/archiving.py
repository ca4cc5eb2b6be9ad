"""Which finished jobs leave memory, and how one comes back."""

from __future__ import annotations

from typing import Final

from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.archive import may_leave, unpack_summary
from cuebot.domain.errors import Refused
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Job
from cuebot.domain.states import JobState

JOBS_PER_SWEEP: Final = 500
"""Each is packed by the journal's thread, a few thousand in a second."""


def leaving(farm: Farm, context: Context) -> list[ev.Event]:
    """The finished jobs that leave now: those that nobody has needed for a time, and the oldest of too many."""
    finished_count = len(farm.jobs) - len(farm.active_job_by_name)
    if not finished_count:
        return []
    finished = [job for job in farm.jobs.values() if job.state is JobState.FINISHED]
    finished.sort(key=_needed_us)

    too_many = len(finished) - context.settings.finished_jobs_in_memory
    since_us = context.now_us - context.settings.finished_in_memory_us
    leave: list[Job] = []
    for place, job in enumerate(finished):
        if place >= too_many and _needed_us(job) > since_us:
            break
        if may_leave(farm, job):
            leave.append(job)
            if len(leave) == JOBS_PER_SWEEP:
                break
    return _archived(leave, finished)


def _archived(leave: list[Job], finished: list[Job]) -> list[ev.Event]:
    """That jobs leave; the youngest of a name with the older ones of it that stay."""
    ids = {job.id for job in leave}
    youngest = {job.name: job for job in sorted(leave, key=lambda job: job.submitted_us)}
    superseded: dict[str, list[str]] = {job.id: [] for job in leave}

    for job in finished:
        younger = youngest.get(job.name)
        if younger and job.id not in ids and not job.superseded and job.submitted_us < younger.submitted_us:
            superseded[younger.id].append(job.id)
    return [ev.JobArchived(job.id, superseded[job.id]) for job in leave]


def _needed_us(job: Job) -> int:
    """When a finished job was last needed, as far as anybody knows."""
    return max(job.stopped_us, job.recalled_us)


def recall_job(farm: Farm, command: c.RecallJob, context: Context) -> list[ev.Event]:
    """Have a finished job in memory again."""
    if command.job_id in farm.jobs:
        return []
    archived, _ = unpack_summary(command.summary)
    job = archived.job
    show = farm.shows.get(job.show_id)
    if show is None:
        raise Refused(f"job {job.name!r} cannot be loaded again: its show is gone")

    first_key = farm.next_layer_key
    facility_id = job.facility_id if job.facility_id in farm.facilities else _any_facility(farm, context)
    return [
        ev.JobRecalled(
            job_id=job.id,
            summary=command.summary,
            rest=command.rest,
            layer_keys=list(range(first_key, first_key + len(archived.layers))),
            group_id=job.group_id if job.group_id in farm.groups else show.root_group_id,
            facility_id=facility_id,
            superseded=command.superseded,
        )
    ]


def _any_facility(farm: Farm, context: Context) -> str:
    return farm.facility_by_name.get(context.settings.default_facility) or next(iter(farm.facilities))

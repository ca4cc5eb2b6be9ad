"""Which finished jobs leave memory, and how one comes back. What is forgotten on disk at last: `app/retention`."""

from __future__ import annotations

from typing import Final

import numpy as np

from cuebot.decide.context import Context
from cuebot.decide.satisfied_depends import hold_again, satisfied_by, satisfied_by_job
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.archive import may_leave, unpack_summary
from cuebot.domain.errors import Refused
from cuebot.domain.farm import Farm
from cuebot.domain.frames import IndexArray, as_indices
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.states import FrameState, JobState

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


def missed_by(farm: Farm, job: Job) -> list[ev.Event]:
    """What became of a job's depends while it was away: frames that it waited for have ended, or are done anew.

    Only what happened since the job ended counts; until it left, its depends followed by themselves.
    """
    own = farm.depends_of_job[job.id]
    events: list[ev.Event] = []
    for on_job in (farm.jobs[id] for id in sorted({farm.depends[id].on_job for id in own} - {job.id})):
        if on_job.state is JobState.FINISHED and on_job.stopped_us > job.stopped_us:
            events += satisfied_by_job(farm, on_job.id)
        for layer in farm.layers_of(on_job):
            events += _missed_of(farm, layer, job.stopped_us)

    missed: dict[tuple[type[ev.Event], str], ev.Event] = {}
    for event in events:
        depend_id = getattr(event, "depend_id", "")
        if depend_id in own:
            missed.setdefault((type(event), depend_id), event)
    return list(missed.values())


def _missed_of(farm: Farm, layer: Layer, since_us: int) -> list[ev.Event]:
    """What follows for depends on a layer from what became of its frames since a time."""
    states, changed = layer.frames.state, layer.frames.updated_us > since_us

    def those(*wanted: FrameState) -> IndexArray:
        return as_indices(np.flatnonzero(changed & np.isin(states, wanted)).tolist())

    succeeded, given_up = those(FrameState.SUCCEEDED), those(FrameState.DEAD, FrameState.EATEN)
    events: list[ev.Event] = []
    if len(succeeded):
        events += satisfied_by(farm, layer, succeeded, complete=layer.complete)
    if len(given_up):
        events += satisfied_by(farm, layer, given_up, complete=False, failed=True)
    return events + hold_again(farm, layer, those(FrameState.WAITING, FrameState.DEPEND, FrameState.RUNNING))


def _any_facility(farm: Farm, context: Context) -> str:
    return farm.facility_by_name.get(context.settings.default_facility) or next(iter(farm.facilities))

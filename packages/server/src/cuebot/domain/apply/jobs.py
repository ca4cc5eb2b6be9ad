"""Jobs are launched, end and are opened again here."""

from __future__ import annotations

from cuebot.domain import events as ev
from cuebot.domain.farm import Farm, restore
from cuebot.domain.indexes import give_name_up, index_job, index_layer, initial_frames, take_name
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.states import JOB_TRANSITIONS, JobState
from cuebot.domain.units import Micros


def job_launched(farm: Farm, event: ev.JobLaunched, at_us: Micros) -> None:
    job: Job = restore("job", event.job)
    layers: list[Layer] = [restore("layer", values) for values in event.layers]
    index_job(farm, job)
    for layer in layers:
        layer.frames = initial_frames(layer, job)
        index_layer(farm, layer)
        farm.dirty.row("layer", layer.id)
    farm.dirty.row("job", job.id)
    show = farm.shows[job.show_id]
    show.jobs_created += 1
    show.frames_created += sum(len(layer.frames) for layer in layers)
    farm.dirty.row("show", show.id)


def job_finished(farm: Farm, event: ev.JobFinished, at_us: Micros) -> None:
    job = farm.jobs[event.job_id]
    _job_state(farm, job, JobState.FINISHED)
    job.stopped_us = at_us
    give_name_up(farm, job)


def job_reopened(farm: Farm, event: ev.JobReopened, at_us: Micros) -> None:
    job = farm.jobs[event.job_id]
    job.time_limit_from_us = Micros(0)
    _job_state(farm, job, JobState.PENDING)
    take_name(farm, job)


def filters_applied(farm: Farm, event: ev.FiltersApplied, at_us: Micros) -> None:
    job = farm.jobs[event.job_id]
    job.filtered = tuple(event.done)
    farm.dirty.row("job", job.id)


def _job_state(farm: Farm, job: Job, to: JobState) -> None:
    if to not in JOB_TRANSITIONS[job.state]:
        raise AssertionError(f"job {job.name} cannot go from {job.state.name} to {to.name}")
    job.state = to
    farm.touched.jobs.add(job.id)
    for layer in farm.layers_of(job):
        farm.update_ready(layer)
    farm.dirty.row("job", job.id)

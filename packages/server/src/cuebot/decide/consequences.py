"""What follows of itself once an event has been applied: depends satisfied, jobs finished.

A consequence never refuses. It is decided from the farm as the event left it, is itself an event, and may have
consequences of its own.
"""

from __future__ import annotations

from cuebot.decide.archiving import missed_by
from cuebot.decide.frames import satisfied_by, satisfied_by_job
from cuebot.domain import events as ev
from cuebot.domain.farm import Farm
from cuebot.domain.frames import IndexArray, as_indices
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.states import FrameState, JobState


def consequences(farm: Farm, event: ev.Event) -> list[ev.Event]:
    """Events that follow from one that was just applied."""
    match event:
        case ev.RunEnded(layer_id=layer_id, index=index, state=FrameState.SUCCEEDED, job_id=job_id):
            # A frame that acquired a depend while it ran is DEPEND now; what waited for it is satisfied all the same.
            layer = farm.layers[layer_id]
            events = satisfied_by(farm, layer, as_indices([index]), complete=layer.complete)
            return [*events, *_finish(farm, farm.jobs[job_id])]
        case ev.RunEnded(layer_id=layer_id, index=index, state=FrameState.DEAD | FrameState.EATEN):
            return _given_up(farm, farm.layers[layer_id], as_indices([index]))
        case ev.FramesEaten(layer_id=layer_id, indices=indices):
            return _given_up(farm, farm.layers[layer_id], indices)
        case ev.RunEnded(job_id=job_id) | ev.JobReopened(job_id=job_id):
            return _finish(farm, farm.jobs[job_id])
        case ev.JobRecalled(job_id=job_id):
            return missed_by(farm, farm.jobs[job_id])
        case ev.JobFinished(job_id=job_id):
            posted = [id for id in farm.post_jobs.get(job_id, ()) if farm.jobs[id].state is JobState.POSTED]
            return [*satisfied_by_job(farm, job_id), *(ev.JobReopened(id) for id in posted)]
        case _:
            return []


def _given_up(farm: Farm, layer: Layer, indices: IndexArray) -> list[ev.Event]:
    """Frames died or were eaten: that satisfies what waits for an end of any kind, and may end the job."""
    events = satisfied_by(farm, layer, indices, complete=False, failed=True)
    return [*events, *_finish(farm, farm.jobs[layer.job_id])]


def _finish(farm: Farm, job: Job) -> list[ev.Event]:
    """A pending job is finished when it is complete and none of its runs is left to be ended."""
    if job.state is JobState.PENDING and job.complete and not any(layer.runs for layer in farm.layers_of(job)):
        return [ev.JobFinished(job.id)]
    return []

"""What follows of itself once an event has been applied: depends satisfied, jobs finished; and what is learned of it.

A consequence never refuses. It is decided from the farm as the event left it, is itself an event, and may have
consequences of its own. What is learned is telemetry: hosts avoided, holds, what frames need.
"""

from __future__ import annotations

from typing import Final

from cuebot.decide.archiving import missed_by
from cuebot.decide.partitions import after_job
from cuebot.decide.redirects import after_run
from cuebot.decide.satisfied_depends import satisfied_by, satisfied_by_job
from cuebot.domain import events as ev
from cuebot.domain.failing_hosts import observe_end
from cuebot.domain.farm import Farm
from cuebot.domain.frames import IndexArray, as_indices
from cuebot.domain.learning import forget_where_changed
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.states import FrameState, JobState
from cuebot.domain.telemetry import observe_told


def consequences(farm: Farm, event: ev.Event, now_us: int) -> list[ev.Event]:
    """Events that follow from one that was just applied."""
    if isinstance(event, ev.RunEnded) and event.run_id in farm.redirects:
        return [*after_run(farm, event, now_us), *_follows(farm, event)]
    return _follows(farm, event)


def _follows(farm: Farm, event: ev.Event) -> list[ev.Event]:
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
        case ev.FramesRestored(layer_id=layer_id, indices=indices, state=FrameState.SUCCEEDED):
            layer = farm.layers[layer_id]
            events = satisfied_by(farm, layer, indices, complete=layer.complete)
            return [*events, *_finish(farm, farm.jobs[layer.job_id])]
        case ev.FramesRestored(layer_id=layer_id, indices=indices):
            return _given_up(farm, farm.layers[layer_id], indices)
        case ev.RunEnded(job_id=job_id) | ev.JobReopened(job_id=job_id):
            return _finish(farm, farm.jobs[job_id])
        case ev.JobRecalled(job_id=job_id):
            return missed_by(farm, farm.jobs[job_id])
        case ev.JobFinished(job_id=job_id):
            posted = [id for id in farm.post_jobs.get(job_id, ()) if farm.jobs[id].state is JobState.POSTED]
            over = after_job(farm, job_id) if farm.partitions else []
            reopened = [ev.JobReopened(id) for id in posted]
            return [*over, *satisfied_by_job(farm, job_id), *reopened]
        case _:
            return []


def is_so_already(farm: Farm, event: ev.Event) -> bool:
    """What follows from one event may have followed from another of the same command: it happens once."""
    match event:
        case ev.DependSatisfied(depend_id=depend_id):
            return not farm.depends[depend_id].active
        case ev.JobFinished(job_id=job_id):
            return farm.jobs[job_id].state is JobState.FINISHED
        case _:
            return False


def learned_from(farm: Farm, event: ev.Event, now_us: int) -> None:
    """Keep what an event that was applied tells for the next plans, and which no row has."""
    if isinstance(event, ev.RunEnded):
        observe_end(farm, event, now_us)
    elif isinstance(event, ev.Changed):
        forget_where_changed(farm, event)
    elif isinstance(event, (ev.EndedWithHost, ev.FramesRetried)):
        observe_told(farm, event)


_NO_PLAN_AFTER: Final = (ev.RunsBooked, ev.KillRequested, ev.ReportIgnored, ev.RequestAnswered)


def may_change_the_plan(event: ev.Event) -> bool:
    """Whether something may be booked after an event that could not be before."""
    return not isinstance(event, _NO_PLAN_AFTER)


def _given_up(farm: Farm, layer: Layer, indices: IndexArray) -> list[ev.Event]:
    """Frames died or were eaten: that satisfies what waits for an end of any kind, and may end the job."""
    events = satisfied_by(farm, layer, indices, complete=False, failed=True)
    return [*events, *_finish(farm, farm.jobs[layer.job_id])]


def _finish(farm: Farm, job: Job) -> list[ev.Event]:
    """A pending job is finished when it is complete and none of its runs is left to be ended."""
    if job.state is JobState.PENDING and job.complete and not any(layer.runs for layer in farm.layers_of(job)):
        return [ev.JobFinished(job.id)]
    return []

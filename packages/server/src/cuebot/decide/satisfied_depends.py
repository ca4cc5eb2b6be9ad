"""A depend is satisfied when frames, a layer or a job ended, and holds again when frames are retried."""

from __future__ import annotations

from cuebot.domain import events as ev
from cuebot.domain.depends import REACTIVATED, SHAPES, WHOLE_LAYER, done_of, edges_of
from cuebot.domain.farm import Farm
from cuebot.domain.frames import IndexArray, as_indices
from cuebot.domain.nouns import Layer
from cuebot.domain.states import DependType


def satisfied_by(
    farm: Farm, layer: Layer, indices: IndexArray, *, complete: bool, failed: bool = False
) -> list[ev.Event]:
    """What is satisfied because these frames succeeded, and, where that made it so, because the layer is complete.

    `failed` frames died or were eaten: that satisfies only depends for which failure counts as done. One event a
    depend, whichever reason satisfies it.
    """
    events: list[ev.Event] = []
    succeeded = set(indices.tolist())
    for depend in farm.depends_on(layer):
        if not depend.active or (failed and not depend.on_failure):
            continue
        whole = complete or (depend.on_failure and layer.settled)
        ended = as_indices([*indices.tolist(), WHOLE_LAYER]) if whole else indices
        shape = SHAPES[depend.type]
        if shape.pairs:
            pairs = edges_of(farm, depend).waiting_for(ended)
            pairs = pairs[~done_of(farm, depend)[pairs]]
            if len(pairs):
                events.append(ev.DependPairsSatisfied(depend.id, pairs))
        elif depend.on_frame in succeeded if shape.on == "frame" else whole or (depend.any_frame and succeeded):
            events.append(ev.DependSatisfied(depend.id))
    return [*events, *_satisfied_by_settled_job(farm, layer)]


def _satisfied_by_settled_job(farm: Farm, layer: Layer) -> list[ev.Event]:
    """What waits for the end of a job whatever that is: with dead frames it does not finish by itself."""
    on_job = farm.depends_on_job.get(layer.job_id)
    if not on_job or not farm.jobs[layer.job_id].settled:
        return []
    depends = (farm.depends[id] for id in sorted(on_job))
    return [
        ev.DependSatisfied(depend.id)
        for depend in depends
        if depend.active and depend.on_failure and SHAPES[depend.type].on == "job"
    ]


def satisfied_by_job(farm: Farm, job_id: str) -> list[ev.Event]:
    """What is satisfied because a job is finished."""
    return [
        ev.DependSatisfied(depend.id)
        for depend in (farm.depends[id] for id in sorted(farm.depends_on_job.get(job_id, ())))
        if depend.active and SHAPES[depend.type].on == "job"
    ]


def hold_again(farm: Farm, layer: Layer, indices: IndexArray) -> list[ev.Event]:
    """What waited for frames that are retried waits again."""
    events: list[ev.Event] = []
    retried = set(indices.tolist())
    for depend in farm.depends_on(layer):
        if depend.type not in REACTIVATED:
            continue
        if depend.type is DependType.FRAME_BY_FRAME:
            pairs = edges_of(farm, depend).waiting_for(as_indices([*indices.tolist(), WHOLE_LAYER]))
            pairs = pairs[done_of(farm, depend)[pairs]]
            if len(pairs):
                events.append(ev.DependUnsatisfied(depend.id, pairs))
        elif not depend.active and (depend.type is DependType.LAYER_ON_LAYER or depend.on_frame in retried):
            events.append(ev.DependUnsatisfied(depend.id))
    return events

"""Commands on depends: add, satisfy, unsatisfy."""

from __future__ import annotations

import numpy as np

from cuebot.decide.context import Context
from cuebot.decide.cycles import find_cycle
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.bounds import Bounds
from cuebot.domain.depends import REACTIVATED, SHAPES, edges_of
from cuebot.domain.errors import AlreadyExists, Invalid, LimitExceeded, Refused
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Depend, Job, Layer, stored_values
from cuebot.domain.states import ENDED_FRAME_STATES, DependType, FrameState, JobState


def add_depend(farm: Farm, command: c.AddDepend, context: Context) -> tuple[list[ev.Event], str]:
    """Make one side wait for the other. Replies with the depend's id."""
    shape = SHAPES[command.type]
    depend = Depend(
        id=context.new_id(),
        type=command.type,
        er_job=command.er_job,
        on_job=command.on_job,
        # What the type has no use for is left out.
        er_layer=command.er_layer if shape.er != "job" else None,
        er_frame=command.er_frame if shape.er == "frame" else None,
        on_layer=command.on_layer if shape.on != "job" else None,
        on_frame=command.on_frame if shape.on == "frame" else None,
        any_frame=command.any_frame and command.type is DependType.LAYER_ON_LAYER,
        on_failure=command.on_failure,
        created_us=context.now_us,
    )
    check_new(farm, depend, context.bounds)
    cycle = find_cycle(farm, [depend])
    if cycle:
        raise Refused(f"this would make a circle in which nothing can ever run: {cycle}")
    return [added(farm, depend)], depend.id


def check_new(farm: Farm, depend: Depend, bounds: Bounds) -> None:
    """Refuse a depend that is incomplete, on itself, on something done already, or there already."""
    er_job, on_job = farm.get("job", depend.er_job), farm.get("job", depend.on_job)
    shape = SHAPES[depend.type]
    _must_be_there(farm, depend, "waits", er_job, shape.er, depend.er_layer, depend.er_frame)
    _must_be_there(farm, depend, "is waited for", on_job, shape.on, depend.on_layer, depend.on_frame)

    _must_not_wait_for_itself(depend, er_job)
    if shape.on == "job" and on_job.complete and on_job.state is JobState.FINISHED:
        raise Refused(f"job {on_job.name!r} is complete; there is nothing to wait for")
    _must_be_new(farm, depend, er_job, bounds)


def _must_be_there(
    farm: Farm, depend: Depend, side: str, job: Job, scope: str, layer_id: str | None, frame: int | None
) -> None:
    """Raise Invalid where one side of a depend lacks a layer or a frame that its type needs, or names a wrong one."""
    if scope != "job" and layer_id is None:
        raise Invalid(f"{depend.type.name} needs the layer that {side}")
    if scope == "frame" and frame is None:
        raise Invalid(f"{depend.type.name} needs the frame that {side}")
    if layer_id is None:
        return

    layer: Layer = farm.get("layer", layer_id)
    if layer.job_id != job.id:
        raise Invalid(f"the layer {layer.name!r} that {side} does not belong to job {job.name!r}")
    if frame is not None and not 0 <= frame < len(layer.frames):
        raise Invalid(f"the layer {layer.name!r} that {side} has no frame with the index {frame}")


def _must_not_wait_for_itself(depend: Depend, job: Job) -> None:
    if depend.er_job != depend.on_job:
        return
    shape = SHAPES[depend.type]
    if "job" in (shape.er, shape.on):
        raise Refused(f"job {job.name!r} cannot wait for itself")

    same_layer = depend.er_layer == depend.on_layer
    if same_layer and not shape.pairs and depend.er_frame == depend.on_frame:
        raise Refused("a layer or frame cannot wait for itself")
    if same_layer and depend.type is DependType.FRAME_BY_FRAME:
        raise Refused("a layer cannot wait for itself frame by frame; PREVIOUS_FRAME can")


def _must_be_new(farm: Farm, depend: Depend, job: Job, bounds: Bounds) -> None:
    """Raise AlreadyExists for a depend that holds already, LimitExceeded where its job has too many."""
    existing = farm.depends_of_job.get(depend.er_job, set())
    if len(existing) >= bounds.depends_per_job:
        raise LimitExceeded(
            f"job {job.name!r}",
            "depends",
            given=len(existing) + 1,
            limit="depends_per_job",
            allowed=bounds.depends_per_job,
        )
    for other in (farm.depends[id] for id in existing):
        if other.active and signature(other) == signature(depend):
            raise AlreadyExists(f"this {depend.type.name} exists already and holds (id {other.id})")


def signature(depend: Depend) -> tuple[object, ...]:
    """What makes two depends the same one."""
    return (
        depend.type,
        depend.er_job,
        depend.er_layer,
        depend.er_frame,
        depend.on_job,
        depend.on_layer,
        depend.on_frame,
    )


def added(farm: Farm, depend: Depend) -> ev.DependAdded:
    """The event that makes a depend, with what of it is satisfied already."""
    shape = SHAPES[depend.type]
    on_layer: Layer | None = farm.layers.get(depend.on_layer or "")
    if on_layer is None:
        depend.active = not (depend.on_failure and farm.jobs[depend.on_job].settled)
        return ev.DependAdded(stored_values(depend))
    ended = ENDED_FRAME_STATES | ({FrameState.DEAD} if depend.on_failure else set())
    whole = on_layer.complete or (depend.on_failure and on_layer.settled)
    if shape.pairs:
        edges = edges_of(farm, depend)
        done_frames = np.isin(on_layer.frames.state, sorted(ended))
        satisfied = np.where(edges.on < 0, whole, done_frames[edges.on])
        depend.active = bool(not satisfied.all())
        return ev.DependAdded(stored_values(depend), np.flatnonzero(satisfied).astype(np.int32))
    if shape.on == "layer":
        depend.active = not (whole or (depend.any_frame and on_layer.counts[FrameState.SUCCEEDED]))
    elif shape.on == "frame" and depend.on_frame is not None:
        depend.active = int(on_layer.frames.state[depend.on_frame]) not in ended
    return ev.DependAdded(stored_values(depend))


def satisfy_depends(farm: Farm, command: c.SatisfyDepends, context: Context) -> list[ev.Event]:
    """Let depends go."""
    depends = [farm.get("depend", id) for id in dict.fromkeys(command.depend_ids)]
    return [ev.DependSatisfied(depend.id) for depend in depends if depend.active]


def unsatisfy_depend(farm: Farm, command: c.UnsatisfyDepend, context: Context) -> list[ev.Event]:
    """Let a depend hold again; only types between frames or layers can (opencue-behaviour: holding-again)."""
    depend: Depend = farm.get("depend", command.depend_id)
    if depend.type not in REACTIVATED:
        raise Refused(f"a {depend.type.name} cannot be made to hold again; create a new one")
    if depend.active and not SHAPES[depend.type].pairs:
        return []
    return [ev.DependUnsatisfied(depend.id)]

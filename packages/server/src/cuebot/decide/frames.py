"""Commands on frames: retry, eat, kill, mark done, release, hold, reorder, stagger.

What is tried again by itself: `run_ends`.
"""

from __future__ import annotations

import numpy as np

from cuebot.decide.context import Context
from cuebot.decide.satisfied_depends import hold_again, satisfied_by
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.depends import SHAPES, done_of, edges_of
from cuebot.domain.errors import Invalid, Refused
from cuebot.domain.farm import Farm
from cuebot.domain.frame_set import interleaved
from cuebot.domain.frames import IndexArray, as_indices
from cuebot.domain.nouns import Depend, Layer
from cuebot.domain.states import ENDED_FRAME_STATES, Exit, FrameState, JobState, OnEnd


def retry_frames(farm: Farm, command: c.RetryFrames, context: Context) -> list[ev.Event]:
    """Let frames wait again, and reopen their job.

    A frame whose run is not known to be over keeps its state: the run is killed, and the frame waits again when the run
    has truly ended. That is how a retry never makes a frame run twice. What waited for a retried frame waits again
    (opencue-behaviour: holding-again). Frames of a killed job that never ran are wanted again, too: their job is
    reopened.
    """
    events: list[ev.Event] = []
    reopened: dict[str, None] = {}
    for layer_id, indices in command.frames.items():
        layer = farm.get("layer", layer_id)
        running = [index for index in indices.tolist() if index in layer.runs]
        if running:
            run_ids = [layer.runs[index] for index in running]
            events.append(ev.KillRequested(run_ids, OnEnd.RETRY, command.message or "retried"))
        ended = _in_states(
            layer, indices, FrameState.DEAD, FrameState.EATEN, FrameState.SUCCEEDED, FrameState.CHECKPOINT
        )
        ended = as_indices([index for index in ended.tolist() if index not in layer.runs])
        if len(ended):
            events.extend(hold_again(farm, layer, ended))
            events.append(ev.FramesRetried(layer_id, ended))
        job = farm.jobs[layer.job_id]
        left = job.state is JobState.FINISHED and len(_in_states(layer, indices, FrameState.WAITING, FrameState.DEPEND))
        if running or len(ended) or left:
            reopened[layer.job_id] = None
    for job in (farm.jobs[id] for id in reopened):
        if job.state is not JobState.FINISHED:
            continue
        if job.name in farm.active_job_by_name:
            raise Refused(
                f"job {job.name!r} has finished, and another one of its name is active; retry when that has ended"
            )
        events.append(ev.JobReopened(job.id))
    return events


def eat_frames(farm: Farm, command: c.EatFrames, context: Context) -> list[ev.Event]:
    """Give frames up; a running one is killed."""
    events: list[ev.Event] = []
    for layer_id, indices in command.frames.items():
        layer = farm.get("layer", layer_id)
        running = as_indices([index for index in indices.tolist() if index in layer.runs])
        if len(running):
            run_ids = [layer.runs[index] for index in running.tolist()]
            events.append(ev.KillRequested(run_ids, OnEnd.EAT, command.message or "eaten"))
            events.append(ev.FramesEaten(layer_id, running, int(Exit.EATEN_BY_USER)))
        idle = _in_states(layer, indices, FrameState.WAITING, FrameState.DEPEND, FrameState.DEAD, FrameState.CHECKPOINT)
        if len(idle):
            events.append(ev.FramesEaten(layer_id, idle))
    return events


def restore_frames(farm: Farm, command: c.RestoreFrames, context: Context) -> list[ev.Event]:
    """Let frames of a paused job have ended as they had elsewhere.

    Those that wait for something, have run here, or ended here already are left as they are: once what they wait for
    was restored they may be asked for again. A job that goes on would have started some of them meanwhile.
    """
    layer: Layer = farm.get("layer", command.layer_id)
    job = farm.jobs[layer.job_id]
    if not job.paused:
        raise Refused(f"job {job.name!r} is not paused; frames are restored before a job goes on")
    place = {number: index for index, number in enumerate(layer.frames.number.tolist())}
    absent = [frame.number for frame in command.frames if frame.number not in place]
    if absent:
        raise Invalid(f"layer {layer.name!r} of {job.name!r} has no frame {absent[0]}")

    ended = {place[frame.number]: frame for frame in command.frames}
    if len(ended) < len(command.frames):
        raise Invalid(f"a frame of layer {layer.name!r} is named twice")
    indices = _in_states(layer, as_indices(sorted(ended)), FrameState.WAITING)
    indices = indices[layer.frames.attempts[indices] == 0]
    events: list[ev.Event] = []
    for state in (FrameState.DEAD, FrameState.EATEN, FrameState.SUCCEEDED):
        alike = as_indices([index for index in indices.tolist() if ended[index].state is state])
        if len(alike):
            events.append(_restored(layer, alike, state, [ended[index] for index in alike.tolist()]))
    return events


def _restored(layer: Layer, indices: IndexArray, state: FrameState, frames: list[c.EndedFrame]) -> ev.FramesRestored:
    return ev.FramesRestored(
        layer.id,
        indices,
        state,
        [frame.exit_status for frame in frames],
        [frame.retries for frame in frames],
        [frame.start_us for frame in frames],
        [frame.stop_us for frame in frames],
        [frame.max_rss_kib for frame in frames],
    )


def kill_frames(farm: Farm, command: c.KillFrames, context: Context) -> list[ev.Event]:
    """End runs; their outcomes decide what becomes of the frames."""
    run_ids = [
        farm.get("layer", layer_id).runs[index]
        for layer_id, indices in command.frames.items()
        for index in indices.tolist()
        if index in farm.get("layer", layer_id).runs
    ]
    return [ev.KillRequested(run_ids, OnEnd.AS_REPORTED, command.message or "killed")] if run_ids else []


def kill_procs(farm: Farm, command: c.KillProcs, context: Context) -> list[ev.Event]:
    """End runs by their ids; one that is over already is none."""
    run_ids = [id for id in command.run_ids if id in farm.procs]
    return [ev.KillRequested(run_ids, OnEnd.AS_REPORTED, command.message or "killed")] if run_ids else []


def mark_done(farm: Farm, command: c.MarkDone, context: Context) -> list[ev.Event]:
    """Satisfy what waits for frames or layers, as if these had succeeded just now; their own states stay.

    What waits for a whole layer is satisfied as well where the layer's other frames are done or eaten.
    """
    events: list[ev.Event] = []
    for layer_id in dict.fromkeys((*command.frames, *command.layer_ids)):
        layer: Layer = farm.get("layer", layer_id)
        indices = command.frames.get(layer_id, as_indices([]))
        complete = layer_id in command.layer_ids or (len(indices) > 0 and _rest_is_ended(layer, indices))
        events.extend(satisfied_by(farm, layer, indices, complete=complete))
    return events


def _rest_is_ended(layer: Layer, indices: IndexArray) -> bool:
    """Every frame but these is done or eaten."""
    ended = np.isin(layer.frames.state, sorted(ENDED_FRAME_STATES))
    ended[indices] = True
    return bool(ended.all())


def release_frames(farm: Farm, command: c.ReleaseFrames, context: Context) -> list[ev.Event]:
    """Let DEPEND frames go."""
    events: list[ev.Event] = []
    for layer_id, indices in command.frames.items():
        held = _in_states(farm.get("layer", layer_id), indices, FrameState.DEPEND)
        if len(held):
            events.append(ev.FramesReleased(layer_id, held))
    return events


def reorder_frames(farm: Farm, command: c.ReorderFrames, context: Context) -> list[ev.Event]:
    """Move frames within their layer's order (opencue-behaviour: reordering, with LAST as it is meant)."""
    layer: Layer = farm.get("layer", command.layer_id)
    indices = layer.frames.indices_of(command.numbers)
    if not len(indices):
        return []
    order = layer.frames.dispatch_order
    if command.order == "FIRST":
        start = int(order.min()) - len(indices)
        orders = list(range(start, start + len(indices)))
    elif command.order == "LAST":
        start = int(order.max()) + 1
        orders = list(range(start, start + len(indices)))
    elif command.order == "REVERSE":
        orders = [int(n) for n in order[indices][::-1]]
    else:
        raise Invalid(f"order {command.order!r} is none of FIRST, LAST, REVERSE")
    ascending = np.argsort(indices)
    return [ev.FramesReordered(layer.id, indices[ascending], [orders[i] for i in ascending.tolist()])]


def stagger_frames(farm: Farm, command: c.StaggerFrames, context: Context) -> list[ev.Event]:
    """Interleave frames of a layer, as the range `A-B:STEP` does, over the places that they have now."""
    if command.step < 1:
        raise Invalid(f"stagger {command.step}: accepted is 1 or more, every so many-th frame goes first")
    layer: Layer = farm.get("layer", command.layer_id)
    indices = layer.frames.indices_of(dict.fromkeys(command.numbers))
    if len(indices) < 2:
        return []
    staggered = indices[interleaved(len(indices), command.step)]
    places = np.sort(layer.frames.dispatch_order[indices])
    moved = layer.frames.dispatch_order[staggered] != places
    if not moved.any():
        return []
    staggered, places = staggered[moved], places[moved]
    ascending = np.argsort(staggered)
    return [ev.FramesReordered(layer.id, staggered[ascending], places[ascending].tolist())]


def hold_frames(farm: Farm, command: c.HoldFrames, context: Context) -> list[ev.Event]:
    """Let WAITING frames wait again for what they were let go from, as far as that has not happened.

    See opencue-behaviour: mark-as-depend.
    """
    events: list[ev.Event] = []
    for layer_id, indices in command.frames.items():
        layer: Layer = farm.get("layer", layer_id)
        waiting = set(_in_states(layer, indices, FrameState.WAITING).tolist())
        waived: set[int] = set()
        for depend in (farm.depends[id] for id in sorted(farm.depends_of_job.get(layer.job_id, ()))):
            if not SHAPES[depend.type].pairs:
                waived.update(index for held, index in depend.waived if depend.active and held == layer_id)
            elif depend.er_layer == layer_id:
                pairs = _open_pairs_let_go(farm, depend, waiting)
                if len(pairs):
                    events.append(ev.DependUnsatisfied(depend.id, pairs))
        if waived & waiting:
            events.append(ev.FramesHeld(layer_id, as_indices(sorted(waived & waiting))))
    return events


def _open_pairs_let_go(farm: Farm, depend: Depend, waiting: set[int]) -> IndexArray:
    """Pairs that hold nothing although what these frames wait for in them has not ended."""
    edges, on = edges_of(farm, depend), farm.layers[depend.on_layer or ""]
    ended = np.isin(on.frames.state, sorted(ENDED_FRAME_STATES))
    happened = np.where(edges.on < 0, on.complete, ended[edges.on])
    pairs = np.flatnonzero(np.isin(edges.er, list(waiting)) & done_of(farm, depend) & ~happened)
    return pairs.astype(np.int32)


def _in_states(layer: Layer, indices: IndexArray, *states: FrameState) -> IndexArray:
    return indices[np.isin(layer.frames.state[indices], states)]

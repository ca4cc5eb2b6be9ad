"""Frames change their states here, with the rules that hold for every frame, whoever moves it.

A frame with open depends cannot wait, die or succeed but is DEPEND, and a succeeded frame cannot be eaten.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cuebot.domain import events as ev
from cuebot.domain.farm import Farm
from cuebot.domain.frames import IndexArray, as_indices
from cuebot.domain.nouns import Layer
from cuebot.domain.states import CHECKPOINT_UNDER_WAY, FRAME_TRANSITIONS, HELD_BY_DEPENDS, CheckpointState, FrameState
from cuebot.domain.units import Micros

_COLUMN_MOST = 65_535
"""What a column of frames can hold."""
States = npt.NDArray[np.uint8]
"""One FrameState a frame."""
_HELD = np.isin(np.arange(len(FrameState)), HELD_BY_DEPENDS)
_LEGAL = np.zeros((len(FrameState), len(FrameState)), dtype=np.bool_)
for _from, _targets in FRAME_TRANSITIONS.items():
    _LEGAL[_from, list(_targets)] = True
    _LEGAL[_from, _from] = True


def set_state(farm: Farm, layer: Layer, indices: IndexArray, to: FrameState, at_us: Micros) -> None:
    """Put frames into a state, with the rules that always hold, and keep the counters."""
    if not len(indices):
        return
    farm.touched.jobs.add(layer.job_id)
    if to is FrameState.CHECKPOINT:
        farm.frame_marks.checkpointed.add(layer.id)
    frames = layer.frames
    old = frames.state[indices]
    if _moved_together(farm, layer, indices, old, to, at_us):
        return

    new = _states_after(layer, indices, old, to)
    _must_be_legal(farm, layer, indices, old, new)
    frames.state[indices] = new
    frames.updated_us[indices] = at_us
    waiting = indices[(new == FrameState.WAITING) & (old != FrameState.WAITING)]
    if len(waiting):
        frames.eligible_us[waiting] = at_us
        frames.mark_waiting(waiting)

    difference = np.bincount(new, minlength=len(FrameState)) - np.bincount(old, minlength=len(FrameState))
    for counts in (layer.counts, farm.jobs[layer.job_id].counts):
        for state, by in enumerate(difference.tolist()):
            counts[state] += by
    farm.update_ready(layer)


def _states_after(layer: Layer, indices: IndexArray, old: States, to: FrameState) -> States:
    """The state that each frame gets: not always the one that it was put into."""
    new = np.full(len(indices), to, dtype=np.uint8)
    if to in HELD_BY_DEPENDS:
        new[layer.frames.depend_count[indices] > 0] = FrameState.DEPEND
    if to is FrameState.EATEN:
        new[old == FrameState.SUCCEEDED] = FrameState.SUCCEEDED
    return new


def _must_be_legal(farm: Farm, layer: Layer, indices: IndexArray, old: States, new: States) -> None:
    illegal = ~_LEGAL[old, new]
    if illegal.any():
        first = int(np.flatnonzero(illegal)[0])
        raise AssertionError(
            f"frame {farm.frame_name(layer, int(indices[first]))} of {farm.jobs[layer.job_id].name} cannot go from"
            f" {FrameState(int(old[first])).name} to {FrameState(int(new[first])).name}"
        )


def _moved_together(farm: Farm, layer: Layer, indices: IndexArray, old: States, to: FrameState, at_us: Micros) -> bool:
    """The usual case, made quick: frames that nothing holds back all go from one state to another one."""
    frames = layer.frames
    was = int(old[0])
    if was == to or not _LEGAL[was, to] or (to is FrameState.EATEN and was == FrameState.SUCCEEDED):
        return False
    if len(indices) == 1:
        if to in HELD_BY_DEPENDS and frames.depend_count[indices[0]] > 0:
            return False
    elif (old != was).any() or (to in HELD_BY_DEPENDS and (frames.depend_count[indices] > 0).any()):
        return False

    frames.state[indices] = to
    frames.updated_us[indices] = at_us
    if to is FrameState.WAITING:
        frames.eligible_us[indices] = at_us
        frames.mark_waiting(indices)

    for counts in (layer.counts, farm.jobs[layer.job_id].counts):
        counts[was] -= len(indices)
        counts[to] += len(indices)
    farm.update_ready(layer)
    return True


def add_holds(farm: Farm, layer: Layer, indices: IndexArray | None, by: int, at_us: Micros) -> None:
    """Add `by` to the depend counts of frames (None: all of the layer) and move those that start or stop waiting."""
    frames = layer.frames
    where = np.arange(len(frames), dtype=np.int32) if indices is None else indices
    np.add.at(frames.depend_count, where, by)
    where = np.unique(where)

    if by > 0:
        touched = where[_HELD[frames.state[where]] & (frames.depend_count[where] > 0)]
        if len(touched):
            left = touched[frames.state[touched] != FrameState.WAITING]
            set_state(farm, layer, touched, FrameState.DEPEND, at_us)
            if len(left):  # a row that said DEAD or SUCCEEDED must not say so any more
                farm.dirty.frames[layer.id].append(left)
    else:
        freed = where[(frames.state[where] == FrameState.DEPEND) & (frames.depend_count[where] == 0)]
        if len(freed):
            set_state(farm, layer, freed, FrameState.WAITING, at_us)


def frames_eaten(farm: Farm, event: ev.FramesEaten, at_us: Micros) -> None:
    layer = farm.layers[event.layer_id]
    if event.exit_status is not None:
        layer.frames.copy_on_write()
        layer.frames.exit_status[event.indices] = event.exit_status
    set_state(farm, layer, event.indices, FrameState.EATEN, at_us)
    farm.dirty.frames[layer.id].append(event.indices)


def frames_retried(farm: Farm, event: ev.FramesRetried, at_us: Micros) -> None:
    layer = farm.layers[event.layer_id]
    layer.frames.copy_on_write()
    layer.frames.free_retries[event.indices] = 0
    begun = np.isin(layer.frames.checkpoint[event.indices], [int(state) for state in CHECKPOINT_UNDER_WAY])
    layer.frames.checkpoint[event.indices[begun]] = CheckpointState.DISABLED
    for index in event.indices[layer.frames.host_ends[event.indices] > 0].tolist():
        layer.frames.set_host_ends(index, 0)
    set_state(farm, layer, event.indices, FrameState.WAITING, at_us)
    farm.dirty.frames[layer.id].append(event.indices)


def frames_restored(farm: Farm, event: ev.FramesRestored, at_us: Micros) -> None:
    """Each goes through RUNNING, as every frame does that ends: it has run, although not here."""
    layer = farm.layers[event.layer_id]
    frames, indices = layer.frames, event.indices
    frames.copy_on_write()
    frames.exit_status[indices] = event.exit_statuses
    frames.retries[indices] = event.retries
    frames.attempts[indices] = np.minimum(frames.retries[indices], _COLUMN_MOST - 1) + 1
    frames.start_us[indices] = event.start_us
    frames.stop_us[indices] = event.stop_us
    frames.max_rss_kib[indices] = event.max_rss_kib

    set_state(farm, layer, indices, FrameState.RUNNING, at_us)
    set_state(farm, layer, indices, event.state, at_us)
    farm.dirty.frames[layer.id].append(indices)


def checkpoint_changed(farm: Farm, event: ev.CheckpointChanged, at_us: Micros) -> None:
    layer = farm.layers[event.layer_id]
    frames, one = layer.frames, as_indices([event.index])
    frames.copy_on_write()
    frames.checkpoint[event.index] = event.checkpoint
    frames.updated_us[event.index] = at_us
    if event.checkpoint is CheckpointState.COMPLETE:
        frames.checkpoints[event.index] = min(int(frames.checkpoints[event.index]), _COLUMN_MOST - 1) + 1
    if event.checkpoint not in CHECKPOINT_UNDER_WAY and int(frames.state[event.index]) == FrameState.CHECKPOINT:
        set_state(farm, layer, one, FrameState.WAITING, at_us)
    farm.dirty.frames[layer.id].append(one)


def frames_reordered(farm: Farm, event: ev.FramesReordered, at_us: Micros) -> None:
    layer = farm.layers[event.layer_id]
    layer.frames.dispatch_order[event.indices] = event.orders
    layer.frames.reordered()
    farm.dirty.frames[layer.id].append(event.indices)

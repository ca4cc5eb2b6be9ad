"""Depends are added, satisfied and made to hold again here, and their frames held and let go."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cuebot.domain import events as ev
from cuebot.domain.apply.frames import add_holds
from cuebot.domain.depends import SHAPES, done_of, edges_of, held_frames
from cuebot.domain.farm import Farm, restore
from cuebot.domain.frames import as_indices
from cuebot.domain.indexes import index_depend
from cuebot.domain.nouns import Depend, Layer
from cuebot.domain.units import Micros


def depend_added(farm: Farm, event: ev.DependAdded, at_us: Micros) -> None:
    depend: Depend = restore("depend", event.values)
    if SHAPES[depend.type].pairs:
        done_of(farm, depend)[event.satisfied_pairs] = True
        _pack(depend)
    index_depend(farm, depend)
    farm.dirty.row("depend", depend.id)
    if depend.active:
        hold_by(farm, depend, +1, at_us)


def depend_satisfied(farm: Farm, event: ev.DependSatisfied, at_us: Micros) -> None:
    depend = farm.depends[event.depend_id]
    hold_by(farm, depend, -1, at_us)
    depend.active = False
    if SHAPES[depend.type].pairs:
        done_of(farm, depend)[:] = True
        _pack(depend)
    farm.dirty.row("depend", depend.id)


def depend_pairs_satisfied(farm: Farm, event: ev.DependPairsSatisfied, at_us: Micros) -> None:
    depend = farm.depends[event.depend_id]
    done = done_of(farm, depend)
    _satisfy_pairs(farm, depend, event.pairs[~done[event.pairs]], at_us)


def depend_unsatisfied(farm: Farm, event: ev.DependUnsatisfied, at_us: Micros) -> None:
    depend = farm.depends[event.depend_id]
    farm.dirty.row("depend", depend.id)
    if SHAPES[depend.type].pairs:
        done = done_of(farm, depend)
        pairs = np.flatnonzero(done).astype(np.int32) if event.pairs is None else event.pairs[done[event.pairs]]
        done[pairs] = False
        depend.active = not done.all()
        _pack(depend)
        add_holds(farm, farm.layers[depend.er_layer or ""], edges_of(farm, depend).er[pairs], +1, at_us)
        return

    depend.active = True
    depend.waived = ()
    hold_by(farm, depend, +1, at_us)


def frames_released(farm: Farm, event: ev.FramesReleased, at_us: Micros) -> None:
    layer = farm.layers[event.layer_id]
    for id in sorted(farm.depends_of_job[layer.job_id]):
        depend = farm.depends[id]
        if not depend.active:
            continue
        if not SHAPES[depend.type].pairs:
            _waive(farm, depend, layer, set(event.indices.tolist()), at_us)
        elif depend.er_layer == layer.id:
            edges, done = edges_of(farm, depend), done_of(farm, depend)
            _satisfy_pairs(farm, depend, np.flatnonzero(np.isin(edges.er, event.indices) & ~done), at_us)


def _waive(farm: Farm, depend: Depend, layer: Layer, wanted: set[int], at_us: Micros) -> None:
    """Let single frames of a layer go that a depend goes on holding others by."""
    for held_layer, indices in list(held_frames(farm, depend)):
        if held_layer.id == layer.id:
            held = range(len(layer.frames)) if indices is None else indices.tolist()
            freed = [index for index in held if index in wanted]
            depend.waived = (*depend.waived, *((layer.id, index) for index in freed))
            farm.dirty.row("depend", depend.id)
            add_holds(farm, layer, as_indices(freed), -1, at_us)


def frames_held(farm: Farm, event: ev.FramesHeld, at_us: Micros) -> None:
    layer = farm.layers[event.layer_id]
    again = {(layer.id, index) for index in event.indices.tolist()}
    for id in sorted(farm.depends_of_job[layer.job_id]):
        depend = farm.depends[id]
        freed = [index for held, index in depend.waived if (held, index) in again]
        if depend.active and freed:
            depend.waived = tuple(one for one in depend.waived if one not in again)
            farm.dirty.row("depend", depend.id)
            add_holds(farm, layer, as_indices(freed), +1, at_us)


def _satisfy_pairs(farm: Farm, depend: Depend, pairs: npt.NDArray[Any], at_us: Micros) -> None:
    """Pairs of a composite depend that were open hold nothing any more."""
    done = done_of(farm, depend)
    done[pairs] = True
    depend.active = not done.all()
    _pack(depend)
    farm.dirty.row("depend", depend.id)
    add_holds(farm, farm.layers[depend.er_layer or ""], edges_of(farm, depend).er[pairs], -1, at_us)


def hold_by(farm: Farm, depend: Depend, by: int, at_us: Micros) -> None:
    """Count an active depend's frames as held (+1) or let them go (-1)."""
    if SHAPES[depend.type].pairs:
        open_pairs = edges_of(farm, depend).er[~done_of(farm, depend)]
        add_holds(farm, farm.layers[depend.er_layer or ""], open_pairs, by, at_us)
        return
    for layer, indices in list(held_frames(farm, depend)):
        add_holds(farm, layer, indices, by, at_us)


def _pack(depend: Depend) -> None:
    done = depend.done
    depend.satisfied = np.packbits(done).tobytes() if done is not None and done.any() else b""

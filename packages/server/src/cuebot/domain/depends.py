"""The twelve kinds of depend in one table, and which frames a depend holds back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from cuebot.domain.bounds import STORED_BOUNDS
from cuebot.domain.frame_set import parse_frame_set
from cuebot.domain.nouns import Depend, Edges, Layer
from cuebot.domain.states import DependType

if TYPE_CHECKING:
    from cuebot.domain.farm import Farm

Scope = Literal["job", "layer", "frame"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a type of depend joins: the waiting side, the side waited for, and whether it is pairs of frames."""

    er: Scope
    on: Scope
    pairs: bool = False


SHAPES: Final[dict[DependType, Shape]] = {
    DependType.JOB_ON_JOB: Shape("job", "job"),
    DependType.JOB_ON_LAYER: Shape("job", "layer"),
    DependType.JOB_ON_FRAME: Shape("job", "frame"),
    DependType.LAYER_ON_JOB: Shape("layer", "job"),
    DependType.LAYER_ON_LAYER: Shape("layer", "layer"),
    DependType.LAYER_ON_FRAME: Shape("layer", "frame"),
    DependType.FRAME_ON_JOB: Shape("frame", "job"),
    DependType.FRAME_ON_LAYER: Shape("frame", "layer"),
    DependType.FRAME_ON_FRAME: Shape("frame", "frame"),
    DependType.FRAME_BY_FRAME: Shape("layer", "layer", pairs=True),
    DependType.PREVIOUS_FRAME: Shape("layer", "layer", pairs=True),
    DependType.LAYER_ON_SIM_FRAME: Shape("layer", "frame"),
}

REACTIVATED: Final = frozenset({DependType.FRAME_ON_FRAME, DependType.LAYER_ON_LAYER, DependType.FRAME_BY_FRAME})
"""Types that hold again when the frame they waited for is retried (opencue-behaviour: holding-again)."""

WHOLE_LAYER: Final = -1


def frame_by_frame(er: Layer, on: Layer) -> Edges:
    """Each frame of `er` waits for the frames of `on` that render the same frame numbers.

    Chunks are honoured on both sides: a chunk waits for every chunk that holds one of its numbers. A frame with a
    number that `on` does not have waits for the whole of `on` (decisions: unmatched-frames).
    """
    er_numbers = np.unique(parse_frame_set(er.range_text, STORED_BOUNDS), return_index=True)
    on_numbers = np.unique(parse_frame_set(on.range_text, STORED_BOUNDS), return_index=True)
    er_index = _chunk_of(er_numbers[1], er)
    on_index = _chunk_of(on_numbers[1], on)
    where = np.searchsorted(on_numbers[0], er_numbers[0])
    where = np.minimum(where, max(len(on_numbers[0]) - 1, 0))
    matched = on_numbers[0][where] == er_numbers[0] if len(on_numbers[0]) else np.zeros(len(er_index), dtype=bool)
    waited_for = np.where(matched, on_index[where], WHOLE_LAYER)
    return _edges(er_index, waited_for)


def previous_frame(er: Layer, on: Layer) -> Edges:
    """Each frame of `er` but the first waits for the frame of `on` one place earlier."""
    last = min(len(er.frames), len(on.frames) + 1)
    index = np.arange(1, max(last, 1))
    return _edges(index, index - 1)


def edges_of(farm: Farm, depend: Depend) -> Edges:
    """The pairs of a composite depend, computed once from the two layers' ranges."""
    if depend.edges is None:
        er, on = farm.layers[depend.er_layer or ""], farm.layers[depend.on_layer or ""]
        make = frame_by_frame if depend.type is DependType.FRAME_BY_FRAME else previous_frame
        depend.edges = make(er, on)
    return depend.edges


def done_of(farm: Farm, depend: Depend) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which pairs of a composite depend are satisfied."""
    if depend.done is None:
        size = len(edges_of(farm, depend).er)
        if depend.satisfied:
            depend.done = np.unpackbits(np.frombuffer(depend.satisfied, dtype=np.uint8), count=size).astype(np.bool_)
        else:
            depend.done = np.zeros(size, dtype=np.bool_)
    return depend.done


def held_frames(
    farm: Farm, depend: Depend
) -> Iterator[tuple[Layer, np.ndarray[tuple[int], np.dtype[np.int32]] | None]]:
    """The layers and frame indices that an active depend of a simple type holds; None is every frame of the layer."""
    shape = SHAPES[depend.type]
    if shape.er == "frame":
        if (depend.er_layer, depend.er_frame) not in depend.waived:
            yield farm.layers[depend.er_layer or ""], np.array([depend.er_frame], dtype=np.int32)
        return
    layer_ids = farm.jobs[depend.er_job].layer_ids if shape.er == "job" else [depend.er_layer or ""]
    for layer_id in layer_ids:
        layer = farm.layers[layer_id]
        let_go = [index for waived_layer, index in depend.waived if waived_layer == layer_id]
        if let_go:
            keep = np.ones(len(layer.frames), dtype=np.bool_)
            keep[let_go] = False
            yield layer, np.flatnonzero(keep).astype(np.int32)
        else:
            yield layer, None


def _chunk_of(
    position: np.ndarray[tuple[int], np.dtype[np.intp]], layer: Layer
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Frame index of each number, from its first position in the layer's range without duplicates."""
    rank = np.argsort(np.argsort(position))
    return np.asarray(rank // max(layer.chunk, 1), dtype=np.int64)


def _edges(er: np.ndarray[tuple[int], np.dtype[np.int64]], on: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Edges:
    pairs = np.unique(np.stack([er, on], axis=1), axis=0) if len(er) else np.zeros((0, 2), dtype=np.int64)
    waits, waited_for = pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int32)
    by_on = np.argsort(waited_for, kind="stable")
    return Edges(er=waits, on=waited_for, by_on=by_on, sorted_on=waited_for[by_on])

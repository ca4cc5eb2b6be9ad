"""Depends: who waits by which, and what each looks like, both sides by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from cuebot.domain.depends import SHAPES, edges_of
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Depend, Job, Layer
from cuebot.domain.states import DependType


class DependRow(NamedTuple):
    """A depend; names that its type does not use are empty."""

    id: str
    type: DependType
    internal: bool
    any_frame: bool
    active: bool
    er_job: str
    er_layer: str
    er_frame: str
    on_job: str
    on_layer: str
    on_frame: str


def depend_row(farm: Farm, depend: Depend) -> DependRow:
    """A depend as a row."""
    er_layer, er_frame = _names(farm, depend.er_layer, depend.er_frame)
    on_layer, on_frame = _names(farm, depend.on_layer, depend.on_frame)
    return DependRow(
        id=depend.id,
        type=depend.type,
        internal=depend.internal,
        any_frame=depend.any_frame,
        active=depend.active,
        er_job=farm.jobs[depend.er_job].name,
        er_layer=er_layer,
        er_frame=er_frame,
        on_job=farm.jobs[depend.on_job].name,
        on_layer=on_layer,
        on_frame=on_frame,
    )


def waiting_in(farm: Farm, job: Job) -> list[Depend]:
    """Every depend that something in a job waits by, in the order of their creation."""
    return _in_order(farm, farm.depends_of_job.get(job.id, ()))


def waiting_for(farm: Farm, job: Job) -> list[Depend]:
    """Every depend that waits for something in a job."""
    return _in_order(farm, farm.depends_on_job.get(job.id, ()))


def layer_waits_by(farm: Farm, layer: Layer) -> list[Depend]:
    """The depends of a layer and of its frames."""
    return [depend for depend in waiting_in(farm, farm.jobs[layer.job_id]) if depend.er_layer == layer.id]


def frame_waits_by(farm: Farm, layer: Layer, index: int) -> list[Depend]:
    """What a frame waits by: depends of its job, of its layer, and its own."""
    return [
        depend
        for depend in waiting_in(farm, farm.jobs[layer.job_id])
        if SHAPES[depend.type].er == "job"
        or (depend.er_layer == layer.id and depend.er_frame in (None, index) and _pair(farm, depend, "er", index))
    ]


def frame_is_waited_for(farm: Farm, layer: Layer, index: int) -> list[Depend]:
    """What waits for one frame, be it as a pair of a composite depend."""
    return [
        depend
        for depend in farm.depends_on(layer)
        if depend.on_frame == index or (SHAPES[depend.type].pairs and _pair(farm, depend, "on", index))
    ]


def _pair(farm: Farm, depend: Depend, side: str, index: int) -> bool:
    """Whether a frame is on one side of a composite depend; other depends are not asked that."""
    if not SHAPES[depend.type].pairs:
        return True
    column: Any = getattr(edges_of(farm, depend), side)
    return bool(np.any(column == index)) or (side == "on" and bool(np.any(column == -1)))


def _names(farm: Farm, layer_id: str | None, index: int | None) -> tuple[str, str]:
    if layer_id is None:
        return "", ""
    layer = farm.layers[layer_id]
    return layer.name, "" if index is None else farm.frame_name(layer, index)


def _in_order(farm: Farm, ids: Iterable[str]) -> list[Depend]:
    return sorted((farm.depends[id] for id in ids), key=lambda depend: (depend.created_us, depend.id))

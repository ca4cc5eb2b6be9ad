"""The farm as rows and back: what a commit writes, what a restart loads. Journal and simulated disk share it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from cuebot.domain.apply import hold_by, index_depend, index_job, index_layer, index_proc, index_thing, initial_frames
from cuebot.domain.archive import ArchivedJob
from cuebot.domain.farm import Farm, restore
from cuebot.domain.frames import IndexArray, stored_columns
from cuebot.domain.learning import learn, worth_learning
from cuebot.domain.nouns import NOUNS, Layer, stored_fields, stored_values
from cuebot.domain.states import HostState
from cuebot.domain.units import Micros

Row = dict[str, Any]


@dataclass(slots=True)
class FrameRows:
    """Rows of frames of one layer, as columns named in `domain.frames.COLUMNS`."""

    layer_key: int
    indices: IndexArray
    columns: dict[str, npt.NDArray[Any]]


@dataclass(slots=True)
class Rows:
    """Rows by kind. As a commit: those to insert or replace, and the ids of those to remove."""

    things: dict[str, list[Row]] = field(default_factory=dict)
    removed: dict[str, list[str]] = field(default_factory=dict)
    frames: list[FrameRows] = field(default_factory=list)
    removed_frames: list[int] = field(default_factory=list)
    """Keys of layers whose frame rows go."""
    archived: list[ArchivedJob] = field(default_factory=list)
    """Jobs that leave memory: nobody changes them any more."""
    recalled: list[str] = field(default_factory=list)
    """Ids of jobs that are in memory again, and no longer among the archived ones."""

    def __bool__(self) -> bool:
        return bool(self.things or self.removed or self.frames or self.archived or self.recalled)


def take_dirty(farm: Farm) -> Rows:
    """Copy every row that differs from the journal's, and mark the farm clean."""
    dirty = farm.dirty
    rows = Rows()
    for kind, ids in dirty.rows.items():
        if ids:
            table = farm.table(kind)
            rows.things[kind] = [_copied(table[id]) for id in ids]
    rows.removed = {kind: list(ids) for kind, ids in dirty.removed.items() if ids}
    for layer_id, parts in dirty.frames.items():
        layer = farm.layers[layer_id]
        indices = parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))
        rows.frames.append(FrameRows(layer.key, indices, stored_columns(layer.frames, indices)))
    rows.archived = list(dirty.archived.values())
    rows.removed_frames = [layer.key for archived in rows.archived for layer in archived.layers]
    rows.recalled = list(dirty.recalled)
    dirty.archived.clear()
    dirty.recalled.clear()
    dirty.rows.clear()
    dirty.removed.clear()
    dirty.frames.clear()
    return rows


def _copied(thing: Any) -> Row:
    """A thing's stored values; dictionaries are copied, everything else in a row is never changed in place."""
    row = stored_values(thing)
    for name in _dictionaries(cast(Hashable, type(thing))):
        row[name] = row[name].copy()
    return row


@cache
def _dictionaries(noun: Hashable) -> tuple[str, ...]:
    """Names of the stored fields of a noun that are dictionaries."""
    hints = get_type_hints(noun)
    return tuple(name for name in stored_fields(noun) if get_origin(hints[name]) is dict)


def load_farm(rows: Rows, now_us: int) -> Farm:
    """The farm that these rows describe. Everything derived is computed; telemetry starts empty."""
    farm = Farm()
    frames_of = {part.layer_key: part for part in rows.frames}
    for kind in NOUNS:
        things = [restore(kind, row) for row in rows.things.get(kind, ())]
        if kind == "layer":
            things.sort(key=lambda layer: layer.key)
        elif kind == "request":
            things.sort(key=lambda request: request.answered_us)  # the oldest are forgotten first
        for thing in things:
            if kind == "layer":
                _enter_layer(farm, thing, frames_of.get(thing.key))
            else:
                _enter(farm, kind, thing, Micros(now_us))

    for layer_id in list(farm.ready):
        layer = farm.layers[layer_id]
        if worth_learning(layer) and learn(farm, layer):
            farm.requeue(farm.jobs[layer.job_id])
    farm.dirty.frames.clear()
    return farm


def _enter_layer(farm: Farm, layer: Layer, part: FrameRows | None) -> None:
    """Enter a layer with its frames; those that have no row are as they were launched."""
    layer.frames = initial_frames(layer, farm.jobs[layer.job_id])
    if part is not None:
        layer.frames.copy_on_write()
        for name, values in part.columns.items():
            getattr(layer.frames, name)[part.indices] = values
        layer.frames.find_alone()
    index_layer(farm, layer)


def _enter(farm: Farm, kind: str, thing: Any, now_us: Micros) -> None:
    """Enter anything else."""
    if kind == "job":
        index_job(farm, thing)
    elif kind == "depend":
        index_depend(farm, thing)
        if thing.active:
            hold_by(farm, thing, +1, now_us)
    elif kind == "proc":
        index_proc(farm, thing)
        thing.seen_us = now_us
        thing.unanswered_us = now_us  # whoever ran before may just have sent it
    else:
        index_thing(farm, kind, thing)
        if kind == "host" and thing.state is HostState.DOWN:
            thing.goodbye_us = now_us  # perhaps it said goodbye to whoever ran before

"""Finished jobs leave memory, and come back when somebody asks for one.

What leaves is a job with all that is its own: layers, frames, the depends by which it waited, comments. It is kept
packed, in two parts: a summary (the job, its layers and how many of their frames are in which state), which is enough
to list it, and the rest, which is needed to have it back.

Whatever a job in memory refers to is in memory, too: a job leaves after those that waited for it, and comes back with
those that it waited for.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from cuebot.domain.farm import Farm, restore
from cuebot.domain.frames import COLUMNS, Frames, stored_columns
from cuebot.domain.indexes import initial_frames
from cuebot.domain.nouns import Comment, Depend, DisplayOverride, Job, Layer, stored_values
from cuebot.domain.states import FrameState, JobState

VERSION: Final = 1
"""Of what is packed. A later version reads the earlier ones."""

_COMPRESSION: Final = 1
"""A third larger than what takes ten times as long."""
_COLUMNS: Final = {**{name: dtype for name, (dtype, _) in COLUMNS.items()}, "dispatch_order": np.int32}


@dataclass(slots=True)
class ArchivedJob:
    """A finished job that is not in the farm."""

    job: Job
    layers: list[Layer]
    """In dispatch order, with their frames; without frames where only its summary was read."""
    depends: list[Depend] = field(default_factory=list)
    """By which it waited for others, or for parts of itself."""
    comments: list[Comment] = field(default_factory=list)
    display_overrides: list[DisplayOverride] = field(default_factory=list)

    def part_ids(self) -> list[str]:
        """The ids of what went with it: whoever has one of these may ask for it."""
        parts: Iterable[Any] = (*self.layers, *self.depends, *self.comments)
        return [part.id for part in parts]

    def needs(self) -> set[str]:
        """The ids of the jobs that it refers to."""
        needed = {depend.on_job for depend in self.depends} | {self.job.parent_id or ""}
        return needed - {"", self.job.id}


class PackedJob(NamedTuple):
    """An archived job as bytes."""

    summary: bytes
    rest: bytes


# --- packing ------------------------------------------------------------------------------------------------------


def pack(archived: ArchivedJob) -> PackedJob:
    """An archived job as bytes."""
    summary = {
        "version": VERSION,
        "job": stored_values(archived.job),
        "layers": [stored_values(layer) for layer in archived.layers],
        "counts": [layer.counts for layer in archived.layers],
        "comments": len(archived.comments),
    }
    rest = {
        "version": VERSION,
        "frames": [_packed_frames(layer.frames) for layer in archived.layers],
        "depends": [stored_values(depend) for depend in archived.depends],
        "comments": [stored_values(comment) for comment in archived.comments],
        "display_overrides": [stored_values(override) for override in archived.display_overrides],
    }
    return PackedJob(_packed(summary), _packed(rest))


def unpack_summary(summary: bytes) -> tuple[ArchivedJob, bool]:
    """A job and its layers with their counters, without frames; and whether it has comments."""
    values = _unpacked(summary)
    job: Job = restore("job", values["job"])
    layers: list[Layer] = [restore("layer", layer) for layer in values["layers"]]
    job.counts = [0] * len(FrameState)
    for layer, counts in zip(layers, values["counts"], strict=True):
        layer.counts = counts
        job.layer_ids.append(layer.id)
        job.counts = [a + b for a, b in zip(job.counts, counts, strict=True)]
    return ArchivedJob(job, layers), bool(values["comments"])


def unpack(packed: PackedJob) -> ArchivedJob:
    """All of an archived job. What is derived is not there yet: depend counts, indexes, counters."""
    values, rest = _unpacked(packed.summary), _unpacked(packed.rest)
    job: Job = restore("job", values["job"])
    layers: list[Layer] = [restore("layer", layer) for layer in values["layers"]]
    for layer, columns in zip(layers, rest["frames"], strict=True):
        layer.frames = _frames(layer, job, columns)

    return ArchivedJob(
        job,
        layers,
        depends=[restore("depend", depend) for depend in rest["depends"]],
        comments=[restore("comment", comment) for comment in rest["comments"]],
        display_overrides=[restore("display_override", override) for override in rest.get("display_overrides", ())],
    )


def _packed(values: dict[str, Any]) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(values), _COMPRESSION)


def _unpacked(data: bytes) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.msgpack.decode(zlib.decompress(data))
    if values["version"] > VERSION:
        raise ValueError(f"an archived job of version {values['version']}; this server reads up to {VERSION}")
    return values


def _packed_frames(frames: Frames) -> dict[str, bytes]:
    columns = stored_columns(frames, np.arange(len(frames), dtype=np.int32))
    return {name: values.astype(_kept_as(name)).tobytes() for name, values in columns.items()}


def _kept_as(column: str) -> np.dtype[Any]:
    """The type of a column's values as bytes: the least significant first, whatever the machine does."""
    kept: np.dtype[Any] = np.dtype(_COLUMNS[column]).newbyteorder("<")
    return kept


def _frames(layer: Layer, job: Job, columns: dict[str, bytes]) -> Frames:
    """A layer's frames; a column that is younger than what was packed has its first value."""
    frames = initial_frames(layer, job)
    frames.copy_on_write()
    for name, data in columns.items():
        if name in _COLUMNS:
            values: npt.NDArray[Any] = np.frombuffer(data, dtype=_kept_as(name))
            getattr(frames, name)[:] = values
    frames.find_alone()
    frames.reordered()
    return frames


def may_leave(farm: Farm, job: Job) -> bool:
    """Say whether nothing in memory needs a job: no run, no job that waited for it."""
    if job.state is not JobState.FINISHED or any(farm.layers[id].runs for id in job.layer_ids):
        return False
    if farm.post_jobs.get(job.id):
        return False
    return all(farm.depends[id].er_job == job.id for id in farm.depends_on_job.get(job.id, ()))

"""Frames: which ones, found with column filters, in which order, and what each looks like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cuebot.domain.bounds import Bounds
from cuebot.domain.commands import Selection
from cuebot.domain.errors import Invalid, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.frame_set import parse_frame_set
from cuebot.domain.nouns import Layer
from cuebot.domain.run_time import ran_until_now_us
from cuebot.domain.states import CheckpointState, FrameState
from cuebot.domain.units import HOUR, SECOND, frame_id, split_frame_id
from cuebot.queries.units import in_seconds

KIB_PER_GB: Final = 1_048_576

_RANGE = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)
_DECIMALS = re.compile(r"(\d{1,9}(?:\.\d{0,9})?)(?:-(\d{1,9}(?:\.\d{0,9})?))?", re.ASCII)
_FRAME_NAME = re.compile(r"(-?\d{1,10})-(.+)", re.ASCII | re.DOTALL)

Mask = npt.NDArray[np.bool_]
FramePlace = tuple[Layer, int]
"""A frame: its layer, and its index there."""


class DisplayRow(NamedTuple):
    """What clients show for a frame in a state."""

    state: FrameState
    text: str
    color: int
    """0xRRGGBB."""


class FrameRow(NamedTuple):
    """A frame; what it used comes from its run while it has one. Times that have not come are 0."""

    id: str
    name: str
    layer: str
    number: int
    state: FrameState
    retries: int
    exit_status: int
    dispatch_order: int
    start_s: int
    stop_s: int
    max_rss_kib: int
    used_memory_kib: int
    reserved_memory_kib: int
    reserved_gpu_memory_kib: int
    last_resource: str
    """`host/cores/gpus` of the last run, empty for a frame that never ran."""
    core_s: int
    last_log_update_s: int
    eligible_s: int
    submitted_s: int
    checkpoint: CheckpointState
    checkpoints: int
    """How many were complete."""
    display: DisplayRow | None
    """What is shown for the state that it is in, where that is not the state's own word."""


class FrameChangeRow(NamedTuple):
    """What a watching client needs of a frame that changed."""

    id: str
    state: FrameState
    retries: int
    exit_status: int
    start_s: int
    stop_s: int
    max_rss_kib: int
    used_memory_kib: int
    last_resource: str
    last_log_update_s: int
    display: DisplayRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCriteria:
    """Which frames are asked for: fields are ANDed, the values of one are ORed, an empty field says nothing."""

    ids: Sequence[str] = ()
    names: Sequence[str] = ()
    layers: Sequence[str] = ()
    states: Sequence[int] = ()
    range: str = ""
    """Numbers: `a-b`, or any range; downwards `a-b` matches nothing."""
    memory_gb: str = ""
    """`x` is "at least x", `x-y` is "from x to y"; so is the next."""
    duration_hours: str = ""
    changed_since_s: int = 0


def frame_row(farm: Farm, layer: Layer, index: int, now_us: int) -> FrameRow:
    """A frame as a row."""
    frames = layer.frames
    job = farm.jobs[layer.job_id]
    proc = farm.proc_of(layer, index)
    state = FrameState(int(frames.state[index]))
    core_us = int(frames.core_us[index])
    if proc is not None and state is FrameState.RUNNING:
        core_us += ran_until_now_us(farm.hosts[proc.host_id], proc, now_us) * proc.cores // 100
    number = int(frames.number[index])
    return FrameRow(
        id=frame_id(layer.id, index),
        name=f"{number:04d}-{layer.name}",
        layer=layer.name,
        number=number,
        state=state,
        retries=int(frames.retries[index]),
        exit_status=int(frames.exit_status[index]),
        dispatch_order=int(frames.dispatch_order[index]),
        start_s=in_seconds(frames.start_us[index]),
        stop_s=in_seconds(frames.stop_us[index]),
        max_rss_kib=int(frames.max_rss_kib[index]),
        used_memory_kib=_used_kib(layer, index),
        reserved_memory_kib=proc.memory if proc else 0,
        reserved_gpu_memory_kib=proc.gpu_memory if proc else 0,
        last_resource=_last_resource(farm, layer, index),
        core_s=core_us // SECOND,
        last_log_update_s=_last_log_update_s(layer, index),
        eligible_s=in_seconds(frames.eligible_us[index] or job.submitted_us),
        submitted_s=in_seconds(job.submitted_us),
        checkpoint=CheckpointState(int(frames.checkpoint[index])),
        checkpoints=int(frames.checkpoints[index]),
        display=_display(farm, layer, index, state),
    )


def frame_change_row(farm: Farm, layer: Layer, index: int) -> FrameChangeRow:
    """What changed of a frame, as a row."""
    frames = layer.frames
    state = FrameState(int(frames.state[index]))
    return FrameChangeRow(
        id=frame_id(layer.id, index),
        state=state,
        retries=int(frames.retries[index]),
        exit_status=int(frames.exit_status[index]),
        start_s=in_seconds(frames.start_us[index]),
        stop_s=in_seconds(frames.stop_us[index]),
        max_rss_kib=int(frames.max_rss_kib[index]),
        used_memory_kib=_used_kib(layer, index),
        last_resource=_last_resource(farm, layer, index),
        last_log_update_s=_last_log_update_s(layer, index),
        display=_display(farm, layer, index, state),
    )


def displays_of(farm: Farm, layer: Layer, index: int) -> list[DisplayRow]:
    """What clients show for a frame in states that have a text of their own, by state."""
    found = farm.frame_marks.overrides_of_frame(layer.id, index)
    return [DisplayRow(one.state, one.text, one.color) for one in found]


def numbers_with_displays(farm: Farm, layer: Layer) -> list[int]:
    """Numbers of the frames of a layer that have states with a text of their own."""
    indices = farm.frame_marks.frames_with_overrides(layer.id)
    return [int(layer.frames.number[index]) for index in indices]


def _display(farm: Farm, layer: Layer, index: int, state: FrameState) -> DisplayRow | None:
    override = farm.frame_marks.override_of(layer.id, index, state)
    return DisplayRow(state, override.text, override.color) if override else None


def _used_kib(layer: Layer, index: int) -> int:
    used = layer.frames.used_rss_kib
    return int(used[index]) if used is not None else 0


def _last_log_update_s(layer: Layer, index: int) -> int:
    updates_s = layer.frames.llu_s
    return int(updates_s[index]) if updates_s is not None else 0


def _last_resource(farm: Farm, layer: Layer, index: int) -> str:
    row = int(layer.frames.last_host[index])
    if row < 0:
        return ""
    proc = farm.proc_of(layer, index)
    gpus = proc.gpus if proc else layer.min_gpus
    return f"{farm.host_names[row]}/{int(layer.frames.last_cores[index]) / 100:.2f}/{gpus}"


def find_frames(layers: Iterable[Layer], criteria: FrameCriteria, bounds: Bounds, now_us: int) -> Selection:
    """Frames by layer id, layers without any left out (opencue-behaviour: searching-frames).

    Empty criteria mean every frame. Raises Invalid.
    """
    for field in (criteria.ids, criteria.names, criteria.layers):
        if len(field) > bounds.listed_frames:
            raise Invalid(
                f"a search names at most {bounds.listed_frames} frames or layers (limit listed_frames), this one"
                f" {len(field)}; use a range"
            )
    layer_names = frozenset(criteria.layers)
    ids = _by_id(criteria.ids)
    names = _by_name(criteria.names)
    tests = _Tests(criteria, bounds, now_us)
    found: Selection = {}
    for layer in layers:
        if layer_names and layer.name not in layer_names:
            continue
        mask = tests.mask(layer)
        if criteria.ids:
            mask &= _positions(len(layer.frames), ids.get(layer.id, ()))
        if criteria.names:
            mask &= np.isin(layer.frames.number, names.get(layer.name, []))
        indices = np.flatnonzero(mask).astype(np.int32)
        if len(indices):
            found[layer.id] = indices
    return found


def number_of(found: Selection) -> int:
    """How many frames were found."""
    return sum(len(indices) for indices in found.values())


def page_of(layers: list[Layer], found: Selection, page: int, limit: int, most: int) -> list[FramePlace]:
    """One page of frames, in dispatch order and then by layer. A limit of 0 or less, or above `most`, means `most`."""
    rows = limit if 0 < limit <= most else most
    first = (max(page, 1) - 1) * rows
    chosen = [layer for layer in layers if layer.id in found]
    if not chosen or first >= sum(len(found[layer.id]) for layer in chosen):
        return []
    orders = np.concatenate([layer.frames.dispatch_order[found[layer.id]] for layer in chosen])
    places = np.concatenate([np.full(len(found[layer.id]), n, dtype=np.int32) for n, layer in enumerate(chosen)])
    indices = np.concatenate([found[layer.id] for layer in chosen])
    # Layers come in dispatch order, so a stable sort leaves frames of one order sorted by layer.
    rank = np.argsort(orders, kind="stable")[first : first + rows]
    return [(chosen[place], index) for place, index in zip(places[rank].tolist(), indices[rank].tolist(), strict=True)]


def changed_frames(layers: list[Layer], since_us: int, most: int) -> tuple[list[FramePlace], bool]:
    """Up to `most` frames that changed after a time, the oldest change first, and whether these are all."""
    found = [np.flatnonzero(layer.frames.updated_us > since_us) for layer in layers]
    if not any(len(indices) for indices in found):
        return [], True
    times = np.concatenate(
        [layer.frames.updated_us[indices] for layer, indices in zip(layers, found, strict=True)],
    )
    places = np.repeat(np.arange(len(layers)), [len(indices) for indices in found])
    indices = np.concatenate(found)
    rank = np.argsort(times, kind="stable")[:most]
    rows = [(layers[place], index) for place, index in zip(places[rank].tolist(), indices[rank].tolist(), strict=True)]
    return rows, len(times) <= most


class _Tests:
    """The tests that look at columns alone, their bounds parsed once."""

    def __init__(self, criteria: FrameCriteria, bounds: Bounds, now_us: int) -> None:
        self._states = sorted(set(criteria.states))
        self._numbers = _numbers(criteria.range, bounds)
        self._memory = _decimals(criteria.memory_gb, "memory_range", "GB")
        self._duration = _decimals(criteria.duration_hours, "duration_range", "hours")
        self._changed_us = criteria.changed_since_s * SECOND
        self._now_us = now_us

    def mask(self, layer: Layer) -> Mask:
        frames = layer.frames
        mask: Mask = np.ones(len(frames), dtype=np.bool_)
        if self._states:
            mask &= np.isin(frames.state, self._states)
        if isinstance(self._numbers, tuple):
            mask &= (frames.number >= self._numbers[0]) & (frames.number <= self._numbers[1])
        elif self._numbers is not None:
            mask &= np.isin(frames.number, self._numbers)
        if self._memory:
            mask &= _between(frames.max_rss_kib, self._memory, KIB_PER_GB)
        if self._duration:
            running = frames.state == FrameState.RUNNING
            lasted_us = np.where(running, self._now_us, frames.stop_us) - frames.start_us
            mask &= (frames.state != FrameState.WAITING) & (frames.start_us > 0)
            mask &= _between(lasted_us, self._duration, HOUR)
        if self._changed_us > 0:
            mask &= frames.updated_us > self._changed_us
        return mask


def _between(column: npt.NDArray[np.int64], bounds: tuple[float, float | None], unit: int) -> Mask:
    mask: Mask = column >= bounds[0] * unit
    return mask if bounds[1] is None else mask & (column <= bounds[1] * unit)


def _numbers(text: str, bounds: Bounds) -> tuple[int, int] | npt.NDArray[np.int32] | None:
    """A range of frame numbers: bounds, or the numbers themselves."""
    if not text:
        return None
    match = _RANGE.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else parse_frame_set(text, bounds)


def _decimals(text: str, field: str, unit: str) -> tuple[float, float | None] | None:
    if not text:
        return None
    match = _DECIMALS.fullmatch(text)
    if match is None:
        raise Invalid(f"{field} {quoted(text)!r}: accepted is a number of {unit} such as 1.5, or two such as 1.5-4")
    return float(match[1]), float(match[2]) if match[2] else None


def _by_id(ids: Iterable[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for id in ids:
        parts = split_frame_id(id)
        if parts is not None:
            found.setdefault(parts[0], []).append(parts[1])
    return found


def _by_name(names: Iterable[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name in names:
        match = _FRAME_NAME.fullmatch(name)
        if match is not None:
            found.setdefault(match[2], []).append(int(match[1]))
    return found


def _positions(size: int, indices: Iterable[int]) -> Mask:
    mask: Mask = np.zeros(size, dtype=np.bool_)
    mask[[index for index in indices if index < size]] = True
    return mask


def numbers_of(layers: Iterable[Layer], text: str, bounds: Bounds) -> tuple[int, ...]:
    """Frames that a range names and that some layer has, in the range's order. Raises Invalid."""
    named = parse_frame_set(text, bounds)
    there = [layer.frames.number for layer in layers]
    return tuple(named[np.isin(named, np.concatenate(there))].tolist()) if there else ()

"""The frames of one layer, as columns.

A million waiting frames fit in 100 MB because a frame is no object: it is an index into these arrays.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cuebot.domain.host_ends import ENDS_BESIDE_OTHERS
from cuebot.domain.states import Exit, FrameState
from cuebot.domain.units import Micros

IndexArray = npt.NDArray[np.int32]
"""Frame indices within a layer, ascending."""
Places = npt.NDArray[np.int64]

COLUMNS: Final[dict[str, tuple[Any, Any]]] = {
    "state": (np.uint8, FrameState.WAITING),
    "retries": (np.uint16, 0),
    "exit_status": (np.int32, Exit.NEVER_RAN),
    "eligible_us": (np.int64, 0),
    "start_us": (np.int64, 0),
    "stop_us": (np.int64, 0),
    "updated_us": (np.int64, 0),
    "core_us": (np.int64, 0),
    "max_rss_kib": (np.int64, 0),
    "last_host": (np.int32, -1),
    "last_cores": (np.int32, 0),
    "used_cores": (np.int32, 0),
    "attempts": (np.uint16, 0),
    "free_retries": (np.uint16, 0),
    "host_ends": (np.uint8, 0),
    "checkpoint": (np.uint8, 0),
    "checkpoints": (np.uint16, 0),
}
"""Persisted columns: type and value of a frame that never left its initial state. Times in microseconds.

`core_us` is core-microseconds of all ended runs; `last_host` is a number of `Farm.host_names`; `last_cores` are core
units, and `used_cores` those that the last run to succeed kept busy on average, 0 where its agent does not tell.
`attempts` counts runs, whatever became of them; `free_retries` those that ended by the frame's own doing and cost it no
retry, because it asked for that. Both stay at what a uint16 holds. `host_ends` counts runs that ended with their host
(`domain.host_ends`). `checkpoint` is a CheckpointState, `checkpoints` counts those that were complete.
`eligible_us` and `updated_us` are soft: a frame that only stopped waiting is not written for their sake.
"""

_AS_THEY_STAND: Final = np.zeros(0, dtype=np.int64)
"""Stands for a dispatch order that is the order of the indices, as nearly every layer's is."""
_FEW: Final = 32
_WAITING: Final = int(FrameState.WAITING)
_DEPEND: Final = int(FrameState.DEPEND)
_OF_RUNS: Final = tuple(name for name in COLUMNS if name not in ("state", "eligible_us", "updated_us"))


@lru_cache(maxsize=64)
def _before_any_run(size: int) -> dict[str, npt.NDArray[Any]]:
    columns = {name: np.full(size, COLUMNS[name][1], dtype=COLUMNS[name][0]) for name in _OF_RUNS}
    for column in columns.values():
        column.flags.writeable = False
    return columns


def stored_columns(frames: Frames, indices: IndexArray) -> dict[str, npt.NDArray[Any]]:
    """Copies of the columns that are kept. DEPEND is kept as WAITING: what is held follows from the depends."""
    columns: dict[str, npt.NDArray[Any]] = {name: getattr(frames, name).take(indices) for name in COLUMNS}
    columns["dispatch_order"] = frames.dispatch_order.take(indices)
    held = columns["state"] == _DEPEND
    if held.any():
        columns["state"][held] = FrameState.WAITING
    return columns


class Frames:
    """Columns over the frames of one layer; an index is a frame's position in its layer's normalised range."""

    __slots__ = (
        "number", "dispatch_order", "depend_count", "used_rss_kib", "llu_s", "alone", "_by_order", "_waiting_from",
        *COLUMNS,
    )  # fmt: skip

    number: IndexArray
    dispatch_order: IndexArray
    depend_count: npt.NDArray[np.int32]
    used_rss_kib: npt.NDArray[np.int64] | None
    llu_s: npt.NDArray[np.int64] | None
    state: npt.NDArray[np.uint8]
    retries: npt.NDArray[np.uint16]
    exit_status: npt.NDArray[np.int32]
    eligible_us: npt.NDArray[np.int64]
    start_us: npt.NDArray[np.int64]
    stop_us: npt.NDArray[np.int64]
    updated_us: npt.NDArray[np.int64]
    core_us: npt.NDArray[np.int64]
    max_rss_kib: npt.NDArray[np.int64]
    last_host: npt.NDArray[np.int32]
    last_cores: npt.NDArray[np.int32]
    used_cores: npt.NDArray[np.int32]
    attempts: npt.NDArray[np.uint16]
    free_retries: npt.NDArray[np.uint16]
    host_ends: npt.NDArray[np.uint8]
    checkpoint: npt.NDArray[np.uint8]
    checkpoints: npt.NDArray[np.uint16]
    alone: set[int]
    """Indices of the frames that run alone on a host; follows from `host_ends`."""
    _by_order: Places | None
    """Indices by dispatch order, once somebody has asked; not stored."""
    _waiting_from: int
    """No frame waits at an earlier place in the dispatch order."""

    def __init__(self, numbers: npt.ArrayLike, eligible_us: int) -> None:
        """All frames WAITING, in the order of `numbers` (frame numbers, no duplicates)."""
        self.number = np.asarray(numbers, dtype=np.int32)
        size = len(self.number)
        self.dispatch_order = np.arange(size, dtype=np.int32)
        self.depend_count = np.zeros(size, dtype=np.int32)
        self.used_rss_kib = None  # telemetry: made when the first running frame reports
        self.llu_s = None
        self.alone = set()
        self.reordered()
        self.state = np.full(size, FrameState.WAITING, dtype=np.uint8)
        self.eligible_us = np.full(size, eligible_us, dtype=np.int64)
        self.updated_us = np.zeros(size, dtype=np.int64)
        for name, column in _before_any_run(size).items():
            setattr(self, name, column)

    def copy_on_write(self) -> None:
        """Give this layer columns of its own for what runs leave behind: to be called before they are written.

        Until a frame has run they are shared by all layers of the same size, and read-only.
        """
        if not self.start_us.flags.writeable:
            for name in _OF_RUNS:
                setattr(self, name, getattr(self, name).copy())

    def __len__(self) -> int:
        return len(self.number)

    def index_of(self, number: int) -> int | None:
        """The index of the frame with this number, or None."""
        found = np.flatnonzero(self.number == number)
        return int(found[0]) if len(found) else None

    def indices_of(self, numbers: Iterable[int]) -> IndexArray:
        """The indices of frames with these numbers, in the numbers' order; numbers that no frame has are left out."""
        places = {number: index for index, number in enumerate(self.number.tolist())}
        return np.fromiter((places[number] for number in numbers if number in places), dtype=np.int32)

    def in_state(self, state: FrameState) -> IndexArray:
        """Indices of the frames in one state."""
        return np.flatnonzero(self.state == state).astype(np.int32)

    def set_host_ends(self, index: int, ends: int) -> None:
        """Say how many runs of a frame ended with their host since it began anew."""
        self.copy_on_write()
        self.host_ends[index] = ends
        if ends >= ENDS_BESIDE_OTHERS:
            self.alone.add(index)
        else:
            self.alone.discard(index)

    def find_alone(self) -> None:
        """Work out `alone` anew, after the columns were loaded."""
        self.alone = set(np.flatnonzero(self.host_ends >= ENDS_BESIDE_OTHERS).tolist())

    def waiting_alone(self) -> list[int]:
        """Indices of the waiting frames that run alone, in dispatch order."""
        waiting = (index for index in self.alone if self.state[index] == _WAITING)
        return sorted(waiting, key=lambda index: (int(self.dispatch_order[index]), index))

    def first_waiting(self, count: int, *, alone: bool = False) -> Places:
        """Indices of the first `count` waiting frames in dispatch order, of two with the same order the lower index.

        Either of those that run alone on a host, or of the others. Costs what it returns: it remembers before which
        place no frame waits.
        """
        if alone:
            return np.array(self.waiting_alone()[:count], dtype=np.int64)
        if not self.alone:
            return self._first_waiting(count)
        first = self._first_waiting(count + len(self.alone))
        return first[~np.isin(first, list(self.alone))][:count]

    def _first_waiting(self, count: int) -> Places:
        if self._by_order is None:
            ascending = bool((self.dispatch_order[1:] > self.dispatch_order[:-1]).all())
            self._by_order = _AS_THEY_STAND if ascending else np.argsort(self.dispatch_order, kind="stable")
        in_place = self._by_order is _AS_THEY_STAND
        place, stride = self._waiting_from, 1_024
        pieces: list[Places] = []
        while count > 0 and place < len(self):
            chunk = slice(place, place + stride) if in_place else self._by_order[place : place + stride]
            found = (self.state[chunk] == _WAITING).nonzero()[0][:count]
            if len(found):
                if not pieces:
                    self._waiting_from = place + int(found[0])
                pieces.append(found + place)
                count -= len(found)
            place, stride = place + stride, stride * 4
        if not pieces:
            return np.zeros(0, dtype=np.int64)
        places = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        return places if in_place else self._by_order[places]

    def mark_waiting(self, indices: IndexArray) -> None:
        """Some frames wait that did not (ascending indices)."""
        self._waiting_from = min(self._waiting_from, int(indices[0])) if self._by_order is _AS_THEY_STAND else 0

    def reordered(self) -> None:
        """The dispatch order is another one."""
        self._by_order = None
        self._waiting_from = 0

    def first_start_us(self) -> Micros:
        """When the earliest of the latest runs of the frames was booked; 0 before the first."""
        started = self.start_us[self.start_us > 0]
        return Micros(int(started.min()) if len(started) else 0)

    def counts(self) -> list[int]:
        """How many frames are in each state, by the state's number."""
        counted: list[int] = np.bincount(self.state, minlength=len(FrameState)).tolist()
        return counted


def as_indices(values: npt.ArrayLike) -> IndexArray:
    """Anything list-like as frame indices."""
    return np.asarray(values, dtype=np.int32)


def to_runs(indices: npt.ArrayLike) -> list[list[int]]:
    """Indices as [first, last] runs: how events name many frames in a few bytes."""
    array = np.asarray(indices, dtype=np.int64)
    if len(array) <= _FEW:
        return _few_to_runs(array.tolist())
    breaks = np.flatnonzero(np.diff(array) != 1)
    starts = array[np.concatenate(([0], breaks + 1))]
    ends = array[np.concatenate((breaks, [len(array) - 1]))]
    return [[int(a), int(b)] for a, b in zip(starts, ends, strict=True)]


def _few_to_runs(indices: list[int]) -> list[list[int]]:
    """As `to_runs`, where numpy would take longer to begin than the whole takes."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return runs


def from_runs(runs: list[list[int]]) -> IndexArray:
    """The inverse of `to_runs`."""
    if not runs:
        return np.zeros(0, dtype=np.int32)
    return np.concatenate([np.arange(a, b + 1, dtype=np.int32) for a, b in runs])

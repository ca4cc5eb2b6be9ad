"""The frames of one layer, as columns.

A million waiting frames fit in 100 MB because a frame is no object: it is an index into these arrays.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cuebot.domain.states import Exit, FrameState

IndexArray = npt.NDArray[np.int32]
"""Frame indices within a layer, ascending."""

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
}
"""Persisted columns: type and value of a frame that never left its initial state. Times in microseconds.

`core_us` is core-microseconds of all ended runs; `last_host` is a number of `Farm.host_names`; `last_cores` are core
units. `eligible_us` and `updated_us` are soft: a frame that only stopped waiting is not written for their sake.
"""


class Frames:
    """Columns over the frames of one layer; an index is a frame's position in its layer's normalised range."""

    __slots__ = ("number", "dispatch_order", "depend_count", "used_rss_kib", "llu_s", *COLUMNS)

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

    def __init__(self, numbers: npt.ArrayLike, eligible_us: int) -> None:
        """All frames WAITING, in the order of `numbers` (frame numbers, no duplicates)."""
        self.number = np.asarray(numbers, dtype=np.int32)
        size = len(self.number)
        self.dispatch_order = np.arange(size, dtype=np.int32)
        self.depend_count = np.zeros(size, dtype=np.int32)
        self.used_rss_kib = None  # telemetry: made when the first running frame reports
        self.llu_s = None
        for name, (dtype, initial) in COLUMNS.items():
            setattr(self, name, np.full(size, initial, dtype=dtype) if initial else np.zeros(size, dtype=dtype))
        self.eligible_us[:] = eligible_us

    def __len__(self) -> int:
        return len(self.number)

    def index_of(self, number: int) -> int | None:
        """The index of the frame with this number, or None."""
        found = np.flatnonzero(self.number == number)
        return int(found[0]) if len(found) else None

    def in_state(self, state: FrameState) -> IndexArray:
        """Indices of the frames in one state."""
        return np.flatnonzero(self.state == state).astype(np.int32)

    def counts(self) -> list[int]:
        """How many frames are in each state, by the state's number."""
        return [int(n) for n in np.bincount(self.state, minlength=len(FrameState))]


def as_indices(values: npt.ArrayLike) -> IndexArray:
    """Anything list-like as frame indices."""
    return np.asarray(values, dtype=np.int32)


def to_runs(indices: npt.ArrayLike) -> list[list[int]]:
    """Indices as [first, last] runs: how events name many frames in a few bytes."""
    array = np.asarray(indices, dtype=np.int64)
    if not len(array):
        return []
    breaks = np.flatnonzero(np.diff(array) != 1)
    starts = array[np.concatenate(([0], breaks + 1))]
    ends = array[np.concatenate((breaks, [len(array) - 1]))]
    return [[int(a), int(b)] for a, b in zip(starts, ends, strict=True)]


def from_runs(runs: list[list[int]]) -> IndexArray:
    """The inverse of `to_runs`."""
    if not runs:
        return np.zeros(0, dtype=np.int32)
    return np.concatenate([np.arange(a, b + 1, dtype=np.int32) for a, b in runs])

"""Depends, and the pairs of frames that some of them stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cuebot.domain.nouns.fields import volatile
from cuebot.domain.states import (
    DependType,
)
from cuebot.domain.units import Micros


@dataclass(slots=True)
class Edges:
    """Which frame waits for which in a composite depend: pairs of indices; -1 on the right is the whole layer."""

    er: npt.NDArray[np.int32]
    on: npt.NDArray[np.int32]
    by_on: npt.NDArray[np.int64]
    """Positions of the pairs, sorted by `on`."""
    sorted_on: npt.NDArray[np.int32]
    """`on[by_on]`."""

    def waiting_for(self, indices: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Positions, ascending, of the pairs that wait for these frames of the other layer (-1: all of it)."""
        if len(indices) == 1:  # the usual case, one frame that succeeded, costs no look at every pair
            first, last = np.searchsorted(self.sorted_on, [indices[0], indices[0] + 1])
            return self.by_on[first:last].astype(np.int32)
        return np.flatnonzero(np.isin(self.on, indices)).astype(np.int32)


@dataclass(slots=True)
class Depend:
    """One dependency record, however many frames it holds back.

    `er` is the side that waits, `on` what it waits for; which fields are set follows from the type
    (`domain.depends.SHAPES`).
    """

    id: str
    type: DependType
    er_job: str
    on_job: str
    er_layer: str | None = None
    er_frame: int | None = None
    on_layer: str | None = None
    on_frame: int | None = None
    any_frame: bool = False
    on_failure: bool = False
    """Dead and eaten frames count as done (decisions: regardless-of-failure)."""
    active: bool = True
    created_us: Micros = Micros(0)
    satisfied: bytes = b""
    """Composite types: one bit a pair of `edges`, packed; empty while none is satisfied."""
    waived: tuple[tuple[str, int], ...] = ()
    """Other types: (layer id, frame index) of single frames that were let go although the depend is active."""
    edges: Edges | None = volatile(None)
    done: npt.NDArray[np.bool_] | None = volatile(None)
    """`satisfied`, unpacked."""

    @property
    def internal(self) -> bool:
        """Both sides are in one job."""
        return self.er_job == self.on_job

"""Whether a run that ended with a memory status lacked memory: one rule for who raises it and for who explains."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cuebot.domain.states import Exit

MEMORY_EXITS: Final = frozenset({Exit.MEMORY, Exit.CONTAINER_MEMORY})
BELIEVABLE_PERCENT: Final = 80
"""A run that used less of what was reserved for it did not lack memory, whatever it says."""


def is_believable(used: int | npt.NDArray[np.int64], reserved: int) -> Any:
    """Tell of a peak, or of each of an array of them, whether the run may have lacked memory.

    A peak that nobody measured (0) is believed: the kernel may end a process before its agent looks at it.
    """
    return (used <= 0) | (used * 100 >= reserved * BELIEVABLE_PERCENT)

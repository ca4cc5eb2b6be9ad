"""What is charged to a frame: which ends count against it, and which starts count as a retry.

The count goes up in `domain/apply/runs.py`, when the frame is booked again.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from cuebot.domain.states import Cause, Exit, FrameState

UNCHARGED_EXITS: Final = frozenset(
    {
        Exit.NEVER_RAN,
        Exit.SKIP_RETRY,
        Exit.CLEARED,
        Exit.ORPHAN,
        Exit.KILL_FAILED,
        Exit.HOST_DOWN,
    }
)
"""A start after one of these does not count as a retry (opencue-behaviour: retry-count).

Upstream counts FAILED_LAUNCH (256) neither: a frame that can nowhere be started is then tried for ever. Here it dies.
"""


UNCHARGED_CAUSES: Final = frozenset(
    {
        Cause.REFUSED,
        Cause.RUNNER_LOST,
        Cause.SHUTDOWN,
        Cause.LEASE,
        Cause.HOST_LOST,
        Cause.NEVER_RECEIVED,
        Cause.LOG_UNWRITABLE,
        Cause.HOST_FAULT,
        Cause.START_LIMIT,
    }
)
"""The farm's fault, not the frame's: the frame waits again and no retry is charged."""


_UNCHARGED: Final = np.array(sorted(UNCHARGED_EXITS), dtype=np.int32)
_NOT_CHARGED: Final = UNCHARGED_EXITS | {Exit.RETRIED_BY_USER}


def counts_as_retry(exit_statuses: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Whether the next start of frames with these last exit statuses counts as a retry, frame by frame.

    After a person's retry it does, as in OpenCue, although the end before it was not charged (`is_charged`).
    """
    return ~np.isin(exit_statuses, _UNCHARGED)


def is_charged(state: FrameState | None, cause: Cause, exit_status: int) -> bool:
    """Whether the end of a run, after which its frame was in `state`, counts against the frame.

    This is what people are told; what is counted, at the next start, is `counts_as_retry`.
    """
    failed = state in (FrameState.DEAD, FrameState.WAITING, FrameState.EATEN, FrameState.CHECKPOINT)
    return failed and cause not in UNCHARGED_CAUSES and exit_status not in _NOT_CHARGED

"""One range of frames: `7`, `1-10`, `1-10x3`, `1-10y3`, `1-10:3`."""

from __future__ import annotations

import re
from typing import List, Union

from .frame_list import FrameList

MAX_FRAMES = 1_000_000
"""The most frames that one range may name, so that a slip of the finger does not fill the memory."""

_SINGLE = re.compile(r"-?\d+", re.ASCII)
_RANGE = re.compile(r"(?P<first>-?\d+)-(?P<last>-?\d+)(?:(?P<mark>[xy:])(?P<step>-?\d+))?", re.ASCII)


class FrameRange(FrameList):
    """A range of frame numbers, in the order in which they are to be run.

    `a-b` counts up or down, `a-bxs` takes every s-th frame, `a-bys` the frames that `x` leaves out, and `a-b:s`
    visits every frame once, coarsely first: with step s, then from the next frame on with half the step, and so on.
    """

    def __init__(self, frameRange: Union[str, int]) -> None:
        self.frameList = self.parseFrameRange(str(frameRange))

    @staticmethod
    def parseFrameRange(frameRange: str) -> List[int]:
        """Return the frame numbers that the text of one range names.

        Raises:
            ValueError: the text is no range, or its step does not lead from the first frame to the last.
        """
        if _SINGLE.fullmatch(frameRange):
            return [int(frameRange)]
        match = _RANGE.fullmatch(frameRange)
        if match is None:
            raise ValueError(
                f"unrecognized frame range syntax {frameRange!r}: expected 7, 1-10, 1-10x2, 1-10y2 or 1-10:2"
            )
        first, last = int(match["first"]), int(match["last"])
        if abs(last - first) >= MAX_FRAMES:
            raise ValueError(f"frame range {frameRange!r} names more than {MAX_FRAMES} frames")
        if match["mark"] is None:
            return _count(first, last, 1 if last >= first else -1)
        step = int(match["step"])
        _check_step(frameRange, first, last, step)
        if match["mark"] == "x":
            return _count(first, last, step)
        if match["mark"] == "y":
            left_out = set(_count(first, last, step))
            return [frame for frame in _count(first, last, 1 if step > 0 else -1) if frame not in left_out]
        return _interleave(first, last, step)


def _check_step(text: str, first: int, last: int, step: int) -> None:
    if step == 0:
        raise ValueError(f"the step of frame range {text!r} is 0")
    if step < 0 and last >= first:
        raise ValueError(f"the negative step of frame range {text!r} needs a last frame below the first")
    if step > 0 and last < first:
        raise ValueError(f"frame range {text!r} counts down, so its step has to be negative")


def _count(first: int, last: int, step: int) -> List[int]:
    return list(range(first, last + (1 if step > 0 else -1), step))


def _interleave(first: int, last: int, step: int) -> List[int]:
    frames: dict[int, None] = {}  # keeps the order of the first visit
    direction = 1 if step > 0 else -1
    while step != 0:
        frames.update(dict.fromkeys(_count(first, last, step)))
        first += direction
        step = int(step / 2)
    return list(frames)

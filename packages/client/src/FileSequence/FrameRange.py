"""One range of frames: `7`, `1-10`, `1-10x3`, `1-10y3`, `1-10:3`."""

from __future__ import annotations

import re
from typing import List, Union

from .frame_list import FrameList

MAX_FRAMES = 1_000_000
"""The most frames that one text may name, so that a slip of the finger does not fill the memory."""

FRAME_MIN, FRAME_MAX = -(2**31), 2**31 - 1
"""The farm keeps frame numbers, and steps, in 32 bits."""

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
            ValueError: the text is no range, names no frame or too many, or its step does not lead from the first
                frame to the last.
        """
        frames = part_frames(frameRange, MAX_FRAMES)
        if not frames:
            raise ValueError(f"frame range {frameRange!r} names no frame")
        return frames


def part_frames(text: str, room: int) -> List[int]:
    """Return the frames of the text between two commas, at most `room`; none for a range such as `10-1x1`.

    They are counted before any of them is made. What is accepted is what the server accepts.

    Raises:
        ValueError: the text is no range, or names more frames.
    """
    if _SINGLE.fullmatch(text):
        first = last = _number(text, text)
        mark, step = None, 1
    else:
        match = _RANGE.fullmatch(text)
        if match is None:
            raise ValueError(f"unrecognized frame range syntax {text!r}: expected 7, 1-10, 1-10x2, 1-10y2 or 1-10:2")
        first, last, mark = _number(text, match["first"]), _number(text, match["last"]), match["mark"]
        step = _number(text, match["step"]) if mark else (1 if last >= first else -1)
    _check_step(text, first, last, step, given=mark is not None)
    if step == 1 and last < first:
        return []  # upwards by one from a higher number meets nothing

    span = abs(last - first) + 1
    hit = (span - 1) // abs(step) + 1
    if {"x": hit, "y": span - hit}.get(mark or "", span) > room:
        raise ValueError(f"frame range {text!r} names more than {MAX_FRAMES} frames")
    if mark == "x":
        return _count(first, last, step)
    if mark == "y":
        return _left_out(first, last, step)
    return _interleave(first, last, step) if mark == ":" else _count(first, last, step)


def _number(text: str, digits: str) -> int:
    """Return a number of a range, which has to fit in 32 bits."""
    value = int(digits) if len(digits) <= len(str(FRAME_MIN)) else FRAME_MAX + 1
    if not FRAME_MIN <= value <= FRAME_MAX:
        raise ValueError(f"frame range {text!r}: {digits[:20]} is outside {FRAME_MIN} to {FRAME_MAX}")
    return value


def _check_step(text: str, first: int, last: int, step: int, given: bool) -> None:
    if step == 0:
        raise ValueError(f"the step of frame range {text!r} is 0")
    if given and step < 0 and last >= first:
        raise ValueError(f"the negative step of frame range {text!r} needs a last frame below the first")
    if step > 1 and last < first:
        raise ValueError(f"frame range {text!r} counts down, so its step has to be negative")


def _count(first: int, last: int, step: int) -> List[int]:
    return list(range(first, last + (1 if step > 0 else -1), step))


def _left_out(first: int, last: int, step: int) -> List[int]:
    """Return the frames that a step passes over."""
    if abs(step) == 1:
        return []
    direction = 1 if step > 0 else -1
    return [frame for place, frame in enumerate(range(first, last + direction, direction)) if place % abs(step)]


def _interleave(first: int, last: int, step: int) -> List[int]:
    frames: dict[int, None] = {}  # keeps the order of the first visit
    direction = 1 if step > 0 else -1
    while step != 0:
        frames.update(dict.fromkeys(_count(first, last, step)))
        first += direction
        step = int(step / 2)
    return list(frames)

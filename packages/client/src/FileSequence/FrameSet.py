"""Several ranges of frames, joined by commas: `1-5x2,6-10`."""

from __future__ import annotations

from typing import Iterable, List, Union

from .frame_list import FrameList
from .FrameRange import MAX_FRAMES, part_frames


class FrameSet(FrameList):
    """The frames of a comma list of ranges, one after the other, repeated ones kept."""

    def __init__(self, frameRange: Union[str, int]) -> None:
        self.frameList = self.parseFrameRange(str(frameRange))

    @classmethod
    def of(cls, frames: Iterable[int]) -> FrameSet:
        """Return the set of these frame numbers, in their order."""
        made = cls.__new__(cls)
        made.frameList = [int(frame) for frame in frames]
        return made

    @staticmethod
    def parseFrameRange(frameRange: str) -> List[int]:
        """Return the frame numbers that a comma list of ranges names.

        Raises:
            ValueError: a part of the list is no range, or the list names no frame or too many.
        """
        frames: List[int] = []
        for part in frameRange.split(","):
            frames.extend(part_frames(part, MAX_FRAMES - len(frames)))
        if not frames:
            raise ValueError(f"frame range {frameRange!r} names no frame")
        return frames

"""Several ranges of frames, joined by commas: `1-5x2,6-10`."""

from __future__ import annotations

from typing import List, Union

from .frame_list import FrameList
from .FrameRange import FrameRange


class FrameSet(FrameList):
    """The frames of a comma list of ranges, one after the other, repeated ones kept."""

    def __init__(self, frameRange: Union[str, int]) -> None:
        self.frameList = self.parseFrameRange(str(frameRange))

    @staticmethod
    def parseFrameRange(frameRange: str) -> List[int]:
        """Return the frame numbers that a comma list of ranges names.

        Raises:
            ValueError: a part of the list is no range.
        """
        frames: List[int] = []
        for part in frameRange.split(","):
            frames.extend(FrameRange.parseFrameRange(part))
        return frames

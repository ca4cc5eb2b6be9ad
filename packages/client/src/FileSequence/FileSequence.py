"""Numbered files on disk: `/shots/beauty.1-10####.exr`."""

from __future__ import annotations

import os
import re
from typing import Iterator, List, Optional, Union

from .FrameSet import FrameSet

_PATH = re.compile(r"(?P<prefix>.*\.)(?P<frames>[\d#,@x-]+)(?P<suffix>\.[.\w]+)", re.ASCII | re.DOTALL)
_FRAMES = re.compile(r"(?P<range>[\d,x-]*)(?P<padding>[#@]*)", re.ASCII)
_LEADING_ZERO = re.compile(r"[-0]\d+", re.ASCII)


class FileSequence:
    """A path with frame numbers between two dots, with or without a range of its own.

    `foo.#.exr` has padding and no range, `foo.1-10#.exr` has both, `foo.0001-0010.exr` a range whose leading zeros
    give the padding. `frameSet` holds the range, or None.
    """

    def __init__(self, filepath: str) -> None:
        match = _PATH.fullmatch(filepath)
        frames = match and _FRAMES.fullmatch(match["frames"])
        if not match or not frames:
            raise ValueError(
                f"{filepath!r} is no file sequence: expected a path such as name.1-10#.exr or name.####.exr"
            )
        self._path = filepath
        self._prefix: str = match["prefix"]
        self._suffix: str = match["suffix"]
        range_text, padding = frames["range"], frames["padding"]
        self.frameSet: Optional[FrameSet] = None
        if range_text.isdigit():  # one number may be longer than a frame's: the time in `take.20260131120000.exr`
            self.frameSet = FrameSet.of([int(range_text)])
        elif range_text:
            self.frameSet = FrameSet(range_text)
        if self.frameSet and self.frameSet[0] > self.frameSet[-1]:
            raise ValueError(f"the range of file sequence {filepath!r} has to count up")
        leading = _LEADING_ZERO.match(range_text)
        if "#" in padding:
            self._pad_size = padding.count("#")
        else:
            self._pad_size = len(leading[0]) if leading else 1

    def getPrefix(self) -> str:
        """Return all that stands before the frame number, the dot included: `/a/foo.`."""
        return self._prefix

    def getSuffix(self) -> str:
        """Return all that stands after the frame number, the dot included: `.exr`."""
        return self._suffix

    def getDirname(self) -> str:
        """Return the folder with a slash behind it, or an empty text."""
        return self._prefix[: self._prefix.rfind("/") + 1]

    def getBasename(self) -> str:
        """Return the name without folder, frame number and suffix."""
        return os.path.basename(self._prefix).rstrip(".")

    def getPadSize(self) -> int:
        """Return to how many digits frame numbers are filled up with zeros."""
        return self._pad_size

    def getFileList(self, frameSet: Optional[FrameSet] = None) -> List[str]:
        """Return the paths of its own range, or of those given frames that are in it, in the range's order."""
        return [self(frame) for frame in self._frames(frameSet)]

    def getOpenRVPath(self, frameSet: Optional[FrameSet] = None) -> str:
        """Return the sequence as the player RV writes it: `foo.1-10@@@@.exr`; a given frame set is shown as it is."""
        frames = self._frames(None) if frameSet is None else list(frameSet)
        return f"{self._prefix}{frames[0]}-{frames[-1]}{'@' * self._pad_size}{self._suffix}"

    def __call__(self, frame: int) -> str:
        return f"{self._prefix}{int(frame):0{self._pad_size}d}{self._suffix}"

    def _frames(self, frameSet: Optional[FrameSet]) -> List[int]:
        if self.frameSet is None:
            if frameSet is None:
                raise ValueError(f"file sequence {self._path!r} has no range of its own: give a frame set")
            return list(frameSet)
        if frameSet is None:
            return list(self.frameSet)
        wanted = set(frameSet)
        return [frame for frame in self.frameSet if frame in wanted]

    def _own_range(self) -> FrameSet:
        if self.frameSet is None:
            raise IndexError(f"file sequence {self._path!r} has no range of its own")
        return self.frameSet

    def __getitem__(self, index: Union[int, slice]) -> Union[str, List[str]]:
        picked = self._own_range()[index]
        return [self(frame) for frame in picked] if isinstance(picked, list) else self(picked)

    def __iter__(self) -> Iterator[str]:
        return (self(frame) for frame in self._own_range())

    def __len__(self) -> int:
        return len(self._own_range())

    def __str__(self) -> str:
        return self._path

"""What a range and a set of frames have in common: they are ordered lists of numbers."""

from __future__ import annotations

from typing import Iterator, List, Union, overload


class FrameList:
    """An ordered list of frame numbers that can be measured, searched and sliced."""

    frameList: List[int]

    def size(self) -> int:
        """Return how many frames there are, repeated ones included."""
        return len(self.frameList)

    def get(self, idx: int) -> int:
        """Return the frame at a position, counted from 0."""
        return self.frameList[idx]

    def index(self, idx: int) -> int:
        """Return the first position of a frame, or -1 where that is not among them."""
        try:
            return self.frameList.index(idx)
        except ValueError:
            return -1

    def getAll(self) -> List[int]:
        """Return the list of all frames."""
        return self.frameList

    def normalize(self) -> None:
        """Sort the frames and drop repeated ones, in place."""
        self.frameList = sorted(set(self.frameList))

    def __len__(self) -> int:
        return len(self.frameList)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> List[int]: ...
    def __getitem__(self, index: Union[int, slice]) -> Union[int, List[int]]:
        return self.frameList[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self.frameList)

    def __contains__(self, frame: object) -> bool:
        return frame in self.frameList

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrameList) and self.frameList == other.frameList

    __hash__ = None  # type: ignore[assignment]  # normalize() changes it in place

    def __str__(self) -> str:
        return ",".join(map(str, self.frameList))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

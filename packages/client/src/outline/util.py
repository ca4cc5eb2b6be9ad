"""Small functions on frame numbers, and who is launching what for which shot."""

from __future__ import annotations

import os
import sys
from typing import Any, Iterable, List, Optional, Sequence, Union

from FileSequence import FrameSet
from outline.config import config


def disaggregate_frame_set(frameset: Union[FrameSet, Iterable[int]]) -> List[int]:
    """Return the frames without repeats, in the order of their first appearance."""
    return list(dict.fromkeys(frameset))


def intersect_frame_set(
    range1: Union[str, FrameSet], range2: Union[str, FrameSet], normalize: bool = True
) -> Optional[FrameSet]:
    """Return the frames of the first range that the second has too, or None where there are none."""
    wanted = set(_frame_set(range2))
    common = [frame for frame in disaggregate_frame_set(_frame_set(range1)) if frame in wanted]
    return make_frame_set(common, normalize) if common else None


def make_frame_set(frames: Sequence[int], normalize: bool = True) -> FrameSet:
    """Return the frame set of a list of frame numbers, sorted and without repeats unless asked otherwise."""
    frame_set = FrameSet.of(frames)
    if normalize:
        frame_set.normalize()
    return frame_set


def compact_frame_range(frames: Iterable[int]) -> str:
    """Return frame numbers as a short range text that names them in the same order: 1 3 5 9 gives `1-5x2,9`."""
    remaining = list(frames)
    parts: List[str] = []
    start = 0
    while start < len(remaining):
        end = _end_of_run(remaining, start)
        first, last, count = remaining[start], remaining[end], end - start + 1
        step = remaining[start + 1] - first if count > 1 else 0
        if count == 1 or (count == 2 and step != 1):
            parts.append(str(first))  # two frames that are no neighbours are shorter as single numbers
            end = start
        elif step == 1:
            parts.append(f"{first}-{last}")
        else:
            parts.append(f"{first}-{last}x{step}")
        start = end + 1
    return ",".join(parts)


def _end_of_run(frames: List[int], start: int) -> int:
    """Return the last index of the run of evenly spaced frames that begins at `start`."""
    end = start
    if start + 1 < len(frames) and frames[start + 1] != frames[start]:
        step = frames[start + 1] - frames[start]
        while end + 1 < len(frames) and frames[end + 1] - frames[end] == step:
            end += 1
    return end


def get_slice(frame_range: Union[str, FrameSet], frames: Iterable[int], items: Sequence[Any]) -> List[Any]:
    """Return the share of the items that falls to these frames when a range divides the items evenly, in order."""
    all_frames = disaggregate_frame_set(_frame_set(frame_range))
    share: List[Any] = []
    for frame in frames:
        position = all_frames.index(frame)
        share.extend(items[position * len(items) // len(all_frames) : (position + 1) * len(items) // len(all_frames)])
    return share


def get_show() -> str:
    """Return the show of this shell: `$SHOW`, or else the configured default."""
    return os.environ.get("SHOW") or config.get("outline", "default_show")


def get_shot() -> str:
    """Return the shot of this shell: `$SHOT`, or else the configured default."""
    return os.environ.get("SHOT") or config.get("outline", "default_shot")


def get_user() -> str:
    """Return the name of the current user; on Windows with the domain in front.

    A user without an account, as in many containers, is called by the number: `uid23456`.
    """
    user = os.environ.get("USER")
    if not user:
        import getpass

        try:
            user = getpass.getuser()
        except (KeyError, ImportError, OSError):
            user = f"uid{get_uid()}"
    domain = os.environ.get("USERDOMAIN")
    return f"{domain}\\{user}" if sys.platform == "win32" and domain else user


def get_uid() -> int:
    """Return the number of the current user; 1 on Windows, which has none."""
    return os.getuid() if hasattr(os, "getuid") else 1


def _frame_set(frames: Union[str, FrameSet]) -> FrameSet:
    return frames if isinstance(frames, FrameSet) else FrameSet(str(frames))

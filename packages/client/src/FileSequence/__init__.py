"""Frame numbers and numbered files: `1-10x2`, `beauty.1-10####.exr`."""

from __future__ import annotations

from .FileSequence import FileSequence
from .FrameRange import FrameRange
from .FrameSet import FrameSet

__all__ = ["FileSequence", "FrameRange", "FrameSet"]

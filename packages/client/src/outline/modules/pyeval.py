"""Layers that run a piece of Python."""

from __future__ import annotations

import sys
from typing import List, Optional

from outline.modules.application import FRAME, Path, needed
from outline.modules.shell import PyEval

__all__ = ["PyEval", "command"]


def command(code: str, *, executable: Optional[Path] = None) -> List[str]:
    """Return the command that runs Python source with a frame's number as `sys.argv[1]`, without `outline`.

    `executable` is the Python of the render hosts; without one, that of this process. A layer that is launched with
    `use_pycuerun=False` needs this: `Shell(name, command=pyeval.command(code))`.

    Raises:
        LayerException: the code is missing.
    """
    return [needed("the executable", executable or sys.executable), "-c", needed("code", code), FRAME]

"""`pycuerun`: launches outline scripts."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, Optional, Sequence

from cue_cli.standard_output import run_command

if TYPE_CHECKING:
    from cue_cli.pycuerun.base import AbstractCuerun
    from cue_cli.pycuerun.command import PyCuerun

__all__ = ["AbstractCuerun", "PyCuerun", "main"]

_PLACES = {"AbstractCuerun": "base", "PyCuerun": "command"}
"""Modules that are imported when they are asked for: with them comes outline, whose configuration may be at fault."""


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(f"cue_cli.pycuerun.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'cue_cli.pycuerun' has no attribute {name!r}")


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command and return its exit status."""
    return run_command("pycuerun", lambda: _main(sys.argv[1:] if argv is None else argv))


def _main(words: Sequence[str]) -> int:
    from cue_cli.pycuerun.command import run

    return run(words)

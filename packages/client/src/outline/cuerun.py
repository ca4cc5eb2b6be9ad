"""Launching outlines, and executing their frames."""

from __future__ import annotations

from typing import Any

from outline.backend import import_backend_module
from outline.launcher import OutlineLauncher, get_launch_facility
from outline.loader import load_outline
from outline.options import CuerunOptionParser

__all__ = [
    "CuerunOptionParser",
    "OutlineLauncher",
    "execute_frame",
    "get_launch_facility",
    "import_backend_module",
    "launch",
]


def launch(ol: Any, use_pycuerun: bool = True, **flags: Any) -> Any:
    """Set an outline up, launch it, and return the list of its jobs.

    With `use_pycuerun` frames execute the layers' Python code; without, they run the layers' `command` directly, so
    that nothing of outline is needed on the render hosts. Flags are those of `OutlineLauncher`.

    Raises:
        OutlineException: the outline cannot be set up or launched, or a local or tested job failed.
    """
    return OutlineLauncher(ol, **flags).launch(use_pycuerun)


def execute_frame(script: str, layer: str, frame: int) -> None:
    """Execute one frame of a layer of a stored outline or a script."""
    load_outline(script).get_layer(layer).execute(int(frame))

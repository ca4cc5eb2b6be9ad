"""Launching outlines, and executing their frames."""

from __future__ import annotations

import importlib
import os
from typing import Any

from outline.config import config
from outline.exception import OutlineException
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


def import_backend_module(name: str = "") -> Any:
    """Return the module `outline.backend.<name>`; without a name, the configured one.

    Raises:
        OutlineException: there is no such backend.
    """
    name = name or config.get("outline", "backend")
    module_name = f"outline.backend.{name}"
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        folder = os.path.join(os.path.dirname(__file__), "backend")
        known = sorted(
            entry[:-3] for entry in os.listdir(folder) if entry.endswith(".py") and not entry.startswith("_")
        )
        raise OutlineException(f"there is no backend {name!r}; this installation has {', '.join(known)}") from None

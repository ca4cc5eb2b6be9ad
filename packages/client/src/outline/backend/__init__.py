"""Where outlines are launched: `cue` is the farm, `local` this machine.

A backend is a module with `launch(launcher, use_pycuerun)`, `serialize(launcher)` and `serialize_simple(launcher)`.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from outline.config import config
from outline.exception import OutlineException


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
        folder = os.path.dirname(__file__)
        known = sorted(
            entry[:-3] for entry in os.listdir(folder) if entry.endswith(".py") and not entry.startswith("_")
        )
        raise OutlineException(f"there is no backend {name!r}; this installation has {', '.join(known)}") from None

"""The farm's Python API: find jobs, layers, frames and hosts, and change them.

    import opencue

    for job in opencue.api.getJobs(show=["demo"]):
        print(job.name(), job.percentCompleted())

Importing contacts no server and loads nothing heavy; every name below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from opencue.installation import warn_if_shared

if TYPE_CHECKING:
    from opencue import (
        api,
        compiled_proto,
        config,
        cuebot,
        enums,
        exception,
        search,
        snapshot,
        units,
        util,
        version,
        wrappers,
    )
    from opencue.cuebot import Cuebot
    from opencue.enums import DependType
    from opencue.exception import CueException, EntityNotFoundException
    from opencue.util import id, logPath, proxy, rep

__all__ = [
    "CueException",
    "Cuebot",
    "DependType",
    "EntityNotFoundException",
    "api",
    "compiled_proto",
    "config",
    "cuebot",
    "enums",
    "exception",
    "id",
    "logPath",
    "proxy",
    "rep",
    "search",
    "snapshot",
    "units",
    "util",
    "version",
    "wrappers",
]

_HOME_OF = {
    "Cuebot": "opencue.cuebot",
    "DependType": "opencue.enums",
    "CueException": "opencue.exception",
    "EntityNotFoundException": "opencue.exception",
    "id": "opencue.util",
    "logPath": "opencue.util",
    "proxy": "opencue.util",
    "rep": "opencue.util",
}

logging.getLogger("opencue").addHandler(logging.NullHandler())
warn_if_shared(__file__)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _HOME_OF:
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
    else:
        value = importlib.import_module(f"{__name__}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The wrappers by their names: jobs know layers and layers jobs, so they meet here instead of importing each other."""

from __future__ import annotations

import importlib
from typing import Any

_WRAPPERS: dict[str, Any] = {}


def register(wrapper: type) -> None:
    """Make a class of `opencue.wrappers` known by its name. Subclasses of a studio's take nobody's place."""
    if wrapper.__module__.startswith("opencue.wrappers."):
        _WRAPPERS[wrapper.__name__] = wrapper


def wrapperOf(name: str) -> Any:
    """Return the class of `opencue.wrappers` that has a name, such as `Job`."""
    if name not in _WRAPPERS:
        importlib.import_module("opencue.wrappers")  # nothing has asked for a wrapper so far
    return _WRAPPERS[name]

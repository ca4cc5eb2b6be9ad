"""The outline that new layers add themselves to. Layers and outlines both know this module, and so not each other."""

from __future__ import annotations

from typing import Any

_current: Any = None


def get() -> Any:
    """Return the current outline, or None."""
    return _current


def put(outline: Any) -> None:
    """Make an outline, or None, the current one."""
    global _current
    _current = outline

"""What `cuefarm demo` needs besides the farm itself: the extra `demo`."""

from __future__ import annotations

import importlib.util

MODULES = ("mitsuba", "OpenImageIO", "imageio_ffmpeg", "rich")
INSTALL = "pip install 'cuefarm[demo]'"


def missing() -> list[str]:
    """The modules of the extra that are not installed."""
    return [module for module in MODULES if importlib.util.find_spec(module) is None]

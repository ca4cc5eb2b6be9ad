"""The demo's libraries, which are an extra of the distribution; a missing one is named together with its cure."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

_DISTRIBUTIONS = {
    "mitsuba": "mitsuba",
    "drjit": "mitsuba",
    "OpenImageIO": "OpenImageIO",
    "imageio_ffmpeg": "imageio-ffmpeg",
    "rich": "rich",
}


class DemoExtraMissing(RuntimeError):
    """A library that the demo needs is not installed, or does not load."""


def load(module: str) -> ModuleType:
    """Import one of the demo's libraries.

    Raises:
        DemoExtraMissing: it is not there, or it does not load on this machine.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DemoExtraMissing(
            f"the demo needs {_DISTRIBUTIONS.get(module, module)}, which does not load here ({error}); "
            "install what the demo needs with: pip install 'cuefarm[demo]'"
        ) from error


def load_mitsuba() -> ModuleType:
    """Import mitsuba with the variant that needs neither GPU nor compiler, and two threads for its files.

    With one thread, as on a machine with a single core, mitsuba waits for ever when it loads a scene or writes a
    picture; only rendering may be bound to one.
    """
    mitsuba = load("mitsuba")
    mitsuba.set_variant("scalar_rgb")
    load("drjit").set_thread_count(2)
    return mitsuba


def ffmpeg_binary() -> Path:
    """Find the ffmpeg that imageio-ffmpeg brings.

    Raises:
        DemoExtraMissing: the library is not there, or has no binary for this platform.
    """
    try:
        return Path(load("imageio_ffmpeg").get_ffmpeg_exe())
    except RuntimeError as error:
        if isinstance(error, DemoExtraMissing):
            raise
        raise DemoExtraMissing(
            f"imageio-ffmpeg has no ffmpeg for this platform ({error}); "
            "install ffmpeg and name it in the environment variable IMAGEIO_FFMPEG_EXE"
        ) from error

"""Layers that render with an output driver of Houdini."""

from __future__ import annotations

from typing import Iterable, List, Optional

from outline.exception import LayerException
from outline.modules.application import FIRST, LAST, Application, Path, needed, option, positive, words

__all__ = ["Houdini", "command"]


def command(
    scene: Path,
    driver: str,
    *,
    output: Optional[Path] = None,
    take: Optional[str] = None,
    width: Optional[int] = None,
    height: Optional[int] = None,
    executable: Path = "hrender",
    options: Iterable[str] = (),
) -> List[str]:
    """Return the command that runs an output driver, such as `/out/mantra1`, of a `.hip` file over frames.

    `output` is a path with `$F4` for the frame number, in place of the driver's own.

    Raises:
        LayerException: the scene or the driver is missing, or another argument makes no sense.
    """
    if not needed("the output driver, `driver`,", driver).startswith("/"):
        raise LayerException(f"the output driver has to be a path of Houdini's such as /out/mantra1, not {driver!r}")
    return [
        needed("the executable", executable),
        "-e",
        "-f",
        FIRST,
        LAST,
        *option("-t", take),
        *option("-w", positive("width", width)),
        *option("-h", positive("height", height)),
        *option("-o", output),
        *words("options", options),
        "-d",
        driver,
        needed("the Houdini file, `scene`,", scene),
    ]


class Houdini(Application):
    """Runs an output driver of Houdini; its arguments are those of `command`, and those of every layer."""

    build = staticmethod(command)
    service = "houdini"

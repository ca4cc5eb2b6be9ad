"""Layers that render USD with `husk`, a frame in a call."""

from __future__ import annotations

from typing import Iterable, List, Optional

from outline.modules.application import FRAME, Application, Path, needed, option, words

__all__ = ["Husk", "command"]


def command(
    stage: Path,
    *,
    output: Optional[Path] = None,
    renderer: Optional[str] = None,
    settings: Optional[str] = None,
    camera: Optional[str] = None,
    executable: Path = "husk",
    options: Iterable[str] = (),
) -> List[str]:
    """Return the command that renders one frame of a stage.

    `output` is a path with `$F4` for the frame number, `renderer` such as `BRAY_HdKarma`, `settings` the path of the
    prim with the render settings.

    Raises:
        LayerException: the stage is missing, or another argument makes no sense.
    """
    return [
        needed("the executable", executable),
        "--frame",
        FRAME,
        "--frame-count",
        "1",
        *option("--renderer", renderer),
        *option("--settings", settings),
        *option("--camera", camera),
        *option("--output", output),
        *words("options", options),
        needed("the USD file, `stage`,", stage),
    ]


class Husk(Application):
    """Renders a USD stage; its arguments are those of `command`, and those of every layer. Its chunk size is 1."""

    build = staticmethod(command)
    service = "husk"

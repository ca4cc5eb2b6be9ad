"""Layers that render with Maya."""

from __future__ import annotations

from typing import Iterable, List, Optional

from outline.modules.application import FIRST, LAST, Application, Path, needed, option, positive, words

__all__ = ["Maya", "command"]


def command(
    scene: Path,
    *,
    renderer: str = "file",
    project: Optional[Path] = None,
    output_folder: Optional[Path] = None,
    image_name: Optional[str] = None,
    camera: Optional[str] = None,
    render_layer: Optional[str] = None,
    width: Optional[int] = None,
    height: Optional[int] = None,
    executable: Path = "Render",
    options: Iterable[str] = (),
) -> List[str]:
    """Return the command that renders frames of a `.ma` or `.mb` file.

    `renderer` `file` is the one that the scene names; others are `arnold`, `sw`, `hw2` and what plug-ins bring.
    `options` are further words of that renderer, such as `["-ai:lve", "1"]`.

    Raises:
        LayerException: the scene is missing, or another argument makes no sense.
    """
    return [
        needed("the executable", executable),
        "-r",
        needed("renderer", renderer),
        "-s",
        FIRST,
        "-e",
        LAST,
        *option("-proj", project),
        *option("-rd", output_folder),
        *option("-im", image_name),
        *option("-cam", camera),
        *option("-rl", render_layer),
        *option("-x", positive("width", width)),
        *option("-y", positive("height", height)),
        *words("options", options),
        needed("the Maya file, `scene`,", scene),
    ]


class Maya(Application):
    """Renders a Maya scene; its arguments are those of `command`, and those of every layer."""

    build = staticmethod(command)
    service = "maya"

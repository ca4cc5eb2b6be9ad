"""Layers that render with Blender."""

from __future__ import annotations

from typing import Iterable, List, Optional

from outline.modules.application import FIRST, LAST, Application, Path, needed, one_of, option, positive, words

__all__ = ["FORMATS", "Blender", "command"]

FORMATS = (
    "AVIJPEG",
    "AVIRAW",
    "BMP",
    "CINEON",
    "DPX",
    "EXR",
    "FFMPEG",
    "HDR",
    "IRIS",
    "IRIZ",
    "JP2",
    "JPEG",
    "MPEG",
    "MULTILAYER",
    "OPEN_EXR",
    "OPEN_EXR_MULTILAYER",
    "PNG",
    "RAWTGA",
    "TGA",
    "TIFF",
    "WEBP",
)
"""The file formats that Blender's `-F` takes."""


def command(
    scene: Path,
    *,
    output: Optional[Path] = None,
    file_format: Optional[str] = None,
    engine: Optional[str] = None,
    scene_name: Optional[str] = None,
    scripts: Iterable[Path] = (),
    render_threads: Optional[int] = None,
    executable: Path = "blender",
    options: Iterable[str] = (),
) -> List[str]:
    """Return the command that renders frames of a `.blend` file without a window.

    `output` is a path with `####` for the frame number, `engine` such as `CYCLES`, `scripts` are Python files that run
    after the scene was loaded, `render_threads` a number of threads (all of the host if not given). An error in a
    script fails the frame.

    Raises:
        LayerException: the scene is missing, or another argument makes no sense.
    """
    return [
        needed("the executable", executable),
        "-b",
        needed("the Blender file, `scene`,", scene),
        "-noaudio",
        "--python-exit-code",
        "1",
        *option("-S", scene_name),
        *option("-E", engine),
        *option("-o", output),
        *option("-F", one_of("file_format", file_format, FORMATS)),
        *option("-t", positive("render_threads", render_threads)),
        *[word for script in words("scripts", [str(s) for s in _listed(scripts)]) for word in ("-P", script)],
        *words("options", options),
        "-s",
        FIRST,
        "-e",
        LAST,
        "-a",
    ]


def _listed(scripts: Iterable[Path]) -> List[Path]:
    return [scripts] if isinstance(scripts, str) else list(scripts)


class Blender(Application):
    """Renders a `.blend` file; its arguments are those of `command`, and those of every layer."""

    build = staticmethod(command)
    service = "blender"

"""Layers that record images of a USD stage with `usdrecord`."""

from __future__ import annotations

from typing import Iterable, List, Optional

from outline.exception import LayerException
from outline.modules.application import FIRST, LAST, Application, Path, needed, one_of, option, positive, words

__all__ = ["COMPLEXITIES", "UsdRecord", "command"]

COMPLEXITIES = ("low", "medium", "high", "veryhigh")


def command(
    stage: Path,
    output: Path,
    *,
    camera: Optional[str] = None,
    renderer: Optional[str] = None,
    image_width: Optional[int] = None,
    complexity: Optional[str] = None,
    purposes: Iterable[str] = (),
    executable: Path = "usdrecord",
    options: Iterable[str] = (),
) -> List[str]:
    """Return the command that records frames of a stage; `output` has `#`s for the frame number.

    Raises:
        LayerException: stage or output are missing, or an argument makes no sense.
    """
    image = needed("the image, `output`,", output)
    if "#" not in image:
        raise LayerException(f"output {image!r} has no # for the frame number, so frames would overwrite each other")
    wanted = words("purposes", purposes)
    return [
        needed("the executable", executable),
        "--frames",
        f"{FIRST}:{LAST}",
        *option("--camera", camera),
        *option("--renderer", renderer),
        *option("--imageWidth", positive("image_width", image_width)),
        *option("--complexity", one_of("complexity", complexity, COMPLEXITIES)),
        *(["--purposes", ",".join(wanted)] if wanted else []),
        *words("options", options),
        needed("the USD file, `stage`,", stage),
        image,
    ]


class UsdRecord(Application):
    """Records images of a USD stage; its arguments are those of `command`, and those of every layer."""

    build = staticmethod(command)
    service = "usdrecord"

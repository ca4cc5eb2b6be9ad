"""Looks at one finished frame and says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cuebot.demo import extras
from cuebot.demo.comp import open_image, slate_height
from cuebot.demo.frames import Shot

_BLACK = 1 / 255  # nothing in the picture is brighter


class BadFrame(RuntimeError):
    """A frame must not go into the movie; the message names each picture and its fault."""


def check_frame(shot: Shot, frame: int) -> None:
    """Refuse a frame whose rendered or finished picture is missing, black, of the wrong size, or has NaN or infinity.

    Raises:
        BadFrame: with all faults that were found.
    """
    faults = []
    for path in (shot.beauty(frame), shot.comp(frame)):
        faults += [f"{path}: {fault}" for fault in picture_faults(path, (shot.width, shot.height))]
    if faults:
        raise BadFrame(f"frame {frame} is bad:\n  " + "\n  ".join(faults))


def picture_faults(path: Path, size: tuple[int, int]) -> list[str]:
    """Return what is wrong with the picture at `path`, nothing if it is good; `size` is width and height."""
    if not path.exists():
        return ["it does not exist"]
    try:
        image = open_image(path)
    except OSError as error:
        return [str(error)]
    pixels = image.get_pixels(extras.load("OpenImageIO").FLOAT)
    height, width = pixels.shape[:2]
    faults = []
    if (width, height) != size:
        faults.append(f"it is {width}x{height}, but should be {size[0]}x{size[1]}")
    broken = int((~np.isfinite(pixels)).any(axis=-1).sum())
    if broken:
        faults.append(f"{broken} of its {width * height} pixels are NaN or infinite")
    elif float(pixels[: height - slate_height(height)].max()) <= _BLACK:  # the slate's letters are never black
        faults.append("it is black")
    return faults

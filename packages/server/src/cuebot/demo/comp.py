"""Finishes one frame: tone mapping, a slight vignette and the slate, from linear EXR to PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cuebot.demo import extras
from cuebot.demo.frames import Shot
from cuebot.demo.meshes import FloatArray
from cuebot.demo.render import RENDER_SECONDS, write_whole

FONT = "DroidSans"  # OpenImageIO brings it, so it is there on a bare machine
_SMALLEST_TEXT = 6  # pixels; smaller letters cannot be read, so the slate is left out
_EXPOSURE = 0.9
_VIGNETTE = 0.22  # how much darker the corners are


def comp_frame(shot: Shot, frame: int) -> Path:
    """Finish `frame` and return the path of its PNG."""
    picture, seconds = read_beauty(shot.beauty(frame))
    finished = tone_map(picture * vignette(picture.shape[1], picture.shape[0])[..., None] * _EXPOSURE)
    write_png(
        finished,
        shot.comp(frame),
        slate=(f"{shot.show}  {shot.shot}", f"{frame:04d}", f"rendered in {seconds:.1f} s"),
    )
    return shot.comp(frame)


def read_beauty(path: Path) -> tuple[FloatArray, float]:
    """Return a rendered picture (height, width, 3) and the seconds that it took.

    Raises:
        OSError: there is no readable picture at `path`.
    """
    image = open_image(path)
    pixels: FloatArray = image.get_pixels(extras.load("OpenImageIO").FLOAT)
    return pixels[..., :3], float(image.spec().getattribute(RENDER_SECONDS) or 0)


def open_image(path: Path) -> Any:
    """Read a picture with OpenImageIO.

    Raises:
        OSError: there is no readable picture at `path`.
    """
    image = extras.load("OpenImageIO").ImageBuf(str(path))
    if not image.read():
        raise OSError(f"cannot read {path}: {image.geterror()}")
    return image


def tone_map(light: FloatArray) -> FloatArray:
    """Turn linear light into display values from 0 to 1, along a film-like curve.

    The curve is Narkowicz's fit of the ACES film curve: a soft toe, a steep middle, and a shoulder for highlights.
    """
    value = np.maximum(light, 0) * 0.6
    bounded = (value * (2.51 * value + 0.03) / (value * (2.43 * value + 0.59) + 0.14)).clip(0, 1)
    display: FloatArray = np.where(bounded <= 0.0031308, 12.92 * bounded, 1.055 * bounded ** (1 / 2.4) - 0.055)
    return display


def vignette(width: int, height: int) -> FloatArray:
    """Return a factor for each pixel that falls softly towards the corners."""
    across = (np.arange(width) + 0.5) / width * 2 - 1
    down = (np.arange(height) + 0.5) / height * 2 - 1
    factor: FloatArray = 1 - _VIGNETTE * ((across[None, :] ** 2 + down[:, None] ** 2) / 2) ** 1.5
    return factor


def slate_height(height: int) -> int:
    """How many rows at the bottom of a picture of `height` rows the slate covers; none if it could not be read."""
    strip = round(height / 12)
    return strip if strip * 0.7 >= _SMALLEST_TEXT else 0


def write_png(picture: FloatArray, path: Path, *, slate: tuple[str, str, str]) -> None:
    """Write display values as an 8-bit PNG, the slate's three texts left, in the middle and right in a dark strip."""
    oiio = extras.load("OpenImageIO")
    height, width, channels = picture.shape
    image = oiio.ImageBuf(oiio.ImageSpec(width, height, channels, "float"))
    strip = slate_height(height)
    if strip:
        picture = picture.copy()
        picture[height - strip :] = picture[height - strip :] * 0.12 + 0.02
    image.set_pixels(oiio.ROI(), np.ascontiguousarray(picture, dtype=np.float32))
    if strip:
        size = round(strip * 0.7)
        margin, middle = round(strip * 0.6), height - strip // 2
        for text, x, align in zip(
            slate, (margin, width // 2, width - margin), ("left", "center", "right"), strict=True
        ):
            write_text(image, text, x, middle, size, (0.9, 0.88, 0.85), align=align)
    image.set_write_format("uint8")
    write_whole(image, path)


def write_text(
    image: Any,
    text: str,
    x: int,
    y: int,
    size: int,
    colour: tuple[float, float, float],
    *,
    align: str = "center",
) -> None:
    """Draw a line of text whose middle is at height `y`.

    Raises:
        RuntimeError: the font is missing.
    """
    oiio = extras.load("OpenImageIO")
    drawn = oiio.ImageBufAlgo.render_text(
        image, x, y, text, size, FONT, colour, {"left": "left", "right": "right"}.get(align, "center"), "center"
    )
    if not drawn:
        raise RuntimeError(
            f"cannot draw text: {image.geterror()}; "
            "the font comes with OpenImageIO's wheel, so install it again: "
            "pip install --force-reinstall OpenImageIO"
        )

"""Layers that make a film of images with ffmpeg, once for the whole range."""

from __future__ import annotations

from typing import Iterable, List, Optional

from FileSequence import FileSequence, FrameSet
from outline.exception import LayerException
from outline.layer import Frame
from outline.modules.application import Application, Path, needed, option, positive, words

__all__ = ["Ffmpeg", "command"]


def command(
    images: Path,
    film: Path,
    *,
    first_frame: Optional[int] = None,
    frame_count: Optional[int] = None,
    frame_rate: float = 24,
    codec: str = "libx264",
    quality: Optional[int] = None,
    pixel_format: Optional[str] = "yuv420p",
    audio: Optional[Path] = None,
    executable: Path = "ffmpeg",
    options: Iterable[str] = (),
) -> List[str]:
    """Return the command that makes `film` of `images`, over one of the same name.

    `images` is a numbered sequence such as `beauty.1001-1100####.exr` or `beauty.####.exr`, whose first frame is then
    `first_frame`, or another input of ffmpeg's. `quality` is the codec's CRF: lower is better.

    Raises:
        LayerException: images or film are missing, or an argument makes no sense.
    """
    if not isinstance(frame_rate, (int, float)) or isinstance(frame_rate, bool) or not 0 < frame_rate < 1000:
        raise LayerException(f"frame_rate has to be a number of frames a second, not {frame_rate!r}")
    source, first, count = _source(needed("the images, `images`,", images), first_frame, frame_count)
    return [
        needed("the executable", executable),
        "-hide_banner",
        "-nostdin",
        "-y",
        "-framerate",
        f"{frame_rate:g}",
        *option("-start_number", first),
        "-i",
        source,
        *option("-i", audio),
        *option("-frames:v", positive("frame_count", count)),
        "-c:v",
        needed("codec", codec),
        *option("-crf", quality),
        *option("-pix_fmt", pixel_format),
        *(["-c:a", "aac", "-shortest"] if audio is not None else []),
        *words("options", options),
        needed("the film, `film`,", film),
    ]


def _source(images: str, first: Optional[int], count: Optional[int]) -> tuple[str, Optional[int], Optional[int]]:
    """Return the images as ffmpeg names them, their first frame and their number."""
    if "%" in images:
        return images, first, count
    try:
        sequence = FileSequence(images)
    except ValueError:
        return images, first, count
    pad = sequence.getPadSize()
    number = f"%0{pad}d" if pad > 1 else "%d"
    frames: Optional[FrameSet] = sequence.frameSet
    if frames is not None:
        numbers = list(frames)
        if numbers != list(range(numbers[0], numbers[-1] + 1)):
            raise LayerException(f"the images {images} have gaps, at which ffmpeg would end the film")
        first = numbers[0] if first is None else first
        count = len(numbers) if count is None else count
    return f"{sequence.getPrefix()}{number}{sequence.getSuffix()}", first, count


class Ffmpeg(Application, Frame):
    """Makes a film, in one frame whatever range the outline has; its arguments are those of `command`."""

    build = staticmethod(command)
    service = "ffmpeg"

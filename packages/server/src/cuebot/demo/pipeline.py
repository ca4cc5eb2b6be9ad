"""Builds the demo's job: prep, beauty, comp, check and movie, and what waits for what."""

from __future__ import annotations

from pathlib import Path

import outline
from cuebot.demo import layers
from cuebot.demo.frames import Shot
from FileSequence import FrameSet

DEFAULT_FRAMES = "1-24"
DEFAULT_SIZE = (320, 180)
DEFAULT_SAMPLES = 8  # light paths a pixel; the smoothing does the rest


def make_shot(
    frames: str,
    size: tuple[int, int],
    output: Path,
    *,
    show: str,
    shot: str,
    samples: int = DEFAULT_SAMPLES,
    break_frame: int | None = None,
) -> Shot:
    """Make the settings that all steps share; `frames` as in `1-24` or `1-48x2`, `size` in pixels.

    Raises:
        ValueError: the frames, the size or the broken frame make no sense.
    """
    width, height = size
    if min(size) < 16 or max(size) > 8192:
        raise ValueError(f"the size is {width}x{height}, but width and height must be from 16 to 8192 pixels")
    if samples < 2 or samples % 2:
        raise ValueError(f"{samples} light paths a pixel: it must be an even number, at least 2")
    numbers = tuple(dict.fromkeys(FrameSet(frames)))
    if break_frame is not None and break_frame not in numbers:
        raise ValueError(f"frame {break_frame} is to be broken, but is not one of the frames {frames}")
    return Shot(
        show=show,
        shot=shot,
        frames=numbers,
        width=width,
        height=height,
        samples=samples,
        output=output.absolute(),
        break_frame=break_frame,
    )


def build(
    frames: str,
    size: tuple[int, int],
    output: Path,
    *,
    show: str,
    shot: str,
    user: str | None = None,
    samples: int = DEFAULT_SAMPLES,
    break_frame: int | None = None,
) -> outline.Outline:
    """Build the job, ready to be launched; it writes its pictures under `output`.

    With `break_frame` that frame is rendered with the light off, so that check fails it and the movie waits.

    Raises:
        ValueError: the frames, the size or the broken frame make no sense.
    """
    settings = make_shot(frames, size, output, show=show, shot=shot, samples=samples, break_frame=break_frame)
    job = outline.Outline("demo", frame_range=frames, show=show, shot=shot, user=user)
    small, large = {"memory": "256m"}, {"memory": "512m"}
    prep = layers.Prep("prep", shot=settings.to_data(), cores=0.5, **large)
    beauty = layers.Beauty("beauty", cores=1, **large)
    comp = layers.Comp("comp", cores=0.5, **small)
    check = layers.Check("check", cores=0.5, **small)
    movie = layers.Movie("movie", cores=1, **large)
    for layer in (prep, beauty, comp, check, movie):
        job.add_layer(layer)
    beauty.depend_all(prep)
    comp.depend_on(beauty)
    check.depend_on(comp)
    movie.depend_all(comp)
    movie.depend_all(check)
    return job

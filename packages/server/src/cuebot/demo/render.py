"""Renders one frame of the scene to a linear EXR."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from cuebot.demo import extras, scene
from cuebot.demo.denoise import denoise
from cuebot.demo.frames import Shot
from cuebot.demo.meshes import FloatArray

RENDER_SECONDS = "cuefarm:render_seconds"  # the attribute of the EXR that holds how long the frame took
_FEATURES = "albedo:albedo,normal:sh_normal,depth:depth"


def render_frame(shot: Shot, frame: int, scene_folder: Path, *, threads: int) -> float:
    """Render `frame` with at most `threads` threads, write its EXR, and return the seconds it took."""
    started = time.monotonic()
    picture = render_picture(
        scene_folder,
        turn=shot.turn(frame),
        size=(shot.width, shot.height),
        samples=shot.samples,
        seed=2 * frame,
        threads=threads,
        lit=frame != shot.break_frame,
    )
    seconds = time.monotonic() - started
    write_exr(
        picture,
        shot.beauty(frame),
        {"cuefarm:show": shot.show, "cuefarm:shot": shot.shot, "cuefarm:frame": frame, RENDER_SECONDS: seconds},
    )
    return seconds


def render_picture(
    scene_folder: Path, *, turn: float, size: tuple[int, int], samples: int, seed: int, threads: int, lit: bool = True
) -> FloatArray:
    """Render the scene at `turn` (0 to 1) of its loop, as linear light (height, width, 3) without grain."""
    mitsuba, drjit = extras.load_mitsuba(), extras.load("drjit")
    described = mitsuba.load_dict(scene.describe(scene_folder, turn, size, samples, lit=lit))
    surfaces = mitsuba.load_dict({"type": "aov", "aovs": _FEATURES})
    drjit.set_thread_count(max(1, threads))
    features = np.array(mitsuba.render(described, integrator=surfaces, spp=4))
    # Two halves of the light paths, apart: where they differ, there is noise.
    first, second = (np.array(mitsuba.render(described, spp=samples // 2, seed=seed + half)) for half in (0, 1))
    return denoise((first, second), features)


def write_exr(picture: FloatArray, path: Path, attributes: dict[str, str | int | float]) -> None:
    """Write the picture as half floats, under another name first: who finds the file finds all of it."""
    oiio = extras.load("OpenImageIO")
    height, width, channels = picture.shape
    spec = oiio.ImageSpec(width, height, channels, "half")
    spec.attribute("compression", "zip")
    for name, value in attributes.items():
        spec.attribute(name, value)
    image = oiio.ImageBuf(spec)
    image.set_pixels(oiio.ROI(), np.ascontiguousarray(picture, dtype=np.float32))
    write_whole(image, path)


def write_whole(image: Any, path: Path) -> None:
    """Write an OpenImageIO image so that nobody ever sees half of it.

    Raises:
        OSError: the file could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.stem}.unfinished{path.suffix}")
    if not image.write(str(unfinished)):
        raise OSError(f"cannot write {path}: {image.geterror()}")
    unfinished.replace(path)

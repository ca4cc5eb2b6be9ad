"""Runs all steps of the demo here, one after the other, without a farm: `python -m cuebot.demo --output DIR`."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cuebot.demo import pipeline
from cuebot.demo.check import BadFrame, check_frame
from cuebot.demo.comp import comp_frame
from cuebot.demo.extras import DemoExtraMissing
from cuebot.demo.frames import Shot
from cuebot.demo.movie import write_all
from cuebot.demo.prep import write_scene
from cuebot.demo.render import render_frame


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, run the steps, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m cuebot.demo", description=__doc__)
    parser.add_argument("--frames", default=pipeline.DEFAULT_FRAMES, help="frame range (default: %(default)s)")
    parser.add_argument("--size", type=parse_size, default=pipeline.DEFAULT_SIZE, help="WxH in pixels (320x180)")
    parser.add_argument("--samples", type=int, default=pipeline.DEFAULT_SAMPLES, help="light paths a pixel")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads a frame may use")
    parser.add_argument("--output", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--break-frame", type=int, help="render this frame with the light off, so that its check fails")
    options = parser.parse_args(arguments)
    try:
        shot = pipeline.make_shot(
            options.frames,
            options.size,
            options.output,
            show="testing",
            shot="still_life",
            samples=options.samples,
            break_frame=options.break_frame,
        )
        run(shot, threads=options.threads)
    except (ValueError, OSError, BadFrame, DemoExtraMissing) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def run(shot: Shot, *, threads: int) -> None:
    """Run every step, and print what each took: seconds by the clock, and seconds of processor time."""
    scene_folder = shot.output / "scene"
    _timed("prep", partial(write_scene, scene_folder))
    for frame in shot.frames:
        _timed(f"{frame:04d}-beauty", partial(render_frame, shot, frame, scene_folder, threads=threads))
        _timed(f"{frame:04d}-comp", partial(comp_frame, shot, frame))
        _timed(f"{frame:04d}-check", partial(check_frame, shot, frame))
    _timed("movie", partial(write_all, shot, threads=threads))
    print(f"movie          {shot.movie}\ncontact sheet  {shot.contact_sheet}")


def _timed(name: str, step: Callable[[], object]) -> None:
    wall, processor = time.monotonic(), time.process_time()
    step()
    print(f"{name:<14} {time.monotonic() - wall:6.2f} s   cpu {time.process_time() - processor:6.2f} s", flush=True)


def parse_size(text: str) -> tuple[int, int]:
    """Read a size like `320x180`.

    Raises:
        argparse.ArgumentTypeError: it is no size.
    """
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write width and height in pixels, as in 320x180")
    return int(found[1]), int(found[2])


if __name__ == "__main__":
    sys.exit(main())

"""A ring of balls on a turntable: the job of turntable.outline, built and launched by a Python program.

    python examples/turntable.py 1-24                 on the farm
    python examples/turntable.py 1-24 local           on this machine

Pictures go into the folder `turntable`, or where TURNTABLE_FOLDER says.
"""

from __future__ import annotations

import os
import sys

import turntable_pictures

import outline
from outline.modules.shell import Shell, ShellCommand

FOLDER = os.path.abspath(os.environ.get("TURNTABLE_FOLDER", "turntable"))


class ContactSheet(outline.Frame):
    """One frame that waits for all pictures, checks that none is black, and puts them side by side."""

    def _setup(self) -> None:
        self.put_data("frames", list(self.get_outline().get_layer("render").get_frame_set()))

    def _execute(self, frames) -> None:
        pictures = self.get_data("frames")
        for frame in pictures:
            rows = turntable_pictures.read_png(turntable_pictures.picture_path(self.get_arg("folder"), frame))
            if max(map(max, rows)) < 64:
                raise outline.LayerException(f"the picture of frame {frame} is black")
        turntable_pictures.contact_sheet(self.get_arg("folder"), pictures)


def build_turntable(frame_range: str) -> outline.Outline:
    """Return the outline of the job."""
    step = [sys.executable, os.path.abspath(turntable_pictures.__file__)]
    scene = ShellCommand("scene", command=[*step, "scene", FOLDER], cores=0.5)

    render = Shell("render", command=[*step, "render", FOLDER, "#IFRAME#"], cores=1, memory="256m")
    render.depend_all(scene)
    render.add_output("picture", os.path.join(FOLDER, "turntable.#.png"))

    sheet = ContactSheet("contact_sheet", folder=FOLDER, cores=0.5)
    sheet.depend_all(render)

    job = outline.Outline("turntable", frame_range=frame_range)
    for layer in (scene, render, sheet):
        job.add_layer(layer)
    return job


def main(arguments: list[str]) -> None:
    """Launch the job and say what it is called."""
    frame_range = arguments[0] if arguments else "1-24"
    backend = arguments[1] if len(arguments) > 1 else None
    for job in outline.cuerun.launch(build_turntable(frame_range), backend=backend):
        print(f"launched {job.name()}")


if __name__ == "__main__":
    # Frames read this file again to find ContactSheet, so only the launch itself may launch.
    main(sys.argv[1:])

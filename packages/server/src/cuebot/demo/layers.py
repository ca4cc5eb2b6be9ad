"""The demo's steps as layers of an outline: what runs in the frames on the farm."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import outline
from cuebot.demo.check import check_frame
from cuebot.demo.comp import comp_frame
from cuebot.demo.frames import Shot
from cuebot.demo.movie import write_all
from cuebot.demo.prep import write_scene
from cuebot.demo.render import render_frame

SHOT_DATA = "shot"  # the name under which prep stores the settings in the session


class Prep(outline.Frame):
    """Writes the scene's files and the shot's settings into the session; the argument `shot` holds the settings."""

    def _execute(self, frames: Iterable[int]) -> None:
        self.put_data(SHOT_DATA, self.get_arg("shot"), force=True)  # a retried frame writes them again
        with tempfile.TemporaryDirectory(prefix="cuefarm-demo-") as folder:
            for path in write_scene(Path(folder)):
                print(f"prep: {path.name}, {path.stat().st_size / 1000:.0f} KB -> {self.put_file(str(path))}")


class ShotLayer(outline.Layer):
    """A layer that works with what prep stored in the session."""

    def shot(self) -> Shot:
        """Return the settings of the shot."""
        return Shot.from_data(prep_of(self).get_data(SHOT_DATA))


class Beauty(ShotLayer):
    """Renders frames."""

    def _execute(self, frames: Iterable[int]) -> None:
        shot, scene_folder = self.shot(), Path(prep_of(self).get_path())
        for frame in frames:
            seconds = render_frame(shot, frame, scene_folder, threads=reserved_threads())
            print(f"beauty: frame {frame}, {shot.samples} paths a pixel, {seconds:.2f} s -> {shot.beauty(frame)}")


class Comp(ShotLayer):
    """Finishes rendered frames."""

    def _execute(self, frames: Iterable[int]) -> None:
        shot = self.shot()
        for frame in frames:
            print(f"comp: frame {frame} -> {comp_frame(shot, frame)}")


class Check(ShotLayer):
    """Fails for bad frames."""

    def _execute(self, frames: Iterable[int]) -> None:
        shot = self.shot()
        for frame in frames:
            check_frame(shot, frame)
            print(f"check: frame {frame} is good")


class Movie(outline.Frame):
    """Joins all finished frames."""

    def _execute(self, frames: Iterable[int]) -> None:
        shot = Shot.from_data(prep_of(self).get_data(SHOT_DATA))
        for path in write_all(shot, threads=reserved_threads()):
            print(f"movie: {path}, {path.stat().st_size / 1000:.0f} KB")


def prep_of(layer: Any) -> Any:
    """Return the prep layer of the outline that `layer` is in."""
    return layer.get_outline().get_layer("prep")


def reserved_threads() -> int:
    """How many threads the frame that runs this may use: the cores reserved for it, one if nobody says."""
    return max(1, int(os.environ.get("CUE_THREADS", "1")))

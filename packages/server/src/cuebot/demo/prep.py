"""The first step: writes the scene's meshes and the light of the studio."""

from __future__ import annotations

from pathlib import Path

from cuebot.demo import extras, meshes, scene


def write_scene(folder: Path) -> list[Path]:
    """Write the files that every frame of the scene needs into `folder` and return their paths."""
    mitsuba = extras.load_mitsuba()
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, mesh in scene.build_meshes().items():
        written.append(folder / f"{name}.ply")
        meshes.write_ply(mesh, written[-1])
    written.append(folder / "environment.exr")
    mitsuba.Bitmap(scene.environment()).write(str(written[-1]))
    return written

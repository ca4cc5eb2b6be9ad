"""The demo's still life: what stands where, of what, in which light, and where the camera goes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from cuebot.demo import meshes
from cuebot.demo.meshes import FloatArray, Mesh

ENVIRONMENT_SIZE = (256, 128)  # pixels; the light is soft, so more would show nothing new


def build_meshes() -> dict[str, Mesh]:
    """Make every mesh of the scene, by the name of its file without `.ply`."""
    return {
        "backdrop": meshes.turned(meshes.backdrop_profile(6.5, 2.0, 3.2), segments=96),
        "plinth": meshes.turned(meshes.plinth_profile(0.92, 0.42, 0.035), segments=128),
        "step": meshes.turned(meshes.plinth_profile(0.58, 0.2, 0.03), segments=128),
        "column": meshes.turned(meshes.plinth_profile(0.34, 0.95, 0.03), segments=96),
        "ring": meshes.turned(meshes.ring_profile(0.3, 0.085), segments=96),
        "knot": meshes.torus_knot(2, 3, 0.40, 0.115, steps=420, sides=36),
        "cube": meshes.rounded_cube(0.28, power=9, steps=72),
    }


def environment(size: tuple[int, int] = ENVIRONMENT_SIZE) -> FloatArray:
    """Paint the light of the studio as a panorama (height, width, 3) in linear radiance: a sky and three soft boxes.

    Everything shines from one panorama, so that each sample of light is drawn where the light is: it keeps noise low.
    """
    width, height = size
    longitude = (np.arange(width) + 0.5) / width * 2 * np.pi
    elevation = np.pi / 2 - (np.arange(height) + 0.5) / height * np.pi
    azimuth, up = np.meshgrid(longitude, elevation)
    sky = 0.5 + 0.5 * np.sin(up)[..., None]
    picture = (1 - sky) * np.array([0.16, 0.12, 0.11]) + sky * np.array([0.26, 0.31, 0.40])

    def soft_box(
        centre: float, height: float, half_width: float, half_height: float, colour: list[float]
    ) -> FloatArray:
        sideways = np.abs((azimuth - math.radians(centre) + np.pi) % (2 * np.pi) - np.pi) / math.radians(half_width)
        upwards = np.abs(up - math.radians(height)) / math.radians(half_height)
        edge = np.clip((1 - np.maximum(sideways, upwards)) / 0.18, 0, 1)
        lamp: FloatArray = (edge * edge * (3 - 2 * edge))[..., None] * np.array(colour)
        return lamp

    picture = picture + soft_box(62, 50, 26, 17, [18.0, 16.0, 13.2])  # key: warm, high, to one side
    picture = picture + soft_box(-48, 38, 20, 26, [2.2, 2.9, 4.0])  # fill: cool, from the other side
    picture = picture + soft_box(182, 44, 46, 9, [6.5, 6.2, 6.0])  # rim: a wide low strip across
    light: FloatArray = picture.astype(np.float32)
    return light


def camera_position(turn: float) -> tuple[float, float, float]:
    """Where the camera is at `turn` (0 to 1) of the loop: it swings to and fro, and a little up and down."""
    azimuth = math.radians(5 + 24 * math.sin(2 * math.pi * turn))
    elevation = math.radians(17 + 3 * math.cos(2 * math.pi * turn))
    distance = 6.6
    return (
        distance * math.cos(elevation) * math.cos(azimuth),
        distance * math.cos(elevation) * math.sin(azimuth),
        0.72 + distance * math.sin(elevation),
    )


def describe(folder: Path, turn: float, size: tuple[int, int], samples: int, *, lit: bool = True) -> dict[str, Any]:
    """Describe the scene at `turn` (0 to 1) of the loop to mitsuba, with the files that `folder` holds."""
    import mitsuba

    place = mitsuba.ScalarTransform4f()

    def mesh(name: str, material: dict[str, Any], to_world: Any = None) -> dict[str, Any]:
        shape = {"type": "ply", "filename": str(folder / f"{name}.ply"), "bsdf": material}
        return shape if to_world is None else {**shape, "to_world": to_world}

    def ball(x: float, y: float, z: float, radius: float, material: dict[str, Any]) -> dict[str, Any]:
        return {"type": "sphere", "center": [x, y, z], "radius": radius, "bsdf": material}

    turned_knot = place.translate([0, 0, 1.13]).rotate([0, 0, 1], 35 + 180 * turn).rotate([0, 1, 0], -90)
    tumbled_cube = place.translate([0.18, 1.56, 0.28]).rotate([0, 0, 1], 24 + 90 * turn)
    return {
        "type": "scene",
        "integrator": {"type": "path", "max_depth": 6, "rr_depth": 4},
        "sensor": {
            "type": "perspective",
            "fov": 42,
            "fov_axis": "x",
            "to_world": place.look_at(origin=camera_position(turn), target=[0, 0.05, 0.58], up=[0, 0, 1]),
            "film": {
                "type": "hdrfilm",
                "width": size[0],
                "height": size[1],
                "pixel_format": "rgb",
                "component_format": "float32",
                "rfilter": {"type": "gaussian"},
            },
            "sampler": {"type": "multijitter", "sample_count": samples},
        },
        "light": {
            "type": "envmap",
            "filename": str(folder / "environment.exr"),
            "scale": 1.0 if lit else 0.0,
            "to_world": place.rotate([1, 0, 0], 90),
        },
        "backdrop": mesh("backdrop", _matte(0.66, 0.30, 0.21)),
        "plinth": mesh("plinth", _satin(0.88, 0.80, 0.70)),
        "knot": mesh("knot", _metal("Au", 0.17), turned_knot),
        "step": mesh("step", _matte(0.05, 0.22, 0.25), place.translate([0.45, -1.42, 0])),
        "glass": ball(0.45, -1.42, 0.2 + 0.42, 0.42, {"type": "dielectric", "int_ior": 1.5}),
        "chrome": ball(1.18, -0.58, 0.24, 0.24, _metal("Cr", 0.0)),
        "column": mesh("column", _satin(0.88, 0.80, 0.70), place.translate([-1.25, -1.15, 0])),
        "coral": ball(-1.25, -1.15, 0.95 + 0.3, 0.3, _gloss(0.80, 0.11, 0.07)),
        "navy": ball(-0.85, 1.35, 0.62, 0.62, _gloss(0.02, 0.05, 0.20)),
        "cube": mesh("cube", _satin(0.04, 0.28, 0.31), tumbled_cube),
        "ring": mesh("ring", _gloss(0.80, 0.13, 0.07), place.translate([1.0, 0.96, 0])),
        "pearl": ball(1.0, 0.96, 0.24, 0.19, _gloss(0.86, 0.84, 0.80)),
    }


def _matte(red: float, green: float, blue: float) -> dict[str, Any]:
    return {"type": "diffuse", "reflectance": {"type": "rgb", "value": [red, green, blue]}}


def _gloss(red: float, green: float, blue: float) -> dict[str, Any]:
    return {"type": "plastic", "diffuse_reflectance": {"type": "rgb", "value": [red, green, blue]}, "nonlinear": True}


def _satin(red: float, green: float, blue: float) -> dict[str, Any]:
    return {
        "type": "roughplastic",
        "diffuse_reflectance": {"type": "rgb", "value": [red, green, blue]},
        "alpha": 0.2,
        "nonlinear": True,
    }


def _metal(element: str, roughness: float) -> dict[str, Any]:
    if roughness == 0:
        return {"type": "conductor", "material": element}
    return {"type": "roughconductor", "material": element, "alpha": roughness, "distribution": "ggx"}

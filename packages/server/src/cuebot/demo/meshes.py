"""The shapes of the demo's still life, made from formulas and written as PLY files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles with one smooth normal a vertex."""

    vertices: FloatArray  # (n, 3)
    triangles: NDArray[np.int32]  # (m, 3), indices of vertices, counter-clockwise seen from outside

    def normals(self) -> FloatArray:
        """Return unit normals, each the mean of its triangles' weighted by their area.

        The weight keeps large flat faces flat right up to a narrow bevel.
        """
        corners = self.vertices[self.triangles]
        face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        sums = np.zeros_like(self.vertices)
        for corner in range(3):
            np.add.at(sums, self.triangles[:, corner], face_normals)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        normals: FloatArray = sums / np.where(lengths > 0, lengths, 1)
        return normals


def torus_knot(turns: int, windings: int, radius: float, tube_radius: float, *, steps: int, sides: int) -> Mesh:
    """A tube along a knot that goes `turns` times around the vertical axis and `windings` times through the hole."""
    along = np.linspace(0, 2 * np.pi, steps, endpoint=False)

    def centre_line(angle: FloatArray) -> FloatArray:
        ring = 1 + 0.42 * np.cos(windings * angle)
        points = [ring * np.cos(turns * angle), ring * np.sin(turns * angle), 0.42 * np.sin(windings * angle)]
        return radius * np.stack(points, axis=-1)

    small = 1e-4
    tangents = _unit(centre_line(along + small) - centre_line(along - small))
    bends = centre_line(along + small) - 2 * centre_line(along) + centre_line(along - small)
    binormals = _unit(np.cross(tangents, bends))
    normals = np.cross(binormals, tangents)
    around = np.linspace(0, 2 * np.pi, sides, endpoint=False)[None, :, None]
    offsets = np.cos(around) * normals[:, None, :] - np.sin(around) * binormals[:, None, :]
    return _grid(centre_line(along)[:, None, :] + tube_radius * offsets, closed=(True, True))


def turned(profile: FloatArray, *, segments: int) -> Mesh:
    """A solid of revolution around the vertical axis, as from a lathe.

    `profile` holds (radius, height) pairs, walked so that the outside lies on the right hand.
    """
    angles = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    radius, height = profile[:, 0][:, None], profile[:, 1][:, None]
    points = np.stack(np.broadcast_arrays(radius * np.cos(angles), radius * np.sin(angles), height), axis=-1)
    return _grid(np.swapaxes(points, 0, 1), closed=(True, False))


def plinth_profile(radius: float, height: float, bevel: float) -> FloatArray:
    """The profile of a round plinth that stands on the ground, its upper edge rounded."""
    arc = np.linspace(0, np.pi / 2, 9)
    edge = np.stack([radius - bevel + bevel * np.cos(arc), height - bevel + bevel * np.sin(arc)], axis=-1)
    return np.concatenate([[[radius, 0.0]], edge, [[1e-4, height]]])


def backdrop_profile(floor_radius: float, bend: float, wall_height: float) -> FloatArray:
    """The profile of a studio's seamless backdrop: a floor that bends up into a wall, seen from within."""
    arc = np.linspace(0, np.pi / 2, 17)
    curve = np.stack([floor_radius + bend * np.sin(arc), bend - bend * np.cos(arc)], axis=-1)
    return np.concatenate([[[1e-4, 0.0]], curve, [[floor_radius + bend, wall_height]]])[::-1]


def ring_profile(radius: float, tube_radius: float) -> FloatArray:
    """The profile of a ring (a torus) that lies on the ground."""
    arc = np.linspace(0, 2 * np.pi, 41)
    return np.stack([radius + tube_radius * np.cos(arc), tube_radius + tube_radius * np.sin(arc)], axis=-1)


def rounded_cube(half_edge: float, *, power: float, steps: int) -> Mesh:
    """A cube with soft edges (a superellipsoid) around the origin; the higher `power`, the sharper its edges."""
    across = np.linspace(0, 2 * np.pi, 2 * steps, endpoint=False)
    up = np.linspace(-np.pi / 2 + 1e-3, np.pi / 2 - 1e-3, steps)
    longitude, latitude = np.meshgrid(across, up, indexing="ij")
    directions = np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=-1
    )
    reach = (np.abs(directions) ** power).sum(axis=-1, keepdims=True) ** (-1 / power)
    return _grid(half_edge * reach * directions, closed=(True, False))


def write_ply(mesh: Mesh, path: Path) -> None:
    """Write the mesh with its normals as a binary PLY file."""
    vertices = np.concatenate([mesh.vertices, mesh.normals()], axis=1).astype("<f4")
    faces = np.empty(len(mesh.triangles), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, mesh.triangles
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(vertices)}",
        *(f"property float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
        "",
    ]
    path.write_bytes("\n".join(header).encode("ascii") + vertices.tobytes() + faces.tobytes())


def _grid(points: FloatArray, *, closed: tuple[bool, bool]) -> Mesh:
    """Join a grid of points (rows, columns, 3) by triangles; `closed` joins the last row or column to the first."""
    rows, columns = points.shape[:2]
    row = np.arange(rows if closed[0] else rows - 1)[:, None]
    column = np.arange(columns if closed[1] else columns - 1)[None, :]
    here, below = row * columns, (row + 1) % rows * columns
    right = (column + 1) % columns
    corner, corner_below = here + column, below + column
    corner_right, corner_across = here + right, below + right
    triangles = np.stack([corner, corner_below, corner_across, corner, corner_across, corner_right], axis=-1).reshape(
        -1, 3
    )
    return Mesh(points.reshape(-1, 3).astype(np.float64), triangles.astype(np.int32))


def _unit(vectors: FloatArray) -> FloatArray:
    """Scale vectors to length one."""
    unit: FloatArray = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit

"""The shapes are closed, face outwards, and arrive in their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cuebot.demo import meshes, scene


def volume(mesh: meshes.Mesh) -> float:
    """The signed volume inside a closed mesh; negative if its triangles face inwards."""
    corners = mesh.vertices[mesh.triangles]
    return float(np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6)


@pytest.mark.parametrize(
    ("mesh", "expected"),
    [
        (meshes.turned(meshes.plinth_profile(1.0, 0.5, 0.01), segments=128), np.pi * 0.5),
        (meshes.turned(meshes.ring_profile(1.0, 0.2), segments=128), 2 * np.pi**2 * 0.2**2),
        (meshes.rounded_cube(0.5, power=40, steps=80), 1.0),
    ],
    ids=["plinth", "ring", "cube"],
)
def test_solids_enclose_their_volume(mesh: meshes.Mesh, expected: float) -> None:
    """A solid's triangles face outwards and enclose the volume that its formula has."""
    assert volume(mesh) == pytest.approx(expected, rel=0.03)


def test_knot_is_a_closed_tube() -> None:
    """Every edge of the knot belongs to two triangles, in opposite directions."""
    triangles = meshes.torus_knot(2, 3, 1.0, 0.2, steps=60, sides=8).triangles
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    assert {tuple(edge) for edge in edges} == {tuple(edge[::-1]) for edge in edges}
    assert len({tuple(edge) for edge in edges}) == len(edges)


def test_knot_faces_outwards() -> None:
    """The knot's tube encloses a positive volume."""
    assert volume(meshes.torus_knot(2, 3, 1.0, 0.2, steps=200, sides=16)) > 0


def test_ply_holds_every_vertex_and_triangle(tmp_path: Path) -> None:
    """A PLY file has the announced number of vertices with unit normals, and of faces."""
    mesh = meshes.rounded_cube(0.5, power=8, steps=10)
    path = tmp_path / "cube.ply"
    meshes.write_ply(mesh, path)
    header, body = path.read_bytes().split(b"end_header\n", 1)
    assert f"element vertex {len(mesh.vertices)}".encode() in header
    assert f"element face {len(mesh.triangles)}".encode() in header
    vertices = np.frombuffer(body[: len(mesh.vertices) * 24], dtype="<f4").reshape(-1, 6)
    assert np.allclose(np.linalg.norm(vertices[:, 3:], axis=1), 1, atol=1e-4)
    assert len(body) == len(vertices) * 24 + len(mesh.triangles) * 13


def test_camera_path_is_a_loop() -> None:
    """The camera ends where it began, so that the movie repeats without a jump."""
    assert scene.camera_position(1.0) == pytest.approx(scene.camera_position(0.0))


def test_environment_lights_every_direction() -> None:
    """The panorama is finite and nowhere black, and its lamps outshine its sky."""
    picture = scene.environment((64, 32))
    assert np.isfinite(picture).all()
    assert picture.min() > 0
    assert picture.max() > 20 * np.median(picture)

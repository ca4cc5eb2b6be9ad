"""A tiny shot whose steps take a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cuebot.demo.frames import Shot
from cuebot.demo.render import write_exr


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    """Two frames of 64 by 36 pixels; the second is the one to break where a test asks for it."""
    return Shot(show="testing", shot="tiny", frames=(1, 2), width=64, height=36, samples=2, output=tmp_path / "out")


@pytest.fixture
def write_beauty(shot: Shot) -> Callable[..., np.ndarray]:
    """A function that writes a made-up render of a frame, brighter towards the right, and returns its pixels."""

    def write(frame: int, *, light: float = 0.4, size: tuple[int, int] = (64, 36)) -> np.ndarray:
        picture = np.full((size[1], size[0], 3), light, dtype=np.float32) * np.linspace(0.5, 1, size[0])[None, :, None]
        write_exr(picture, shot.beauty(frame), {"cuefarm:render_seconds": 1.5})
        return picture

    return write

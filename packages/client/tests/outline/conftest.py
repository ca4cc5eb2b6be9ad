"""What every test of outline gets: a session folder of its own, and no current outline."""

from __future__ import annotations

import pathlib
import sys
from typing import Iterator

import pytest

import outline
from outline.definition import Outline


@pytest.fixture(autouse=True)
def session_dir(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    """Keep sessions below tmp_path, and undo what launches do to the process."""
    folder = tmp_path / "sessions"
    before = outline.config.get("outline", "session_dir")
    outline.config.set("outline", "session_dir", str(folder))
    for variable in ("SHOW", "SHOT", "USER"):
        monkeypatch.setenv(variable, {"SHOW": "testing", "SHOT": "default", "USER": "tester"}[variable])
    for variable in ("FR", "RENDER_TO", "FACILITY", "OL_OS", "OL_TAG_OVERRIDE", "USERDOMAIN", "OL_VERSION"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OUTLINE_OUTLINE_SESSION_DIR", str(folder))  # for processes that tests start
    source = str(pathlib.Path(outline.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", source)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Outline.current = None
    yield folder
    Outline.current = None
    outline.config.set("outline", "session_dir", before)

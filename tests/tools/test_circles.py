"""`python -m tools.circles`: what `make check` says of imports that lead back to where they began."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.circles import find_circle, main


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of two modules, of which the first imports the second."""
    folder = tmp_path / "two_modules"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "job.py").write_text("from two_modules import layer\n")
    (folder / "layer.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_an_import_inside_a_function_closes_a_circle_too(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is found, and told in the order of the imports."""
    (package / "layer.py").write_text("def parent():\n    from two_modules.job import Job\n")
    assert main(["two_modules"]) == 1
    told = capsys.readouterr().err
    assert "two_modules.job imports two_modules.layer" in told
    assert "two_modules.layer imports two_modules.job" in told


def test_annotations_alone_make_no_circle(package: Path) -> None:
    """They load nothing."""
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from two_modules.job import Job\n"
    (package / "layer.py").write_text(text)
    assert find_circle(["two_modules"]) == []

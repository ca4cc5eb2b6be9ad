"""`make release VERSION=...`: every place that states the version, and the changelog."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

import pytest
from tools.release import PLACES, CannotRelease, set_version

ROOT = Path(__file__).resolve().parents[2]
DAY = datetime.date(2027, 1, 2)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the files that state a version."""
    for name in (*PLACES, "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_a_release_has_its_version_in_every_place(tree: Path) -> None:
    """No place keeps the old one, and a second call finds nothing to change but the empty changelog."""
    old = (ROOT / "packages/server/src/cuebot/__init__.py").read_text().split('"')[-2]
    assert set(set_version(tree, "9.8.7", DAY)) == {*PLACES, "CHANGELOG.md"}
    for name, patterns in PLACES.items():
        text = (tree / name).read_text()
        assert text.count("9.8.7") == len(patterns), name
        assert f'"{old}"' not in text, name


def test_what_was_unreleased_gets_a_head(tree: Path) -> None:
    """With the day, under an unreleased part that is empty again; a release that brings nothing is refused."""
    set_version(tree, "9.8.7", DAY)
    assert "## Unreleased\n\n## 9.8.7 (2027-01-02)\n\n" in (tree / "CHANGELOG.md").read_text()
    with pytest.raises(CannotRelease, match=r"what is new in 9\.8\.8"):
        set_version(tree, "9.8.8", DAY)


@pytest.mark.parametrize("version", ["9.8", "v9.8.7", "9.8.7-beta", ""])
def test_what_is_no_version_changes_nothing(tree: Path, version: str) -> None:
    """It is refused before the first file is written."""
    before = {name: (tree / name).read_text() for name in PLACES}
    with pytest.raises(CannotRelease, match="is no version"):
        set_version(tree, version, DAY)
    assert before == {name: (tree / name).read_text() for name in PLACES}


def test_a_place_that_lost_its_version_is_named(tree: Path) -> None:
    """And nothing is changed: half a release is none."""
    broken = tree / "packages/agent/src/rqd/__init__.py"
    broken.write_text("")
    with pytest.raises(CannotRelease, match=r"rqd/__init__.py: .* stands there 0 times"):
        set_version(tree, "9.8.7", DAY)
    assert "9.8.7" not in (tree / "packages/client/pyproject.toml").read_text()

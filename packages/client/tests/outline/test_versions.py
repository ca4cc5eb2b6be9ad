"""Modules in versions, from a repository."""

from __future__ import annotations

import importlib
import os
import pathlib
import sys
from typing import Iterator

import pytest

from outline import versions


@pytest.fixture
def repository(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    """Two versions of a module with a part of its own, and one of a thing that is run."""
    for version in ("1.0", "2.0"):
        folder = tmp_path / "studio_tools" / version
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(f"VERSION = {version!r}\n")
        (folder / "part.py").write_text("from studio_tools import VERSION\nSAID = 'part ' + VERSION\n")
    (tmp_path / "renderer" / "latest").mkdir(parents=True)
    (tmp_path / "renderer" / "latest" / "manifest.py").write_text("import os\nos.environ['RENDERER'] = 'here'\n")
    monkeypatch.setattr(versions, "_session", versions._Session())
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setenv("RENDERER", "")
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("studio_tools")]:
        del sys.modules[name]


def test_a_required_version_is_what_is_imported(repository: pathlib.Path) -> None:
    """The module and its parts come from the version's folder; another version cannot be had beside it."""
    assert versions.set_repos(str(repository))
    assert not versions.set_repos(str(repository))
    assert versions.require("studio_tools", "1.0")
    assert not versions.require("studio_tools", "1.0")
    assert importlib.import_module("studio_tools.part").SAID == "part 1.0"
    assert (versions.get_version("studio_tools"), versions.get_version("other")) == ("1.0", "latest")
    with pytest.raises(versions.VersionsException, match=r"required in version 1\.0 already"):
        versions.require("studio_tools", "2.0")


def test_a_requirement_can_be_taken_back(repository: pathlib.Path) -> None:
    """After unrequire another version is imported, and nothing of the first is left."""
    versions.set_module_repos("studio_tools", str(repository))
    versions.require("studio_tools", "1.0")
    importlib.import_module("studio_tools.part")
    assert versions.unrequire("studio_tools")
    assert not versions.unrequire("studio_tools")
    versions.require("studio_tools", "2.0")
    assert importlib.import_module("studio_tools.part").SAID == "part 2.0"


def test_a_manifest_is_run(repository: pathlib.Path) -> None:
    """A version that is no package has a manifest, which may set variables."""
    versions.set_repos(str(repository))
    assert versions.require("renderer")
    assert os.environ["RENDERER"] == "here"


def test_what_is_not_there_is_named(repository: pathlib.Path) -> None:
    """No repository, no such version, and a module that was imported before."""
    with pytest.raises(versions.VersionsException, match="call set_repos"):
        versions.require("studio_tools")
    with pytest.raises(versions.VersionsException, match="is no folder"):
        versions.set_repos(str(repository / "none"))
    versions.set_repos(str(repository))
    with pytest.raises(versions.VersionsException, match=r"no version 3 of studio_tools; it has 1\.0, 2\.0"):
        versions.require("studio_tools", "3")
    with pytest.raises(versions.VersionsException, match="is no name of a module"):
        versions.require("studio_tools", "../2.0")

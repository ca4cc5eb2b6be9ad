"""The three wheels, built from the tree: what is in them, and what they say of themselves."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path, PurePosixPath

import pytest

pytest.importorskip("hatchling", reason="the build backend hatchling is not installed (requirements-dev.txt)")

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"client": "cuefarm-client", "agent": "cuefarm-agent", "server": "cuefarm"}
TYPED = {
    "agent": ["rqd"],
    "server": ["cuebot"],
    "client": ["opencue", "outline", "FileSequence", "cue_cli", "cuefarm_proto"],
}
WHEEL_BYTES_MAX = 1_000_000
KINDS = {".py", ".pyi", ".proto", ".c", ".h", ".cfg", ".mako", ".yaml", ".typed", ".md", ""}
"""What the packages are made of; anything else got in by mistake, or needs a line here."""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, zipfile.ZipFile]:
    """The wheels by package, built without an index."""
    folder = tmp_path_factory.mktemp("dist")
    found = {}
    for package in PACKAGES:
        target = folder / package
        build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run(
            [sys.executable, "-c", build, str(target)],
            cwd=ROOT / "packages" / package,
            env=environment,
            check=True,
            timeout=60,
            capture_output=True,
        )
        (wheel,) = target.glob("*.whl")
        found[package] = zipfile.ZipFile(wheel)
    return found


def names(wheel: zipfile.ZipFile) -> list[PurePosixPath]:
    return [PurePosixPath(name) for name in wheel.namelist()]


def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(wheel.read(name).decode())


@pytest.mark.parametrize("package", PACKAGES)
def test_wheel_says_what_it_is(wheels: dict[str, zipfile.ZipFile], package: str) -> None:
    """A wheel has its name, its licence with the licence's text, and its README as the long description."""
    said = metadata(wheels[package])
    assert said["Name"] == PACKAGES[package]
    assert said["License-Expression"] == "Apache-2.0"
    assert said["License-File"] == "LICENSE"
    (licence,) = [name for name in wheels[package].namelist() if name.endswith("licenses/LICENSE")]
    assert wheels[package].read(licence) == (ROOT / "LICENSE").read_bytes()
    assert said["Description-Content-Type"] == "text/markdown"
    assert said.get_payload().strip() == (ROOT / "packages" / package / "README.md").read_text().strip()
    assert len(said.get_payload()) > 500


@pytest.mark.parametrize("package", PACKAGES)
def test_wheel_holds_the_package_and_nothing_else(wheels: dict[str, zipfile.ZipFile], package: str) -> None:
    """A wheel has no tests, no bytecode and no files of a kind that does not belong, and is small."""
    inside = [name for name in names(wheels[package]) if ".dist-info" not in str(name)]
    assert not [name for name in inside if {"tests", "fixtures", "__pycache__"} & set(name.parts)]
    assert {name.suffix for name in inside} <= KINDS
    packed = sum(entry.compress_size for entry in wheels[package].infolist())
    assert packed < WHEEL_BYTES_MAX
    for typed in TYPED[package]:
        assert PurePosixPath(typed, "py.typed") in inside


@pytest.mark.parametrize("package", PACKAGES)
def test_wheel_has_what_is_tracked(wheels: dict[str, zipfile.ZipFile], package: str) -> None:
    """Every file under the package's `src` is in its wheel, data files too."""
    source = ROOT / "packages" / package / "src"
    skipped = ("__pycache__", ".egg-info")
    files = [path for path in source.rglob("*") if path.is_file() and not any(word in str(path) for word in skipped)]
    missing = {str(path.relative_to(source)) for path in files} - set(wheels[package].namelist())
    assert not missing


def test_wheels_ask_for_one_another_in_one_version(wheels: dict[str, zipfile.ZipFile]) -> None:
    """Server and agent require the other distributions in exactly their own version."""
    versions = {metadata(wheel)["Version"] for wheel in wheels.values()}
    assert len(versions) == 1
    (version,) = versions
    for package, wanted in (("agent", ["cuefarm-client"]), ("server", ["cuefarm-client", "cuefarm-agent"])):
        required = metadata(wheels[package]).get_all("Requires-Dist", [])
        for name in wanted:
            assert f"{name}=={version}" in required

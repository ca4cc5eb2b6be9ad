"""The workspace itself: one version, targets that exist, files that a newcomer looks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def project(name: str) -> dict[str, object]:
    """The [project] table of a distribution."""
    return dict(tomllib.loads((ROOT / "packages" / name / "pyproject.toml").read_text())["project"])


def test_one_version() -> None:
    """The three distributions and the code carry one version, and the server asks for exactly that of the others."""
    from cuebot import __version__

    versions = {project(name)["version"] for name in ("client", "agent", "server")}
    assert versions == {__version__}
    dependencies = project("server")["dependencies"]
    assert f"cuefarm-client=={__version__}" in dependencies
    assert f"cuefarm-agent=={__version__}" in dependencies


def test_readme_commands_are_targets() -> None:
    """Every `make` command in the README and in CONTRIBUTING is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set()
    for page in ("README.md", "CONTRIBUTING.md"):
        named |= set(re.findall(r"^make ([a-z]+)", (ROOT / page).read_text(), re.MULTILINE))
    assert named
    assert named <= targets


def test_links_lead_somewhere() -> None:
    """Every relative link in the documentation leads to a file."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    broken = []
    for page in pages:
        targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
        broken += [f"{page.relative_to(ROOT)}: {t}" for t in targets if not (page.parent / t).exists()]
    assert not broken


def test_adrs_are_listed() -> None:
    """Every decision is listed in docs/adr/README.md."""
    index = (ROOT / "docs" / "adr" / "README.md").read_text()
    for page in (ROOT / "docs" / "adr").glob("0*.md"):
        assert page.name in index

"""`make release VERSION=1.2.3`: one version in every place that states it, and a head for it in the changelog.

It changes files and nothing else; what follows (commit, tag, wheels) is said, and written in DEVELOPMENT.md.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACES = {
    "packages/client/pyproject.toml": [r'^version = "(.*)"$'],
    "packages/agent/pyproject.toml": [r'^version = "(.*)"$', r'"cuefarm-client==(.*)"'],
    "packages/server/pyproject.toml": [r'^version = "(.*)"$', r'"cuefarm-client==(.*)"', r'"cuefarm-agent==(.*)"'],
    "packages/agent/src/rqd/__init__.py": [r'^__version__ = "(.*)"$'],
    "packages/server/src/cuebot/__init__.py": [r'^__version__ = "(.*)"$'],
}
"""Where our own version stands. (`opencue.__version__` is the interface's, and not ours.)"""
UNRELEASED = "## Unreleased\n"
VERSION = re.compile(r"\d+\.\d+\.\d+(?:rc\d+)?")


class CannotRelease(Exception):
    """The tree is not as a release needs it."""


def set_version(root: Path, version: str, day: datetime.date) -> list[str]:
    """Write the version everywhere. Returns the files that changed. Raises CannotRelease, with nothing changed."""
    if VERSION.fullmatch(version) is None:
        raise CannotRelease(f"{version!r} is no version such as 1.2.3 or 1.2.3rc1")
    texts = {name: _with_version(root / name, patterns, version) for name, patterns in PLACES.items()}
    texts["CHANGELOG.md"] = _with_head(root / "CHANGELOG.md", version, day)
    changed = [name for name, text in texts.items() if text != (root / name).read_text()]
    for name in changed:
        (root / name).write_text(texts[name])
    return changed


def _with_version(path: Path, patterns: Sequence[str], version: str) -> str:
    text = path.read_text()
    for pattern in patterns:
        found = re.findall(pattern, text, re.MULTILINE)
        if len(found) != 1:
            raise CannotRelease(f"{path}: {pattern} stands there {len(found)} times, not once")

        def with_version(match: re.Match[str]) -> str:
            return match[0].replace(match[1], version)

        text = re.sub(pattern, with_version, text, flags=re.MULTILINE)
    return text


def _with_head(path: Path, version: str, day: datetime.date) -> str:
    text = path.read_text()
    head = f"## {version} ({day.isoformat()})\n"
    before, unreleased, after = text.partition(UNRELEASED)
    if not unreleased or not after.partition("\n## ")[0].strip():
        raise CannotRelease(f"{path} says nothing under {UNRELEASED.strip()!r}: what is new in {version}?")
    return f"{before}{UNRELEASED}\n{head}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Change the files and say what is next. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="make release", description=__doc__.partition("\n")[0])
    parser.add_argument("version", help="such as 1.2.3")
    options = parser.parse_args(arguments)
    try:
        changed = set_version(ROOT, options.version, datetime.date.today())
    except CannotRelease as error:
        print(f"make release: {error}", file=sys.stderr)
        return 1
    print("changed: " + ", ".join(changed))
    print(f"next: make check test proof; git commit -am 'Release {options.version}'")
    print(f"      git tag v{options.version}; make wheels")
    return 0


if __name__ == "__main__":
    sys.exit(main())

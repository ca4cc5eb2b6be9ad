"""The tutorial and the examples do what they say, through the local backend."""

from __future__ import annotations

import os
import pathlib
import re
import struct
import subprocess
import sys
from typing import Iterator, List, Tuple

import pytest

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[4]
TUTORIAL = ROOT / "docs" / "tutorial" / "first-outline.md"
EXAMPLES = ROOT / "examples"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> Iterator[Tuple[str, str]]:
    """Yield kind and text of each code block of the tutorial."""
    for match in _BLOCK.finditer(TUTORIAL.read_text(encoding="utf-8")):
        yield match[1], match[2]


@pytest.fixture
def tools(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Put `pycuerun` and `python` of this interpreter on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, arguments in (("python", ""), ("pycuerun", "-m cue_cli.pycuerun")):
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), os.environ["PATH"]]))
    return folder


def test_the_tutorial_does_what_it_says(tools: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Each file of the tutorial is written, each command run, and each line of output that it shows is printed."""
    commands: List[str] = []
    for kind, text in blocks():
        if kind == "python":
            (tmp_path / text.split("\n", 1)[0].lstrip("# ")).write_text(text)
            continue
        command, *expected = text.rstrip("\n").split("\n")
        assert command.startswith("$ ")
        result = subprocess.run(
            ["sh", "-c", command[2:]], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )
        assert result.returncode == 0, result.stderr
        assert [line for line in expected if line not in result.stdout.splitlines()] == []
        commands.append(command)
    assert len(commands) == 5


@pytest.mark.parametrize(
    "command", ["pycuerun {}/turntable.outline 1-4 --backend local", "python {}/turntable.py 1-4 local"]
)
def test_the_turntable_draws_its_pictures(
    command: str, tools: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both forms of the example end with four pictures and a contact sheet of the right size."""
    monkeypatch.setenv("TURNTABLE_FOLDER", str(tmp_path / "pictures"))
    subprocess.run(command.format(EXAMPLES).split(), cwd=tmp_path, check=True, timeout=60, stdout=subprocess.DEVNULL)
    names = sorted(path.name for path in (tmp_path / "pictures").glob("*.png"))
    assert names == ["contact_sheet.png", *(f"turntable.{frame:04d}.png" for frame in range(1, 5))]
    sheet = (tmp_path / "pictures" / "contact_sheet.png").read_bytes()
    assert struct.unpack(">II", sheet[16:24]) == (4 * 128, 96)

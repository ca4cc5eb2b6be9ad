"""The page on outline says what is true: its examples launch, and its table has every argument."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

import outline
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.spec import parse_spec
from outline import cuerun
from outline.command_line import TOKENS, token_values
from outline.names import JOB_NAME_BYTES

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "outline.md").read_text(encoding="utf-8")
SOURCES = Path(outline.__file__).parent
NOT_OF_LAYERS = {"localbook", "proxy_enable"}


def examples() -> list[str]:
    """The Python blocks of the page."""
    return re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", examples())
def test_each_example_becomes_a_job_that_the_farm_takes(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An example is complete, and the specification made of it is accepted without a warning."""
    monkeypatch.setenv("USER", "ann")
    monkeypatch.setenv("OUTLINE_OUTLINE_SESSION_DIR", str(tmp_path))
    monkeypatch.setitem(outline.config["outline"], "session_dir", str(tmp_path / "sessions"))
    monkeypatch.setattr(outline.Outline, "current", None)
    (tmp_path / "example.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "example", raising=False)
    example = importlib.import_module("example")
    text = cuerun.OutlineLauncher(example.ol, backend="cue").serialize()
    assert parse_spec(text).warnings == ()


def test_the_table_has_every_argument_that_outline_reads() -> None:
    """What the package reads of a layer's arguments stands in the table."""
    read: set[str] = set()
    for source in SOURCES.rglob("*.py"):
        read |= set(re.findall(r'(?:get_arg|is_arg_set|_whole\(layer,)\(?\s?"([a-z_]+)"', source.read_text()))
    described = set(re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| ([^|]+) \|", PAGE, re.MULTILINE))))
    assert read - NOT_OF_LAYERS - described == set()


def test_the_table_has_every_token() -> None:
    """All tokens are named, with what they become."""
    for token, value in token_values([7], "render", "testing-sh010-ann_turntable").items():
        assert token in TOKENS
        assert f"`{token}`" in PAGE
        assert f"`{value}`" in PAGE


def test_the_longest_names_are_told() -> None:
    """The page has the numbers that the check has."""
    assert f"more than {JOB_NAME_BYTES} bytes" in PAGE


def test_the_most_frames_are_told() -> None:
    """The page has the numbers that the server has."""
    assert DEFAULT_BOUNDS.frames_per_range == 1_000_000
    assert "at most a\nmillion frames" in PAGE
    assert f"a specification has {DEFAULT_BOUNDS.frames_per_spec:,} at most" in PAGE

"""How much each part of the server says, chosen by its name."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cuebot
from cuebot.app.cli import main
from cuebot.app.exit_status import PERSON_MUST_MEND
from cuebot.app.log_levels import LOGS, log_levels

SAY = (
    "import structlog, sys; from cuebot.app.logs import configure; from cuebot.app.log_levels import log_levels\n"
    "configure(log_levels(sys.argv[1]))\n"
    "for name in ('engine', 'wire', 'hosts'):\n"
    "    for level in ('debug', 'info', 'warning'): getattr(structlog.get_logger(name), level)('said')\n"
)


def said(levels: str) -> list[tuple[str, str]]:
    """Which parts say what, of three that say something at each of three levels."""
    done = subprocess.run([sys.executable, "-c", SAY, levels], capture_output=True, text=True, check=True, timeout=60)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    return [(line["logger"], line["level"]) for line in lines]


def test_one_part_says_more_and_another_less_than_the_rest() -> None:
    """The general level holds for those that are not named."""
    assert said("warning,engine=debug,hosts=error") == [
        ("engine", "debug"),
        ("engine", "info"),
        ("engine", "warning"),
        ("wire", "warning"),
    ]


def test_a_level_alone_is_everybodys() -> None:
    """As it was before parts could be named."""
    levels = log_levels("error")
    assert {levels.of(name) for name in LOGS} == {"error"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("chatty", "'chatty' is no level; there are debug, info, warning, error"),
        ("engin=debug", "'engin' is no part (did you mean engine?)"),
        ("wire=", "'' is no level"),
    ],
)
def test_what_is_no_level_is_refused_with_those_that_are(text: str, words: str) -> None:
    """A slip of the hand is named, with the nearest part."""
    with pytest.raises(argparse.ArgumentTypeError, match=re.escape(words)):
        log_levels(text)


def test_the_variable_is_read_like_the_flag(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong CUEFARM_LOG_LEVEL is refused before anything starts."""
    monkeypatch.setenv("CUEFARM_LOG_LEVEL", "debgu")
    assert main(["up"]) == PERSON_MUST_MEND
    error = capsys.readouterr().err
    assert "CUEFARM_LOG_LEVEL" in error
    assert "'debgu' is no level (did you mean debug?)" in error


def test_every_log_has_a_line_in_the_table() -> None:
    """A part whose name is not listed could not be chosen; a listed one that nobody uses would do nothing."""
    source = Path(cuebot.__file__).parent
    used = {
        name
        for path in source.rglob("*.py")
        for name in re.findall(r'structlog\.get_logger\("(\w*)"\)', path.read_text())
    }
    assert used | {"rqd"} == set(LOGS)

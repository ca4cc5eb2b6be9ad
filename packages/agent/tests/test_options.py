"""What `rqd` is given on its command line."""

from __future__ import annotations

import sys

import pytest

from rqd import options
from rqd.__main__ import main


@pytest.mark.parametrize(
    "words",
    [
        ["--server", "nowhere"],
        ["--port", "70000"],
        ["--lease-seconds", "-1"],
        ["--server", "a:1", "--server-file", "f"],
    ],
)
def test_options_that_make_no_sense_end_with_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the option, and the status is 2."""
    with pytest.raises(SystemExit) as ending:
        options.parse(words)
    assert ending.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_a_spool_in_no_home_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A user without account and home, as in a container, is told what to give; no folder called ~ is made."""
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(SystemExit):
        options.parse(["--token-file", "/t", "--spool", "~/spool"])
    assert "--spool: ~/spool names no home folder here; give the folder itself, or set HOME" in capsys.readouterr().err


def test_another_operating_system_gets_a_clear_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The agent says that it runs on Linux only, and what can stand there instead."""
    monkeypatch.setattr(sys, "platform", "win32")
    assert main(["--token-file", "/t", "--run-as-root"]) == 1
    assert "does not run frames on win32 yet" in capsys.readouterr().err

"""An agent does not start where strangers could give it orders, or frames would be root unasked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rqd import options


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable says anything, and the agent is some user's."""
    monkeypatch.delenv("RQD_RUN_AS_ROOT", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What `rqd` says when it ends at once."""
    with pytest.raises(SystemExit) as ended:
        options.parse(["--spool", "/tmp/spool", *words])
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_without_a_token_it_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever may call an agent may run commands as its user."""
    assert "cuefarm token" in refusal(capsys)


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.2"])
def test_without_a_token_it_may_listen_on_loopback(address: str) -> None:
    """--no-token is an answer there, for an agent that is not root."""
    assert options.parse(["--no-token", "--bind", address]).token_file is None


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.4", "render01"])
def test_without_a_token_it_listens_nowhere_else(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On a network it wants the token whatever is said."""
    assert "loopback only" in refusal(capsys, "--no-token", "--bind", address)


def test_a_token_and_none_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    """One of the two is meant."""
    assert "not both" in refusal(capsys, "--no-token", "--token-file", "/t")


def test_root_needs_a_token_also_on_loopback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise any user of the machine would be root by it."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "would be root" in refusal(capsys, "--no-token", "--run-as-root")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an agent as root")
def test_root_that_says_nothing_is_refused_with_the_ways_out(tmp_path: Path) -> None:
    """Its status is 78, which tells a service manager that another start would end in the same way."""
    words = [sys.executable, "-m", "rqd", "--spool", str(tmp_path / "spool"), "--token-file", str(tmp_path / "token")]
    environment = {name: value for name, value in os.environ.items() if name != "RQD_RUN_AS_ROOT"}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 78
    for way_out in ("--become-job-user", "--run-as-root", "RQD_RUN_AS_ROOT=1"):
        assert way_out in ended.stderr
    assert not (tmp_path / "spool").exists()


def test_root_says_whose_rights_frames_get(monkeypatch: pytest.MonkeyPatch) -> None:
    """That frames are root is meant where an option says so, or a variable in a container."""
    given = options.parse(["--token-file", "/t"])
    assert not options.root_unsaid(given)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert options.root_unsaid(given)
    for words in (["--become-job-user"], ["--run-as-root"]):
        assert not options.root_unsaid(options.parse(["--token-file", "/t", *words]))
    monkeypatch.setenv("RQD_RUN_AS_ROOT", "1")
    assert not options.root_unsaid(given)

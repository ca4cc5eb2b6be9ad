"""Calls carry the token that a file holds, and files that hold none are told by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from opencue import running_farms
from opencue.exception import CueException
from opencue.token import Token, token_for

ADDRESS = "127.0.0.1:5"


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable names a file, and no farm of anybody's is found."""
    monkeypatch.delenv("CUEFARM_TOKEN_FILE", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def written(path: Path, text: str = "the token\n") -> str:
    """A token file."""
    path.write_text(text)
    return str(path)


def test_without_a_file_there_is_no_token() -> None:
    """A call then goes without, and the server decides."""
    assert token_for(ADDRESS, {}) is None


def test_the_variable_comes_before_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CUEFARM_TOKEN_FILE wins over cuebot.token_file."""
    config = {"cuebot.token_file": written(tmp_path / "configured", "one")}
    assert token_for(ADDRESS, config) == Token("one", os.geteuid())
    monkeypatch.setenv("CUEFARM_TOKEN_FILE", written(tmp_path / "named", "two"))
    assert token_for(ADDRESS, config) == Token("two", os.geteuid())


def test_the_token_of_a_farm_of_this_user_is_found_by_its_address(tmp_path: Path) -> None:
    """A farm that runs here says where its token lies; it is sent to that address alone."""
    with running_farms.announced(ADDRESS, "/a/folder", written(tmp_path / "token")):
        assert token_for(ADDRESS, {}) == Token("the token", os.geteuid())
        assert token_for("127.0.0.1:6", {}) is None


@pytest.mark.parametrize("text", ["", "\n", "two\nlines", "tökén"])
def test_a_file_without_a_token_is_told_by_name(text: str, tmp_path: Path) -> None:
    """The message names the file and who named it."""
    path = written(tmp_path / "named", text)
    with pytest.raises(CueException, match=r"named, named by cuebot\.token_file, must hold one line"):
        token_for(ADDRESS, {"cuebot.token_file": path})


def test_a_file_that_is_not_there_is_told_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what is wrong with it."""
    monkeypatch.setenv("CUEFARM_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(CueException, match="named by CUEFARM_TOKEN_FILE, cannot be read: No such file"):
        token_for(ADDRESS, {})

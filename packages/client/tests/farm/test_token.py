"""Calls carry the token that a file holds, and files that hold none are told by name."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import grpc
import pytest

import opencue
from opencue import listeners, running_farms
from opencue.exception import CueException, RefusedException
from opencue.token import token_for

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


def text(config: dict[str, str]) -> str | None:
    """The token that calls carry."""
    token = token_for(ADDRESS, config)
    return token and token.text


def test_without_a_file_there_is_no_token() -> None:
    """A call then goes without, and the server decides."""
    assert token_for(ADDRESS, {}) is None


def test_the_variable_comes_before_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CUEFARM_TOKEN_FILE wins over cuebot.token_file."""
    config = {"cuebot.token_file": written(tmp_path / "configured", "one")}
    assert text(config) == "one"
    monkeypatch.setenv("CUEFARM_TOKEN_FILE", written(tmp_path / "named", "two"))
    assert text(config) == "two"


def test_the_token_of_a_farm_of_this_user_is_found_by_its_address(tmp_path: Path) -> None:
    """A farm that runs here says where its token lies; it is sent to that address alone."""
    with running_farms.announced(ADDRESS, "/a/folder", written(tmp_path / "token")):
        assert text({}) == "the token"
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


# --- tokens that the server refuses


def test_a_token_that_was_only_guessed_locks_nobody_out(farm: Any, tmp_path: Path) -> None:
    """The farm's file has another token than the server: its own user, who needs none, goes without."""
    farm.token = "the old one"
    with running_farms.announced(farm.address, "/a/folder", written(tmp_path / "token", "the new one")):
        opencue.api.getJobs()
        farm.lets_in_without_token = False
        with pytest.raises(RefusedException, match=f"at {farm.address} refuses this client: "):
            opencue.api.getJobs()


def test_a_wrong_token_is_told_by_its_file(farm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever named a file reads which one, who named it, and where it does not fit; nothing is sent without it."""
    farm.token = "another"
    path = written(tmp_path / "named")
    monkeypatch.setenv("CUEFARM_TOKEN_FILE", path)
    words = f"the token in {path} (CUEFARM_TOKEN_FILE) is not that of {farm.address}. Put a copy of the token file"
    with pytest.raises(RefusedException) as first:
        opencue.api.getJobs()
    farm.token = None
    opencue.api.getJobs()
    farm.token = "another"
    with pytest.raises(RefusedException) as later:
        opencue.api.getJobs()
    for refused in (first.value, later.value):
        assert words in str(refused)
        assert refused.code() is grpc.StatusCode.UNAUTHENTICATED
    assert all(call.metadata["cuefarm-token"] == "the token" for call in farm.calls)


def test_a_client_takes_up_a_token_that_was_changed(farm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has another token since this client began, and so has its file: the call is made with that."""
    farm.token = "the token"
    path = tmp_path / "named"
    monkeypatch.setenv("CUEFARM_TOKEN_FILE", written(path))
    opencue.api.getJobs()
    farm.token = "the new one"
    written(path, "the new one")
    opencue.api.getJobs()
    assert [call.metadata["cuefarm-token"] for call in farm.calls[-2:]] == ["the token", "the new one"]


def test_where_a_system_lists_no_sockets_nobody_is_a_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """An artist's Windows has neither the kernel's tables nor numbers of users, and the token is sent all the same."""
    monkeypatch.delattr(socket, "AF_NETLINK")
    monkeypatch.delattr(os, "geteuid")
    assert listeners.strangers_at("localhost:5") == set()
    assert listeners.strangers_at("farm.example:8443") == set()

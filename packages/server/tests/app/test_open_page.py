"""`cuefarm open` finds the farm, asks it for a link, and prints or opens it."""

from __future__ import annotations

import json
import threading
import webbrowser
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from cuebot.app import open_page
from opencue import running_farms
from opencue.running_farms import RunningFarm

TOKEN = "the token"


class Server(HTTPServer):
    """Gives links to whoever has the token, or to everybody."""

    status = 201
    body: Any = {"path": "/open/secret", "expires_in_s": 300}
    asked: list[tuple[str, str, str | None]]
    token: str | None = None
    """The one that it takes; None: any."""


class Handler(BaseHTTPRequestHandler):
    """Answers POST /open."""

    server: Server

    def do_POST(self) -> None:
        """Give a link, or what the test wants."""
        self.server.asked.append((self.command, self.path, self.headers["Authorization"]))
        body = json.dumps(self.server.body).encode()
        token = self.headers["Authorization"]
        is_wrong = self.server.token and token not in (None, f"Bearer {self.server.token}")
        self.send_response(401 if is_wrong else self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on loopback."""
    made = Server(("127.0.0.1", 0), Handler)
    made.asked = []
    serving = threading.Thread(target=made.serve_forever, args=(0.05,))
    serving.start()
    yield made
    made.shutdown()
    serving.join()
    made.server_close()


@pytest.fixture(autouse=True)
def farms(monkeypatch: pytest.MonkeyPatch) -> list[RunningFarm]:
    """The farms that this user runs: none, until a test says otherwise. There is no display."""
    found: list[RunningFarm] = []
    monkeypatch.setattr(running_farms, "found", lambda: found)
    for variable in ("CUEFARM_TOKEN_FILE", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    return found


def address_of(server: Server) -> str:
    """Where it listens."""
    return f"127.0.0.1:{server.server_port}"


def run(server: str | None = None, **options: Any) -> int:
    """The command."""
    given = {"token_file": None, "only_print": False, "as_json": False, **options}
    return open_page.run(server, **given)


def test_the_farm_gives_a_link(server: Server, farms: list[RunningFarm], tmp_path: Path, capsys: Any) -> None:
    """It is found where it announced itself, and asked with its token; the link stands alone on standard output."""
    (tmp_path / "token").write_text(TOKEN)
    farms.append(RunningFarm("127.0.0.1:5", "/farm", 1, str(tmp_path / "token"), address_of(server)))
    assert run() == 0
    printed = capsys.readouterr()
    assert printed.out == f"http://{address_of(server)}/open/secret\n"
    assert "once, within 5 minutes" in printed.err
    assert server.asked == [("POST", "/open", f"Bearer {TOKEN}")]
    assert run(as_json=True) == 0
    link = {"url": f"http://{address_of(server)}/open/secret", "expires_in_s": 300}
    assert json.loads(capsys.readouterr().out) == link


def test_a_token_that_cannot_be_read_is_not_needed_by_this_user(server: Server, farms: list[RunningFarm]) -> None:
    """The server knows its own user without it."""
    farms.append(RunningFarm("127.0.0.1:5", "/farm", 1, "/nowhere/token", address_of(server)))
    assert run() == 0
    assert server.asked == [("POST", "/open", None)]


def test_a_token_that_was_only_found_locks_nobody_out(
    server: Server, farms: list[RunningFarm], tmp_path: Path, capsys: Any
) -> None:
    """The farm's file has changed since the server read it: this user goes without. A file that is named counts."""
    (tmp_path / "token").write_text("another")
    server.token = TOKEN
    farms.append(RunningFarm("127.0.0.1:5", "/farm", 1, str(tmp_path / "token"), address_of(server)))
    assert run() == 0
    assert [token for *_, token in server.asked] == ["Bearer another", None]
    assert run(address_of(server), token_file=tmp_path / "token") == 1
    assert f"the token in {tmp_path / 'token'} (--token-file) is not that of this server" in capsys.readouterr().err


def test_the_browser_opens_where_there_is_a_display(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Where there is none, where it does not open, or with --print, the link is printed."""
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(opened.append(url)) or len(opened) == 1)
    monkeypatch.setenv("DISPLAY", ":7")
    for options, printed in (({}, False), ({}, True), ({"only_print": True}, True)):
        assert run(f"http://{address_of(server)}", **options) == 0
        assert ("/open/secret" in capsys.readouterr().out) is printed
    assert len(opened) == 2


def test_a_token_file_that_is_named_must_be_there(server: Server, tmp_path: Path, capsys: Any) -> None:
    """Whoever names one means it."""
    assert run(address_of(server), token_file=tmp_path / "none") == 1
    assert "no token file" in capsys.readouterr().err
    (tmp_path / "copy").write_text(TOKEN)
    assert run(address_of(server), token_file=tmp_path / "copy") == 0
    assert server.asked == [("POST", "/open", f"Bearer {TOKEN}")]


def test_what_is_refused_is_told_in_the_servers_words(server: Server, capsys: Any) -> None:
    """The server says what to do."""
    server.status, server.body = 401, {"detail": "this server does not know who asks"}
    assert run(address_of(server)) == 1
    assert "gives no link: this server does not know who asks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (None, "no farm of yours runs on this machine"),
        ("127.0.0.1:1", "does not answer: Connection refused"),
        ("ftp://farm.example", "is no address such as"),
        ("http://user@farm.example", "is no address such as"),
        ("http://farm.example:99999", "is no address such as"),
    ],
)
def test_a_server_that_is_not_there_is_told(server: str | None, words: str, capsys: Any) -> None:
    """With what to do, and without a trace."""
    assert run(server) == 1
    assert words in capsys.readouterr().err


def test_one_of_several_farms_must_be_named(server: Server, farms: list[RunningFarm], capsys: Any) -> None:
    """The one at the usual port is meant; where there is none the farms are listed."""
    farms += [RunningFarm(f"127.0.0.1:{port}", f"/{port}", port, "", f"127.0.0.1:{port + 10}") for port in (5, 6)]
    assert run() == 1
    assert "--server http://127.0.0.1:15 (/5); --server http://127.0.0.1:16 (/6)" in capsys.readouterr().err
    farms.append(RunningFarm(running_farms.DEFAULT_ADDRESS, "/7", 7, "", address_of(server)))
    assert run() == 0

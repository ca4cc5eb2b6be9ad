"""A server listens at all addresses of a name or at none, and says numbers."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from cuebot.app.config import Config
from cuebot.app.exit_status import CannotStart
from cuebot.app.farm_server import FarmServer, _check_free
from cuebot.app.listening import as_number, first_number
from cuebot.app.options import ServerOptions


def named(monkeypatch: pytest.MonkeyPatch, *numbers: str) -> None:
    """Let every name lead to these addresses."""

    def found(host: str, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in number else socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port))
            for number in numbers
        ]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def test_a_name_of_which_one_address_is_taken_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the name and the address."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        port = other.getsockname()[1]
        named(monkeypatch, "127.0.0.1", "::1")
        with pytest.raises(CannotStart, match=rf"farm:{port} \(::1\) is in use by another program"):
            _check_free(f"farm:{port}", "gRPC", "--grpc")


def test_a_name_is_announced_as_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """IPv4 comes first; a number stays one."""
    assert first_number("127.0.0.1:5") == "127.0.0.1:5"
    assert first_number("[::1]:5") == "[::1]:5"
    named(monkeypatch, "::1", "127.0.1.1")
    assert first_number("farm:5") == "127.0.1.1:5"


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "localhost."])
def test_localhost_is_127_0_0_1(name: str, tmp_path: Any) -> None:
    """Over gRPC and HTTP; other hosts are left as they are."""
    config = Config(ServerOptions(grpc=f"{name}:1", http=f"{name}:2"))
    server = FarmServer(config, database="sqlite://", token="t", log_root=tmp_path)
    assert (server.options.grpc, server.options.http) == ("127.0.0.1:1", "127.0.0.1:2")
    assert as_number("farm.example:1") == "farm.example:1"
    assert as_number("[::]:1") == "[::]:1"

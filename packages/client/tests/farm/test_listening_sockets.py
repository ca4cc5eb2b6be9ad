"""Which sockets of this machine listen, by whichever way the kernel tells it."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator

import pytest

from opencue import listening_sockets
from opencue.listening_sockets import Listener

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="only Linux lists its sockets so")


@pytest.fixture(params=["netlink", "tables"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the kernel tells it: as it does, or by its tables alone."""

    def refuse(family: int) -> Iterator[Listener]:
        raise OSError("no such protocol")

    if request.param == "tables":
        monkeypatch.setattr(listening_sockets, "_told", refuse)
    return str(request.param)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "127.0.0.9"])
def test_who_listens_is_listed_with_its_user(address: str) -> None:
    """A server's address, port and user are there while it listens."""
    with socket.create_server((address, 0)) as server:
        port = server.getsockname()[1]
        wanted = Listener(ipaddress.ip_address(address), port, os.geteuid(), is_ipv6=False)
        assert wanted in (listening_sockets.listening_sockets() or [])
    assert wanted not in (listening_sockets.listening_sockets() or [])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("address", ["::1", "::", "::ffff:127.0.0.1"])
def test_so_is_who_listens_by_ipv6(address: str) -> None:
    """Its address stands there as it is bound."""
    try:
        server = socket.socket(socket.AF_INET6)
        server.bind((address, 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        server.listen()
        wanted = Listener(ipaddress.ip_address(address), server.getsockname()[1], os.geteuid(), is_ipv6=True)
        assert wanted in (listening_sockets.listening_sockets() or [])


@pytest.mark.usefixtures("way")
def test_connections_are_no_listeners() -> None:
    """Only sockets that take connections are listed."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        ports = {listener.port for listener in listening_sockets.listening_sockets() or []}
        assert server.getsockname()[1] in ports
        assert client.getsockname()[1] not in ports


def test_hundreds_of_listeners_are_all_told() -> None:
    """The kernel's answer comes in several pieces."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(700)]
    try:
        ports = {listener.port for listener in listening_sockets.listening_sockets() or []}
        assert {server.getsockname()[1] for server in servers} <= ports
    finally:
        for server in servers:
            server.close()

"""The kernel says who owns the other end of a connection, and nothing else is believed."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from rqd.socket_owner import Endpoint, may_speak_for, owner_of, parse_endpoint

NOBODY = 65_534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def endpoint(name: tuple[str, int]) -> Endpoint:
    """A socket's name as an endpoint."""
    found = parse_endpoint(f"[{name[0]}]:{name[1]}")
    assert found is not None
    return found


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A server on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_the_owner_of_a_connection_is_its_process_user(listening: socket.socket) -> None:
    """A connection of this process belongs to this user."""
    with socket.create_connection(listening.getsockname()) as client:
        found = owner_of(endpoint(client.getsockname()), endpoint(listening.getsockname()))
    assert found == os.geteuid()
    assert may_speak_for(found)


CONNECT = """import os, socket, sys
uid, port, own_port = map(int, sys.argv[1:])
os.setuid(uid)
with socket.socket() as client:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.bind(("127.0.0.1", own_port))
    client.connect(("127.0.0.1", port))
    print("connected", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def connected_as_nobody(server: socket.socket, own_port: int = 0) -> Iterator[bool]:
    """A connection of another user's process; says whether it came about."""
    words = [sys.executable, "-c", CONNECT, str(NOBODY), str(server.getsockname()[1]), str(own_port)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline() == b"connected\n"
        process.stdin.close()


@as_root
def test_another_users_connection_is_his(listening: socket.socket) -> None:
    """Who connects as another user is told apart, and may not speak for this one."""
    with connected_as_nobody(listening) as connected:
        assert connected
        with listening.accept()[0] as accepted:
            peer, own = endpoint(accepted.getpeername()[:2]), endpoint(accepted.getsockname()[:2])
            assert owner_of(peer, own) == NOBODY
            assert not may_speak_for(NOBODY)


@as_root
def test_a_port_that_another_user_takes_over_is_his(listening: socket.socket) -> None:
    """The same four numbers, first of this user and then of another, get two answers."""
    for _ in range(20):
        client = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
        name = client.getsockname()
        peer, own = endpoint(name), endpoint(listening.getsockname())
        assert owner_of(peer, own) == os.geteuid()
        accepted.close()  # this end closes first and keeps the time-wait, so that the client's port is free at once
        client.close()
        with connected_as_nobody(listening, name[1]) as connected:
            if connected:  # the kernel does not always give a port again at once
                assert owner_of(peer, own) == NOBODY
                return
    pytest.fail("no port was given again")


def test_a_closed_connection_has_no_owner(listening: socket.socket) -> None:
    """The kernel lists what its process has closed as root's: it is not believed."""
    client = socket.create_connection(listening.getsockname())
    accepted, _ = listening.accept()
    peer, own = endpoint(client.getsockname()), endpoint(listening.getsockname())
    client.close()
    with accepted:
        assert owner_of(peer, own) is None


def test_a_connection_that_is_not_has_no_owner(listening: socket.socket) -> None:
    """Where no connection fits, the listening socket's owner is not taken for the caller's."""
    nobody_there = parse_endpoint("127.0.0.1:1")
    assert nobody_there is not None
    assert owner_of(nobody_there, endpoint(listening.getsockname())) is None


def test_ipv6_and_ipv4_in_its_clothes_are_told_apart() -> None:
    """A connection by ::1 is found, and so is one of IPv4 that a socket of IPv6 made or took."""
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as server,
        socket.create_connection(server.getsockname()[:2]) as client,
    ):
        assert owner_of(endpoint(client.getsockname()[:2]), endpoint(server.getsockname()[:2])) == os.geteuid()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_INET6) as client:
        client.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
        assert owner_of(endpoint(client.getsockname()[:2]), endpoint(server.getsockname())) == os.geteuid()


@pytest.mark.parametrize("text", ["", "unix:/tmp/x", "localhost:80", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000"])
def test_what_is_no_endpoint_is_none(text: str) -> None:
    """Only an address with a port is an endpoint."""
    assert parse_endpoint(text) is None

"""One caller holds so many connections to a port and no more; real sockets, and a small bound."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Optional

import grpc
import pytest
from agent_farm import eventually

from rqd import connections
from rqd.connections import Connections

STRANGER = 23_457
OPEN_AS_A_STRANGER = """
import os, socket, sys, time
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
held = [socket.socket() for _ in range(int(sys.argv[3]))]
for one in held:
    one.connect(("127.0.0.1", int(sys.argv[1])))
print("opened", flush=True)
time.sleep(60)
"""


class Port:
    """A server that takes connections and does nothing with them, and the clients' ends."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.number: int = self._listener.getsockname()[1]
        self._accepted: list[socket.socket] = []

    def connect(self, count: int) -> list[socket.socket]:
        """Open connections of this user."""
        clients = [socket.create_connection(("127.0.0.1", self.number)) for _ in range(count)]
        self.accept(count)
        return clients

    def accept(self, count: int) -> None:
        """Take what has come."""
        self._accepted += [self._listener.accept()[0] for _ in range(count)]

    def close(self) -> None:
        """Leave nothing open."""
        for one in (self._listener, *self._accepted):
            one.close()


@pytest.fixture
def port() -> Iterator[Port]:
    """A port on loopback, closed at the end."""
    with contextlib.closing(Port()) as made:
        yield made


def is_open(client: socket.socket) -> bool:
    """Whether the other end is there still."""
    client.setblocking(False)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_the_newest_beyond_a_callers_part_are_ended(port: Port) -> None:
    """Whoever was there stays, look after look; what came since goes."""
    few = Connections(port.number, 2)
    first = port.connect(2)
    assert few.look() == {}
    later = port.connect(3)
    assert few.look() == {f"user {os.geteuid()}": 3}
    assert [is_open(client) for client in (*first, *later)] == [True, True, False, False, False]


def test_a_closed_connection_makes_room(port: Port) -> None:
    """What is gone is not counted, whoever has its descriptor now."""
    few = Connections(port.number, 2)
    first = port.connect(2)
    few.look()
    first[0].close()
    port._accepted.pop(0).close()
    later = port.connect(2)
    few.look()
    assert [is_open(client) for client in (first[1], *later)] == [True, True, False]


def test_connections_to_other_ports_and_other_sockets_are_left_alone(port: Port) -> None:
    """The journal's, the agents' and those of HTTP are nobody's part of this port."""
    with contextlib.closing(Port()) as other:
        clients = other.connect(5)
        pair = socket.socketpair()
        assert Connections(port.number, 2).look() == {}
        assert all(is_open(client) for client in (*clients, *pair))


def test_where_nobody_knows_whose_they_are_an_address_is_a_caller(port: Port) -> None:
    """Another machine's, or one whose process is gone."""

    def nobody(client: object, own: object) -> Optional[int]:
        return None

    clients = port.connect(3)
    assert Connections(port.number, 2, nobody).look() == {"address 127.0.0.1": 1}
    assert sum(is_open(client) for client in clients) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_strangers_connections_take_nothing_of_mine(port: Port) -> None:
    """Each user of this machine has his own part."""
    mine = port.connect(2)
    argv = [sys.executable, "-c", OPEN_AS_A_STRANGER, str(port.number), str(STRANGER), "5"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as stranger:
        try:
            assert stranger.stdout is not None
            assert stranger.stdout.readline() == b"opened\n"
            port.accept(5)
            assert Connections(port.number, 2).look() == {f"user {STRANGER}": 3}
        finally:
            stranger.kill()
    assert all(is_open(client) for client in mine)


async def test_grpc_notices_that_its_connection_was_ended_and_it_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real server under the watch: who held his part goes on, and the log is not filled."""
    monkeypatch.setattr(connections, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(connections, "HURRIED_SECONDS", 0.05)
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    number = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    told: list[dict[str, int]] = []
    watch = asyncio.create_task(Connections(number, 4).watch(told.append))
    clients = [socket.create_connection(("127.0.0.1", number)) for _ in range(9)]
    try:
        for client in clients:
            client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        await asyncio.to_thread(eventually, lambda: sum(map(has_ended, clients)) == 5, "five that are ended")
        await asyncio.sleep(0.3)
        assert sum(map(has_ended, clients)) == 5
        assert len(told) == 1
    finally:
        watch.cancel()
        await server.stop(0)
        for client in clients:
            client.close()


def has_ended(client: socket.socket) -> bool:
    """Whether all has come that ever will."""
    client.setblocking(False)
    try:
        while client.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


async def test_who_says_nothing_or_asks_nothing_is_ended_and_a_client_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """gRPC ends both by itself, and keeps to its number; an idle client's next call opens another connection."""
    monkeypatch.setattr(connections, "HANDSHAKE_MS", 300)
    monkeypatch.setattr(connections, "IDLE_MS", 1_000)
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0), *connections.options(3)))
    number = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    silent, greeting = (socket.create_connection(("127.0.0.1", number)) for _ in range(2))
    greeting.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{number}") as channel:
            call = channel.unary_unary("/not/there")
            assert await code_of(call) is grpc.StatusCode.UNIMPLEMENTED
            with socket.create_connection(("127.0.0.1", number)) as fourth:
                await asyncio.to_thread(eventually, lambda: has_ended(fourth), "the end of one too many")
            await asyncio.to_thread(eventually, lambda: has_ended(silent) and has_ended(greeting), "the end of both")
            await asyncio.sleep(1.5)
            assert await code_of(call) is grpc.StatusCode.UNIMPLEMENTED
    finally:
        await server.stop(0)
        silent.close()
        greeting.close()


async def code_of(call: grpc.aio.UnaryUnaryMultiCallable) -> grpc.StatusCode:
    """What a call of a method that is not there is answered."""
    with pytest.raises(grpc.aio.AioRpcError) as answered:
        await call(b"", timeout=10)
    return answered.value.code()

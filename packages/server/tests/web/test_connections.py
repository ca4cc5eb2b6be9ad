"""A real port: who is slow, or holds many connections, costs the others nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, cast

import pytest
import uvicorn

from cuebot.access.callers import Callers
from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.settings import DEFAULT_SETTINGS
from cuebot.web.connections import BoundedProtocol, Connections
from cuebot.web.doors import HttpDoors
from cuebot.web.sessions import Sessions
from rqd.socket_owner import Endpoint

ANSWER = b"x" * 32 * 1024 * 1024


class Kernel:
    """Says which user has a connection."""

    uid: int | None = 1000

    def owner(self, client: Endpoint, server: Endpoint) -> int | None:
        """The user that this test wants."""
        return self.uid


async def application(scope: Any, receive: Any, send: Any) -> None:
    """A short answer, or at /long one that nobody's buffers hold."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    body = ANSWER if scope["path"] == "/long" else b"well"
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def kernel() -> Kernel:
    """A kernel."""
    return Kernel()


@pytest.fixture
async def address(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, int]]:
    """Where a server with little patience listens."""
    bounds = Bounds(http_head_seconds=0.4, http_stuck_seconds=0.4, http_connections_per_caller=3)
    sessions, callers = Sessions(DEFAULT_SETTINGS, bounds), Callers("", kernel.owner)
    config = uvicorn.Config(
        HttpDoors(application, callers=callers, sessions=sessions, bounds=bounds, opened=True, names=["x"]),
        http=cast(Any, partial(BoundedProtocol, Connections(callers, bounds))),
        ws="none",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        timeout_keep_alive=10,
        h11_max_incomplete_event_size=DEFAULT_BOUNDS.http_head_bytes,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    monkeypatch.setattr(server, "capture_signals", contextlib.nullcontext)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield listener.getsockname()
    server.should_exit = server.force_exit = True
    await asyncio.wait_for(serving, 10)


async def ask(address: tuple[str, int], path: str = "/") -> bytes:
    """The first line of an answer; nothing where the connection is cut."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    try:
        return await asyncio.wait_for(reader.readline(), 5)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def cut_within(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Whether the server ends a connection soon."""
    try:
        return await asyncio.wait_for(reader.read(-1), seconds) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("beginning", [b"", b"GET / HTTP/1.1\r\nHost: "])
async def test_a_head_that_does_not_come_is_not_waited_for(address: tuple[str, int], beginning: bytes) -> None:
    """A connection without a whole request is cut, also one that sends a letter now and then."""
    reader, writer = await asyncio.open_connection(*address)

    async def drip() -> None:
        while True:
            writer.write(beginning[:1] or b"")
            await asyncio.sleep(0.05)

    writer.write(beginning)
    dripping = asyncio.create_task(drip())
    assert await cut_within(reader, 5)
    dripping.cancel()
    writer.close()


async def test_a_second_head_is_not_waited_for_either(address: tuple[str, int]) -> None:
    """After an answer a connection may stay for the next request, and no longer for half of one."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200" in await asyncio.wait_for(reader.readline(), 5)
    writer.write(b"GET / HTT")
    left = await asyncio.wait_for(reader.read(-1), 5)
    assert left.endswith(b"0\r\n\r\n")
    writer.close()


async def test_who_takes_nothing_of_an_answer_is_cut(address: tuple[str, int], kernel: Kernel) -> None:
    """An answer that nobody reads does not stay in memory."""
    reader, writer = await asyncio.open_connection(*address, limit=1024)
    writer.write(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(4)
    with contextlib.suppress(ConnectionError):
        assert len(await asyncio.wait_for(reader.read(-1), 5)) < len(ANSWER)
    writer.close()


async def test_one_caller_leaves_room_for_others(address: tuple[str, int], kernel: Kernel) -> None:
    """Who holds as many connections as he may gets no more; another user does; closed ones do not count."""
    held = [await asyncio.open_connection(*address) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert await ask(address) == b""
    kernel.uid = 1001
    assert b"200" in await ask(address)
    kernel.uid = None
    assert b"200" in await ask(address)
    for _, writer in held:
        writer.close()
    await asyncio.sleep(0.05)
    kernel.uid = 1000
    assert b"200" in await ask(address)


async def test_a_head_has_a_size(address: tuple[str, int]) -> None:
    """One that is too large is refused before it is all here."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 4 * DEFAULT_BOUNDS.http_head_bytes)
    with contextlib.suppress(ConnectionError):
        assert (await asyncio.wait_for(reader.readline(), 5)).split()[1] in (b"400", b"431")
    writer.close()


async def test_what_follows_a_request_with_two_lengths_is_not_answered(address: tuple[str, int]) -> None:
    """A request hidden in the body of another, for a proxy that reads the other length, gets no answer of its own."""
    reader, writer = await asyncio.open_connection(*address)
    head = b"POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    writer.write(head + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    answers = await asyncio.wait_for(reader.read(-1), 5)  # until the server closes
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert answers.count(b"HTTP/1.1 ") == 1
    writer.close()

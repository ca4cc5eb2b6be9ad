"""The link's end of the socket to the runner: calls with answers, and news."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any, Callable

Message = dict[str, Any]

_encode = json.JSONEncoder(separators=(",", ":")).encode


class RunnerRefused(Exception):
    """The runner said no. `code` is the name of a gRPC status."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class RunnerLost(Exception):
    """The runner is gone; the process is about to become a new one."""


class RunnerChannel(asyncio.Protocol):
    """Lines of JSON both ways. What is said within one turn of the loop leaves in one write."""

    def __init__(self, on_news: Callable[[Message], None]) -> None:
        self._on_news = on_news
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport
        self._received = b""
        self._to_send: list[bytes] = []
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._count = 0
        self.lost: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def open(cls, runner_fd: int, on_news: Callable[[Message], None]) -> RunnerChannel:
        """Connect through the descriptor that the runner passed on."""
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: cls(on_news), sock=socket.socket(fileno=runner_fd))
        return line

    async def call(self, do: str, **fields: object) -> Any:
        """Ask the runner for something. Raises RunnerRefused, or RunnerLost."""
        return await self.ask(do, **fields)

    def ask(self, do: str, **fields: object) -> asyncio.Future[Any]:
        """The same without waiting: the future has the answer, or RunnerRefused, or RunnerLost."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self.lost.done():
            future.set_exception(RunnerLost())
            return future
        self._count += 1
        self._waiting[self._count] = future
        self._send({"n": self._count, "do": do, **fields})
        return future

    def tell(self, do: str, **fields: object) -> None:
        """Tell the runner something that needs no answer."""
        self._send({"do": do, **fields})

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out (called by asyncio)."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand each whole line to whom it is for (called by asyncio)."""
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            number = message.get("n")
            if number is None:
                self._on_news(message)
                continue
            future = self._waiting.pop(number)
            if future.done():
                continue  # whoever asked has gone (a call that was cancelled)
            if "refused" in message:
                future.set_exception(RunnerRefused(*message["refused"]))
            else:
                future.set_result(message["ok"])

    def connection_lost(self, problem: object) -> None:
        """Let nobody wait for answers that will not come (called by asyncio)."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(RunnerLost())
        self._waiting.clear()
        if not self.lost.done():
            self.lost.set_result(None)

    def _send(self, message: Message) -> None:
        if not self._to_send:
            self._loop.call_soon(self._flush)
        self._to_send.append(_encode(message).encode() + b"\n")

    def _flush(self) -> None:
        data, self._to_send = b"".join(self._to_send), []
        self._transport.write(data)

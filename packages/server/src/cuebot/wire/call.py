"""One RPC under way: who asks, the way to the engine, and what the answer becomes when something fails."""

from __future__ import annotations

import asyncio
import inspect
import uuid
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final

import grpc
import structlog
from google.protobuf.message import DecodeError

from cuebot.decide.counts import COUNTED
from cuebot.domain.commands import Command, Envelope
from cuebot.domain.errors import FarmError, Invalid, shown
from cuebot.domain.farm import Farm
from cuebot.engine.engine import Engine

log = structlog.get_logger("wire")

REQUEST_ID_KEY: Final = "cuefarm-request-id"
USER_KEY: Final = "cuefarm-user"
CHANGED_KEY: Final = "cuefarm-changed"
"""In the trailing metadata of an answer: how many things the call changed. The published responses have no field."""
WARNING_KEY: Final = "cuefarm-warning"
"""Beside it: what was done, and is perhaps not all that was wanted. It may stand there several times."""
WARNING_CHARACTERS: Final = 1_000
REQUEST_ID_CHARACTERS: Final = 128
REASON_CHARACTERS: Final = 1_000
COMMANDS_PER_CALL: Final = 2_000
DETAIL_BYTES: Final = 1_500
"""Status texts travel in trailers, where a byte may take three; from 8 KiB on clients may refuse the whole reply."""


class Call:
    """What a method of a service may know besides its request."""

    __slots__ = ("_metadata", "changed", "context", "engine", "rpc", "warnings")

    def __init__(self, engine: Engine, context: Any, rpc: str) -> None:
        self.engine = engine
        self.context = context
        self.rpc = rpc
        """Service and method, `JobInterface.Kill`."""
        self.warnings: list[str] = []
        self.changed: int | None = None
        """How many things the call changed so far; None for one that only looks, or answers otherwise."""
        self._metadata: dict[str, str] | None = None

    @property
    def farm(self) -> Farm:
        """The farm, to be read only."""
        return self.engine.farm

    def metadata(self, key: str) -> str:
        """What the caller sent under a key of the metadata, or nothing."""
        if self._metadata is None:
            self._metadata = {k: v for k, v in self.context.invocation_metadata() or () if isinstance(v, str)}
        return self._metadata.get(key, "")

    def origin(self) -> str:
        """Where the call comes from: the peer's address and program."""
        return _origin(self.context.peer(), self.metadata("user-agent"))

    def envelope(self, actor: str = "", reason: str = "", part: str = "") -> Envelope:
        """Who wants it and why. `part` tells the commands of one request apart."""
        request_id = self.metadata(REQUEST_ID_KEY)
        if len(request_id) > REQUEST_ID_CHARACTERS:
            raise Invalid(f"{REQUEST_ID_KEY} has at most {REQUEST_ID_CHARACTERS} characters")
        return Envelope(
            actor=shown(actor or self.metadata(USER_KEY) or "unknown"),
            origin=self.origin(),
            reason=reason[:REASON_CHARACTERS],
            # The method's name keeps an id that is used twice from being answered with another method's reply.
            request_id=f"{self.rpc}:{request_id}{part and ':' + part}" if request_id else "",
        )

    async def submit(self, command: Command, *, actor: str = "", reason: str = "", part: str = "") -> Any:
        """Have a command carried out; returns its reply once that is durable. Raises FarmError."""
        reply = await self.engine.submit(command, self.envelope(actor, reason, part))
        if type(command) in COUNTED and isinstance(reply, int):  # a stored reply may be older than counts are
            self.count(reply)
        return reply

    def warn(self, words: str) -> None:
        """Tell the caller something beside the answer. Metadata carry ASCII alone."""
        self.warnings.append(words[:WARNING_CHARACTERS].encode("ascii", "replace").decode())

    def trailing(self) -> tuple[tuple[str, str], ...]:
        """What goes along with the answer."""
        counted = () if self.changed is None else ((CHANGED_KEY, str(self.changed)),)
        return (*counted, *((WARNING_KEY, words) for words in self.warnings))

    def count(self, changed: int) -> None:
        """Add to the number of things that the call changed; 0 tells that it changed none."""
        self.changed = (self.changed or 0) + changed

    async def submit_all(self, commands: list[Command], *, actor: str = "", reason: str = "") -> None:
        """Have several commands carried out that share a commit. The first refusal is raised, the others are done."""
        if len(commands) > COMMANDS_PER_CALL:
            raise Invalid(f"{self.rpc}: at most {COMMANDS_PER_CALL} things at a time, not {len(commands)}")
        self.count(0)
        waiting = [
            self.submit(command, actor=actor, reason=reason, part=str(n) if len(commands) > 1 else "")
            for n, command in enumerate(commands)
        ]
        for result in await asyncio.gather(*waiting, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result


@lru_cache(maxsize=1024)
def _origin(peer: str, agent: str) -> str:
    return f"{shown(peer)} {shown(agent)}".strip()


Method = Callable[[Any, Call], Any]
"""A method of a service: takes its request and the call, returns its response or awaits it."""


def behaviour(engine: Engine, rpc: str, request_type: Any, method: Method) -> Callable[[bytes, Any], Awaitable[bytes]]:
    """What gRPC calls: bytes in, bytes out, and a status for whatever goes wrong.

    Messages are parsed here and not by gRPC, so that one that cannot be parsed gets a status of its own. This is one of
    the three places that catch everything: nothing that a caller sends may end the server, and nothing is hidden.
    """
    is_async = inspect.iscoroutinefunction(method)

    async def answer(raw: bytes, context: Any) -> bytes:
        try:
            request = request_type.FromString(raw)
            call = Call(engine, context, rpc)
            response = method(request, call)
            if is_async:
                response = await response
            if call.trailing():
                context.set_trailing_metadata(call.trailing())
            return b"" if response is None else bytes(response.SerializeToString())
        except Exception as error:  # noqa: BLE001
            code, words = refusal(rpc, error)
        await context.abort(code, words)
        raise AssertionError("abort always raises")

    return answer


def stream_behaviour(
    engine: Engine, rpc: str, method: Callable[[Call], Awaitable[None]]
) -> Callable[[Any, Any], Awaitable[None]]:
    """The same for a method with a stream each way. It reads and writes bytes by the call's context."""

    async def serve(requests: Any, context: Any) -> None:
        try:
            await method(Call(engine, context, rpc))
        except Exception as error:  # noqa: BLE001
            await context.abort(*refusal(rpc, error))

    return serve


def refusal(rpc: str, error: Exception) -> tuple[grpc.StatusCode, str]:
    """What a caller is told of an error."""
    if isinstance(error, FarmError):
        code, words = grpc.StatusCode[error.code], str(error)
    elif isinstance(error, DecodeError):
        code, words = grpc.StatusCode.INVALID_ARGUMENT, f"{rpc}: the message cannot be read: {error}"
    else:
        code, words = grpc.StatusCode.INTERNAL, _failure(rpc, error)
    return code, words.encode()[:DETAIL_BYTES].decode(errors="ignore")


def _failure(rpc: str, error: Exception) -> str:
    failure_id = uuid.uuid4().hex[:12]
    log.error("an RPC failed", rpc=rpc, failure=failure_id, exc_info=error)
    return (
        f"{rpc} failed inside the server ({type(error).__name__}); the farm goes on. Whoever runs it finds the cause in"
        f" the server's log under {failure_id}"
    )


SLICE_ROWS: Final = 200


async def fill(messages: Any, things: list[Any], build: Callable[[Any], Any]) -> None:
    """Append a message for each thing, letting others have the loop between slices."""
    for first in range(0, len(things), SLICE_ROWS):
        if first:
            await asyncio.sleep(0)
        messages.extend([build(thing) for thing in things[first : first + SLICE_ROWS]])

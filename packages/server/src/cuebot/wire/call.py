"""One RPC under way: who asks, the way to the engine, and what the answer becomes when something fails."""

from __future__ import annotations

import asyncio
import inspect
import uuid
from collections.abc import Awaitable, Callable
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final
from urllib.parse import quote, unquote

import grpc
import structlog
from google.protobuf.message import DecodeError

from cuebot.decide.counts import COUNTED
from cuebot.domain.commands import Command, Envelope
from cuebot.domain.errors import FarmError, Invalid, NotFound, Unavailable, shown
from cuebot.domain.farm import Farm
from cuebot.engine.engine import Engine

log = structlog.get_logger("wire")

REQUEST_ID_KEY: Final = "cuefarm-request-id"
USER_KEY: Final = "cuefarm-user"
CHANGED_KEY: Final = "cuefarm-changed"
"""In the trailing metadata of an answer: how many things the call changed. The published responses have no field."""
UNAVAILABLE_KEY: Final = "cuefarm-unavailable"
"""In the trailing metadata of a refusal for now: a server answers. Without it UNAVAILABLE is gRPC's, or a proxy's, word
that none does."""
REQUEST_ID_CHARACTERS: Final = 128
REASON_CHARACTERS: Final = 1_000
WARNING_KEY: Final = "cuefarm-warning"
WARNING_CHARACTERS: Final = 500
WARNINGS_BYTES: Final = 4_000
"""All together, of the 8 KiB that a client may take as trailers."""
_READABLE: Final = " !\"#$&'()*+,-./:;<=>?@[]^_`{|}~"
"""What stands in a warning as it is; everything else is percent-encoded."""
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
        self.changed: int | None = None
        """How many things the call changed so far; None for one that only looks, or answers otherwise."""
        self.warnings: list[str] = []
        """What the caller is told beside the answer: what was asked for and changes nothing."""
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

    def peer_address(self) -> str:
        """The network address that the call comes from, without its port."""
        return _address(self.context.peer())

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

    def trailers(self) -> tuple[tuple[str, str], ...]:
        """What goes with the answer as trailing metadata, set in one piece because each piece replaces the last."""
        changed = () if self.changed is None else ((CHANGED_KEY, str(self.changed)),)
        return (*changed, *self._warnings_metadata())

    def _warnings_metadata(self) -> tuple[tuple[str, str], ...]:
        """The warnings; where they are many, the first of them and how many more there are."""
        encoded = [quote(words[:WARNING_CHARACTERS], safe=_READABLE) for words in self.warnings]
        sizes = accumulate(len(words) for words in encoded)
        kept = [words for words, size in zip(encoded, sizes, strict=True) if size <= WARNINGS_BYTES]
        more = len(encoded) - len(kept)
        return tuple((WARNING_KEY, words) for words in [*kept, *([f"and {more} more warnings"] if more else [])])

    async def done_before(self) -> bool:
        """Whether this very request has been carried out: it comes again, because its answer did not arrive."""
        envelope = self.envelope()
        request = self.farm.requests.get(envelope.request_id)
        if request is None:
            return False
        await self.engine.kept(envelope)
        if isinstance(request.reply, int):
            self.count(request.reply)
        return True

    async def submit(self, command: Command, *, actor: str = "", reason: str = "", part: str = "") -> Any:
        """Have a command carried out; returns its reply once that is durable. Raises FarmError."""
        reply = await self.engine.submit(command, self.envelope(actor, reason, part))
        if type(command) in COUNTED and isinstance(reply, int):  # a stored reply may be older than counts are
            self.count(reply)
        return reply

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


@lru_cache(maxsize=16_384)
def _address(peer: str) -> str:
    """`192.0.2.7` of `ipv4:192.0.2.7:50312`; of `ipv6:%5B::1%5D:50312` it is `::1`."""
    address = unquote(peer.partition(":")[2]).rpartition(":")[0].strip("[]")
    return address.removeprefix("::ffff:")


Method = Callable[[Any, Call], Any]
"""A method of a service: takes its request and the call, returns its response or awaits it."""

Admit = Callable[[Any], None]
"""Takes a call's context and raises Unauthenticated where the caller is not let in."""


def behaviour(
    engine: Engine, rpc: str, request_type: Any, method: Method, admit: Admit, warning: str = ""
) -> Callable[[bytes, Any], Awaitable[bytes]]:
    """What gRPC calls: bytes in, bytes out, and a status for whatever goes wrong.

    Messages are parsed here and not by gRPC, so that one that cannot be parsed gets a status of its own. This is one of
    the three places that catch everything: nothing that a caller sends may end the server, and nothing is hidden.
    `warning` goes with every answer.
    """
    is_async = inspect.iscoroutinefunction(method)

    async def answer(raw: bytes, context: Any) -> bytes:
        try:
            admit(context)
            request = request_type.FromString(raw)
            call = Call(engine, context, rpc)
            try:
                response = method(request, call)
                if is_async:
                    response = await response
            except NotFound:
                if not await call.done_before():
                    raise
                response = None  # it is gone because this request has removed or renamed it
            if warning:
                call.warnings.append(warning)
            trailers = call.trailers()
            if trailers:
                context.set_trailing_metadata(trailers)
            return b"" if response is None else bytes(response.SerializeToString())
        except Exception as error:  # noqa: BLE001
            code, words = refusal(rpc, error)
            answers = ((UNAVAILABLE_KEY, "now"),) if isinstance(error, Unavailable) else ()
        await context.abort(code, words, answers)
        raise AssertionError("abort always raises")

    return answer


def stream_behaviour(
    engine: Engine, rpc: str, method: Callable[[Call], Awaitable[None]], admit: Admit
) -> Callable[[Any, Any], Awaitable[None]]:
    """The same for a method with a stream each way. It reads and writes bytes by the call's context."""

    async def serve(requests: Any, context: Any) -> None:
        try:
            admit(context)
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

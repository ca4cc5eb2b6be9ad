"""One RPC under way: who asks, the way to the engine, and what the answer becomes when something fails."""

from __future__ import annotations

import asyncio
import inspect
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache, partial
from itertools import accumulate
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

import grpc
import structlog
from google.protobuf.message import DecodeError, Message

from cuebot.decide.counts import COUNTED
from cuebot.domain.actions import Action, Target
from cuebot.domain.commands import Command, Envelope
from cuebot.domain.errors import Exhausted, FarmError, Invalid, NotFound, NotOffered, Unavailable, quoted
from cuebot.domain.farm import Farm
from cuebot.engine.access import allow_all
from cuebot.engine.engine import Engine
from cuebot.wire.advice import for_people
from cuebot.wire.doors import address_of, principal_of_call
from cuebot.wire.rows import KeptRows
from cuebot.wire.rpc_actions import Asked
from cuebot.wire.traffic import LARGE_BYTES, READ_SECONDS, UNCOUNTED, Traffic, is_read

log = structlog.get_logger("wire")

REQUEST_ID_KEY: Final = "cuefarm-request-id"
USER_KEY: Final = "cuefarm-user"
CHANGED_KEY: Final = "cuefarm-changed"
"""In the trailing metadata of an answer: how many things the call changed. The published responses have no field."""
UNAVAILABLE_KEY: Final = "cuefarm-unavailable"
"""In the trailing metadata of a refusal for now: a server answers. Without it UNAVAILABLE is gRPC's, or a proxy's, word
that none does."""
WARNING_KEY: Final = "cuefarm-warning"
WARNING_CHARACTERS: Final = 500
WARNINGS_BYTES: Final = 4_000
"""All together, of the 8 KiB that a client may take as trailers."""
_READABLE: Final = " !\"#$&'()*+,-./:;<=>?@[]^_`{|}~"
"""What stands in a warning as it is; everything else is percent-encoded."""
Thing = TypeVar("Thing")
Result = TypeVar("Result")
Built = TypeVar("Built")


class Messages(Protocol[Built]):
    """A field of a message that holds many others."""

    def extend(self, messages: list[Built], /) -> None:
        """Append messages."""


DETAIL_BYTES: Final = 1_500
"""Status texts travel in trailers, where a byte may take three; from 8 KiB on clients may refuse the whole reply."""


class Call:
    """What a method of a service may know besides its request."""

    __slots__ = (
        "_metadata", "_rows", "changed", "context", "engine", "is_counted", "principal", "rpc", "submitted", "traffic",
        "warnings",
    )  # fmt: skip

    def __init__(self, engine: Engine, context: Any, rpc: str, traffic: Traffic | None = None) -> None:
        self.engine = engine
        self.context = context
        self.rpc = rpc
        """Service and method, `JobInterface.Kill`."""
        self.traffic = traffic
        self.principal = principal_of_call()
        """Who was proven to call."""
        self.changed: int | None = None
        """How many things the call changed so far; None for one that only looks, or answers otherwise."""
        self.warnings: list[str] = []
        """What the caller is told beside the answer: what was asked for and changes nothing."""
        self.submitted = 0
        """How many commands were given to the engine. It tells them apart where the request has an id."""
        self.is_counted = False
        """It is one of the calls that its caller has under way."""
        self._metadata: dict[str, str] | None = None
        self._rows: KeptRows | None = None

    @property
    def farm(self) -> Farm:
        """The farm, to be read only."""
        return self.engine.farm

    @property
    def caller(self) -> str:
        """Who is to have his turn."""
        return self.principal.name

    def authorize(self, action: Action, target: Target) -> None:
        """Ask whether the caller may do something. Raises Forbidden."""
        self.engine.core.authorize(self.principal, action, target, self.farm)

    def ask_for(self, asked: Asked, request: Any) -> None:
        """Ask whether the caller may do what a request asks for. Raises Forbidden."""
        if self.engine.core.authorize is not allow_all:
            self.authorize(asked.action, asked.target_of(request))

    def metadata(self, key: str) -> str:
        """What the caller sent under a key of the metadata, or nothing."""
        if self._metadata is None:
            self._metadata = {k: v for k, v in self.context.invocation_metadata() or () if isinstance(v, str)}
        return self._metadata.get(key, "")

    @property
    def rows(self) -> KeptRows:
        """Jobs and hosts as bytes."""
        if self._rows is None:
            self._rows = self.traffic.rows if self.traffic else KeptRows(self.farm, self.engine.core.bounds.kept_rows)
        return self._rows

    async def pause(self, spent_s: float, *, is_last: bool) -> None:
        """Let others have the loop after a slice of work, and wait for one's turn where more is to be done."""
        if self.traffic is not None:
            self.traffic.lists.spend(spent_s)
        if not is_last:
            await asyncio.sleep(0)
            if self.traffic is not None:
                await self.traffic.lists.turn(self.caller)

    def origin(self) -> str:
        """Where the call comes from: the peer's address and program."""
        return _origin(self.context.peer(), self.metadata("user-agent"))

    def peer_address(self) -> str:
        """The network address that the call comes from, without its port."""
        return address_of(self.context.peer())

    def envelope(self, actor: str = "", reason: str = "", part: str = "") -> Envelope:
        """Who wants it and why. `part` tells the commands of one request apart."""
        bounds = self.engine.core.bounds
        request_id = self.metadata(REQUEST_ID_KEY)
        if len(request_id) > bounds.request_id_characters:
            most = bounds.request_id_characters
            raise Invalid(f"{REQUEST_ID_KEY} has at most {most} characters (limit request_id_characters)")
        return Envelope(
            actor=quoted(actor or self.metadata(USER_KEY) or "unknown"),
            origin=self.origin(),
            reason=reason[: bounds.reason_characters],
            # The method's name keeps an id that is used twice from being answered with another method's reply.
            request_id=f"{self.rpc}:{request_id}{part and ':' + part}" if request_id else "",
            principal=self.principal,
        )

    def envelope_of_host(self, name: str) -> Envelope:
        """That an agent says something in the name of a host. Agents repeat what they say without an id for it."""
        return Envelope(actor=name, origin=self.origin(), principal=self.principal)

    def trailers(self) -> tuple[tuple[str, str], ...]:
        """What goes with the answer as trailing metadata, set in one piece because each piece replaces the last."""
        changed = () if self.changed is None else ((CHANGED_KEY, str(self.changed)),)
        return (*changed, *self._warnings_metadata())

    def _warnings_metadata(self) -> tuple[tuple[str, str], ...]:
        """The warnings; where they are many, the first of them and how many more there are."""
        told = (for_people(warning)[:WARNING_CHARACTERS] for warning in self.warnings)
        encoded = [quote(warning, safe=_READABLE) for warning in told]
        sizes = accumulate(len(warning) for warning in encoded)
        kept = [warning for warning, size in zip(encoded, sizes, strict=True) if size <= WARNINGS_BYTES]
        more = len(encoded) - len(kept)
        return tuple((WARNING_KEY, warning) for warning in [*kept, *([f"and {more} more warnings"] if more else [])])

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
        # A second command with the first one's id would be taken for it, come again, and not be carried out.
        envelope = self.envelope(actor, reason, part or (str(self.submitted) if self.submitted else ""))
        self.submitted += 1
        reply = await with_past_jobs(self.engine, lambda: self.engine.submit(command, envelope))
        if type(command) in COUNTED and isinstance(reply, int):  # a stored reply may be older than counts are
            self.count(reply)
        return reply

    def count(self, changed: int) -> None:
        """Add to the number of things that the call changed; 0 tells that it changed none."""
        self.changed = (self.changed or 0) + changed

    async def submit_all(self, commands: list[Command], *, actor: str = "", reason: str = "") -> None:
        """Have several commands carried out that share a commit. The first refusal is raised, the others are done."""
        most = self.engine.core.bounds.commands_per_call
        if len(commands) > most:
            raise Invalid(f"{self.rpc}: at most {most} things at a time (limit commands_per_call), not {len(commands)}")
        self.count(0)
        waiting = [
            self.submit(command, actor=actor, reason=reason, part=str(n) if len(commands) > 1 else "")
            for n, command in enumerate(commands, self.submitted)
        ]
        for result in await asyncio.gather(*waiting, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result


RECALLS: Final = 3
"""How often a call has the same job loaded: it may have left memory once more before its turn came."""


async def with_past_jobs(
    engine: Engine, work: Callable[[], Awaitable[Result]], is_safe: Callable[[], bool] = lambda: True
) -> Result:
    """Do work; where it misses what may be a finished job on disk, load that job and do the work again.

    `is_safe` says whether nothing was done yet that must not be done twice.
    """
    most, recalls = engine.core.bounds.recalls_per_call, Counter[str]()
    while True:
        try:
            return await work()
        except FarmError as error:
            missing = error.missing
            recalls[missing] += 1
            if not missing or not is_safe() or recalls[missing] > RECALLS:
                raise
            if len(recalls) > most:
                raise Exhausted(
                    f"a call has at most {most} finished jobs loaded from disk (limit recalls_per_call), and needs"
                    f" {quoted(missing)!r}, too; name fewer at a time"
                ) from error
            if not await engine.recall(missing):
                raise


@lru_cache(maxsize=1024)
def _origin(peer: str, agent: str) -> str:
    return f"{quoted(peer)} {quoted(agent)}".strip()


Method = Callable[[Any, Call], Any]
"""A method of a service: takes its request and the call, returns its response or awaits it."""

Answer = tuple[bytes, tuple[tuple[str, str], ...]]
"""A response's bytes and its trailing metadata."""


def behaviour(
    engine: Engine,
    rpc: str,
    request_type: Any,
    method: Method,
    asked: Asked,
    warning: str = "",
    traffic: Traffic | None = None,
) -> Callable[[bytes, Any], Awaitable[bytes]]:
    """What gRPC calls: bytes in, bytes out, and a status for whatever goes wrong.

    `asked` is what the caller must be allowed to do. `warning` goes with every answer. Calls of clients have a
    `traffic`, those of agents never wait for their turn.
    """
    return _Behaviour(engine, rpc, request_type, method, asked, warning, traffic).serve


class _Behaviour:
    """One RPC as gRPC calls it.

    Messages are parsed here and not by gRPC, so that one that cannot be parsed gets a status of its own.
    """

    def __init__(
        self,
        engine: Engine,
        rpc: str,
        request_type: Any,
        method: Method,
        asked: Asked,
        warning: str,
        traffic: Traffic | None,
    ) -> None:
        self._engine, self._rpc, self._traffic = engine, rpc, traffic
        self._request_type = request_type
        self._method = method
        self._asked = asked
        self._warning = warning
        self._is_async = inspect.iscoroutinefunction(method)
        self._is_shared = getattr(method, "is_shared", False)

    async def serve(self, raw: bytes, context: Any) -> bytes:
        """Answer a call.

        This is one of the places that catch everything: nothing that a caller sends may end the server, and nothing is
        hidden.
        """
        call = Call(self._engine, context, self._rpc, self._traffic)
        try:
            response, trailers = await with_past_jobs(
                self._engine, lambda: self._answer(raw, call), is_safe=lambda: not call.submitted
            )
            if trailers:
                context.set_trailing_metadata(trailers)
            log.debug("answered", rpc=self._rpc, caller=call.caller, bytes=len(response))
            return response
        except Exception as error:  # noqa: BLE001
            code, detail = refusal(self._rpc, error)
            log.debug("refused", rpc=self._rpc, code=code.name, detail=detail)
            answers = ((UNAVAILABLE_KEY, "now"),) if isinstance(error, Unavailable) else ()
        await context.abort(code, detail, answers)
        raise AssertionError("abort always raises")

    async def _answer(self, raw: bytes, call: Call) -> Answer:
        """Answer a call, perhaps once more after a job that it names was loaded again."""
        traffic, caller = self._traffic, call.caller
        if traffic is None:
            return await self._carry_out(self._allowed(raw, call), call)
        if self._rpc not in UNCOUNTED and not call.is_counted:
            await traffic.calls.enter(caller, len(raw))
            call.is_counted = True
            call.context.add_done_callback(lambda _: traffic.calls.leave(caller))

        call.warnings.clear()
        if self._is_shared:
            build = partial(self._carry_out, self._allowed(raw, call), call)  # each is asked for, whoever's is built
            turn = partial(traffic.lists.turn, caller)
            answer = await traffic.builds.ask((self._rpc, raw), turn, build)
        elif is_read(self._rpc):
            answer = await self._read(raw, call, traffic)
        else:
            answer = await self._carry_out(self._allowed(raw, call), call)

        if len(answer[0]) > LARGE_BYTES:
            await traffic.begin_reply(caller, len(answer[0]), call.context)
        return answer

    async def _read(self, raw: bytes, call: Call, traffic: Traffic) -> Answer:
        traffic.reads.spend(READ_SECONDS)
        if self._is_async:
            return await self._carry_out(self._allowed(raw, call), call)
        if not traffic.reads.is_free:
            await traffic.reads.turn(call.caller)
        with traffic.reads.spending():
            return await self._carry_out(self._allowed(raw, call), call)  # which waits for nothing

    def _allowed(self, raw: bytes, call: Call) -> Any:
        """The request that the bytes are, once its caller may do what it asks for."""
        request = self._request_type.FromString(raw)
        call.ask_for(self._asked, request)
        return request

    async def _carry_out(self, request: Any, call: Call) -> Answer:
        try:
            response = self._method(request, call)
            if self._is_async:
                response = await response
        except NotFound:
            if not await call.done_before():
                raise
            response = None  # it is gone because this request has removed or renamed it
        if self._warning:
            call.warnings.append(self._warning)
        return _bytes_of(response), call.trailers()


def _bytes_of(response: Message | bytes | None) -> bytes:
    if response is None:
        return b""
    return response if isinstance(response, bytes) else response.SerializeToString()


def shared(method: Any) -> Any:
    """Mark a method that only looks, and whose answer is the same for everybody who sends the same request."""
    method.is_shared = True
    return method


def stream_behaviour(
    engine: Engine, rpc: str, method: Callable[[Call], Awaitable[None]], asked: Asked
) -> Callable[[Any, Any], Awaitable[None]]:
    """The same for a method with a stream each way. It reads and writes bytes by the call's context."""

    async def serve(requests: Any, context: Any) -> None:
        try:
            call = Call(engine, context, rpc)
            call.authorize(asked.action, Target(asked.action.noun))  # which host it is, its messages tell
            await method(call)
        except Exception as error:  # noqa: BLE001
            await context.abort(*refusal(rpc, error))

    return serve


def not_offered(
    engine: Engine, rpc: str, request_type: Any, reason: str, asked: Asked
) -> Callable[[bytes, Any], Awaitable[bytes]]:
    """The same for an RPC that is refused with a reason, whoever calls."""

    def refuse(request: Any, call: Call) -> None:
        raise NotOffered(f"{rpc}: {reason}")

    return behaviour(engine, rpc, request_type, refuse, asked)


def refusal(rpc: str, error: Exception) -> tuple[grpc.StatusCode, str]:
    """What a caller is told of an error."""
    if isinstance(error, FarmError):
        code, detail = grpc.StatusCode[error.code], for_people(str(error))
    elif isinstance(error, DecodeError):
        code, detail = grpc.StatusCode.INVALID_ARGUMENT, f"{rpc}: the message cannot be read: {error}"
    else:
        code, detail = grpc.StatusCode.INTERNAL, _failure(rpc, error)
    return code, detail.encode()[:DETAIL_BYTES].decode(errors="ignore")


def _failure(rpc: str, error: Exception) -> str:
    failure_id = uuid.uuid4().hex[:12]
    log.error("an RPC failed", rpc=rpc, failure=failure_id, exc_info=error)
    return (
        f"{rpc} failed inside the server ({type(error).__name__}); the farm goes on. Whoever runs it finds the cause in"
        f" the server's log under {failure_id}"
    )


SLICE_SECONDS: Final = 0.001
"""For how long a list holds the loop."""
SLICE_THINGS: Final = 20
"""How many are done between two looks at the clock, at most."""


async def in_slices(call: Call, things: list[Thing], take: Callable[[list[Thing]], Any]) -> None:
    """Take things, a few at a time, letting others have the loop between slices, and its share of time to whoever asks.

    The clock is looked at after one thing, then after twice as many each time: so costly things hold the loop for
    twice a slice, and one thing more, at most.
    """
    clock, done = time.perf_counter, 0
    while done < len(things):
        began = now = clock()
        step = 1
        while done < len(things) and now - began < SLICE_SECONDS:
            take(things[done : done + step])
            done += step
            step = min(2 * step, SLICE_THINGS)
            now = clock()
        await call.pause(now - began, is_last=done >= len(things))


async def fill(call: Call, messages: Messages[Built], things: list[Thing], build: Callable[[Thing], Built]) -> None:
    """Append a message for each thing."""
    await in_slices(call, things, lambda some: messages.extend([build(thing) for thing in some]))


async def rows_of(call: Call, things: list[Thing], row: Callable[[Thing], bytes]) -> list[bytes]:
    """The rows of things, each as it is when its turn comes."""
    rows: list[bytes] = []
    kept = call.rows

    def take(some: list[Thing]) -> None:
        kept.refresh()
        rows.extend([row(thing) for thing in some])

    await in_slices(call, things, take)
    return rows


async def those(call: Call, things: Iterable[Thing], matches: Callable[[Thing], bool]) -> list[Thing]:
    """The things that match."""
    found: list[Thing] = []
    await in_slices(call, list(things), lambda some: found.extend([thing for thing in some if matches(thing)]))
    return found

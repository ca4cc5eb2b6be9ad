"""The stream to the server: orders in and outcomes out, in batches. The published RPCs mean the same and stay.

It is opened once the server has answered a report. Without it (a server that has none, or a moment without contact) the
server launches and the outbox delivers by single calls, so nothing here has to be reliable: what was under way when the
stream ends is told again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from typing import Any, Callable, Optional

import grpc

from cuefarm_proto import agent_pb2
from rqd import log
from rqd.link.messages import Description, launch_from_order, limits_from, stream_outcome
from rqd.link.runner_channel import RunnerChannel, RunnerRefused
from rqd.link.server import Server

PACE_SECONDS = 0.003
ANSWER_PATIENCE_SECONDS = 0.02
OUTCOMES_PER_MESSAGE = 64
ANSWERS_PER_MESSAGE = 256
RETRY_SECONDS_MIN = 0.5
RETRY_SECONDS_MAX = 30.0

PROTOCOL = 1
"""Which messages of the stream we speak; a server that speaks only earlier ones is used by single calls."""

_OK = grpc.StatusCode.OK.value[0]


class NotUnderstood(Exception):
    """The server does not speak as we do."""


class OldServer(NotUnderstood):
    """Nor will it before it is another one, of which contact mostly tells; a quick restart may go unnoticed."""


class Stream:
    """Opens the stream, keeps it open, and says when it is not.

    `on_open` is given what sends an outcome. Of each that is sent, `on_acknowledged` or `on_not_taken` will be called,
    or `on_lost` for all of them.
    """

    def __init__(
        self,
        *,
        server: Server,
        line: RunnerChannel,
        host_name: str,
        address: str,
        on_open: Callable[[Callable[[Description], None]], None],
        on_acknowledged: Callable[[str], None],
        on_not_taken: Callable[[str, str], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._server = server
        self._line = line
        self._hello = agent_pb2.Hello(host_name=host_name, address=address, protocol=PROTOCOL)
        self._on_open = on_open
        self._on_acknowledged = on_acknowledged
        self._on_not_taken = on_not_taken
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._serving: Optional[asyncio.Future[None]] = None
        self._is_open = False
        self._contact = asyncio.Event()

    def contact(self) -> None:
        """The server has answered a report, for the first time or again: open a stream now."""
        self._contact.set()

    def contact_lost(self) -> None:
        """The server does not answer: a stream to it is of no use."""
        if self._serving is not None:
            self._serving.cancel()

    async def run(self) -> None:
        """Keep a stream open until cancelled."""
        failures = 0
        await self._contact.wait()
        while True:
            self._contact.clear()
            self._serving = asyncio.ensure_future(self._serve())
            try:
                await asyncio.wait([self._serving])
            finally:
                self._serving.cancel()
            failures = 0 if self._is_open else failures + 1
            self._note_end(self._serving)
            if self._is_open:
                self._is_open = False
                self._on_lost()
            seconds = min(RETRY_SECONDS_MAX, RETRY_SECONDS_MIN * 2 ** min(failures, 10))
            if self._is_old(self._serving):
                seconds = RETRY_SECONDS_MAX
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._contact.wait(), seconds * random.uniform(0.8, 1.2))

    @staticmethod
    def _is_old(serving: asyncio.Future[None]) -> bool:
        return not serving.cancelled() and isinstance(serving.exception(), OldServer)

    def _note_end(self, serving: asyncio.Future[None]) -> None:
        problem = None if serving.cancelled() else serving.exception()
        if isinstance(problem, grpc.aio.AioRpcError):
            if problem.code() is grpc.StatusCode.UNIMPLEMENTED:
                return  # a server without streams, such as upstream's
            why = f"{problem.code().name}: {problem.details()}"
        elif problem is None:
            why = "contact lost" if serving.cancelled() else "ended by the server"
        elif isinstance(problem, NotUnderstood):
            why = str(problem)
        elif isinstance(problem, asyncio.InvalidStateError):
            why = repr(problem)
        else:
            raise problem
        log.info("no stream; using single calls", server=self._server.address, why=why)

    async def _serve(self) -> None:
        """Use one stream until the server ends it. Raises grpc.RpcError."""
        call = self._server.open_stream()
        outgoing = Outgoing(self._loop)
        writing: Optional[asyncio.Future[None]] = None
        try:
            await call.write(agent_pb2.FromAgent(hello=self._hello))
            first = await _next(call)
            if first is None:
                return
            if first.protocol < PROTOCOL:
                raise OldServer(f"its stream has protocol {first.protocol}, and this agent needs {PROTOCOL}")
            log.info("stream open", server=self._server.address)
            writing = asyncio.ensure_future(outgoing.write_to(call.write))
            self._is_open = True
            self._on_open(lambda run: outgoing.add_outcome(stream_outcome(run)))
            while (message := await _next(call)) is not None:
                self._take(message, outgoing)
        finally:
            if writing is not None:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
            call.cancel()

    def _take(self, message: Any, outgoing: Outgoing) -> None:
        for launch in message.launches:
            self._ask(outgoing, launch.order, "launch", launch=launch_from_order(launch.run))
        for new in message.limits:
            self._line.tell("limit", run_id=new.run_id, limits=limits_from(new.limits))
        for kill in message.kills:
            fields = {"run_id": kill.run_id, "frame_id": kill.frame_id, "message": kill.message}
            self._ask(outgoing, kill.order, "kill", **fields)
        for run_id in message.acknowledged:
            self._on_acknowledged(run_id)
        for not_taken in message.not_taken:
            self._on_not_taken(not_taken.run_id, not_taken.words)

    def _ask(self, outgoing: Outgoing, order: int, do: str, **fields: object) -> None:
        """Hand an order to the runner, and its answer to the stream that the order came by."""

        def answered(future: asyncio.Future[Any]) -> None:
            problem = future.exception()
            if problem is None:
                outgoing.add_answer(order, _OK, "")
            elif isinstance(problem, RunnerRefused):
                outgoing.add_answer(order, grpc.StatusCode[problem.code].value[0], str(problem))
            # Otherwise the runner is gone, and so will the stream be: the server learns nothing, which is the truth.

        self._line.ask(do, **fields).add_done_callback(answered)


async def _next(call: Any) -> Optional[Any]:
    """The next message, None at the end. Raises NotUnderstood; for what cannot be read gRPC gives nothing."""
    message = await call.read()
    if message is grpc.aio.EOF:
        return None
    if message is None:
        raise NotUnderstood("a message of its stream cannot be read")
    return message


class Outgoing:
    """What waits to be sent. It leaves in company: a message costs more than what is in it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._answers: deque[Any] = deque()
        self._outcomes: deque[bytes] = deque()
        self._due = asyncio.Event()
        self._due_at = 0.0
        self._timer: Optional[asyncio.TimerHandle] = None

    def add_answer(self, order: int, code: int, words: str) -> None:
        """Answer an order. An answer can wait for an outcome, which often follows at once."""
        self._answers.append(agent_pb2.Answer(order=order, code=code, words=words))
        self._leave_in(ANSWER_PATIENCE_SECONDS)

    def add_outcome(self, outcome: bytes) -> None:
        """Report an outcome."""
        self._outcomes.append(outcome)
        self._leave_in(PACE_SECONDS)

    def _leave_in(self, seconds: float) -> None:
        due_at = self._loop.time() + seconds
        if self._timer is not None:
            if self._due_at <= due_at:
                return
            self._timer.cancel()
        self._due_at = due_at
        self._timer = self._loop.call_at(due_at, self._leave)

    def _leave(self) -> None:
        self._timer = None
        self._due.set()

    async def write_to(self, write: Callable[[Any], Any]) -> None:
        """Send what is due, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            while self._answers or self._outcomes:
                message = agent_pb2.FromAgent()
                while self._answers and len(message.answers) < ANSWERS_PER_MESSAGE:
                    message.answers.append(self._answers.popleft())
                while self._outcomes and len(message.outcomes) < OUTCOMES_PER_MESSAGE:
                    message.outcomes.append(self._outcomes.popleft())
                await write(message)

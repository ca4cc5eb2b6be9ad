"""Streams that our agents keep open: orders out and answers in, in batches instead of one RPC each.

A stream is a way, not a promise: whatever was under way when it ends is unknown, what had not left is refused, and
the next order goes as an RPC of its own. What is promised stands in docs/reference/agent-protocol.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc

from cuebot.domain.errors import Exhausted, Unavailable
from cuefarm_proto import agent_pb2

DEADLINE_SECONDS: Final = 10.0
"""An agent that leaves an order without an answer for so long loses its stream."""
ORDERS_UNANSWERED_MAX: Final = 256
"""Orders that one agent has in hand at a time; others wait here."""
MESSAGE_BYTES: Final = 1 << 20
"""A message is closed once its launches are as large as this."""
ACKNOWLEDGED_PER_MESSAGE: Final = 1_000
LIMITS_PER_MESSAGE: Final = 1_000
WORDS_CHARACTERS: Final = 500
NOT_SENT: Final = "not sent: "
"""How the words of an order begin that never left. Words of agents begin with the name of a status."""

Write = Callable[[bytes], Awaitable[Any]]
Over = Callable[[grpc.StatusCode | None, str], None]
"""Told how an order ended: by a status, or None where that is not known; and in which words."""

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class AgentStreams:
    """The open streams by the address of their agent. Used on the engine's loop only."""

    def __init__(self, *, deadline_s: float = DEADLINE_SECONDS) -> None:
        self._deadline_s = deadline_s
        self._by_target: dict[str, AgentStream] = {}
        self._closed = False

    def find(self, target: str, instance: str) -> AgentStream | None:
        """The stream of the agent that answers at this address, if it has one. One of another agent is none."""
        stream = self._by_target.get(target)
        return None if stream is None or stream.ended.is_set() or stream.instance != instance else stream

    def open(self, target: str, instance: str, most: int) -> AgentStream:
        """A new stream. One that the agent had before is over. Raises Exhausted at `most`, Unavailable when closed."""
        if self._closed:
            raise Unavailable("the server is about to stop; use single calls")
        before = self._by_target.pop(target, None)
        if before is not None:
            before.end("the agent opened another stream")
        if len(self._by_target) >= most:
            raise Exhausted(f"{most} agents have a stream already (limit agent_streams); use single calls")
        stream = self._by_target[target] = AgentStream(instance, self._deadline_s)
        return stream

    def forget(self, target: str, stream: AgentStream) -> None:
        """A stream is over."""
        if self._by_target.get(target) is stream:
            del self._by_target[target]

    def close(self) -> None:
        """End all streams and open no more; agents go on with single calls."""
        self._closed = True
        for stream in self._by_target.values():
            stream.end("the server is about to stop")
        self._by_target.clear()


class _Order:
    """A launch or a kill on its way."""

    __slots__ = ("deadline_s", "message", "over")

    def __init__(self, message: agent_pb2.Launch | agent_pb2.Kill, over: Over) -> None:
        self.message = message
        self.over = over
        self.deadline_s = 0.0


class AgentStream:
    """The way to and from one agent, while it lasts."""

    def __init__(self, instance: str, deadline_s: float) -> None:
        self.instance = instance
        self.ended = asyncio.Event()
        self.reason = ""
        """Why it ended, once it has."""
        self._deadline_s = deadline_s
        self._loop = asyncio.get_running_loop()
        self._count = 0
        self._unsent: deque[_Order] = deque()
        self._unanswered: dict[int, _Order] = {}
        self._limits: deque[agent_pb2.NewLimits] = deque()
        self._acknowledged: deque[str] = deque()
        self._not_taken: deque[agent_pb2.NotTaken] = deque()
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    # --- to the agent ---------------------------------------------------------------------------------------------

    def launch(self, run: agent_pb2.RunOrder, over: Over) -> None:
        """Have a run started."""
        self._put(agent_pb2.Launch(order=self._next(), run=run), over)

    def kill(self, run_id: str, frame_id: str, message: str, over: Over) -> None:
        """Have a run ended."""
        self._put(agent_pb2.Kill(order=self._next(), run_id=run_id, frame_id=frame_id, message=message), over)

    def limit(self, run_id: str, limits: agent_pb2.Limits) -> None:
        """Say what a run may not exceed from now on."""
        self._limits.append(agent_pb2.NewLimits(run_id=run_id, limits=limits))
        self._wake.set()

    def acknowledge(self, run_id: str) -> None:
        """A run's outcome is durable."""
        self._acknowledged.append(run_id)
        self._wake.set()

    def refuse(self, run_id: str, code: grpc.StatusCode, words: str) -> None:
        """A run's outcome was not taken."""
        words = words[:WORDS_CHARACTERS]
        self._not_taken.append(agent_pb2.NotTaken(run_id=run_id, code=code.value[0], words=words))
        self._wake.set()

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _put(self, message: agent_pb2.Launch | agent_pb2.Kill, over: Over) -> None:
        self._unsent.append(_Order(message, over))
        self._wake.set()

    async def write_to(self, write: Write) -> None:
        """Send what there is, as much as possible in one message, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (message := self._message()) is not None:
                await write(message)

    def _message(self) -> bytes | None:
        message, size = agent_pb2.ToAgent(), 0
        while self._unsent and len(self._unanswered) < ORDERS_UNANSWERED_MAX and size < MESSAGE_BYTES:
            order = self._unsent.popleft()
            if isinstance(order.message, agent_pb2.Launch):
                if message.kills:  # the agent takes launches first; orders keep their order
                    self._unsent.appendleft(order)
                    break
                message.launches.append(order.message)
            else:
                message.kills.append(order.message)
            size += order.message.ByteSize()
            order.deadline_s = self._loop.time() + self._deadline_s
            self._unanswered[order.message.order] = order
        while self._limits and len(message.limits) < LIMITS_PER_MESSAGE:
            message.limits.append(self._limits.popleft())
        while self._acknowledged and len(message.acknowledged) < ACKNOWLEDGED_PER_MESSAGE:
            message.acknowledged.append(self._acknowledged.popleft())
        while self._not_taken and len(message.not_taken) < ACKNOWLEDGED_PER_MESSAGE:
            message.not_taken.append(self._not_taken.popleft())
        if self._unanswered and self._timer is None:
            self._timer = self._loop.call_later(self._deadline_s, self._look_at_clock)
        data = message.SerializeToString()
        return bytes(data) if data else None

    # --- from the agent -------------------------------------------------------------------------------------------

    def answered(self, number: int, code: int, words: str) -> None:
        """The agent answered an order; a second answer is ignored."""
        order = self._unanswered.pop(number, None)
        if order is None:
            return
        status = _CODES.get(code, grpc.StatusCode.UNKNOWN)
        order.over(status, "" if status is grpc.StatusCode.OK else f"{status.name}: {words}"[:WORDS_CHARACTERS])
        if self._unsent:
            self._wake.set()

    def _look_at_clock(self) -> None:
        self._timer = None
        oldest = next(iter(self._unanswered.values()), None)
        if oldest is None:
            return
        remaining_s = oldest.deadline_s - self._loop.time()
        if remaining_s <= 0:
            self.end(f"the agent left an order without an answer for {self._deadline_s:g} s")
        else:
            self._timer = self._loop.call_later(remaining_s, self._look_at_clock)

    def end(self, reason: str) -> None:
        """It is over: what was sent may have arrived, what was not sent did certainly not."""
        if self.ended.is_set():
            return
        self.reason = reason
        self.ended.set()
        if self._timer is not None:
            self._timer.cancel()
        unanswered, unsent = list(self._unanswered.values()), list(self._unsent)
        self._unanswered.clear()
        self._unsent.clear()
        for order in unanswered:
            order.over(None, reason)
        for order in unsent:
            order.over(grpc.StatusCode.ABORTED, f"{NOT_SENT}{reason}")

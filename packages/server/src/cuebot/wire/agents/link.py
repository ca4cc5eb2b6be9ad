"""The way to one agent by calls: its channel, the orders that wait for it, and how many are under way at a time.

An order is sent when there is room for it on its machine, so its deadline is never spent in our queue. How much room
there is follows from how fast the machine answers, as no number fits both a workstation and a load driver that answers
for a thousand hosts: it grows while answers are prompt, and halves when one is late.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

import grpc
import grpc.aio

from cuebot.wire.agents.streams import NOT_SENT, Over

ROOM_AT_FIRST: Final = 8
"""Orders that a machine is given at a time, before it is known how fast it answers."""
ROOM_AT_LEAST: Final = 4
ROOM_AT_MOST: Final = 256
PROMPT_SECONDS: Final = 0.5
"""An answer within this time makes room for one more, where the room was full."""
LATE_PART_OF_DEADLINE: Final = 0.25
"""An order that takes more of its deadline is late, and halves the room."""

_CHANNEL_OPTIONS: Final = (
    ("grpc.enable_retries", 0),  # never a launch twice behind our back
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.client_idle_timeout_ms", 300_000),
)

Send = Callable[[], Coroutine[Any, Any, grpc.StatusCode]]
"""Sends an order, tells whoever waits for its answer, and returns the status."""


class Room:
    """How many orders may be under way to one machine: one more for a prompt answer while it is full, half when late.

    An order that is late holds its place no longer, so that an agent that hangs stops no other of its machine.
    """

    def __init__(self, deadline_s: float) -> None:
        self.late_s: Final = deadline_s * LATE_PART_OF_DEADLINE
        self._size = float(ROOM_AT_FIRST)
        self._taken = 0
        self._halved_s = 0.0
        self._in_line: deque[Link] = deque()
        """Links that found no room, each once."""

    @property
    def size(self) -> int:
        """Places that there are."""
        return int(self._size)

    @property
    def is_free(self) -> bool:
        """Another order may be sent."""
        return self._taken < self.size

    def take(self) -> Place:
        """Take a place for an order that is sent now."""
        place = Place(self, was_last=self._taken + 1 >= self.size)
        self._taken += 1
        return place

    def line_up(self, link: Link) -> None:
        """Have a link go on when there is room again."""
        self._in_line.append(link)

    def is_late(self, sent_s: float, now_s: float) -> None:
        """An order is not answered in time. Those that were under way when the room was halved had the same reason."""
        if sent_s >= self._halved_s:
            self._size, self._halved_s = max(self._size / 2, float(ROOM_AT_LEAST)), now_s
        self._free()

    def is_answered(self, took_s: float, was_last: bool) -> None:
        """An order is over in time."""
        if took_s < PROMPT_SECONDS and was_last:
            self._size = min(self._size + 1, float(ROOM_AT_MOST))
        self._free()

    def _free(self) -> None:
        self._taken -= 1
        while self._in_line and self.is_free:
            self._in_line.popleft().go_on()


class Place:
    """What an order that is under way takes of its machine's room, until it is over or late."""

    __slots__ = ("_room", "_sent_s", "_timer", "_was_last")

    def __init__(self, room: Room, was_last: bool) -> None:
        loop = asyncio.get_running_loop()
        self._room, self._was_last = room, was_last
        self._sent_s = loop.time()
        self._timer: asyncio.TimerHandle | None = loop.call_later(room.late_s, self._late)

    def _late(self) -> None:
        self._timer = None
        self._room.is_late(self._sent_s, asyncio.get_running_loop().time())

    def leave(self) -> None:
        """The order is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._room.is_answered(asyncio.get_running_loop().time() - self._sent_s, self._was_last)


class Link:
    """One agent: its channel, and the orders that wait for it."""

    def __init__(self, target: str, room: Room, not_reached: frozenset[grpc.StatusCode]) -> None:
        self._target, self._room, self._not_reached = target, room, not_reached
        self._channel = grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS)
        self._calls: dict[str, Any] = {}
        self._waiting: deque[tuple[Send, Over]] = deque()
        self._is_in_line = False
        self._under_way: set[asyncio.Task[None]] = set()
        self._answers = 0

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is under way."""
        return not self._under_way and not self._waiting

    def call(self, method: str) -> Any:
        """An RPC that takes and gives bytes."""
        if method not in self._calls:
            self._calls[method] = self._channel.unary_unary(method)
        return self._calls[method]

    def put(self, send: Send, over: Over) -> None:
        """Queue an order."""
        self._waiting.append((send, over))
        if not self._is_in_line:
            self._start()

    def go_on(self) -> None:
        """There is room on the machine again: for one order, and for others of this link when the others had theirs."""
        self._is_in_line = False
        self._start(at_most=1)

    def _start(self, at_most: int = ROOM_AT_MOST) -> None:
        while self._waiting and at_most and self._room.is_free:
            at_most -= 1
            send, _ = self._waiting.popleft()
            task = asyncio.get_running_loop().create_task(self._send(send, self._room.take()))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        if self._waiting and not self._is_in_line:
            self._is_in_line = True
            self._room.line_up(self)

    async def _send(self, send: Send, place: Place) -> None:
        answers = self._answers
        try:
            code = await send()
            if code not in self._not_reached:
                self._answers += 1
            elif self._answers == answers:  # nobody there: an agent that answered others meanwhile was busy
                self._give_up_waiting()
        finally:
            place.leave()

    def _give_up_waiting(self) -> None:
        """The agent does not answer: what was not sent did certainly not happen, and may be booked elsewhere."""
        unsent = list(self._waiting)
        self._waiting.clear()
        for _, over in unsent:
            over(grpc.StatusCode.ABORTED, f"{NOT_SENT}{self._target} does not answer")

    async def close(self) -> None:
        """End everything at once."""
        self._waiting.clear()
        under_way = list(self._under_way)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._channel.close()

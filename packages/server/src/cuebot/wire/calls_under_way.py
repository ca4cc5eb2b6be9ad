"""How much each caller may have under way: one that asks for too much waits, and the others do not."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Exhausted


@dataclass(slots=True)
class _Caller:
    under_way: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    waiting_bytes: int = 0
    reply_bytes: int = 0
    replies: deque[tuple[int, asyncio.Future[None]]] = field(default_factory=deque)
    """Replies that are ready, and wait until enough of the earlier ones has been read."""


class CallsUnderWay:
    """The calls of clients that are under way, by caller; agents are not counted. It knows nobody who has none."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._callers: dict[str, _Caller] = {}

    async def enter(self, name: str, request_bytes: int) -> None:
        """Begin a call, once there is room for it; `leave` ends it. Raises Exhausted where too many wait already."""
        caller = self._of(name)
        if caller.under_way < self._bounds.calls_per_caller:
            caller.under_way += 1
            return
        self._refuse_too_many(name, caller, request_bytes)
        room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        caller.waiting.append(room)
        caller.waiting_bytes += request_bytes
        try:
            await room
        except asyncio.CancelledError:
            if room.done() and not room.cancelled():
                self.leave(name)  # the room came just when nobody wanted it any more
            elif room in caller.waiting:
                caller.waiting.remove(room)
            raise
        finally:
            caller.waiting_bytes -= request_bytes

    def leave(self, name: str) -> None:
        """End a call: its reply has been read, or nobody wants it any more."""
        caller = self._callers[name]
        while caller.waiting:
            room = caller.waiting.popleft()
            if not room.done():
                room.set_result(None)  # the number of those under way stays as it is
                return
        caller.under_way -= 1
        self._forget_if_idle(name, caller)

    async def begin_reply(self, name: str, reply_bytes: int) -> None:
        """Return when a reply may be sent: what the caller has not read yet takes memory here."""
        caller = self._of(name)
        if caller.replies or not self._has_room(caller, reply_bytes):
            room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            caller.replies.append((reply_bytes, room))
            try:
                await room
            except asyncio.CancelledError:
                if room.done() and not room.cancelled():
                    self.end_reply(name, reply_bytes)
                raise
        else:
            caller.reply_bytes += reply_bytes

    def end_reply(self, name: str, reply_bytes: int) -> None:
        """A reply has been read, or never will be."""
        caller = self._callers[name]
        caller.reply_bytes -= reply_bytes
        while caller.replies and (caller.replies[0][1].done() or self._has_room(caller, caller.replies[0][0])):
            size, room = caller.replies.popleft()
            if not room.done():
                caller.reply_bytes += size
                room.set_result(None)
        self._forget_if_idle(name, caller)

    def _of(self, name: str) -> _Caller:
        caller = self._callers.get(name)
        if caller is None:
            caller = self._callers[name] = _Caller()
        return caller

    def _forget_if_idle(self, name: str, caller: _Caller) -> None:
        if not (caller.under_way or caller.reply_bytes or caller.replies):
            del self._callers[name]

    def _has_room(self, caller: _Caller, reply_bytes: int) -> bool:
        return not caller.reply_bytes or caller.reply_bytes + reply_bytes <= self._bounds.reply_bytes_per_caller

    def _refuse_too_many(self, name: str, caller: _Caller, request_bytes: int) -> None:
        bounds = self._bounds
        if len(caller.waiting) >= bounds.waiting_calls_per_caller:
            raise Exhausted(
                f"{name} has {caller.under_way} calls under way here and {len(caller.waiting)} that wait (limits"
                " calls_per_caller, waiting_calls_per_caller); ask for less at a time, and wait for the answers"
            )
        if caller.waiting_bytes + request_bytes > bounds.waiting_bytes_per_caller:
            raise Exhausted(
                f"{name} has {caller.waiting_bytes >> 20} MiB of calls waiting here (limit waiting_bytes_per_caller);"
                " send fewer at a time, and wait for the answers"
            )

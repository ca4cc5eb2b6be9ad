"""What one HTTP connection may cost: how long its requests may take to arrive, and how many one caller may hold."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from cuebot.access.callers import Callers
from cuebot.domain.bounds import Bounds
from cuebot.web.doors import caller_of


class Connections:
    """The connections of one server, by caller."""

    def __init__(self, callers: Callers, bounds: Bounds) -> None:
        self.bounds = bounds
        self._callers = callers
        self._counts: Counter[str] = Counter()

    def take(self, client: object, server: object) -> tuple[str, bool]:
        """Count a connection for whoever makes it; his name, and whether he may have it."""
        caller = caller_of(self._callers, {"client": client, "server": server}).name
        self._counts[caller] += 1
        his_are_few = self._counts[caller] <= self.bounds.http_connections_per_caller
        all_are_few = self._counts.total() <= self.bounds.http_connections
        return caller, his_are_few and all_are_few

    def give_back(self, caller: str) -> None:
        """A connection that was counted is over."""
        self._counts[caller] -= 1
        if self._counts[caller] <= 0:
            del self._counts[caller]


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with an end to waiting: it bounds idle connections itself, but no slow ones."""

    def __init__(self, connections_by_caller: Connections, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._by_caller = connections_by_caller
        self._caller: str | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._stuck_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or cut it where the caller has too many."""
        super().connection_made(transport)
        self._caller, is_one_of_few = self._by_caller.take(self.client, self.server)
        if is_one_of_few:
            self._await_head()
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._caller is not None:
            self._by_caller.give_back(self._caller)
            self._caller = None
        self._head_has_come()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come. A request that is complete as far as its head is no longer waited for."""
        super().data_received(data)
        if self._is_answering():
            self._head_has_come()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it has come already."""
        super().on_response_complete()
        if not self._is_answering():
            self._await_head()

    def pause_writing(self) -> None:
        """The caller takes its answer more slowly than it is written."""
        super().pause_writing()
        if self._stuck_timer is None:
            self._stuck_timer = self.loop.call_later(self._by_caller.bounds.http_stuck_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller has taken some of its answer."""
        super().resume_writing()
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _await_head(self) -> None:
        self._head_has_come()
        if self._caller is not None:
            self._head_timer = self.loop.call_later(self._by_caller.bounds.http_head_seconds, self.transport.abort)

    def _head_has_come(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

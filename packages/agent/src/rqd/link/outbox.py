"""Delivers outcomes until the server has each of them."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Callable, Optional

import grpc

from rqd import log
from rqd.link.host import Host
from rqd.link.messages import Description, completion
from rqd.link.server import Server

IN_FLIGHT_MAX = 16
RETRY_SECONDS_MIN = 0.25
RETRY_SECONDS_MAX = 30.0


class Outbox:
    """Outcomes that the server has not acknowledged. At least once each: the server knows a run by its id."""

    def __init__(
        self, server: Server, host: Host, on_acknowledged: Callable[[str], None], on_failure: Callable[[], None]
    ) -> None:
        self._server = server
        self._host = host
        self._on_acknowledged = on_acknowledged
        self._on_failure = on_failure
        self._waiting: dict[str, tuple[Description, int]] = {}  # the outcome and how often it was tried
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._due: asyncio.Queue[str] = asyncio.Queue()
        self._host_message: Any = host.message()
        self._send_by_stream: Optional[Callable[[Description], None]] = None
        self._on_stream: dict[str, None] = {}  # sent by the stream, in this order, and not answered

    def add(self, run: Description) -> None:
        """Take an outcome for delivery."""
        run_id = run["run_id"]
        if run_id not in self._waiting:
            self._waiting[run_id] = (run, 0)
            self._send(run_id)

    def retry_now(self) -> None:
        """Try everything now: the server is there again."""
        for run_id, timer in list(self._timers.items()):
            timer.cancel()
            self._try_now(run_id)

    def host_measured(self, message: Any) -> None:
        """Send this with outcomes from now on: measuring the host for each of them would cost more than the rest."""
        self._host_message = message

    def stream_opened(self, send: Callable[[Description], None]) -> None:
        """Deliver by the stream from now on, and what waits already first."""
        self._send_by_stream = send
        while not self._due.empty():
            self._send(self._due.get_nowait())

    def stream_lost(self) -> None:
        """Deliver by single calls again, what was under way too: nobody knows whether it arrived."""
        self._send_by_stream = None
        on_stream, self._on_stream = self._on_stream, {}
        for run_id in on_stream:
            self._send(run_id)
        self._on_failure()

    def acknowledged(self, run_id: str) -> None:
        """The server has this outcome on its disk."""
        self._on_stream.pop(run_id, None)
        if self._waiting.pop(run_id, None) is not None:
            self._on_acknowledged(run_id)

    def not_taken(self, run_id: str, why: str) -> None:
        """The server did not take an outcome from the stream."""
        if run_id in self._on_stream:
            del self._on_stream[run_id]
            self._retry_later(run_id, why)

    async def run(self) -> None:
        """Deliver by single calls, a bounded number at a time, until cancelled."""
        await asyncio.gather(*(self._deliver_forever() for _ in range(IN_FLIGHT_MAX)))

    async def _deliver_forever(self) -> None:
        while True:
            run_id = await self._due.get()
            run, _ = self._waiting[run_id]
            try:
                await self._server.call("ReportRunningFrameCompletion", completion(run, self._host_message))
            except grpc.RpcError as problem:
                self._retry_later(run_id, problem.code().name)
                if problem.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    self._on_failure()
            else:
                self.acknowledged(run_id)

    def _send(self, run_id: str) -> None:
        if self._send_by_stream is None:
            self._due.put_nowait(run_id)
        else:
            self._on_stream[run_id] = None
            self._send_by_stream(self._waiting[run_id][0])

    def _retry_later(self, run_id: str, why: str) -> None:
        run, tries = self._waiting[run_id]
        self._waiting[run_id] = (run, tries + 1)
        seconds = min(RETRY_SECONDS_MAX, RETRY_SECONDS_MIN * 2 ** min(tries, 10)) * random.uniform(0.5, 1.5)
        self._timers[run_id] = asyncio.get_running_loop().call_later(seconds, self._try_now, run_id)
        log.warning("outcome not delivered", run=run_id, why=why, retry_in=f"{seconds:.1f}s")

    def _try_now(self, run_id: str) -> None:
        del self._timers[run_id]
        self._send(run_id)

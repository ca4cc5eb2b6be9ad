"""Delivers outcomes until the server has each of them."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Callable

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

    def add(self, run: Description) -> None:
        """Take an outcome for delivery."""
        run_id = run["run_id"]
        if run_id not in self._waiting:
            self._waiting[run_id] = (run, 0)
            self._due.put_nowait(run_id)

    def hurry(self) -> None:
        """Try everything now: the server is there again."""
        for run_id, timer in list(self._timers.items()):
            timer.cancel()
            self._try_now(run_id)

    def host_measured(self, message: Any) -> None:
        """Send this with outcomes from now on: measuring the host for each of them would cost more than the rest."""
        self._host_message = message

    async def run(self) -> None:
        """Deliver, a bounded number at a time, until cancelled."""
        await asyncio.gather(*(self._deliver_forever() for _ in range(IN_FLIGHT_MAX)))

    async def _deliver_forever(self) -> None:
        while True:
            run_id = await self._due.get()
            run, tries = self._waiting[run_id]
            try:
                await self._server.call("ReportRunningFrameCompletion", completion(run, self._host_message))
            except grpc.RpcError as problem:
                self._waiting[run_id] = (run, tries + 1)
                seconds = min(RETRY_SECONDS_MAX, RETRY_SECONDS_MIN * 2 ** min(tries, 10)) * random.uniform(0.5, 1.5)
                self._timers[run_id] = asyncio.get_running_loop().call_later(seconds, self._try_now, run_id)
                log.warning("outcome not delivered", run=run_id, code=problem.code().name, retry_in=f"{seconds:.1f}s")
                if problem.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    self._on_failure()
            else:
                del self._waiting[run_id]
                self._on_acknowledged(run_id)

    def _try_now(self, run_id: str) -> None:
        del self._timers[run_id]
        self._due.put_nowait(run_id)

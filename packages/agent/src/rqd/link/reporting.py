"""Reports to the server: one at the start, then one every ten seconds, and the answers to them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import Any, Callable

import grpc
from opencue_proto import host_pb2, report_pb2

from rqd import log
from rqd.link.host import Host
from rqd.link.messages import core_detail, frame_info
from rqd.link.runner_channel import RunnerChannel
from rqd.link.server import Server

RETRY_SECONDS_MIN = 0.25
RETRY_SECONDS_MAX = 5.0
TOKEN_RETRY_SECONDS_MAX = 30.0
"""A token is mended by somebody, here or at the server: until then a thousand hosts need not ask so often."""
SAID_AGAIN_SECONDS = 60.0
END_RUNS_KEY = "cuefarm-end-runs"

_REFUSALS = (
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNIMPLEMENTED,
)
"""The server is there and wants nothing of this agent, until somebody mends something."""


class Reporting:
    """Keeps the server informed, and the runner of what the server answered."""

    def __init__(
        self,
        *,
        line: RunnerChannel,
        server: Server,
        host: Host,
        report_seconds: float,
        boot_seconds: Callable[[], float],
        on_host_measured: Callable[[Any], None],
        on_contact: Callable[[], None],
        on_contact_lost: Callable[[], None],
    ) -> None:
        self._line = line
        self._server = server
        self._host = host
        self._report_seconds = report_seconds
        self._boot_seconds = boot_seconds
        self._on_host_measured = on_host_measured
        self._on_contact = on_contact
        self._on_contact_lost = on_contact_lost
        self._has_contact = False
        self._failed_since = time.monotonic()
        self._wake = asyncio.Event()
        self._said: dict[str, tuple[tuple[str, str], float]] = {}  # by server: what was logged of it, and when
        self._refused_goodbye: set[str] = set()
        self._goodbye_over = asyncio.Event()
        self._goodbye_was_heard = False

    def report_soon(self) -> None:
        """Send a report now instead of when it is due."""
        self._wake.set()

    async def say_goodbye(self) -> bool:
        """Return when a report that says DOWN was answered (True), or all servers refuse this agent (False).

        After it no report says anything else.
        """
        assert self._host.is_stopping, "the host says that it is stopping first"
        await self._goodbye_over.wait()
        return self._goodbye_was_heard

    def check_contact(self) -> None:
        """An outcome did not get through: find out at once whether the server is there."""
        if self._has_contact:
            self._wake.set()

    async def host_report(self) -> Any:
        """What a report says at this moment."""
        known = await self._line.call("runs")
        host = self._host.message(known["closed"])
        self._on_host_measured(host)
        return report_pb2.HostReport(
            host=host, frames=[frame_info(run) for run in known["runs"]], core_info=core_detail(known["cores"])
        )

    async def run(self) -> None:
        """Report until cancelled."""
        has_started = False
        failures = 0
        while True:
            self._wake.clear()
            try:
                if not has_started:
                    await self._report_startup()
                    has_started = True
                await self._report_status()
            except grpc.RpcError as problem:
                failures += 1
                self._lost(problem)
                longest = RETRY_SECONDS_MAX
                if problem.code() is grpc.StatusCode.UNAUTHENTICATED:
                    longest = TOKEN_RETRY_SECONDS_MAX
                seconds = min(longest, RETRY_SECONDS_MIN * 2 ** min(failures, 10)) * random.uniform(0.8, 1.2)
                if self._host.is_stopping:
                    seconds = min(seconds, 2 * RETRY_SECONDS_MIN)  # there is not much time left
            else:
                failures = 0
                self._regained()
                seconds = self._report_seconds * random.uniform(0.8, 1.2)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), seconds)

    async def _report_startup(self) -> None:
        report = await self.host_report()
        sent_at = self._boot_seconds()
        boot_report = report_pb2.BootReport(host=report.host, core_info=report.core_info)
        await self._server.call("ReportRqdStartup", report_pb2.RqdReportRqdStartupRequest(boot_report=boot_report))
        self._line.tell("known")
        self._line.tell("contact", sent_at=sent_at, confirmed=[], end=[])  # before the launches that may follow at once

    async def _report_status(self) -> None:
        report = await self.host_report()
        sent_at = self._boot_seconds()
        request = report_pb2.RqdReportStatusRequest(host_report=report)
        trailing = await (await self._server.call("ReportStatus", request)).trailing_metadata()
        named = {
            run_id.strip() for key, value in trailing or () if key == END_RUNS_KEY for run_id in str(value).split(",")
        }
        if report.host.state == host_pb2.DOWN:
            self._goodbye_was_heard = True
            self._goodbye_over.set()
        reported = [frame.resource_id for frame in report.frames]
        self._line.tell(
            "contact",
            sent_at=sent_at,
            confirmed=[run_id for run_id in reported if run_id not in named],
            end=[run_id for run_id in reported if run_id in named],
        )

    def _lost(self, problem: grpc.RpcError) -> None:
        if self._has_contact:
            self._failed_since = time.monotonic()
        self._has_contact = False
        is_refused = problem.code() in _REFUSALS
        self._say_lost("report refused" if is_refused else "report not answered", problem)
        if is_refused and self._host.is_stopping:
            self._refused_goodbye.add(self._server.address)
            if self._refused_goodbye.issuperset(self._server.addresses()):
                self._goodbye_over.set()
        self._on_contact_lost()
        self._server.contact_lost()

    def _say_lost(self, event: str, problem: grpc.RpcError) -> None:
        """Log it once for each server, and again when it is something else, or after a while."""
        now = time.monotonic()
        address, what = self._server.address, (problem.code().name, problem.details() or "")
        said, said_at = self._said.get(address, (None, 0.0))
        if said == what and now - said_at < SAID_AGAIN_SECONDS:
            return
        self._said[address] = (what, now)
        log.warning(event, server=address, code=what[0], why=what[1], for_seconds=f"{now - self._failed_since:.0f}")

    def _regained(self) -> None:
        self._said.clear()
        if not self._has_contact:
            log.info("in contact with the server", server=self._server.address)
            self._has_contact = True
            self._on_contact()

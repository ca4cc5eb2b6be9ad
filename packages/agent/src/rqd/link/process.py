"""The link, put together from its parts."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import grpc
from opencue_proto import rqd_pb2_grpc

from rqd import connections, log
from rqd.beforehand import CANNOT_START, CannotStart, check_address
from rqd.link.host import Host
from rqd.link.outbox import Outbox
from rqd.link.reporting import Reporting
from rqd.link.runner_channel import Message, RunnerChannel, RunnerLost
from rqd.link.server import Server
from rqd.link.servicer import RqdServicer
from rqd.link.stream import Stream
from rqd.link.token import Token, TokenCheck
from rqd.options import Options
from rqd.platform import this_system

STOPPED = 0
RUNNER_LOST = 3
MESSAGE_BYTES_MAX = 16 << 20
CONNECTIONS_MAX = 512
CONNECTIONS_OF_A_CALLER_MAX = 64
"""The server has one, and now and then somebody looks."""
GOODBYE_SECONDS = 3.0

_ANY_ADDRESS = ("0.0.0.0", "::", "[::]", "")


def run_link(options: Options, runner_fd: int) -> int:
    """Serve until the runner says stop or is gone; returns which, as an exit status."""
    try:
        token = Token(options.token_file)
    except CannotStart as problem:
        log.error(str(problem))
        return problem.status
    try:
        return asyncio.run(_Link(options, token).run(runner_fd))
    except RunnerLost:
        return RUNNER_LOST  # before everything was even put together


class _Link:
    def __init__(self, options: Options, token: Token) -> None:
        self._options = options
        self._token = token
        self._outcomes_before_start: list[Message] = []
        self._outbox: Outbox
        self._host: Host
        self._reporting: Reporting
        self._has_started = False

    async def run(self, runner_fd: int) -> int:
        self._stop = asyncio.Event()
        line = await RunnerChannel.open(runner_fd, self._news)
        # SO_REUSEPORT would let two agents share a port, and each get half of the other's launches.
        grpc_server = grpc.aio.server(
            interceptors=(TokenCheck(self._token),),
            options=(
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
                *connections.options(CONNECTIONS_MAX),
            ),
        )
        try:
            check_address(self._options.bind, self._options.port)
            port = grpc_server.add_insecure_port(f"{self._options.bind}:{self._options.port}")
        except (CannotStart, RuntimeError) as problem:
            log.error(str(problem))
            return problem.status if isinstance(problem, CannotStart) else CANNOT_START
        shown = self._options.name if self._options.bind in _ANY_ADDRESS else self._options.bind
        address = f"{shown}:{port}"
        hello = await line.call("hello", address=address)
        _write_address(self._options.spool, address)
        server = Server(self._options, self._token)
        self._host = Host(self._options, address, hello)
        self._outbox = Outbox(
            server,
            self._host,
            lambda run_id: line.tell("acknowledged", run_id=run_id),
            lambda: self._reporting.check_contact(),
        )
        stream = Stream(
            server=server,
            line=line,
            host_name=self._options.name,
            address=address,
            on_open=self._outbox.stream_opened,
            on_acknowledged=self._outbox.acknowledged,
            on_not_taken=self._outbox.not_taken,
            on_lost=self._outbox.stream_lost,
        )

        def contact() -> None:
            self._outbox.retry_now()
            stream.contact()

        self._reporting = Reporting(
            line=line,
            server=server,
            host=self._host,
            report_seconds=self._options.report_seconds,
            boot_seconds=this_system().boot_seconds,
            on_host_measured=self._outbox.host_measured,
            on_contact=contact,
            on_contact_lost=stream.contact_lost,
        )
        self._has_started = True
        for message in self._outcomes_before_start:
            self._news(message)
        servicer = RqdServicer(line, self._reporting, hello["instance"])  # type: ignore[abstract]  # see _ABSENT
        rqd_pb2_grpc.add_RqdInterfaceServicer_to_server(servicer, grpc_server)
        await grpc_server.start()
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._reporting.run()),
            asyncio.create_task(self._outbox.run()),
            asyncio.create_task(stream.run()),
            asyncio.create_task(self._stop.wait()),
            asyncio.create_task(connections.Connections(port, CONNECTIONS_OF_A_CALLER_MAX).watch(_tell_ended)),
        ]
        done, _ = await asyncio.wait([*tasks, line.lost], return_when=asyncio.FIRST_COMPLETED)
        if self._stop.is_set() or line.lost.done():
            if self._stop.is_set() and not line.lost.done():
                await self._say_goodbye()
            await grpc_server.stop(grace=0.5)  # callers that still wait get an answer
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return STOPPED if self._stop.is_set() else RUNNER_LOST
        for task in tasks:
            if task in done:
                await task  # a fault of the link: let it be seen, and the runner start another
        raise AssertionError("reporting and delivery never end by themselves")

    async def _say_goodbye(self) -> None:
        """End only when the server knows that this host is down, so that nothing is booked here."""
        self._stopping()
        goodbye = asyncio.ensure_future(self._reporting.say_goodbye())
        _, unheard = await asyncio.wait([goodbye], timeout=GOODBYE_SECONDS)
        if unheard:
            goodbye.cancel()
            log.warning("no server heard the goodbye", seconds=f"{GOODBYE_SECONDS:g}")
        elif not goodbye.result():
            log.info("no goodbye: the server refuses this agent")

    def _stopping(self) -> None:
        if self._host.is_stopping:
            return
        self._host.is_stopping = True
        self._outbox.host_measured(self._host.message())  # outcomes on their way say no more that the host is up
        self._reporting.report_soon()

    def _news(self, message: Message) -> None:
        if "stop" in message:
            self._stop.set()
        elif not self._has_started:
            self._outcomes_before_start.append(message)
        elif "outcome" in message:
            self._outbox.add(message["outcome"])
        elif "stopping" in message:
            self._stopping()


def _tell_ended(ended: dict[str, int]) -> None:
    of = ", ".join(f"{caller}: {count}" for caller, count in sorted(ended.items()))
    log.warning("connections beyond a caller's part were ended", ended=of, most=CONNECTIONS_OF_A_CALLER_MAX)


def _write_address(spool: str, address: str) -> None:
    """Leave the address in the spool, where tools on this machine find an agent that took a free port."""
    path = os.path.join(spool, "address")
    try:
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(address + "\n")
        os.replace(path + ".new", path)
    except OSError as problem:
        log.warning("address not written", path=path, why=problem.strerror)

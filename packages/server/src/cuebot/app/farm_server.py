"""One server, put together: journal, core, engine, gRPC and HTTP. The only place that knows every concrete class."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import uuid
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import structlog
import uvicorn

from cuebot.access.callers import Callers
from cuebot.app.clock import Clock
from cuebot.app.config import Config
from cuebot.app.config_values import host_and_port
from cuebot.app.event_history import ThreadedHistory
from cuebot.app.exit_status import CannotStart, CannotStartNow, passes
from cuebot.app.farm_sums import keep_farm_sums
from cuebot.app.garbage import freeze_survivors
from cuebot.app.host_ends_log import HostEndsLog
from cuebot.app.job_mail import JobMail
from cuebot.app.listening import address_problem, all_sockets, as_number, first_number
from cuebot.app.opening import OpenDatabase, open_database
from cuebot.app.policies import PolicyUnusable, installed_policies
from cuebot.app.retention import keep_retention
from cuebot.domain import commands as c
from cuebot.domain.units import SECOND
from cuebot.engine.core import SYSTEM, Core
from cuebot.engine.engine import Engine
from cuebot.engine.farm_rows import load_farm
from cuebot.feed import EventFeed, Follower, Position
from cuebot.web.connections import BoundedProtocol, Connections
from cuebot.web.health import Health
from cuebot.web.routes import http_app
from cuebot.wire.agents.channel import GrpcAgents
from cuebot.wire.connections import watch_connections
from cuebot.wire.doors import Door, Doors
from cuebot.wire.server import serve

log = structlog.get_logger("server")

DRAIN_SECONDS = 10.0
"""How long a stopping server waits for the outcomes of its agents' frames."""


_LOOPBACK = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "::": "[::1]"}
"""What to connect to where a server listens on every address."""


class FarmServer:
    """A running server. `start`, then `wait`; `drain` and `stop` end it."""

    def __init__(self, config: Config, *, database: str, token: str, log_root: Path) -> None:
        """`database` is an SQLAlchemy URL; `config` says the rest."""
        options = config.server
        self.options = replace(options, grpc=as_number(options.grpc), http=as_number(options.http))
        self.settings = replace(config.settings, log_root=str(log_root))
        self.bounds = config.bounds
        self._database_url = database
        self._token = token
        self._opened = frozenset(Door(who) for who in options.open)
        self.grpc_address = ""
        self.http_address = ""
        self.engine: Engine
        self.feed: EventFeed
        """What happens on the farm, for whoever wants to follow it."""
        self._database: OpenDatabase
        self._agents: GrpcAgents
        self._tasks: list[asyncio.Task[Any]] = []
        self._followers: list[asyncio.Task[None]] = []
        """Rooms that hear what is committed, and without which the server goes on."""

    async def start(self) -> None:
        """Load the farm and listen. Raises CannotStart, or the system's error. May be cancelled while it waits."""
        options, clock = self.options, Clock()
        _check_free(options.grpc, "gRPC", "--grpc")
        _check_free(options.http, "HTTP", "--http")
        try:
            policies = installed_policies()
        except PolicyUnusable as error:
            raise CannotStart(str(error)) from error
        database, rows, last_seq = await open_database(self._database_url, options.wait_for_database_us / SECOND)
        self._database = database
        core = Core(
            load_farm(rows, clock.now_us()),
            last_seq=last_seq,
            started_us=clock.now_us(),
            new_id=lambda: str(uuid.uuid4()),
            settings=self.settings,
            bounds=self.bounds,
            policies=policies,
        )
        freeze_survivors()
        self._agents = GrpcAgents(token=self._token, now_us=clock.now_us)
        self._event_history = ThreadedHistory(database.history)
        host_ends_log = Follower("log of hosts' ends", HostEndsLog(core.farm))
        job_mail = JobMail(core.farm, core.settings)
        mail_follower = Follower("mail of jobs that ended", job_mail)
        self.feed = EventFeed(
            core.farm,
            origin=Position(database.journal.farm_id, database.journal.history_epoch, last_seq),
            history=self._event_history,
            bounds=core.bounds,
            followers=[host_ends_log, mail_follower],
        )
        self.engine = Engine(core, database.journal, self._agents, clock.now_us, self.feed, database.history)
        self._followers = [
            asyncio.create_task(host_ends_log.run(), name="host ends log"),
            asyncio.create_task(mail_follower.run(), name="mail of jobs"),
            asyncio.create_task(job_mail.run(), name="mail on its way"),
        ]
        self._tasks.append(asyncio.create_task(self.engine.run(), name="engine"))
        await self.engine.submit(c.Seed(), SYSTEM)
        retention = keep_retention(database.journal, core.settings, clock)
        self._tasks.append(asyncio.create_task(retention, name="retention"))
        sums = keep_farm_sums(core.farm, self.engine.past_jobs, database.journal, core.settings, clock)
        self._tasks.append(asyncio.create_task(sums, name="farm sums"))
        health = Health(self.engine)
        doors = Doors(self._token, opened=self._opened)
        self._grpc, port = await serve(
            self.engine,
            address=options.grpc,
            streams=self._agents.streams,
            doors=doors,
            allow_root=os.geteuid() == 0,
            history=database.history,
            host_agents=self._agents,
            farm_history=database.history,
            feed=self.feed,
        )
        watch = watch_connections(port, core.bounds)
        self._tasks.append(asyncio.create_task(watch, name="connections"))
        self.grpc_address = f"{options.grpc.rpartition(':')[0]}:{port}"
        health.grpc_bound = True
        await self._serve_http(health)

    def say_ready(self) -> None:
        """Let the log say that all is well, once it is."""
        for door in sorted(self._opened, key=lambda door: door.value):
            log.warning(f"{door.value} are let in without the token, from wherever they reach this server")
        log.info("ready", grpc=self.grpc_address, http=self.http_address, jobs=len(self.engine.farm.jobs))

    async def _serve_http(self, health: Health) -> None:
        host, port = _split(self.options.http)
        callers = Callers(self._token)
        app = http_app(
            health,
            callers=callers,
            name=lambda: self.client_address,
            opened=Door.CLIENTS in self._opened,
            names=(host, socket.gethostname(), *self.options.http_name),
        )
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # anybody can send what is no HTTP
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            # A class is what uvicorn expects; it only calls it.
            http=cast(Any, partial(BoundedProtocol, Connections(callers, self.bounds))),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,  # the secret of a link stands in its address
            proxy_headers=False,  # who calls is who is connected, whatever a header says
            server_header=False,
            h11_max_incomplete_event_size=self.bounds.http_head_bytes,
        )
        both = host == "::" and socket.has_dualstack_ipv6()  # as gRPC does
        listener = socket.create_server((host, port), family=_family(host), backlog=512, dualstack_ipv6=both)
        self.http_address = f"{self.options.http.rpartition(':')[0]}:{listener.getsockname()[1]}"
        self._http = _QuietUvicorn(config)
        self._tasks.append(asyncio.create_task(self._http.serve(sockets=[listener]), name="http"))

    async def wait(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set. Raises whatever ended the engine."""
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([stopping, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in self._tasks:
                if task.done():
                    task.result()
        finally:
            stopping.cancel()

    async def drain(self) -> None:
        """Book nothing more."""
        self.engine.core.draining = True

    async def runs_ended(self, patience_s: float = DRAIN_SECONDS, hosts: set[str] | None = None) -> int:
        """Wait until no run is left, here or on the named hosts. Returns how many are."""
        deadline = asyncio.get_running_loop().time() + patience_s
        while left := self._run_count(hosts):
            if asyncio.get_running_loop().time() >= deadline:
                break
            await asyncio.sleep(0.02)
        return left

    def hosts_with_runs(self) -> set[str]:
        """The names of hosts on which frames run, as far as the server knows."""
        farm = self.engine.farm
        return {farm.hosts[proc.host_id].name for proc in farm.procs.values()}

    def reported_hosts(self) -> set[str]:
        """The names of hosts that have reported since the server started."""
        return {host.name for host in self.engine.farm.hosts.values() if host.reported}

    @property
    def client_address(self) -> str:
        """Where programs on this machine reach the server."""
        host, _, port = self.grpc_address.rpartition(":")
        return first_number(f"{_LOOPBACK.get(host, host)}:{port}")

    @property
    def page_address(self) -> str:
        """Where browsers on this machine reach the server."""
        host, _, port = self.http_address.rpartition(":")
        return f"{_LOOPBACK.get(host, host)}:{port}"

    @property
    def database_name(self) -> str:
        """How messages name the database; no password is in it."""
        return self._database.journal.name

    def _run_count(self, hosts: set[str] | None) -> int:
        farm = self.engine.farm
        if hosts is None:
            return len(farm.procs)
        return sum(farm.hosts[proc.host_id].name in hosts for proc in farm.procs.values())

    async def stop(self) -> None:
        """Make everything durable and stop listening."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.engine.drained(), 5)
        await self._answer_all(grace_s=1.0)
        self._http.should_exit = True
        await self._agents.close()
        engine_task, *others = self._tasks
        engine_task.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 3)
        with contextlib.suppress(asyncio.CancelledError):
            await engine_task
        for follower in self._followers:
            follower.cancel()
        await asyncio.gather(*self._followers, return_exceptions=True)
        self._event_history.close()
        self._database.close()

    async def abandon(self) -> None:
        """Tell whoever waits that the server ends. What cannot be kept is left; nothing waits for the database."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._answer_all(grace_s=0.5), 2)

    async def _answer_all(self, grace_s: float) -> None:
        """End streams and calls: what has an answer by now gets it, the rest is UNAVAILABLE, in words."""
        self._agents.streams.close()
        self.feed.close()
        self.engine.end()
        await self._grpc.stop(grace=grace_s)


class _QuietUvicorn(uvicorn.Server):
    """Signals belong to the farm, not to its HTTP port."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _split(address: str) -> tuple[str, int]:
    try:
        return host_and_port(address)
    except ValueError as error:
        raise CannotStart(str(error)) from error


def _check_free(address: str, what: str, option: str) -> None:
    """gRPC shares ports silently, and takes some of a name's addresses for all; a farm must not."""
    host, port = _split(address)
    which = address
    try:
        for family, place in all_sockets(host, port):
            which = address if place[0] == host else f"{address} ({place[0]})"
            socket.create_server(place, family=family).close()
    except OSError as error:
        kind = CannotStartNow if passes(error) else CannotStart
        if error.errno in (errno.EADDRINUSE, errno.EACCES):  # the address is well, the port is not
            remedy = f"{option} {address.rpartition(':')[0]}:0 picks a free port"
        else:
            remedy = (
                f"{option} 127.0.0.1:{port} is for this machine alone, {option} 0.0.0.0:{port} for all its addresses"
            )
        raise kind(f"the {what} address {which} {address_problem(error)}; choose another: {remedy}") from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET

"""A real server on a loopback port around a real engine, a journal in memory, and agents that answer over gRPC."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from opencue_proto import (
    comment_pb2_grpc,
    cue_pb2_grpc,
    depend_pb2_grpc,
    facility_pb2_grpc,
    host_pb2_grpc,
    job_pb2,
    job_pb2_grpc,
    monitoring_pb2_grpc,
    report_pb2,
    report_pb2_grpc,
    rqd_pb2,
    rqd_pb2_grpc,
    service_pb2_grpc,
    show_pb2_grpc,
    subscription_pb2_grpc,
)
from run_history import MemoryRunHistory

from cuebot.domain import commands as c
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.farm import Farm
from cuebot.engine.core import SYSTEM, Core
from cuebot.engine.engine import Engine
from cuebot.engine.farm_rows import Rows, load_farm
from cuebot.engine.ports import Batch, JournalError
from cuebot.feed import EventFeed, Position
from cuebot.journal import History, SqlJournal
from cuebot.wire.agents.channel import GrpcAgents
from cuebot.wire.doors import Doors
from cuebot.wire.server import serve
from cuefarm_proto import farm_pb2_grpc

sys.path.insert(0, str(Path(__file__).parent))  # the helper beside these tests, which is no package

from wire_scene import Scene

TOKEN = "the token of this installation"


def now_us() -> int:
    """Return the wall clock in microseconds."""
    return time.time_ns() // 1_000


class MemoryJournal:
    """Keeps what is committed, as the port demands: all of a batch or nothing, and a batch twice is no error."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.frames: list[Any] = []
        self.events: dict[int, Any] = {}
        self.broken = False

    async def commit(self, batch: Batch) -> None:
        """Keep a batch."""
        await asyncio.sleep(0)
        if self.broken:
            raise JournalError("the disk is full")
        for kind, rows in batch.rows.things.items():
            self.rows.setdefault(kind, {}).update({row["id"]: row for row in rows})
        for kind, ids in batch.rows.removed.items():
            for id in ids:
                self.rows.get(kind, {}).pop(id, None)
        self.frames.extend(batch.rows.frames)
        self.events.update({recorded.seq: recorded for recorded in batch.events})

    async def probe(self) -> None:
        """Fail like a commit."""
        if self.broken:
            raise JournalError("the disk is full")

    async def events_since(self, seq: int, limit: int) -> list[Any]:
        """Return a page of events, as a history on disk does."""
        await asyncio.sleep(0)
        return [self.events[number] for number in sorted(self.events) if number > seq][:limit]

    def load(self) -> tuple[Rows, int]:
        """Return what was kept; frames as they were written, oldest first."""
        rows = Rows({kind: list(by_id.values()) for kind, by_id in self.rows.items()}, {}, list(self.frames))
        return rows, max(self.events, default=0)


class Site:
    """One server, and stubs to it."""

    task: asyncio.Task[None]
    databases: tuple[Any, ...]

    def __init__(self, engine: Engine, journal: MemoryJournal, agents: GrpcAgents, server: Any, port: int) -> None:
        self.engine, self.journal, self.agents, self.server, self.port = engine, journal, agents, server, port
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        self.job = job_pb2_grpc.JobInterfaceStub(self.channel)
        self.layer = job_pb2_grpc.LayerInterfaceStub(self.channel)
        self.frame = job_pb2_grpc.FrameInterfaceStub(self.channel)
        self.group = job_pb2_grpc.GroupInterfaceStub(self.channel)
        self.show = show_pb2_grpc.ShowInterfaceStub(self.channel)
        self.host = host_pb2_grpc.HostInterfaceStub(self.channel)
        self.proc = host_pb2_grpc.ProcInterfaceStub(self.channel)
        self.facility = facility_pb2_grpc.FacilityInterfaceStub(self.channel)
        self.allocation = facility_pb2_grpc.AllocationInterfaceStub(self.channel)
        self.subscription = subscription_pb2_grpc.SubscriptionInterfaceStub(self.channel)
        self.service = service_pb2_grpc.ServiceInterfaceStub(self.channel)
        self.depend = depend_pb2_grpc.DependInterfaceStub(self.channel)
        self.comment = comment_pb2_grpc.CommentInterfaceStub(self.channel)
        self.monitoring = monitoring_pb2_grpc.MonitoringInterfaceStub(self.channel)
        self.cue = cue_pb2_grpc.CueInterfaceStub(self.channel)
        self.report = report_pb2_grpc.RqdReportInterfaceStub(self.channel)
        self.farm_interface = farm_pb2_grpc.FarmInterfaceStub(self.channel)

    @property
    def farm(self) -> Farm:
        """The farm behind the server."""
        return self.engine.farm

    async def stop(self) -> None:
        """End it, so that another may have its database."""
        if self.task.done():
            return
        await self.channel.close()
        await self.server.stop(None)
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.agents.close()
        for database in self.databases:
            database.close()

    async def launch(self, layers: str = "", *, name: str = "comp", paused: bool = False, extra: str = "") -> Any:
        """Launch a job and return its message. `layers` are layer elements; left out, one of ten frames."""
        text = spec(layers or layer("beauty", "1-10"), name=name, paused=paused, extra=extra)
        reply = await self.job.LaunchSpecAndWait(job_pb2.JobLaunchSpecAndWaitRequest(spec=text))
        return reply.jobs.jobs[0]

    async def layers_of(self, job: Any) -> list[Any]:
        """Return a job's layers."""
        reply = await self.job.GetLayers(job_pb2.JobGetLayersRequest(job=job))
        return list(reply.layers.layers)

    async def frames_of(self, job: Any, **criteria: Any) -> list[Any]:
        """Return a job's frames by criteria."""
        request = job_pb2.JobGetFramesRequest(job=job, req=job_pb2.FrameSearchCriteria(**criteria))
        return list((await self.job.GetFrames(request)).frames.frames)

    async def refused(self, call: Awaitable[Any]) -> tuple[str, str]:
        """Return the status and the words with which a call was refused."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        return caught.value.code().name, caught.value.details() or ""


def layer(name: str, range_text: str, *, cores: str = "1.0", memory: str = "512m", command: str = "true") -> str:
    """Return a layer element."""
    return (
        f'<layer name="{name}" type="Render"><cmd>{command}</cmd><range>{range_text}</range><chunk>1</chunk>'
        f"<cores>{cores}</cores><memory>{memory}</memory><tags>general</tags></layer>"
    )


def spec(layers: str, *, name: str = "comp", user: str = "ada", paused: bool = False, extra: str = "") -> str:
    """Return a job specification."""
    return (
        f"<spec><facility>local</facility><show>testing</show><shot>sh1</shot><user>{user}</user>"
        f'<job name="{name}"><paused>{paused}</paused><layers>{layers}</layers></job>{extra}</spec>'
    )


def render_host(name: str, *, cores: int = 4, **attributes: str) -> report_pb2.RenderHost:
    """Return what a host says of itself: 8 GiB, its cores, nothing running."""
    return report_pb2.RenderHost(
        name=name,
        facility="local",
        num_procs=cores,
        cores_per_proc=100,
        total_mem=8_388_608,
        free_mem=8_388_608,
        total_swap=1_048_576,
        free_swap=1_048_576,
        total_mcp=10_485_760,
        free_mcp=10_485_760,
        load=0,
        boot_time=1_700_000_000,
        tags=["general", "64bit"],
        attributes={"SP_OS": "linux", **attributes},
    )


class FakeAgent(rqd_pb2_grpc.RqdInterfaceServicer):
    """An agent that keeps the protocol and runs nothing: a launched frame has succeeded a moment later."""

    def __init__(self, site: Site, name: str, *, ours: bool = True, cores: int = 4, instance: str = "") -> None:
        self.site, self.name, self.ours, self.cores, self.instance = site, name, ours, cores, instance
        self.launched: list[Any] = []
        self.launch_metadata: list[dict[str, str]] = []
        self.killed: list[str] = []
        self.runs: dict[str, Any] = {}
        self.finish = True
        self.refuse: grpc.StatusCode | None = None
        self.raises = False
        self.stopped = False
        self.restarts: list[str] = []
        self.reboots: list[str] = []
        self._server = grpc.aio.server()
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""

    async def start(self) -> FakeAgent:
        """Listen, and say so to the server."""
        rqd_pb2_grpc.add_RqdInterfaceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        await self.boot()
        return self

    async def boot(self) -> None:
        """Say that it has started."""
        request = report_pb2.RqdReportRqdStartupRequest(boot_report=report_pb2.BootReport(host=self.facts()))
        await self.site.report.ReportRqdStartup(request, metadata=self.metadata())
        await self.report()

    async def stop(self) -> None:
        """Stop listening."""
        await self._server.stop(None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what the agent sends with each call."""
        return (("cuefarm-token", TOKEN),)

    def facts(self) -> report_pb2.RenderHost:
        """Return what the host says of itself."""
        ours = (
            {"cuefarm.agent": "0.1.0", "cuefarm.lease_seconds": "300", "cuefarm.instance": self.instance}
            if self.ours
            else {}
        )
        return render_host(self.name, cores=self.cores, **{"cuefarm.address": self.address, **ours})

    async def report(self) -> list[str]:
        """Send a status report; return the runs that the server wants ended."""
        frames = [self._running(run) for run in self.runs.values()]
        report = report_pb2.HostReport(host=self.facts(), frames=frames)
        call = self.site.report.ReportStatus(
            report_pb2.RqdReportStatusRequest(host_report=report), metadata=self.metadata()
        )
        await call
        trailing = dict(await call.trailing_metadata() or ())
        return [run for run in str(trailing.get("cuefarm-end-runs", "")).split(",") if run]

    async def complete(
        self, run: Any, *, exit_status: int = 0, exit_signal: int = 0, cause: str = "exited", **told: str
    ) -> None:
        """Report how a run ended; `told` are further attributes, such as `message`."""
        self.runs.pop(run.resource_id, None)
        info = self._running(run)
        info.attributes["cuefarm.cause"] = cause
        for name, value in told.items():
            info.attributes[f"cuefarm.{name}"] = value
        report = report_pb2.FrameCompleteReport(
            host=self.facts(), frame=info, exit_status=exit_status, exit_signal=exit_signal, run_time=1
        )
        await self.site.report.ReportRunningFrameCompletion(
            report_pb2.RqdReportRunningFrameCompletionRequest(frame_complete_report=report), metadata=self.metadata()
        )

    async def LaunchFrame(self, request: Any, context: Any) -> Any:
        """Take a run, and end it soon."""
        if self.raises:
            raise RuntimeError("no room here")
        if self.refuse is not None:
            await context.abort(self.refuse, "not now")
        run = request.run_frame
        self.launched.append(run)
        self.launch_metadata.append({k: str(v) for k, v in context.invocation_metadata()})
        self.runs[run.resource_id] = run
        if self.finish:
            task = asyncio.get_running_loop().create_task(self.complete(run))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return rqd_pb2.RqdStaticLaunchFrameResponse()

    async def KillRunningFrame(self, request: Any, context: Any) -> Any:
        """End a run as if it were by SIGTERM."""
        run_id = str(dict(context.invocation_metadata())["cuefarm-run-id"])
        if run_id not in self.runs:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such run")
        self.killed.append(request.message)
        run = self.runs[run_id]
        task = asyncio.get_running_loop().create_task(self.complete(run, exit_status=1, exit_signal=15, cause="killed"))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return rqd_pb2.RqdStaticKillRunningFrameResponse()

    async def ShutdownRqdNow(self, request: Any, context: Any) -> Any:
        """Note that it was asked to stop."""
        self.stopped = True
        return rqd_pb2.RqdStaticShutdownNowResponse()

    async def RestartRqdNow(self, request: Any, context: Any) -> Any:
        """Note that it was asked to start anew, or refuse."""
        if self.refuse is not None:
            await context.abort(self.refuse, "not here")
        self.restarts.append("now")
        return rqd_pb2.RqdStaticRestartNowResponse()

    async def RestartRqdIdle(self, request: Any, context: Any) -> Any:
        """The same, after its last run."""
        self.restarts.append("when idle")
        return rqd_pb2.RqdStaticRestartIdleResponse()

    async def RebootNow(self, request: Any, context: Any) -> Any:
        """Note that it was asked to reboot its machine, or refuse."""
        if self.refuse is not None:
            await context.abort(self.refuse, "not here")
        self.reboots.append("now")
        return rqd_pb2.RqdStaticRebootNowResponse()

    async def RebootIdle(self, request: Any, context: Any) -> Any:
        """The same, after its last run."""
        if self.refuse is not None:
            await context.abort(self.refuse, "not here")
        self.reboots.append("when idle")
        return rqd_pb2.RqdStaticRebootIdleResponse()

    async def UnlockAll(self, request: Any, context: Any) -> Any:
        """Note that what it was to do when idle is taken back."""
        self.reboots.append("not")
        return rqd_pb2.RqdStaticUnlockAllResponse()

    def _running(self, run: Any) -> report_pb2.RunningFrameInfo:
        return report_pb2.RunningFrameInfo(
            resource_id=run.resource_id,
            job_id=run.job_id,
            frame_id=run.frame_id,
            layer_id=run.layer_id,
            rss=1_000,
            max_rss=2_000,
            attributes={"cuefarm.state": "running"},
        )


async def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    """Wait until something is so; fail after a time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be so in time"
        await asyncio.sleep(0.005)


class Tools:
    """The helpers of this folder, as one fixture."""

    layer = staticmethod(layer)
    spec = staticmethod(spec)
    render_host = staticmethod(render_host)
    until = staticmethod(until)
    token = TOKEN


@pytest.fixture
def tools() -> Tools:
    """Builders of specifications and hosts, and a way to wait."""
    return Tools()


@pytest.fixture
async def start_site() -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """Start servers with options of `serve`, or with other `bounds` and `settings`; all are stopped at the end.

    With a `database` they keep their farm there, otherwise in memory.
    """
    running: list[Site] = []

    async def start(database: str = "", **options: Any) -> Site:
        journal: Any = SqlJournal(database) if database else MemoryJournal()
        past = History(database) if database else None
        rows, last_seq = journal.load()
        core = Core(
            load_farm(rows, now_us()),
            last_seq=last_seq,
            started_us=now_us(),
            new_id=lambda: str(uuid.uuid4()),
            bounds=options.pop("bounds", DEFAULT_BOUNDS),
            settings=options.pop("settings", None),
        )
        agents = GrpcAgents(token=TOKEN, now_us=now_us, deadline_s=2.0)
        feed = EventFeed(core.farm, origin=Position("0f", 1, 0), history=past or journal, bounds=core.bounds)
        engine = Engine(core, journal, agents, now_us, feed, past)
        task = asyncio.get_running_loop().create_task(engine.run())
        await engine.submit(c.Seed(), SYSTEM)
        history = past or MemoryRunHistory(lambda: [journal.events[seq] for seq in sorted(journal.events)])
        chosen = {
            "doors": Doors(TOKEN),
            "allow_root": False,
            "history": history,
            "farm_history": past,
            "feed": feed,
            **options,
        }
        server, port = await serve(engine, address="127.0.0.1:0", streams=agents.streams, host_agents=agents, **chosen)
        site = Site(engine, journal, agents, server, port)
        site.task, site.databases = task, (past, journal) if database else ()
        running.append(site)
        return site

    yield start
    for site in running:
        await site.stop()


@pytest.fixture
async def site(start_site: Callable[..., Awaitable[Site]]) -> Site:
    """A server on a farm of a first start."""
    return await start_site()


@pytest.fixture
async def start_agent_of() -> AsyncIterator[Callable[..., Awaitable[FakeAgent]]]:
    """Start agents of servers; all are stopped at the end."""
    agents: list[FakeAgent] = []

    async def start(site: Site, name: str = "host1", **options: Any) -> FakeAgent:
        agents.append(FakeAgent(site, name, **options))
        return await agents[-1].start()

    yield start
    for agent in agents:
        await agent.stop()


@pytest.fixture
def start_agent(site: Site, start_agent_of: Any) -> Callable[..., Awaitable[FakeAgent]]:
    """Start agents of `site`."""
    return partial(start_agent_of, site)


@pytest.fixture
async def make_scene(site: Any, start_agent: Any, tools: Any) -> Callable[..., Awaitable[Scene]]:
    """Make scenes: a range of frames, and a host that ends nothing by itself."""

    async def make(frames: str = "1-3", name: str = "comp") -> Scene:
        agent = await start_agent(f"host-{name}")
        agent.finish = False
        return Scene(site, agent, tools, await site.launch(tools.layer("beauty", frames), name=name))

    return make


@pytest.fixture
def logs(site: Any, tmp_path: Path) -> Path:
    """A folder for the logs of jobs that are launched from now on."""
    site.engine.core.settings = type(site.engine.core.settings)(log_root=str(tmp_path))
    return tmp_path

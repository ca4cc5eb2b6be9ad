"""The gRPC border alone: what a completion, a launch and a whole frame cost the server, without processes and disk.

Agents that run nothing live in a process of their own; CPU is that of the server's process.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc
import grpc.aio
import uvloop
from opencue_proto import job_pb2, report_pb2, report_pb2_grpc, rqd_pb2, rqd_pb2_grpc

from benchmarks.table import Figure, show
from cuebot.app.log_levels import LogLevels
from cuebot.app.logs import configure
from cuebot.domain import commands as c
from cuebot.domain.farm import Farm
from cuebot.domain.states import JobState
from cuebot.domain.units import CoreUnits, KiB
from cuebot.engine.core import SYSTEM, Core
from cuebot.engine.engine import Engine
from cuebot.engine.farm_rows import Rows
from cuebot.engine.ports import Answer, Batch
from cuebot.engine.requests import Address, LaunchRequest, RunLimits
from cuebot.spec import parse_spec
from cuebot.wire.agents.channel import GrpcAgents
from cuebot.wire.doors import Doors
from cuebot.wire.server import serve

CALLS = 5_000
IN_FLIGHT = 32
FRAMES = 5_000
HOSTS = 4
CORES = 32


def figures() -> Iterator[Figure]:
    """Measure every path on a loop of its own."""
    for case in (completions, launches, whole_frames, reads):
        yield from uvloop.run(_with_server(case))


async def completions(engine: Engine, port: int) -> list[Figure]:
    """Outcomes that an agent reports, each answered after its commit."""
    cpu_s, wall_s = await _measured(_child("completions", port))
    return [
        Figure("completion: server CPU an RPC", 1e6 * cpu_s / CALLS, "us"),
        Figure(f"completion: {IN_FLIGHT} in flight", CALLS / wall_s, "/s"),
    ]


async def launches(engine: Engine, port: int) -> list[Figure]:
    """Orders that one agent takes, and of which it then says nothing."""
    async with _Agents(port, "silent-agents") as agents:
        client = GrpcAgents(token=None, now_us=_now_us)
        answered: list[Answer] = []
        done = asyncio.Event()

        def count(run_id: str, answer: Answer, words: str) -> None:
            answered.append(answer)
            if len(answered) == CALLS:
                done.set()

        orders = [_order(number) for number in range(CALLS)]
        cpu_began, began = time.process_time(), time.perf_counter()
        client.launch(Address("h", "h", agents.targets[0], True), orders, count)
        await done.wait()
        cpu_s, wall_s = time.process_time() - cpu_began, time.perf_counter() - began
        await client.close()
        assert set(answered) == {Answer.ACCEPTED}, set(answered)
    return [
        Figure("launch: server CPU an RPC", 1e6 * cpu_s / CALLS, "us"),
        Figure("launch: to one agent", CALLS / wall_s, "/s"),
    ]


async def whole_frames(engine: Engine, port: int) -> list[Figure]:
    """A job of frames that take no time: planned, booked, launched, completed, all of it over gRPC."""
    async with _Agents(port):
        spec = parse_spec(_spec_text())
        cpu_began, began = time.process_time(), time.perf_counter()
        [job_id] = await engine.submit(c.SubmitJobs(spec), SYSTEM)
        while engine.farm.jobs[job_id].state is not JobState.FINISHED:
            await asyncio.sleep(0.01)
        cpu_s, wall_s = time.process_time() - cpu_began, time.perf_counter() - began
    return [
        Figure("whole frame: server CPU", 1e6 * cpu_s / FRAMES, "us"),
        Figure(f"frames through {HOSTS} agents, protocol only", FRAMES / wall_s, "/s"),
    ]


async def reads(engine: Engine, port: int) -> list[Figure]:
    """A page of 1,000 frames of a job of 100,000, found, built and sent."""
    text = _spec_text().replace(f"1-{FRAMES}", "1-100000")
    [job_id] = await engine.submit(c.SubmitJobs(parse_spec(text)), SYSTEM)
    request = job_pb2.JobGetFramesRequest(job=job_pb2.Job(id=job_id))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        get_frames = channel.unary_unary("/job.JobInterface/GetFrames")
        body = request.SerializeToString()
        await get_frames(body)
        cpu_began = time.process_time()
        for _ in range(20):
            await get_frames(body)
        cpu_s = time.process_time() - cpu_began
    return [Figure("GetFrames, 1,000 of 100,000: CPU of both ends", 1e3 * cpu_s / 20, "ms")]


# --- the server ---------------------------------------------------------------------------------------------------


class NullJournal:
    """Forgets what is committed."""

    async def commit(self, batch: Batch) -> None:
        """Let the loop turn once, as a commit does."""
        await asyncio.sleep(0)

    async def probe(self) -> None:
        """It is always there."""

    def load(self) -> tuple[Rows, int]:
        """Nothing."""
        return Rows(), 0


def _now_us() -> int:
    return time.time_ns() // 1_000


async def _with_server(case: Callable[[Engine, int], Awaitable[list[Figure]]]) -> list[Figure]:
    configure(LogLevels())  # as every server does: what nobody reads is not written
    core = Core(Farm(), last_seq=0, started_us=_now_us(), new_id=lambda: str(uuid.uuid4()))
    agents = GrpcAgents(token=None, now_us=_now_us)
    engine = Engine(core, NullJournal(), agents, _now_us)
    task = asyncio.create_task(engine.run())
    await engine.submit(c.Seed(), SYSTEM)
    server, port = await serve(
        engine,
        address="127.0.0.1:0",
        streams=agents.streams,
        doors=Doors(None),
        allow_root=False,
    )
    try:
        return await case(engine, port)
    finally:
        await server.stop(None)
        await agents.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _measured(work: Awaitable[None]) -> tuple[float, float]:
    cpu_began, began = time.process_time(), time.perf_counter()
    await work
    return time.process_time() - cpu_began, time.perf_counter() - began


def _spec_text() -> str:
    return (
        "<spec><facility>local</facility><show>testing</show><shot>bench</shot><user>bench</user>"
        f'<job name="wire"><layers><layer name="frames" type="Render"><cmd>true</cmd><range>1-{FRAMES}</range>'
        "<chunk>1</chunk><cores>1.0</cores><memory>256m</memory></layer></layers></job></spec>"
    )


def _order(number: int) -> LaunchRequest:
    return LaunchRequest(
        run_id=str(uuid.uuid4()),
        job_id="job",
        job_name="testing-bench-bench_wire",
        frame_id=f"frame-{number}",
        frame_name=f"{number:04d}-frames",
        layer_id="layer",
        command="true",
        environment={f"CUE_{name}": "value" for name in "ABCDEFGHIJKLMNOPQRS"},
        user="bench",
        uid=None,
        log_dir="/tmp",
        show="testing",
        shot="bench",
        os="",
        cores=CoreUnits(100),
        memory=KiB(262_144),
        gpus=0,
        soft_memory=KiB(400_000),
        hard_memory=KiB(500_000),
        limits=RunLimits(0, 0, 120, KiB(500_000)),
    )


# --- agents, in a process of their own ----------------------------------------------------------------------------


async def _child(case: str, port: int) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.wire", case, str(port))
    if await process.wait():
        raise RuntimeError(f"the child for {case} failed with {process.returncode}")


class _Agents:
    """A process with several agents; `targets` has their addresses."""

    def __init__(self, port: int, case: str = "agents") -> None:
        self._port = port
        self._case = case
        self.targets: list[str] = []

    async def __aenter__(self) -> _Agents:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.wire", self._case, str(self._port)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.targets = (await self._process.stdout.readline()).decode().split()
        return self

    async def __aexit__(self, *unused: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


class _Agent(rqd_pb2_grpc.RqdInterfaceServicer):
    """Takes what it is given; a moment later it has succeeded."""

    def __init__(self, name: str, reports: Any, *, silent: bool) -> None:
        self._reports = reports
        self._silent = silent
        self._tasks: set[asyncio.Task[None]] = set()
        self.host = _render_host(name)

    async def LaunchFrame(self, request: Any, context: Any) -> Any:
        """Take a run."""
        if self._silent:
            return rqd_pb2.RqdStaticLaunchFrameResponse()
        task = asyncio.create_task(self._complete(request.run_frame))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return rqd_pb2.RqdStaticLaunchFrameResponse()

    async def _complete(self, run: Any) -> None:
        await self._reports.ReportRunningFrameCompletion(_completion(self.host, run.resource_id, run.frame_id))


def _render_host(name: str) -> report_pb2.RenderHost:
    return report_pb2.RenderHost(
        name=name,
        facility="local",
        num_procs=CORES,
        cores_per_proc=100,
        total_mem=134_217_728,
        free_mem=134_217_728,
        total_mcp=1_000_000,
        free_mcp=1_000_000,
        tags=["general", "64bit"],
        attributes={"SP_OS": "linux", "cuefarm.agent": "bench", "cuefarm.lease_seconds": "300"},
    )


def _completion(host: Any, run_id: str, frame_id: str) -> Any:
    info = report_pb2.RunningFrameInfo(resource_id=run_id, frame_id=frame_id, attributes={"cuefarm.cause": "exited"})
    report = report_pb2.FrameCompleteReport(host=host, frame=info, run_time=1)
    return report_pb2.RqdReportRunningFrameCompletionRequest(frame_complete_report=report)


async def _send_completions(port: int) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        reports = report_pb2_grpc.RqdReportInterfaceStub(channel)
        host = _render_host("bench")
        await reports.ReportRqdStartup(
            report_pb2.RqdReportRqdStartupRequest(boot_report=report_pb2.BootReport(host=host))
        )

        async def some() -> None:
            for _ in range(CALLS // IN_FLIGHT + 1):
                await reports.ReportRunningFrameCompletion(_completion(host, str(uuid.uuid4()), "frame"))

        await asyncio.gather(*(some() for _ in range(IN_FLIGHT)))


async def _run_agents(port: int, *, silent: bool) -> None:
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    reports = report_pb2_grpc.RqdReportInterfaceStub(channel)
    servers, targets = [], []
    for number in range(HOSTS):
        agent = _Agent(f"bench{number}", reports, silent=silent)
        server = grpc.aio.server()
        rqd_pb2_grpc.add_RqdInterfaceServicer_to_server(agent, server)
        target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        agent.host.attributes["cuefarm.address"] = target
        boot = report_pb2.BootReport(host=agent.host)
        await reports.ReportRqdStartup(report_pb2.RqdReportRqdStartupRequest(boot_report=boot))
        servers.append(server)
        targets.append(target)
    print(*targets, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for server in servers:
        await server.stop(None)
    await channel.close()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        case, port = sys.argv[1], int(sys.argv[2])
        uvloop.run(_send_completions(port) if case == "completions" else _run_agents(port, silent=case != "agents"))
    else:
        print(show(list(figures())))

"""How many frames a second one agent runs, and what each costs.

Starts the real agent (runner and link) on a free port and a spool of its own, and plays the server: launches `true`
with a bounded number in flight, and acknowledges each outcome. Each frame makes a log file, so the disk below $TMPDIR
counts: on ext4 a new file can cost ten times as much while thousands were deleted nearby within the last seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import psutil
from opencue_proto import report_pb2, report_pb2_grpc, rqd_pb2, rqd_pb2_grpc

from benchmarks.table import Figure

TOKEN = "a token of this benchmark"
FRAMES = 2_000
IN_FLIGHT = 64


class ReportServer(report_pb2_grpc.RqdReportInterfaceServicer):
    """Acknowledges everything, and lets whoever waits for an outcome know."""

    def __init__(self) -> None:
        self.address = asyncio.get_running_loop().create_future()
        self.outcomes: dict[str, asyncio.Future[int]] = {}

    async def ReportRqdStartup(self, request, context):
        self.address.set_result(request.boot_report.host.attributes["cuefarm.address"])
        return report_pb2.RqdReportRqdStartupResponse()

    async def ReportStatus(self, request, context):
        return report_pb2.RqdReportStatusResponse()

    async def ReportRunningFrameCompletion(self, request, context):
        report = request.frame_complete_report
        waiting = self.outcomes.pop(report.frame.resource_id, None)
        if waiting is not None:
            waiting.set_result(report.exit_status)
        return report_pb2.RqdReportRunningFrameCompletionResponse()


def cpu_seconds(process: psutil.Process) -> float:
    """CPU time of a process itself, without the frames that it ran."""
    used = process.cpu_times()
    return used.user + used.system


def figures() -> Iterator[Figure]:
    """Measure an agent of its own, started for this."""
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-", dir=os.environ.get("TMPDIR")) as folder:
        yield from asyncio.run(measure(Path(folder)))


@contextlib.asynccontextmanager
async def agent_alone(folder: Path, cores: int) -> AsyncIterator[tuple[ReportServer, psutil.Process, str]]:
    """The real agent with this process as its server: what takes its reports, its runner, and its address."""
    servicer = ReportServer()
    server = grpc.aio.server()
    report_pb2_grpc.add_RqdReportInterfaceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    words = ["--server", f"127.0.0.1:{port}", "--port", "0", "--spool", str(folder / "spool")]
    words += ["--cores", str(cores), "--log-level", "warning", "--token-file", str(folder / "token")]
    (folder / "token").write_text(TOKEN)
    agent = subprocess.Popen([sys.executable, "-m", "rqd", *words], env={**os.environ, "RQD_RUN_AS_ROOT": "1"})
    try:
        address = await asyncio.wait_for(servicer.address, 20)
        yield servicer, psutil.Process(agent.pid), address
    finally:
        agent.send_signal(signal.SIGINT)  # with its frames
        await asyncio.to_thread(agent.wait, 30)
        await server.stop(0)


async def measure(folder: Path) -> list[Figure]:
    """Run the frames and say what it took."""
    started = time.perf_counter()
    async with agent_alone(folder, IN_FLIGHT) as (servicer, runner, address):
        found = [Figure("agent: start to first report", time.perf_counter() - started, "s")]
        link = runner.children()[0]
        async with grpc.aio.insecure_channel(address) as channel:
            stub = rqd_pb2_grpc.RqdInterfaceStub(channel)
            await run_frames(servicer, stub, 200, folder)  # warm up
            before = [cpu_seconds(process) for process in (runner, link)]
            started = time.perf_counter()
            await run_frames(servicer, stub, FRAMES, folder)
            wall = time.perf_counter() - started
        found.append(Figure("agent alone: `true` with log and exit status", FRAMES / wall, "frames/s"))
        for name, process, earlier in zip(("runner", "link"), (runner, link), before, strict=True):
            used_us = (cpu_seconds(process) - earlier) / FRAMES * 1e6
            found.append(Figure(f"agent alone: CPU a frame, {name}", used_us, "us"))
        return found


async def run_frames(servicer: ReportServer, stub: rqd_pb2_grpc.RqdInterfaceStub, count: int, folder: Path) -> None:
    """Run so many frames, a bounded number at a time."""
    remaining = iter(range(count))

    async def keep_running() -> None:
        for number in remaining:
            run_id = str(uuid.uuid4())
            outcome = servicer.outcomes[run_id] = asyncio.get_running_loop().create_future()
            frame = rqd_pb2.RunFrame(
                resource_id=run_id,
                frame_id=run_id,
                frame_name=f"{number:04d}-bench",
                job_name=f"bench-{count}",
                command="true",
                user_name="bench",
                log_dir=str(folder / "logs"),
                num_cores=100,
            )
            request = rqd_pb2.RqdStaticLaunchFrameRequest(run_frame=frame)
            await stub.LaunchFrame(request, metadata=(("cuefarm-token", TOKEN),))
            assert await outcome == 0

    await asyncio.gather(*(keep_running() for _ in range(IN_FLIGHT)))

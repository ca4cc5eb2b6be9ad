"""Agents that keep the protocol and run nothing, many in one process: `python -m benchmarks.protocol_agents`.

They speak gRPC as the published interface has it. A launched frame has succeeded a moment later.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import psutil
import uvloop
from opencue_proto import report_pb2, report_pb2_grpc, rqd_pb2, rqd_pb2_grpc


@contextlib.asynccontextmanager
async def started(port: int, way: str, *, agents: int, cores: int) -> AsyncIterator[psutil.Process]:
    """Start the process; it is ready when all agents have reported."""
    words = [sys.executable, "-m", "benchmarks.protocol_agents", str(port), way, str(agents), str(cores)]
    # Not asyncio's: uvloop forks, which a process that runs gRPC must not.
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    loop = asyncio.get_running_loop()
    try:
        if await loop.run_in_executor(None, child.stdout.readline) != b"ready\n":
            raise RuntimeError("the agents could not be started")
        yield psutil.Process(child.pid)
    finally:
        child.stdin.close()
        await loop.run_in_executor(None, child.wait)
        child.stdout.close()


class UnaryAgent(rqd_pb2_grpc.RqdInterfaceServicer):
    """Takes what it is given by LaunchFrame, and reports its success by ReportRunningFrameCompletion."""

    def __init__(self, name: str, cores: int, reports: Any) -> None:
        self._reports = reports
        self._tasks: set[asyncio.Task[None]] = set()
        self._host = render_host(name, cores)

    async def start(self) -> None:
        """Listen, and say so to the server."""
        self._server = grpc.aio.server()
        rqd_pb2_grpc.add_RqdInterfaceServicer_to_server(self, self._server)
        self._host.attributes["cuefarm.address"] = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        boot = report_pb2.BootReport(host=self._host)
        await self._reports.ReportRqdStartup(report_pb2.RqdReportRqdStartupRequest(boot_report=boot))

    async def stop(self) -> None:
        """Listen no longer."""
        await self._server.stop(None)

    async def LaunchFrame(self, request: Any, context: Any) -> Any:
        """Take a run."""
        task = asyncio.create_task(self._complete(request.run_frame))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return rqd_pb2.RqdStaticLaunchFrameResponse()

    async def _complete(self, run: Any) -> None:
        report = completion(self._host, run)
        request = report_pb2.RqdReportRunningFrameCompletionRequest(frame_complete_report=report)
        await self._reports.ReportRunningFrameCompletion(request)


def render_host(name: str, cores: int) -> Any:
    """What an idle host says of itself."""
    return report_pb2.RenderHost(
        name=name,
        facility="local",
        num_procs=cores,
        cores_per_proc=100,
        total_mem=134_217_728,
        free_mem=134_217_728,
        total_mcp=1_000_000,
        free_mcp=1_000_000,
        tags=["general", "64bit"],
        attributes={"SP_OS": "linux", "cuefarm.agent": "bench", "cuefarm.lease_seconds": "300"},
    )


def completion(host: Any, run: Any) -> Any:
    """A run's success, with the fields that our agent fills."""
    info = report_pb2.RunningFrameInfo(
        resource_id=run.resource_id,
        job_id=run.job_id,
        job_name=run.job_name,
        frame_id=run.frame_id,
        frame_name=run.frame_name,
        layer_id=run.layer_id,
        num_cores=run.num_cores,
        max_rss=1_000,
        attributes={"cuefarm.state": "ended", "cuefarm.cause": "exited", "cuefarm.run_ms": "1", "cuefarm.cpu_ms": "1"},
    )
    return report_pb2.FrameCompleteReport(host=host, frame=info, run_time=1)


async def _serve(port: int, way: str, agents: int, cores: int) -> None:
    # Agents share a few connections to the server; each answers on a port of its own.
    channels = [
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=(("grpc.use_local_subchannel_pool", 1),))
        for _ in range(min(agents, 8))
    ]
    running = [
        UnaryAgent(f"bench{n}", cores, report_pb2_grpc.RqdReportInterfaceStub(channels[n % len(channels)]))
        for n in range(agents)
    ]
    for agent in running:
        await agent.start()
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for agent in running:
        await agent.stop()
    for channel in channels:
        await channel.close()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))

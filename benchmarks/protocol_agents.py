"""Agents that keep the protocol and run nothing, many in one process: `python -m benchmarks.protocol_agents`.

They speak the published RPCs or the stream. A launched frame succeeds after a time drawn from `FRAME_SECONDS`: frames
that all ended at once would share messages and commits as those of a farm do not.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import psutil
import uvloop
from opencue_proto import report_pb2, report_pb2_grpc, rqd_pb2, rqd_pb2_grpc

from cuefarm_proto import agent_pb2_grpc
from rqd import log
from rqd.link.messages import completion, launch_from
from rqd.link.stream import Stream

FRAME_SECONDS = (0.05, 0.25)


@contextlib.asynccontextmanager
async def started(port: int, way: str, *, agents: int, cores: int) -> AsyncIterator[psutil.Process]:
    """Start the process; it is ready when all agents have reported."""
    words = [sys.executable, "-m", "benchmarks.protocol_agents", str(port), way, str(agents), str(cores)]
    # Not asyncio's: uvloop forks, which a process that runs gRPC must not.
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    loop = asyncio.get_running_loop()
    try:
        if await loop.run_in_executor(None, child.stdout.readline) != b"ready\n":
            raise RuntimeError("the agents could not be started")
        yield psutil.Process(child.pid)
    finally:
        child.stdin.close()
        await loop.run_in_executor(None, child.wait)
        child.stdout.close()


class Agent(rqd_pb2_grpc.RqdInterfaceServicer):
    """Takes what it is given by LaunchFrame, and reports its success by ReportRunningFrameCompletion."""

    def __init__(self, name: str, cores: int, channel: Any) -> None:
        self.host = render_host(name, cores)
        self._reports = report_pb2_grpc.RqdReportInterfaceStub(channel)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen, and say so to the server."""
        self._server = grpc.aio.server()
        rqd_pb2_grpc.add_RqdInterfaceServicer_to_server(self, self._server)
        self.host.attributes["cuefarm.address"] = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        boot = report_pb2.BootReport(host=self.host)
        await self._reports.ReportRqdStartup(report_pb2.RqdReportRqdStartupRequest(boot_report=boot))

    async def stop(self) -> None:
        """Listen no longer."""
        await self._server.stop(None)

    async def LaunchFrame(self, request: Any, context: Any) -> Any:
        """Take a run."""
        task = asyncio.create_task(self._complete(launch_from(request.run_frame)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return rqd_pb2.RqdStaticLaunchFrameResponse()

    async def _complete(self, launch: Any) -> None:
        await asyncio.sleep(random.uniform(*FRAME_SECONDS))
        await self._reports.ReportRunningFrameCompletion(completion(ended(launch), self.host))


class StreamAgent(Agent):
    """The same by the real agent's own end of the stream, with itself in the place of the runner."""

    def __init__(self, name: str, cores: int, channel: Any) -> None:
        super().__init__(name, cores, channel)
        self._work = agent_pb2_grpc.AgentInterfaceStub(channel).Work
        self.address = name

    async def start(self) -> None:
        """Open the stream, after what every agent does."""
        await super().start()
        opened = asyncio.Event()

        def on_open(send: Any) -> None:
            self._send = send
            opened.set()

        stream = Stream(
            server=self,  # type: ignore[arg-type]
            line=self,  # type: ignore[arg-type]
            host_name=self.host.name,
            address=self.host.attributes["cuefarm.address"],
            on_open=on_open,
            on_acknowledged=lambda run_id: None,
            on_not_taken=lambda run_id, why: print(f"not taken: {why}", file=sys.stderr),
            on_lost=lambda: None,
        )
        self._running = asyncio.create_task(stream.run())
        stream.contact()
        await opened.wait()

    async def stop(self) -> None:
        """End the stream."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await super().stop()

    def open_stream(self) -> Any:
        """What the stream asks of its server."""
        return self._work()

    def tell(self, do: str, **fields: object) -> None:
        """What the stream tells the runner: limits, which these runs keep."""

    def ask(self, do: str, launch: Any) -> asyncio.Future[None]:
        """What the stream asks of the runner: the run is taken, and succeeds later."""
        loop = asyncio.get_running_loop()
        loop.call_later(random.uniform(*FRAME_SECONDS), self._send, ended(launch))
        taken: asyncio.Future[None] = loop.create_future()
        taken.set_result(None)
        return taken


def ended(launch: Any) -> Any:
    """What the runner says of a run that succeeded."""
    outcome = {"cause": "exited", "exit_status": 0, "exit_signal": 0, "run_ms": 1, "user_ms": 1, "system_ms": 1}
    memory = {"rss_kb": 0, "vsize_kb": 0, "max_rss_kb": 1_000, "max_vsize_kb": 1_000, "log_written_s": 0}
    words = {"message": "", "kill_message": "", "error_line": "", "left_behind": ""}
    run = {"state": "ended", "start_ms": 0, "ran_ms": 1, "log_name": "", "stuck": ""}
    return {**launch, **memory, **run, "outcome": {**outcome, **words}}


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


async def _serve(port: int, way: str, agents: int, cores: int) -> None:
    # Agents share a few connections to the server; each answers on a port of its own.
    channels = [
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=(("grpc.use_local_subchannel_pool", 1),))
        for _ in range(min(agents, 8))
    ]
    log.configure("agents", "warning")
    kind = StreamAgent if way == "stream" else Agent
    running = [kind(f"bench{n}", cores, channels[n % len(channels)]) for n in range(agents)]
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

"""How many frames a second one agent runs, and what each costs.

Starts the real agent (runner and link) on a free port and a spool of its own, and plays the server: launches `true`
with a bounded number in flight, and acknowledges each outcome. Each frame makes a log file, so the disk below $TMPDIR
counts: on ext4 a new file can cost ten times as much while thousands were deleted nearby within the last seconds.

    python benchmarks/agent.py [--frames 3000] [--in-flight 64] [--command true] [--idle-seconds 20]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import grpc
import psutil
from opencue_proto import report_pb2, report_pb2_grpc, rqd_pb2, rqd_pb2_grpc


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


async def measure(frames: int, in_flight: int, command: str, idle_seconds: float, folder: Path) -> None:
    """Run the frames and print what it took."""
    servicer = ReportServer()
    server = grpc.aio.server()
    report_pb2_grpc.add_RqdReportInterfaceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    words = [
        "--server",
        f"127.0.0.1:{port}",
        "--port",
        "0",
        "--spool",
        str(folder / "spool"),
        "--cores",
        str(in_flight),
    ]
    agent = subprocess.Popen([sys.executable, "-m", "rqd", *words, "--log-level", "warning"])
    try:
        started = time.perf_counter()
        address = await asyncio.wait_for(servicer.address, 20)
        print(f"start to first report   {time.perf_counter() - started:8.2f} s")
        runner = psutil.Process(agent.pid)
        link = runner.children()[0]
        await measure_idle(runner, link, idle_seconds)
        async with grpc.aio.insecure_channel(address) as channel:
            stub = rqd_pb2_grpc.RqdInterfaceStub(channel)
            await run_frames(servicer, stub, 200, in_flight, command, folder)  # warm up
            before = [cpu_seconds(process) for process in (runner, link)]
            started = time.perf_counter()
            await run_frames(servicer, stub, frames, in_flight, command, folder)
            wall = time.perf_counter() - started
        runner_us, link_us = (
            (cpu_seconds(process) - earlier) / frames * 1e6
            for process, earlier in zip((runner, link), before, strict=True)
        )
        print(f"frames a second         {frames / wall:8.0f}    ({frames} x {command!r}, {in_flight} in flight)")
        print(f"CPU a frame, runner     {runner_us:8.0f} us")
        print(f"CPU a frame, link       {link_us:8.0f} us")
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.wait(20)
        await server.stop(0)


async def measure_idle(runner: psutil.Process, link: psutil.Process, seconds: float) -> None:
    """Print what an idle agent holds and uses."""
    for name, process in (("runner", runner), ("link", link)):
        memory = process.memory_full_info()
        print(f"memory of the {name:6}    {memory.rss / 1e6:8.1f} MB resident, {memory.pss / 1e6:.1f} MB proportional")
    before = cpu_seconds(runner) + cpu_seconds(link)
    await asyncio.sleep(seconds)
    used = cpu_seconds(runner) + cpu_seconds(link) - before
    print(f"idle, both              {used / seconds * 100:8.2f} % of a core")


async def run_frames(
    servicer: ReportServer, stub: rqd_pb2_grpc.RqdInterfaceStub, count: int, in_flight: int, command: str, folder: Path
) -> None:
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
                command=command,
                user_name="bench",
                log_dir=str(folder / "logs"),
                num_cores=100,
            )
            await stub.LaunchFrame(rqd_pb2.RqdStaticLaunchFrameRequest(run_frame=frame))
            assert await outcome == 0

    await asyncio.gather(*(keep_running() for _ in range(in_flight)))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description="How many frames a second one agent runs, and what each costs.")
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--command", default="true")
    parser.add_argument("--idle-seconds", type=float, default=20.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-", dir=os.environ.get("TMPDIR")) as folder:
        asyncio.run(measure(given.frames, given.in_flight, given.command, given.idle_seconds, Path(folder)))


if __name__ == "__main__":
    main()

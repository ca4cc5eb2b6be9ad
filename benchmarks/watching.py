"""What it costs to watch runs that go on: processor time of the agent and of 64 supervisors, over a minute.

The frames are real processes that hold memory and rest: a shell with a `sleep`, a Python of 40 MB, and a Python of
100 MB that shares its pages with three children, for which the kernel must be asked about proportional shares.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
from opencue_proto import rqd_pb2, rqd_pb2_grpc

from benchmarks.agent import TOKEN, agent_alone
from benchmarks.table import Figure

RUNS = 64
SETTLE_SECONDS = 12.0
SECONDS = 60.0
SHARE = "import os, time; held = b'x' * (100 << 20); os.fork(); os.fork(); time.sleep(600)"
HOLD = "import time; held = b'x' * (40 << 20); time.sleep(600)"
FRAMES = (
    "sleep 600; true",
    f"exec {shlex.quote(sys.executable)} -c {shlex.quote(HOLD)}",
    "sleep 600 & sleep 600 & wait",
    f"exec {shlex.quote(sys.executable)} -c {shlex.quote(SHARE)}",
)


def figures() -> Iterator[Figure]:
    """Measure an agent of its own, started for this."""
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-", dir=os.environ.get("TMPDIR")) as folder:
        yield from asyncio.run(measure(Path(folder)))


async def measure(folder: Path) -> list[Figure]:
    """Start the runs, let them settle, and see what a minute costs."""
    async with agent_alone(folder, RUNS) as (_, runner, address):
        link = runner.children()[0]
        async with grpc.aio.insecure_channel(address) as channel:
            await launch_all(rqd_pb2_grpc.RqdInterfaceStub(channel), folder)
        await asyncio.sleep(SETTLE_SECONDS)
        supervisors = [child for child in runner.children() if child.pid != link.pid]
        assert len(supervisors) == RUNS
        groups = {"supervisors": supervisors, "runner": [runner], "link": [link]}
        before = {name: sum(map(cpu_ns, group)) for name, group in groups.items()}
        await asyncio.sleep(SECONDS)
        used = {name: (sum(map(cpu_ns, group)) - before[name]) / SECONDS / 1e7 for name, group in groups.items()}
        memory = [supervisor.memory_full_info().uss / 2**20 for supervisor in supervisors]
        return [
            Figure(f"{RUNS} runs watched: supervisors and runner", used["supervisors"] + used["runner"], "% core", 1.0),
            Figure(f"{RUNS} runs watched: of that, the runner", used["runner"], "% core"),
            Figure(f"{RUNS} runs watched: the link, with its reports", used["link"], "% core"),
            Figure("a supervisor: memory of its own", max(memory), "MB", 1.0),
        ]


def cpu_ns(process: psutil.Process) -> int:
    """Time on a processor of all threads of a process: the usual counters are too coarse for a supervisor."""
    threads = Path(f"/proc/{process.pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)


async def launch_all(stub: rqd_pb2_grpc.RqdInterfaceStub, folder: Path) -> None:
    """Start the runs."""
    for number in range(RUNS):
        run_id = str(uuid.uuid4())
        frame = rqd_pb2.RunFrame(
            resource_id=run_id,
            frame_id=run_id,
            frame_name=f"{number:04d}-bench",
            job_name="bench",
            command=FRAMES[number % len(FRAMES)],
            user_name="bench",
            log_dir=str(folder / "logs"),
            num_cores=100,
        )
        request = rqd_pb2.RqdStaticLaunchFrameRequest(run_frame=frame)
        await stub.LaunchFrame(request, metadata=(("cuefarm-token", TOKEN),))

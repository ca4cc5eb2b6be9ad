"""What launching a job of one layer costs the server on an empty farm, and beside 10,000 live jobs: nearly the same.

Each farm has a server process of its own, without hosts and disk, so that nothing but the launch is measured; they take
turns, and the median of the rounds' ratios is told. What counts is the processor time of the server.

    python -m benchmarks launches
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

import grpc
import uvloop
from opencue_proto import job_pb2, job_pb2_grpc

from benchmarks.table import Figure, show
from benchmarks.wire import NullJournal
from cuebot.app.garbage import freeze_survivors
from cuebot.app.log_levels import LogLevels
from cuebot.app.logs import configure
from cuebot.domain import commands as c
from cuebot.domain.farm import Farm
from cuebot.engine.core import SYSTEM, Core
from cuebot.engine.engine import Engine
from cuebot.spec import parse_spec
from cuebot.wire.agents.channel import GrpcAgents
from cuebot.wire.doors import Doors
from cuebot.wire.server import serve

LIVE_JOBS = 10_000
ROUNDS = 15
LAUNCHES = 40
"""In each round, of each kind, on each farm."""
FRAMES = 10


def figures() -> Iterator[Figure]:
    """Measure both farms in turns."""
    empty, full = Server(0), Server(LIVE_JOBS)
    try:
        for way in ("core", "grpc"):
            rounds = [in_turn(way, number, empty, full) for number in range(ROUNDS + 1)][1:]  # one to warm up
            ratio = statistics.median(beside / alone for alone, beside in rounds)
            name = "Core" if way == "core" else "gRPC"
            alone_us = 1e6 * statistics.median(alone for alone, _ in rounds)
            yield Figure(f"launch by {name}, a layer, empty farm: server CPU", alone_us, "us")
            yield Figure(f"... beside {LIVE_JOBS:,} live jobs, of that", ratio, "x", 1.1)
    finally:
        empty.end()
        full.end()


def in_turn(way: str, number: int, empty: Server, full: Server) -> tuple[float, float]:
    """Processor seconds a launch on both farms, measured one after the other."""
    servers = [empty, full] if number % 2 == 0 else [full, empty]
    taken = {server: server.launches(way, number) for server in servers}
    return taken[empty], taken[full]


class Server:
    """A process with a farm of so many live jobs."""

    def __init__(self, jobs: int) -> None:
        words = [sys.executable, "-m", "benchmarks.launches", str(jobs)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        port = self._line()
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._jobs = job_pb2_grpc.JobInterfaceStub(self._channel)

    def launches(self, way: str, number: int) -> float:
        """Launch some jobs; processor seconds of the server for each."""
        if way == "core":
            return float(self._say(f"core {number}")) / LAUNCHES
        began = float(self._say("cpu"))
        for n in range(LAUNCHES):
            self._jobs.LaunchSpecAndWait(job_pb2.JobLaunchSpecAndWaitRequest(spec=spec(f"grpc{number}x{n}")))
        return (float(self._say("cpu")) - began) / LAUNCHES

    def end(self) -> None:
        """End the process."""
        self._channel.close()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _say(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def spec(name: str) -> str:
    """A job of one layer."""
    return (
        "<spec><facility>local</facility><show>testing</show><shot>bench</shot><user>bench</user>"
        f'<job name="{name}"><layers><layer name="frames" type="Render"><cmd>true</cmd><range>1-{FRAMES}</range>'
        "<chunk>1</chunk><cores>1.0</cores><memory>256m</memory></layer></layers></job></spec>"
    )


# --- the process of a server --------------------------------------------------------------------------------------


async def _serve(jobs: int) -> None:
    configure(LogLevels())
    core = Core(Farm(), last_seq=0, started_us=_now_us(), new_id=lambda: str(uuid.uuid4()))
    agents = GrpcAgents(token=None, now_us=_now_us)
    engine = Engine(core, NullJournal(), agents, _now_us)
    core.execute(c.Seed(), SYSTEM, _now_us())
    for number in range(jobs):
        core.execute(c.SubmitJobs(parse_spec(spec(f"live{number}"))), SYSTEM, _now_us())
    core.take()
    core.committed(_now_us())
    freeze_survivors()

    task = asyncio.create_task(engine.run())
    server, port = await serve(
        engine, address="127.0.0.1:0", streams=agents.streams, doors=Doors(None), allow_root=False
    )
    print(port, flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        way, _, number = line.strip().partition(" ")
        print(launched(core, number) if way == "core" else time.process_time(), flush=True)
    await server.stop(None)
    await agents.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def launched(core: Core, number: str) -> float:
    """Launch some jobs, each with a commit of its own; processor seconds of all."""
    specs = [parse_spec(spec(f"core{number}x{n}")) for n in range(LAUNCHES)]
    began = time.process_time()
    for one in specs:
        core.execute(c.SubmitJobs(one), SYSTEM, _now_us())
        core.take()
        core.committed(_now_us())
    return time.process_time() - began


def _now_us() -> int:
    return time.time_ns() // 1_000


if __name__ == "__main__":
    if len(sys.argv) > 1:
        uvloop.run(_serve(int(sys.argv[1])))
    else:
        print(show(list(figures())))

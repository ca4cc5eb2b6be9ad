"""What a crowd leaves for others: 20 processes at nice 19 that list 5,000 jobs without a pause, beside full booking.

A real engine, a real journal on disk, and 200 agents over real gRPC that are kept full, as in `benchmarks.protocol`.
Rounds without and with the crowd take turns, and the medians over the rounds are compared. What lists cost the server
is what it spent beyond its CPU a frame without them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import structlog
import uvloop
from opencue_proto import job_pb2, job_pb2_grpc

from benchmarks.protocol_agents import started
from benchmarks.table import Figure, show
from cuebot.domain import commands as c
from cuebot.domain.farm import Farm
from cuebot.engine.core import SYSTEM, Core
from cuebot.engine.engine import Engine
from cuebot.journal import SqlJournal
from cuebot.spec import parse_spec
from cuebot.wire.agents.channel import GrpcAgents
from cuebot.wire.doors import Doors
from cuebot.wire.server import serve

AGENTS = 200
CORES = 4
LISTED_JOBS = 5_000
LISTERS = 20
ROUND_SECONDS = 8.0
ROUNDS = 3
BUSY_FRAMES = 100_000
"""Of one job; the next one is submitted before the last has too few left."""


@dataclass(frozen=True, slots=True)
class Round:
    """What happened in one of them."""

    frames: int
    wall_s: float
    server_s: float
    lists: int
    calls_ms: list[float]

    @property
    def frames_per_second(self) -> float:
        return self.frames / self.wall_s

    @property
    def cpu_per_frame(self) -> float:
        return self.server_s / self.frames

    def percentile(self, part: float) -> float:
        """How long another client waited for one job."""
        return sorted(self.calls_ms)[int(part * (len(self.calls_ms) - 1))]


def figures() -> Iterator[Figure]:
    """Measure."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR)
    )  # its agents leave at the end
    quiet, crowded = uvloop.run(_measured())
    kept = statistics.median(c.frames_per_second / q.frames_per_second for q, c in zip(quiet, crowded, strict=True))
    cost = statistics.median(1 - q.cpu_per_frame / c.cpu_per_frame for q, c in zip(quiet, crowded, strict=True))
    yield Figure("full booking, nobody lists", _median(r.frames_per_second for r in quiet), "frames/s")
    yield Figure(f"{LISTERS} list {LISTED_JOBS} jobs", _median(r.frames_per_second for r in crowded), "frames/s")
    yield Figure("... of those without", kept, "", 0.8, True)
    yield Figure("... lists, of the server's CPU", 100 * cost, "%", 20.0)
    yield Figure("... lists", _median(r.lists / r.wall_s for r in crowded), "/s")
    yield Figure("... another client's GetJob, half of them", _median(r.percentile(0.5) for r in crowded), "ms")
    yield Figure("... another client's GetJob, 99 %", _median(r.percentile(0.99) for r in crowded), "ms", 50.0)
    yield Figure("nobody lists: a client's GetJob, 99 %", _median(r.percentile(0.99) for r in quiet), "ms")


def _median(values: Iterator[float]) -> float:
    return statistics.median(values)


async def _measured() -> tuple[list[Round], list[Round]]:
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-") as folder:
        journal = SqlJournal(f"sqlite:///{Path(folder) / 'farm.sqlite'}")
        core = Core(Farm(), last_seq=0, started_us=_now_us(), new_id=lambda: str(uuid.uuid4()))
        agents = GrpcAgents(token=None, now_us=_now_us)
        engine = Engine(core, journal, agents, _now_us)
        task = asyncio.create_task(engine.run())
        await engine.submit(c.Seed(), SYSTEM)
        for first in range(0, LISTED_JOBS, 1_000):
            names = [f"listed{first + n}" for n in range(1_000)]
            await engine.submit(c.SubmitJobs(parse_spec(_spec(names, frames=20, paused=True))), SYSTEM)
        server, port = await serve(
            engine, address="127.0.0.1:0", streams=agents.streams, doors=Doors(None), allow_root=False
        )
        clients: list[Client] = []
        try:
            (busy,) = await engine.submit(c.SubmitJobs(parse_spec(_spec(["busy0"], frames=BUSY_FRAMES))), SYSTEM)
            async with started(port, "stream", agents=AGENTS, cores=CORES):
                prober = Client(port, "probe", busy, nice=0)
                listers = [Client(port, "list", "", nice=19) for _ in range(LISTERS)]
                clients = [prober, *listers]
                for client in clients:
                    await client.line()
                await asyncio.sleep(3)
                found: tuple[list[Round], list[Round]] = ([], [])
                for n in range(2 * ROUNDS):
                    await _keep_busy(engine, n)
                    found[n % 2].append(await _round(core, prober, listers if n % 2 else []))
                return found
        finally:
            for client in clients:
                await client.end()
            await server.stop(None)
            await agents.close()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            journal.close()


async def _keep_busy(engine: Engine, n: int) -> None:
    """Have frames enough for another round."""
    waiting = sum(sum(job.counts[:2]) for job in engine.farm.jobs.values() if not job.paused)
    if waiting < BUSY_FRAMES:
        await engine.submit(c.SubmitJobs(parse_spec(_spec([f"busy{n + 1}"], frames=BUSY_FRAMES))), SYSTEM)


async def _round(core: Core, prober: Client, listers: list[Client]) -> Round:
    for lister in listers:
        lister.go(ROUND_SECONDS + 1.0)
    await asyncio.sleep(1.0)  # until the crowd is under way, and from an earlier round's end
    before = core.counters.ended, time.perf_counter(), time.process_time()
    prober.go(ROUND_SECONDS - 0.5)
    await asyncio.sleep(ROUND_SECONDS - 0.5)
    frames, wall_s = core.counters.ended - before[0], time.perf_counter() - before[1]
    server_s = time.process_time() - before[2]
    calls_ms = json.loads(await prober.line())
    lists = sum([json.loads(await lister.line()) for lister in listers])
    return Round(frames, wall_s, server_s, lists, calls_ms)


class Client:
    """A process that lists, or asks for one job now and then, for as long as it is told."""

    def __init__(self, port: int, what: str, job_id: str, *, nice: int) -> None:
        words = [sys.executable, "-m", "benchmarks.crowd", what, str(port), job_id]
        pipe = subprocess.PIPE
        # Not asyncio's: uvloop forks, which a process that runs gRPC must not.
        self._process = subprocess.Popen(
            ["nice", "-n", str(nice), *words], stdin=pipe, stdout=pipe, text=True, start_new_session=True
        )
        # Where the kernel shares processors out by session, a process's own number counts within its session alone.
        autogroup = Path(f"/proc/{self._process.pid}/autogroup")
        if autogroup.exists():
            autogroup.write_text(str(nice))

    def go(self, seconds: float) -> None:
        """Begin; what came of it is the next line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()

    async def line(self) -> str:
        """The next thing that it says."""
        assert self._process.stdout is not None
        return await asyncio.get_running_loop().run_in_executor(None, self._process.stdout.readline)

    async def end(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.get_running_loop().run_in_executor(None, self._process.wait)


def _client(what: str, port: int, job_id: str) -> None:
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", 100 << 20)])
    jobs = job_pb2_grpc.JobInterfaceStub(channel)
    print("ready", flush=True)
    for line in sys.stdin:
        end = time.monotonic() + float(line)
        lists, calls_ms = 0, []
        while time.monotonic() < end:
            began = time.perf_counter()
            if what == "list":
                found = jobs.GetJobs(job_pb2.JobGetJobsRequest(r=job_pb2.JobSearchCriteria()), timeout=60)
                assert len(found.jobs.jobs) >= LISTED_JOBS
                lists += 1
            else:
                jobs.GetJob(job_pb2.JobGetJobRequest(id=job_id), timeout=60)
                calls_ms.append(round(1e3 * (time.perf_counter() - began), 3))
                time.sleep(0.02)
        print(json.dumps(lists if what == "list" else calls_ms), flush=True)


def _spec(names: list[str], *, frames: int, paused: bool = False) -> str:
    jobs = "".join(
        f'<job name="{name}"><paused>{paused}</paused><layers><layer name="frames" type="Render"><cmd>true</cmd>'
        f"<range>1-{frames}</range><chunk>1</chunk><cores>1.0</cores><memory>256m</memory></layer></layers></job>"
        for name in names
    )
    return f"<spec><facility>local</facility><show>testing</show><shot>bench</shot><user>bench</user>{jobs}</spec>"


def _now_us() -> int:
    return time.time_ns() // 1_000


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _client(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
        os._exit(0)  # gRPC's threads need no farewell
    print(show(list(figures())))

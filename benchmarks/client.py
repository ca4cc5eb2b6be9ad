"""What lists cost somebody who calls `opencue`, ours and the published one, on the same server in the same run.

A real engine, a real journal on disk, 5,000 pending jobs, 10,000 frames of one of them, 1,000 hosts and 4,000 procs.
Each round is a process of its own, theirs and ours in turns, and the figure is the median of the rounds' ratios. The
published client (`make upstream`) gets no more than 1,000 frames at a time: it is asked page by page.
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
from pathlib import Path

import structlog
import uvloop

from benchmarks.scale import TakingAgents
from benchmarks.table import Figure, show
from cuebot.domain import commands as c
from cuebot.domain.farm import Farm
from cuebot.domain.units import CoreUnits, KiB, Micros
from cuebot.engine.core import SYSTEM, Core
from cuebot.engine.engine import Engine
from cuebot.journal import SqlJournal
from cuebot.spec import parse_spec
from cuebot.wire.agents.channel import GrpcAgents
from cuebot.wire.doors import Doors
from cuebot.wire.server import serve

JOBS = 5_000
FRAMES = 10_000
HOSTS = 1_000
PROCS = 4_000
ROUNDS = 5
GIB = 1_048_576
PEER = Path(os.environ.get("CUEFARM_UPSTREAM", ".venv-upstream")).absolute() / "bin" / "python"

PROGRAM = """
import json, sys, time

import grpc
began = time.process_time()
import opencue
opencue.api  # which ours loads when it is first used
imported = time.process_time() - began
job = opencue.api.findJob(sys.argv[1])


def all_frames():
    if sys.argv[2] == "ours":
        return job.getFrames()
    found, page = [], 1
    while True:
        frames = job.getFrames(page=page, limit=1000)
        found += frames
        page += 1
        if len(frames) < 1000:
            return found


lists = {
    "getJobs": opencue.api.getJobs, "getFrames": all_frames,
    "getHosts": opencue.api.getHosts, "getProcs": opencue.api.getProcs,
}
taken = {"import": (1, imported)}
for line in sys.stdin:
    for name, function in lists.items():
        began = time.perf_counter()
        count = len(function())
        taken[name] = (count, time.perf_counter() - began)
    print(json.dumps(taken), flush=True)
"""

GOALS_S = {"import": 0.15, "getFrames": 0.5}
"""What a call of ours may take."""
GOAL_RATIOS = {"getJobs": 10.0}
"""How many times as fast as the published client it is to be."""


def figures() -> Iterator[Figure]:
    """Measure."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    ours, theirs = uvloop.run(_measured())
    for name in ours[0]:
        count = ours[0][name][0]
        own_s = statistics.median(taken[name][1] for taken in ours)
        what = "`import opencue` and its api, beyond grpc, CPU" if name == "import" else f"opencue: {name}(), {count:,}"
        yield Figure(what, own_s, "s", GOALS_S.get(name))
        if not theirs:
            continue
        peer_s = statistics.median(taken[name][1] for taken in theirs)
        same = "" if theirs[0][name][0] == count else f" ({theirs[0][name][0]:,})"
        ratio = statistics.median(b[name][1] / a[name][1] for a, b in zip(ours, theirs, strict=True))
        yield Figure(f"... the published client{same}", peer_s, "s")
        yield Figure("... times as fast", ratio, "x", GOAL_RATIOS.get(name), more_is_better=True)


Taken = dict[str, tuple[int, float]]
"""How many there were, and seconds, by list."""


async def _measured() -> tuple[list[Taken], list[Taken]]:
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-") as folder:
        journal = SqlJournal(f"sqlite:///{Path(folder) / 'farm.sqlite'}")
        core = Core(Farm(), last_seq=0, started_us=_now_us(), new_id=lambda: str(uuid.uuid4()))
        engine = Engine(core, journal, TakingAgents(), _now_us)
        task = asyncio.create_task(engine.run())
        await _fill(engine)
        streams = GrpcAgents(token=None, now_us=_now_us).streams  # which no order takes
        server, port = await serve(engine, address="127.0.0.1:0", streams=streams, doors=Doors(None), allow_root=False)
        whose = {"ours": sys.executable, **({"theirs": str(PEER)} if PEER.exists() else {})}
        try:
            found: dict[str, list[Taken]] = {"ours": [], "theirs": []}
            for _ in range(ROUNDS):
                for name, python in whose.items():
                    client = Client(python, name, port)
                    await client.round()  # the first time it connects
                    found[name].append(await client.round())
                    await client.end()
            return found["ours"], found["theirs"]
        finally:
            await server.stop(None)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            journal.close()


async def _fill(engine: Engine) -> None:
    await engine.submit(c.Seed(), SYSTEM)
    for number in range(HOSTS):
        facts = c.HostFacts(
            f"host{number:05}", "local", CoreUnits(100 * PROCS // HOSTS), KiB(64 * GIB), KiB(60 * GIB), KiB(0), KiB(0),
            KiB(256 * GIB), KiB(256 * GIB), 0, Micros(1), ("64bit",), ("linux",),
        )  # fmt: skip
        await engine.submit(c.ReportHost(facts, (), boot=True), SYSTEM)
    await engine.submit(c.SubmitJobs(parse_spec(_spec(["wide"], frames=FRAMES))), SYSTEM)
    for first in range(0, JOBS - 1, 1_000):
        names = [f"listed{number}" for number in range(first, min(first + 1_000, JOBS - 1))]
        await engine.submit(c.SubmitJobs(parse_spec(_spec(names, frames=20, paused=True))), SYSTEM)
    while len(engine.farm.procs) < PROCS:
        await asyncio.sleep(0.1)


class Client:
    """A process that lists everything, once each time that it is told. It lives for a round."""

    def __init__(self, python: str, whose: str, port: int) -> None:
        environment = {**os.environ, "CUEBOT_HOSTS": f"127.0.0.1:{port}", "CUEFARM_TOKEN": ""}
        pipe = subprocess.PIPE
        # Not asyncio's: uvloop forks, which a process that runs gRPC must not.
        command = [python, "-c", PROGRAM, "testing-bench-bench_wide", whose]
        self._process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)

    async def round(self) -> Taken:
        """Have it list."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = await asyncio.get_running_loop().run_in_executor(None, self._process.stdout.readline)
        return {name: (count, seconds) for name, (count, seconds) in json.loads(line).items()}

    async def end(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.get_running_loop().run_in_executor(None, self._process.wait)


def _spec(names: list[str], *, frames: int, paused: bool = False) -> str:
    jobs = "".join(
        f'<job name="{name}"><paused>{paused}</paused><maxcores>{PROCS}</maxcores><layers>'
        '<layer name="frames" type="Render"><cmd>true</cmd>'
        f"<range>1-{frames}</range><chunk>1</chunk><cores>1.0</cores><memory>256m</memory></layer></layers></job>"
        for name in names
    )
    return f"<spec><facility>local</facility><show>testing</show><shot>bench</shot><user>bench</user>{jobs}</spec>"


def _now_us() -> int:
    return time.time_ns() // 1_000


if __name__ == "__main__":
    print(show(list(figures())))

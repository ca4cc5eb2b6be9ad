"""The whole path of a frame without its process: 200 agents over real gRPC, a real engine, a real journal on disk.

The agents live in a process of their own and run nothing: a launched frame has succeeded 50 to 250 ms later. What is
measured is a farm of 800 cores that is kept full: planned, booked, launched, completed, and all of it durable.

    python -m benchmarks.protocol [stream|unary]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import uvloop

from benchmarks.protocol_agents import started
from benchmarks.table import Figure, show
from cuebot.app.event_history import ThreadedHistory
from cuebot.app.host_ends_log import HostEndsLog
from cuebot.app.log_levels import LogLevels
from cuebot.app.logs import configure
from cuebot.domain import commands as c
from cuebot.domain.farm import Farm
from cuebot.domain.states import FrameState, JobState
from cuebot.engine.core import SYSTEM, Core
from cuebot.engine.engine import Engine
from cuebot.feed import EventFeed, Follower, Position
from cuebot.journal import History, SqlJournal
from cuebot.spec import parse_spec
from cuebot.wire.agents.channel import GrpcAgents
from cuebot.wire.doors import Doors
from cuebot.wire.server import serve

AGENTS = 200
CORES = 4
JOBS = 20
FRAMES_PER_JOB = 1_000
FRAMES = JOBS * FRAMES_PER_JOB


def figures() -> Iterator[Figure]:
    """Measure."""
    yield from uvloop.run(_measured("stream", 2_000))
    yield from uvloop.run(_measured("unary", None))


async def _measured(way: str, goal: float | None) -> list[Figure]:
    configure(LogLevels())  # as every server does: what nobody reads is not written
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'farm.sqlite'}"
        journal, history = SqlJournal(url), ThreadedHistory(History(url))
        core = Core(Farm(), last_seq=0, started_us=_now_us(), new_id=lambda: str(uuid.uuid4()))
        agents = GrpcAgents(token=None, now_us=_now_us)
        host_ends_log = Follower("log of hosts' ends", HostEndsLog(core.farm))  # as every server has one
        origin = Position(journal.farm_id, journal.history_epoch, 0)
        feed = EventFeed(core.farm, origin=origin, history=history, followers=[host_ends_log])
        engine = Engine(core, journal, agents, _now_us, feed)
        task = asyncio.create_task(engine.run())
        follower = asyncio.create_task(host_ends_log.run())
        await engine.submit(c.Seed(), SYSTEM)
        server, port = await serve(
            engine,
            address="127.0.0.1:0",
            streams=agents.streams,
            doors=Doors(None),
            allow_root=False,
        )
        try:
            async with started(port, way, agents=AGENTS, cores=CORES) as process:
                await _run(engine, "warm", 1)
                before = _cpu_s(process), time.process_time(), time.perf_counter(), core.counters.commits
                await _run(engine, "measured", JOBS)
                agents_s, server_s = _cpu_s(process) - before[0], time.process_time() - before[1]
                wall_s, commits = time.perf_counter() - before[2], core.counters.commits - before[3]
        finally:
            await server.stop(None)
            await agents.close()
            task.cancel()
            follower.cancel()
            await asyncio.gather(task, follower, return_exceptions=True)
            history.close()
            journal.close()
    return [
        Figure(f"{AGENTS} agents, {way}: launched, completed, durable", FRAMES / wall_s, "frames/s", goal, True),
        Figure(f"... {way}: server CPU a frame", 1e6 * server_s / FRAMES, "us"),
        Figure(f"... {way}: CPU a frame of the process with all agents", 1e6 * agents_s / FRAMES, "us"),
        Figure(f"... {way}: frames a commit", FRAMES / commits, "frames"),
    ]


async def _run(engine: Engine, name: str, jobs: int) -> None:
    """Submit jobs, and wait until every frame of them has succeeded."""
    ids = [(await engine.submit(c.SubmitJobs(parse_spec(_spec(f"{name}{n}"))), SYSTEM))[0] for n in range(jobs)]
    while any(engine.farm.jobs[id].state is not JobState.FINISHED for id in ids):
        await asyncio.sleep(0.01)
    await engine.drained()
    for id in ids:
        counts = engine.farm.jobs[id]
        states = {int(state) for layer in engine.farm.layers_of(counts) for state in layer.frames.state}
        assert states == {int(FrameState.SUCCEEDED)}, states


def _spec(name: str) -> str:
    return (
        "<spec><facility>local</facility><show>testing</show><shot>bench</shot><user>bench</user>"
        f'<job name="{name}"><layers><layer name="frames" type="Render"><cmd>true</cmd>'
        f"<range>1-{FRAMES_PER_JOB}</range><chunk>1</chunk><cores>1.0</cores><memory>256m</memory>"
        "</layer></layers></job></spec>"
    )


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


def _now_us() -> int:
    return time.time_ns() // 1_000


if __name__ == "__main__":
    found = uvloop.run(_measured(sys.argv[1], None)) if len(sys.argv) > 1 else list(figures())
    print(show(found))

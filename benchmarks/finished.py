"""What many finished jobs on disk cost: memory, start and `getJobs()` of a server, beside the same farm without them.

    python -m benchmarks finished                               both databases are made, with 20,000 finished jobs
    python -m benchmarks.finished WITH_URL WITHOUT_URL          with databases of `benchmarks.finished_builder`

`cuefarm serve` is started on one and the other in turns. Then, once, what reads of finished jobs take, and for how long
the event loop is held while 500 jobs leave memory.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import psutil
from opencue_proto import job_pb2, job_pb2_grpc
from sqlalchemy import text

from benchmarks.finished_builder import SHOWS, USERS, build, spec_text
from benchmarks.scale import LOOK_S, TakingAgents
from benchmarks.table import Figure, show
from benchmarks.watching import cpu_ns
from cuebot.app.log_levels import LogLevels
from cuebot.app.logs import configure
from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain.archive import unpack_summary
from cuebot.domain.units import Micros
from cuebot.engine import engine as engine_module
from cuebot.engine.core import SYSTEM, Core
from cuebot.engine.engine import Engine
from cuebot.engine.farm_rows import load_farm
from cuebot.engine.ports import JobSearch
from cuebot.journal import History, SqlJournal
from cuebot.journal.database import engine_for, parse
from cuebot.spec import parse_spec
from cuefarm_proto import farm_pb2, farm_pb2_grpc

FINISHED = 20_000
"""Made where no databases are given: `make bench` has other things to do."""
LIVE = 1_000
ROUNDS = 11
LISTS = 100
READS = 5
LEAVING = 500
TOKEN = "measured"


def figures() -> Iterator[Figure]:
    """Make both databases, and measure."""
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-") as folder:
        urls = [f"sqlite:///{Path(folder) / name}.sqlite" for name in ("with", "without")]
        for url, finished in zip(urls, (FINISHED, 0), strict=True):
            build(url, finished, LIVE)
        yield from measure(*urls, ROUNDS)


def measure(url: str, url_without: str, rounds: int) -> Iterator[Figure]:
    """Compare two databases, then read from and write to the first."""
    jobs, disk_bytes = size(url)
    yield Figure(f"{jobs:,} finished jobs of 20 frames: on disk, a job", disk_bytes / max(jobs, 1) / 1e3, "KB")
    with_them, without = Served(), Served()
    for number in range(rounds):
        turns = [(url, with_them), (url_without, without)]
        for each, served in turns if number % 2 == 0 else turns[::-1]:
            with Server(each) as server:
                server.measure_into(served)
    for name, unit, of in (
        ("start until ready", "s", lambda served: served.start_s),
        ("start until ready, CPU", "s", lambda served: served.start_cpu_s),
        ("memory (RSS)", "MB", lambda served: served.rss_mb),
        (f"getJobs(), {LIVE:,} pending", "ms", lambda served: served.list_ms),
        (f"getJobs(), {LIVE:,} pending, CPU", "ms", lambda served: served.list_cpu_ms),
    ):
        yield from compared(name, unit, of(with_them), of(without))

    with Server(url) as server:
        yield from reads(server, url)
    yield from leaving(url)


def compared(name: str, unit: str, with_them: list[float], without: list[float]) -> Iterator[Figure]:
    """Both medians' figures, and the median of the rounds' ratios."""
    ratio = statistics.median(a / b for a, b in zip(with_them, without, strict=True))
    yield Figure(f"{name}, no finished jobs", statistics.median(without), unit)
    yield Figure("... with them", statistics.median(with_them), unit)
    yield Figure("... of that without", ratio, "x", 1.2)


def size(url: str) -> tuple[int, int]:
    """How many finished jobs are in a database, and how many bytes it has."""
    engine = engine_for(parse(url))
    is_file = engine.dialect.name == "sqlite"
    query = "SELECT 0" if is_file else "SELECT pg_database_size(current_database())"
    with engine.connect() as connection:
        jobs = connection.execute(text("SELECT count(*) FROM archived_job")).scalar_one()
        size_bytes = connection.execute(text(query)).scalar_one()
    engine.dispose()
    return jobs, Path(str(engine.url.database)).stat().st_size if is_file else size_bytes


# --- a server ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Served:
    """What was measured of a database, round by round."""

    start_s: list[float] = field(default_factory=list)
    start_cpu_s: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    list_ms: list[float] = field(default_factory=list)
    list_cpu_ms: list[float] = field(default_factory=list)


class Server:
    """`cuefarm serve` on a database."""

    def __init__(self, url: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cuefarm-bench-")
        folder = Path(self._folder.name)
        (folder / "token").write_text(TOKEN)
        (folder / "token").chmod(0o600)
        words = ["serve", "--db", url, "--token-file", str(folder / "token"), "--log-root", str(folder)]
        words += ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--log-level", "error"]
        began = time.perf_counter()
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "cuebot.app.cli", *words], stdout=subprocess.PIPE, text=True
        )
        assert self._popen.stdout is not None
        said = re.search(r"grpc=(\S+)", self._popen.stdout.readline())
        self.start_s = time.perf_counter() - began
        assert said is not None
        self.process = psutil.Process(self._popen.pid)
        self.start_cpu_s = cpu_ns(self.process) / 1e9
        self._channel = grpc.insecure_channel(said[1], options=[("grpc.max_receive_message_length", 100 << 20)])
        self.jobs = job_pb2_grpc.JobInterfaceStub(self._channel)
        self.farm = farm_pb2_grpc.FarmInterfaceStub(self._channel)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *unused: object) -> None:
        self._channel.close()
        self._popen.terminate()
        self._popen.communicate(timeout=60)
        self._folder.cleanup()

    def ask(self, method: Callable[..., Any], request: Any, user: str = "") -> Any:
        """Call a method, as whoever may."""
        return method(request, timeout=120, metadata=(("cuefarm-token", TOKEN), ("cuefarm-user", user or "bench")))

    def list_jobs(self, **criteria: Any) -> list[Any]:
        """What `getJobs` finds."""
        request = job_pb2.JobGetJobsRequest(r=job_pb2.JobSearchCriteria(**criteria))
        return list(self.ask(self.jobs.GetJobs, request).jobs.jobs)

    def measure_into(self, served: Served) -> None:
        """What everybody asks of a server that has just started."""
        taken_ms = []
        began_ns = cpu_ns(self.process)
        for _ in range(LISTS):
            began = time.perf_counter()
            assert len(self.list_jobs()) == LIVE
            taken_ms.append(1e3 * (time.perf_counter() - began))
        served.list_cpu_ms.append((cpu_ns(self.process) - began_ns) / LISTS / 1e6)
        served.list_ms.append(statistics.median(taken_ms))
        served.start_s.append(self.start_s)
        served.start_cpu_s.append(self.start_cpu_s)
        served.rss_mb.append(self.process.memory_info().rss / 1e6)


# --- finished jobs ----------------------------------------------------------------------------------------------------


def reads(server: Server, url: str) -> Iterator[Figure]:
    """What somebody waits for who asks for finished jobs."""
    history = History(url)
    some = [unpack_summary(one.summary)[0].job for one in history.find_jobs(JobSearch(), 100)[50::5]]
    old = [unpack_summary(one.summary)[0].job for one in history.find_jobs(JobSearch(users=[USERS[7]]), 5_000)[-READS:]]
    history.close()

    def find(n: int, query: str) -> int:
        request = farm_pb2.FindRequest(noun="job", query=query)
        return int(server.ask(server.farm.Find, request, USERS[n]).found)

    def recent(n: int) -> int:
        return len(server.list_jobs(include_finished=True, users=[USERS[n]]))

    def finished(**criteria: Any) -> int:
        return int(server.ask(server.farm.FindFinishedJobs, farm_pb2.FindFinishedJobsRequest(**criteria)).found)

    asked: dict[str, Callable[[int], int]] = {
        "getJobs(include_finished), of 72 hours": lambda n: len(server.list_jobs(include_finished=True)),
        "getJobs(include_finished) by user": recent,
        "getJobs(include_finished) by show": lambda n: len(server.list_jobs(include_finished=True, shows=[SHOWS[n]])),
        "getJobs(include_finished) by name": lambda n: len(
            server.list_jobs(include_finished=True, jobs=[some[n].name])
        ),
        "Find state:finished user:me": lambda n: find(n, "state:finished user:me"),
        "Find state:finished show:": lambda n: find(n, f"state:finished show:{SHOWS[n]}"),
        "Find state:finished, a rare part of a name": lambda n: find(n, f"state:finished {old[n].name[-15:]}"),
        "finished jobs of a user": lambda n: finished(users=[USERS[n]]),
        "finished jobs with a rare part of a name": lambda n: finished(parts=[old[n].name[-15:]]),
        "explain of a job on disk, by id": lambda n: len(
            server.ask(server.farm.Explain, farm_pb2.ExplainRequest(job=some[n].id)).job_id
        ),
    }
    for name, ask in asked.items():
        taken_ms, found = [], 0
        for n in range(READS):
            began = time.perf_counter()
            found = ask(n)
            taken_ms.append(1e3 * (time.perf_counter() - began))
        found_words = "" if name.startswith("explain") else f" ({found:,} found)"
        yield Figure(f"{name}{found_words}", statistics.median(taken_ms), "ms")
    yield Figure("memory (RSS) after all these reads", server.process.memory_info().rss / 1e6, "MB")


def leaving(url: str) -> Iterator[Figure]:
    """500 jobs leave memory in a sweep, written by the journal's thread: how long the event loop is held meanwhile."""
    configure(LogLevels())
    journal = SqlJournal(url)
    try:
        held_s, wall_s = asyncio.run(_leaving(journal))
    finally:
        journal.close()
    yield Figure(f"{LEAVING} jobs leave memory: until they are on disk", wall_s, "s")
    yield Figure("... the loop held meanwhile, longest", 1e3 * max(held_s), "ms", 20)
    yield Figure("... the loop held meanwhile, 99th percentile", 1e3 * sorted(held_s)[int(0.99 * len(held_s))], "ms")


async def _leaving(journal: SqlJournal) -> tuple[list[float], float]:
    rows, last_seq = journal.load()
    now_us = time.time_ns() // 1_000
    core = Core(
        load_farm(rows, now_us),
        last_seq=last_seq,
        started_us=now_us,
        new_id=lambda: str(uuid.uuid4()),
        settings=Settings(finished_in_memory_us=Micros(0)),
    )
    engine = Engine(core, journal, TakingAgents(), lambda: time.time_ns() // 1_000)
    for n in range(LEAVING):
        submit = c.SubmitJobs(parse_spec(spec_text(SHOWS[0], "sh0010", USERS[0], f"leaving{n}")))
        [job_id] = core.execute(submit, SYSTEM, now_us)
        core.execute(c.KillJob(job_id), SYSTEM, now_us)
    await journal.commit(core.take())
    core.committed(now_us)

    held_s: list[float] = []

    async def look() -> None:
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(LOOK_S)
            held_s.append(time.perf_counter() - asked - LOOK_S)

    engine_module.SWEEP_SECONDS = 0.1  # type: ignore[misc]  # nobody waits for the first one
    tasks = [asyncio.create_task(engine.run()), asyncio.create_task(look())]
    began = time.perf_counter()
    while len(core.farm.jobs) > LIVE:
        await asyncio.sleep(0.01)
    await engine.drained()
    wall_s = time.perf_counter() - began
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return held_s, wall_s


if __name__ == "__main__":
    chosen = measure(sys.argv[1], sys.argv[2], ROUNDS) if len(sys.argv) > 2 else figures()
    for figure in chosen:
        print(show([figure]).splitlines()[1], flush=True)

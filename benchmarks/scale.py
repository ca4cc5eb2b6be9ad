"""A big farm with a real journal, and a farm-day in the simulator.

The two full passes run in the server's own engine, which plans on while SQLite writes; agents take everything at once,
because they are measured by the cases `protocol` and `farm`. The long histories go through `Core`, step by step.
"""

from __future__ import annotations

import asyncio
import gc
import re
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.table import Figure
from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.bounds import Bounds
from cuebot.domain.farm import Farm
from cuebot.domain.states import Cause
from cuebot.domain.units import CoreUnits, KiB, Micros, frame_id
from cuebot.engine.core import SYSTEM, Core
from cuebot.engine.engine import Engine
from cuebot.engine.farm_rows import load_farm
from cuebot.engine.ports import Answer, Answered, NoPublisher, Recorded
from cuebot.engine.requests import Address, KillRequest, LaunchRequest, LimitsRequest
from cuebot.journal import SqlJournal
from cuebot.sim.scenarios.cli import run_scenario
from cuebot.sim.scenarios.report import smallest_show
from cuebot.sim.scenarios.shipped import load_scenario
from cuebot.spec import parse_spec

NOW_US = 1_790_000_000_000_000
GIB = 1 << 20
LOOK_S = 0.001
HISTORIES = (0, 1_000_000, 10_000_000)
TURNED_OVER = 6_000
"""Frames booked and completed for each length of history."""


def figures() -> Iterator[Figure]:
    """Measure everything in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-") as folder:
        root = Path(folder)
        yield from published_stress_test(root)
        yield from full_pass_durable(root)
        yield from history(root)
    yield from simulated_day()
    yield from saturated()


class DurableFarm:
    """A core with its journal on disk; launches are answered at once, as by agents that do nothing."""

    def __init__(self, path: Path, hosts: int, cores: int) -> None:
        self.journal = SqlJournal(f"sqlite:///{path}")
        self.core = Core(
            Farm(),
            last_seq=0,
            started_us=NOW_US,
            new_id=lambda: str(uuid.uuid4()),
            settings=Settings(log_root="/shots"),
            bounds=Bounds(frames_per_spec=1_000_000),
        )
        self.now_us = NOW_US
        self.core.execute(c.Seed(), SYSTEM, self.now_us)
        (subscription,) = self.core.farm.subscriptions.values()
        self.core.execute(c.Change("subscription", subscription.id, {"burst": 100_000_000}), SYSTEM, self.now_us)
        for number in range(hosts):
            facts = c.HostFacts(
                f"host{number:05}", "local", CoreUnits(100 * cores), KiB(64 * GIB), KiB(60 * GIB), KiB(0), KiB(0),
                KiB(256 * GIB), KiB(256 * GIB), 0, Micros(1), ("64bit",), ("linux",),
            )  # fmt: skip
            self.core.execute(c.ReportHost(facts, (), boot=True), SYSTEM, self.now_us)
        self.commit()

    def launch(self, jobs: int, layers: int, frames: int, cores: str = "1.0") -> None:
        """Launch jobs, durably."""
        first = len(self.core.farm.jobs)
        layer = "".join(
            f'<layer name="layer{n}" type="Render"><cmd>true</cmd><range>1-{frames}</range><chunk>1</chunk>'
            f"<cores>{cores}</cores><memory>1g</memory></layer>"
            for n in range(layers)
        )
        for number in range(first, first + jobs):
            job = f'<job name="job{number:05}"><paused>False</paused><env/><layers>{layer}</layers></job>'
            text = f"<spec><facility>local</facility><show>testing</show><shot>sh010</shot><user>ann</user>{job}</spec>"
            self.core.execute(c.SubmitJobs(parse_spec(text)), SYSTEM, self.now_us)
        self.commit()

    def commit(self) -> None:
        """Make the open batch durable, and answer the launches that it lets go."""
        asyncio.run(self.journal.commit(self.core.take()))
        self.core.committed(self.now_us)
        while self.core.dispatch.has_launches():
            for _, runs in self.core.launch(self.now_us).launches:
                for order in runs:
                    self.core.answered(order.run_id, Answer.ACCEPTED, "", self.now_us)

    def book(self) -> None:
        """Plan, book and commit, one after the other, until nothing fits."""
        self.core.plan_wanted = True
        while self.core.plan_wanted:
            self.core.plan(self.now_us)
            if self.core.has_batch():
                self.commit()

    def finish_all(self) -> None:
        """Every run ends well; 500 share a commit."""
        for number, proc in enumerate(list(self.core.farm.procs.values()), start=1):
            host = self.core.farm.hosts[proc.host_id].name
            frame = frame_id(proc.layer_id, proc.frame_index)
            outcome = c.ReportOutcome(host, proc.id, frame, 0, 0, Cause.EXITED, Micros(60_000_000), KiB(GIB))
            self.core.execute(outcome, SYSTEM, self.now_us)
            if number % 500 == 0:
                self.commit()
        self.commit()


class TakingAgents:
    """Agents that take every run at once, and never say more."""

    def launch(self, address: Address, orders: Sequence[LaunchRequest], answered: Answered) -> None:
        """Answer in the loop's next round."""

        def take() -> None:
            for order in orders:
                answered(order.run_id, Answer.ACCEPTED, "")

        asyncio.get_running_loop().call_soon(take)

    def kill(self, address: Address, orders: Sequence[KillRequest], answered: Answered) -> None:
        """Nothing is killed here."""
        raise AssertionError(f"{len(orders)} runs were to be killed on {address.host_name}")

    def limit(self, address: Address, orders: Sequence[LimitsRequest]) -> None:
        """No limits change here."""
        raise AssertionError(f"{len(orders)} runs got other limits on {address.host_name}")


@dataclass(slots=True)
class FullPass:
    """What the engine did with a farm from empty to full."""

    booked: int = 0
    """Runs that are on disk."""
    wall_s: float = 0.0
    """Until the last of them was."""
    held_s: list[float] = field(default_factory=list)
    """How much later than it asked for a task was woken that looks every millisecond: how long the loop was held."""


class Booked(NoPublisher):
    """Counts the runs that are on disk."""

    def __init__(self, done: FullPass) -> None:
        self._done = done
        self._began = time.perf_counter()

    def committed(self, events: Sequence[Recorded]) -> None:
        """Count those of a batch."""
        self._done.booked += sum(len(r.event.run_ids) for r in events if isinstance(r.event, ev.RunsBooked))
        self._done.wall_s = time.perf_counter() - self._began


def fill(farm: DurableFarm) -> FullPass:
    """Let the engine book everything that fits."""
    gc.freeze()
    return asyncio.run(_fill(farm))


async def _fill(farm: DurableFarm) -> FullPass:
    done = FullPass()
    engine = Engine(farm.core, farm.journal, TakingAgents(), lambda: farm.now_us, Booked(done))

    async def look() -> None:
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(LOOK_S)
            done.held_s.append(time.perf_counter() - asked - LOOK_S)

    farm.core.plan_wanted = True
    tasks = [asyncio.create_task(engine.run()), asyncio.create_task(look())]
    while farm.core.plan_wanted or farm.core.dispatch.launching:
        await asyncio.sleep(LOOK_S)
        await engine.drained()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return done


def published_stress_test(root: Path) -> Iterator[Figure]:
    """OpenCue's published stress test (975 frames/s there): 1,200 hosts, 300 jobs of 4 layers of 5 frames."""
    farm = DurableFarm(root / "stress.sqlite", hosts=1_200, cores=16)
    farm.launch(300, 4, 5)
    done = fill(farm)
    farm.journal.close()
    rate = done.booked / done.wall_s
    yield Figure(f"published stress test, dry run, durable ({done.booked:,} frames)", rate, "frames/s", 20_000, True)


def full_pass_durable(root: Path) -> Iterator[Figure]:
    """100,000 cores from empty to full, every booking on disk."""
    farm = DurableFarm(root / "full.sqlite", hosts=6_250, cores=16)
    farm.launch(2_500, 4, 100, cores="4.0")
    done = fill(farm)
    farm.journal.close()
    held = sorted(done.held_s)
    yield Figure(f"100,000 cores, 1 M waiting frames: {done.booked:,} booked and durable", done.wall_s, "s", 1.5)
    yield Figure("... the loop held meanwhile, median", 1000 * statistics.median(held), "ms", 20)
    yield Figure("... the loop held meanwhile, 99th percentile", 1000 * held[int(0.99 * len(held))], "ms", 20)
    yield Figure("... the loop held meanwhile, longest", 1000 * held[-1], "ms", 20)


def history(root: Path) -> Iterator[Figure]:
    """Booking and completing the same work over an empty, a long and a very long history; as a part of the first."""
    first = 0.0
    for finished in HISTORIES:
        path = root / f"history{finished}.sqlite"
        farm = DurableFarm(path, hosts=100, cores=16)
        farm.launch(1, 1, 100)
        farm.book()
        farm.finish_all()
        farm.journal.close()
        lengthen(path, finished)
        rate = statistics.median(turn_over(path) for _ in range(3))
        first = first or rate
        yield Figure(f"book and complete over {finished:,} finished frames", rate, "frames/s")
        if finished:
            yield Figure("... compared with no history", rate / first, "x", 0.9, True)
        path.unlink()


def lengthen(path: Path, runs: int) -> None:
    """Multiply the finished runs of a history, and their events, in the tables where they are."""
    with sqlite3.connect(path) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in [name for name in names if re.fullmatch(r"(event|frame_run)_\d{4}_\d{2}", name)]:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            keys = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[5]]
            have = database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            chosen = ", ".join("-n - 1" if column in keys else column for column in columns)
            if have and runs:
                database.execute(
                    f"INSERT INTO {table} ({', '.join(columns)})"
                    f" WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {runs - 1})"
                    f" SELECT {chosen} FROM numbers, (SELECT * FROM {table} LIMIT 1)"
                )


def turn_over(path: Path) -> float:
    """Book and complete frames on a journal opened again; frames a second, all durable."""
    farm = DurableFarm.__new__(DurableFarm)
    farm.journal = SqlJournal(f"sqlite:///{path}")
    rows, last_seq = farm.journal.load()
    farm.now_us = NOW_US
    farm.core = Core(load_farm(rows, NOW_US), last_seq=last_seq, started_us=NOW_US, new_id=lambda: str(uuid.uuid4()))
    for host in farm.core.farm.hosts.values():
        facts = c.HostFacts(
            host.name, "local", host.cores, KiB(64 * GIB), KiB(60 * GIB), KiB(0), KiB(0), KiB(256 * GIB),
            KiB(256 * GIB), 0, Micros(1), ("64bit",), ("linux",),
        )  # fmt: skip
        farm.core.execute(c.ReportHost(facts, (), boot=True), SYSTEM, NOW_US)
    farm.launch(10, 1, TURNED_OVER // 10)
    began = time.perf_counter()
    while len(farm.core.farm.ready) or farm.core.farm.procs:
        farm.book()
        farm.finish_all()
    wall = time.perf_counter() - began
    farm.journal.close()
    return TURNED_OVER / wall


def simulated_day() -> Iterator[Figure]:
    """24 h of the 2,500-host farm with 300,000 frames and a report a minute from each host."""
    report = run_scenario(load_scenario("feature-crunch"))
    assert report.speed is not None
    yield Figure(f"simulated 24 h, 2,500 hosts, {report.runs.succeeded:,} frames", report.speed.wall_s, "s", 300)
    yield Figure("... commands a second", report.speed.commands_per_s, "/s", 20_000, True)


def saturated() -> Iterator[Figure]:
    """100,000 cores with more work than they can do: how full they are while frames wait."""
    report = run_scenario(load_scenario("spi-size"))
    assert report.speed is not None
    full = [interval for interval in report.intervals if interval.waiting_frames]
    busy = sum(interval.busy_cores for interval in full) / sum(interval.bookable_cores for interval in full)
    yield Figure(
        f"100,000 cores while frames wait ({report.simulated_h:g} h simulated): busy", 100 * busy, "%", 97, True
    )
    yield Figure("... fairness between shows (Jain's index)", report.fairness or 0.0, "")
    smallest = report.shows[smallest_show(report)]
    yield Figure(
        f"... smallest show ({smallest.share:.0%}, comes to a full farm): got of its share",
        100 * (smallest.received or 0.0), "%", 90, True,
    )  # fmt: skip
    yield Figure("... behind its share at most", smallest.behind_s, "s", round(smallest.behind_bound_s, 1))
    yield Figure("... until its first core", smallest.first_core_s, "s", round(smallest.behind_bound_s, 1))
    yield Figure("... simulated in", report.speed.wall_s, "s")

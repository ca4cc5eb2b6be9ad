"""The scheduler alone: farms in memory, no journal, no agents."""

from __future__ import annotations

import gc
import random
import statistics
import time
import uuid
from collections.abc import Iterator

import psutil

from benchmarks.table import Figure
from cuebot.decide import Context, step
from cuebot.domain import commands as c
from cuebot.domain.farm import Farm
from cuebot.domain.states import Cause
from cuebot.domain.units import CoreUnits, KiB, Micros, frame_id
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.scheduling.explain.snapshot import FarmSnapshot
from cuebot.scheduling.plan.plan import plan
from cuebot.spec import parse_spec

NOW_US = 1_700_000_000_000_000
GIB = 1 << 20
SLICE = 500
HOSTS = 6_250
JOBS = 2_500
LAYERS = 4
FRAMES = 100
"""Frames a layer: 2,500 jobs of 4 layers of 100 frames are a million."""


def figures() -> Iterator[Figure]:
    """A small farm as most are, then a farm of 100,000 cores filled from empty, kept full, and asked why."""
    yield from small_farm()
    yield from whole_farm()


class BenchFarm:
    """A farm whose hosts are all up, driven through `step`."""

    def __init__(self, hosts: int, jobs: int, layers: int, frames: int, cores: int) -> None:
        self.farm = Farm()
        random_ids = random.Random(1)
        self.context = Context(
            Micros(NOW_US),
            lambda: str(uuid.UUID(int=random_ids.getrandbits(128), version=4)),
            Micros(NOW_US),
            Micros(NOW_US),
        )
        self.do(c.Seed())
        (subscription,) = self.farm.subscriptions.values()
        self.do(c.Change("subscription", subscription.id, {"burst": 100_000_000}))
        for number in range(hosts):
            self._host(f"host{number:05}")
        before = psutil.Process().memory_info().rss
        self._launch(jobs, layers, frames, cores)
        self.frames_mb = (psutil.Process().memory_info().rss - before) / 1e6
        """Resident memory that the jobs took, frames and all that belongs to them."""

    def do(self, command: c.Command) -> None:
        """Carry out a command."""
        step(self.farm, command, self.context)

    def _host(self, name: str) -> None:
        facts = c.HostFacts(
            name, "local", CoreUnits(1600), KiB(64 * GIB), KiB(60 * GIB), KiB(0), KiB(0), KiB(256 * GIB),
            KiB(256 * GIB), 0, Micros(1), ("64bit",), ("linux",),
        )  # fmt: skip
        self.do(c.ReportHost(facts, (), boot=True))
        host = self.farm.hosts[self.farm.host_by_name[name]]
        host.reported, host.free_memory = True, KiB(60 * GIB)
        self.farm.hosts_table.refresh(host, self.farm.used_on(host))

    def _launch(self, jobs: int, layers: int, frames: int, cores: int) -> None:
        layer = "".join(
            f'<layer name="layer{n}" type="Render"><cmd>true</cmd><range>1-{frames}</range><chunk>1</chunk>'
            f"<cores>{cores}.0</cores><memory>1g</memory></layer>"
            for n in range(layers)
        )
        for number in range(jobs):
            job = f'<job name="job{number:05}"><paused>False</paused><env/><layers>{layer}</layers></job>'
            text = f"<spec><facility>local</facility><show>testing</show><shot>sh010</shot><user>ann</user>{job}</spec>"
            self.do(c.SubmitJobs(parse_spec(text)))

    def fill(self) -> tuple[list[float], list[float], int]:
        """Book slices until nothing fits. Returns seconds of each plan, of each booking, and how many were booked."""
        planning, booking, booked = [], [], 0
        while True:
            began = time.perf_counter()
            found = plan(self.farm, NOW_US, SLICE)
            planned = time.perf_counter()
            planning.append(planned - began)
            if found.bookings:
                self.do(c.Book(tuple(found.bookings)))
                booking.append(time.perf_counter() - planned)
                booked += len(found.bookings)
            if not found.exhausted:
                return planning, booking, booked

    def finish(self, count: int, rng: random.Random) -> None:
        """Let so many runs end well."""
        for proc in rng.sample(list(self.farm.procs.values()), count):
            name = self.farm.hosts[proc.host_id].name
            frame = frame_id(proc.layer_id, proc.frame_index)
            self.do(c.ReportOutcome(name, proc.id, frame, 0, 0, Cause.EXITED, Micros(60_000_000), KiB(GIB)))


def small_farm() -> Iterator[Figure]:
    """One host and one big job: what a pass costs where a farm is a workstation."""
    bench = BenchFarm(hosts=1, jobs=1, layers=1, frames=10_000, cores=1)
    bench.fill()
    rng = random.Random(1)
    taken = []
    for _ in range(200):
        bench.finish(1, rng)
        began = time.perf_counter()
        found = plan(bench.farm, NOW_US, SLICE)
        taken.append(time.perf_counter() - began)
        bench.do(c.Book(tuple(found.bookings)))
    yield Figure("pass after one completion, 1 host, a job of 10,000 frames", 1e6 * statistics.median(taken), "us", 100)


def whole_farm() -> Iterator[Figure]:
    """100,000 cores, 10,000 layers, a million waiting frames."""
    bench = BenchFarm(HOSTS, JOBS, LAYERS, FRAMES, cores=4)
    yield Figure("memory of a million waiting frames in 10,000 layers", bench.frames_mb, "MB", 100)
    gc.freeze()  # as the server does with what it has loaded
    planning, booking, booked = bench.fill()
    whole = [p + b for p, b in zip(planning, booking, strict=False)]
    yield Figure(f"full pass, 100,000 cores, 1 M waiting frames, {booked:,} booked: plan", sum(planning), "s", 0.5)
    yield Figure("... decide and apply the bookings", sum(booking), "s")
    yield Figure(f"... a slice of {SLICE}: plan", 1000 * statistics.median(planning), "ms", 20)
    yield Figure(f"... a slice of {SLICE}: decide and apply", 1000 * statistics.median(booking), "ms", 20)
    yield Figure("... a slice, plan and book: median", 1000 * statistics.median(whole), "ms", 20)
    yield Figure("... a slice, plan and book: 99th percentile", 1000 * sorted(whole)[int(0.99 * len(whole))], "ms", 20)
    rng, taken, refilled = random.Random(1), [], []
    for _ in range(20):
        bench.finish(100, rng)
        began = time.perf_counter()
        found = plan(bench.farm, NOW_US, SLICE)
        taken.append(time.perf_counter() - began)
        bench.do(c.Book(tuple(found.bookings)))
        refilled.append(time.perf_counter() - began)
    yield Figure("pass after 100 completions, that farm saturated: plan", 1000 * statistics.median(taken), "ms", 10)
    yield Figure("... plan and book", 1000 * statistics.median(refilled), "ms")
    began = time.perf_counter()
    plan(bench.farm, NOW_US, SLICE)
    yield Figure("pass when nothing fits, that farm saturated", 1000 * (time.perf_counter() - began), "ms", 10)
    waiting = [layer for layer in bench.farm.layers.values() if layer.counts[0]]
    began = time.perf_counter()
    for layer in rng.sample(waiting, 200):
        explain_layer(bench.farm, layer, NOW_US)
    yield Figure("explain one layer of that farm", 5 * (time.perf_counter() - began), "ms", 2)
    began = time.perf_counter()
    snapshot = FarmSnapshot(bench.farm, NOW_US)
    for layer in rng.sample(waiting, 1_000):
        explain_layer(bench.farm, layer, NOW_US, snapshot=snapshot)
    yield Figure("explain 1,000 layers of that farm in one go", time.perf_counter() - began, "s", 2)

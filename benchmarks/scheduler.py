"""The plan alone: a farm in memory, no journal, no agents."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Iterator

from benchmarks.table import Figure
from cuebot.decide import Context, step
from cuebot.domain import commands as c
from cuebot.domain.farm import Farm
from cuebot.domain.units import CoreUnits, KiB, Micros
from cuebot.scheduling.explain import explain_layer
from cuebot.scheduling.plan import plan
from cuebot.spec import parse_spec

HOSTS = 500
JOBS = 100
SLICE = 500


def figures() -> Iterator[Figure]:
    """Slices of 500 bookings on 500 hosts of 16 cores with 100 jobs of 4 layers of 100 frames."""
    farm, now = Farm(), 1_700_000_000_000_000
    context = Context(Micros(now), lambda: str(uuid.uuid4()), Micros(now))
    step(farm, c.Seed(), context)
    for number in range(HOSTS):
        facts = c.HostFacts(
            f"host{number}", "local", CoreUnits(1600), KiB(64 << 20), KiB(60 << 20), KiB(0), KiB(0), KiB(1 << 28),
            KiB(1 << 28), 0, Micros(1), ("64bit",), ("linux",),
        )  # fmt: skip
        step(farm, c.ReportHost(facts, (), boot=True), context)
        host = farm.hosts[farm.host_by_name[facts.name]]
        host.reported, host.free_memory = True, KiB(60 << 20)
        farm.hosts_table.refresh(host, farm.used_on(host))
    layers = "".join(
        f'<layer name="layer{n}" type="Render"><cmd>true</cmd><range>1-100</range><chunk>1</chunk>'
        "<memory>1g</memory></layer>"
        for n in range(4)
    )
    for number in range(JOBS):
        job = f'<job name="job{number:03}"><paused>False</paused><env/><layers>{layers}</layers></job>'
        text = f"<spec><facility>local</facility><show>testing</show><shot>sh010</shot><user>ann</user>{job}</spec>"
        step(farm, c.Launch(parse_spec(text)), context)
    planning, booking, booked = [], [], 0
    while True:
        began = time.perf_counter()
        found = plan(farm, now, SLICE)
        planned = time.perf_counter()
        if not found.bookings:
            break
        step(farm, c.Book(tuple(found.bookings)), context)
        planning.append(planned - began)
        booking.append(time.perf_counter() - planned)
        booked += len(found.bookings)
    yield Figure(
        f"plan a slice of {SLICE} bookings ({HOSTS} hosts, {JOBS} jobs)", 1000 * statistics.median(planning), "ms", 20
    )
    yield Figure(f"book a slice of {SLICE} (decide and apply)", 1000 * statistics.median(booking), "ms", 20)
    yield Figure("plan and book, no journal", booked / (sum(planning) + sum(booking)), "frames/s")
    layer = list(farm.layers.values())[-1]
    began = time.perf_counter()
    for _ in range(100):
        explain_layer(farm, layer, now)
    yield Figure(f"explain one layer ({HOSTS} hosts)", 10 * (time.perf_counter() - began), "ms", 2)

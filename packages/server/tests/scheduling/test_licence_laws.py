"""Laws of limits: whatever happens to them, what is counted is true and a plan keeps to it.

`SmallFarm` recounts every index and counter after each step.
"""

from __future__ import annotations

import contextlib
import random

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.errors import FarmError
from cuebot.domain.limit_counts import counts_of, fresh_rows, holding_rows, used_of
from cuebot.domain.nouns import Limit
from cuebot.domain.states import BindSource, Enforcement
from cuebot.sim.specs import job_spec, layer_spec

pytestmark = pytest.mark.slow

NAMES = ("nuke", "houdini", "spare")
HOSTS = ("host0", "host1", "host2")
STEPS = 40
WHAT = (
    "report",
    "report",
    "report",
    "end",
    "end",
    "fail",
    "change",
    "bind",
    "rename",
    "delete",
    "host",
    "wait",
    "rule",
)


def lived(rng: random.Random) -> SmallFarm:
    """A farm of three hosts and jobs whose layers name limits, some of which exist."""
    farm = SmallFarm()
    for name in HOSTS:
        farm.host(name)
    for name in NAMES[:2]:
        farm.do(c.CreateLimit(name, rng.randint(0, 4), per_host=rng.random() < 0.5))
    layers = [layer_spec(f"layer{n}", "1-30", limits=tuple(rng.sample(NAMES, n))) for n in range(3)]
    farm.launch(job_spec("one", *layers, max_retries=16))
    return farm


def happen(farm: SmallFarm, what: str, rng: random.Random) -> None:  # noqa: C901 - a table of what may happen
    """Do one thing; a refusal is an answer, too."""
    books = farm.farm
    limit = rng.choice(list(books.limits.values())) if books.limits else None
    layer = rng.choice(list(books.layers.values()))
    runs = list(books.procs.values())
    command: c.Command | None = None
    if what in ("end", "fail"):
        for run in rng.sample(runs, min(len(runs), 3)):
            farm.end(run, 0 if what == "end" else rng.choice((1, 330)))
    elif what == "wait":
        farm.wait(rng.choice((10, 130, 1_000)))
        for name in HOSTS:
            farm.report(name, runs=[run for run in books.procs.values() if books.hosts[run.host_id].name == name])
    elif what == "delete" and limit is not None:
        command = c.Delete("limit", limit.id)
    elif limit is None or what == "delete":
        command = c.CreateLimit(rng.choice(NAMES), rng.randint(0, 4), per_host=rng.random() < 0.5)
    elif what == "report":
        names = rng.sample((*HOSTS, "ws1", "HOST1.studio.example"), rng.randint(0, 3))
        usage = tuple(c.HostUsage(name, rng.randint(1, 3)) for name in names)
        farm.wait(6)
        command = c.ReportUsage((c.UsageReport(limit.name, usage),), "rlm")
    elif what == "change":
        command = c.Change("limit", limit.id, rng.choice((
            {"max_value": rng.randint(0, 6)}, {"per_host": not limit.per_host}, {"soft_value": rng.randint(-1, 2)},
            {"enforcement": rng.choice(list(Enforcement))}, {"report_ttl_s": rng.choice((0, 60))},
        )))  # fmt: skip
    elif what == "bind":
        is_bound = limit.name in layer.limits
        command = (c.DropLayerLimit if is_bound else c.AddLayerLimit)(layer.id, limit.id)
    elif what == "rename":
        command = c.RenameLimit(limit.id, rng.choice(NAMES))
    elif what == "rule":
        clears = c.ClearBindings(limit.id, (BindSource.AUTO,))
        command = rng.choice((clears, c.SetFailureRule(limit.id, rng.choice((0, 330)), 0, True)))
    elif what == "host":
        idle = [host for host in books.hosts.values() if not host.proc_ids and not host.removed]
        if idle:
            farm.do(c.DropHost(idle[0].id))
            farm.host(idle[0].name)
    if command is not None:
        with contextlib.suppress(FarmError):
            farm.do(command)


class Before:
    """What is used of a limit, and where it may be held, before a plan."""

    def __init__(self, farm: SmallFarm, limit: Limit) -> None:
        self.used = used_of(farm.farm, limit)
        self.held = holding_rows(farm.farm, limit)

    def check(self, farm: SmallFarm, limit: Limit) -> None:
        """What the plan took is allowed. A host where it may be held already takes more, also where none is left."""
        if limit.per_host:
            others = set(fresh_rows(farm.farm, limit)) - self.held
            assert not others or self.used + len(others) <= limit.most, limit
        else:
            assert used_of(farm.farm, limit) <= max(limit.max_value, self.used), limit


@pytest.mark.parametrize("seed", range(30))
def test_a_plan_goes_no_further_than_limits_allow_whatever_happened_to_them(seed: int) -> None:
    """After each plan a limit that blocks is within what it allows, or went to no further frame or host."""
    rng = random.Random(seed)
    farm = lived(rng)
    for _ in range(STEPS):
        happen(farm, rng.choice(WHAT), rng)
        before = {limit.id: Before(farm, limit) for limit in farm.farm.limits.values()}
        farm.plan()
        for limit in farm.farm.limits.values():
            assert used_of(farm.farm, limit) == counts_of(farm.farm, limit).used
            if limit.blocks(farm.now_us):
                before[limit.id].check(farm, limit)

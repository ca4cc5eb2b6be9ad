"""Laws that tie `explain` to the plan: what it says is in the way keeps frames off, and its remedies work.

The farms are those of the laws of the plan, with locks, pauses, limits, GPUs, tags and minimums thrown in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from farm_cases import FarmCase, HostCase, JobCase, build, farms
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.nouns import Host, Job, Layer
from cuebot.domain.states import Enforcement, FrameState, HostState, LockState
from cuebot.domain.units import CoreUnits, KiB
from cuebot.scheduling.explain.layer import Explanation, explain_layer
from cuebot.scheduling.plan.plan import plan

pytestmark = pytest.mark.slow

quickly = settings(max_examples=40, deadline=None)
KINDS = (
    "lock", "repair", "pause", "booking off", "start later", "limit", "limit_by_host", "soft limit", "reported limit",
    "advisory limit", "tag", "whole host", "gpus", "gpu host", "gpu memory", "group minimum", "group maximum",
    "job maximum", "gpu maximum", "no subscription", "failure",
)  # fmt: skip


@dataclass(frozen=True)
class Trouble:
    """Something that happens to one of the farm's hosts, jobs or groups; `which` is counted round."""

    kind: str
    which: int
    amount: int


PLAIN = JobCase(0, 0, 0, 1, 1, 1, -1)
BECOMES_AVOIDED = FarmCase(
    (HostCase(1, 2), HostCase(1, 2), HostCase(1, 2), HostCase(1, 3, busy=1), HostCase(1, 3)),
    (replace(PLAIN, memory_gib=2),),
    (0, 0),
    (-1, -1),
)
"""A higher burst would open a busy host, and with it keep a layer off the idle one where a frame of it failed."""
BECOMES_KEPT = FarmCase(
    (HostCase(1, 2), HostCase(2, 3, gpus=1)),
    (PLAIN, PLAIN, replace(PLAIN, show=1), replace(PLAIN, memory_gib=2, gpus=1)),
    (1, 1),
    (-1, -1),
)
"""A higher burst would let a frame with a GPU wait for a host, and with it keep frames without one off that host."""

troubles = st.lists(st.builds(Trouble, st.sampled_from(KINDS), st.integers(0, 9), st.integers(0, 4)), max_size=4)


def troubled(case: FarmCase, trouble: list[Trouble]) -> SmallFarm:
    """The farm of a case after all that happened to it, before anything of it is planned."""
    farm = build(case)
    for one in trouble:
        _happen(farm, one, [job for job in farm.farm.jobs.values() if "_job" in job.name])
    return farm


def _happen(farm: SmallFarm, trouble: Trouble, jobs: list[Job]) -> None:  # noqa: C901 - a table of what may happen
    books, amount = farm.farm, trouble.amount
    names = sorted(books.host_by_name)
    host = books.host_named(names[trouble.which % len(names)])
    job = jobs[trouble.which % len(jobs)]
    layer = books.layers[job.layer_ids[0]]
    match trouble.kind:
        case "lock":
            farm.do(c.LockHost(host.id, LockState.LOCKED))
        case "repair":
            farm.do(c.SetHostState(host.id, HostState.REPAIR))
        case "pause":
            farm.do(c.Change("job", job.id, {"paused": True}))
        case "booking off":
            farm.do(c.Change("show", job.show_id, {"booking_enabled": False}))
        case "start later":
            farm.do(c.Change("layer", layer.id, {"start_after_us": farm.now_us + 10**9}))
        case "limit" | "limit_by_host" | "soft limit" | "reported limit" | "advisory limit":
            _happen_to_limits(farm, trouble, host, layer)
        case "tag":
            farm.do(c.Change("layer", layer.id, {"tags": [names[amount % len(names)]]}))
        case "whole host":
            farm.do(c.ReportHost(farm.facts("idle", cores=CoreUnits(100 * (amount + 1))), (), boot=True))
            farm.report("idle", cores=CoreUnits(100 * (amount + 1)))
            books.layers[layer.id].min_cores = CoreUnits(0)  # what a specification may say and a change may not
            books.requeue(job)
        case "gpu host":
            gpus, memory = amount, KiB(4 * amount * GIB)
            farm.report("gpu", boot=True, gpus=gpus, gpu_memory=memory, free_gpu_memory=memory)
        case "gpus":
            farm.do(c.Change("layer", layer.id, {"min_gpus": amount}))
        case "gpu memory":
            farm.do(c.Change("layer", layer.id, {"min_gpu_memory": amount * 3 * GIB}))
        case "group minimum":
            farm.do(c.Change("group", job.group_id, {"min_cores": amount * 200}))
        case "group maximum":
            farm.do(c.Change("group", job.group_id, {"max_cores": amount * 100}))
        case "gpu maximum":
            farm.do(c.Change(("job", "group")[amount % 2], (job.id, job.group_id)[amount % 2], {"max_gpus": amount}))
        case "job maximum":
            farm.do(c.Change("job", job.id, {"max_cores": amount * 100}))
        case "no subscription":
            for subscription in [s for s in books.subscriptions.values() if s.show_id == job.show_id]:
                farm.do(c.Delete("subscription", subscription.id))
        case "failure":
            layer.avoided_until_us[host.row] = farm.now_us + 10**9


def _happen_to_limits(farm: SmallFarm, trouble: Trouble, host: Host, layer: Layer) -> None:
    books, amount, name = farm.farm, trouble.amount, trouble.kind.replace(" ", "_")
    if trouble.kind == "reported limit":
        used = (c.HostUsage(host.name, amount + 1), c.HostUsage("ws1", 1))
        farm.do(c.ReportUsage(tuple(c.UsageReport(name, used) for name in books.limit_by_name)))
    elif trouble.kind == "advisory limit":
        for id in list(books.limits)[:amount]:
            farm.do(c.Change("limit", id, {"enforcement": Enforcement.ADVISORY}))
    else:
        if name not in books.limit_by_name:
            soft = amount - 1 if name == "soft_limit" else -1
            farm.do(c.CreateLimit(name, 3 if soft >= 0 else amount, per_host=name != "limit", soft_value=soft))
        farm.do(c.AddLayerLimit(layer.id, books.limit_by_name[name]))


def waiting(farm: SmallFarm) -> list[Layer]:
    """Layers with frames that wait for nothing but a host."""
    return [layer for layer in farm.farm.layers.values() if layer.counts[FrameState.WAITING]]


def one_pass(farm: SmallFarm) -> list[c.Booking]:
    """What one pass of the plan would book; another one may follow when it has changed what is in the way."""
    return plan(farm.farm, farm.now_us, 10_000).bookings


def explain(farm: SmallFarm, layer: Layer) -> Explanation:
    """What `explain` says of a layer now."""
    return explain_layer(farm.farm, layer, farm.now_us)


@quickly
@given(farms(uniform=False), troubles)
def test_nothing_is_booked_of_what_has_something_in_the_way_and_what_is_next_is_booked(
    case: FarmCase, trouble: list[Trouble]
) -> None:
    """A layer with no host that could take it is not booked; one with a host and nothing ahead of it is."""
    farm = troubled(case, trouble)
    said = {layer.id: explain(farm, layer) for layer in waiting(farm)}
    booked = {booking.layer_id for booking in one_pass(farm)}
    for id, explanation in said.items():
        if not explanation.hosts:
            assert id not in booked, explanation
        elif explanation.ahead is not None and explanation.ahead.clear:
            assert id in booked, explanation


@quickly
@given(farms(uniform=False), troubles)
def test_a_layer_alone_is_booked_just_when_nothing_is_in_its_way(case: FarmCase, trouble: list[Trouble]) -> None:
    """Where one layer is all that waits, `explain` says that a host can take it if and only if the plan books it."""
    farm = troubled(replace(case, jobs=(replace(case.jobs[0], layers=1),)), trouble)
    (layer,) = waiting(farm)
    explanation = explain(farm, layer)
    assert (explanation.hosts > 0) == bool(one_pass(farm)), explanation


@quickly
@given(farms(uniform=False), troubles)
def test_what_still_waits_after_a_plan_has_something_in_its_way(case: FarmCase, trouble: list[Trouble]) -> None:
    """Once the plan has booked all that it can, no waiting layer is told that a host could take it."""
    farm = troubled(case, trouble)
    farm.plan()
    for layer in waiting(farm):
        explanation = explain(farm, layer)
        assert explanation.hosts == 0
        assert explanation.reasons


@quickly
@given(farms(uniform=False), troubles, st.integers(0, 20))
@example(FarmCase((HostCase(4, 8),), (JobCase(0, 0, 1, 9, 1, 1, -1),), (30, 30), (-1, -1)), [Trouble("lock", 0, 0)], 0)
@example(BECOMES_AVOIDED, [Trouble("failure", 4, 0)], 0)
@example(BECOMES_KEPT, [], 0)
def test_whoever_follows_the_first_remedy_sees_a_frame_start(
    case: FarmCase, trouble: list[Trouble], which: int
) -> None:
    """Each of the remedies, followed on a farm where nothing else can be booked, lets the plan book a frame."""
    farm = troubled(case, trouble)
    farm.plan()
    layers = waiting(farm)
    if not layers:
        return
    number = which % len(layers)
    for place, remedy in enumerate(explain(farm, layers[number]).remedies):
        again = troubled(case, trouble)
        again.plan()
        same = explain(again, waiting(again)[number]).remedies[place]
        for step in same.steps:
            again.do(step.command)
        assert remedy.frames >= 1
        assert len(again.plan()) >= 1, remedy


@quickly
@given(farms(uniform=False), troubles, st.integers(0, 20))
def test_a_priority_that_is_advised_puts_the_job_before_all_others(
    case: FarmCase, trouble: list[Trouble], which: int
) -> None:
    """After its job got the priority that `explain` names, no job of the show comes before a layer."""
    farm = troubled(case, trouble)
    layers = waiting(farm)
    layer = layers[which % len(layers)]
    ahead = explain(farm, layer).ahead
    assert ahead is not None
    if ahead.passing_priority is not None:
        farm.do(c.Change("job", layer.job_id, {"priority": ahead.passing_priority}))
        after = explain(farm, layer).ahead
        assert after is not None
        assert after.jobs == 0


def test_remedies_are_sorted_by_cost_and_say_what_they_gain() -> None:
    """A layer that asks for a little too much memory is told to ask for less before anybody raises a burst."""
    case = FarmCase((HostCase(8, 8),), (JobCase(0, 0, 1, 4, 1, 9, -1),), (0, 30), (-1, -1))
    farm = build(case)
    (layer,) = waiting(farm)
    farm.host("big", total_memory=KiB(32 * GIB), free_memory=KiB(32 * GIB))
    farm.do(c.LockHost(farm.farm.host_named("big").id, LockState.LOCKED))
    found = explain(farm, layer).remedies
    codes = [[step.code for step in remedy.steps] for remedy in found]
    assert codes == [["HIGHER_BURST", "LESS_MEMORY"], ["HIGHER_BURST", "UNLOCK"]]
    assert [remedy.cost for remedy in found] == sorted(remedy.cost for remedy in found)
    assert all((remedy.hosts, remedy.frames) == (1, 1) for remedy in found)

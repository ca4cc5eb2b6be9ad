"""Frames that want most of a host start at last."""

from __future__ import annotations

from scheduling_farm import launch, reasons

from cuebot.sim.small_farm import SmallFarm
from cuebot.sim.specs import layer_spec

WHOLE = layer_spec("wide", "1", cores=0)


def busy_farm(hosts: int = 1) -> SmallFarm:
    """Hosts of four cores, full of an endless job `narrow`, and a job `wide` that waits for a whole host."""
    farm = SmallFarm()
    for number in range(hosts):
        farm.host(f"host{number}")
    launch(farm, "testing", "narrow", layer_spec(range_text="1-1000"))
    farm.plan()
    launch(farm, "testing", "wide", WHOLE, priority=2)
    return farm


def running(farm: SmallFarm) -> list[int]:
    """Indices of the narrow frames that run."""
    return sorted(farm.layer("narrow/render").runs)


def test_a_whole_host_is_reserved_for_a_frame_that_waited() -> None:
    """After two minutes freed cores stay free until the host is idle, and then the wide frame starts."""
    farm = busy_farm()
    farm.wait(121)
    for index in running(farm):
        assert farm.states("wide/wide") == "W"
        farm.finish("narrow/render", index)
        farm.plan()
    assert farm.states("wide/wide") == "R"


def test_nothing_is_reserved_for_a_frame_that_has_just_come() -> None:
    """Within two minutes freed cores go to whoever fits."""
    farm = busy_farm()
    farm.finish("narrow/render", running(farm)[0])
    assert len(farm.plan()) == 1


def test_only_one_host_is_reserved_on_a_small_farm() -> None:
    """The other hosts go on taking narrow frames, and `explain` counts the reserved one."""
    farm = busy_farm(hosts=2)
    farm.wait(121)
    for host in ("host0", "host1"):
        index = next(i for i in running(farm) if farm.farm.hosts[farm.run_of("narrow/render", i).host_id].name == host)
        farm.finish("narrow/render", index)
    assert len(farm.plan()) == 1
    assert reasons(farm, farm.layer("narrow/render")) == {"RESERVED": 1, "BUSY": 1, "AHEAD": 1}


def test_a_frame_that_ends_in_time_runs_on_a_reserved_host() -> None:
    """Where runs are known to be short and the host is needed later, the free core is used meanwhile."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "short", layer_spec(range_text="1-100"))
    launch(farm, "testing", "long", layer_spec("long", "1-100"), priority=2, max_cores=300)
    farm.plan()
    farm.wait(3600)
    for index in range(3):
        farm.end(farm.run_of("long/long", index), run_s=3600)
    farm.plan()
    for _ in range(3):
        farm.end(farm.run_of("short/render", min(farm.layer("short/render").runs)), run_s=5)
        farm.plan()
    launch(farm, "testing", "wide", WHOLE, priority=9)
    farm.wait(121)
    farm.end(farm.run_of("short/render", min(farm.layer("short/render").runs)), run_s=5)
    assert [proc.layer_id for proc in farm.plan()] == [farm.layer("short/render").id]


def test_a_host_is_reserved_for_a_wide_frame_that_failed_on_an_idle_one() -> None:
    """A wide frame that avoids the only idle host gets another one reserved."""
    farm = SmallFarm()
    for number in range(2):
        farm.host(f"host{number}")
    launch(farm, "testing", "wide", WHOLE, priority=2)
    farm.plan()
    (bad,) = {farm.farm.hosts[proc.host_id].name for proc in farm.farm.procs.values()}
    (good,) = {"host0", "host1"} - {bad}
    launch(farm, "testing", "narrow", layer_spec(range_text="1-1000", tags=(good,)))
    farm.plan()
    farm.finish("wide/wide", exit_status=1)
    farm.wait(121)
    for index in running(farm):
        farm.finish("narrow/render", index)
        farm.plan()
    assert farm.farm.hosts[farm.run_of("wide/wide").host_id].name == good


def test_a_higher_priority_still_comes_before_a_reservation() -> None:
    """A reservation keeps off only what comes after the wide frame."""
    farm = busy_farm()
    farm.wait(121)
    launch(farm, "testing", "urgent", layer_spec(range_text="1"), priority=3)
    farm.finish("narrow/render", running(farm)[0])
    farm.plan()
    assert farm.states("urgent/render") == "R"

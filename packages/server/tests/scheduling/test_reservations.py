"""Frames that want most of a host start at last."""

from __future__ import annotations

from scheduling_farm import add_show, launch, reasons
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.nouns import Layer
from cuebot.domain.states import LockState
from cuebot.sim.specs import job_spec, layer_spec

MOST = 1_000_000_000
"""The size of a share beside which any other is small."""
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


def test_a_reservation_is_kept_while_another_show_comes_first() -> None:
    """A show that is further under its share does not take what has become free: the host goes on emptying."""
    farm = busy_farm()
    farm.wait(121)
    farm.finish("narrow/render", running(farm)[0])
    farm.plan()
    add_show(farm, "other", size=MOST)
    launch(farm, "other", "small", layer_spec(range_text="1-100"))
    for index in running(farm):
        farm.finish("narrow/render", index)
        assert farm.states("wide/wide") == "W"
        farm.plan()
    assert farm.states("wide/wide") == "R"


def test_no_host_is_reserved_for_a_show_while_one_further_under_its_share_could_use_it() -> None:
    """Wide frames are no way around the shares."""
    farm = busy_farm()
    add_show(farm, "other", size=MOST)
    launch(farm, "other", "small", layer_spec(range_text="1-100"))
    farm.wait(121)
    farm.finish("narrow/render", running(farm)[0])
    farm.plan()
    assert not farm.farm.hosts_table.reservations


def test_every_wide_frame_of_a_job_may_get_a_host() -> None:
    """Hosts with one run each are lost to nobody by being reserved, so that their number has no limit."""
    farm = SmallFarm()
    for number in range(3):
        farm.host(f"host{number}")
    launch(farm, "testing", "wide", layer_spec("wide", "1-9", cores=0), priority=2)
    launch(farm, "testing", "narrow", layer_spec(range_text="1-1000"))
    farm.plan()
    farm.wait(121)
    for _ in range(3):
        farm.finish("wide/wide", min(farm.layer("wide/wide").runs))
        farm.plan()
    assert len(farm.layer("wide/wide").runs) == 3
    assert not farm.layer("narrow/render").runs


def test_a_reservation_ends_with_what_it_was_made_for() -> None:
    """When the wide frames are paused, killed or done, the host takes narrow ones in the same pass."""
    farm = busy_farm()
    farm.wait(121)
    farm.finish("narrow/render", running(farm)[0])
    assert not farm.plan()
    farm.do(c.Change("job", farm.job("wide").id, {"paused": True}))
    assert [proc.layer_id for proc in farm.plan()] == [farm.layer("narrow/render").id]


def test_a_reservation_ends_with_its_host() -> None:
    """A reserved host that is locked is given up for another one."""
    farm = busy_farm(hosts=2)
    farm.wait(121)
    farm.finish("narrow/render", running(farm)[0])
    farm.plan()
    (row,) = farm.farm.hosts_table.reservations
    host_id = farm.farm.hosts_table.ids[row]
    farm.do(c.LockHost(host_id, LockState.LOCKED))
    for index in running(farm):
        if farm.run_of("narrow/render", index).host_id != host_id:
            farm.finish("narrow/render", index)
            farm.plan()
    assert farm.states("wide/wide") == "R"


def test_cores_under_a_burst_are_saved_for_a_frame_that_needs_many() -> None:
    """A frame of three cores under a burst of four starts although frames of one core always wait behind it."""
    farm = SmallFarm()
    farm.host(cores=500)
    add_show(farm, "small", size=400, burst=400)
    launch(farm, "small", "narrow", layer_spec(range_text="1-1000"))
    farm.plan()
    (big,) = farm.launch(job_spec("big", layer_spec("big", "1", cores=300), priority=2), show="small")
    layer, narrow = farm.farm.layers[big.layer_ids[0]], narrow_of(farm, "small")
    farm.wait(121)
    for index in sorted(narrow.runs)[:3]:
        assert not layer.runs
        farm.end(farm.farm.procs[narrow.runs[index]])
        farm.plan()
    assert layer.runs


def test_cores_under_a_groups_maximum_are_saved_for_a_frame_that_needs_many() -> None:
    """While a host empties for a wide frame, narrow ones of its group take nothing elsewhere that it will need."""
    farm = SmallFarm()
    for number in range(2):
        farm.host(f"host{number}")
    narrow = launch(farm, "testing", "narrow", layer_spec(range_text="1-1000"))
    farm.do(c.Change("group", narrow.group_id, {"max_cores": 600}))
    farm.plan()
    launch(farm, "testing", "wide", WHOLE, priority=2)
    farm.wait(121)
    farm.plan()
    (row,) = farm.farm.hosts_table.reservations
    reserved = farm.farm.hosts_table.ids[row]
    runs = sorted(farm.farm.procs.values(), key=lambda run: run.host_id != reserved)
    for run in runs[:4]:
        assert farm.states("wide/wide") == "W"
        farm.end(run)
        farm.plan()
        assert farm.farm.groups[narrow.group_id].reserved_cores <= 600
    assert farm.states("wide/wide") == "R"


def test_nothing_is_saved_for_a_frame_that_no_burst_lets_start() -> None:
    """What needs more than the whole burst holds nobody up."""
    farm = SmallFarm()
    farm.host(cores=500)
    add_show(farm, "small", size=400, burst=400)
    launch(farm, "small", "narrow", layer_spec(range_text="1-1000"))
    farm.plan()
    farm.launch(job_spec("big", layer_spec("big", "1", cores=500), priority=2), show="small")
    narrow = narrow_of(farm, "small")
    farm.wait(121)
    farm.end(farm.farm.procs[narrow.runs[0]])
    assert len(farm.plan()) == 1


def narrow_of(farm: SmallFarm, show: str) -> Layer:
    """The layer of the first job of a show."""
    job = next(job for job in farm.farm.jobs.values() if farm.farm.shows[job.show_id].name == show)
    return farm.farm.layers[job.layer_ids[0]]


def test_a_reservation_ends_when_its_host_is_made_larger() -> None:
    """A frame that takes most of a host gets one kept free; one that is back with more cores has them for others."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "narrow", layer_spec(range_text="1-1000", memory_kib=3 * GIB))
    farm.plan()
    launch(farm, "testing", "wide", layer_spec("wide", "1", cores=300, memory_kib=7 * GIB), priority=2)
    farm.wait(121)
    farm.finish("narrow/render", running(farm)[0])
    assert farm.plan() == []
    assert farm.farm.hosts_table.reservations
    farm.report(boot=True, cores=800, runs=[farm.farm.procs[id] for id in farm.farm.host_named("host0").proc_ids])
    farm.plan()
    assert not farm.farm.hosts_table.reservations
    assert len(running(farm)) > 3

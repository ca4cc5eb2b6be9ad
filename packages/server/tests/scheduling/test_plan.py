"""The plan: which waiting frame runs on which host."""

from __future__ import annotations

from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.host_table import Held
from cuebot.domain.units import SECOND, CoreUnits
from cuebot.engine.ports import Answer
from cuebot.scheduling.plan.plan import plan
from cuebot.sim.specs import job_spec, layer_spec


def test_the_maximum_of_one_job_does_not_limit_another() -> None:
    """A job at its maximum leaves the rest of the farm to the next one."""
    farm = SmallFarm()
    farm.host(cores=1_000)
    farm.launch(job_spec("one", max_cores=100, priority=9))
    farm.launch(job_spec("two"))
    farm.plan()
    assert farm.states("one/render") == "RWWWWWWWWW"
    assert farm.states("two/render") == "RRRRRRRRRW"


def test_jobs_of_a_group_share_its_maximum_within_one_pass() -> None:
    """What one job of a group takes in a pass is no longer there for the next one of it."""
    farm = SmallFarm()
    farm.host(cores=1_000)
    one, two = farm.launch(job_spec("one", layer_spec(range_text="1-2"))), farm.launch(job_spec("two"))
    assert one[0].group_id == two[0].group_id
    farm.do(c.Change("group", one[0].group_id, {"max_cores": 500}))
    farm.plan()
    assert farm.states("one/render") + farm.states("two/render") == "RR" + "RRRWWWWWWW"


def test_a_layer_that_fits_nowhere_does_not_hide_another_behind_it() -> None:
    """Frames that come first but fit nowhere do not use up the budget of a pass."""
    farm = SmallFarm()
    farm.host(cores=400)
    huge = layer_spec("huge", "1-1000", memory_kib=999 * 1_048_576)
    farm.launch(job_spec("one", huge, layer_spec("small", "1-3")))
    farm.do(c.ReorderFrames(farm.layer("one/huge").id, tuple(range(1, 1001)), "FIRST"))
    farm.plan()
    assert farm.states("one/small") == "RRR"


def hosts_of(farm: SmallFarm, path: str) -> list[str]:
    """The host of each run of a layer, by frame index."""
    layer = farm.layer(path)
    return [farm.farm.hosts[farm.farm.procs[layer.runs[index]].host_id].name for index in sorted(layer.runs)]


def test_a_higher_priority_comes_first_and_then_the_older_job() -> None:
    """With room for one frame, priority decides, then age."""
    farm = SmallFarm()
    farm.host(cores=100)
    for name, priority in (("old", 1), ("young", 1), ("urgent", 5)):
        farm.launch(job_spec(name, layer_spec(range_text="1"), priority=priority))
    for expected in ("urgent", "old", "young"):
        (run,) = farm.plan()
        assert farm.farm.jobs[run.job_id].name == farm.job(expected).name
        farm.end(run)


def test_within_a_job_frames_come_before_layers() -> None:
    """The first frame of every layer is booked before the second of any (opencue-behaviour: order-of-frames)."""
    farm = SmallFarm()
    farm.host(cores=300)
    farm.launch(job_spec("one", layer_spec("a", "1-3"), layer_spec("b", "1-3")))
    farm.plan()
    assert (farm.states("one/a"), farm.states("one/b")) == ("RRW", "RWW")


def test_a_frame_goes_to_the_host_with_the_least_room_that_still_fits() -> None:
    """Small frames fill small holes, so that big ones stay whole."""
    farm = SmallFarm()
    for name, cores in (("big", 1_600), ("small", 200), ("middle", 400)):
        farm.host(name, cores=cores)
    farm.launch(job_spec("one", layer_spec(range_text="1-3", cores=200)))
    farm.plan()
    assert hosts_of(farm, "one/render") == ["small", "middle", "middle"]


def test_memory_must_fit() -> None:
    """A host with cores and no memory left takes nothing more."""
    farm = SmallFarm()
    farm.host(cores=800)
    farm.launch(job_spec("one", layer_spec(memory_kib=6 * GIB)))
    assert len(farm.plan()) == 2


def test_a_layer_runs_only_on_hosts_with_one_of_its_tags() -> None:
    """One common tag is enough, and case does not matter."""
    farm = SmallFarm()
    farm.host("plain")
    farm.host("gpu", tags=("GPU",))
    farm.launch(job_spec("one", layer_spec(range_text="1-2", tags=("gpu", "fast"))))
    farm.plan()
    assert hosts_of(farm, "one/render") == ["gpu", "gpu"]


def test_a_service_without_a_record_is_a_tag_request_while_a_host_has_that_tag() -> None:
    """A service name that only a host's tag knows asks for that tag (decisions: unknown-services)."""
    farm = SmallFarm()
    farm.host("plain")
    farm.launch(job_spec("one", layer_spec(tags=("nowhere",), services=("nuke12",))))
    assert farm.plan() == []
    farm.host("special", tags=("nuke12",))
    assert len(farm.plan()) == 4


def test_a_service_that_has_a_record_asks_for_no_host_tag_of_its_name() -> None:
    """Its own tags say where a layer may run: a host that is only tagged like the service takes nothing."""
    farm = SmallFarm()
    farm.host(tags=("nuke",))
    farm.launch(job_spec("one", layer_spec(range_text="1", services=("nuke",), tags=("elsewhere",))))
    assert "nuke" in farm.farm.service_by_name
    assert farm.plan() == []


def test_a_job_runs_only_on_its_operating_system() -> None:
    """A job that names a system waits for a host that has it."""
    farm = SmallFarm()
    farm.host("linux")
    farm.launch(job_spec("one", os="windows"))
    assert farm.plan() == []
    farm.host("other", os=("Windows",))
    assert len(farm.plan()) == 4


def test_a_job_runs_only_in_its_facility() -> None:
    """A subscription to another facility's hosts does not let a job go there."""
    farm = SmallFarm()
    facility = farm.do(c.CreateFacility("cloud"))
    allocation = farm.do(c.CreateAllocation("spot", "general", facility))
    farm.do(c.CreateSubscription(farm.farm.show_named("testing").id, allocation, CoreUnits(9_000), CoreUnits(9_000)))
    farm.do(c.MoveHosts((farm.host().id,), allocation))
    farm.launch(job_spec("one"))
    assert farm.plan() == []
    farm.launch(job_spec("two"), facility="cloud")
    assert len(farm.plan()) == 4


def test_a_show_needs_a_subscription() -> None:
    """Hosts of an allocation that a show has not subscribed to are closed to it."""
    farm = SmallFarm()
    farm.host()
    farm.do(c.CreateShow("other"))
    farm.launch(job_spec("one"), show="other")
    assert farm.plan() == []


def test_the_burst_is_never_exceeded() -> None:
    """What a show has in an allocation stays within its burst, whole hosts included."""
    farm = SmallFarm()
    farm.host("one", cores=800)
    farm.host("two", cores=200)
    (subscription,) = farm.farm.subscriptions
    farm.do(c.Change("subscription", subscription, {"burst": 500}))
    farm.launch(job_spec("whole", layer_spec(range_text="1-2", cores=0), priority=9))
    farm.launch(job_spec("one"))
    farm.plan()
    assert farm.states("whole/render") == "RW"
    assert farm.farm.subscriptions[subscription].reserved_cores == 500


def test_frames_for_a_whole_host_need_an_idle_one() -> None:
    """0 cores take all of an idle host, a negative number all but that much."""
    farm = SmallFarm()
    farm.host("busy", cores=400)
    farm.launch(job_spec("small", layer_spec(range_text="1")))
    farm.plan()
    farm.launch(job_spec("whole", layer_spec("all", "1", cores=0), layer_spec("most", "1", cores=-100)))
    assert farm.plan() == []
    farm.host("idle", cores=400)
    farm.host("other", cores=1_600)
    farm.plan()
    assert (farm.run_of("whole/all").cores, farm.run_of("whole/most").cores) == (400, 1_500)


def test_a_host_that_refused_is_left_alone_for_a_while() -> None:
    """After a refusal a host gets nothing for five seconds, then ten, and so on."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1")))
    for pause in (5, 10, 20):
        (run,) = farm.plan()
        farm.core.answered(run.id, Answer.REFUSED, "no", farm.now_us)
        farm.commit()
        assert farm.states("one/render") == "W"
        farm.wait(pause - 1)
        assert farm.plan() == []
        farm.wait(1)


def test_a_budget_ends_a_pass_and_the_next_goes_on() -> None:
    """A plan has at most its budget of bookings and says whether there may be more."""
    farm = SmallFarm()
    farm.host(cores=10_000)
    farm.launch(job_spec("one"))
    found = plan(farm.farm, farm.now_us, 4)
    assert (len(found.bookings), found.exhausted) == (4, True)
    found = plan(farm.farm, farm.now_us, 400)
    assert (len(found.bookings), found.exhausted) == (10, False)


def test_a_layer_that_may_not_start_yet_waits() -> None:
    """start_after keeps a layer's frames waiting until then."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one"))
    farm.do(c.Change("layer", farm.layer("one/render").id, {"start_after_us": farm.now_us + 60 * SECOND}))
    assert farm.plan() == []
    farm.wait(60)
    assert len(farm.plan()) == 4


def test_hosts_that_were_not_heard_since_the_start_are_not_booked() -> None:
    """A farm loaded from rows books a host only after its first report."""
    farm = SmallFarm()
    host = farm.host()
    farm.launch(job_spec("one"))
    host.reported = False
    farm.farm.hosts_table.refresh(host, Held.by(()))
    assert farm.plan() == []
    farm.report()
    assert len(farm.plan()) == 4

"""Hosts where frames fail."""

from __future__ import annotations

from scheduling_farm import launch, reasons
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.states import Cause, LockState
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.sim.specs import layer_spec

ONE = layer_spec(range_text="1")


def farm_of(hosts: int, cores: int = 100) -> SmallFarm:
    """Hosts of one core each unless said otherwise."""
    farm = SmallFarm()
    for number in range(hosts):
        farm.host(f"host{number}", cores=cores)
    return farm


def host_of(farm: SmallFarm, path: str) -> str:
    """The name of the host where the first frame of a layer runs."""
    return farm.farm.hosts[farm.run_of(path).host_id].name


def fail_three_jobs(farm: SmallFarm, **ending: Cause) -> None:
    """Frames of three jobs fail on host0, one after the other."""
    for number in range(3):
        name = f"bad{number}"
        launch(farm, "testing", name, layer_spec(range_text="1", tags=("host0",)), max_retries=0)
        farm.plan()
        assert host_of(farm, f"{name}/render") == "host0"
        if Cause.KILLED in ending.values():
            farm.do(c.KillFrames(farm.frames(f"{name}/render"), "by ann"))
        farm.end(farm.run_of(f"{name}/render"), 1, **ending)


def test_a_retry_goes_to_another_host() -> None:
    """A frame that failed on a host is tried on another one at once."""
    farm = farm_of(2)
    launch(farm, "testing", "one", ONE)
    farm.plan()
    first = host_of(farm, "one/render")
    farm.finish("one/render", exit_status=1)
    farm.plan()
    assert host_of(farm, "one/render") != first


def test_a_retry_waits_for_another_host_that_is_busy() -> None:
    """A free host where the layer failed is left alone while some other host could take the frame later."""
    farm = farm_of(2)
    launch(farm, "testing", "one", ONE)
    launch(farm, "testing", "two", ONE)
    farm.plan()
    farm.finish("one/render", exit_status=1)
    assert farm.plan() == []
    assert reasons(farm, farm.layer("one/render")) == {"FAILED_THERE": 1, "BUSY": 1}
    farm.finish("two/render")
    assert len(farm.plan()) == 1


def test_the_only_host_is_tried_again() -> None:
    """Where no other host could ever take the frame, it runs where it failed."""
    farm = farm_of(1)
    launch(farm, "testing", "one", ONE)
    farm.plan()
    farm.finish("one/render", exit_status=1)
    assert len(farm.plan()) == 1


def test_a_host_is_avoided_for_a_while_only() -> None:
    """Half an hour later a host is as good as any."""
    farm = farm_of(2)
    launch(farm, "testing", "one", ONE)
    launch(farm, "testing", "two", ONE)
    farm.plan()
    farm.finish("one/render", exit_status=1)
    farm.wait(31 * 60)
    assert len(farm.plan()) == 1


def test_a_host_that_fails_three_jobs_in_a_row_is_quarantined() -> None:
    """It takes nothing for a while, and `explain` says why."""
    farm = farm_of(4)
    fail_three_jobs(farm)
    launch(farm, "testing", "next", layer_spec(range_text="1", tags=("host0",)))
    assert farm.plan() == []
    assert reasons(farm, farm.layer("next/render"))["QUARANTINED"] == 1


def test_a_quarantined_host_is_probed_with_one_frame_and_freed_by_its_success() -> None:
    """After five minutes it gets a single frame; only when that succeeds does it take more."""
    farm = farm_of(4, cores=400)
    fail_three_jobs(farm)
    launch(farm, "testing", "next", layer_spec(range_text="1-4", tags=("host0",)))
    farm.wait(5 * 60 + 1)
    assert len(farm.plan()) == 1
    assert farm.plan() == []
    farm.finish("next/render", 0)
    assert len(farm.plan()) == 3


def test_a_probe_that_fails_prolongs_the_quarantine() -> None:
    """The next pause is twice as long."""
    farm = farm_of(4)
    fail_three_jobs(farm)
    launch(farm, "testing", "next", layer_spec(range_text="1", tags=("host0",)), max_retries=3)
    farm.wait(5 * 60 + 1)
    farm.plan()
    farm.finish("next/render", exit_status=1)
    host = farm.farm.host_named("host0")
    assert 9 * 60 < (host.quarantined_until_us - farm.now_us) / 1e6 <= 10 * 60


def test_frames_that_somebody_killed_are_no_fault_of_the_host() -> None:
    """Only what frames did themselves counts."""
    farm = farm_of(4)
    fail_three_jobs(farm, cause=Cause.KILLED)
    assert farm.farm.host_named("host0").failed_jobs == ()


def test_the_last_hosts_are_never_quarantined() -> None:
    """Where more than a quarter of the hosts would be out, the fault is elsewhere."""
    farm = farm_of(3)
    fail_three_jobs(farm)
    assert farm.farm.host_named("host0").quarantined_until_us == 0


def test_a_host_on_probation_adds_nothing_to_what_a_remedy_gains_elsewhere() -> None:
    """The frames that could start on a host that is unlocked are counted on that host alone."""
    farm = farm_of(4, cores=400)
    fail_three_jobs(farm)
    farm.wait(5 * 60 + 1)
    farm.do(c.LockHost(farm.farm.host_named("host1").id, LockState.LOCKED))
    launch(farm, "testing", "mine", layer_spec(range_text="1-9", tags=("host1",)))
    assert farm.farm.hosts_table.probing[farm.farm.host_named("host0").row]
    found = explain_layer(farm.farm, farm.layer("mine/render"), farm.now_us).remedies
    assert [(remedy.hosts, remedy.frames) for remedy in found if remedy.steps[0].code == "UNLOCK"] == [(1, 4)]

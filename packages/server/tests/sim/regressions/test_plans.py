"""What simulated seeds once found in plans, each told again as a short story.

A seed draws another world with every fault that is added to the simulator; a story stays.

Each test stands alone. The seed that found it is not named, because it finds something else by now.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.states import LockState
from cuebot.domain.units import KiB
from cuebot.engine.ports import Answer
from cuebot.scheduling.rules.policy import Hosts, Policy, Request
from cuebot.sim.specs import job_spec, layer_spec

LONG_ENOUGH_S = 130
"""A wide frame that waited for so long gets a host reserved."""


def reserved(farm: SmallFarm) -> dict[str, str]:
    """Names of the layers for which hosts are kept free, by host."""
    table = farm.farm.hosts_table
    return {farm.farm.hosts[table.ids[row]].name: farm.farm.layers[id].name for row, id in table.reserved_for.items()}


def hosts_of(farm: SmallFarm, path: str) -> list[str]:
    """Names of the hosts on which frames of a layer run, by frame."""
    layer = farm.layer(path)
    return [farm.farm.hosts[farm.run_of(path, index).host_id].name for index in sorted(layer.runs)]


def gpu_host(farm: SmallFarm, name: str, gpus: int = 1, **facts: Any) -> None:
    """A host of four cores with GPUs of 8 GiB."""
    farm.host(name, gpus=gpus, gpu_memory=KiB(8 * GIB), **facts)


def second_allocation(farm: SmallFarm, *host_names: str) -> None:
    """Hosts with the tag `desktop` in an allocation of their own, to which show `testing` has a subscription."""
    (facility,) = farm.farm.facilities
    allocation = farm.do(c.CreateAllocation("desktop", "desktop", facility))
    farm.do(c.CreateSubscription(farm.farm.show_by_name["testing"], allocation, 400, 1_000_000))
    farm.do(c.MoveHosts(tuple(farm.farm.host_named(name).id for name in host_names), allocation))


def follow(farm: SmallFarm, **functions: Any) -> None:
    """The farm has a studio's policy from now on."""
    farm.core.policies = [Policy.of("studio", SimpleNamespace(**functions))]


# --- hosts that are reserved --------------------------------------------------------------------------------------


def test_no_host_is_reserved_for_a_frame_that_its_job_may_not_give_so_many_cores() -> None:
    """A frame that asks for a whole host of four cores, in a job of three at most, keeps no host free."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("narrow"))
    farm.plan()
    farm.launch(job_spec("wide", layer_spec(cores=0, range_text="1"), max_cores=300, priority=9))
    farm.wait(LONG_ENOUGH_S)
    farm.finish("narrow/render", 0)
    assert len(farm.plan()) == 1
    assert reserved(farm) == {}


def test_a_host_that_was_reserved_is_let_go_when_its_job_may_not_have_so_many_cores_any_more() -> None:
    """Somebody lowers the maximum of the job for whose whole-host frame a host is being emptied."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("narrow"))
    farm.plan()
    farm.launch(job_spec("wide", layer_spec("wide", "1", cores=0), priority=9))
    farm.wait(LONG_ENOUGH_S)
    farm.finish("narrow/render", 0)
    farm.plan()
    assert reserved(farm) == {"host0": "wide"}
    farm.do(c.Change("job", farm.job("wide").id, {"max_cores": 300}))
    assert len(farm.plan()) == 1
    assert reserved(farm) == {}


def test_a_wide_frame_that_finds_a_place_elsewhere_gives_its_reserved_host_back() -> None:
    """A host was reserved in one allocation; the next one has room at once, so others book the first in this plan."""
    farm = SmallFarm()
    farm.host("host0")
    farm.host("host1")
    second_allocation(farm, "host0")
    farm.launch(job_spec("narrow", layer_spec(tags=("desktop",))))
    farm.plan()
    farm.do(c.LockHost(farm.farm.host_named("host1").id, LockState.LOCKED))
    both = layer_spec("wide", "1", cores=0, tags=("desktop", "general"))
    farm.launch(job_spec("wide", both, priority=9))
    farm.wait(LONG_ENOUGH_S)
    farm.finish("narrow/render", 0)
    farm.plan()
    assert reserved(farm) == {"host0": "wide"}
    farm.do(c.LockHost(farm.farm.host_named("host1").id, LockState.OPEN))
    farm.finish("narrow/render", 1)
    farm.plan()
    assert hosts_of(farm, "wide/wide") == ["host1"]
    assert farm.states("narrow/render") == "SSRRRRWWWW"
    assert reserved(farm) == {}


def test_a_frame_that_comes_early_to_a_reserved_host_needs_as_much_gpu_memory_as_any() -> None:
    """What fits in before a wide frame is due goes by its wants for GPU memory, too."""
    farm = farm_with_room_before_a_wide_frame(short=layer_spec("short", "1-100", tags=("host0", "host1")))
    farm.do(c.Change("layer", farm.layer("short/short").id, {"min_gpu_memory": GIB}))
    farm.finish("short/short", min(farm.layer("short/short").runs))
    farm.plan()
    assert reserved(farm) == {"host0": "wide"}
    assert hosts_of(farm, "short/short") == []


def test_a_frame_keeps_off_a_reserved_host_where_its_layer_failed() -> None:
    """What fits in before a wide frame is due keeps off hosts where it failed, while there is another."""
    farm = farm_with_room_before_a_wide_frame(
        short=layer_spec("short", "1-100", tags=("host0", "host1"), max_retries=3)
    )
    farm.host("host1")
    farm.do(c.LockHost(farm.farm.host_named("host1").id, LockState.LOCKED))
    farm.finish("short/short", min(farm.layer("short/short").runs), exit_status=1)
    farm.do(c.LockHost(farm.farm.host_named("host1").id, LockState.OPEN))
    farm.launch(job_spec("filler", layer_spec(cores=400, range_text="1", tags=("host1",)), priority=99))
    farm.plan()
    assert hosts_of(farm, "filler/render") == ["host1"]
    assert reserved(farm) == {"host0": "wide"}
    assert hosts_of(farm, "short/short") == []


def farm_with_room_before_a_wide_frame(*, short: Any) -> SmallFarm:
    """A host with three long runs, one short one that may go on, and a wide frame that waits for all of it."""
    farm = SmallFarm()
    farm.host("host0")
    farm.launch(job_spec("short", short, priority=1))
    farm.launch(job_spec("long", layer_spec("long", "1-100"), priority=2, max_cores=300))
    farm.plan()
    farm.wait(3_600)
    for index in range(3):
        farm.end(farm.run_of("long/long", index), run_s=3_600)
    farm.plan()
    for _ in range(3):
        farm.end(farm.run_of("short/short", min(farm.layer("short/short").runs)), run_s=5)
        farm.plan()
    farm.launch(job_spec("wide", layer_spec("wide", "1", cores=0), priority=9))
    farm.wait(LONG_ENOUGH_S)
    assert len(farm.layer("short/short").runs) == 1
    return farm


# --- hosts that are kept for GPU work -----------------------------------------------------------------------------


def test_a_gpu_host_is_not_kept_for_frames_whose_limit_is_full() -> None:
    """Frames without GPUs use a GPU host when the GPU work that waits may not start anyway."""
    farm = SmallFarm()
    gpu_host(farm, "host0")
    farm.do(c.CreateLimit("nuke", 0))
    farm.launch(job_spec("gpu", layer_spec(gpus=1, limits=("nuke",)), priority=9))
    farm.launch(job_spec("plain"))
    assert len(farm.plan()) == 4
    assert farm.states("plain/render").count("R") == 4


def test_a_gpu_host_is_not_kept_for_frames_that_the_policy_keeps_away() -> None:
    """Frames without GPUs use a GPU host that the policy forbids to the GPU work that waits."""

    def allow_hosts(request: Request, hosts: Hosts) -> Any:
        return ~hosts.tagged("host0") | (request.gpus == 0)

    farm = SmallFarm()
    gpu_host(farm, "host0")
    follow(farm, allow_hosts=allow_hosts)
    farm.launch(job_spec("gpu", layer_spec(gpus=1), priority=9))
    farm.launch(job_spec("plain"))
    farm.plan()
    assert farm.states("plain/render").count("R") == 4


def test_a_gpu_host_is_not_kept_for_a_layer_that_avoids_it() -> None:
    """While a GPU layer waits for another host than the one where it failed, that one renders other frames."""
    farm = SmallFarm()
    gpu_host(farm, "host0")
    farm.launch(job_spec("gpu", layer_spec(gpus=1, range_text="1", max_retries=3), priority=9))
    farm.plan()
    gpu_host(farm, "host1")
    farm.launch(job_spec("busy", layer_spec(gpus=1, cores=400, range_text="1", tags=("host1",)), priority=10))
    farm.plan()
    farm.finish("gpu/render", exit_status=1)
    farm.launch(job_spec("plain", layer_spec(tags=("host0",))))
    farm.plan()
    assert farm.states("gpu/render") == "W"
    assert hosts_of(farm, "plain/render") == ["host0"] * 4


def test_what_gpu_work_leaves_of_a_gpu_host_is_booked_in_the_same_plan() -> None:
    """Once no frame waits for the GPUs any more, the rest of the cores goes to others without another event."""
    farm = SmallFarm()
    gpu_host(farm, "host0")
    farm.launch(job_spec("plain", priority=9))
    farm.launch(job_spec("gpu", layer_spec(gpus=1, range_text="1")))
    farm.plan()
    assert (farm.states("gpu/render"), farm.states("plain/render").count("R")) == ("R", 3)


# --- hosts that are avoided ---------------------------------------------------------------------------------------


def test_a_host_is_not_avoided_where_the_policy_allows_no_other() -> None:
    """A layer tries again where it failed when it may not use any other host."""
    farm = SmallFarm()
    farm.host("host0")
    farm.host("host1")
    follow(farm, allow_hosts=lambda request, hosts: hosts.tagged("host0"))
    farm.launch(job_spec("one", layer_spec(range_text="1", max_retries=3)))
    farm.plan()
    farm.finish("one/render", exit_status=1)
    farm.plan()
    assert hosts_of(farm, "one/render") == ["host0"]


def test_a_host_is_not_avoided_for_one_that_is_beyond_the_burst() -> None:
    """A layer tries again where it failed when its show has more than its burst of all other hosts."""
    farm = SmallFarm()
    farm.host("host0")
    farm.host("host1")
    second_allocation(farm, "host1")
    farm.launch(job_spec("busy", layer_spec(tags=("host1",), range_text="1-2")))
    farm.plan()
    (subscription,) = (s for s in farm.farm.subscriptions.values() if s.size == 400)
    farm.do(c.Change("subscription", subscription.id, {"burst": 100}))
    farm.launch(job_spec("one", layer_spec(range_text="1", max_retries=3, tags=("host0", "host1"))))
    farm.plan()
    farm.finish("one/render", exit_status=1)
    farm.plan()
    assert hosts_of(farm, "one/render") == ["host0"]


def test_a_run_that_somebody_retried_says_nothing_against_its_host() -> None:
    """A frame that ends well while it is to be retried runs again, and its layer does not avoid the host."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1")))
    farm.plan()
    farm.do(c.RetryFrames(farm.frames("one/render")))
    farm.finish("one/render", exit_status=0)
    layer = farm.layer("one/render")
    assert farm.states("one/render") == "W"
    assert layer.avoided_until_us == {}
    assert farm.farm.host_named("host0").failed_jobs == ()


# --- plans that are made too late ---------------------------------------------------------------------------------


def test_a_plan_is_wanted_when_a_job_is_killed_for_which_a_host_is_reserved() -> None:
    """The host is given to others at once, not when the next sweep comes by."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("narrow"))
    farm.plan()
    farm.launch(job_spec("wide", layer_spec(cores=0, range_text="1"), priority=9))
    farm.wait(LONG_ENOUGH_S)
    farm.finish("narrow/render", 0)
    assert farm.plan() == []
    farm.do(c.KillJob(farm.job("wide").id))
    assert farm.core.plan_wanted


def test_a_plan_is_wanted_when_a_host_that_refused_takes_a_run() -> None:
    """A host that had refused one launch and takes another is booked again at once."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one"))
    first, second, *_ = farm.plan()
    farm.core.answered(first.id, Answer.REFUSED, "no", farm.now_us)
    farm.commit()
    assert farm.plan() == []
    farm.core.answered(second.id, Answer.ACCEPTED, "yes", farm.now_us)
    assert farm.core.plan_wanted


def test_a_plan_is_wanted_when_a_host_refuses_for_whose_sake_another_is_avoided() -> None:
    """A layer goes back to the host where it failed as soon as the only other one refuses launches."""
    farm = SmallFarm()
    farm.host("host0")
    farm.launch(job_spec("one", layer_spec(range_text="1", cores=400, max_retries=3)))
    farm.plan()
    farm.host("host1")
    farm.launch(job_spec("busy", layer_spec(range_text="1", tags=("host1",))))
    (busy,) = farm.plan()
    farm.core.answered(busy.id, Answer.UNKNOWN, "no answer", farm.now_us)
    farm.finish("one/render", exit_status=1)
    assert farm.plan() == []
    farm.core.answered(busy.id, Answer.REFUSED, "no", farm.now_us)
    assert (farm.states("busy/render"), farm.core.plan_wanted) == ("R", True)
    assert len(farm.plan()) == 1

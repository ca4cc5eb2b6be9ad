"""Frames that ask for GPUs, and the hosts that have them."""

from __future__ import annotations

import pytest
from scheduling_farm import launch, reasons
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.errors import Refused
from cuebot.domain.units import KiB
from cuebot.sim.specs import layer_spec

GPU_LAYER = layer_spec("train", "1-4", gpus=1)


def host_of(farm: SmallFarm, path: str, index: int = 0) -> str:
    """The name of the host of a running frame."""
    return farm.farm.hosts[farm.run_of(path, index).host_id].name


def two_hosts(gpus: int = 2) -> SmallFarm:
    """A host of four cores with GPUs, and one without."""
    farm = SmallFarm()
    farm.host("gpu", gpus=gpus, gpu_memory=8 << 20)
    farm.host("plain")
    return farm


def test_a_frame_with_gpus_runs_only_where_there_are_some() -> None:
    """One frame a GPU runs on the host that has them; the others wait although another host is idle."""
    farm = two_hosts()
    launch(farm, "testing", "one", GPU_LAYER)
    farm.plan()
    assert farm.states("one/train") == "RRWW"
    assert {host_of(farm, "one/train", index) for index in (0, 1)} == {"gpu"}
    assert reasons(farm, farm.layer("one/train")) == {"BUSY": 1, "TOO_SMALL": 1}


def test_a_frame_needs_a_gpu_with_enough_memory() -> None:
    """Where a host's GPUs have less memory than a frame asks for, it never fits."""
    farm = two_hosts()
    launch(farm, "testing", "one", layer_spec("train", "1", gpus=1, gpu_memory_kib=16 << 20))
    assert farm.plan() == []
    assert reasons(farm, farm.layer("one/train")) == {"TOO_SMALL": 2}


def test_runs_hold_gpu_memory_until_they_end() -> None:
    """Two frames of 3 GiB leave 2 of a host's 8 GiB: the third waits although a GPU is idle, until one has ended."""
    farm = two_hosts(gpus=4)
    launch(farm, "testing", "one", layer_spec("train", "1-4", gpus=1, gpu_memory_kib=3 << 20))
    farm.plan()
    assert farm.states("one/train") == "RRWW"
    assert [proc.gpu_memory for proc in farm.farm.procs.values()] == [3 << 20, 3 << 20]
    assert reasons(farm, farm.layer("one/train")) == {"BUSY": 1, "TOO_SMALL": 1}
    farm.finish("one/train", 0)
    farm.plan()
    assert farm.states("one/train") == "SRRW"


def test_a_plan_that_takes_more_gpu_memory_than_is_idle_is_refused() -> None:
    """A booking that would hold more GPU memory than the host has left contradicts the farm."""
    farm = two_hosts(gpus=4)
    launch(farm, "testing", "one", layer_spec("train", "1-2", gpus=1, gpu_memory_kib=5 << 20))
    layer, host = farm.layer("one/train"), farm.farm.host_named("gpu")
    bookings = [c.Booking(layer.id, n, host.id, layer.min_cores, layer.min_memory, 1, KiB(5 << 20)) for n in (0, 1)]
    with pytest.raises(Refused, match="has not what this plan takes"):
        farm.do(c.Book(tuple(bookings)))


def test_frames_without_gpus_fill_the_other_hosts_first() -> None:
    """A host with GPUs comes last for a frame that asks for none."""
    farm = two_hosts()
    launch(farm, "testing", "one", layer_spec(range_text="1-4"))
    farm.plan()
    assert {host_of(farm, "one/render", index) for index in range(4)} == {"plain"}


def test_hosts_with_idle_gpus_are_kept_for_frames_that_wait_for_one() -> None:
    """While a frame waits for GPUs, other frames keep off a host that has enough idle ones, and `explain` says so."""
    farm = two_hosts()
    launch(farm, "testing", "early", layer_spec(range_text="1", cores=300, tags=("gpu",)))
    farm.plan()
    launch(farm, "testing", "wide", layer_spec("train", "1", gpus=1, cores=400, tags=("gpu",)))
    launch(farm, "testing", "plain", layer_spec(range_text="1-6"), priority=9)
    farm.plan()
    assert farm.states("plain/render") == "RRRRWW"
    assert reasons(farm, farm.layer("plain/render")) == {"KEPT_FOR_GPUS": 1, "BUSY": 1}
    farm.finish("early/render")
    farm.plan()
    assert farm.states("wide/train") == "R"


def test_gpu_work_that_may_not_start_keeps_no_host() -> None:
    """A layer that waits for the clock does not close the hosts with GPUs to others."""
    farm = two_hosts()
    launch(farm, "testing", "later", GPU_LAYER)
    farm.do(c.Change("layer", farm.layer("later/train").id, {"start_after_us": farm.now_us + 10**12}))
    launch(farm, "testing", "plain", layer_spec(range_text="1-6"))
    farm.plan()
    assert farm.states("plain/render") == "RRRRRR"


def test_a_job_and_a_group_stay_within_their_maximum_of_gpus() -> None:
    """Of frames with a GPU each, two run in a job with two at most, and one more in its group with three at most."""
    farm = SmallFarm()
    farm.host("host0", cores=800, gpus=8, gpu_memory=8 << 20)
    first = launch(farm, "testing", "first", layer_spec(gpus=1), max_gpus=2)
    assert len(farm.plan()) == 2
    assert set(reasons(farm, farm.layer("first/render"))) == {"JOB_MAX_GPUS"}
    farm.do(c.Change("group", first.group_id, {"max_gpus": 3}))
    launch(farm, "testing", "second", layer_spec(gpus=1))
    assert len(farm.plan()) == 1
    assert set(reasons(farm, farm.layer("second/render"))) == {"GROUP_MAX_GPUS"}
    farm.do(c.Change("job", first.id, {"max_gpus": -1}))
    farm.do(c.Change("group", first.group_id, {"max_gpus": -1}))
    assert len(farm.plan()) == 5


def test_a_host_that_comes_back_with_other_gpus_is_booked_by_them() -> None:
    """A host that boots with GPUs that it did not have takes frames that ask for their memory."""
    farm = SmallFarm()
    farm.host("host0")
    launch(farm, "testing", "one", layer_spec("train", "1", gpus=1, gpu_memory_kib=4 << 20))
    assert farm.plan() == []
    farm.report("host0", boot=True, gpus=1, gpu_memory=8 << 20)
    assert len(farm.plan()) == 1

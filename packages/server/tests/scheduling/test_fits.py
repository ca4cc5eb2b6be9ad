"""One rule says whether a frame fits, whoever asks, and a resource is a line of one table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scheduling_farm import launch, reasons
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain import resources
from cuebot.domain.errors import Refused
from cuebot.domain.nouns import Host, Proc
from cuebot.domain.ready import Demand
from cuebot.domain.resources import RESOURCES, Resource
from cuebot.domain.silence import Silence
from cuebot.domain.units import CoreUnits, KiB, Micros
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.scheduling.rules.estimate import longest_us, mean_us, room_at_us
from cuebot.scheduling.rules.fits import Room, enough, room_now
from cuebot.sim.specs import layer_spec

DISK = Resource("disk", "disk", in_kib=True)
DISK_OF_HOST = 6 * GIB

small = st.integers(min_value=0, max_value=4)
demands = st.builds(
    lambda cores, memory, gpus, gpu_memory, alone: Demand(
        CoreUnits(cores), KiB(memory), gpus, KiB(gpu_memory), (), (), (), "", "", alone
    ),
    st.integers(min_value=-2, max_value=4),
    small,
    small,
    small,
    st.booleans(),
)
hosts = st.lists(st.tuples(small, small, *(st.integers(min_value=-1, max_value=4) for _ in RESOURCES)), min_size=1)


@given(demands, hosts)
def test_one_host_and_many_are_judged_alike(demand: Demand, rows: list[tuple[int, ...]]) -> None:
    """What is said of one host, of all, of some, of plain numbers, and by a count, is the same."""
    whole, idle, *columns = (np.array(column) for column in zip(*rows, strict=True))
    cores = np.minimum(whole, idle)
    names = [resource.name for resource in RESOURCES]
    room = Room(whole, cores, dict(zip(names, columns, strict=True)))

    fitting = room.fitting(demand).tolist()
    assert fitting == [room.fits(row, demand) for row in range(len(rows))]
    last = np.array([len(rows) - 1])
    assert fitting[-1:] == room.fitting(demand, last).tolist()
    for row, fits in enumerate(fitting):
        amounts = {name: int(column[row]) for name, column in room.amounts.items()}
        assert enough(demand, int(whole[row]), int(cores[row]), amounts) == fits
        if not demand.idle_host:
            assert (int(room.count(demand, np.array([row]))[0]) >= 1) == fits


def test_a_host_that_lost_gpus_takes_frames_without_gpus() -> None:
    """A host comes back with fewer GPUs than its runs hold: what a frame does not ask for does not keep it off."""
    farm = SmallFarm()
    farm.host(gpus=2)
    launch(farm, "testing", "gpu", layer_spec("train", "1-2", gpus=1))
    farm.plan()
    farm.report(runs=farm.farm.procs.values(), gpus=1)
    assert farm.farm.hosts_table.idle["gpus"][0] == -1

    launch(farm, "testing", "plain")
    farm.plan()
    assert farm.states("plain/render") == "RRWWWWWWWW"


def test_a_host_that_lost_gpu_memory_is_booked_as_it_is_planned() -> None:
    """Where runs hold more GPU memory than there is, plan and booking agree on frames that ask for none."""
    farm = SmallFarm()
    farm.host(gpus=2, gpu_memory=8 * GIB)
    launch(farm, "testing", "gpu", layer_spec("train", "1-2", gpus=1, gpu_memory_kib=4 * GIB))
    farm.plan()
    farm.report(runs=farm.farm.procs.values(), gpus=2, gpu_memory=4 * GIB)

    launch(farm, "testing", "plain")
    farm.plan()
    assert farm.states("plain/render") == "RRWWWWWWWW"


def test_a_plan_counts_with_the_longest_run_and_explain_with_the_mean() -> None:
    """One walk over the ends of a host's runs, with another estimate, gives another time."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "one", layer_spec(range_text="1-100"))
    farm.plan()
    farm.wait(100)
    for run_s in (30, 60, 90):
        farm.end(farm.run_of("one/render", min(farm.layer("one/render").runs)), run_s=run_s)
    farm.plan()
    layer = farm.layer("one/render")
    booked_us = max(proc.booked_us for proc in farm.farm.procs.values())
    demand = replace(Demand.of(farm.job("one"), layer), cores=CoreUnits(0))

    room = room_now(farm.farm.hosts_table)
    times = [room_at_us(farm.farm, room, 0, demand, farm.now_us, estimate) for estimate in (mean_us, longest_us)]
    assert times == [booked_us + 60_000_000, booked_us + 90_000_000]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts have 6 GiB of disk, and a frame takes twice its memory: the fields that nouns would have, and the line."""
    monkeypatch.setattr(Host, DISK.name, property(lambda host: DISK_OF_HOST), raising=False)
    for holder in (Demand, c.Booking, Proc):
        monkeypatch.setattr(holder, DISK.name, property(lambda thing: 2 * thing.memory), raising=False)
    monkeypatch.setattr(resources, "RESOURCES", (*RESOURCES, DISK))


@pytest.mark.usefixtures("disk")
def test_a_new_resource_is_kept_by_the_plan() -> None:
    """Of four frames that the cores would take, the disk takes three; the next follows as soon as one has ended."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "one", layer_spec(memory_kib=GIB))
    farm.plan()
    assert farm.states("one/render") == "RRRWWWWWWW"
    assert farm.farm.hosts_table.idle["disk"][0] == 0

    farm.finish("one/render", 0)
    farm.plan()
    assert farm.states("one/render") == "SRRRWWWWWW"


@pytest.mark.usefixtures("disk")
def test_a_new_resource_is_told_by_explain() -> None:
    """A host without room for it is busy, says how much is asked, and has room when a run should have ended."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "one", layer_spec(memory_kib=GIB))
    farm.plan()
    farm.wait(60)
    for index in range(3):
        farm.end(farm.run_of("one/render", index), run_s=50)
    farm.plan()

    heard = Silence(awake_us=Micros(farm.now_us))
    explanation = explain_layer(farm.farm, farm.layer("one/render"), farm.now_us, silence=heard)
    assert explanation.reasons[0].code == "BUSY"
    assert "no room for 1 core and 1.0 GB and 2.0 GB of disk now" in explanation.reasons[0].text
    assert explanation.starts_in_s == 50
    assert explanation.remedies == ()

    launch(farm, "testing", "large", layer_spec(memory_kib=4 * GIB))
    assert reasons(farm, farm.layer("large/render"))["TOO_SMALL"] == 1


@pytest.mark.usefixtures("disk")
def test_a_new_resource_is_kept_by_a_booking() -> None:
    """A plan that takes more disk than a host has is refused, although cores and memory would do."""
    farm = SmallFarm()
    host = farm.host()
    launch(farm, "testing", "one")
    layer = farm.layer("one/render")
    bookings = tuple(c.Booking(layer.id, index, host.id, CoreUnits(100), KiB(GIB)) for index in range(4))
    with pytest.raises(Refused, match="has not what this plan takes"):
        farm.do(c.Book(bookings))
    farm.do(c.Book(bookings[:3]))
    assert farm.states("one/render") == "RRRWWWWWWW"

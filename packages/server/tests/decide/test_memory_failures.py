"""Frames that end for want of memory, or say so: exit statuses 33 and 137.

(opencue-behaviour: memory-failures, decisions: memory-failures-end.)
"""

from __future__ import annotations

from typing import Any

import pytest
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.settings import DEFAULT_SETTINGS, Settings
from cuebot.domain.states import Cause, Exit, HostState
from cuebot.domain.units import frame_id
from cuebot.scheduling.rules.most_memory import most_memory
from cuebot.sim.specs import job_spec, layer_spec

MEMORY_EXITS = [Exit.MEMORY, Exit.CONTAINER_MEMORY]
HOST_HAS = 16 * GIB - GIB // 2
"""What of a host of 16 GiB may be reserved."""


def one_frame(settings: Settings = DEFAULT_SETTINGS, **job: Any) -> SmallFarm:
    """A farm of one host of 16 GiB, on which the one frame of job `one` runs with 1 GiB."""
    farm = SmallFarm(settings=settings)
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1"), **({"max_retries": 0} | job)))
    farm.plan()
    return farm


def end(farm: SmallFarm, status: int, used: float) -> str:
    """The run ends having used so much of what was reserved for it, and the next one starts if the frame waits."""
    farm.wait(1)
    run = farm.run_of("one/render")
    farm.end(run, status, max_rss=int(run.memory * used))
    state = farm.states("one/render")
    farm.plan()
    return state


@pytest.mark.parametrize("status", MEMORY_EXITS)
def test_a_memory_failure_raises_the_layer_and_does_not_kill_the_frame(status: int) -> None:
    """After exit status 33 or 137 a layer asks for what the run had and its service's increase."""
    farm = one_frame()
    had = farm.run_of("one/render").memory
    assert end(farm, status, 0.9) == "W"
    layer = farm.layer("one/render")
    assert layer.min_memory == had + 2_097_152
    assert not layer.memory_optimizer
    assert farm.run_of("one/render").memory == layer.min_memory


def test_a_run_that_was_ended_for_its_memory_is_as_one_that_says_so_itself() -> None:
    """Its agent kept the hard limit: the layer asks for more, and the frame waits beyond its retries."""
    farm = one_frame()
    run = farm.run_of("one/render")
    farm.end(run, Exit.MEMORY, cause=Cause.MEMORY, max_rss=2 * GIB + 1)
    assert (farm.states("one/render"), farm.layer("one/render").min_memory) == ("W", GIB + 2_097_152)
    (ended,) = farm.events(ev.RunEnded)
    assert (ended.cause, ended.exit_status) == (Cause.MEMORY, Exit.MEMORY)


@pytest.mark.parametrize("status", MEMORY_EXITS)
def test_a_frame_that_used_little_gets_no_more_and_dies_as_any_other(status: int) -> None:
    """A frame that used half of its memory and ends with a memory status is charged, and nothing is raised."""
    farm = one_frame(max_retries=1)
    assert [end(farm, status, 0.5), end(farm, status, 0.5)] == ["W", "X"]
    assert farm.layer("one/render").min_memory == GIB


def test_the_most_that_was_ever_told_of_a_run_counts_where_its_outcome_says_less() -> None:
    """A host that reported a peak while the run ran is believed although the outcome has a smaller one."""
    farm = one_frame()
    run = farm.run_of("one/render")
    peak = run.memory * 9 // 10
    farm.report("host0", [c.RunFacts(run.id, frame_id(run.layer_id, 0), rss=peak, max_rss=peak)])
    assert end(farm, Exit.MEMORY, 0.1) == "W"
    (ended,) = farm.events(ev.RunEnded)
    assert (ended.max_rss, farm.layer("one/render").max_rss) == (peak, peak)


def test_a_peak_that_nobody_measured_is_believed() -> None:
    """A process that the kernel ended before its agent looked at it gets more memory."""
    farm = one_frame()
    assert end(farm, Exit.CONTAINER_MEMORY, 0) == "W"
    assert farm.run_of("one/render").memory == 3 * GIB


@pytest.mark.parametrize("status", MEMORY_EXITS)
def test_a_frame_that_never_has_enough_memory_is_dead_after_a_few_tries(status: int) -> None:
    """It is tried its retries and three times more, with ever more memory, and not more than its host has."""
    farm, had, states = one_frame(max_retries=1), [], []
    while "X" not in states:
        had.append(farm.run_of("one/render").memory)
        states.append(end(farm, status, 1))
    assert had == [GIB, 3 * GIB, 6 * GIB, 12 * GIB, HOST_HAS]
    assert len(states) <= 1 + 1 + DEFAULT_SETTINGS.memory_retries


def test_how_often_it_is_tried_again_is_a_setting() -> None:
    """Without such tries it is dead after those of its job."""
    farm = one_frame(Settings(memory_retries=0))
    assert end(farm, Exit.MEMORY, 1) == "X"


def test_no_more_is_asked_for_than_a_host_of_the_jobs_could_give() -> None:
    """A larger host of another tag, or of an allocation without a subscription, is none of the job's."""
    farm = one_frame()
    farm.host("large", total_memory=256 * GIB, free_memory=256 * GIB)
    (facility,) = farm.farm.facilities
    elsewhere = farm.do(c.CreateAllocation("elsewhere", "elsewhere", facility))
    farm.do(c.MoveHosts((farm.farm.host_named("large").id,), elsewhere))
    for _ in range(DEFAULT_SETTINGS.memory_retries):
        assert end(farm, Exit.MEMORY, 1) == "W"
    assert farm.run_of("one/render").memory == 12 * GIB
    assert end(farm, Exit.MEMORY, 1) == "X"
    assert farm.layer("one/render").min_memory <= HOST_HAS


def test_a_host_that_is_down_gives_nothing_while_another_one_is_up() -> None:
    """No frame waits for the memory of a machine whose agent was stopped; where all are down the largest counts."""
    farm = one_frame()
    farm.host("large", total_memory=256 * GIB, free_memory=256 * GIB)
    farm.report("large", state=HostState.DOWN, total_memory=256 * GIB, free_memory=256 * GIB)
    for _ in range(DEFAULT_SETTINGS.memory_retries):
        assert end(farm, Exit.MEMORY, 1) == "W"
    assert end(farm, Exit.MEMORY, 1) == "X"
    layer = farm.layer("one/render")
    assert layer.min_memory <= HOST_HAS
    farm.report("host0", state=HostState.DOWN)
    assert most_memory(farm.farm, layer) > HOST_HAS

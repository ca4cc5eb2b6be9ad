"""Launches that fail by a fault of the farm: paced, told, and never held against a frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from scheduling_farm import launch
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.nouns import Host, Proc
from cuebot.domain.states import Cause, Exit
from cuebot.domain.units import Micros, frame_id
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.sim.specs import layer_spec

pytestmark = pytest.mark.slow

UPSTREAM: dict[str, Any] = {"agent": "", "instance": "", "lease_us": Micros(0)}
FULL = "the log /logs/one.rqlog cannot be written: No space left on device"
Fault = Callable[[SmallFarm, Proc], Cause | None]
"""By what a run fails when it is to be started; None where it is."""


def farm_of(hosts: int, cores: int = 400, **facts: Any) -> SmallFarm:
    """Hosts of four cores."""
    farm = SmallFarm()
    for number in range(hosts):
        farm.host(f"host{number}", cores=cores, **facts)
    return farm


def live(farm: SmallFarm, seconds: int, fault: Fault | None = None, **facts: Any) -> Counter[str]:
    """Time passes; each second what runs ends, well or by a fault, and what fits is booked. Counts launches by host."""
    tried: Counter[str] = Counter()
    for second in range(seconds):
        farm.wait(1)
        for proc in list(farm.farm.procs.values()):
            cause = fault(farm, proc) if fault else None
            host = farm.farm.hosts[proc.host_id].name
            tried[host] += 1
            if cause is None:
                farm.end(proc)
            else:
                farm.end(proc, int(Exit.FAILED_LAUNCH), cause=cause, message=FULL)
        if second % 5 == 0:
            for host in list(farm.farm.host_by_name):
                farm.report(host, **facts)
            farm.plan()
        elif farm.core.plan_wanted:
            farm.plan()
    return tried


def logs_full(farm: SmallFarm, proc: Proc) -> Cause:
    """No log can be written anywhere."""
    return Cause.LOG_UNWRITABLE


def broken(name: str, cause: Cause) -> Fault:
    """One host starts nothing."""
    return lambda farm, proc: cause if farm.farm.hosts[proc.host_id].name == name else None


def held(farm: SmallFarm) -> set[str]:
    """Names of the hosts that are held."""
    hosts: list[Host] = [host for host in farm.farm.hosts.values() if farm.farm.holds.of_host(host)]
    return {host.name for host in hosts}


@pytest.mark.parametrize("hosts", [1, 2, 8])
def test_a_full_log_disk_costs_no_frame_and_few_launches(hosts: int) -> None:
    """Forty jobs and an hour without a log disk: all frames wait, and soon a launch a job and minute is tried."""
    farm = farm_of(hosts)
    for number in range(40):
        launch(farm, "testing", f"job{number}", layer_spec(range_text="1-10"), max_retries=0)
    live(farm, 600, logs_full)
    tried = live(farm, 600, logs_full)
    assert {farm.states(f"job{number}/render") for number in range(40)} == {"W" * 10}
    assert sum(tried.values()) <= 41 * 10
    live(farm, 180)
    assert {farm.states(f"job{number}/render") for number in range(40)} == {"S" * 10}


def test_explain_tells_what_the_agent_said_and_when_it_is_tried() -> None:
    """A layer whose job is held has a reason of its own, with the agent's words."""
    farm = farm_of(2)
    job = launch(farm, "testing", "one")
    live(farm, 20, logs_full)
    explanation = explain_layer(farm.farm, farm.farm.layers_of(job)[0], farm.now_us)
    assert explanation.reasons[0].code == "JOB_HELD"
    assert FULL in explanation.summary
    assert "one frame is tried" in explanation.summary


def test_what_is_mended_goes_on_by_itself() -> None:
    """After ten minutes without logs all frames are done two minutes after it was mended."""
    farm = farm_of(2)
    launch(farm, "testing", "one", layer_spec(range_text="1-40"))
    launch(farm, "testing", "two", layer_spec(range_text="1-40"))
    live(farm, 600, logs_full)
    live(farm, 120)
    assert (farm.states("one/render"), farm.states("two/render")) == ("S" * 40, "S" * 40)


@pytest.mark.parametrize("cause", [Cause.LOG_UNWRITABLE, Cause.HOST_FAULT, Cause.START_LIMIT])
def test_one_host_that_starts_nothing_is_held_and_the_others_go_on(cause: Cause) -> None:
    """The rest of the farm loses a few seconds, whether one job runs or several."""
    for jobs in (1, 5):
        farm = farm_of(4)
        for number in range(jobs):
            launch(farm, "testing", f"job{number}", layer_spec(range_text="1-2000"), max_retries=0)
        tried = live(farm, 80, broken("host1", cause))
        tried = live(farm, 20, broken("host1", cause))
        assert held(farm) == {"host1"}
        assert tried["host1"] <= 3
        assert sum(tried.values()) >= 20 * 9
        assert not any("X" in farm.states(f"job{number}/render") for number in range(jobs))


def test_a_held_host_takes_one_frame_at_a_time_until_one_is_started() -> None:
    """Explain says what is wrong with it; the first frame that starts there ends that."""
    farm = farm_of(1)
    for name in ("one", "two"):
        launch(farm, "testing", name, layer_spec(range_text="1-2", cores=200))
    live(farm, 3, broken("host0", Cause.HOST_FAULT))
    job = launch(farm, "testing", "three", layer_spec(range_text="1-40"), priority=200)
    assert held(farm) == {"host0"}
    assert farm.plan() == []
    explanation = explain_layer(farm.farm, farm.farm.layers_of(job)[0], farm.now_us)
    assert [reason.code for reason in explanation.reasons] == ["HOST_HELD"]
    assert FULL in explanation.summary
    farm.wait(10)
    (run,) = farm.plan()
    farm.wait(1)
    facts = c.RunFacts(run.id, frame_id(run.layer_id, run.frame_index), llu_s=1)
    farm.report("host0", [facts])
    assert not held(farm)
    assert len(farm.plan()) == 3


def test_a_host_that_starts_nothing_is_not_waited_for() -> None:
    """A layer avoids a host where it failed only while another one is well: a held one does not count."""
    farm = farm_of(2, cores=100)
    launch(farm, "testing", "one", layer_spec(range_text="1-2", tags=("host0",)), max_retries=3)
    launch(farm, "testing", "two", layer_spec(range_text="1-2", tags=("host1",)))
    launch(farm, "testing", "three", layer_spec(range_text="1", tags=("host1",)))
    for path in ("two/render", "three/render"):
        farm.plan()
        farm.end(farm.run_of(path), int(Exit.FAILED_LAUNCH), cause=Cause.HOST_FAULT, message=FULL)
    assert held(farm) == {"host1"}
    farm.do(c.Change("layer", farm.layer("one/render").id, {"tags": ("general",)}))
    farm.end(farm.run_of("one/render"), 1)
    farm.wait(6)
    assert {farm.farm.hosts[run.host_id].name for run in farm.plan()} == {"host0", "host1"}


def test_one_frame_whose_log_can_never_be_made_keeps_no_other_from_it() -> None:
    """A job's other frames are done within minutes, although the first in order fails each time."""
    farm = farm_of(2)
    launch(farm, "testing", "one", layer_spec(range_text="1-30"))

    def first(farm: SmallFarm, proc: Proc) -> Cause | None:
        return Cause.LOG_UNWRITABLE if proc.frame_index == 0 else None

    live(farm, 600, first)
    assert farm.states("one/render") == "W" + "S" * 29
    assert not held(farm)


def test_a_job_that_writes_elsewhere_is_not_held_up_by_another_jobs_logs() -> None:
    """Only the job with the missing folder waits."""
    farm = farm_of(2)
    launch(farm, "testing", "one", layer_spec(range_text="1-40"))
    launch(farm, "testing", "two", layer_spec(range_text="1-40"))
    one = farm.layer("one/render").id
    live(farm, 120, lambda farm, proc: Cause.LOG_UNWRITABLE if proc.layer_id == one else None)
    assert (farm.states("one/render"), farm.states("two/render")) == ("W" * 40, "S" * 40)


def test_a_job_that_no_host_can_start_costs_the_others_nothing() -> None:
    """A job of a user that no host knows is tried now and then; no host is held for it."""
    farm = farm_of(4)
    launch(farm, "testing", "stranger", layer_spec(range_text="1-40"), priority=200)
    launch(farm, "testing", "other", layer_spec(range_text="1-4000"))
    stranger = farm.layer("stranger/render").id

    def unknown(farm: SmallFarm, proc: Proc) -> Cause | None:
        return Cause.HOST_FAULT if proc.layer_id == stranger else None

    live(farm, 100, unknown)
    tried = live(farm, 120, unknown)
    assert not held(farm)
    assert farm.states("stranger/render") == "W" * 40
    assert sum(tried.values()) >= 115 * 16


def test_an_agent_that_is_not_ours_says_only_256_so_frames_are_charged_and_the_host_is_paced() -> None:
    """Such a launch failure is the frame's as far as anybody knows; the host is asked with pauses."""
    farm = farm_of(1, **UPSTREAM)
    launch(farm, "testing", "one", layer_spec(range_text="1-40"), max_retries=1)
    tried = live(farm, 60, broken("host0", Cause.LAUNCH_FAILED), **UPSTREAM)
    assert sum(tried.values()) <= 10
    live(farm, 900, broken("host0", Cause.LAUNCH_FAILED), **UPSTREAM)
    assert "X" in farm.states("one/render")

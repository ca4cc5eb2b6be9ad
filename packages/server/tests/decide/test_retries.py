"""What becomes of a frame when its run ends: behaviour_jobs 2.5 to 2.7, and the vectors of 8.3."""

from __future__ import annotations

from typing import Any

import pytest

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.states import UNCHARGED_EXITS, Cause, Exit
from cuebot.domain.units import HOUR, SECOND
from cuebot.sim.small_farm import SmallFarm
from cuebot.sim.specs import job_spec, layer_spec


def one_frame(**job: Any) -> SmallFarm:
    """A farm on which the one frame of job `one` runs, with one retry unless said otherwise."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1"), **({"max_retries": 1} | job)))
    farm.plan()
    return farm


def retries(farm: SmallFarm) -> int:
    """How many starts were charged."""
    return int(farm.layer("one/render").frames.retries[0])


def fail(farm: SmallFarm, exit_status: int = 1, *, run_s: float = 1, **outcome: Any) -> str:
    """End the run; start the next one if the frame waits. Returns the state that the frame had between them."""
    farm.wait(run_s)
    farm.end(farm.run_of("one/render"), exit_status, run_s=run_s, **outcome)
    state = farm.states("one/render")
    farm.plan()
    return state


def test_a_frame_dies_when_its_retries_are_used_up() -> None:
    """With one retry the second failure is the end, and a user's retry buys exactly one more start."""
    farm = one_frame()
    assert (retries(farm), fail(farm), retries(farm)) == (0, "W", 1)
    assert fail(farm) == "X"
    farm.do(c.RetryFrames(farm.frames("one/render")))
    farm.plan()
    assert (retries(farm), fail(farm)) == (2, "X")


def test_without_retries_the_first_failure_is_the_end() -> None:
    """With no retries a frame dies at once."""
    assert fail(one_frame(max_retries=0)) == "X"


def test_a_layer_may_have_retries_of_its_own() -> None:
    """A layer's number of retries stands above its job's."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1", max_retries=0), max_retries=5))
    farm.plan()
    assert fail(farm) == "X"


@pytest.mark.parametrize("status", [Exit.SKIP_RETRY])
def test_a_frame_may_ask_for_a_start_that_costs_nothing(status: int) -> None:
    """Exit status 286 lets a frame wait again, as often as it likes, and is never charged."""
    farm = one_frame(max_retries=0)
    for _ in range(3):
        assert (fail(farm, status), retries(farm)) == ("W", 0)


def test_signal_119_asks_for_another_start_where_there_are_retries() -> None:
    """Signal 119 costs nothing with retries, and is a failure without."""
    assert fail(one_frame(), 1, exit_signal=119) == "W"
    assert fail(one_frame(max_retries=0), 1, exit_signal=119) == "X"


def test_a_frame_that_cannot_be_launched_dies_in_the_end() -> None:
    """Exit status 256 is charged here, so a frame that can nowhere be started is not tried for ever."""
    farm = one_frame()
    assert (fail(farm, Exit.FAILED_LAUNCH, cause=Cause.LAUNCH_FAILED), retries(farm)) == ("W", 1)
    assert fail(farm, Exit.FAILED_LAUNCH, cause=Cause.LAUNCH_FAILED) == "X"


@pytest.mark.parametrize("cause", [Cause.RUNNER_LOST, Cause.SHUTDOWN, Cause.LEASE])
def test_the_farms_own_fault_is_never_charged(cause: Cause) -> None:
    """A run that the farm lost leaves the frame waiting, and the next start is free."""
    farm = one_frame(max_retries=0)
    status = int(Exit.ORPHAN) if cause is Cause.RUNNER_LOST else int(Exit.SKIP_RETRY)
    assert (fail(farm, status, cause=cause), retries(farm)) == ("W", 0)
    assert farm.layer("one/render").frames.exit_status[0] in UNCHARGED_EXITS


def test_a_signal_is_the_exit_status() -> None:
    """A frame ended by a signal has the signal's number as its exit status (D16)."""
    farm = one_frame()
    fail(farm, 1, exit_signal=9)
    assert farm.layer("one/render").frames.exit_status[0] == 9


@pytest.mark.parametrize("status", [Exit.MEMORY, Exit.CONTAINER_MEMORY])
def test_a_memory_failure_raises_the_layer_and_does_not_kill_the_frame(status: int) -> None:
    """After exit status 33 or 137 a layer asks for what the run had and its service's increase."""
    farm = one_frame(max_retries=0)
    had = farm.run_of("one/render").memory
    assert fail(farm, status) == "W"
    layer = farm.layer("one/render")
    assert layer.min_memory == had + 2_097_152
    assert not layer.memory_optimizer
    assert farm.run_of("one/render").memory == layer.min_memory


def test_a_run_of_more_than_twelve_hours_is_not_tried_again() -> None:
    """A failure after half a day is final whatever retries are left."""
    assert fail(one_frame(max_retries=9), 1, run_s=12 * HOUR / SECOND + 1) == "X"


def test_a_run_beyond_its_layers_time_out_is_not_tried_again() -> None:
    """A failure after the layer's time-out is final."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1", timeout_minutes=5), max_retries=9))
    farm.plan()
    assert fail(farm, 1, run_s=301) == "X"


def test_a_frame_whose_workstation_was_taken_back_waits_again() -> None:
    """SIGTERM on a host that its owner has locked costs nothing."""
    assert fail(one_frame(max_retries=0), 1, exit_signal=15, nimby_locked=True) == "W"


def test_a_retry_after_success_is_charged() -> None:
    """A start after any earlier end that was the frame's own counts, exit status 0 included."""
    farm = one_frame()
    fail(farm, 0)
    farm.do(c.RetryFrames(farm.frames("one/render")))
    farm.plan()
    assert retries(farm) == 1


def test_a_report_of_a_run_that_is_over_changes_only_history() -> None:
    """A second outcome of the same run is ignored."""
    farm = one_frame()
    run = farm.run_of("one/render")
    farm.end(run)
    farm.end(run, 1)
    assert farm.states("one/render") == "S"
    assert len(farm.events(ev.ReportIgnored)) == 1


def test_a_run_ends_by_its_outcome_whatever_its_host_is_called_by_then() -> None:
    """An outcome is told apart by the id of its run: a host that got another name still says how its runs ended."""
    farm = one_frame()
    run = farm.run_of("one/render")
    farm.host("renamed", instance="spool")
    farm.do(c.ReportOutcome("renamed", run.id, "", 0, 0, Cause.EXITED, run.booked_us, run.memory))
    assert (farm.states("one/render"), farm.farm.host_named("host0").proc_ids) == ("S", set())

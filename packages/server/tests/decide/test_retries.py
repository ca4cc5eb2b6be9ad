"""What becomes of a frame when its run ends.

(opencue-behaviour: after-a-run, opencue-behaviour: exit-statuses, opencue-behaviour: retry-count.)
"""

from __future__ import annotations

from typing import Any

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.bounds import Bounds
from cuebot.domain.charging import UNCHARGED_EXITS
from cuebot.domain.states import Cause, Exit
from cuebot.domain.units import HOUR, SECOND, Micros
from cuebot.sim.clock import START_US
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


def one_frame_with_three_free_retries() -> SmallFarm:
    """The same farm, on which a frame may ask for three starts that cost nothing."""
    farm = SmallFarm(bounds=Bounds(free_retries=3))
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1"), max_retries=1))
    farm.plan()
    return farm


ASKING: list[dict[str, Any]] = [
    {"exit_status": Exit.SKIP_RETRY},
    {"exit_signal": 119},
    {"exit_status": Exit.CLEARED},
    {"exit_status": Exit.ORPHAN},
]
"""Ways to end after which the next start is not charged."""


@pytest.mark.parametrize("asking", ASKING)
def test_a_frame_may_ask_for_starts_that_cost_nothing_a_number_of_times(asking: dict[str, Any]) -> None:
    """Exit status 286 and its like are never charged, and the fourth is the end where three are allowed."""
    farm = one_frame_with_three_free_retries()
    for _ in range(3):
        assert (fail(farm, **asking), retries(farm)) == ("W", 0)
    assert fail(farm, **asking) == "X"
    assert "free_retries" in farm.events(ev.RunEnded)[-1].message


def test_a_person_who_retries_a_frame_lets_it_ask_again() -> None:
    """What a frame asked for is counted since somebody retried it last."""
    farm = one_frame_with_three_free_retries()
    for _ in range(4):
        fail(farm, Exit.SKIP_RETRY)
    farm.do(c.RetryFrames(farm.frames("one/render")))
    farm.plan()
    assert [fail(farm, Exit.SKIP_RETRY) for _ in range(4)] == ["W", "W", "W", "X"]


def test_what_the_owner_of_a_desk_takes_back_is_not_asked_for() -> None:
    """A frame that ends again and again because its host's owner returns is never dead of it."""
    farm = one_frame_with_three_free_retries()
    assert [fail(farm, Exit.SKIP_RETRY, nimby_locked=True) for _ in range(5)] == ["W"] * 5


def test_signal_119_asks_for_another_start_where_there_are_retries() -> None:
    """Signal 119 costs nothing with retries, and is a failure without."""
    assert fail(one_frame(), 1, exit_signal=119) == "W"
    assert fail(one_frame(max_retries=0), 1, exit_signal=119) == "X"


def test_a_frame_that_cannot_be_launched_dies_in_the_end() -> None:
    """Exit status 256 is charged here, so a frame that can nowhere be started is not tried for ever."""
    farm = one_frame()
    assert (fail(farm, Exit.FAILED_LAUNCH, cause=Cause.LAUNCH_FAILED), retries(farm)) == ("W", 1)
    assert fail(farm, Exit.FAILED_LAUNCH, cause=Cause.LAUNCH_FAILED) == "X"


FARMS_FAULTS = {
    Cause.SHUTDOWN: Exit.SKIP_RETRY,
    Cause.LEASE: Exit.SKIP_RETRY,
    Cause.LOG_UNWRITABLE: Exit.FAILED_LAUNCH,
    Cause.HOST_FAULT: Exit.FAILED_LAUNCH,
    Cause.START_LIMIT: Exit.SKIP_RETRY,
}


@pytest.mark.parametrize("cause", FARMS_FAULTS)
def test_the_farms_own_fault_is_never_charged(cause: Cause) -> None:
    """A run that the farm lost, or could not start, leaves the frame waiting however often; the next start is free."""
    farm = SmallFarm(bounds=Bounds(free_retries=3))
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1"), max_retries=0))
    farm.plan()
    for _ in range(6):
        assert (fail(farm, FARMS_FAULTS[cause], cause=cause), retries(farm)) == ("W", 0)
        farm.wait(61)
        farm.report()
        farm.plan()
    assert farm.layer("one/render").frames.exit_status[0] in UNCHARGED_EXITS


def test_a_log_that_grew_too_long_is_the_frames_own_failure() -> None:
    """It is charged, with a cause of its own."""
    farm = one_frame()
    fail(farm, 1, exit_signal=15, cause=Cause.LOG_LIMIT)
    assert retries(farm) == 1


def test_a_signal_is_the_exit_status() -> None:
    """A frame ended by a signal has the signal's number as its exit status (decisions: signal-status)."""
    farm = one_frame()
    fail(farm, 1, exit_signal=9)
    assert farm.layer("one/render").frames.exit_status[0] == 9


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
    farm.host("renamed", instance="spool of host0", boot_us=Micros(START_US + HOUR))
    farm.do(c.ReportOutcome("renamed", run.id, "", 0, 0, Cause.EXITED, run.booked_us, run.memory))
    assert (farm.states("one/render"), farm.farm.host_named("host0").proc_ids) == ("S", set())

"""Jobs that go on for longer than somebody allowed are ended."""

from __future__ import annotations

from typing import Any

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.errors import Invalid
from cuebot.domain.recount import check
from cuebot.domain.states import JobState
from cuebot.sim.specs import job_spec, layer_spec
from cuebot.spec import SpecError, parse_spec


def a_farm(**job: Any) -> SmallFarm:
    """A host, and a job of two frames that has two minutes."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1-2"), time_limit_minutes=2, **job))
    return farm


def sweep(farm: SmallFarm, seconds: float = 0) -> None:
    """Time passes, the host reports what it has, and the timer looks."""
    farm.wait(seconds)
    farm.report(runs=[run for run in farm.farm.procs.values() if not run.kill_message])
    farm.do(c.Sweep())


def test_a_job_is_killed_when_its_time_is_up() -> None:
    """Its runs end with words that name the limit, and a comment says it, too; the time before its start is free."""
    farm = a_farm()
    sweep(farm, 600)
    assert farm.job("one").time_limit_from_us == 0
    farm.plan()
    sweep(farm)
    sweep(farm, 119)
    assert farm.job("one").state is JobState.PENDING
    run_ids = sorted(farm.farm.procs)
    sweep(farm, 1)
    assert farm.job("one").state is JobState.FINISHED
    assert "2 min" in farm.events(ev.KillRequested)[0].message
    assert sorted(farm.take_kills()) == run_ids
    (comment,) = farm.farm.comments.values()
    assert (comment.job_id, comment.user) == (farm.job("one").id, "system")
    assert "2 min" in comment.message


def test_a_job_that_is_opened_again_has_its_time_again() -> None:
    """From when a frame of it runs once more."""
    farm = a_farm()
    farm.plan()
    sweep(farm)
    sweep(farm, 120)
    farm.end(farm.run_of("one/render", 0), 1, exit_signal=15)
    farm.do(c.RetryFrames(farm.frames("one/render")))
    assert (farm.job("one").state, farm.job("one").time_limit_from_us) == (JobState.PENDING, 0)
    sweep(farm, 300)
    farm.plan()
    sweep(farm)
    sweep(farm, 60)
    assert farm.job("one").state is JobState.PENDING
    sweep(farm, 60)
    assert farm.job("one").state is JobState.FINISHED


def test_a_limit_may_be_raised_and_taken_away_while_a_job_runs() -> None:
    """The time goes on from where it began."""
    farm = a_farm()
    farm.plan()
    sweep(farm)
    farm.do(c.Change("job", farm.job("one").id, {"time_limit_minutes": 4}))
    sweep(farm, 239)
    assert farm.job("one").state is JobState.PENDING
    farm.do(c.Change("job", farm.job("one").id, {"time_limit_minutes": 0}))
    sweep(farm, 600)
    assert farm.job("one").state is JobState.PENDING
    farm.do(c.Change("job", farm.job("one").id, {"time_limit_minutes": 1}))
    sweep(farm)
    assert farm.job("one").state is JobState.FINISHED


def test_a_run_that_is_lost_in_the_same_moment_is_not_ended_twice() -> None:
    """A host that fell silent loses its run when the time of the job is up, too."""
    farm = a_farm()
    farm.plan()
    sweep(farm)
    farm.wait(3_600)
    farm.do(c.Sweep())
    assert farm.job("one").state is JobState.FINISHED
    assert not farm.events(ev.KillRequested)
    check(farm.farm)


def test_the_time_of_a_job_survives_a_restart() -> None:
    """What was counted is counted on."""
    farm = a_farm()
    farm.plan()
    sweep(farm)
    row = [row for batch in farm.batches for row in batch.rows.things.get("job", ())][-1]
    assert (row["time_limit_minutes"], row["time_limit_from_us"]) == (2, farm.now_us)


SPEC = (
    '<spec cuefarm="1"><show>testing</show><shot>sh1</shot><user>ann</user><job name="one" timelimit="{}"><layers>'
    '<layer name="render" type="Render"><cmd>true</cmd><range>1</range></layer></layers></job></spec>'
)


def test_a_specification_says_how_long_its_job_may_go_on() -> None:
    """As an addition of this farm's; elsewhere it is an attribute that is not known."""
    assert parse_spec(SPEC.format(" 90 ")).jobs[0].time_limit_minutes == 90
    assert parse_spec(SPEC.format("")).jobs[0].time_limit_minutes == 0
    plain = parse_spec(SPEC.replace(' cuefarm="1"', "").format("90"))
    assert plain.jobs[0].time_limit_minutes == 0
    assert any("timelimit" in warning for warning in plain.warnings)


@pytest.mark.parametrize("text", ["-1", "1.5", "soon", "99999999999", "9" * 30, "٣"])
def test_a_time_limit_that_is_no_number_of_minutes_is_refused(text: str) -> None:
    """With the place in the specification."""
    with pytest.raises(SpecError, match="timelimit"):
        parse_spec(SPEC.format(text))


@pytest.mark.parametrize(
    ("field", "value"), [("user", "root"), ("user", ""), ("user", "../x"), ("uid", 0), ("time_limit_minutes", -1)]
)
def test_what_nobody_may_be_or_have_is_refused(field: str, value: Any) -> None:
    """A job keeps the owner and the time that it had."""
    farm = a_farm()
    with pytest.raises(Invalid):
        farm.do(c.Change("job", farm.job("one").id, {field: value}))
    long = "x" * (DEFAULT_BOUNDS.user_name_characters + 1)
    with pytest.raises(Invalid, match="user_name_characters"):
        farm.do(c.Change("job", farm.job("one").id, {"user": long}))
    assert (farm.job("one").user, farm.job("one").time_limit_minutes) == ("ann", 2)


def test_a_layer_that_has_no_retries_of_its_own_any_more_has_its_jobs() -> None:
    """None says so."""
    farm = a_farm(max_retries=3)
    layer = farm.layer("one/render")
    farm.do(c.Change("layer", layer.id, {"max_retries": 0}))
    assert layer.retries_of(farm.job("one")) == 0
    farm.do(c.Change("layer", layer.id, {"max_retries": None}))
    assert layer.retries_of(farm.job("one")) == 3

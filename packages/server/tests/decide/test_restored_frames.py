"""Frames that are restored: they have ended elsewhere, and do not run again."""

from __future__ import annotations

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.errors import Invalid, Refused
from cuebot.domain.states import FrameState, JobState
from cuebot.sim.specs import depend_spec, job_spec, layer_spec

SUCCEEDED, DEAD, EATEN = FrameState.SUCCEEDED, FrameState.DEAD, FrameState.EATEN


@pytest.fixture
def farm() -> SmallFarm:
    """A farm with a paused job of three frames, and as many behind them frame by frame."""
    farm = SmallFarm()
    farm.host()
    job = job_spec(
        "one", layer_spec("render", range_text="1-3"), layer_spec("comp", range_text="1-3"), paused=True, max_retries=1
    )
    farm.launch(job, depends=[depend_spec("FRAME_BY_FRAME", "one/comp", "one/render")])
    return farm


def restore(farm: SmallFarm, path: str, *frames: c.EndedFrame) -> int:
    """Restore frames of a layer; how many were."""
    return int(farm.do(c.RestoreFrames(farm.layer(path).id, frames)))


def test_restored_frames_are_in_the_states_that_they_had(farm: SmallFarm) -> None:
    """With their exit statuses, retries and times; what waited for one that succeeded is let go."""
    ended = c.EndedFrame(2, DEAD, 7, retries=1, start_us=10, stop_us=20, max_rss_kib=30)
    assert restore(farm, "one/render", c.EndedFrame(3, EATEN), ended, c.EndedFrame(1, SUCCEEDED)) == 3
    assert (farm.states("one/render"), farm.states("one/comp")) == ("SXE", "WDD")
    frames = farm.layer("one/render").frames
    found = [frames.exit_status, frames.retries, frames.start_us, frames.stop_us, frames.max_rss_kib, frames.attempts]
    assert [int(column[1]) for column in found] == [7, 1, 10, 20, 30, 2]


def test_a_job_of_which_all_is_restored_is_finished(farm: SmallFarm) -> None:
    """What has been done elsewhere is not done again."""
    restore(farm, "one/render", *(c.EndedFrame(number, SUCCEEDED) for number in (1, 2, 3)))
    assert farm.job("one").state is JobState.PENDING
    restore(farm, "one/comp", *(c.EndedFrame(number, SUCCEEDED) for number in (1, 2, 3)))
    assert farm.job("one").state is JobState.FINISHED


def test_a_dead_frame_that_is_retried_has_the_retries_that_it_had_left(farm: SmallFarm) -> None:
    """A restored failure counts as one."""
    restore(farm, "one/render", c.EndedFrame(1, DEAD, 1), c.EndedFrame(2, SUCCEEDED), c.EndedFrame(3, SUCCEEDED))
    farm.do(c.RetryFrames(farm.frames("one/render", 0)))
    farm.do(c.Change("job", farm.job("one").id, {"paused": False}))
    farm.plan()
    farm.finish("one/render", 0, exit_status=1)
    assert farm.states("one/render") == "XSS"


def test_what_waits_or_has_run_is_left_as_it_is(farm: SmallFarm) -> None:
    """Frames behind others, and those that ended here, are not restored; the second time changes nothing."""
    assert restore(farm, "one/comp", c.EndedFrame(1, SUCCEEDED)) == 0
    assert restore(farm, "one/render", c.EndedFrame(1, SUCCEEDED)) == 1
    assert restore(farm, "one/render", c.EndedFrame(1, DEAD)) == 0
    assert (farm.states("one/render"), farm.states("one/comp")) == ("SWW", "WDD")
    farm.do(c.Change("job", farm.job("one").id, {"paused": False}))
    farm.plan()
    farm.finish("one/render", 1, exit_status=1)
    farm.do(c.Change("job", farm.job("one").id, {"paused": True}))
    assert farm.states("one/render") == "SWR"
    assert restore(farm, "one/render", c.EndedFrame(2, SUCCEEDED)) == 0


def test_a_job_that_goes_on_is_not_restored(farm: SmallFarm) -> None:
    """Its frames may be started at any time: it is paused first."""
    farm.do(c.Change("job", farm.job("one").id, {"paused": False}))
    with pytest.raises(Refused, match="is not paused"):
        restore(farm, "one/render", c.EndedFrame(1, SUCCEEDED))


@pytest.mark.parametrize("numbers", [(4,), (1, 1)])
def test_frames_that_make_no_sense_are_refused(farm: SmallFarm, numbers: tuple[int, ...]) -> None:
    """A number that the layer has not, and one that is named twice."""
    with pytest.raises(Invalid):
        restore(farm, "one/render", *(c.EndedFrame(number, SUCCEEDED) for number in numbers))

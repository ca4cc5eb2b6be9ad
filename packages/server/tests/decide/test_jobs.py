"""Whole jobs: launch, end, kill, reopen, post layers."""

from __future__ import annotations

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import AlreadyExists, Invalid, NotFound, Refused
from cuebot.domain.states import Exit, JobState
from cuebot.sim.specs import depend_spec, job_spec, layer_spec


@pytest.fixture
def farm() -> SmallFarm:
    """A farm with one host of ten cores."""
    farm = SmallFarm()
    farm.host(cores=1_000)
    return farm


def test_a_job_ends_with_its_last_frame(farm: SmallFarm) -> None:
    """A job is FINISHED when every frame has succeeded or was eaten."""
    farm.launch(job_spec("one", layer_spec(range_text="1-2")))
    farm.plan()
    farm.finish("one/render", 0)
    assert farm.job("one").state is JobState.PENDING
    farm.do(c.EatFrames(farm.frames("one/render", 1)))
    assert farm.states("one/render") == "SE"
    assert farm.job("one").state is JobState.PENDING, "the eaten frame's run is not over yet"
    farm.end(farm.run_of("one/render", 1), 1)
    assert farm.job("one").state is JobState.FINISHED


def test_a_job_with_a_dead_frame_stays_pending(farm: SmallFarm) -> None:
    """A dead frame keeps its job open until somebody decides."""
    farm.launch(job_spec("one", layer_spec(range_text="1"), max_retries=0))
    farm.plan()
    farm.finish("one/render", exit_status=1)
    assert farm.states("one/render") == "X"
    assert farm.job("one").state is JobState.PENDING
    farm.do(c.EatFrames(farm.frames("one/render")))
    assert farm.job("one").state is JobState.FINISHED


def test_killing_a_job_finishes_it_at_once_and_its_frames_wait_again(farm: SmallFarm) -> None:
    """Running frames of a killed job are ended and wait, with exit status 500; dead ones stay.

    (opencue-behaviour: killing-a-job.)
    """
    farm.launch(job_spec("one", layer_spec(range_text="1-12"), max_retries=0))
    farm.plan()
    farm.finish("one/render", 0, exit_status=1)
    farm.do(c.KillJob(farm.job("one").id, "x"))
    assert farm.job("one").state is JobState.FINISHED
    runs = [farm.run_of("one/render", index) for index in range(1, 10)]
    assert farm.take_kills() == [run.id for run in runs]
    for run in runs:
        farm.end(run, 1, exit_signal=15)
    assert farm.states("one/render") == "XWWWWWWWWWWW"
    assert farm.layer("one/render").frames.exit_status[1] == Exit.RETRIED_BY_USER


def test_killing_a_job_leaves_eaten_frames_eaten(farm: SmallFarm) -> None:
    """A frame that was eaten while it ran is not brought back by the end of its job."""
    farm.launch(job_spec("one", layer_spec(range_text="1-2")))
    farm.plan()
    farm.do(c.EatFrames(farm.frames("one/render", 0)))
    farm.do(c.KillJob(farm.job("one").id))
    for index in (0, 1):
        farm.end(farm.run_of("one/render", index), 1, exit_signal=15)
    assert farm.states("one/render") == "EW"


def test_a_name_is_free_again_when_its_job_has_ended(farm: SmallFarm) -> None:
    """A job of the same name is refused while the first is active, and accepted afterwards."""
    farm.launch(job_spec("one"))
    with pytest.raises(AlreadyExists, match="is active already"):
        farm.launch(job_spec("one"))
    farm.do(c.KillJob(farm.job("one").id))
    farm.launch(job_spec("one"))


def test_a_finished_job_is_not_reopened_beside_another_of_its_name(farm: SmallFarm) -> None:
    """Retrying a frame of a finished job is refused while another job has its name, and works later."""
    (first,) = farm.launch(job_spec("one", layer_spec(range_text="1")))
    farm.plan()
    farm.finish("one/render")
    again = c.RetryFrames(farm.frames("one/render"))
    (second,) = farm.launch(job_spec("one"))
    with pytest.raises(Refused, match="another one of its name is active"):
        farm.do(again)
    farm.do(c.KillJob(second.id))
    farm.do(again)
    assert first.state is JobState.PENDING


def test_retrying_a_frame_reopens_its_finished_job(farm: SmallFarm) -> None:
    """A retried frame waits again and its job is PENDING and can be found by name."""
    (job,) = farm.launch(job_spec("one", layer_spec(range_text="1-2")))
    farm.plan()
    farm.finish("one/render")
    farm.do(c.RetryFrames(farm.frames("one/render", 1)))
    assert (job.state, farm.states("one/render")) == (JobState.PENDING, "SW")
    assert farm.farm.job_named(job.name) is job


def test_post_layers_start_when_their_job_has_ended(farm: SmallFarm) -> None:
    """Post layers form a job of their own that is POSTED until its parent has finished."""
    (job,) = farm.launch(job_spec("one", layer_spec(range_text="1"), layer_spec("clean", "1", type="POST")))
    (post,) = (x for x in farm.farm.jobs.values() if x.parent_id == job.id)
    assert post.state is JobState.POSTED
    farm.plan()
    assert not farm.farm.layers_of(post)[0].runs
    farm.finish("one/render")
    assert post.state is JobState.PENDING
    (run,) = farm.plan()
    farm.end(run)
    assert post.state is JobState.FINISHED


def test_post_layers_run_once_however_often_their_job_ends(farm: SmallFarm) -> None:
    """A job that is opened again and ends once more does not begin its post layers anew."""
    (job,) = farm.launch(job_spec("one", layer_spec(range_text="1"), layer_spec("clean", "1", type="POST")))
    (post,) = (x for x in farm.farm.jobs.values() if x.parent_id == job.id)
    for _ in range(2):
        farm.plan()
        for run in list(farm.farm.procs.values()):
            farm.end(run)
    assert (job.state, post.state) == (JobState.FINISHED, JobState.FINISHED)
    ends = len(farm.events(ev.JobFinished))
    farm.do(c.RetryFrames(farm.frames("one/render")))
    farm.plan()
    farm.finish("one/render")
    assert (job.state, post.state) == (JobState.FINISHED, JobState.FINISHED)
    assert [event.job_id for event in farm.events(ev.JobFinished)[ends:]] == [job.id]


def test_finish_if_complete_leaves_an_unfinished_job_alone(farm: SmallFarm) -> None:
    """FinishIfComplete is no kill."""
    (job,) = farm.launch(job_spec("one"))
    farm.do(c.FinishIfComplete(job.id))
    assert job.state is JobState.PENDING


def test_launching_for_an_unknown_show_says_how_to_create_it(farm: SmallFarm) -> None:
    """The refusal names the show and the command that makes it."""
    with pytest.raises(NotFound, match=r'"show.create", {"name": "nothere"}'):
        farm.launch(job_spec("one"), show="nothere")


def test_a_refused_launch_leaves_nothing_behind(farm: SmallFarm) -> None:
    """When one of two jobs is refused, neither exists."""
    bad = depend_spec("LAYER_ON_LAYER", "two/render", "two/nothere")
    with pytest.raises(Invalid, match="nothere"):
        farm.launch(job_spec("one"), job_spec("two"), depends=[bad])
    assert not farm.farm.jobs


def test_a_paused_job_is_not_booked_and_what_runs_goes_on(farm: SmallFarm) -> None:
    """Pausing blocks new bookings only."""
    (job,) = farm.launch(job_spec("one", layer_spec(range_text="1-12")))
    farm.plan()
    farm.do(c.Change("job", job.id, {"paused": True}))
    farm.finish("one/render", 0)
    assert farm.plan() == []
    farm.do(c.Change("job", job.id, {"paused": False}))
    assert len(farm.plan()) == 1


def test_auto_eat_takes_the_retries_and_gives_one_back(farm: SmallFarm) -> None:
    """Auto-eat on sets the retries to 0, off to 1, and a failed frame is EATEN (opencue-behaviour: auto-eat)."""
    (job,) = farm.launch(job_spec("one", layer_spec(range_text="1-2"), max_retries=3))
    farm.do(c.Change("job", job.id, {"auto_eat": True}))
    assert job.max_retries == 0
    farm.plan()
    farm.finish("one/render", 0, exit_status=1)
    assert farm.states("one/render") == "ER"
    farm.do(c.Change("job", job.id, {"auto_eat": False}))
    assert job.max_retries == 1

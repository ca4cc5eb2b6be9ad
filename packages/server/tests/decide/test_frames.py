"""Commands on frames: retry, eat, kill, mark done, reorder."""

from __future__ import annotations

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.errors import Invalid
from cuebot.domain.states import Exit, JobState
from cuebot.sim.specs import depend_spec, job_spec, layer_spec


@pytest.fixture
def farm() -> SmallFarm:
    """A farm on which all three frames of `one/render` run, without retries."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1-3"), max_retries=0))
    farm.plan()
    return farm


def test_retrying_a_running_frame_never_runs_it_twice(farm: SmallFarm) -> None:
    """Its run is killed, and only when that has truly ended the frame waits again."""
    run = farm.run_of("one/render", 1)
    farm.do(c.RetryFrames(farm.frames("one/render", 1)))
    assert farm.take_kills() == [run.id]
    assert (farm.states("one/render"), farm.plan()) == ("RRR", [])
    farm.end(run, 0)
    assert farm.states("one/render") == "RWR"
    assert farm.layer("one/render").frames.exit_status[1] == Exit.RETRIED_BY_USER
    assert len(farm.plan()) == 1


def test_retrying_a_waiting_frame_changes_nothing(farm: SmallFarm) -> None:
    """A frame that waits already is no retry, and opens no job."""
    farm.launch(job_spec("two", paused=True))
    batches = len(farm.batches)
    farm.do(c.RetryFrames(farm.frames("two/render")))
    assert len(farm.batches) == batches


def test_retrying_dead_eaten_and_succeeded_frames_makes_them_wait(farm: SmallFarm) -> None:
    """Whatever its end was, a retried frame waits."""
    farm.finish("one/render", 0)
    farm.finish("one/render", 1, exit_status=1)
    farm.finish("one/render", 2, exit_status=1)
    farm.do(c.EatFrames(farm.frames("one/render", 2)))
    assert farm.states("one/render") == "SXE"
    farm.do(c.RetryFrames(farm.frames("one/render")))
    assert farm.states("one/render") == "WWW"


def test_an_eaten_running_frame_is_killed_and_stays_eaten(farm: SmallFarm) -> None:
    """Eating a running frame gives it exit status 506, and its outcome no longer matters."""
    run = farm.run_of("one/render", 0)
    farm.do(c.EatFrames(farm.frames("one/render", 0)))
    assert (farm.states("one/render"), farm.take_kills()) == ("ERR", [run.id])
    farm.end(run, 0)
    assert farm.states("one/render") == "ERR"
    assert farm.layer("one/render").frames.exit_status[0] == Exit.EATEN_BY_USER


def test_an_eaten_frame_that_is_retried_before_its_run_ended_waits_for_that_end(farm: SmallFarm) -> None:
    """The last word counts, and the frame is booked again only when the old run is over."""
    run = farm.run_of("one/render", 0)
    farm.do(c.EatFrames(farm.frames("one/render", 0)))
    farm.do(c.RetryFrames(farm.frames("one/render", 0)))
    assert (farm.states("one/render"), farm.plan()) == ("ERR", [])
    farm.end(run, 1, exit_signal=15)
    assert farm.states("one/render") == "WRR"


def test_eating_a_succeeded_frame_does_nothing(farm: SmallFarm) -> None:
    """What succeeded stays so."""
    farm.finish("one/render", 0)
    farm.do(c.EatFrames(farm.frames("one/render", 0)))
    assert farm.states("one/render") == "SRR"


def test_a_killed_frame_goes_where_its_outcome_says(farm: SmallFarm) -> None:
    """A kill alone changes no state: the frame dies or waits by its retries."""
    farm.do(c.Change("job", farm.job("one").id, {"max_retries": 1}))
    run = farm.run_of("one/render", 0)
    farm.do(c.KillFrames(farm.frames("one/render", 0), "because"))
    assert farm.states("one/render") == "RRR"
    assert [order.message for _, orders in farm.orders.kills for order in orders] == ["because"]
    farm.end(run, 1, exit_signal=15)
    assert farm.states("one/render") == "WRR"


def test_a_run_can_be_killed_by_its_id_and_one_that_is_over_is_none(farm: SmallFarm) -> None:
    """KillProcs ends the runs that there are."""
    run = farm.run_of("one/render", 0)
    farm.do(c.KillProcs((run.id, "over")))
    assert farm.take_kills() == [run.id]


def test_a_killed_job_is_reopened_by_a_retry_of_frames_that_never_ran() -> None:
    """A job that was killed while all of its frames waited can be had back."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1-3")))
    farm.do(c.KillJob(farm.job("one").id))
    assert farm.do(c.RetryFrames(farm.frames("one/render", 0))) == 1
    assert farm.job("one").state is JobState.PENDING
    assert len(farm.plan()) == 3


def test_mark_done_satisfies_what_waits_and_leaves_the_frames_alone() -> None:
    """Frames marked done let their partners go; a layer marked done lets a layer go."""
    farm = SmallFarm()
    depends = [depend_spec("FRAME_BY_FRAME", "one/b", "one/a"), depend_spec("LAYER_ON_LAYER", "one/c", "one/a")]
    layers = [layer_spec(name, "1-3") for name in "abc"]
    farm.launch(job_spec("one", *layers), depends=depends)
    farm.do(c.MarkDone(farm.frames("one/a", 1)))
    assert (farm.states("one/a"), farm.states("one/b"), farm.states("one/c")) == ("WWW", "DWD", "DDD")
    farm.do(c.MarkDone({}, (farm.layer("one/a").id,)))
    assert farm.states("one/c") == "WWW"


@pytest.mark.parametrize(
    ("order", "numbers", "expected"),
    [
        ("FIRST", (3, 5), [3, 5, 1, 2, 4]),
        ("LAST", (1, 2), [3, 4, 5, 1, 2]),
        ("REVERSE", (1, 3, 5), [5, 2, 3, 4, 1]),
        ("FIRST", (9,), [1, 2, 3, 4, 5]),
    ],
)
def test_frames_can_be_reordered(order: str, numbers: tuple[int, ...], expected: list[int]) -> None:
    """Frames move to the front, to the back, or turn round within their layer; unknown numbers are skipped."""
    farm = SmallFarm()
    farm.launch(job_spec("one", layer_spec(range_text="1-5")))
    layer = farm.layer("one/render")
    farm.do(c.ReorderFrames(layer.id, numbers, order))
    assert layer.frames.number[layer.frames.dispatch_order.argsort()].tolist() == expected


def test_an_unknown_order_is_refused() -> None:
    """Only FIRST, LAST and REVERSE are orders."""
    farm = SmallFarm()
    farm.launch(job_spec("one"))
    with pytest.raises(Invalid, match="FIRST, LAST, REVERSE"):
        farm.do(c.ReorderFrames(farm.layer("one/render").id, (1,), "SIDEWAYS"))


def test_a_job_opened_by_a_retry_ends_again(farm: SmallFarm) -> None:
    """After the retried frame's success the job is FINISHED a second time."""
    farm.finish("one/render")
    farm.do(c.RetryFrames(farm.frames("one/render", 0)))
    farm.plan()
    farm.finish("one/render")
    assert farm.job("one").state is JobState.FINISHED


def order_of(farm: SmallFarm, path: str) -> list[int]:
    """Numbers of a layer's frames in the order in which they run."""
    frames = farm.layer(path).frames
    return [int(frames.number[index]) for index in frames.dispatch_order.argsort(kind="stable")]


def test_staggered_frames_run_in_the_order_of_an_interleaved_range() -> None:
    """Every third one first, then those between, at the places that the range had; the others stay where they were."""
    farm = SmallFarm()
    farm.launch(job_spec("one", layer_spec(range_text="1-10")))
    command = c.StaggerFrames(farm.layer("one/render").id, tuple(range(3, 9)), 3)
    assert farm.do(command) == 3
    assert order_of(farm, "one/render") == [1, 2, 3, 6, 4, 5, 7, 8, 9, 10]
    assert farm.do(c.StaggerFrames(farm.layer("one/render").id, (1, 2, 500), 1)) == 0


def test_the_order_of_frames_survives_a_restart() -> None:
    """What was staggered and reordered is so after the farm was loaded from its rows."""
    farm = SmallFarm()
    farm.launch(job_spec("one", layer_spec(range_text="1-6")))
    layer_id = farm.layer("one/render").id
    farm.do(c.StaggerFrames(layer_id, (1, 2, 3, 4, 5, 6), 3))
    farm.do(c.ReorderFrames(layer_id, (6,), "FIRST"))
    rows = {
        int(index): int(order)
        for batch in farm.batches
        for part in batch.rows.frames
        for index, order in zip(part.indices, part.columns["dispatch_order"], strict=True)
    }
    kept = sorted(range(6), key=lambda index: (rows.get(index, index), index))
    assert [index + 1 for index in kept] == order_of(farm, "one/render") == [6, 1, 4, 2, 3, 5]


@pytest.mark.parametrize("type_", ["FRAME_BY_FRAME", "LAYER_ON_LAYER"])
def test_frames_that_were_let_go_can_wait_again(type_: str) -> None:
    """Of what they were let go from only what has not happened holds them; a frame that never was let go is left."""
    farm = SmallFarm()
    farm.host(cores=400)
    depends = [depend_spec(type_, "one/b", "one/a")]
    farm.launch(job_spec("one", layer_spec("a", "1-3"), layer_spec("b", "1-3")), depends=depends)
    farm.do(c.ReleaseFrames(farm.frames("one/b", 0, 1)))
    assert farm.states("one/b") == "WWD"
    assert farm.do(c.HoldFrames(farm.frames("one/b"))) == 2
    assert farm.states("one/b") == "DDD"
    assert farm.do(c.HoldFrames(farm.frames("one/b"))) == 0


def test_a_frame_does_not_wait_again_for_what_has_happened() -> None:
    """Its counterpart is done by then, so it goes on waiting for a host alone."""
    farm = SmallFarm()
    farm.host()
    farm.launch(
        job_spec("one", layer_spec("a", "1-2"), layer_spec("b", "1-2", tags=("nowhere",))),
        depends=[depend_spec("FRAME_BY_FRAME", "one/b", "one/a")],
    )
    farm.do(c.ReleaseFrames(farm.frames("one/b")))
    farm.plan()
    farm.finish("one/a", 0)
    assert farm.do(c.HoldFrames(farm.frames("one/b"))) == 1
    assert farm.states("one/b") == "WD"

"""All twelve types of depend, frame by frame, with chunks: what each holds, and what lets it go."""

from __future__ import annotations

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.depends import SHAPES
from cuebot.domain.errors import AlreadyExists, Invalid, Refused
from cuebot.domain.states import DependType, JobState
from cuebot.sim.specs import depend_spec, job_spec, layer_spec


def pipeline(er: str = "1-3", on: str = "1-3", *, er_chunk: int = 1, on_chunk: int = 1) -> SmallFarm:
    """A big host, job `on` with layer `a`, and job `er` with layers `x` and `y`, without any depend."""
    farm = SmallFarm()
    farm.host(cores=100_000, total_memory=10_000 * 1_048_576)
    farm.launch(job_spec("on", layer_spec("a", on, on_chunk)))
    farm.launch(job_spec("er", layer_spec("x", er, er_chunk), layer_spec("y", "1-2")))
    return farm


def add(farm: SmallFarm, type: DependType, **frames: int) -> str:
    """Let `er` wait for `on` by a depend of one type."""
    id: str = farm.do(
        c.AddDepend(
            type,
            farm.job("er").id,
            farm.job("on").id,
            er_layer=farm.layer("er/x").id,
            on_layer=farm.layer("on/a").id,
            **frames,
        )
    )
    return id


HELD = {
    DependType.JOB_ON_JOB: "DDD DD",
    DependType.JOB_ON_LAYER: "DDD DD",
    DependType.JOB_ON_FRAME: "DDD DD",
    DependType.LAYER_ON_JOB: "DDD WW",
    DependType.LAYER_ON_LAYER: "DDD WW",
    DependType.LAYER_ON_FRAME: "DDD WW",
    DependType.FRAME_ON_JOB: "WDW WW",
    DependType.FRAME_ON_LAYER: "WDW WW",
    DependType.FRAME_ON_FRAME: "WDW WW",
    DependType.FRAME_BY_FRAME: "DDD WW",
    DependType.PREVIOUS_FRAME: "WDD WW",
    DependType.LAYER_ON_SIM_FRAME: "DDD WW",
}
"""States of er/x and er/y after a depend of each type; frame types are about the second frame."""

AFTER_FIRST_FRAME = HELD | {
    DependType.FRAME_BY_FRAME: "WDD WW",
    DependType.PREVIOUS_FRAME: "WWD WW",
}
AFTER_SECOND_FRAME = AFTER_FIRST_FRAME | {
    DependType.JOB_ON_FRAME: "WWW WW",
    DependType.LAYER_ON_FRAME: "WWW WW",
    DependType.FRAME_ON_FRAME: "WWW WW",
    DependType.LAYER_ON_SIM_FRAME: "WWW WW",
    DependType.FRAME_BY_FRAME: "WWD WW",
    DependType.PREVIOUS_FRAME: "WWW WW",
}


@pytest.mark.parametrize("type", list(DependType))
def test_each_type_holds_its_frames_until_what_it_waits_for_succeeds(type: DependType) -> None:
    """A depend holds exactly the frames of its waiting side, and lets them go one by one or all at once."""
    farm = pipeline()
    frames = {}
    if SHAPES[type].er == "frame":
        frames["er_frame"] = 1
    if SHAPES[type].on == "frame":
        frames["on_frame"] = 1
    add(farm, type, **frames)
    farm.do(c.Change("job", farm.job("er").id, {"paused": True}))
    seen = [states(farm)]
    farm.plan()
    for index in range(3):
        farm.finish("on/a", index)
        seen.append(states(farm))
    assert seen == [HELD[type], AFTER_FIRST_FRAME[type], AFTER_SECOND_FRAME[type], "WWW WW"]


def states(farm: SmallFarm) -> str:
    """States of both layers of the waiting job."""
    return f"{farm.states('er/x')} {farm.states('er/y')}"


@pytest.mark.parametrize(
    ("er", "er_chunk", "on", "on_chunk", "pairs"),
    [
        ("1-100", 1, "1-100", 1, {(i, i) for i in range(100)}),
        ("1-100", 1, "1-100", 5, {(i, i // 5) for i in range(100)}),
        ("1-100", 5, "1-100", 1, {(i // 5, i) for i in range(100)}),
        ("1-100", 1, "1-100", 100, {(i, 0) for i in range(100)}),
        ("1-100", 100, "1-100", 1, {(0, i) for i in range(100)}),
        ("1-6", 2, "1-6", 3, {(0, 0), (1, 0), (1, 1), (2, 1)}),
        ("1-10", 1, "5-15", 1, {(i, -1) for i in range(4)} | {(i, i - 4) for i in range(4, 10)}),
        ("10-1", 1, "1-10", 1, {(i, 9 - i) for i in range(10)}),
        ("1-4", 1, "1-4,1-4", 2, {(0, 0), (1, 0), (2, 1), (3, 1)}),
        ("1-10x3", 2, "1-10", 1, {(0, 0), (0, 3), (1, 6), (1, 9)}),
    ],
)
def test_frame_by_frame_pairs_frames_that_render_the_same_numbers(
    er: str, er_chunk: int, on: str, on_chunk: int, pairs: set[tuple[int, int]]
) -> None:
    """A chunk waits for every chunk with one of its numbers; an unmatched number for the whole layer.

    (opencue-behaviour: frame-by-frame, decisions: unmatched-frames.)
    """
    farm = pipeline(er, on, er_chunk=er_chunk, on_chunk=on_chunk)
    depend = farm.farm.depends[add(farm, DependType.FRAME_BY_FRAME)]
    assert depend.edges is not None
    assert set(zip(depend.edges.er.tolist(), depend.edges.on.tolist(), strict=True)) == pairs


def test_a_number_without_its_like_waits_for_the_rest_of_a_layer_that_has_begun() -> None:
    """A depend that is added when the last frame of the other layer is done goes on holding until all of them are."""
    farm = pipeline("9", "1-3")
    farm.do(c.Change("job", farm.job("er").id, {"paused": True}))
    farm.plan()
    farm.finish("on/a", 2)
    add(farm, DependType.FRAME_BY_FRAME)
    assert farm.states("er/x") == "D"
    farm.finish("on/a", 0, 1)
    assert farm.states("er/x") == "W"


def test_frames_without_a_partner_wait_for_the_whole_layer_and_the_others_do_not() -> None:
    """1-3 on 2-4: frame 1 waits for all of it, frames 2 and 3 for theirs (decisions: unmatched-frames)."""
    farm = pipeline("1-3", "2-4")
    add(farm, DependType.FRAME_BY_FRAME)
    farm.do(c.Change("job", farm.job("er").id, {"paused": True}))
    farm.plan()
    farm.finish("on/a", 0)
    assert farm.states("er/x") == "DWD"
    farm.finish("on/a", 1, 2)
    assert farm.states("er/x") == "WWW"


def test_a_layer_may_render_one_frame_after_another() -> None:
    """PREVIOUS_FRAME of a layer on itself lets one frame at a time run."""
    farm = SmallFarm()
    farm.host()
    farm.launch(
        job_spec("one", layer_spec("sim", "1-3")), depends=[depend_spec("PREVIOUS_FRAME", "one/sim", "one/sim")]
    )
    for expected in ("RDD", "SRD", "SSR"):
        farm.plan()
        assert farm.states("one/sim") == expected
        farm.finish("one/sim")
    assert farm.job("one").state is JobState.FINISHED


def test_any_frame_lets_a_layer_go_with_the_first_success() -> None:
    """LAYER_ON_LAYER with any_frame waits for one frame of the other layer, whichever it is."""
    farm = SmallFarm()
    farm.host()
    depend = depend_spec("LAYER_ON_LAYER", "one/b", "one/a", any_frame=True)
    farm.launch(job_spec("one", layer_spec("a", "1-3"), layer_spec("b", "1-2")), depends=[depend])
    farm.plan()
    farm.finish("one/a", 2)
    assert farm.states("one/b") == "WW"


def test_eaten_and_dead_frames_satisfy_nothing() -> None:
    """What waits for a layer goes on waiting when a frame of it is given up (decisions: regardless-of-failure)."""
    farm = pipeline("1", "1-2")
    add(farm, DependType.LAYER_ON_LAYER)
    farm.plan()
    farm.finish("on/a", 0)
    farm.finish("on/a", 1, exit_status=1)
    farm.plan()
    farm.finish("on/a", 1, exit_status=1)
    assert (farm.states("on/a"), farm.states("er/x")) == ("SX", "D")
    farm.do(c.EatFrames(farm.frames("on/a", 1)))
    assert (farm.states("on/a"), farm.states("er/x")) == ("SE", "D")


def test_a_depend_on_what_is_done_holds_nothing() -> None:
    """A depend on frames that have succeeded or were eaten is inactive from the start."""
    farm = pipeline()
    farm.plan()
    farm.finish("on/a", 1)
    add(farm, DependType.FRAME_BY_FRAME)
    add(farm, DependType.FRAME_ON_FRAME, er_frame=0, on_frame=1)
    farm.finish("er/x")
    assert farm.states("er/x") == "DSD"


def test_a_job_that_waits_is_released_when_the_other_is_killed() -> None:
    """A depend on a job is satisfied by its end, and a kill is one (opencue-behaviour: satisfying-depends)."""
    farm = pipeline()
    add(farm, DependType.JOB_ON_JOB)
    farm.do(c.KillJob(farm.job("on").id))
    assert states(farm) == "WWW WW"


def test_a_depend_added_while_a_frame_runs_sends_it_back() -> None:
    """The frame succeeds, what waits for it is satisfied, and it runs again after its depend.

    (opencue-behaviour: depend-while-running.)
    """
    farm = pipeline("1", "1")
    farm.launch(job_spec("after"))
    farm.do(
        c.AddDepend(
            DependType.JOB_ON_FRAME, farm.job("after").id, farm.job("er").id, on_layer=farm.layer("er/x").id, on_frame=0
        )
    )
    farm.plan()
    add(farm, DependType.FRAME_ON_FRAME, er_frame=0, on_frame=0)
    farm.finish("er/x")
    assert farm.states("er/x") == "D"
    assert farm.layer("er/x").frames.exit_status[0] == 0
    assert farm.states("after/render") == "W" * 10
    farm.finish("on/a")
    farm.plan()
    assert farm.states("er/x") == "R"
    assert farm.layer("er/x").frames.retries[0] == 1


def test_a_retry_pulls_back_what_hangs_on_it() -> None:
    """Retrying a frame holds its frame-by-frame partner again, reopening the job (opencue-behaviour: holding-again)."""
    farm = SmallFarm()
    farm.host(cores=10_000)
    depend = depend_spec("FRAME_BY_FRAME", "one/b", "one/a")
    (job,) = farm.launch(job_spec("one", layer_spec("a", "1-4"), layer_spec("b", "1-4")), depends=[depend])
    for path in ("one/a", "one/b"):
        farm.plan()
        farm.finish(path)
    assert job.state is JobState.FINISHED
    farm.do(c.RetryFrames(farm.frames("one/a", 2)))
    assert (farm.states("one/a"), farm.states("one/b"), job.state) == ("SSWS", "SSDS", JobState.PENDING)
    for path in ("one/a", "one/b"):
        farm.plan()
        farm.finish(path)
    assert (farm.states("one/a"), farm.states("one/b"), job.state) == ("SSSS", "SSSS", JobState.FINISHED)


def test_an_operator_can_satisfy_and_unsatisfy_a_depend() -> None:
    """A depend between layers holds again on request; one between jobs does not."""
    farm = pipeline()
    layers, jobs = add(farm, DependType.LAYER_ON_LAYER), add(farm, DependType.JOB_ON_JOB)
    farm.do(c.SatisfyDepends((layers, jobs)))
    assert states(farm) == "WWW WW"
    farm.do(c.UnsatisfyDepend(layers))
    farm.do(c.UnsatisfyDepend(layers))
    assert states(farm) == "DDD WW"
    with pytest.raises(Refused, match="JOB_ON_JOB cannot be made to hold again"):
        farm.do(c.UnsatisfyDepend(jobs))


def test_released_frames_start_although_the_depend_still_holds_the_others() -> None:
    """Releasing lets single frames go, by any number of depends, and only those that are held."""
    farm = pipeline()
    add(farm, DependType.LAYER_ON_LAYER)
    add(farm, DependType.FRAME_BY_FRAME)
    farm.do(c.ReleaseFrames(farm.frames("er/x", 0, 2)))
    assert farm.states("er/x") == "WDW"
    assert len(farm.events(ev.FramesReleased)) == 1


def test_the_same_depend_twice_is_refused_while_it_holds() -> None:
    """A second depend of the same type between the same things is refused, and accepted once the first let go."""
    farm = pipeline()
    first = add(farm, DependType.LAYER_ON_LAYER)
    with pytest.raises(AlreadyExists, match=first):
        add(farm, DependType.LAYER_ON_LAYER)
    farm.do(c.SatisfyDepends((first,)))
    add(farm, DependType.LAYER_ON_LAYER)
    assert farm.states("er/x") == "DDD"


def test_waiting_for_oneself_is_refused() -> None:
    """A job, a layer and a frame cannot wait for themselves."""
    farm = pipeline()
    job, layer = farm.job("er").id, farm.layer("er/x").id
    for type in DependType:
        if type is DependType.PREVIOUS_FRAME:
            continue
        with pytest.raises(Refused):
            farm.do(c.AddDepend(type, job, job, er_layer=layer, er_frame=1, on_layer=layer, on_frame=1))


def test_a_circle_is_refused_and_named() -> None:
    """A depend that would close a circle is refused with the layers in it."""
    farm = pipeline()
    add(farm, DependType.JOB_ON_JOB)
    back = c.AddDepend(
        DependType.FRAME_ON_FRAME,
        farm.job("on").id,
        farm.job("er").id,
        er_layer=farm.layer("on/a").id,
        er_frame=0,
        on_layer=farm.layer("er/y").id,
        on_frame=0,
    )
    with pytest.raises(Refused, match="testing-sh1-ann_on/a"):
        farm.do(back)


def test_a_circle_within_a_specification_is_refused() -> None:
    """Depends of one submission that wait for each other refuse all of it."""
    farm = SmallFarm()
    depends = [depend_spec("LAYER_ON_LAYER", "one/a", "one/b"), depend_spec("FRAME_BY_FRAME", "one/b", "one/a")]
    with pytest.raises(Invalid, match="circle"):
        farm.launch(job_spec("one", layer_spec("a"), layer_spec("b")), depends=depends)


def test_frames_of_two_layers_may_take_turns() -> None:
    """Layers that wait for each other frame by frame, but in no circle, are accepted and run."""
    farm = SmallFarm()
    farm.host()
    depends = [depend_spec("FRAME_BY_FRAME", "one/b", "one/a"), depend_spec("PREVIOUS_FRAME", "one/a", "one/b")]
    (job,) = farm.launch(job_spec("one", layer_spec("a", "1-3"), layer_spec("b", "1-3")), depends=depends)
    for _ in range(6):
        assert len(farm.plan()) == 1
        farm.finish("one/a")
        farm.finish("one/b")
    assert job.state is JobState.FINISHED


def test_a_depend_of_a_type_that_has_no_use_for_a_field_drops_it() -> None:
    """JOB_ON_JOB with a layer named beside it is a depend between jobs, and is not satisfied by the layer."""
    farm = pipeline()
    depend = farm.farm.depends[add(farm, DependType.JOB_ON_JOB)]
    assert (depend.er_layer, depend.on_layer) == (None, None)

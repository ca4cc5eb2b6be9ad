"""Depends: what holds which frame, until when, and when it holds again."""

from __future__ import annotations

from typing import Any

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import Invalid
from cuebot.domain.states import DependType, JobState
from cuebot.sim.specs import depend_spec, job_spec, layer_spec


def two_layers(
    type: str, *, er: str = "1-3", on: str = "1-3", any_frame: bool = False, on_failure: bool = False
) -> SmallFarm:
    """A farm with one big host and a job whose layer `comp` waits for its layer `beauty`."""
    farm = SmallFarm()
    farm.host(cores=10_000)
    job = job_spec("one", layer_spec("beauty", on), layer_spec("comp", er))
    farm.launch(job, depends=[depend_spec(type, "one/comp", "one/beauty", any_frame=any_frame, on_failure=on_failure)])
    return farm


def test_a_depend_that_a_success_satisfies_twice_over_is_satisfied_once() -> None:
    """The frame that completes a layer satisfies an any-frame depend on it with one event."""
    farm = two_layers("LAYER_ON_LAYER", on="1", any_frame=True)
    farm.plan()
    farm.finish("one/beauty")
    assert farm.states("one/comp") == "WWW"
    assert len(farm.events(ev.DependSatisfied)) == 1


def test_satisfying_a_depend_twice_in_one_command_lets_go_once() -> None:
    """A depend id that a command names twice counts once."""
    farm = two_layers("LAYER_ON_LAYER")
    (depend,) = farm.farm.depends
    farm.do(c.SatisfyDepends((depend, depend)))
    assert farm.states("one/comp") == "WWW"


def test_mark_done_on_frames_and_their_layer_satisfies_once() -> None:
    """Frames and their layer marked done in one command satisfy an any-frame depend once."""
    farm = two_layers("LAYER_ON_LAYER", any_frame=True)
    farm.do(c.MarkDone(farm.frames("one/beauty", 0), (farm.layer("one/beauty").id,)))
    assert farm.states("one/comp") == "WWW"
    assert farm.states("one/beauty") == "WWW"


def test_a_frame_released_from_a_depend_of_its_own_stays_released() -> None:
    """Releasing a frame that a FRAME_ON_FRAME holds does not let it go a second time when that is satisfied."""
    farm = two_layers("FRAME_BY_FRAME", er="1", on="1")
    beauty, comp = farm.layer("one/beauty"), farm.layer("one/comp")
    job = farm.job("one").id
    farm.do(c.SatisfyDepends(tuple(farm.farm.depends)))
    farm.do(
        c.AddDepend(DependType.FRAME_ON_FRAME, job, job, er_layer=comp.id, er_frame=0, on_layer=beauty.id, on_frame=0)
    )
    farm.do(c.ReleaseFrames(farm.frames("one/comp", 0)))
    assert farm.states("one/comp") == "W"
    farm.plan()
    farm.finish("one/beauty")
    assert farm.layer("one/comp").frames.depend_count.tolist() == [0]


def test_a_job_can_wait_for_another_job() -> None:
    """JOB_ON_JOB holds every frame of the waiting job until the other has ended."""
    farm = two_layers("LAYER_ON_LAYER", on="1", er="1")
    farm.launch(job_spec("two"))
    one, two = farm.job("one").id, farm.job("two").id
    farm.do(c.AddDepend(DependType.JOB_ON_JOB, two, one))
    assert farm.states("two/render") == "D" * 10
    for _ in range(2):
        farm.plan()
        for path in ("one/beauty", "one/comp"):
            farm.finish(path)
    assert farm.job("one").state is JobState.FINISHED
    assert farm.states("two/render") == "W" * 10


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"er_layer": "two"}, "does not belong to job"),
        ({"on_layer": "two"}, "does not belong to job"),
        ({"er_frame": 99}, "no frame with the index 99"),
        ({"on_frame": -1}, "no frame with the index -1"),
        ({"er_layer": None}, "needs the layer that waits"),
        ({"on_frame": None}, "needs the frame that is waited for"),
    ],
)
def test_a_depend_on_something_that_does_not_exist_is_refused(fields: dict[str, Any], words: str) -> None:
    """A depend names layers of its jobs and frames of its layers, or it is refused before anything changes."""
    farm = two_layers("LAYER_ON_LAYER")
    farm.launch(job_spec("two"))
    job, other = farm.job("one").id, farm.layer("two/render").id
    named = {
        "er_layer": farm.layer("one/comp").id,
        "er_frame": 0,
        "on_layer": farm.layer("one/beauty").id,
        "on_frame": 0,
    }
    named |= {name: other if value == "two" else value for name, value in fields.items()}
    with pytest.raises(Invalid, match=words):
        farm.do(c.AddDepend(DependType.FRAME_ON_FRAME, job, job, **named))


def fail_for_good(farm: SmallFarm, path: str, index: int) -> None:
    """Let a frame fail until it is dead."""
    while farm.states(path)[index] != "X":
        farm.plan()
        farm.finish(path, index, exit_status=1)


def test_failure_counts_as_done_where_that_was_asked_for() -> None:
    """A layer that waits on_failure goes on once every frame of the other has succeeded or is dead.

    (decisions: regardless-of-failure.)
    """
    farm = two_layers("LAYER_ON_LAYER", on_failure=True)
    farm.plan()
    farm.finish("one/beauty", 0, 1)
    assert farm.states("one/comp") == "DDD"
    fail_for_good(farm, "one/beauty", 2)
    assert farm.states("one/comp") == "WWW"


def test_a_dead_frame_lets_its_own_frame_go_on_failure() -> None:
    """Frame by frame, a dead frame lets the frame that waits for it go, and no other."""
    farm = two_layers("FRAME_BY_FRAME", on_failure=True)
    fail_for_good(farm, "one/beauty", 1)
    assert farm.states("one/comp")[1] == "W"


def test_a_dead_frame_holds_an_ordinary_depend() -> None:
    """Without on_failure a dead frame holds what waits for its layer."""
    farm = two_layers("LAYER_ON_LAYER")
    farm.plan()
    farm.finish("one/beauty", 0, 1)
    fail_for_good(farm, "one/beauty", 2)
    assert farm.states("one/comp") == "DDD"


def test_a_complete_job_holds_nobody_up_at_launch() -> None:
    """A launch that waits for a job which is complete already runs at once."""
    farm = SmallFarm()
    farm.host(cores=10_000)
    farm.launch(job_spec("done", layer_spec("work", "1")))
    farm.plan()
    farm.finish("done/work", 0)
    farm.launch(job_spec("next", layer_spec("work", "1")), depends=[depend_spec("JOB_ON_JOB", "next", "done")])
    assert farm.states("next/work") == "W"


def on_failure(farm: SmallFarm, type: DependType, er: str, on: str, frame: int | None = None, **more: Any) -> None:
    """Make a layer, or its job, wait for another by a depend that failure satisfies."""
    waits, waited_for = farm.layer(er), farm.layer(on)
    farm.do(
        c.AddDepend(
            type, waits.job_id, waited_for.job_id, waits.id, frame, waited_for.id, frame, on_failure=True, **more
        )
    )


@pytest.mark.parametrize(
    ("type", "before", "after"),
    [
        (DependType.LAYER_ON_LAYER, "DD", "WW"),
        (DependType.FRAME_ON_FRAME, "DW", "WW"),
        (DependType.FRAME_BY_FRAME, "DD", "WW"),
        (DependType.LAYER_ON_JOB, "DD", "WW"),
        (DependType.JOB_ON_JOB, "DD", "WW"),
    ],
)
@pytest.mark.parametrize("exit_status", [0, 1])
def test_what_failure_satisfies_holds_until_everything_has_ended(
    type: DependType, before: str, after: str, exit_status: int
) -> None:
    """However it ended: of layers, frames and whole jobs, which do not finish by themselves with dead frames."""
    farm = SmallFarm()
    farm.host(cores=400)
    farm.launch(job_spec("one", layer_spec("a", "1-2"), max_retries=0))
    farm.launch(job_spec("two", layer_spec("b", "1-2", tags=("nowhere",))))
    on_failure(farm, type, "two/b", "one/a", 0 if type is DependType.FRAME_ON_FRAME else None)
    assert farm.states("two/b") == before
    farm.plan()
    farm.finish("one/a", 1, exit_status=0)
    if type in (DependType.LAYER_ON_LAYER, DependType.LAYER_ON_JOB, DependType.JOB_ON_JOB):
        assert farm.states("two/b") == before
    farm.finish("one/a", 0, exit_status=exit_status)
    assert farm.states("two/b") == after


@pytest.mark.parametrize("type", [DependType.LAYER_ON_LAYER, DependType.FRAME_BY_FRAME, DependType.LAYER_ON_JOB])
def test_what_failure_satisfies_holds_nothing_that_has_ended_already(type: DependType) -> None:
    """Made after frames have died, it is satisfied at once."""
    farm = SmallFarm()
    farm.host(cores=400)
    farm.launch(job_spec("one", layer_spec("a", "1-2"), max_retries=0))
    farm.launch(job_spec("two", layer_spec("b", "1-2", tags=("nowhere",))))
    farm.plan()
    farm.finish("one/a", exit_status=1)
    assert farm.states("one/a") == "XX"
    on_failure(farm, type, "two/b", "one/a")
    assert (farm.states("two/b"), [depend.active for depend in farm.farm.depends.values()]) == ("WW", [False])


def test_one_frame_that_has_succeeded_is_enough_for_any_frame() -> None:
    """Also where it had succeeded before."""
    farm = SmallFarm()
    farm.host(cores=400)
    farm.launch(job_spec("one", layer_spec("a", "1-2")), job_spec("two", layer_spec("b", "1", tags=("nowhere",))))
    farm.plan()
    farm.finish("one/a", 0)
    er, on = farm.layer("two/b"), farm.layer("one/a")
    farm.do(c.AddDepend(DependType.LAYER_ON_LAYER, er.job_id, on.job_id, er.id, on_layer=on.id, any_frame=True))
    assert farm.states("two/b") == "W"

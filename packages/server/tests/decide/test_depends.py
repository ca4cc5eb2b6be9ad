"""Depends: what holds which frame, until when, and when it holds again."""

from __future__ import annotations

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.sim.small_farm import SmallFarm
from cuebot.sim.specs import depend_spec, job_spec, layer_spec


def two_layers(type: str, *, er: str = "1-3", on: str = "1-3", any_frame: bool = False) -> SmallFarm:
    """A farm with one big host and a job whose layer `comp` waits for its layer `beauty`."""
    farm = SmallFarm()
    farm.host(cores=10_000)
    job = job_spec("one", layer_spec("beauty", on), layer_spec("comp", er))
    farm.launch(job, depends=[depend_spec(type, "one/comp", "one/beauty", any_frame=any_frame)])
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

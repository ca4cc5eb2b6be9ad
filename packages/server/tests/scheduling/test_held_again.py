"""A depend on what is done already: how much of it will run once more is told to whoever adds it."""

from __future__ import annotations

import warnings

from served import served
from small_farm import SmallFarm

import opencue
from cuebot.domain import commands as c
from cuebot.sim.specs import depend_spec, job_spec, layer_spec
from opencue.warning import FarmWarning

JOB = "testing-sh1-ann_one"


def half_done() -> SmallFarm:
    """Of a layer's six frames three are done and one runs; another layer waits for hosts."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec("comp", "1-6"), layer_spec("sim", "1-6", tags=("nosuch",))))
    farm.plan()
    farm.finish("one/comp", 0, 1, 2)
    return farm


def told(act: object) -> list[str]:
    """Warnings that a call gives rise to."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act()  # type: ignore[operator]  # a function without arguments
    return [str(one.message) for one in caught if issubclass(one.category, FarmWarning)]


def test_done_and_running_frames_that_will_run_once_more_are_counted() -> None:
    """A layer that is made to wait for another: three done frames and a running one will run once more."""
    farm = half_done()
    with served(farm):
        comp, sim = (opencue.api.findLayer(JOB, name) for name in ("comp", "sim"))
        (text,) = told(lambda: comp.createDependencyOnLayer(sim))
    assert text == (
        "3 done and 1 running frames of layer comp will run once more, when what they now depend on is done"
    )
    assert farm.states("one/comp") == "DDDRDD"
    farm.finish("one/comp")
    farm.do(c.MarkDone({}, (farm.layer("one/sim").id,)))
    assert farm.states("one/comp") == "WWWWWW"


def test_one_frame_is_one_frame() -> None:
    """A frame that is made to wait: the others are not counted."""
    farm = half_done()
    with served(farm):
        frame, sim = opencue.api.findFrame(JOB, "comp", 1), opencue.api.findLayer(JOB, "sim")
        (text,) = told(lambda: frame.createDependencyOnLayer(sim))
    assert text == "1 done frame of layer comp will run once more, when what it now depends on is done"


def test_a_depend_on_frames_of_which_none_is_done_warns_of_nothing() -> None:
    """Nothing runs twice, nothing is told."""
    farm = half_done()
    with served(farm):
        comp, sim = (opencue.api.findLayer(JOB, name) for name in ("comp", "sim"))
        assert told(lambda: sim.createDependencyOnLayer(comp)) == []


def test_a_depend_that_is_made_to_hold_again_warns_as_well() -> None:
    """Of what was let go and is done since."""
    farm = SmallFarm()
    farm.host()
    layers = (layer_spec("sim", "1-2"), layer_spec("comp", "1-2"))
    farm.launch(job_spec("one", *layers), depends=[depend_spec("LAYER_ON_LAYER", "one/comp", "one/sim")])
    with served(farm):
        farm.plan()
        farm.finish("one/sim")
        farm.plan()
        farm.finish("one/comp", 0)
        (depend,) = opencue.api.findLayer(JOB, "comp").getWhatThisDependsOn()
        (text,) = told(depend.unsatisfy)
    assert text.startswith("1 done and 1 running frames of layer comp")

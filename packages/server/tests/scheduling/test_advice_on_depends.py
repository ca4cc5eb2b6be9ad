"""What waits by a depend for something that will not come of itself: told, with the least command that lets go."""

from __future__ import annotations

import pytest
from advice import Row, finish_what_runs, follow, goes_on, reasons_of
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.states import DependType
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.sim.specs import depend_spec, job_spec, layer_spec

PER_FRAME = {
    DependType.JOB_ON_FRAME,
    DependType.LAYER_ON_FRAME,
    DependType.FRAME_ON_FRAME,
    DependType.LAYER_ON_SIM_FRAME,
}
EATEN_AND_OVER = "eaten, and the job over"
CAUSES = {
    "WAITS_FOR_DEAD": "WAITS_FOR_DEAD",
    "WAITS_FOR_EATEN": "WAITS_FOR_EATEN",
    "WAITS_FOR_ENDED": "WAITS_FOR_ENDED",
    "WAITS_FOR_STOPPED": "WAITS_FOR_STOPPED",
    EATEN_AND_OVER: "WAITS_FOR_ENDED",
}
"""The code of what is told, by what has happened."""


def depending(type: DependType, cause: str) -> SmallFarm:
    """Layer `er/comp` waits by a type of depend for `on/sim`, of which frame 2 will not come of itself."""
    farm = SmallFarm()
    farm.host(cores=1_000)
    layers = [layer_spec("sim", "1-3")]
    if cause == "WAITS_FOR_EATEN" and not type.name.endswith("_ON_JOB"):
        layers.append(layer_spec("other", "1", tags=("nosuch",)))  # keeps the job from being over
    farm.launch(job_spec("on", *layers, max_retries=0, paused=cause == "WAITS_FOR_STOPPED"))
    words = type.name.split("_ON_")
    er = "er" if words[0] == "JOB" else "er/comp"
    on = "on" if words[-1] == "JOB" else "on/sim"
    er_frame = 2 if words[0] == "FRAME" else None
    on_frame = 2 if type in PER_FRAME else None
    depend = depend_spec(type.name, er, on, er_frame=er_frame, on_frame=on_frame)
    farm.launch(job_spec("er", layer_spec("comp", "2-3")), depends=[depend])
    if cause == "WAITS_FOR_STOPPED":
        farm.plan()
        finish_what_runs(farm)  # what does not wait is done
        return farm
    farm.plan()
    farm.finish("on/sim", 0, 2)
    if cause == "WAITS_FOR_ENDED":
        farm.do(c.KillJob(farm.job("on").id))
        for run in list(farm.layer("on/sim").runs.values()):
            farm.end(farm.farm.procs[run], 1)
    else:
        farm.finish("on/sim", 1, exit_status=1)
    if cause in ("WAITS_FOR_EATEN", EATEN_AND_OVER):
        farm.do(c.EatFrames(farm.frames("on/sim", 1)))
    farm.plan()
    finish_what_runs(farm)  # what does not wait is done
    return farm


def in_vain(type: DependType, cause: str) -> bool:
    """Whether a depend of that type waits in vain then: a job's end satisfies what waits for the job."""
    return not (type.name.endswith("_ON_JOB") and cause in ("WAITS_FOR_EATEN", "WAITS_FOR_ENDED", EATEN_AND_OVER))


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("type", [t for t in DependType if t is not DependType.PREVIOUS_FRAME])
def test_what_waits_in_vain_is_told_the_way_out(
    type: DependType, cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By every type of depend: what is dead, eaten, over or paused on the other side is named, with what lets go."""
    if in_vain(type, cause):
        assert follow(Row(lambda: depending(type, cause), "er/comp"), CAUSES[cause], capsys) >= 1
    else:
        assert "D" not in depending(type, cause).states("er/comp")


@pytest.mark.parametrize("type", [t for t in DependType if t is not DependType.PREVIOUS_FRAME])
def test_a_depend_on_what_is_under_way_needs_only_time(type: DependType) -> None:
    """Nothing is advised where the other side runs, and its end lets go."""
    farm = depending(type, "WAITS_FOR_STOPPED")
    farm.do(c.Change("job", farm.job("on").id, {"paused": False}))
    farm.plan()
    held = reasons_of(farm, "er/comp", None)
    assert held == {f"DEPEND_{type.name}": ""}
    finish_what_runs(farm)
    assert goes_on(farm, "er/comp", 0)


def test_frames_that_wait_one_for_the_other_name_the_one_that_died(capsys: pytest.CaptureFixture[str]) -> None:
    """PREVIOUS_FRAME: the last frame of a long chain is told of the first, which is dead, and what is printed helps."""

    def build() -> SmallFarm:
        farm = SmallFarm()
        farm.host()
        depend = depend_spec("PREVIOUS_FRAME", "one/sim", "one/sim")
        farm.launch(job_spec("one", layer_spec("sim", "1-50"), max_retries=0), depends=[depend])
        farm.plan()
        farm.finish("one/sim", exit_status=1)
        return farm

    assert follow(Row(build, "one/sim", frame=49), "WAITS_FOR_DEAD", capsys) == 2


def test_a_depend_that_was_made_to_hold_again_names_what_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    """WAITS_FOR_DONE: all that is waited for is finished, and only a command lets go."""

    def build() -> SmallFarm:
        farm = SmallFarm()
        farm.host()
        depend = depend_spec("LAYER_ON_LAYER", "one/comp", "one/sim")
        farm.launch(job_spec("one", layer_spec("sim", "1-2"), layer_spec("comp", "1-2")), depends=[depend])
        farm.plan()
        farm.finish("one/sim")
        farm.do(c.UnsatisfyDepend(next(iter(farm.farm.depends))))
        return farm

    assert follow(Row(build, "one/comp"), "WAITS_FOR_DONE", capsys) == 1


def test_the_root_of_a_chain_is_told_and_each_thing_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A layer that waits for a layer that waits for dead frames is told of these, by whichever way it waits."""

    def build() -> SmallFarm:
        farm = SmallFarm()
        farm.host()
        layers = [layer_spec(name, "1-2") for name in ("sim", "ren", "comp")]
        pairs = (("ren", "sim"), ("comp", "ren"), ("comp", "sim"))
        depends = [depend_spec("LAYER_ON_LAYER", f"one/{er}", f"one/{on}") for er, on in pairs]
        farm.launch(job_spec("one", *layers, max_retries=0), depends=depends)
        farm.plan()
        farm.finish("one/sim", exit_status=1)
        return farm

    farm = build()
    texts = [r.text for r in explain_layer(farm.farm, farm.layer("one/comp"), farm.now_us).reasons]
    assert texts[0].startswith("waits for 2 dead frames of layer sim")
    assert len(texts) == len(set(texts))
    assert follow(Row(build, "one/comp"), "WAITS_FOR_DEAD", capsys) == 2

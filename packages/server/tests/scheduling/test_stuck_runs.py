"""What is said of a run that does not end although it was killed."""

from __future__ import annotations

from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.scheduling.explain.frame import explain_frame
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.sim.specs import job_spec, layer_spec

STUCK = "still there after SIGKILL (1): 412 (dd)"


def codes(farm: SmallFarm) -> set[str]:
    """Of the layer, and of its frame."""
    layer = farm.layer("one/render")
    of_layer = explain_layer(farm.farm, layer, farm.now_us).reasons
    of_frame = explain_frame(farm.farm, layer, 0, farm.now_us).reasons
    return {reason.code for reason in (*of_layer, *of_frame)}


def test_a_run_that_cannot_be_ended_is_explained_until_its_host_says_otherwise() -> None:
    """With what is left of it, where, and what can be done."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1-1")))
    farm.plan()
    (run,) = farm.farm.procs.values()
    farm.report(runs=[c.RunFacts(run.id, "", stuck=STUCK)])
    first = explain_frame(farm.farm, farm.layer("one/render"), 0, farm.now_us).reasons[0]
    assert first.code == "RUN_STUCK"
    assert STUCK in first.text
    assert "reboot host0" in first.remedy
    assert "RUN_STUCK" in codes(farm)
    farm.report(runs=[c.RunFacts(run.id, "")])
    assert "RUN_STUCK" not in codes(farm)

"""What `explain` says of the order."""

from __future__ import annotations

from scheduling_farm import add_show, launch, reasons

from cuebot.scheduling.explain import Reason, explain_layer
from cuebot.sim.small_farm import SmallFarm
from cuebot.sim.specs import layer_spec


def explained(farm: SmallFarm) -> dict[str, Reason]:
    """What the layer of the job `mine` waits for, by code."""
    return {reason.code: reason for reason in explain_layer(farm.farm, farm.layer("mine/render"), farm.now_us).reasons}


def test_jobs_ahead_are_counted_with_the_priority_that_passes_them() -> None:
    """Two older jobs come first; the remedy is one more than the highest priority among them."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "old", layer_spec(range_text="1-8"), priority=7)
    launch(farm, "testing", "older", layer_spec(range_text="1-8"), priority=5)
    launch(farm, "testing", "mine", priority=3)
    farm.plan()
    found = explained(farm)
    assert found["AHEAD"].count == 2
    assert "12 ready frames" in found["AHEAD"].text
    assert found["AHEAD"].remedy.startswith("`cueadmin -priority testing-sh1-ann_mine 8`")


def test_the_start_is_estimated_from_what_frames_ahead_took() -> None:
    """Eight frames of 100 s ahead on four cores take about 200 s."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "old", layer_spec(range_text="1-16"))
    launch(farm, "testing", "mine")
    farm.plan()
    farm.wait(100)
    for index in range(4):
        farm.end(farm.run_of("old/render", index), run_s=100)
    farm.plan()
    ahead = explained(farm)["AHEAD"]
    assert "about 3 min" in ahead.text


def test_nothing_is_estimated_before_anything_has_ended() -> None:
    """Without a finished frame ahead there is no number, rather than a wrong one."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "old", layer_spec(range_text="1-16"))
    launch(farm, "testing", "mine")
    farm.plan()
    ahead = explained(farm)["AHEAD"]
    assert "about" not in ahead.text


def test_shows_further_under_their_share_are_counted() -> None:
    """A show at the farm's end of its share is told that another comes first."""
    farm = SmallFarm()
    add_show(farm, "red", 100)
    add_show(farm, "blue", 1_000)
    farm.host()
    launch(farm, "red", "red", layer_spec(range_text="1-9"))
    farm.plan()
    launch(farm, "blue", "blue")
    layer = next(layer for layer in farm.farm.layers.values() if layer.counts[0] == 5)
    assert reasons(farm, layer) == {"BUSY": 1, "SHARE": 1}

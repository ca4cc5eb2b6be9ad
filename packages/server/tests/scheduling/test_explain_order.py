"""What `explain` says of the order."""

from __future__ import annotations

from scheduling_farm import add_show, launch, reasons
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.scheduling.explain.layer import Explanation, Reason, explain_layer
from cuebot.scheduling.rules.policy import Policy
from cuebot.sim.specs import layer_spec
from cuebot.wire.advice import for_people


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
    assert for_people(found["AHEAD"].remedy).startswith("`cueadmin -priority testing-sh1-ann_mine 8`")


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


def test_the_start_is_estimated_by_the_cores_that_are_a_shows_share() -> None:
    """Where another show of the same size waits for the same hosts, half of their cores work for this one."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "mine")
    (subscription,) = farm.farm.subscriptions.values()
    add_show(farm, "other", subscription.size)
    alone = said(farm).ahead
    launch(farm, "other", "theirs")
    shared = said(farm).ahead
    assert alone is not None
    assert shared is not None
    assert (alone.cores, shared.cores) == (4, 2)


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


def said(farm: SmallFarm, *policies: Policy) -> Explanation:
    """All that is said of the layer of the job `mine`."""
    return explain_layer(farm.farm, farm.layer("mine/render"), farm.now_us, policies)


def test_a_group_below_its_minimum_comes_first_for_what_it_is_short_of() -> None:
    """A younger job of a group that is two cores short is ahead with two frames, and only a higher tier passes it."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "full", layer_spec(range_text="1-4"))
    farm.plan()
    launch(farm, "testing", "mine", priority=9)
    young = launch(farm, "testing", "young", layer_spec(range_text="1-8"), priority=1)
    root = farm.farm.groups[young.group_id]
    group = farm.do(c.CreateGroup("department", root.id))
    farm.do(c.MoveJob(young.id, group))
    farm.do(c.Change("group", group, {"min_cores": 200}))
    ahead = said(farm).ahead
    assert ahead is not None
    assert (ahead.jobs, ahead.for_minimum, ahead.frames, ahead.passing_priority) == (1, 1, 2, 50)
    assert "because their group holds less than its minimum" in explained(farm)["AHEAD"].text


def test_a_group_at_its_maximum_is_not_ahead() -> None:
    """A job of higher priority whose group may start nothing does not count as coming first."""
    farm = SmallFarm()
    farm.host()
    old = launch(farm, "testing", "old", layer_spec(range_text="1-8"), priority=9)
    farm.plan()
    root = farm.farm.groups[old.group_id]
    group = farm.do(c.CreateGroup("department", root.id))
    farm.do(c.MoveJob(old.id, group))
    farm.do(c.Change("group", group, {"max_cores": 400}))
    launch(farm, "testing", "mine")
    assert "AHEAD" not in explained(farm)


def test_ranks_of_a_policy_decide_what_is_ahead() -> None:
    """A policy that likes short names first puts the younger job before the older one."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "full", layer_spec(range_text="1-4"))
    farm.plan()
    launch(farm, "testing", "mine", priority=7)
    launch(farm, "testing", "me")

    class ShortNames:
        @staticmethod
        def rank_jobs(jobs: object) -> list[int]:
            """Short names first."""
            return [len(name) for name in jobs.names]  # type: ignore[attr-defined]

    ahead = said(farm, Policy.of("short", ShortNames)).ahead
    assert ahead is not None
    assert (ahead.jobs, ahead.passing_priority) == (1, 50)
    without = said(farm).ahead
    assert without is not None
    assert without.clear


def test_frames_of_the_jobs_own_layers_come_first_by_their_dispatch_order() -> None:
    """The second of two layers waits behind the frame of the first that has the same place."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "mine", layer_spec("first", "1-3"), layer_spec("render", "1-3"))
    assert explained(farm)["OWN_LAYERS"].count == 1


def test_the_end_of_what_runs_is_the_estimate_when_nothing_is_ahead() -> None:
    """Frames take 100 s, four cores are full since 40 s: the next place should be free in a minute."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "old", layer_spec(range_text="1-8"))
    farm.plan()
    farm.wait(100)
    for index in range(4):
        farm.end(farm.run_of("old/render", index), run_s=100)
    farm.plan()
    launch(farm, "testing", "mine")
    farm.wait(40)
    starts_in_s = said(farm).starts_in_s
    assert starts_in_s is not None
    assert 58 <= starts_in_s <= 60


def test_a_reserved_host_is_only_closed_to_what_comes_after_the_wide_frame() -> None:
    """A host kept free for a wide frame rules out a job behind it, and not one that came with a higher priority."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "narrow", layer_spec(range_text="1-3"))
    farm.plan()
    launch(farm, "testing", "wide", layer_spec(range_text="1", cores=400), priority=5)
    farm.wait(180)
    farm.report()
    farm.plan()
    launch(farm, "testing", "mine", priority=1)
    assert list(explained(farm)) == ["RESERVED"]
    farm.do(c.Change("job", farm.job("mine").id, {"priority": 9}))
    assert said(farm).hosts == 1
    farm.plan()
    assert farm.states("mine/render").startswith("R")

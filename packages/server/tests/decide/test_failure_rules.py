"""What follows when a frame ends with the exit status that says: there was no licence for me."""

from __future__ import annotations

from typing import Any

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.bindings import source_of
from cuebot.domain.errors import AlreadyExists, Invalid
from cuebot.domain.nouns import Limit
from cuebot.domain.states import BindSource, Cause, Exit
from cuebot.domain.units import MINUTE
from cuebot.sim.specs import job_spec, layer_spec

NO_LICENCE = 330


def ruled(*, delay: int = 5, auto_tag: bool = True, frames: str = "1-2", **job: Any) -> SmallFarm:
    """A farm where 330 means that there was no licence of nuke, and a job that does not name the limit runs."""
    farm = SmallFarm()
    farm.host()
    farm.do(c.CreateLimit("nuke", 9, exit_status=NO_LICENCE, delay_minutes=delay, auto_tag=auto_tag))
    farm.launch(job_spec("one", layer_spec(range_text=frames), **({"max_retries": 1} | job)))
    farm.plan()
    return farm


def nuke(farm: SmallFarm) -> Limit:
    """The limit."""
    return farm.farm.limits[farm.farm.limit_by_name["nuke"]]


def test_a_frame_without_a_licence_has_its_layer_counted_and_wait() -> None:
    """The layer is tagged AUTO and starts nothing for five minutes; the frame waits again, and the reason is told."""
    farm = ruled()
    farm.end(farm.run_of("one/render", 0), NO_LICENCE)
    layer = farm.layer("one/render")
    assert (layer.limits, source_of(layer, nuke(farm))) == (("nuke",), BindSource.AUTO)
    assert layer.start_after_us - farm.now_us == 5 * MINUTE
    assert "found no licence of nuke on host0" in layer.start_after_reason
    assert farm.states("one/render") == "WR"
    farm.wait(299)
    assert farm.plan() == []
    farm.wait(2)
    assert len(farm.plan()) == 1


def test_a_frame_without_a_licence_spends_no_retry_however_often() -> None:
    """Twenty ends without a licence leave a frame of one retry with its retry, and say what they were."""
    farm = ruled(frames="1")
    for _ in range(20):
        farm.end(farm.run_of("one/render"), NO_LICENCE)
        farm.wait(301)
        farm.plan()
    assert int(farm.layer("one/render").frames.retries[0]) == 0
    farm.end(farm.run_of("one/render"), 1)
    assert farm.states("one/render") == "W"
    ended = farm.events(ev.RunEnded)[0]
    assert "exit status 330: there was no licence of nuke" in ended.message


def test_a_frame_that_is_dead_at_once_is_evidence_too() -> None:
    """Without retries and without a delay, its end still says that the layer needs a licence."""
    farm = ruled(delay=0, frames="1", max_retries=0)
    farm.end(farm.run_of("one/render"), NO_LICENCE)
    assert (farm.states("one/render"), farm.layer("one/render").limits) == ("X", ("nuke",))


def test_without_a_delay_the_frame_fails_as_any_other() -> None:
    """A rule that only tags leaves retries as they are: a frame that never gets a licence would run for ever."""
    farm = ruled(delay=0, frames="1")
    farm.end(farm.run_of("one/render"), NO_LICENCE)
    assert farm.layer("one/render").limits == ("nuke",)
    farm.plan()
    farm.end(farm.run_of("one/render"), NO_LICENCE)
    assert farm.states("one/render") == "X"


def test_an_eaten_frame_is_no_evidence() -> None:
    """With auto-eat the frame is eaten, and its layer neither counted nor held."""
    farm = ruled()
    farm.do(c.Change("job", farm.job("one").id, {"auto_eat": True}))
    farm.end(farm.run_of("one/render", 0), NO_LICENCE)
    layer = farm.layer("one/render")
    assert (farm.states("one/render"), layer.limits, layer.start_after_us) == ("ER", (), 0)


@pytest.mark.parametrize(
    "outcome", [{"exit_signal": 9}, {"cause": Cause.KILLED, "exit_signal": 15}, {"cause": Cause.LAUNCH_FAILED}]
)
def test_what_did_not_end_by_itself_is_no_evidence(outcome: dict[str, Any]) -> None:
    """A signal, a kill or a failed launch says nothing of licences, whatever the status."""
    farm = ruled()
    farm.end(farm.run_of("one/render", 0), NO_LICENCE, **outcome)
    assert farm.layer("one/render").limits == ()


def test_a_rule_that_does_not_tag_only_holds_the_layer() -> None:
    """auto_tag off: the layer waits and is not counted."""
    farm = ruled(auto_tag=False)
    farm.end(farm.run_of("one/render", 0), NO_LICENCE)
    layer = farm.layer("one/render")
    assert layer.limits == ()
    assert layer.start_after_us > farm.now_us


def test_a_layer_that_names_the_limit_keeps_its_source() -> None:
    """What the specification names is not tagged again, so it cannot be cleared."""
    farm = SmallFarm()
    farm.host()
    farm.do(c.CreateLimit("nuke", 9, exit_status=NO_LICENCE, delay_minutes=5))
    farm.launch(job_spec("one", layer_spec(range_text="1", limits=("nuke",))))
    farm.plan()
    farm.end(farm.run_of("one/render"), NO_LICENCE)
    layer = farm.layer("one/render")
    assert (layer.limits, source_of(layer, nuke(farm))) == (("nuke",), BindSource.SPEC)


def test_a_burst_of_such_ends_writes_once() -> None:
    """Two frames that end within a second tag and postpone their layer once."""
    farm = ruled()
    for index in (0, 1):
        farm.end(farm.run_of("one/render", index), NO_LICENCE)
    changes = [event for event in farm.events(ev.Changed) if event.kind == "layer"]
    assert len(changes) == 1


def test_bindings_of_failures_and_people_are_cleared_and_those_of_specifications_stay() -> None:
    """AUTO goes by itself, MANUAL too; SPEC is refused."""
    farm = ruled()
    limit = nuke(farm)
    farm.end(farm.run_of("one/render", 0), NO_LICENCE)
    farm.launch(job_spec("two", layer_spec(limits=("nuke",))), job_spec("three", layer_spec()))
    farm.do(c.AddLayerLimit(farm.layer("three/render").id, limit.id))
    assert source_of(farm.layer("three/render"), limit) is BindSource.MANUAL
    assert farm.do(c.ClearBindings(limit.id, (BindSource.AUTO,))) == 1
    assert [farm.layer(f"{name}/render").limits for name in ("one", "two", "three")] == [(), ("nuke",), ("nuke",)]
    assert farm.do(c.ClearBindings(limit.id, (BindSource.AUTO, BindSource.MANUAL))) == 1
    assert farm.layer("two/render").limits == ("nuke",)
    for refused in ((BindSource.SPEC, BindSource.AUTO), ()):
        with pytest.raises(Invalid, match="AUTO or MANUAL"):
            farm.do(c.ClearBindings(limit.id, refused))


def test_a_binding_goes_on_under_the_new_name_of_its_limit() -> None:
    """What a failure has bound is still known as that, and cleared as that."""
    farm = ruled()
    limit = nuke(farm)
    farm.end(farm.run_of("one/render", 0), NO_LICENCE)
    farm.do(c.RenameLimit(limit.id, "nuke_x"))
    layer = farm.layer("one/render")
    assert (layer.limits, source_of(layer, limit)) == (("nuke_x",), BindSource.AUTO)
    assert farm.do(c.ClearBindings(limit.id, (BindSource.AUTO,))) == 1
    assert layer.limits == ()


@pytest.mark.parametrize("status", [1, -1, 2**31, int(Exit.SKIP_RETRY), int(Exit.FAILED_LAUNCH)])
def test_a_status_that_means_something_else_is_no_rule(status: int) -> None:
    """1 is any failure, and what the farm itself ends frames with is taken."""
    farm = ruled()
    with pytest.raises(Invalid, match="exit status"):
        farm.do(c.SetFailureRule(nuke(farm).id, status, 5, True))


def test_a_status_belongs_to_one_limit() -> None:
    """A second limit is refused in words that name the first; once that one is cleared it is free."""
    farm = ruled()
    other = farm.do(c.CreateLimit("maya", 3))
    with pytest.raises(AlreadyExists, match="nuke"):
        farm.do(c.SetFailureRule(other, NO_LICENCE, 5, True))
    with pytest.raises(AlreadyExists, match="nuke"):
        farm.do(c.CreateLimit("houdini", 3, exit_status=NO_LICENCE))
    farm.do(c.SetFailureRule(nuke(farm).id, NO_LICENCE, 9, True))
    farm.do(c.SetFailureRule(nuke(farm).id, 0, 0, True))
    farm.do(c.SetFailureRule(other, NO_LICENCE, 5, True))
    assert farm.farm.limit_use.limit_by_exit == {NO_LICENCE: other}


def test_a_limit_that_is_deleted_takes_its_rule_along() -> None:
    """Afterwards the status is an exit status as any other."""
    farm = ruled(max_retries=0, frames="1")
    farm.do(c.Delete("limit", nuke(farm).id))
    farm.end(farm.run_of("one/render"), NO_LICENCE)
    assert farm.states("one/render") == "X"


def test_a_delay_has_a_bound() -> None:
    """A negative delay, or one over a week, is refused."""
    farm = ruled()
    for minutes in (-1, 7 * 24 * 60 + 1):
        with pytest.raises(Invalid, match="minutes"):
            farm.do(c.SetFailureRule(nuke(farm).id, NO_LICENCE, minutes, True))

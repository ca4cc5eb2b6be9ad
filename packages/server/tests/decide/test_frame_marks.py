"""Checkpoints of frames, and what clients show for a frame in a state."""

from __future__ import annotations

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.archive import pack, unpack
from cuebot.domain.errors import Invalid
from cuebot.domain.states import Cause, CheckpointState, DependType, FrameState
from cuebot.sim.specs import job_spec, layer_spec


@pytest.fixture
def farm() -> SmallFarm:
    """A farm on which both frames of `one/render` run, with a retry each."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1-2"), max_retries=1))
    farm.plan()
    return farm


def checkpoint(farm: SmallFarm, index: int, state: CheckpointState) -> int:
    """Say how far the checkpoint of a frame is."""
    changed: int = farm.do(c.SetCheckpoint(farm.layer("one/render").id, index, state))
    return changed


def test_a_frame_that_fails_while_it_is_checkpointed_waits_for_the_end_of_that(farm: SmallFarm) -> None:
    """It is CHECKPOINT, nothing books it, and COMPLETE lets it wait for its next run and is counted."""
    assert checkpoint(farm, 0, CheckpointState.ENABLED) == 1
    farm.finish("one/render", 0, exit_status=1)
    assert (farm.states("one/render"), farm.plan()) == ("CR", [])
    checkpoint(farm, 0, CheckpointState.COPYING)
    assert farm.states("one/render") == "CR"
    checkpoint(farm, 0, CheckpointState.COMPLETE)
    assert farm.states("one/render") == "WR"
    assert int(farm.layer("one/render").frames.checkpoints[0]) == 1
    assert len(farm.plan()) == 1


def test_a_checkpoint_that_never_began_cannot_be_complete(farm: SmallFarm) -> None:
    """It is refused in silence, as the field's tools expect, and said to have changed nothing."""
    assert checkpoint(farm, 0, CheckpointState.COMPLETE) == 0
    assert int(farm.layer("one/render").frames.checkpoint[0]) == CheckpointState.DISABLED


def test_a_checkpoint_that_nobody_ends_holds_its_frame_up_for_a_while_only(farm: SmallFarm) -> None:
    """After `checkpoint` of the settings the frame waits for its next run without one."""
    checkpoint(farm, 0, CheckpointState.ENABLED)
    farm.finish("one/render", 0, exit_status=1)
    farm.wait(299)
    farm.do(c.Sweep())
    assert farm.states("one/render") == "CR"
    farm.report(runs=[farm.run_of("one/render", 1)])
    farm.wait(2)
    farm.do(c.Sweep())
    assert farm.states("one/render")[0] == "W"
    assert int(farm.layer("one/render").frames.checkpoint[0]) == CheckpointState.DISABLED


def test_a_lost_run_has_no_checkpoint_to_wait_for(farm: SmallFarm) -> None:
    """What its host was writing is gone with it, so its frame waits at once."""
    checkpoint(farm, 0, CheckpointState.ENABLED)
    farm.do(c.RefuseRun(farm.run_of("one/render", 0).id, "never heard of it"))
    assert farm.states("one/render")[0] == "W"
    assert int(farm.layer("one/render").frames.checkpoint[0]) == CheckpointState.DISABLED


def test_a_run_that_its_agent_had_to_give_back_waits_for_its_checkpoint(farm: SmallFarm) -> None:
    """Nobody is charged, and the copy of what it had is not cut short."""
    checkpoint(farm, 0, CheckpointState.COPYING)
    farm.end(farm.run_of("one/render", 0), 1, cause=Cause.SHUTDOWN)
    assert farm.states("one/render")[0] == "C"


def test_a_person_may_retry_or_eat_a_checkpointed_frame(farm: SmallFarm) -> None:
    """Whoever decides by hand does not wait for a copy."""
    for index in (0, 1):
        checkpoint(farm, index, CheckpointState.ENABLED)
    farm.finish("one/render", exit_status=1)
    assert farm.states("one/render") == "CC"
    farm.do(c.EatFrames(farm.frames("one/render", 1)))
    farm.do(c.RetryFrames(farm.frames("one/render", 0)))
    assert farm.states("one/render") == "WE"


def test_a_checkpointed_frame_that_acquired_a_depend_is_held_by_it(farm: SmallFarm) -> None:
    """DEPEND comes before WAITING, here as everywhere."""
    farm.launch(job_spec("two", layer_spec(range_text="1"), paused=True))
    checkpoint(farm, 0, CheckpointState.ENABLED)
    farm.finish("one/render", 0, exit_status=1)
    er, on = farm.layer("one/render"), farm.layer("two/render")
    farm.do(c.AddDepend(DependType.LAYER_ON_LAYER, er.job_id, on.job_id, er.id, on_layer=on.id))
    assert farm.states("one/render")[0] == "C"
    checkpoint(farm, 0, CheckpointState.COMPLETE)
    assert farm.states("one/render")[0] == "D"


def test_one_text_for_a_state_replaces_the_other(farm: SmallFarm) -> None:
    """There is one for each state of a frame; the same again changes nothing."""
    layer = farm.layer("one/render")
    assert farm.do(c.SetDisplayOverride(layer.id, 0, FrameState.RUNNING, "baking", 0xFF8000)) == 1
    assert farm.do(c.SetDisplayOverride(layer.id, 0, FrameState.RUNNING, "baking", 0xFF8000)) == 0
    assert farm.do(c.SetDisplayOverride(layer.id, 0, FrameState.RUNNING, "saving", 0xFF8000)) == 1
    farm.do(c.SetDisplayOverride(layer.id, 0, FrameState.DEAD, "no licence", 1))
    shown = {(one.state, one.text) for one in farm.farm.frame_marks.overrides.values()}
    assert shown == {(FrameState.RUNNING, "saving"), (FrameState.DEAD, "no licence")}
    with pytest.raises(Invalid, match="display_text_characters"):
        farm.do(c.SetDisplayOverride(layer.id, 0, FrameState.DEAD, "x" * 300, 1))


def test_texts_and_checkpoints_go_to_the_archive_with_their_job(farm: SmallFarm) -> None:
    """A finished job that is loaded again has both."""
    farm.do(c.SetDisplayOverride(farm.layer("one/render").id, 1, FrameState.SUCCEEDED, "approved", 7))
    checkpoint(farm, 1, CheckpointState.ENABLED)
    farm.finish("one/render")
    farm.wait(7_200)
    farm.report()
    farm.do(c.Sweep())
    (archived,) = [one for batch in farm.batches for one in batch.rows.archived]
    back = unpack(pack(archived))
    assert [(one.frame_index, one.text) for one in back.display_overrides] == [(1, "approved")]
    assert back.layers[0].frames.checkpoint.tolist() == [0, CheckpointState.ENABLED]
    assert not farm.farm.frame_marks.overrides

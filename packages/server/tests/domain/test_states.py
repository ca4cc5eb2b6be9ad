"""State tables: every step that is drawn is taken, every other one stops the core, and the page shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_farm import SmallFarm

from cuebot.domain import events as ev
from cuebot.domain.apply import apply, set_state
from cuebot.domain.diagrams import page
from cuebot.domain.farm import Farm
from cuebot.domain.frames import as_indices
from cuebot.domain.states import (
    FRAME_TRANSITIONS,
    HOST_TRANSITIONS,
    JOB_TRANSITIONS,
    FrameState,
    HostState,
    JobState,
)
from cuebot.domain.units import Micros
from cuebot.sim.specs import job_spec, layer_spec

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "states.md"
FRAME_STATES = [state for state in FrameState if state not in (FrameState.SETUP, FrameState.CHECKPOINT)]


@pytest.fixture
def farm() -> SmallFarm:
    """A farm with a host and a job of one frame."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1")))
    return farm


@pytest.mark.parametrize("held", [False, True], ids=["free", "held"])
@pytest.mark.parametrize("to", FRAME_STATES)
@pytest.mark.parametrize("old", FRAME_STATES)
def test_a_frame_takes_the_steps_of_its_table_and_no_other(
    farm: SmallFarm, old: FrameState, to: FrameState, held: bool
) -> None:
    """Each pair of states, with the rules for held and for succeeded frames.

    (opencue-behaviour: depends-force-a-state.)
    """
    layer = farm.layer("one/render")
    layer.frames.state[0] = old
    layer.frames.depend_count[0] = int(held)
    layer.counts, farm.job("one").counts = layer.frames.counts(), layer.frames.counts()
    expected = to
    if held and to in (FrameState.WAITING, FrameState.DEAD, FrameState.SUCCEEDED):
        expected = FrameState.DEPEND
    if old is FrameState.SUCCEEDED and to is FrameState.EATEN:
        expected = FrameState.SUCCEEDED
    if expected is not old and expected not in FRAME_TRANSITIONS[old]:
        with pytest.raises(AssertionError, match=f"cannot go from {old.name} to {expected.name}"):
            set_state(farm.farm, layer, as_indices([0]), to, Micros(farm.now_us))
    else:
        set_state(farm.farm, layer, as_indices([0]), to, Micros(farm.now_us))
        assert layer.frames.state[0] == expected
        assert layer.counts == layer.frames.counts() == farm.job("one").counts


@pytest.mark.parametrize("to", [JobState.PENDING, JobState.FINISHED])
@pytest.mark.parametrize("old", [JobState.PENDING, JobState.FINISHED, JobState.POSTED])
def test_a_job_takes_the_steps_of_its_table_and_no_other(farm: SmallFarm, old: JobState, to: JobState) -> None:
    """A job that is finished cannot finish again, and one that is pending cannot be reopened."""
    job = farm.job("one")
    job.state = old
    event = ev.JobReopened(job.id) if to is JobState.PENDING else ev.JobFinished(job.id)
    if to in JOB_TRANSITIONS[old]:
        apply(farm.farm, event, farm.now_us)
        assert job.state is to
    else:
        with pytest.raises(AssertionError, match=f"cannot go from {old.name} to {to.name}"):
            apply(farm.farm, event, farm.now_us)


@pytest.mark.parametrize("to", list(HostState))
@pytest.mark.parametrize("old", list(HostState))
def test_a_host_takes_the_steps_of_its_table_and_no_other(farm: SmallFarm, old: HostState, to: HostState) -> None:
    """Only the drawn changes of a host's state can be applied."""
    host = farm.farm.host_named("host0")
    host.state = old
    event = ev.Changed("host", host.id, {"state": to})
    if to is old or to in HOST_TRANSITIONS[old]:
        apply(farm.farm, event, farm.now_us)
        assert host.state is to
    else:
        with pytest.raises(AssertionError, match=f"cannot go from {old.name} to {to.name}"):
            apply(farm.farm, event, farm.now_us)


def test_the_page_of_states_is_current() -> None:
    """docs/reference/states.md is what the tables say; `python -m cuebot.domain.diagrams` writes it anew."""
    assert PAGE.read_text() == page()


def test_every_state_that_is_reached_leads_on() -> None:
    """No state is a trap: from each one in a table there is a way out."""
    for table in (FRAME_TRANSITIONS, JOB_TRANSITIONS, HOST_TRANSITIONS):
        reached = set(table) | {to for targets in table.values() for to in targets}
        assert reached == set(table)


def test_an_event_of_an_empty_farm_is_no_change() -> None:
    """A farm without anything has nothing that is dirty."""
    assert not Farm().dirty

"""Every command that acts on something says how many things it changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from small_farm import SmallFarm

from cuebot.decide import _DECIDERS
from cuebot.decide.counts import COUNTED
from cuebot.domain import commands as c
from cuebot.domain.states import DependType, FrameState, HostState, LockState, ThreadMode
from cuebot.sim.specs import depend_spec, job_spec, layer_spec

OTHER_REPLIES = {
    c.AddDepartmentName,
    c.AddFilterAction,
    c.AddMatcher,
    c.CreateFilter,
    c.CreateServiceOverride,
    c.SubmitJobs,
    c.AddComment,
    c.AddDepend,
    c.AddPartition,
    c.CreateAllocation,
    c.CreateFacility,
    c.CreateGroup,
    c.CreateLimit,
    c.CreateOwner,
    c.CreateService,
    c.CreateShow,
    c.CreateSubscription,
    c.ReplaceFilters,
    c.ReportUsage,
}
"""Commands that make something and reply with its id, or reply with what became of each part."""

NOBODY_ASKED = {c.Book, c.RecallJob, c.RefuseRun, c.ReportHost, c.ReportOutcome, c.Seed, c.Sweep}
"""Commands that no client sends."""


@pytest.fixture
def farm() -> SmallFarm:
    """Three frames run, three wait for them, and three of a paused job wait."""
    farm = SmallFarm()
    farm.host()
    comp = layer_spec("comp", range_text="1-3")
    depend = depend_spec("LAYER_ON_LAYER", "one/comp", "one/render")
    farm.launch(job_spec("one", layer_spec(range_text="1-3"), comp, max_retries=0), depends=[depend])
    farm.plan()
    farm.launch(job_spec("two", layer_spec(range_text="1-3"), paused=True))
    return farm


def test_every_command_is_counted_or_replies_otherwise() -> None:
    """A new command has to choose."""
    assert set(COUNTED) | OTHER_REPLIES | NOBODY_ASKED == set(_DECIDERS)
    assert not set(COUNTED) & (OTHER_REPLIES | NOBODY_ASKED)


Make = Callable[[SmallFarm], c.Command]


@pytest.mark.parametrize(
    ("first", "make"),
    [
        (1, lambda farm: c.Change("job", farm.job("two").id, {"paused": False})),
        (1, lambda farm: c.Change("job", farm.job("two").id, {"priority": 7, "max_cores": 400})),
        (1, lambda farm: c.KillJob(farm.job("two").id)),
        (1, lambda farm: c.LockHost(farm.farm.host_named("host0").id, LockState.LOCKED)),
        (1, lambda farm: c.SetHostState(farm.farm.host_named("host0").id, HostState.REPAIR)),
        (1, lambda farm: c.Change("host", farm.farm.host_named("host0").id, {"thread_mode": ThreadMode.ALL})),
        (1, lambda farm: c.AddHostTags(farm.farm.host_named("host0").id, ("gpu", "big"))),
        (3, lambda farm: c.EatFrames(farm.frames("two/render"))),
        (1, lambda farm: c.RestoreFrames(farm.layer("two/render").id, (c.EndedFrame(2, FrameState.SUCCEEDED),))),
        (3, lambda farm: c.EatFrames(farm.frames("one/render"))),
        (3, lambda farm: c.ReleaseFrames(farm.frames("one/comp"))),
        (1, lambda farm: c.SatisfyDepends(tuple(farm.farm.depends))),
        (1, lambda farm: c.MarkDone({}, (farm.layer("one/render").id,))),
    ],
)
def test_the_second_time_changes_nothing(farm: SmallFarm, first: int, make: Make) -> None:
    """The first time a command tells what it changed, the second time that there was nothing left to do."""
    command = make(farm)
    assert (farm.do(command), farm.do(command)) == (first, 0)


@pytest.mark.parametrize(
    ("expected", "make"),
    [
        (3, lambda farm: c.KillFrames(farm.frames("one/render"))),
        (0, lambda farm: c.KillFrames(farm.frames("two/render"))),
        (2, lambda farm: c.RetryFrames(farm.frames("one/render", 0, 2))),
        (0, lambda farm: c.RetryFrames(farm.frames("two/render"))),
        (0, lambda farm: c.KillFrames({})),
        (1, lambda farm: c.KillProcs((farm.run_of("one/render", 0).id, "no such run"))),
        (0, lambda farm: c.ReleaseFrames(farm.frames("two/render"))),
        (2, lambda farm: c.ReorderFrames(farm.layer("two/render").id, (2, 3, 4), "FIRST")),
        (0, lambda farm: c.ReorderFrames(farm.layer("two/render").id, (9,), "FIRST")),
        (0, lambda farm: c.FinishIfComplete(farm.job("one").id)),
        (0, lambda farm: c.MoveJob(farm.job("two").id, farm.job("two").group_id)),
        (1, lambda farm: c.DropHost(farm.farm.host_named("host0").id)),
        (0, lambda farm: c.MoveHosts((farm.farm.host_named("host0").id,), farm.farm.host_named("host0").allocation_id)),
    ],
)
def test_a_command_counts_what_it_is_about(farm: SmallFarm, expected: int, make: Make) -> None:
    """Frames that do not run are not killed, waiting ones not retried, and what is there already does not move."""
    assert farm.do(make(farm)) == expected


def test_what_follows_by_itself_is_not_counted(farm: SmallFarm) -> None:
    """A group's new default changes one group, however many jobs take it on."""
    group_id = farm.job("one").group_id
    assert farm.do(c.Change("group", group_id, {"default_job_priority": 77})) == 1
    assert (farm.job("one").priority, farm.job("two").priority) == (77, 77)


def test_pairs_of_a_frame_by_frame_depend_are_counted_one_by_one(farm: SmallFarm) -> None:
    """Two of three frames marked as done release two."""
    later = job_spec("three", layer_spec(range_text="1-3"))
    farm.launch(later, depends=[depend_spec("FRAME_BY_FRAME", "three/render", "two/render")])
    assert next(d for d in farm.farm.depends.values() if d.type is DependType.FRAME_BY_FRAME).active
    assert farm.do(c.MarkDone(farm.frames("two/render", 0, 1))) == 2
    assert farm.layer("three/render").frames.state.tolist().count(FrameState.WAITING) == 2


def test_a_repeated_request_gets_the_first_number(farm: SmallFarm) -> None:
    """Asked again under the same request id, nothing is done and the first answer given."""
    request = c.Envelope(actor="ada", request_id="r1")
    command = c.EatFrames(farm.frames("two/render"))
    assert (farm.do(command, request), farm.do(command, request)) == (3, 3)

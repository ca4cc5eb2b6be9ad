"""The core without a loop: what is answered, launched and published, and when."""

from __future__ import annotations

from typing import Any

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.actions import ACTIONS, Action, Target
from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Exhausted, Forbidden
from cuebot.domain.farm import Farm
from cuebot.domain.host_table import why_not_bookable
from cuebot.domain.principals import Principal, Proof
from cuebot.domain.states import Cause, Exit, HostState
from cuebot.engine.access import forbidden
from cuebot.engine.core import SYSTEM, Core
from cuebot.engine.farm_rows import load_farm
from cuebot.engine.ports import Answer
from cuebot.sim.chaos.disk import Disk
from cuebot.sim.chaos.ground_truth import GroundTruth
from cuebot.sim.chaos.invariants import InvariantChecker
from cuebot.sim.specs import job_spec, layer_spec, spec_of


def two_frames(**fields: Any) -> SmallFarm:
    """A host and a job of two frames."""
    farm = SmallFarm(**fields)
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1-2")))
    return farm


def restarted(farm: SmallFarm) -> Core:
    """A core that has loaded what the first one committed."""
    disk = Disk(InvariantChecker(GroundTruth()))
    for batch in farm.batches:
        disk.merge(batch.rows)
    loaded = load_farm(disk.rows(), farm.now_us)
    return Core(loaded, last_seq=1_000, started_us=farm.now_us, new_id=farm.new_id)


def test_a_reply_leaves_only_after_its_commit() -> None:
    """A command is answered when the batch that holds it is durable, and not before."""
    farm = SmallFarm()
    answers: list[Any] = []
    farm.core.execute(c.CreateShow("film"), c.Envelope(), farm.now_us, answers.append)
    batch = farm.core.take()
    assert (answers, len(batch.events)) == ([], 3)
    tickets, _ = farm.core.committed(farm.now_us)
    for ticket in tickets:
        ticket.done(ticket.reply)
    assert answers == [farm.farm.show_by_name["film"]]


def test_a_request_id_is_carried_out_once() -> None:
    """A repeated request gets the first answer and does nothing, also after a restart."""
    farm = SmallFarm()
    envelope = c.Envelope(request_id="r1")
    first = farm.do(c.SubmitJobs(spec_of(job_spec("one"))), envelope)
    assert farm.do(c.SubmitJobs(spec_of(job_spec("one"))), envelope) == first
    core = restarted(farm)
    assert core.execute(c.SubmitJobs(spec_of(job_spec("one"))), envelope, farm.now_us) == first
    assert len(core.farm.jobs) == 1


def test_a_repeated_request_waits_for_the_disk_like_the_first() -> None:
    """The second asker is answered with a commit, not before."""
    farm = SmallFarm()
    answers: list[Any] = []
    for _ in range(2):
        farm.core.execute(c.CreateShow("film"), c.Envelope(request_id="r1"), farm.now_us, answers.append)
    farm.core.take()
    tickets, _ = farm.core.committed(farm.now_us)
    assert (len(tickets), answers) == (2, [])
    assert tickets[0].reply == tickets[1].reply


def test_a_launch_leaves_only_after_its_booking_is_durable() -> None:
    """Agents are told by `committed`, never by `plan`."""
    farm = two_frames()
    farm.take_launches()
    farm.core.plan(farm.now_us)
    assert farm.take_launches() == []
    farm.commit()
    assert farm.take_launches() == list(farm.farm.procs)


def test_a_run_that_was_killed_before_its_launch_is_not_launched() -> None:
    """A kill that is committed with the booking ends the run, and its frame waits."""
    farm = two_frames()
    farm.core.plan(farm.now_us)
    farm.do(c.KillFrames(farm.frames("one/render", 0)))
    assert len(farm.take_launches()) == 1
    assert farm.states("one/render") == "WR"
    assert [event.cause for event in farm.events(ev.RunEnded)] == [Cause.REFUSED]


def test_bookings_without_an_answer_hold_the_scheduler_back() -> None:
    """At the cap nothing is booked; an answer makes room and asks for a plan."""
    farm = two_frames(bounds=Bounds(unlaunched_bookings=1))
    farm.plan()
    assert (farm.states("one/render"), farm.plan()) == ("RW", [])
    (run,) = farm.farm.procs
    farm.core.answered(run, Answer.ACCEPTED, "", farm.now_us)
    assert farm.core.plan_wanted
    assert len(farm.plan()) == 1


def test_a_report_that_names_a_run_makes_room_as_an_answer_does() -> None:
    """What the host has needs no answer any more."""
    farm = two_frames(bounds=Bounds(unlaunched_bookings=1))
    farm.plan()
    farm.core.plan_wanted = False
    farm.report("host0", farm.farm.procs.values())
    assert farm.core.plan_wanted


def test_a_refused_launch_waits_again_uncharged() -> None:
    """A definite refusal ends the run."""
    farm = two_frames()
    run = farm.plan()[0]
    farm.core.answered(run.id, Answer.REFUSED, "no room", farm.now_us)
    farm.commit()
    assert farm.states("one/render") == "WR"
    assert [event.message for event in farm.events(ev.RunEnded)] == ["no room"]


def test_a_launch_that_no_agent_would_take_is_its_frames_own_failure() -> None:
    """It is charged and dead in the end, with the agent's words; its host is not left alone for it."""
    farm = two_frames()
    host = farm.farm.host_named("host0")
    for _ in range(2):
        for run in farm.plan():
            farm.core.answered(run.id, Answer.INVALID, "frame 0001-render has no uid", farm.now_us)
        farm.commit()
        farm.wait(600)
    assert farm.states("one/render") == "XX"
    ends = farm.events(ev.RunEnded)
    assert {(end.cause, end.exit_status, end.message) for end in ends} == {
        (Cause.LAUNCH_FAILED, Exit.FAILED_LAUNCH, "frame 0001-render has no uid")
    }
    assert (host.refusals, host.refused_until_us) == (0, 0)


def test_a_refusal_after_a_launch_without_an_answer_proves_nothing() -> None:
    """The first launch may still arrive, so the run is kept until a minute has passed."""
    farm = two_frames()
    run = farm.plan()[0]
    farm.core.answered(run.id, Answer.UNKNOWN, "", farm.now_us)
    farm.core.answered(run.id, Answer.REFUSED, "", farm.now_us)
    farm.core.kill_answered(run.id, Answer.NOT_FOUND, farm.now_us)
    assert run.id in farm.farm.procs
    farm.wait(60)
    farm.core.answered(run.id, Answer.REFUSED, "", farm.now_us)
    farm.commit()
    assert run.id not in farm.farm.procs


def test_a_launch_that_never_left_goes_elsewhere_at_once() -> None:
    """Where nobody answers at the host's address, the frame waits again and is booked on another host."""
    farm = two_frames()
    farm.host("other")
    run = farm.plan()[0]
    here = farm.farm.hosts[run.host_id].name
    farm.core.answered(run.id, Answer.NOT_TAKEN_IN, "not sent: connection refused", farm.now_us)
    farm.commit()
    (again,) = farm.plan()
    assert farm.farm.hosts[again.host_id].name != here


def test_a_launch_that_did_not_leave_says_nothing_of_one_before_it() -> None:
    """An earlier launch was left without an answer, also one of the server before a restart: it may have arrived."""
    farm = two_frames()
    first, second = farm.plan()
    farm.core.answered(first.id, Answer.UNKNOWN, "", farm.now_us)
    farm.wait(3_600)
    farm.core.answered(first.id, Answer.NOT_TAKEN_IN, "", farm.now_us)
    assert first.id in farm.farm.procs
    core = restarted(farm)
    core.answered(second.id, Answer.NOT_TAKEN_IN, "", farm.now_us)
    assert second.id in core.farm.procs


def test_an_agent_that_starts_is_asked_at_once() -> None:
    """That nobody answered at a host's address says nothing of the agent that is there now."""
    farm = two_frames()
    for run in farm.plan():
        farm.core.answered(run.id, Answer.NOT_TAKEN_IN, "", farm.now_us)
    farm.commit()
    assert farm.plan() == []
    farm.report("host0", boot=True)
    assert len(farm.plan()) == 2


def test_a_kill_that_found_nothing_kills_nothing_and_the_reports_decide() -> None:
    """A retried run that its agent does not know goes on in the books until its host was without it for a minute."""
    farm = two_frames()
    farm.plan()
    run, other = farm.run_of("one/render"), farm.run_of("one/render", 1)
    farm.report("host0", [run, other])
    farm.do(c.RetryFrames(farm.frames("one/render", 0)))
    farm.core.kill_answered(run.id, Answer.NOT_FOUND, farm.now_us)
    assert farm.states("one/render") == "RR"
    farm.wait(61)
    farm.report("host0", [other])
    (ended,) = farm.events(ev.RunEnded)
    assert (farm.states("one/render"), ended.cause, ended.message) == (
        "WR",
        Cause.HOST_LOST,
        "its host does not have it any more",
    )


def test_a_refusal_of_a_run_that_the_host_has_is_not_believed() -> None:
    """A host that has named a run cannot refuse it any more."""
    farm = two_frames()
    farm.plan()
    run = farm.run_of("one/render")
    farm.report("host0", farm.farm.procs.values())
    farm.core.answered(run.id, Answer.REFUSED, "", farm.now_us)
    assert run.id in farm.farm.procs


def test_after_a_restart_a_run_is_launched_again_or_confirmed() -> None:
    """A run that the host names goes on; one that it lacks gets its launch again, and neither is given up."""
    farm = two_frames()
    runs = farm.plan()
    core = restarted(farm)
    command = c.ReportHost(farm.facts(), (c.RunFacts(runs[0].id, ""),))
    core.execute(command, c.Envelope(), farm.now_us)
    orders = core.dispatch.take_requests()
    assert [order.run_id for _, found in orders.launches for order in found] == [runs[1].id]
    assert set(core.farm.procs) == {run.id for run in runs}


def test_a_kill_is_not_repeated_before_it_is_durable() -> None:
    """The sweep leaves a kill alone that has not been committed."""
    farm = two_frames()
    farm.plan()
    farm.core.execute(c.KillFrames(farm.frames("one/render", 0)), c.Envelope(), farm.now_us)
    assert farm.core.sweep(farm.now_us).kills == []
    farm.commit()
    assert len(farm.take_kills()) == 1


def test_too_many_commands_that_wait_for_the_disk_are_refused() -> None:
    """The mailbox has a limit, and the refusal names it."""
    farm = SmallFarm(bounds=Bounds(mailbox_commands=1))
    farm.core.execute(c.Sweep(), c.Envelope(), farm.now_us, lambda reply: None)
    with pytest.raises(Exhausted, match="mailbox_commands"):
        farm.core.execute(c.Sweep(), c.Envelope(), farm.now_us, lambda reply: None)


def test_a_draining_server_books_nothing() -> None:
    """A server that is about to stop starts nothing new."""
    farm = two_frames()
    farm.core.draining = True
    assert farm.plan() == []


def test_authorize_can_forbid_a_command() -> None:
    """What `authorize` raises refuses the command before it is decided."""

    def nobody(principal: Principal, action: Action, target: Target, farm: Farm) -> None:
        raise forbidden(principal, action, target)

    core = Core(Farm(), last_seq=0, started_us=0, new_id=lambda: "", authorize=nobody)
    ann = c.Envelope(actor="ann", principal=Principal(Proof.KERNEL, "user 1000"))
    with pytest.raises(Forbidden, match=r"^user 1000 may not do farm\.seed; it takes the right to do the server's own"):
        core.execute(c.Seed(), ann, 0)
    assert not core.has_batch()


def test_authorize_is_asked_with_who_was_proven_what_for_and_to_what() -> None:
    """A policy sees the principal, not what the caller calls itself, and each thing that one command does."""
    asked: list[tuple[str, str, Target]] = []

    def ask(principal: Principal, action: Action, target: Target, farm: Farm) -> None:
        asked.append((principal.name, action.name, target))

    farm = two_frames()
    farm.core.authorize = ask
    (job_id,) = farm.farm.jobs
    change = c.Change("job", job_id, {"paused": True, "priority": 7})
    farm.core.execute(change, c.Envelope(actor="ann", principal=Principal(Proof.KERNEL, "user 1000")), farm.now_us)
    target = Target("job", (job_id,))
    assert asked == [("user 1000", "job.pause", target), ("user 1000", "job.set_priority", target)]


def test_the_server_is_not_asked_whether_it_may_do_its_own_work() -> None:
    """A farm on which nobody may do anything still sweeps, and so knows which hosts fell silent."""

    def nobody(principal: Principal, action: Action, target: Target, farm: Farm) -> None:
        raise forbidden(principal, action, target)

    farm = two_frames()
    farm.core.authorize = nobody
    farm.core.execute(c.Sweep(), SYSTEM, farm.now_us)


def test_events_are_numbered_without_a_gap_and_keep_their_envelope() -> None:
    """History has one number an event, and says who caused it."""
    farm = two_frames()
    recorded = [found for batch in farm.batches for found in batch.events]
    assert [found.seq for found in recorded] == list(range(1, len(recorded) + 1))
    assert recorded[-1].envelope.actor == "test"


def test_a_report_without_news_is_answered_without_a_row() -> None:
    """Telemetry alone writes nothing."""
    farm = two_frames()
    farm.report()
    batches = len(farm.batches)
    farm.wait(10)
    assert farm.report() == []
    assert [batch.events or batch.rows for batch in farm.batches[batches:]] == [farm.batches[-1].rows]
    assert not farm.batches[-1].rows


def test_a_goodbye_is_still_known_after_a_restart() -> None:
    """A host whose agent was stopped is told as such, not as one of which nothing was heard."""
    farm = SmallFarm()
    farm.host()
    farm.report(state=HostState.DOWN)
    (host,) = restarted(farm).farm.hosts.values()
    assert why_not_bookable(host) == "HOST_STOPPED"


def test_the_oldest_answers_are_forgotten_first_also_after_a_restart() -> None:
    """Requests are loaded in the order in which they were answered."""
    farm = SmallFarm()
    for number in range(3):
        farm.do(c.CreateShow(f"film{number}"), c.Envelope(request_id=f"r{number}"))
    for batch in farm.batches:
        batch.rows.things.get("request", []).reverse()
    farm.batches.reverse()
    disk = Disk(InvariantChecker(GroundTruth()))
    for batch in farm.batches:
        disk.merge(batch.rows)
    assert list(load_farm(disk.rows(), farm.now_us).requests) == ["r0", "r1", "r2"]


def test_a_removed_host_whose_allocation_is_gone_does_not_stop_a_restart() -> None:
    """What remains of a dropped host needs nothing else."""
    farm = SmallFarm()
    facility = farm.farm.facility_by_name["local"]
    allocation = farm.do(c.CreateAllocation("spot", "", facility))
    host = farm.host("gone", tags=("spot",))
    assert host.allocation_id == allocation
    farm.do(c.DropHost(host.id))
    farm.do(c.Delete("allocation", allocation))
    assert restarted(farm).farm.hosts[host.id].removed


def test_the_launches_of_a_big_commit_come_a_few_at_a_time() -> None:
    """What is durable is sent in slices, so that others are heard in between; every run is sent once."""
    farm = SmallFarm(bounds=Bounds(launches_per_slice=2))
    farm.host(cores=800)
    farm.launch(job_spec("one", layer_spec("render", "1-5")))
    farm.core.plan(farm.now_us)
    farm.core.take()
    farm.core.committed(farm.now_us)
    slices = []
    while farm.core.dispatch.has_launches():
        slices.append([order.run_id for _, orders in farm.core.launch(farm.now_us).launches for order in orders])
    assert [len(runs) for runs in slices] == [2, 2, 1]
    assert sorted(id for runs in slices for id in runs) == sorted(farm.farm.procs)


def test_a_run_killed_before_its_slice_of_launches_is_never_sent() -> None:
    """It is over without having been anywhere, and its frame is dead or waits, as the kill wanted."""
    farm = SmallFarm(bounds=Bounds(launches_per_slice=1))
    farm.host()
    farm.launch(job_spec("one", layer_spec("render", "1-2")))
    farm.core.plan(farm.now_us)
    farm.core.take()
    farm.core.committed(farm.now_us)
    (sent,) = [order.run_id for _, orders in farm.core.launch(farm.now_us).launches for order in orders]
    (waiting,) = set(farm.farm.procs) - {sent}
    farm.core.execute(c.KillProcs((waiting,)), c.Envelope(), farm.now_us)
    assert farm.core.launch(farm.now_us).launches == []
    assert list(farm.farm.procs) == [sent]


def test_that_there_was_nothing_to_do_is_an_answer_that_is_kept() -> None:
    """A repeated request that changed nothing changes nothing, although by now there would be something to do."""
    farm = two_frames()
    retry, envelope = c.RetryFrames(farm.frames("one/render")), c.Envelope(request_id="r1")
    assert farm.do(retry, envelope) == 0
    farm.plan()
    farm.finish("one/render", 0)
    assert farm.do(retry, envelope) == 0
    assert farm.states("one/render") == "SR"


def test_a_refusal_right_after_a_restart_ends_no_run_that_may_just_have_been_sent() -> None:
    """The server before may have launched it a moment ago; only what is refused later has never arrived."""
    farm = two_frames()
    run, _ = farm.plan()
    core = restarted(farm)
    core.answered(run.id, Answer.REFUSED, "busy", farm.now_us)
    assert run.id in core.farm.procs
    core.answered(run.id, Answer.REFUSED, "busy", farm.now_us + core.settings.missing_run_us)
    assert run.id not in core.farm.procs


@pytest.mark.parametrize(("ids", "named"), [(("a", "b", "c"), "a, b, c"), (("a", "b", "c", "d"), "a, b, c, ...")])
def test_a_refusal_names_three_things_and_says_where_there_are_more(ids: tuple[str, ...], named: str) -> None:
    """Nobody is told of more than there are."""
    ann = Principal(Proof.KERNEL, "user 1000")
    error = forbidden(ann, ACTIONS["job.kill"], Target("job", ids))
    assert f"may not do job.kill to job {named};" in str(error)

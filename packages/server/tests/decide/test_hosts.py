"""Hosts: their reports, their silence, and what people do to them."""

from __future__ import annotations

from typing import Any

import pytest
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import Invalid, NotFound, Refused
from cuebot.domain.nouns import stored_values
from cuebot.domain.states import Cause, Exit, FrameState, HostState, LockState
from cuebot.domain.units import HOUR, MINUTE, NO_END, SECOND, Micros
from cuebot.engine.ports import Answer
from cuebot.sim.clock import START_US
from cuebot.sim.specs import job_spec, layer_spec


def running(**facts: Any) -> SmallFarm:
    """A farm with one host on which both frames of `one/render` run, taken by the agent."""
    farm = SmallFarm()
    farm.host(**facts)
    farm.launch(job_spec("one", layer_spec(range_text="1-2")))
    for proc in farm.plan():
        proc.launched = True
    farm.take_launches()
    return farm


def causes(farm: SmallFarm) -> list[Cause]:
    """Why runs have ended so far."""
    return [event.cause for event in farm.events(ev.RunEnded)]


def test_an_unknown_host_joins_the_default_allocation() -> None:
    """A host is known from its first report on, UP, in the allocation where new hosts go."""
    farm = SmallFarm()
    assert farm.report("new", ["run-of-long-ago"]) == ["run-of-long-ago"]
    host = farm.farm.host_named("new")
    assert farm.farm.allocation_name(farm.farm.allocations[host.allocation_id]) == "local.general"
    assert (host.state, host.lock) == (HostState.UP, LockState.OPEN)
    assert host.memory == 16 * GIB - 524_288


def test_a_tag_that_names_an_allocation_decides_where_a_new_host_goes() -> None:
    """The first tag that is an allocation of the host's facility is its allocation."""
    farm = SmallFarm()
    facility = farm.farm.facility_by_name["local"]
    farm.do(c.CreateAllocation("gpu", "", facility))
    host = farm.host("new", tags=("other", "gpu"))
    assert farm.farm.allocation_name(farm.farm.allocations[host.allocation_id]) == "local.gpu"


def test_a_report_without_a_name_is_refused() -> None:
    """A host needs a name."""
    with pytest.raises(Invalid, match="name"):
        SmallFarm().report("")


def test_a_host_that_speaks_again_is_up_again() -> None:
    """DOWN ends with any report; REPAIR does not."""
    farm = SmallFarm()
    host = farm.host()
    farm.wait(301)
    farm.do(c.Sweep())
    assert host.state is HostState.DOWN
    farm.report()
    assert host.state is HostState.UP
    farm.do(c.SetHostState(host.id, HostState.REPAIR))
    farm.report()
    assert host.state is HostState.REPAIR


def test_a_host_that_says_goodbye_is_down_however_often_it_says_so() -> None:
    """Only a report that says otherwise brings it back; one that nobody knew begins as what it says."""
    farm = SmallFarm()
    host = farm.host()
    for _ in range(2):
        farm.report(state=HostState.DOWN)
        assert (host.state, host.stopped) == (HostState.DOWN, True)
    farm.report()
    assert (host.state, host.stopped) == (HostState.UP, False)
    farm.report("leaving", state=HostState.DOWN)
    leaving = farm.farm.host_named("leaving")
    assert (leaving.state, stored_values(leaving)["stopped"]) == (HostState.DOWN, True)


def test_what_a_host_has_is_what_it_says() -> None:
    """Cores and memory follow every report, also while runs are there: a host that has less than is reserved drains."""
    farm = running()
    host = farm.farm.host_named("host0")
    runs = list(farm.farm.procs.values())
    farm.report("host0", runs, cores=800)
    assert (host.cores, int(farm.farm.hosts_table.idle_cores[host.row])) == (800, 600)
    farm.report("host0", runs, cores=100)
    assert (host.cores, int(farm.farm.hosts_table.idle_cores[host.row])) == (100, -100)


def test_a_run_that_is_not_current_is_named_to_its_host() -> None:
    """The reply to a report lists the runs that the host should end, but not those that have ended."""
    farm = running()
    runs = list(farm.farm.procs.values())
    farm.host("other")
    assert farm.report("host0", [*runs, "stale"]) == ["stale"]
    assert farm.report("other", runs) == [run.id for run in runs]


def test_a_run_that_its_host_has_lost_is_given_up_after_a_minute() -> None:
    """A run that was there and is missing for 60 s is lost, uncharged: it ran for as long as reports named it."""
    farm = running()
    farm.wait(30)
    farm.report("host0", [farm.run_of("one/render", 0)])
    farm.wait(59)
    farm.report("host0", [farm.run_of("one/render", 0)])
    farm.wait(60)
    farm.report()
    second, first = farm.events(ev.RunEnded)
    assert (first.cause, first.message, first.exit_status, first.run_us // SECOND) == (
        Cause.HOST_LOST, "its host does not have it any more", Exit.ORPHAN, 89,
    )  # fmt: skip
    assert (second.cause, second.exit_status, second.run_us) == (Cause.HOST_LOST, Exit.ORPHAN, 0)
    assert farm.states("one/render") == "WW"
    assert farm.plan()
    assert farm.layer("one/render").frames.retries.tolist() == [0, 0]


def test_a_run_whose_lease_is_over_is_billed_until_it_stood_still() -> None:
    """What its host told, and then its lease: the margin after it is a pause of ours."""
    farm = running()
    run = farm.run_of("one/render", 0)
    farm.wait(30)
    farm.report("host0", [c.RunFacts(run.id, run.id, ran_us=Micros(20 * SECOND)), farm.run_of("one/render", 1)])
    farm.wait(400)
    farm.do(c.Sweep())
    ended = next(event for event in farm.events(ev.RunEnded) if event.run_id == run.id)
    assert (ended.cause, ended.run_us) == (Cause.HOST_LOST, 320 * SECOND)
    layer = farm.layer("one/render")
    assert int(layer.frames.core_us[0]) == 320 * SECOND * run.cores // 100


def test_our_agent_gets_a_launch_without_an_answer_again() -> None:
    """A run that our agent never confirmed is sent again with the next report, not given up."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1")))
    (run,) = farm.plan()
    farm.core.dispatch.launching.clear()
    farm.take_launches()
    farm.wait(3_600)
    farm.report()
    assert (farm.take_launches(), causes(farm)) == ([run.id], [])


def test_another_agent_never_gets_a_launch_twice() -> None:
    """A run that upstream's agent does not name a minute after its booking is given up."""
    farm = SmallFarm()
    farm.host(agent="", lease_us=0)
    farm.launch(job_spec("one", layer_spec(range_text="1")))
    farm.plan()
    farm.core.dispatch.launching.clear()
    farm.take_launches()
    farm.wait(60)
    farm.report(agent="", lease_us=0)
    assert (farm.take_launches(), causes(farm)) == ([], [Cause.NEVER_RECEIVED])


def test_a_run_that_an_earlier_server_booked_is_lost_and_not_unstarted() -> None:
    """As after a restore: the agent answers that it has had the run, does not name it, and it is over after 60 s."""
    farm = running()
    (run, _) = farm.farm.procs.values()
    farm.wait(HOUR / SECOND)
    later = SmallFarm(farm=farm.farm)
    later.now_us = farm.now_us
    later.core._started_us = farm.now_us
    run.launched, run.seen_us, run.ran_us = False, farm.now_us, Micros(0)
    later.core.answered(run.id, Answer.ACCEPTED, "", farm.now_us)
    later.wait(60)
    later.report()
    ended = next(event for event in later.events(ev.RunEnded) if event.run_id == run.id)
    assert (ended.cause, ended.state, ended.run_us) == (Cause.HOST_LOST, FrameState.WAITING, 0)


def test_a_reboot_ends_what_ran() -> None:
    """A later boot time and a missing run: it is over at once. A run that the host still names is not."""
    farm = running()
    first, second = farm.farm.procs.values()
    farm.wait(2 * HOUR / SECOND)
    farm.report("host0", [second], boot=True, boot_us=START_US + HOUR)
    assert causes(farm) == [Cause.HOST_LOST]
    assert first.id not in farm.farm.procs
    assert second.id in farm.farm.procs


def test_a_reboot_does_not_end_a_run_whose_launch_may_be_on_the_way() -> None:
    """Our agent gets it again instead: giving it up could let it run twice."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1")))
    (run,) = farm.plan()
    farm.wait(2 * HOUR / SECOND)
    farm.report(boot=True, boot_us=START_US + HOUR)
    assert list(farm.farm.procs) == [run.id]


def test_a_silent_host_is_down_and_its_runs_are_given_up_a_margin_after_the_lease() -> None:
    """DOWN when the lease is over, its runs given up 60 s later."""
    farm = running()
    farm.wait(300)
    farm.do(c.Sweep())
    assert (farm.farm.host_named("host0").state, causes(farm)) == (HostState.DOWN, [])
    farm.wait(60)
    farm.do(c.Sweep())
    assert causes(farm) == [Cause.HOST_LOST] * 2


def test_a_server_that_stood_still_gives_nothing_up_that_reports_at_once() -> None:
    """It heard nobody meanwhile: whoever lives reports when it goes on, and who is dead has a lease from there."""
    farm = running(lease_us=3 * SECOND)
    runs = list(farm.farm.procs.values())

    def sweep(*seconds: float) -> None:
        for pause in seconds:
            farm.wait(pause)
            farm.core.sweep(farm.now_us)
            farm.commit()

    sweep(2, 400)
    assert (farm.farm.host_named("host0").state, causes(farm)) == (HostState.UP, [])
    farm.report("host0", runs, lease_us=3 * SECOND)
    sweep(*[5] * 12)
    assert (farm.farm.host_named("host0").state, causes(farm)) == (HostState.DOWN, [])
    sweep(5)
    assert causes(farm) == [Cause.HOST_LOST] * 2


def test_a_server_that_stood_still_takes_no_late_report_for_a_run_that_never_arrived() -> None:
    """A report without a run may have waited at its door since before the run's launch."""
    farm = running()
    farm.core.sweep(farm.now_us)
    farm.wait(400)
    farm.core.sweep(farm.now_us)
    farm.commit()
    farm.report("host0")
    assert causes(farm) == []


def test_a_short_lease_takes_its_host_down_early() -> None:
    """A host is not booked in the margin between the end of its lease and the end of its runs."""
    farm = running(lease_us=60 * SECOND)
    farm.wait(60)
    farm.do(c.Sweep())
    assert (farm.farm.host_named("host0").state, causes(farm)) == (HostState.DOWN, [])
    farm.wait(60)
    farm.do(c.Sweep())
    assert causes(farm) == [Cause.HOST_LOST] * 2


def test_an_agent_that_leaves_its_frames_running_takes_them_up_again() -> None:
    """Nothing is booked on its host meanwhile; its runs stay, and go on with its successor or end with their lease."""
    farm = running()
    farm.launch(job_spec("two", layer_spec("render", "1-4")))
    runs = list(farm.farm.procs.values())
    assert farm.report("host0", runs, state=HostState.DOWN) == []
    assert farm.plan() == []
    farm.wait(290)
    farm.do(c.Sweep())
    assert farm.report("host0", boot=True) == []
    assert farm.report("host0", runs) == []
    assert (farm.farm.host_named("host0").state, causes(farm), farm.states("one/render")) == (HostState.UP, [], "RR")
    farm.report("host0", runs, state=HostState.DOWN)
    farm.wait(360)
    farm.do(c.Sweep())
    assert causes(farm) == [Cause.HOST_LOST] * 2


def test_an_agent_without_a_lease_has_five_minutes() -> None:
    """With any other agent runs are given up together with their host."""
    farm = running(agent="", lease_us=0)
    farm.wait(299)
    farm.do(c.Sweep())
    assert causes(farm) == []
    farm.wait(1)
    farm.do(c.Sweep())
    assert causes(farm) == [Cause.HOST_LOST] * 2


def test_what_goes_on_without_the_server_is_never_given_up_for_silence() -> None:
    """Its host is down, its runs stay, also in a server that was restarted; the host's end ends them."""
    farm = running(lease_us=NO_END)
    farm.wait(24 * 3600)
    farm.do(c.Sweep())
    host = farm.farm.host_named("host0")
    assert (host.state, causes(farm), farm.states("one/render")) == (HostState.DOWN, [], "RR")
    assert stored_values(host)["lease_us"] == NO_END
    run = farm.run_of("one/render", 0)
    assert farm.report("host0", [run], lease_us=NO_END) == []
    assert host.state is HostState.UP
    farm.do(c.DropHost(host.id))
    assert (causes(farm), farm.states("one/render")) == ([Cause.HOST_LOST, Cause.HOST_LOST], "WW")


def test_no_lease_is_counted_from_before_the_server_began_to_listen() -> None:
    """A server that has just started gives every host its whole lease."""
    farm = running()
    farm.farm.host_named("host0").ping_us = START_US - HOUR
    farm.wait(299)
    farm.do(c.Sweep())
    assert causes(farm) == []


def test_nimby_locks_and_unlocks_its_host() -> None:
    """A report that says so locks an open host; another one opens it, but not what somebody locked."""
    farm = SmallFarm()
    host = farm.host(nimby_enabled=True)
    farm.report(nimby_locked=True)
    assert host.lock is LockState.NIMBY_LOCKED
    farm.report()
    assert host.lock is LockState.OPEN
    farm.do(c.LockHost(host.id, LockState.LOCKED))
    farm.report(nimby_locked=True)
    farm.report()
    assert host.lock is LockState.LOCKED


def test_a_dropped_host_is_forgotten_until_it_reports() -> None:
    """Its runs are over, it is found no more, and a later report makes it a new host."""
    farm = running()
    old = farm.farm.host_named("host0")
    farm.do(c.DropHost(old.id))
    assert causes(farm) == [Cause.HOST_LOST] * 2
    with pytest.raises(NotFound):
        farm.farm.host_named("host0")
    assert farm.host().id != old.id


def test_a_state_that_cannot_follow_is_refused() -> None:
    """A host that is DOWN cannot be told to reboot."""
    farm = SmallFarm()
    host = farm.host()
    farm.wait(400)
    farm.do(c.Sweep())
    with pytest.raises(Refused, match="DOWN and cannot become REBOOTING"):
        farm.do(c.SetHostState(host.id, HostState.REBOOTING))


def test_a_busy_host_stays_in_its_allocation() -> None:
    """Moving a host is refused while it holds runs, and moves its facility along when it is idle."""
    farm = running()
    facility = farm.do(c.CreateFacility("cloud"))
    allocation = farm.do(c.CreateAllocation("spot", "", facility))
    host = farm.farm.host_named("host0")
    with pytest.raises(Refused, match="runs 2 frames"):
        farm.do(c.MoveHosts((host.id,), allocation))
    farm.finish("one/render")
    farm.do(c.MoveHosts((host.id,), allocation))
    assert (host.allocation_id, host.facility_id) == (allocation, facility)


def test_tags_are_added_once_and_removed() -> None:
    """Manual tags are a set; `|`, `,` and blanks separate them, and what cannot be shown is no part of one."""
    farm = SmallFarm()
    host = farm.host()
    for _ in range(2):
        farm.do(c.AddHostTags(host.id, ("big", "fast")))
    farm.do(c.RemoveHostTags(host.id, ("big", "64bit")))
    assert (host.manual_tags, host.hardware_tags) == (("fast",), ())
    farm.do(c.AddHostTags(host.id, ("two words, gpu|fast",)))
    assert host.manual_tags == ("fast", "two", "words", "gpu")
    farm.do(c.RemoveHostTags(host.id, ("gpu two",)))
    assert host.manual_tags == ("fast", "words")
    with pytest.raises(Invalid, match="is not allowed"):
        farm.do(c.AddHostTags(host.id, ("bell\a",)))


def test_a_killed_run_is_killed_again_while_it_goes_on() -> None:
    """The sweep repeats a kill after 15 s."""
    farm = running()
    farm.do(c.KillFrames(farm.frames("one/render", 0)))
    run = farm.run_of("one/render", 0)
    assert farm.take_kills() == [run.id]
    for seconds, expected in ((10, []), (5, [run.id])):
        farm.wait(seconds)
        farm.keep(farm.core.sweep(farm.now_us))
        assert farm.take_kills() == expected


def test_five_minutes_of_silence_are_measured_from_the_last_report() -> None:
    """A report starts the time anew."""
    farm = running()
    farm.wait(299)
    farm.report("host0", farm.farm.procs.values())
    farm.wait(2 * MINUTE // SECOND)
    farm.do(c.Sweep())
    assert farm.farm.host_named("host0").state is HostState.UP


@pytest.mark.parametrize("tags", [("",), ("|||",), (" , ", "|")])
def test_separators_alone_are_no_tags_of_a_host(tags: tuple[str, ...]) -> None:
    """They are refused, as those of a layer are."""
    farm = SmallFarm()
    host = farm.host("a")
    with pytest.raises(Invalid, match="holds no tag"):
        farm.do(c.AddHostTags(host.id, tags))


def test_a_host_that_moves_has_the_tag_of_its_new_allocation() -> None:
    """It has the old one's no more, and keeps those that it was given; layers find it by the new one at once."""
    farm = SmallFarm()
    host = farm.host()
    farm.do(c.AddHostTags(host.id, ("fast",)))
    (facility,) = farm.farm.facilities
    desks = farm.do(c.CreateAllocation("desks", "desk, night", facility))
    show = farm.farm.show_named("testing")
    farm.do(c.CreateSubscription(show.id, desks, 10_000, 10_000))
    assert farm.farm.host_tags(host) >= {"general", "fast"}
    farm.do(c.MoveHosts((host.id,), desks))
    assert farm.farm.host_tags(host) >= {"desk", "night", "fast"}
    assert "general" not in farm.farm.host_tags(host)

    farm.launch(job_spec("one", layer_spec(tags=("general",))), job_spec("two", layer_spec(tags=("night",))))
    farm.plan()
    assert {run.job_id for run in farm.farm.procs.values()} == {farm.job("two").id}

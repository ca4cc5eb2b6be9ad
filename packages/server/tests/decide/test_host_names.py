"""Whose a host's name is: two agents under one name, and one that takes another's place."""

from __future__ import annotations

from typing import Any

import pytest
from small_farm import SmallFarm

from cuebot.decide.host_names import COMMENT_SUBJECT
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import HostConflict
from cuebot.domain.states import Cause, HostState
from cuebot.domain.units import MINUTE, Micros
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.sim.clock import START_US
from cuebot.sim.specs import job_spec, layer_spec

FIRST: dict[str, Any] = {"instance": "one", "peer": "192.0.2.1", "full_name": "host0.a", "address": "host0:1"}
SECOND: dict[str, Any] = {"instance": "two", "peer": "192.0.2.2", "full_name": "host0.b", "address": "host0:2"}
COPY: dict[str, Any] = {**SECOND, "instance": "one", "boot_us": Micros(START_US + 10 * MINUTE)}
"""A machine that was made from an image of the first one's disk."""
UPSTREAM: dict[str, Any] = {"agent": "", "instance": "", "lease_us": Micros(0)}


def farm_with(*, runs: bool = True, **first: Any) -> SmallFarm:
    """A farm whose host is the first agent, with both frames of `one/render` running there unless said otherwise."""
    farm = SmallFarm()
    farm.host(**{**FIRST, **first})
    if runs:
        farm.launch(job_spec("one", layer_spec(range_text="1-2")))
        for proc in farm.plan():
            proc.launched = True
    return farm


def remarks(farm: SmallFarm) -> list[str]:
    """What hosts say of conflicts."""
    return [k.message for k in farm.farm.comments.values() if k.subject == COMMENT_SUBJECT]


@pytest.mark.parametrize(
    ("first", "second"),
    [({}, SECOND), ({}, COPY), (UPSTREAM, {**SECOND, **UPSTREAM}), ({}, {**SECOND, **UPSTREAM})],
    ids=["another spool", "a copied disk", "upstream's", "upstream's beside ours"],
)
def test_a_second_agent_under_a_name_is_refused_in_words_and_changes_nothing(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """The later one hears of the other's address and what to do; the books know the first alone."""
    farm = farm_with(**first)
    host, runs = farm.farm.host_named("host0"), list(farm.farm.procs.values())
    farm.wait(40)
    farm.report("host0", runs, **{**FIRST, **first})
    farm.wait(5)
    with pytest.raises(HostConflict, match=r"host0\.a at 192\.0\.2\.1, which answers at host0:1.*rqd --name"):
        farm.report("host0", boot=True, **second)
    assert (host.address, len(host.proc_ids)) == ("host0:1", 2)


def test_both_agents_of_a_conflict_live_then_the_host_says_so_until_it_is_over() -> None:
    """A comment stands at the host once its own agent was heard after the other, and goes a minute after the last."""
    farm = farm_with()
    runs = list(farm.farm.procs.values())
    for _ in range(3):
        farm.wait(8)
        with pytest.raises(HostConflict):
            farm.report("host0", **SECOND)
        farm.report("host0", runs, **FIRST)
    assert len(remarks(farm)) == 1
    assert all(words in remarks(farm)[0] for words in ("host0.b at 192.0.2.2", "host0:1", "rqd --name"))
    for _ in range(7):
        farm.wait(10)
        farm.report("host0", runs, **FIRST)
        farm.do(c.Sweep())
    assert remarks(farm) == []


def test_explain_names_machines_that_are_refused_for_their_name() -> None:
    """Whoever waits for hosts hears that there would be more."""
    farm = farm_with()
    with pytest.raises(HostConflict):
        farm.report("host0", **SECOND)
    farm.launch(job_spec("two", layer_spec(cores=900)))
    reasons = explain_layer(farm.farm, farm.layer("two/render"), farm.now_us).reasons
    assert "other agents are refused under the name of host0" in [reason.text for reason in reasons]


def test_an_agent_that_took_anothers_place_is_no_conflict() -> None:
    """After a kill, an agent with another spool waits until the first one's silence says that it is gone."""
    farm = farm_with(runs=False)
    farm.wait(29)
    with pytest.raises(HostConflict, match="silent for 30 s"):
        farm.report("host0", boot=True, **SECOND)
    farm.wait(1)
    farm.report("host0", boot=True, **SECOND)
    host = farm.farm.host_named("host0")
    assert (host.instance, host.address, remarks(farm)) == ("two", "host0:2", [])


def test_after_a_goodbye_the_next_agent_is_taken_at_once() -> None:
    """Who said goodbye has left the name."""
    farm = farm_with(runs=False)
    farm.report("host0", state=HostState.DOWN, **FIRST)
    farm.report("host0", boot=True, **SECOND)
    host = farm.farm.host_named("host0")
    assert (host.instance, host.state) == ("two", HostState.UP)


def test_a_name_does_not_pass_while_runs_of_its_agent_may_go_on() -> None:
    """However long the first one is silent, its runs are over in the books before the second one is heard."""
    farm = farm_with()
    for _ in range(35):
        farm.wait(10)
        farm.do(c.Sweep())
        with pytest.raises(HostConflict, match="silent for 360 s"):
            farm.report("host0", boot=True, **SECOND)
    assert farm.events(ev.RunEnded) == []
    farm.wait(11)
    farm.do(c.Sweep())
    assert [event.cause for event in farm.events(ev.RunEnded)] == [Cause.HOST_LOST] * 2
    farm.report("host0", boot=True, **SECOND)
    assert farm.farm.host_named("host0").instance == "two"


def test_a_machine_that_booted_with_an_empty_disk_is_the_same_machine() -> None:
    """It answers where the first one did and was booted later: what ran there is over at once."""
    farm = farm_with()
    anew = {**FIRST, "instance": "empty", "boot_us": Micros(START_US + 5 * MINUTE)}
    farm.report("host0", boot=True, **anew)
    assert [event.message for event in farm.events(ev.RunEnded)] == ["the host was rebooted"] * 2
    assert farm.farm.host_named("host0").instance == "empty"


def test_an_agent_that_took_over_the_runs_of_the_one_before_is_the_same_host() -> None:
    """It has another spool, and so another time of boot; its start-up report, which names no run, ends none."""
    farm = farm_with()
    runs = list(farm.farm.procs.values())
    anew = {**FIRST, "instance": "anew", "succeeds": ("one",), "boot_us": Micros(START_US + 5 * MINUTE)}
    farm.wait(90)
    farm.report("host0", boot=True, **anew)
    assert farm.report("host0", runs, **anew) == []
    assert farm.states("one/render") == "RR"
    assert farm.farm.host_named("host0").instance == "anew"
    with pytest.raises(HostConflict):
        farm.report("host0", **FIRST)  # late, from the one before


def test_a_successor_of_an_agent_that_said_goodbye_is_taken_at_once() -> None:
    """It has left, with what goes on under its supervisors."""
    farm = farm_with()
    runs = list(farm.farm.procs.values())
    farm.report("host0", runs, state=HostState.DOWN, **FIRST)
    farm.report("host0", boot=True, **{**FIRST, "instance": "anew", "succeeds": ("one",)})
    assert (farm.farm.host_named("host0").instance, farm.states("one/render")) == ("anew", "RR")


def test_a_machine_that_got_another_address_is_the_same_while_it_has_its_runs() -> None:
    """Only where a report comes from has changed; a copy of its disk would not have its runs."""
    farm = farm_with()
    runs = list(farm.farm.procs.values())
    moved = {**FIRST, "peer": "192.0.2.9"}
    with pytest.raises(HostConflict):
        farm.report("host0", **moved)
    farm.report("host0", runs, **moved)
    assert farm.farm.host_named("host0").peer == "192.0.2.9"


def test_after_a_restart_a_machine_that_was_booted_meanwhile_is_believed_after_a_minute() -> None:
    """It may be the copy of the one that has the runs, which would speak up within that time; nobody else does."""
    farm = farm_with()
    host = farm.farm.host_named("host0")
    host.ping_us, host.peer = Micros(0), ""  # as a restart leaves it
    booted = {**FIRST, "boot_us": Micros(START_US + 5 * MINUTE)}
    farm.wait(59)
    with pytest.raises(HostConflict, match="booted while this server was down"):
        farm.report("host0", boot=True, **booted)
    assert farm.states("one/render") == "RR"
    farm.wait(1)
    farm.report("host0", boot=True, **booted)
    assert [event.message for event in farm.events(ev.RunEnded)] == ["the host was rebooted"] * 2


def test_the_copy_of_a_disk_does_not_end_the_runs_that_are_in_its_spool() -> None:
    """An agent that found runs of another machine in its spool may not say how they ended while that one lives."""
    farm = farm_with()
    run = next(iter(farm.farm.procs.values()))
    speaker = c.Speaker("host0", "1", "one", "host0.b", "192.0.2.2", COPY["boot_us"])
    ended = c.ReportOutcome("host0", run.id, "", 301, 0, Cause.RUNNER_LOST, Micros(0), run.memory, speaker=speaker)
    with pytest.raises(HostConflict):
        farm.do(ended)
    assert farm.states("one/render") == "RR"


@pytest.mark.parametrize(
    ("speaker", "is_taken"),
    [
        (c.Speaker("liar", "1", "two", "liar", "192.0.2.1", Micros(START_US)), False),
        (c.Speaker("host0", "", "", "host0.a", "192.0.2.1", Micros(START_US)), False),
        (c.Speaker("renamed", "1", "one", "renamed", "192.0.2.1", Micros(START_US)), True),
    ],
    ids=["another host", "the host without its spool", "the host under another name"],
)
def test_only_the_agent_that_has_a_run_says_how_it_ended_while_it_lives(speaker: c.Speaker, is_taken: bool) -> None:
    """Whatever it is called by now; of one that is silent, whoever knows the run may."""
    farm = farm_with()
    run = next(iter(farm.farm.procs.values()))
    ended = c.ReportOutcome(speaker.name, run.id, "", 0, 0, Cause.EXITED, Micros(0), run.memory, speaker=speaker)
    if not is_taken:
        with pytest.raises(HostConflict, match="host0"):
            farm.do(ended)
        assert farm.states("one/render") == "RR"
        farm.wait(30)
    farm.do(ended)
    assert sorted(farm.states("one/render")) == ["R", "S"]


def test_an_agent_of_upstreams_that_has_the_runs_has_the_name() -> None:
    """After a restart the first one heard may be the wrong one of two; whoever names what runs is the right one."""
    farm = farm_with(**UPSTREAM)
    runs = list(farm.farm.procs.values())
    other = {**SECOND, **UPSTREAM}
    with pytest.raises(HostConflict):
        farm.report("host0", runs[:1], **other)
    farm.report("host0", runs, **other)
    assert farm.farm.host_named("host0").address == "host0:2"


def test_an_agent_that_is_called_otherwise_goes_on_with_its_runs() -> None:
    """The host gets the new name by its first report with the runs; its start-up report ends nothing."""
    farm = farm_with()
    host, runs = farm.farm.host_named("host0"), list(farm.farm.procs.values())
    farm.report("host0", runs, state=HostState.DOWN, **FIRST)
    farm.wait(5)
    farm.report("renamed", boot=True, **FIRST)
    assert list(farm.farm.host_by_name) == ["host0"]
    assert farm.report("renamed", runs, **FIRST) == []
    assert (farm.farm.host_by_name, farm.states("one/render")) == ({"renamed": host.id}, "RR")
    assert (host.state, len(host.proc_ids)) == (HostState.UP, 2)


def test_the_start_of_an_agent_that_is_called_otherwise_prolongs_the_lease_that_it_was_granted() -> None:
    """It was answered, so its frames go on for a lease from then: until that is over none may run elsewhere."""
    farm = farm_with()
    farm.wait(200)
    farm.report("renamed", boot=True, **FIRST)
    farm.wait(200)
    farm.do(c.Sweep())
    assert farm.states("one/render") == "RR"


@pytest.mark.parametrize("other", [{"instance": "two"}, {"boot_us": COPY["boot_us"]}], ids=["spool", "boot"])
def test_an_agent_that_is_not_the_hosts_takes_neither_its_runs_nor_its_name(other: dict[str, Any]) -> None:
    """Another spool, or the same in another boot (a copied disk): it is a host of its own, and is to end them."""
    farm = farm_with()
    host, runs = farm.farm.host_named("host0"), list(farm.farm.procs.values())
    farm.report("copy", boot=True, **FIRST | other)
    assert farm.report("copy", runs, **FIRST | other) == [run.id for run in runs]
    assert (farm.farm.host_named("host0"), len(host.proc_ids)) == (host, 2)


def test_an_agent_with_the_same_spool_and_no_run_of_the_host_is_a_host_of_its_own() -> None:
    """Machines that were made from an image with a spool share it; only what goes on there tells who is who."""
    farm = farm_with()
    farm.report("twin", boot=True, **FIRST)
    farm.report("twin", **FIRST)
    assert (sorted(farm.farm.host_by_name), farm.states("one/render")) == (["host0", "twin"], "RR")


def test_a_run_that_ends_as_killed_and_nobody_asked_for_it_is_not_charged() -> None:
    """As where the host's new name was taken: its agent ends what the server does not count on there."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1"), max_retries=0))
    farm.plan()
    farm.end(farm.run_of("one/render"), 1, exit_signal=15, cause=Cause.KILLED, message="the server no longer counts")
    (ended,) = farm.events(ev.RunEnded)
    assert (farm.states("one/render"), ended.cause, ended.exit_status) == ("W", Cause.LEASE, 286)


def test_a_second_goodbye_leaves_a_host_down() -> None:
    """An agent that is stopping may report more than once."""
    farm = farm_with(runs=False)
    host = farm.farm.host_named("host0")
    for _ in range(2):
        farm.report("host0", state=HostState.DOWN, **FIRST)
        assert host.state is HostState.DOWN
    farm.report("host0", **FIRST)
    assert host.state is HostState.UP


def test_a_run_without_a_word_after_a_goodbye_is_not_said_to_be_on_a_silent_host() -> None:
    """Its message says that the agent was stopped."""
    farm = farm_with()
    farm.report("host0", list(farm.farm.procs.values()), state=HostState.DOWN, **FIRST)
    farm.wait(361)
    farm.do(c.Sweep())
    messages = {event.message for event in farm.events(ev.RunEnded)}
    assert messages == {"the agent of host0 was stopped 361 s ago and did not say how this run ended"}

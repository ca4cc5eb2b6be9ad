"""Runs that take longer than their layer allows are ended: `timeout` and `timeout_llu`."""

from __future__ import annotations

from typing import Any

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.nouns import Proc
from cuebot.domain.states import Cause
from cuebot.domain.units import MINUTE, SECOND, Micros, frame_id
from cuebot.engine.farm_rows import load_farm, take_dirty
from cuebot.sim.specs import job_spec, layer_spec

UPSTREAM = {"agent": "", "instance": "", "lease_us": Micros(0)}
"""What a host with an agent of upstream's does not say."""
ON = "one/render"


def one_run(*, host: dict[str, Any] | None = None, auto_eat: bool = False, **layer: Any) -> SmallFarm:
    """A farm on which the one frame of job `one` runs, with many retries."""
    farm = SmallFarm()
    farm.host(**(host or {}))
    farm.launch(job_spec("one", layer_spec(range_text="1", **layer), max_retries=9, autoeat=auto_eat))
    farm.plan()
    return farm


def pass_time(farm: SmallFarm, minutes: float, *, log_grows: bool = True, suspended: bool = False, **host: Any) -> None:
    """Minutes pass in which the host reports the run every ten seconds and the server looks every five."""
    end_us = farm.now_us + int(minutes * MINUTE)
    while farm.now_us < end_us:
        farm.wait(5)
        farm.core.sweep(farm.now_us)
        farm.commit()
        farm.wait(5)
        if run_of_it(farm) is not None:
            farm.report(runs=[said(farm, log_grows=log_grows, suspended=suspended)], **host)


def run_of_it(farm: SmallFarm) -> Proc | None:
    """The run of the frame, if it runs."""
    return farm.farm.proc_of(farm.layer(ON), 0)


def said(farm: SmallFarm, *, log_grows: bool, suspended: bool) -> c.RunFacts:
    """What the host says of the run; its clock is a day behind."""
    run = farm.run_of(ON)
    llu_s = farm.now_us // SECOND - 86_400 if log_grows else (run.llu_s or farm.now_us // SECOND - 86_400)
    ours = bool(farm.farm.hosts[run.host_id].agent)
    ran_us = Micros(run.ran_us + (0 if suspended else 10 * SECOND)) if ours else Micros(0)
    return c.RunFacts(run.id, frame_id(run.layer_id, run.frame_index), llu_s=llu_s, ran_us=ran_us)


def kills(farm: SmallFarm) -> list[Cause]:
    """Why runs were to be ended."""
    return [event.cause for event in farm.events(ev.KillRequested)]


@pytest.mark.parametrize("host", [{}, UPSTREAM], ids=["ours", "upstream"])
def test_a_run_beyond_its_layers_timeout_is_ended_and_its_frame_is_dead(host: dict[str, Any]) -> None:
    """It is killed within a minute after its time, with words that name the limit, and not tried again."""
    farm = one_run(timeout_minutes=2, host=host)
    pass_time(farm, 1.9, **host)
    assert not kills(farm)
    pass_time(farm, 0.4, **host)
    assert kills(farm) == [Cause.TIMEOUT]
    run = farm.run_of(ON)
    assert farm.take_kills() == [run.id]
    farm.end(run, 1, exit_signal=15, cause=Cause.KILLED if not host else Cause.EXITED)
    (ended,) = farm.events(ev.RunEnded)
    assert (farm.states(ON), ended.cause) == ("X", Cause.TIMEOUT)
    assert "2 min" in ended.message


@pytest.mark.parametrize("asked", [False, True], ids=["by its agent", "by both"])
def test_what_its_agent_ended_for_its_time_is_in_the_books_as_what_the_server_ended(asked: bool) -> None:
    """The same state, status, cause and words, whoever was first; and it is ended once."""
    by_server = one_run(timeout_minutes=2)
    pass_time(by_server, 2.5)
    by_server.end(by_server.run_of(ON), 1, exit_signal=15, cause=Cause.KILLED)
    by_agent = one_run(timeout_minutes=2)
    pass_time(by_agent, 2.5 if asked else 1.9)
    words = "timed out: it ran longer than the 2 min that its layer allows (timeout)"
    by_agent.end(by_agent.run_of(ON), 1, exit_signal=15, cause=Cause.TIMEOUT, message=words)

    def books(farm: SmallFarm) -> tuple[Any, ...]:
        (ended,) = farm.events(ev.RunEnded)
        return farm.states(ON), ended.exit_status, ended.exit_signal, ended.cause, ended.message

    assert books(by_agent) == books(by_server)
    assert books(by_agent) == ("X", 15, 15, Cause.TIMEOUT, words)


@pytest.mark.parametrize("host", [{}, UPSTREAM], ids=["ours", "upstream"])
def test_a_run_whose_log_does_not_grow_is_ended(host: dict[str, Any]) -> None:
    """Silence counts from the last growth that was told, whatever the host's clock says."""
    farm = one_run(timeout_llu_minutes=2, host=host)
    pass_time(farm, 5, **host)
    pass_time(farm, 1.5, log_grows=False, **host)
    assert not kills(farm)
    pass_time(farm, 1, log_grows=False, **host)
    assert kills(farm) == [Cause.SILENT]
    farm.end(farm.run_of(ON), 1, exit_signal=9)
    assert (farm.states(ON), farm.events(ev.RunEnded)[-1].cause) == ("X", Cause.SILENT)


def test_an_agent_that_tells_nothing_of_the_log_has_no_silent_runs() -> None:
    """Where the time of the last growth is 0, as with logs that are no files, nothing is concluded."""
    farm = one_run(timeout_llu_minutes=1)
    for _ in range(30):
        farm.wait(10)
        farm.report(runs=[farm.run_of(ON)])
        farm.core.sweep(farm.now_us)
        farm.commit()
    assert not kills(farm)


def test_a_frame_that_ends_by_itself_when_it_is_told_to_has_timed_out_all_the_same() -> None:
    """A renderer that catches SIGTERM and exits with a status of its own is not tried again; one that succeeded has."""
    for status, state in ((3, "X"), (286, "X"), (0, "S")):
        farm = one_run(timeout_minutes=1)
        pass_time(farm, 1.5)
        farm.end(farm.run_of(ON), status)
        assert farm.states(ON) == state


def test_a_frame_that_is_to_be_eaten_when_it_fails_is_eaten() -> None:
    """Automatic eating stands above a time-out."""
    farm = one_run(timeout_minutes=1, auto_eat=True)
    pass_time(farm, 1.5)
    farm.end(farm.run_of(ON), 1, exit_signal=15, cause=Cause.KILLED)
    assert farm.states(ON) == "E"


def test_a_timeout_that_is_changed_counts_for_runs_that_go_on() -> None:
    """More time saves a run, less ends it, and 0 is none."""
    farm = one_run(timeout_minutes=2)
    farm.do(c.Change("layer", farm.layer(ON).id, {"timeout_minutes": 0}))
    pass_time(farm, 4)
    farm.do(c.Change("layer", farm.layer(ON).id, {"timeout_minutes": 6}))
    pass_time(farm, 1)
    assert not kills(farm)
    farm.do(c.Change("layer", farm.layer(ON).id, {"timeout_minutes": 5}))
    pass_time(farm, 0.5)
    assert kills(farm) == [Cause.TIMEOUT]


def test_time_for_which_a_run_was_suspended_does_not_count() -> None:
    """A run that stood still for three minutes without contact gets them back, and its log was not silent."""
    farm = one_run(timeout_minutes=4, timeout_llu_minutes=2)
    pass_time(farm, 1)
    pass_time(farm, 3, log_grows=False, suspended=True)
    pass_time(farm, 1.5, log_grows=False)
    assert not kills(farm)
    pass_time(farm, 2)
    assert kills(farm) == [Cause.TIMEOUT]


def test_nothing_is_concluded_of_a_host_that_is_silent() -> None:
    """Its runs may be suspended; they are looked at again when it reports."""
    farm = one_run(timeout_minutes=1)
    pass_time(farm, 0.9)
    for _ in range(12):
        farm.wait(15)
        farm.core.sweep(farm.now_us)
        farm.commit()
    assert not kills(farm)
    pass_time(farm, 0.5)
    assert kills(farm) == [Cause.TIMEOUT]


def test_a_restart_keeps_why_a_run_is_to_be_ended() -> None:
    """A server that is started again knows that the run timed out, and kills it again."""
    farm = one_run(timeout_minutes=1)
    layer = farm.layer(ON)
    pass_time(farm, 1.5)
    for kind in ("facility", "allocation", "show", "group", "subscription", "service", "job", "layer", "host", "proc"):
        for id in farm.farm.table(kind):
            farm.farm.dirty.row(kind, id)
    farm.farm.dirty.frames[layer.id].append(farm.frames(ON)[layer.id])
    again = SmallFarm(farm=load_farm(take_dirty(farm.farm), farm.now_us))
    again.now_us = farm.now_us
    again.report(runs=[again.run_of(ON)])
    again.wait(60)
    again.keep(again.core.sweep(again.now_us))
    assert again.take_kills() == [again.run_of(ON).id]
    again.end(again.run_of(ON), 1, exit_signal=15, cause=Cause.KILLED)
    assert (again.states(ON), again.events(ev.RunEnded)[-1].cause) == ("X", Cause.TIMEOUT)


def test_a_person_who_retries_a_run_that_timed_out_gets_another() -> None:
    """A retry stands above the time-out, also while the run is being ended."""
    farm = one_run(timeout_minutes=1)
    pass_time(farm, 1.5)
    farm.do(c.RetryFrames(farm.frames(ON)))
    farm.end(farm.run_of(ON), 1, exit_signal=15, cause=Cause.KILLED)
    assert farm.states(ON) == "W"

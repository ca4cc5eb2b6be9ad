"""Redirects: the place of a run goes to a job or a group when the run ends, and is held for it for a while."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_farm import GIB, SmallFarm

from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import Invalid, NotFound
from cuebot.domain.nouns import Proc
from cuebot.domain.states import Cause, HostState
from cuebot.domain.units import MINUTE, Micros
from cuebot.engine.farm_rows import load_farm, take_dirty
from cuebot.scheduling.explain.frame import explain_frame
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.sim.specs import job_spec, layer_spec


def busy_farm(settings: Settings | None = None) -> SmallFarm:
    """A host of two cores that job `one` fills; jobs `two`, the most urgent, and `low` wait."""
    farm = SmallFarm(settings=settings)
    farm.host(cores=200)
    farm.launch(job_spec("one"))
    farm.plan()
    farm.launch(job_spec("two", priority=99))
    farm.launch(job_spec("low", priority=0))
    return farm


def redirect(farm: SmallFarm, run: Proc, job: str, *, kill: bool = False) -> int:
    """Give the place of a run to a job. Returns how many places were given."""
    count: int = farm.do(c.RedirectProcs((run.id,), (farm.job(job).id,), kill=kill))
    return count


def test_the_place_of_a_run_goes_to_the_job_that_it_was_redirected_to() -> None:
    """A job of low priority gets the next run there, and the more urgent one the place after that."""
    farm = busy_farm()
    run = farm.run_of("one/render", 0)
    assert redirect(farm, run, "low") == 1
    farm.end(run)
    (booked,) = farm.plan()
    assert booked.job_id == farm.job("low").id
    assert not farm.farm.redirects

    farm.end(booked)
    (booked,) = farm.plan()
    assert booked.job_id == farm.job("two").id


def test_a_run_that_is_killed_for_a_redirect_waits_again_uncharged() -> None:
    """That its place was wanted is no failure of a frame."""
    farm = busy_farm()
    run = farm.run_of("one/render", 0)
    redirect(farm, run, "low", kill=True)
    assert farm.take_kills() == [run.id]
    farm.end(run, exit_signal=9, cause=Cause.KILLED)
    assert farm.states("one/render") == "WRWWWWWWWW"
    (booked,) = farm.plan()
    assert booked.job_id == farm.job("low").id
    layer = farm.layer("one/render")
    assert int(layer.frames.retries[0]) == 0


def test_a_place_that_is_held_is_taken_by_nobody_else() -> None:
    """Until the job may have it, what runs held is not free; then it is let go of."""
    farm = busy_farm()
    run = farm.run_of("one/render", 0)
    redirect(farm, run, "low")
    farm.do(c.Change("job", farm.job("low").id, {"max_cores": 0}))
    farm.end(run)
    assert farm.plan() == []
    explanation = explain_layer(farm.farm, farm.layer("two/render"), farm.now_us)
    assert "PLACE_HELD" in [reason.code for reason in explanation.reasons]

    farm.wait(61)
    farm.report(runs=[farm.run_of("one/render", 1)], cores=200)
    farm.do(c.Sweep())
    (booked,) = farm.plan()
    assert booked.job_id == farm.job("two").id


def test_a_place_is_let_go_of_when_nobody_of_those_it_is_for_waits() -> None:
    """A job that is paused or over keeps no place from others."""
    farm = busy_farm()
    run = farm.run_of("one/render", 0)
    redirect(farm, run, "low")
    farm.do(c.Change("job", farm.job("low").id, {"paused": True}))
    farm.end(run)
    assert not farm.farm.redirects
    (booked,) = farm.plan()
    assert booked.job_id == farm.job("two").id


def test_a_place_that_nobody_wants_any_more_is_free_with_the_next_sweep() -> None:
    """What was wanted when the run ended may not be a moment later."""
    farm = busy_farm()
    run = farm.run_of("one/render", 0)
    redirect(farm, run, "low")
    farm.do(c.Change("job", farm.job("low").id, {"max_cores": 0}))
    farm.end(run)
    assert len(farm.farm.redirects) == 1
    farm.do(c.KillJob(farm.job("low").id))
    farm.do(c.Sweep())
    assert not farm.farm.redirects


def test_places_of_one_host_are_one_place_for_a_wide_frame() -> None:
    """Two runs of a core make room for a frame of two, once both have ended."""
    farm = SmallFarm()
    farm.host(cores=200)
    farm.launch(job_spec("one"))
    farm.plan()
    farm.launch(job_spec("wide", layer_spec(cores=200)))
    runs = [farm.run_of("one/render", index) for index in (0, 1)]
    assert [redirect(farm, run, "wide") for run in runs] == [0, 0], "one core is too few for it"

    farm.do(c.Change("layer", farm.layer("wide/render").id, {"min_cores": 100}))
    assert farm.do(c.RedirectProcs(tuple(run.id for run in runs), (farm.job("wide").id,))) == 2
    farm.do(c.Change("layer", farm.layer("wide/render").id, {"min_cores": 200}))
    farm.end(runs[0])
    assert farm.plan() == []
    farm.end(runs[1])
    (booked,) = farm.plan()
    assert (booked.job_id, booked.cores) == (farm.job("wide").id, 200)
    assert not farm.farm.redirects


def test_places_on_two_hosts_share_what_is_left_of_a_burst() -> None:
    """With room for one frame in all, one of the two places is taken."""
    farm = SmallFarm()
    for name in ("left", "right"):
        farm.host(name, cores=100)
    farm.launch(job_spec("one"))
    farm.plan()
    farm.launch(job_spec("low", priority=0))
    runs = [farm.run_of("one/render", index) for index in (0, 1)]
    assert [redirect(farm, run, "low") for run in runs] == [1, 1]
    (subscription,) = farm.farm.subscriptions.values()
    farm.do(c.Change("subscription", subscription.id, {"size": 100, "burst": 100}))
    for run in runs:
        farm.end(run)
    assert len(farm.farm.redirects) == 2
    (booked,) = farm.plan()
    assert booked.job_id == farm.job("low").id


def test_jobs_get_places_in_turn() -> None:
    """Several runs are dealt to several jobs one by one."""
    farm = busy_farm()
    runs = tuple(farm.run_of("one/render", index).id for index in (0, 1))
    assert farm.do(c.RedirectProcs(runs, (farm.job("low").id, farm.job("two").id))) == 2
    assert {farm.farm.redirects[id].job_id for id in runs} == {farm.job("low").id, farm.job("two").id}


def test_the_place_for_a_group_goes_to_its_most_urgent_job() -> None:
    """A group has no frames of its own: its jobs get the place in their order."""
    farm = busy_farm()
    show = farm.farm.shows[farm.job("low").show_id]
    group = farm.do(c.CreateGroup("comp", show.root_group_id))
    farm.launch(job_spec("lower", priority=-5))
    for name in ("low", "lower"):
        farm.do(c.MoveJob(farm.job(name).id, group))
    run = farm.run_of("one/render", 0)
    assert farm.do(c.RedirectProcs((run.id,), (), group)) == 1
    farm.end(run)
    (booked,) = farm.plan()
    assert booked.job_id == farm.job("low").id


def test_a_redirect_of_no_use_changes_nothing() -> None:
    """To its own job, to one with nothing that waits, or to one whose frames are too large."""
    farm = busy_farm()
    run = farm.run_of("one/render", 0)
    farm.launch(job_spec("huge", layer_spec(memory_kib=900 * GIB)))
    farm.launch(job_spec("asleep", paused=True))
    assert [redirect(farm, run, name) for name in ("one", "huge", "asleep")] == [0, 0, 0]
    assert not farm.farm.redirects


def test_a_redirect_names_whom_it_is_for() -> None:
    """Neither a job nor a group, or one that there is not, is refused."""
    farm = busy_farm()
    run = farm.run_of("one/render", 0)
    with pytest.raises(Invalid, match="name one"):
        farm.do(c.RedirectProcs((run.id,)))
    with pytest.raises(NotFound, match="no job"):
        farm.do(c.RedirectProcs((run.id,), ("nobody",)))


def test_a_redirect_can_be_taken_back() -> None:
    """The place is nobody's any more, and the answer says whether it was somebody's."""
    farm = busy_farm()
    run = farm.run_of("one/render", 0)
    redirect(farm, run, "low")
    assert farm.do(c.ClearRedirects((run.id,))) == 1
    assert farm.do(c.ClearRedirects((run.id,))) == 0
    farm.end(run)
    (booked,) = farm.plan()
    assert booked.job_id == farm.job("two").id


def test_a_second_redirect_replaces_the_first() -> None:
    """The last word counts."""
    farm = busy_farm()
    run = farm.run_of("one/render", 0)
    redirect(farm, run, "two")
    redirect(farm, run, "low")
    farm.end(run)
    (booked,) = farm.plan()
    assert booked.job_id == farm.job("low").id


def test_a_place_ends_with_its_host() -> None:
    """Of a host that was rebooted, or forgotten, nothing is held."""
    farm = busy_farm()
    runs = [farm.run_of("one/render", index) for index in (0, 1)]
    for run in runs:
        redirect(farm, run, "low")
    farm.do(c.Change("job", farm.job("low").id, {"max_cores": 0}))
    farm.end(runs[0])
    assert len(farm.farm.places_of_host) == 1
    farm.do(c.DropHost(farm.farm.host_named("host0").id))
    assert not farm.farm.redirects


def test_redirects_and_places_survive_a_restart() -> None:
    """What is stored gives the same farm again, with what is held."""
    farm = busy_farm()
    runs = [farm.run_of("one/render", index) for index in (0, 1)]
    for run in runs:
        redirect(farm, run, "low")
    farm.do(c.Change("job", farm.job("low").id, {"max_cores": 0}))
    farm.end(runs[0])
    for kind in ("facility", "allocation", "show", "group", "subscription", "service", "host", "proc", "redirect"):
        for id in farm.farm.table(kind):
            farm.farm.dirty.row(kind, id)
    for kind in ("job", "layer"):
        for id in farm.farm.table(kind):
            farm.farm.dirty.row(kind, id)
    for layer in farm.farm.layers.values():
        farm.farm.dirty.frames[layer.id].append(next(iter(farm.frames("one/render").values())))
    loaded = load_farm(take_dirty(farm.farm), farm.now_us)
    assert loaded.redirects == farm.farm.redirects
    assert loaded.places_of_host == farm.farm.places_of_host
    assert int(loaded.hosts_table.idle_cores[0]) == 0


def test_a_place_can_be_kept_from_being_held_at_all() -> None:
    """With redirect_held 0 the place of a run that was redirected is free at once."""
    farm = busy_farm(Settings(redirect_held_us=Micros(0)))
    run = farm.run_of("one/render", 0)
    redirect(farm, run, "low")
    farm.end(run)
    assert not farm.farm.redirects


def test_a_host_that_takes_nothing_keeps_its_places() -> None:
    """A place on a host that is in repair is used by nobody, and held until its time is over."""
    farm = busy_farm(replace(Settings(), redirect_held_us=Micros(2 * MINUTE)))
    run = farm.run_of("one/render", 0)
    redirect(farm, run, "low")
    farm.do(c.SetHostState(farm.farm.host_named("host0").id, HostState.REPAIR))
    farm.end(run)
    assert farm.plan() == []
    assert len(farm.farm.redirects) == 1
    farm.do(c.SetHostState(farm.farm.host_named("host0").id, HostState.UP))
    (booked,) = farm.plan()
    assert booked.job_id == farm.job("low").id


def test_a_running_frame_says_who_gets_its_place() -> None:
    """Whoever asks about the frame is told."""
    farm = busy_farm()
    redirect(farm, farm.run_of("one/render", 0), "low")
    explanation = explain_frame(farm.farm, farm.layer("one/render"), 0, farm.now_us)
    assert f"its place goes to {farm.job('low').name} when it ends" in explanation.summary
    assert len(farm.events(ev.Added)) > 0

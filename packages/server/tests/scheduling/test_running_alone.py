"""A frame whose runs ended with their host three times gets a host to itself, also on a busy farm."""

from __future__ import annotations

import pytest
from scheduling_farm import launch, reasons
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.errors import Refused
from cuebot.domain.nouns import Proc
from cuebot.domain.states import Cause, Exit
from cuebot.scheduling.explain.frame import explain_frame
from cuebot.scheduling.explain.layer import explain_job, explain_layer
from cuebot.sim.specs import layer_spec
from cuebot.wire.advice import for_people


def feared(farm: SmallFarm, name: str = "bad", frames: str = "1", count: int = 1, **fields: object) -> None:
    """A job whose first frames took a host down three times, and wait."""
    launch(farm, "testing", name, layer_spec(range_text=frames), **fields)
    layer = farm.layer(f"{name}/render")
    for index in range(count):
        layer.frames.set_host_ends(index, 3)
    farm.farm.requeue(farm.job(name))


def host_of(farm: SmallFarm, run: Proc) -> str:
    """The name of a run's host."""
    return farm.farm.hosts[run.host_id].name


def report_all(farm: SmallFarm) -> None:
    """Every host is heard."""
    for host in farm.farm.hosts.values():
        farm.report(host.name, runs=[farm.farm.procs[id] for id in host.proc_ids])


def test_nothing_comes_beside_it() -> None:
    """Its host has idle cores, and takes nothing until it has ended."""
    farm = SmallFarm()
    farm.host()
    feared(farm, priority=9)
    launch(farm, "testing", "narrow", layer_spec(range_text="1-10"))
    (run,) = farm.plan()
    assert run.alone
    assert reasons(farm, farm.layer("narrow/render"))["HOST_OF_ONE"] == 1
    farm.end(run)
    assert len(farm.plan()) == 4


def test_it_comes_beside_nothing() -> None:
    """A host with idle cores on which something runs is not for it; an idle one is."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "narrow", layer_spec(range_text="1"))
    farm.plan()
    feared(farm)
    assert farm.plan() == []
    farm.host("host1")
    (run,) = farm.plan()
    assert (host_of(farm, run), run.alone) == ("host1", True)


def test_each_gets_a_host_of_its_own() -> None:
    """Several such frames of one layer spread over hosts, and the layer's other frames run beside each other."""
    farm = SmallFarm()
    for number in range(3):
        farm.host(f"host{number}")
    feared(farm, frames="1-6", count=2)
    runs = farm.plan()
    alone = [host_of(farm, run) for run in runs if run.alone]
    others = {host_of(farm, run) for run in runs if not run.alone}
    assert (len(alone), len(set(alone)), len(runs)) == (2, 2, 6)
    assert not others & set(alone)


def test_on_a_busy_farm_a_host_is_emptied_for_it() -> None:
    """After two minutes what becomes free on one host stays free until that is idle; the others go on."""
    farm = SmallFarm()
    for number in range(2):
        farm.host(f"host{number}")
    launch(farm, "testing", "narrow", layer_spec(range_text="1-1000"), priority=2)
    farm.plan()
    feared(farm, priority=2)
    for _ in range(30):
        farm.wait(20)
        report_all(farm)
        for host in farm.farm.hosts.values():
            for run_id in sorted(host.proc_ids)[:1]:
                farm.end(farm.farm.procs[run_id])
                farm.plan()
        if farm.states("bad/render") == "R":
            break
    run = farm.run_of("bad/render")
    assert run.alone
    assert len(farm.farm.hosts[run.host_id].proc_ids) == 1
    assert len(farm.farm.procs) == 5


def test_a_booking_that_would_give_it_company_is_refused() -> None:
    """The books refuse what no plan should ask for, in either order and within one plan."""
    farm = SmallFarm()
    farm.host()
    feared(farm, frames="1-2", count=1)
    layer, host_id = farm.layer("bad/render"), farm.farm.host_named("host0").id
    pair = tuple(c.Booking(layer.id, index, host_id, 100, 1_000_000, 0) for index in (0, 1))
    for bookings, before in ((pair, ()), (pair[1:], pair[:1]), (pair[:1], pair[1:])):
        if before:
            farm.do(c.Book(before))
        with pytest.raises(Refused, match="is to run alone there"):
            farm.do(c.Book(bookings))
        for run in list(farm.farm.procs.values()):
            farm.end(run, int(Exit.SKIP_RETRY), cause=Cause.SHUTDOWN)


def test_explain_says_why_it_waits() -> None:
    """The layer and the frame are told: hosts are not idle, why it has to be alone, and that one is kept free."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "narrow", layer_spec(range_text="1"))
    farm.plan()
    feared(farm)
    layer = farm.layer("bad/render")
    assert reasons(farm, layer) == {"BUSY": 1, "RUNS_ALONE": 1}
    found = {reason.code: reason for reason in explain_layer(farm.farm, layer, farm.now_us).reasons}
    assert found["BUSY"].text == "1 of 1 host is not idle, and it has to be alone there"
    assert found["RUNS_ALONE"].text == "1 frame gets a host to itself: at least 3 runs of it ended with their host"
    assert "kept free for it once it has waited for 120 s" in found["RUNS_ALONE"].remedy.replace("2 min", "120 s")
    of_frame = explain_frame(farm.farm, layer, 0, farm.now_us)
    assert [reason.code for reason in of_frame.reasons] == ["BUSY", "RUNS_ALONE"]


def test_frames_that_need_no_host_of_their_own_are_explained_apart() -> None:
    """Of a layer with both kinds the usual ones are told what they wait for, and how many get a host to themselves."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "wide", layer_spec(range_text="1", cores=400))
    farm.plan()
    feared(farm, frames="1-4", count=1)
    assert reasons(farm, farm.layer("bad/render")) == {"BUSY": 1, "RUNS_ALONE": 1}
    assert "no room" in explain_layer(farm.farm, farm.layer("bad/render"), farm.now_us).reasons[0].text
    of_frame = explain_frame(farm.farm, farm.layer("bad/render"), 0, farm.now_us)
    assert "has to be alone" in of_frame.reasons[0].text


def test_explain_says_why_it_is_dead() -> None:
    """The job is told that the frame took its hosts down, and what shows its log and runs it again."""
    farm = SmallFarm()
    farm.host()
    feared(farm)
    for _ in range(2):
        farm.plan()
        farm.end(farm.run_of("bad/render"), int(Exit.ORPHAN), cause=Cause.RUNNER_LOST)
    assert farm.states("bad/render") == "X"
    _, (explanation,) = explain_job(farm.farm, farm.job("bad"), farm.now_us)
    (reason,) = explanation.reasons
    assert reason.code == "FRAMES_TOOK_HOSTS"
    assert "took its hosts down and is dead: 5 runs ended with their host, the last 2 alone there" in reason.text
    assert "-log" in for_people(reason.remedy)
    assert "-retry" in for_people(reason.remedy)
    (of_frame,) = explain_frame(farm.farm, farm.layer("bad/render"), 0, farm.now_us).reasons
    assert "5 of its runs ended with their host" in of_frame.text


def test_nothing_but_the_frames_that_are_feared_pays_for_it() -> None:
    """A farm without any books as before: no frame is alone, and no host is kept for one."""
    farm = SmallFarm()
    farm.host()
    launch(farm, "testing", "one", layer_spec(range_text="1-4"))
    assert [run.alone for run in farm.plan()] == [False] * 4
    assert not farm.farm.hosts_table.alone.any()

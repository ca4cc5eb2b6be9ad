"""Frames whose runs end with their host: what counts, what follows, and what begins anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from small_farm import GIB, START_US, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.host_ends import ENDS_BESIDE_OTHERS, ENDS_MOST
from cuebot.domain.nouns import Proc
from cuebot.domain.states import Cause, Exit, FrameState, HostState, LockState
from cuebot.domain.units import HOUR, MINUTE, CoreUnits, KiB, Micros
from cuebot.engine.farm_rows import load_farm, take_dirty
from cuebot.engine.ports import Answer
from cuebot.sim.specs import job_spec, layer_spec


def poisoned(frames: str = "1", **job: Any) -> SmallFarm:
    """A farm of one host with a job whose frames run."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text=frames), **({"max_retries": 0} | job)))
    start(farm)
    return farm


def start(farm: SmallFarm) -> None:
    """Book what can be booked, and have the agents take it."""
    for run in farm.plan():
        farm.core.answered(run.id, Answer.ACCEPTED, "", farm.now_us)


def take_down(farm: SmallFarm, run: Proc) -> None:
    """The runner of a run's host dies, and its successor says so of this run."""
    farm.end(run, int(Exit.ORPHAN), cause=Cause.RUNNER_LOST)


def ends(farm: SmallFarm, index: int = 0) -> int:
    """How many ends with its host a frame has."""
    return int(farm.layer("one/render").frames.host_ends[index])


def again(farm: SmallFarm) -> Proc:
    """The frame's next run, a few minutes later."""
    farm.wait(121)
    farm.report()
    start(farm)
    return farm.run_of("one/render")


def reboot(farm: SmallFarm, after_s: float, **facts: Any) -> None:
    """The host is silent for a while, and comes up with another boot."""
    farm.wait(after_s)
    farm.do(c.Sweep())
    farm.report(boot=True, **({"boot_us": Micros(farm.now_us)} | facts))


def test_a_frame_is_dead_after_five_ends_and_charged_nothing() -> None:
    """Three ends beside others, two alone, and no retry is charged; the last run says why it was the last."""
    farm = poisoned()
    alone = []
    for number in range(ENDS_MOST):
        run = farm.run_of("one/render") if not number else again(farm)
        alone.append(run.alone)
        take_down(farm, run)
    assert alone == [False, False, False, True, True]
    assert (farm.states("one/render"), int(farm.layer("one/render").frames.retries[0])) == ("X", 0)
    told = [event.message.startswith("it was alone on its host") for event in farm.events(ev.RunEnded)]
    assert told == alone
    assert "5 runs of this frame ended with their host, the last 2 alone" in farm.events(ev.RunEnded)[-1].message


def test_a_frame_that_is_eaten_when_it_fails_is_eaten_then() -> None:
    """With automatic eating the frame is given up and its job goes on without it."""
    farm = poisoned("1-2")
    farm.do(c.Change("job", farm.job("one").id, {"auto_eat": True}))
    for number in range(ENDS_MOST):
        take_down(farm, farm.run_of("one/render") if not number else again(farm))
        if number == ENDS_BESIDE_OTHERS - 1:
            farm.finish("one/render", 1)
    assert farm.states("one/render") == "ES"


def test_a_frame_without_retries_left_is_tried_again_all_the_same() -> None:
    """What is charged and what is counted here have nothing to do with each other."""
    farm = poisoned(max_retries=1)
    take_down(farm, farm.run_of("one/render"))
    farm.end(again(farm), 1)
    take_down(farm, again(farm))
    assert (farm.states("one/render"), ends(farm)) == ("W", 2)
    farm.end(again(farm), 1)
    assert farm.states("one/render") == "X"


def test_a_frame_alone_in_its_users_part_of_a_host_has_the_host_to_itself() -> None:
    """Another part of that host takes nothing until it has ended."""
    farm = poisoned()
    for number in range(ENDS_BESIDE_OTHERS):
        take_down(farm, again(farm) if number else farm.run_of("one/render"))
    farm.launch(job_spec("two"))
    (host,) = farm.farm.hosts.values()
    farm.do(c.LockHost(host.id, LockState.LOCKED))
    farm.do(c.TakeOwnership(farm.do(c.CreateOwner(farm.farm.show_named("testing").id, "ann")), host.id))
    for name in ("one", "two"):
        farm.do(c.AddPartition(host.id, farm.job(name).id, "ann", cores=CoreUnits(100), memory=KiB(GIB)))
    run = again(farm)
    assert run.alone
    assert run.partition_id
    assert list(farm.farm.procs) == [run.id]
    farm.finish("one/render")
    start(farm)
    assert [one.job_id for one in farm.farm.procs.values()] == [farm.job("two").id]


def test_an_innocent_neighbour_runs_alone_and_is_done() -> None:
    """Whoever was beside it three times gets a host to itself, too, and its success makes that be forgotten."""
    farm = poisoned("1-2")
    for number in range(ENDS_BESIDE_OTHERS):
        if number:
            again(farm)
        for run in list(farm.farm.procs.values()):
            take_down(farm, run)
    assert [ends(farm, index) for index in (0, 1)] == [3, 3]
    run = again(farm)
    assert run.alone
    assert farm.states("one/render") == "RW"
    take_down(farm, run)
    farm.report()
    start(farm)
    assert len(farm.farm.procs) == 1
    for _ in range(4):
        index = farm.states("one/render").index("R")
        if index:
            farm.finish("one/render", 1)
        else:
            take_down(farm, farm.run_of("one/render"))
        farm.wait(121)
        farm.report()
        start(farm)
        if "R" not in farm.states("one/render"):
            break
    assert farm.states("one/render") == "XS"
    assert [ends(farm, index) for index in (0, 1)] == [5, 0]


@pytest.mark.parametrize("how", ["success", "retry", "retry while it runs"])
def test_a_success_and_a_retry_by_a_person_begin_anew(how: str) -> None:
    """After these a frame may run beside others again, and has all its tries."""
    farm = poisoned()
    for _ in range(3):
        take_down(farm, farm.run_of("one/render"))
        again(farm)
    assert ends(farm) == 3
    if how == "success":
        farm.finish("one/render")
    elif how == "retry":
        farm.end(farm.run_of("one/render"), 1)
        assert (farm.states("one/render"), ends(farm)) == ("X", 3)
        farm.do(c.RetryFrames(farm.frames("one/render")))
    else:
        farm.do(c.RetryFrames(farm.frames("one/render")))
        farm.end(farm.run_of("one/render"), exit_signal=15, cause=Cause.KILLED)
        assert farm.states("one/render") == "W"
    assert ends(farm) == 0


def test_ends_beside_others_never_make_a_frame_dead() -> None:
    """A run that was not alone counts up to three, however many of them are told late."""
    farm = poisoned()
    for number in range(8):
        farm.layer("one/render").frames.set_host_ends(0, min(number, 2))
        farm.farm.update_ready(farm.layer("one/render"))
        take_down(farm, farm.run_of("one/render"))
        assert ends(farm) <= 3
        farm.layer("one/render").frames.set_host_ends(0, 0)
        farm.farm.requeue(farm.job("one"))
        start(farm)


@pytest.mark.parametrize("cause", [Cause.SHUTDOWN, Cause.LEASE, Cause.EXITED, Cause.KILLED, Cause.HOST_FAULT])
def test_nothing_else_counts(cause: Cause) -> None:
    """An agent that was told to stop, contact that was lost, a failure, a kill: none of it is an end with the host."""
    farm = poisoned(max_retries=5)
    farm.end(farm.run_of("one/render"), 1, cause=cause)
    assert ends(farm) == 0


def test_a_boot_that_nobody_announced_counts() -> None:
    """The host comes up again within its runs' lease, and has not said that it would go down."""
    farm = poisoned()
    reboot(farm, 90)
    assert (farm.states("one/render"), ends(farm)) == ("W", 1)


def test_the_same_machine_with_an_empty_disk_counts() -> None:
    """A host that keeps nothing on its disk comes from the same address, with another spool and another boot."""
    farm = SmallFarm()
    farm.host(peer="10.0.0.1")
    farm.launch(job_spec("one", layer_spec(range_text="1")))
    start(farm)
    reboot(farm, 90, instance="other", peer="10.0.0.1")
    assert ends(farm) == 1


def test_a_goodbye_counts_nothing() -> None:
    """Whatever becomes of the runs of an agent that said that it was told to stop: it was no accident."""
    farm = poisoned("1-2")
    farm.report(runs=list(farm.farm.procs.values()), state=HostState.DOWN)
    reboot(farm, 90)
    assert [ends(farm, index) for index in (0, 1)] == [0, 0]


def test_what_is_told_after_a_goodbye_counts_nothing() -> None:
    """An agent that was told to stop and was killed meanwhile finds its frames orphaned when it is started again."""
    farm = poisoned()
    farm.wait(1)
    run = farm.run_of("one/render")
    farm.report(runs=[run], state=HostState.DOWN)
    farm.wait(5)
    farm.report(boot=True)
    take_down(farm, run)
    assert ends(farm) == 0
    start(farm)
    take_down(farm, farm.run_of("one/render"))
    assert ends(farm) == 1


@pytest.mark.parametrize("state", [HostState.REBOOTING, HostState.REBOOT_WHEN_IDLE, HostState.REPAIR])
def test_a_boot_that_a_person_ordered_counts_nothing(state: HostState) -> None:
    """Somebody has said that the host is to be booted, or works on it."""
    farm = poisoned()
    farm.do(c.SetHostState(farm.farm.host_named("host0").id, state))
    reboot(farm, 90)
    assert (farm.states("one/render"), ends(farm)) == ("W", 0)


def test_a_host_that_never_returns_counts_nothing() -> None:
    """Hosts of a cloud are taken away without a word, as often as somebody pays more for them."""
    farm = poisoned()
    for number in range(8):
        farm.wait(7 * 60)
        farm.do(c.Sweep())
        assert (farm.states("one/render"), ends(farm)) == ("W", 0)
        farm.host(f"spot{number}", boot_us=Micros(farm.now_us))
        start(farm)
    assert not farm.run_of("one/render").alone


def test_a_host_that_returns_late_counts_then() -> None:
    """A machine that hung and was switched off and on tells with its new boot what became of its runs."""
    farm = poisoned()
    reboot(farm, 30 * 60)
    assert (farm.states("one/render"), ends(farm)) == ("W", 1)
    farm.report()
    assert not farm.farm.lost_runs.by_host


@pytest.mark.parametrize(
    "facts", [{"instance": "other"}, {"boot_us": Micros(START_US)}, {"boot_us": Micros(START_US), "peer": "elsewhere"}]
)
def test_another_machine_and_a_line_that_was_cut_count_nothing(facts: dict[str, Any]) -> None:
    """A name may be given to another machine, and one that was cut off has the same boot as before."""
    farm = poisoned()
    reboot(farm, 30 * 60, **facts)
    assert (farm.states("one/render"), ends(farm)) == ("W", 0)


def test_an_agent_that_died_long_ago_tells_late() -> None:
    """Agent and frames died together, and somebody started the agent after the lease: it tells what it finds."""
    farm = poisoned()
    run = farm.run_of("one/render")
    farm.wait(8 * 60)
    farm.do(c.Sweep())
    farm.report(boot=True)
    farm.report(runs=[c.RunFacts(run.id, "", ended=True)])
    take_down(farm, run)
    assert ends(farm) == 1
    take_down(farm, run)
    assert ends(farm) == 1


def test_a_new_agent_in_the_same_boot_counts() -> None:
    """An agent that kept its spool nowhere died, and the next one knows nothing of its runs."""
    farm = SmallFarm()
    farm.host(peer="10.0.0.1")
    farm.launch(job_spec("one", layer_spec(range_text="1")))
    start(farm)
    farm.wait(7 * 60)
    farm.do(c.Sweep())
    farm.report(boot=True, instance="other", peer="10.0.0.1")
    assert ends(farm) == 1


def test_a_new_agent_of_which_nobody_knows_whence_it_came_counts_nothing() -> None:
    """Where neither agent's address is known, the same boot does not make two machines one."""
    farm = poisoned()
    farm.wait(7 * 60)
    farm.do(c.Sweep())
    farm.report(boot=True, instance="other")
    assert (farm.states("one/render"), ends(farm)) == ("W", 0)


def test_a_person_who_retries_meanwhile_is_believed() -> None:
    """What ran before a retry says nothing of the frame any more, also where it is told later."""
    farm = poisoned()
    farm.wait(7 * 60)
    farm.do(c.Sweep())
    farm.host("host1")
    start(farm)
    farm.end(farm.run_of("one/render"), 1)
    farm.do(c.RetryFrames(farm.frames("one/render")))
    reboot(farm, 60)
    assert ends(farm) == 0


def test_lost_runs_are_forgotten_after_a_day() -> None:
    """A host that is silent for longer than that is gone."""
    farm = poisoned()
    farm.wait(7 * 60)
    farm.do(c.Sweep())
    (runs,) = farm.farm.lost_runs.by_host.values()
    (run,) = runs.values()
    farm.farm.lost_runs.add("other", replace(run, lost_us=run.lost_us + 25 * HOUR))
    assert list(farm.farm.lost_runs.by_host) == ["other"]


def test_a_frame_that_hangs_its_hosts_is_dead_with_the_last_of_them() -> None:
    """When so many hosts have come back that it is certain, the next one that it takes is the last."""
    farm = poisoned()
    layer = farm.layer("one/render")
    for number in range(1, ENDS_MOST + 1):
        farm.host(f"host{number}")
        farm.wait(7 * 60)
        farm.do(c.Sweep())
        assert farm.states("one/render") == "W"
        farm.wait(121)
        for name in (f"host{n}" for n in range(number, ENDS_MOST + 1) if f"host{n}" in farm.farm.host_by_name):
            farm.report(name)
        start(farm)
    for number in range(ENDS_MOST):
        farm.report(f"host{number}", boot=True, boot_us=Micros(farm.now_us))
    assert ends(farm) == ENDS_BESIDE_OTHERS  # all these were beside others
    assert FrameState(int(layer.frames.state[0])) is FrameState.RUNNING
    layer.frames.set_host_ends(0, ENDS_MOST)
    farm.wait(7 * 60)
    farm.do(c.Sweep())
    assert farm.states("one/render") == "X"


def test_a_host_that_was_down_when_the_server_started_may_have_said_goodbye() -> None:
    """A server that has just started does not know, so what ran there counts nothing."""
    farm = poisoned()
    farm.report(runs=list(farm.farm.procs.values()), state=HostState.DOWN)
    for kind in ("facility", "allocation", "show", "group", "host"):
        for id in farm.farm.table(kind):
            farm.farm.dirty.row(kind, id)
    loaded = load_farm(take_dirty(farm.farm), farm.now_us + MINUTE)
    assert loaded.host_named("host0").goodbye_us == farm.now_us + MINUTE

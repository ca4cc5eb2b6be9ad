"""The simulator itself: seeds keep every promise, a seed repeats, and planted mistakes are found."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from small_farm import SmallFarm

from cuebot.decide import Settings, host_ends, host_reports, liveness, run_ends
from cuebot.domain import apply, frames, holds, recount
from cuebot.domain import commands as c
from cuebot.domain.holds import Hold
from cuebot.domain.states import Cause, Exit
from cuebot.domain.units import HOUR, SECOND, Micros
from cuebot.engine import core
from cuebot.engine.core import Core
from cuebot.engine.requests import LaunchRequest, launch_requests
from cuebot.sim import main, run_seed
from cuebot.sim.chaos import machine, world
from cuebot.sim.chaos.fault_rates import CALM, Faults
from cuebot.sim.chaos.ground_truth import SILENT, GroundTruth, Process, ProcessState, Violation
from cuebot.sim.chaos.hosts import SimHost
from cuebot.sim.chaos.machine import Machine
from cuebot.sim.chaos.network import Network
from cuebot.sim.chaos.server import Server
from cuebot.sim.chaos.supervised import LIVE, SupervisedMachine
from cuebot.sim.chaos.upstream_hosts import UpstreamHost
from cuebot.sim.clock import Clock
from cuebot.sim.specs import job_spec, layer_spec, spec_of

MANY_SEEDS_SECONDS = 900
"""A hundred seeds take a processor for a minute and a half, and it may have other work."""


@pytest.mark.parametrize("first", [1, 21])
def test_forty_seeds_keep_every_promise(first: int, capsys: pytest.CaptureFixture[str]) -> None:
    """With faults, no frame is lost or runs twice, and every one that can end, ends. `make proof` tries 300 seeds."""
    status = main(["--seeds", "20", "--first", str(first)])
    assert (status, capsys.readouterr().out.partition(" (")[0]) == (0, "20 seeds kept every promise")


def test_a_seed_repeats_whatever_the_hash_seed_of_the_process() -> None:
    """The same seed ends with the same hash in processes that order sets of strings differently."""
    program = "from cuebot.sim import run_seed; print([run_seed(seed).hash for seed in (3, 5)])"
    hashes = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(hashes) == 1


def test_other_seeds_are_other_worlds() -> None:
    """Two seeds do not end alike."""
    assert run_seed(1).hash != run_seed(2).hash


def test_the_command_says_how_it_went(capsys: pytest.CaptureFixture[str]) -> None:
    """`cuefarm sim` ends with 0 and a verdict when all is well."""
    assert main(["--seeds", "2", "--first", "7"]) == 0
    assert "2 seeds kept every promise" in capsys.readouterr().out


def test_a_failure_names_the_command_that_repeats_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A core that launches before its booking is durable is found, and the seed is named."""
    honest = Core.plan

    def hasty(core: Core, now_us: int) -> int:
        booked = honest(core, now_us)
        core.take()
        return booked

    monkeypatch.setattr(Core, "plan", hasty)
    assert main(["--seeds", "1", "--first", "3"]) == 1
    assert "replay: cuefarm sim --seeds 1 --first 3" in capsys.readouterr().out


def test_a_server_that_gives_runs_up_too_early_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not wait for the end of the lease ends runs in its books that truly go on."""
    monkeypatch.setattr(world, "Settings", partial(Settings, lease_margin_us=Micros(-30 * SECOND)))
    assert any("but it truly runs" in run_seed(seed).problem for seed in range(1, 61))


Patch = Callable[[pytest.MonkeyPatch], None]


def rare(mistake: Patch, words: str) -> Any:
    """A mistake that is found only after many seeds, so that `make proof` tries it."""
    return pytest.param(mistake, words, marks=(pytest.mark.proof, pytest.mark.timeout(MANY_SEEDS_SECONDS)))


def charge_full_disks(patch: pytest.MonkeyPatch) -> None:
    """A log that cannot be written is the frame's fault."""
    patch.setattr(run_ends, "UNCHARGED_CAUSES", run_ends.UNCHARGED_CAUSES - {Cause.LOG_UNWRITABLE})


def never_time_out(patch: pytest.MonkeyPatch) -> None:
    """Runs go on for ever."""
    patch.setattr(liveness, "runs_over_time", lambda farm, over: [])


def hold_for_ever(patch: pytest.MonkeyPatch) -> None:
    """What was held is never let go on."""
    patch.setattr(Hold, "failed", lambda hold, words, booked_us, now_us: setattr(hold, "until_us", now_us + HOUR))
    patch.setattr(holds, "PAUSE_US", HOUR)


def forget_free_retries(patch: pytest.MonkeyPatch) -> None:
    """A frame may ask for another start as often as it likes."""
    patch.setattr(world, "FREE_RETRIES", 1_000)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (charge_full_disks, "its frame pays for it"),
        (never_time_out, "beyond its time"),
        (hold_for_ever, "could"),
        rare(forget_free_retries, "is tried again"),
    ],
)
def test_a_server_that_mistakes_whose_fault_it_is_is_found(
    mistake: Patch, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of a few dozen seeds find a mistake in what the farm's faults, time and a frame's own doing lead to."""
    mistake(monkeypatch)
    assert any(words in run_seed(seed).problem for seed in range(1, 61))


def never_count_hosts(patch: pytest.MonkeyPatch) -> None:
    """A frame may take down as many hosts as it likes."""
    patch.setattr(apply.runs, "counted", lambda ends, *, alone: 0)


def never_run_alone(patch: pytest.MonkeyPatch) -> None:
    """However many hosts a frame took down, others run beside it."""
    patch.setattr(frames, "ENDS_BESIDE_OTHERS", 100)
    patch.setattr(recount, "ENDS_BESIDE_OTHERS", 100)


def try_again_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A frame that took its host down alone is tried again."""
    patch.setattr(run_ends, "is_given_up", lambda farm, proc, with_host: False)


def give_up_too_soon(patch: pytest.MonkeyPatch) -> None:
    """A frame dies with the second host, which its neighbour may have taken down."""
    patch.setattr(host_ends, "ENDS_MOST", 2)


def charge_lost_runners(patch: pytest.MonkeyPatch) -> None:
    """Whoever was beside it pays for it."""
    honest = run_ends._frame_after

    def frame_after(farm: Any, proc: Any, command: c.ReportOutcome, status: int, **more: Any) -> Any:
        state, kept = honest(farm, proc, command, status, **more)
        return state, 1 if command.cause is Cause.RUNNER_LOST else kept

    patch.setattr(run_ends, "_frame_after", frame_after)


def count_silent_hosts(patch: pytest.MonkeyPatch) -> None:
    """A host that is gone is one that was taken down."""
    honest = run_ends.run_lost

    def run_lost(*args: Any, with_host: bool | None = False, **more: Any) -> Any:
        return honest(*args, with_host=with_host is None or with_host, **more)

    patch.setattr(liveness, "run_lost", run_lost)


def forget_goodbyes(patch: pytest.MonkeyPatch) -> None:
    """An agent that was told to stop was taken down."""
    patch.setattr(host_ends, "unannounced", lambda host, proc: True)
    patch.setattr(host_reports, "unannounced", lambda host, proc: True)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        rare(never_count_hosts, "to be alone"),
        rare(never_run_alone, "to be alone"),
        rare(try_again_for_ever, "and is tried again"),
        (give_up_too_soon, "is given up after 2 runs"),
        (charge_lost_runners, "ended with its host, and its frame pays for it"),
        rare(count_silent_hosts, "never came back"),
        rare(forget_goodbyes, "had said goodbye"),
    ],
)
def test_a_server_that_mistakes_who_took_a_host_down_is_found(
    mistake: Patch, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of a hundred seeds find a mistake in counting, in giving room, in charging and in giving up."""
    mistake(monkeypatch)
    assert any(words in run_seed(seed).problem for seed in range(1, 101))


def ignore_the_lease(patch: pytest.MonkeyPatch) -> None:
    """A supervisor lets its frame go on when the lease is over."""
    patch.setattr(SupervisedMachine, "_outlast_lease", lambda host, process: None)


def adopt_nothing(patch: pytest.MonkeyPatch) -> None:
    """A runner forgets what its predecessor started."""
    honest = SimHost._adopt

    def adopt(host: SimHost) -> None:
        honest(host)
        for process in host.processes(*LIVE):
            del host.runs[process.order.run_id]

    patch.setattr(SimHost, "_adopt", adopt)


def drop_outcomes(patch: pytest.MonkeyPatch) -> None:
    """A runner forgets what ended before it came."""
    honest = SimHost._adopt

    def adopt(host: SimHost) -> None:
        honest(host)
        for process in host.processes(ProcessState.ENDED):
            if not process.unheard:
                del host.runs[process.order.run_id]

    patch.setattr(SimHost, "_adopt", adopt)


def grant_a_lease(patch: pytest.MonkeyPatch) -> None:
    """A runner that starts lets frames run on for another lease."""
    honest = SimHost._adopt

    def adopt(host: SimHost) -> None:
        honest(host)
        host.renew_lease(host.now_us)

    patch.setattr(SimHost, "_adopt", adopt)


def leave_the_tree(patch: pytest.MonkeyPatch) -> None:
    """What a killed supervisor leaves goes on, and the runner tells that it is over."""

    def bury(host: SimHost, process: Process) -> None:
        left = replace(process, state=ProcessState.ENDED, cause=Cause.RUNNER_LOST, exit_status=int(Exit.ORPHAN))
        host.runs[process.order.run_id] = left
        host._ended(left)

    patch.setattr(SupervisedMachine, "_bury", bury)


def claim_nothing(patch: pytest.MonkeyPatch) -> None:
    """An agent with another spool does not say whose runs it has taken over, and the server takes it for a stranger."""
    patch.setattr(host_reports, "succeeds", lambda host, facts: False)


def believe_whoever_answers(patch: pytest.MonkeyPatch) -> None:
    """The server takes it for an answer about a run that another agent turned its launch away."""
    patch.setattr(Core, "_never_sent", lambda core, proc: True)


def charge_what_agents_end(patch: pytest.MonkeyPatch) -> None:
    """A frame pays for it that its host lost contact, or that its agent was stopped."""
    honest = run_ends._frame_after

    def frame_after(farm: Any, proc: Any, command: c.ReportOutcome, status: int, **more: Any) -> Any:
        state, kept = honest(farm, proc, command, status, **more)
        return state, 1 if command.cause in (Cause.LEASE, Cause.SHUTDOWN) else kept

    patch.setattr(run_ends, "_frame_after", frame_after)


@pytest.mark.parametrize(
    ("mistake", "words", "first"),
    [
        (ignore_the_lease, "but it truly runs", 31),
        (adopt_nothing, "but it truly runs", 1),
        (drop_outcomes, "has ended, and is over by", 1),
        (grant_a_lease, "but it truly runs", 16),
        (leave_the_tree, "but it truly runs", 1),
        (claim_nothing, "but it truly runs", 491),
        (believe_whoever_answers, "but it truly runs", 1091),
        (charge_what_agents_end, "was ended by its agent", 1),
    ],
)
def test_an_agent_that_mistakes_what_lives_is_found(
    mistake: Patch, words: str, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of thirty seeds find a mistake in what supervisors and runners do while the others are dead."""
    mistake(monkeypatch)
    assert any(words in run_seed(seed).problem for seed in range(first, first + 30))


@pytest.mark.parametrize("is_right", [True, False])
def test_what_stood_still_goes_on_only_where_the_server_confirms_it(
    is_right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host is cut off until its run is given up; an agent that resumes it at the first contact is found."""
    monkeypatch.setattr(machine, "LONG_WORK_S", 3_000)
    honest = SimHost._answered

    def answered(host: SimHost, sent_us: int, named: Sequence[str], stale: Sequence[str]) -> None:
        honest(host, sent_us, named, stale if is_right else [])

    monkeypatch.setattr(SimHost, "_answered", answered)
    small = farm_with_a_long_frame(lambda world, name: SimHost(world, name, 4, 16, 60 * SECOND))
    (process,) = small.ground_truth.running.values()
    cut_off = small.hosts[process.host]
    cut_off.cut_up = True
    pass_time(small, 200)
    assert process.state is ProcessState.SUSPENDED
    cut_off.cut_up = False
    if is_right:
        pass_time(small, 60)
        assert process.state is ProcessState.ENDED
    else:
        with pytest.raises(Violation, match=r"goes on on .*, and is over in the books"):
            pass_time(small, 60)


def farm_with_a_long_frame(host: Callable[[world.World, str], Machine]) -> world.World:
    """Two hosts without faults, one of which has begun with a frame."""
    small = world.World(1)
    small.faults = small.network.faults = CALM
    small.long_frames = 1.0
    small.hosts = {name: host(small, name) for name in ("host0", "host1")}
    small._start_server()
    small._ask_first(c.Seed())
    for one in small.hosts.values():
        one.boot()
    small.clock.later(
        20 * SECOND, lambda: small.operators.ask(c.SubmitJobs(spec_of(job_spec("one", layer_spec("one", "1")))))
    )
    pass_time(small, 60)
    return small


@pytest.mark.proof
@pytest.mark.timeout(MANY_SEEDS_SECONDS)
def test_each_fault_with_living_frames_happens_and_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A few dozen seeds have all of them, and the command says what became of the frames."""
    assert main(["--seeds", "40", "--first", "1"]) == 0
    told = capsys.readouterr().out
    for what in (
        "runners died",
        "runners hung",
        "runners died with their spools",
        "spools were deleted under their agents",
        "agents were restarted in place",
        "agents were ended by SIGTERM",
        "supervisors killed",
        "frames ended because a machine was out of memory",
        "frames taken over",
        "frames taken over from another spool",
        "frames stood still",
        "frames went on again",
        "frames ended with their lease",
        "outcomes waited in the book",
    ):
        assert re.search(rf"\d {what}[,\n]", told), what


def heed_no_stall(patch: pytest.MonkeyPatch) -> None:
    """Whoever asks while commits stall is heard."""
    honest = Server.submit

    def submit(server: Server, *args: Any, **more: Any) -> None:
        stalled, server.stalled_since_us = server.stalled_since_us, None
        honest(server, *args, **more)
        server.stalled_since_us = server.stalled_since_us or stalled

    patch.setattr(Server, "submit", submit)


def plan_in_a_stall(patch: pytest.MonkeyPatch) -> None:
    """Frames are booked while commits stall."""
    honest = Server._plan

    def planned(server: Server) -> None:
        stalled, server.stalled_since_us = server.stalled_since_us, None
        honest(server)
        server.stalled_since_us = server.stalled_since_us or stalled

    patch.setattr(Server, "_plan", planned)


def answer_at_once(patch: pytest.MonkeyPatch) -> None:
    """Whoever asks is answered before what he asked for is durable."""
    honest = Core.execute

    def execute(
        core: Core, command: c.Command, envelope: c.Envelope, now_us: int, done: Callable[[Any], None] | None = None
    ) -> Any:
        reply = honest(core, command, envelope, now_us)
        if done is not None:
            done(reply)
        return reply

    patch.setattr(Core, "execute", execute)


def never_pause(patch: pytest.MonkeyPatch) -> None:
    """A host that refuses is asked again and again."""
    patch.setattr(core, "observe_refusal", lambda farm, host, now_us: None)


def charge_refusals(patch: pytest.MonkeyPatch) -> None:
    """A frame pays for what a host refuses."""
    patch.setitem(run_ends._EXIT_OF_CAUSE, Cause.REFUSED, 1)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (heed_no_stall, "happened while commits stalled"),
        rare(plan_in_a_stall, "happened while commits stalled"),
        (answer_at_once, "acknowledged before it is durable"),
        (never_pause, "was asked for another one at once"),
        (charge_refusals, "was refused, and its frame pays for it"),
    ],
)
def test_a_server_that_mistakes_what_a_bad_day_allows_is_found(
    mistake: Patch, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of a few dozen seeds find a mistake in what follows where the journal stalls and where hosts refuse."""
    mistake(monkeypatch)
    assert any(words in run_seed(seed).problem for seed in range(1, 61))


def order(farm: SmallFarm, run_id: str) -> LaunchRequest:
    """An order for the first frame of `one/render` under some run id."""
    return launch_requests(farm.farm, list(farm.farm.procs.values())[:1])[0]._replace(run_id=run_id)


@pytest.fixture
def booked() -> SmallFarm:
    """A farm with runs."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one"))
    farm.plan()
    return farm


def process(wanted: LaunchRequest) -> Process:
    """A process that has a second of work to do."""
    return Process(wanted, 1_000_000, 0, 0, Cause.EXITED)


def test_truth_knows_when_a_frame_runs_twice(booked: SmallFarm) -> None:
    """Two processes of one frame at once are a violation, whatever hosts they are on."""
    ground_truth = GroundTruth()
    ground_truth.go("a", 400, 10**9, process(order(booked, "first")))
    with pytest.raises(Violation, match="runs twice at once"):
        ground_truth.go("b", 400, 10**9, process(order(booked, "second")))


def test_a_suspended_process_does_not_run(booked: SmallFarm) -> None:
    """While a process is suspended another one may render its frame, but then the first may not go on."""
    ground_truth = GroundTruth()
    first, second = process(order(booked, "first")), process(order(booked, "second"))
    ground_truth.go("a", 400, 10**9, first)
    ground_truth.stop(first, ProcessState.SUSPENDED)
    ground_truth.go("b", 400, 10**9, second)
    with pytest.raises(Violation, match="runs twice at once"):
        ground_truth.go("a", 400, 10**9, first)


def upstream_process(wanted: LaunchRequest, *, forgotten: bool = False) -> Process:
    """A process whose agent is one of upstream's, perhaps restarted in the meantime."""
    return replace(process(wanted), upstream=True, forgotten=forgotten)


def test_a_frame_may_run_again_on_a_silent_host_of_upstreams_and_is_counted(booked: SmallFarm) -> None:
    """After five minutes without a word of such a host its run may be given up, and another may run beside it."""
    ground_truth = GroundTruth()
    ground_truth.heard("a", 0)
    ground_truth.go("a", 400, 10**9, upstream_process(order(booked, "first")))
    ground_truth.run_lost("first", Cause.HOST_LOST, 300 * SECOND)
    ground_truth.go("b", 400, 10**9, process(order(booked, "second")))
    assert sum(ground_truth.twice.values()) == 1


@pytest.mark.parametrize(
    ("cause", "silent_s"), [(Cause.HOST_LOST, 299), (Cause.NEVER_RECEIVED, 300), (Cause.LEASE, 300)]
)
def test_nothing_but_five_minutes_of_silence_excuses_it(booked: SmallFarm, cause: Cause, silent_s: int) -> None:
    """A run that its agent knows is not over by another cause, nor a moment earlier."""
    ground_truth = GroundTruth()
    ground_truth.heard("a", 0)
    ground_truth.go("a", 400, 10**9, upstream_process(order(booked, "first")))
    with pytest.raises(Violation, match="but it truly runs"):
        ground_truth.run_lost("first", cause, silent_s * SECOND)


def test_a_run_that_a_restarted_agent_forgot_may_run_again(booked: SmallFarm) -> None:
    """A frame that goes on without its agent is given up like one that is gone; nobody can tell them apart."""
    ground_truth = GroundTruth()
    ground_truth.go("a", 400, 10**9, upstream_process(order(booked, "first"), forgotten=True))
    ground_truth.run_lost("first", Cause.NEVER_RECEIVED, 60 * SECOND)
    ground_truth.go("a", 400, 10**9, process(order(booked, "second")))
    assert sum(ground_truth.twice.values()) == 1


def test_nothing_excuses_our_agent(booked: SmallFarm) -> None:
    """A run on a host with our agent is never over in the books while it goes on, however long the host is silent."""
    ground_truth = GroundTruth()
    ground_truth.go("a", 400, 10**9, process(order(booked, "first")))
    with pytest.raises(Violation, match="but it truly runs"):
        ground_truth.run_lost("first", Cause.HOST_LOST, 3_600 * SECOND)


def test_a_silent_host_of_upstreams_makes_a_frame_run_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off in the middle of a long frame such a host goes on with it; five minutes later another has it too."""
    monkeypatch.setattr(machine, "LONG_WORK_S", 3_000)
    small = farm_with_a_long_frame(lambda world, name: UpstreamHost(world, name, 4, 16, newer=True, desk=False))
    (process,) = small.ground_truth.running.values()
    small.hosts[process.host].cut_up = True
    pass_time(small, 280)
    assert not small.ground_truth.twice
    pass_time(small, 60)
    assert small.ground_truth.twice == {SILENT: 1}


def pass_time(small: world.World, seconds: float) -> None:
    """Let happen what happens of itself."""
    small._run_until(small.clock.now_us + int(seconds * SECOND), lambda: False)


def test_an_outcome_says_how_often_frames_ran_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """In some seeds frames run twice on hosts of upstream's, and the command says how many and why."""

    def told(seed: int) -> str:
        assert main(["--seeds", "1", "--first", str(seed)]) == 0
        return capsys.readouterr().out

    assert any("frames ran twice" in told(seed) for seed in range(61, 141))


def test_truth_knows_when_a_host_has_too_much_to_do(booked: SmallFarm) -> None:
    """A process that takes more than the host has is a violation."""
    with pytest.raises(Violation, match="of 50 core units"):
        GroundTruth().go("a", 50, 10**9, process(order(booked, "first")))


@pytest.mark.parametrize("lost", ["request_lost", "reply_lost"])
def test_a_call_that_is_lost_fails_after_its_deadline(lost: str) -> None:
    """Whoever asks learns that there was no answer, and only whether the request was lost differs."""
    clock = Clock()
    network = Network(clock, random.Random(1), Faults(**{lost: 1.0}))
    line = SmallLine()
    heard: list[str] = []
    network.call(
        line,
        upwards=True,
        handle=lambda reply: (heard.append("handled"), reply("yes"))[0],
        answered=heard.append,
        failed=lambda: heard.append("failed"),
    )
    while not heard or heard[-1] != "failed":
        clock.step()
    assert heard == (["failed"] if lost == "request_lost" else ["handled", "failed"])


def test_a_calm_network_answers() -> None:
    """Without faults each call is handled once and answered once."""
    clock = Clock()
    heard: list[str] = []
    Network(clock, random.Random(1), CALM).call(
        SmallLine(), upwards=False, handle=lambda reply: reply("yes"), answered=heard.append, failed=lambda: None
    )
    for _ in range(3):
        clock.step()
    assert heard == ["yes"]


class SmallLine:
    """A connection that is never cut."""

    cut_up = False
    cut_down = False

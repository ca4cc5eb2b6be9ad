"""What survives the death of the link, of the runner, of the server, and of the agent as a whole."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import uuid
from pathlib import Path
from typing import Callable, Optional

import grpc
import psutil
import pytest
from agent_farm import (
    LEASE_SECONDS,
    PATIENCE_SECONDS,
    AgentProcess,
    FakeServer,
    eventually,
    processes_with,
    stands_still,
)
from opencue_proto import host_pb2, rqd_pb2

from rqd.runner.spool import has_unsettled_runs
from rqd.supervisor.book import MAGIC, ORDER_END, PAGE_BYTES, Book

pytestmark = pytest.mark.slow

HASTY = (
    "import runpy; from rqd.runner import runs; runs.SUPERVISOR_SILENT_SECONDS = 2;"
    " runpy.run_module('rqd', run_name='__main__', alter_sys=True)"
)
WITH_HASTY_STAND_IN = f"from rqd import supervisor; supervisor.program = supervisor.stand_in; {HASTY}"

MakeAgent = Callable[..., AgentProcess]


def test_the_death_of_the_link_costs_no_frame_and_no_exit_status(server: FakeServer, make_agent: MakeAgent) -> None:
    """A frame that ends while there is no link, and one that outlives it, both report what they did."""
    agent = make_agent()
    ends_meanwhile = agent.launch("sleep 0.1; exit 7")
    ends_later = agent.launch(f"while [ ! -e {agent.folder}/go ]; do sleep 0.02; done; kill -USR1 $$")
    agent.kill_link()
    assert server.outcome(ends_meanwhile).exit_status == 7
    eventually(lambda: server.state_of(ends_later) == "running", "the new link reports the run")
    (agent.folder / "go").touch()
    report = server.outcome(ends_later)
    assert (report.exit_status, report.exit_signal) == (1, signal.SIGUSR1)


def test_a_launch_is_idempotent_across_links(server: FakeServer, make_agent: MakeAgent) -> None:
    """A new link starts nothing that the runner has or had."""
    agent = make_agent()
    run_id = str(uuid.uuid4())
    count = agent.folder / "count"
    agent.launch(f"echo x >> {count}", resource_id=run_id)
    server.outcome(run_id)
    agent.kill_link()
    agent.launch(f"echo x >> {count}", resource_id=run_id)
    agent.stop()
    assert count.read_text() == "x\n"


def test_the_death_of_the_runner_costs_no_frame_and_no_exit_status(server: FakeServer, make_agent: MakeAgent) -> None:
    """A frame that ends while there is no runner, and one that goes on under the next, both report what they did."""
    agent = make_agent()
    marker = f"orphan-{uuid.uuid4()}"
    ends_meanwhile = agent.launch("echo Error: no scene; sleep 0.2; exit 7", frame_name="0002-layer")
    ends_later = agent.launch(f"while [ ! -e {agent.folder}/go ]; do sleep 0.02; done; exit 9; : {marker}")
    frame, *_ = eventually(lambda: processes_with(marker), "the frame runs")
    agent.kill_runner()
    report = server.outcome(ends_meanwhile)
    assert (report.exit_status, report.frame.attributes["cuefarm.error_line"]) == (7, "Error: no scene")
    eventually(lambda: server.state_of(ends_later) == "running", "the new runner reports the run")
    assert frame.is_running()
    (agent.folder / "go").touch()
    assert server.outcome(ends_later).exit_status == 9
    assert agent.log_of().count("RenderQ Job Complete") == 1
    assert server.outcome(agent.launch("exit 2")).exit_status == 2


def test_a_runner_that_comes_much_later_finds_what_happened(server: FakeServer, make_agent: MakeAgent) -> None:
    """While there was no agent at all, one frame ended and another went on; both belong to the next agent."""
    agent = make_agent()
    ended = agent.launch("sleep 0.3; exit 6")
    marker = f"alone-{uuid.uuid4()}"
    goes_on = agent.launch(f"sleep 60; : {marker}")
    eventually(lambda: processes_with(marker), "the frame runs")
    agent.kill_whole()
    time.sleep(1)
    agent.start()
    assert server.outcome(ended).exit_status == 6
    agent.kill(run_id=goes_on)
    assert server.outcome(goes_on).frame.attributes["cuefarm.cause"] == "killed"
    assert processes_with(marker) == []


@pytest.mark.parametrize("becomes", ["another", "deleted"])
def test_an_agent_with_another_spool_finds_what_runs(server: FakeServer, make_agent: MakeAgent, becomes: str) -> None:
    """Whatever became of the folder in which it was written down: its supervisor has it open."""
    agent = make_agent()
    before = server.next_report().host.attributes["cuefarm.instance"]
    marker = f"moved-{uuid.uuid4()}"
    run_id = agent.launch(f"while [ ! -e {agent.folder}/go ]; do sleep 0.05; done; exit 9; : {marker}")
    frame, *_ = eventually(lambda: processes_with(marker), "the frame runs")
    agent.kill_whole()
    if becomes == "deleted":
        shutil.rmtree(agent.spool)
    else:
        agent.words[agent.words.index("--spool") + 1] = str(agent.folder / "other")
        agent.spool = agent.folder / "other"
    agent.start()
    eventually(lambda: server.state_of(run_id) == "running", "the new agent reports the run")
    assert frame.is_running()
    attributes = server.next_report().host.attributes
    assert attributes["cuefarm.succeeds"] == before != attributes["cuefarm.instance"]
    (agent.folder / "go").touch()
    assert server.outcome(run_id).exit_status == 9


def test_agents_of_other_names_leave_each_others_runs_alone(
    server: FakeServer, make_agent: MakeAgent, tmp_path: Path
) -> None:
    """Of one that is dead as of one that lives."""
    (tmp_path / "b").mkdir()
    agent = make_agent()
    marker = f"neighbour-{uuid.uuid4()}"
    run_id = agent.launch(f"sleep 60; : {marker}")
    eventually(lambda: processes_with(marker), "the frame runs")
    agent.kill_whole()
    other = make_agent("--name", "host-b", folder=tmp_path / "b")
    server.next_report()
    assert not other.pages()
    assert processes_with(marker)
    agent.start()
    agent.kill(run_id=run_id)
    server.outcome(run_id)


def test_the_lease_holds_without_an_agent(server: FakeServer, make_agent: MakeAgent) -> None:
    """Runner and link may be dead, or hang: a frame that may run elsewhere stands still until a server confirms it."""
    agent = make_agent("--lease-seconds", "1.5")
    marker = f"lease-{uuid.uuid4()}"
    run_id = agent.launch(f"sleep 60; : {marker}")
    frame, *_ = eventually(lambda: processes_with(marker), "the frame runs")
    agent.kill_whole()
    eventually(lambda: stands_still(frame), "the frame is suspended")
    agent.start()
    eventually(lambda: not stands_still(frame), "the frame goes on")
    os.kill(agent.runner_pid, signal.SIGSTOP)
    eventually(lambda: stands_still(frame), "the frame of a runner that hangs is suspended")
    os.kill(agent.runner_pid, signal.SIGCONT)
    eventually(lambda: not stands_still(frame), "the frame goes on again")
    agent.kill(run_id=run_id)
    server.outcome(run_id)


def test_a_runner_that_starts_grants_no_lease(server: FakeServer, make_agent: MakeAgent) -> None:
    """Without a server it may start as often as it likes: what it takes over has the lease of before, and it takes no
    launch."""
    agent = make_agent()
    supervisor = agent.supervisor_of(agent.launch("sleep 60"))
    server.stop()
    agent.kill_whole()
    granted = agent.lease_until_ns()
    agent.begin()
    eventually(lambda: "run is taken over" in agent.stderr_path.read_text(), "the next runner takes over")
    assert agent.lease_until_ns() == granted
    assert supervisor.is_running()
    server.start()
    eventually(lambda: agent.lease_until_ns() > granted, "a server's answer renews it")


def test_the_death_of_a_supervisor_ends_its_run_and_says_so(server: FakeServer, make_agent: MakeAgent) -> None:
    """Its command, and what that started, also what left; nobody can tell how it would have ended."""
    agent = make_agent()
    marker = f"orphan-{uuid.uuid4()}"
    run_id = agent.launch(f"trap '' TERM; setsid sh -c 'sleep 60; : {marker}' & sleep 60; : {marker}")
    eventually(lambda: len(processes_with(marker)) == 2, "the frame runs")
    time.sleep(1.5)
    agent.supervisor_of(run_id).kill()
    report = server.outcome(run_id)
    assert processes_with(marker) == []
    assert report.exit_status == 301
    assert int(report.frame.attributes["cuefarm.run_ms"]) >= 1_400, "it is billed until its supervisor died"
    assert report.frame.attributes["cuefarm.cause"] == "runner_lost"
    assert "cause               runner_lost" in agent.log_of()


def test_a_supervisor_that_does_not_hear_a_kill_is_killed(server: FakeServer, make_agent: MakeAgent) -> None:
    """It is held up; its run is over as one that lost its supervisor."""
    agent = make_agent()
    agent.leave()
    agent.words[1:3] = ["-c", WITH_HASTY_STAND_IN]
    agent.start()
    os.mkfifo(agent.folder / "zone")  # Python reads its time zone when it starts, so the stand-in waits here
    run_id = agent.launch("true", environment={"TZ": f":{agent.folder}/zone"})
    agent.kill(run_id=run_id)
    assert server.outcome(run_id).exit_status == 301


def test_an_outcome_survives_the_runner(server: FakeServer, make_agent: MakeAgent) -> None:
    """What had ended before the runner died keeps its own exit status."""
    server.refuse_completions_with = grpc.StatusCode.UNAVAILABLE
    agent = make_agent()
    run_id = agent.launch("exit 5")
    eventually(lambda: server.state_of(run_id) == "ended", "the run ended")
    agent.kill_runner()
    server.refuse_completions_with = None
    report = server.outcome(run_id)
    assert (report.exit_status, report.frame.attributes["cuefarm.cause"]) == (5, "exited")


def test_outcomes_wait_for_a_server_that_is_away(server: FakeServer, make_agent: MakeAgent) -> None:
    """Everything that ended during an outage is delivered after it, each once acknowledged and no more."""
    agent = make_agent()
    run_ids = [agent.launch(f"sleep 0.2; exit {number}") for number in range(5)]
    server.stop()
    time.sleep(0.6)
    server.start()
    assert [server.outcome(run_id).exit_status for run_id in run_ids] == [0, 1, 2, 3, 4]
    server.next_report()
    assert [server.state_of(run_id) for run_id in run_ids] == [""] * 5
    assert [len(server.completions_of(run_id)) for run_id in run_ids] == [1] * 5


def test_an_outcome_that_is_refused_is_kept_and_listed(server: FakeServer, make_agent: MakeAgent) -> None:
    """Only OK lets the agent forget; until then reports list the run as ended."""
    server.refuse_completions_with = grpc.StatusCode.INTERNAL
    agent = make_agent()
    run_id = agent.launch("exit 1")
    eventually(lambda: server.state_of(run_id) == "ended", "the run is listed as ended")
    assert server.completions_of(run_id) == []
    server.refuse_completions_with = None
    server.outcome(run_id)


def test_without_a_server_frames_are_suspended_and_go_on_with_it(server: FakeServer, make_agent: MakeAgent) -> None:
    """When the lease lapses every process stops; a confirmed run goes on to its own end."""
    agent = make_agent("--lease-seconds", LEASE_SECONDS)
    marker = f"lease-{uuid.uuid4()}"
    run_id = agent.launch(f"while [ ! -e {agent.folder}/go ]; do sleep 0.01; done; exit 8; : {marker}")
    process, *_ = eventually(lambda: processes_with(marker), "the frame runs")
    server.stop()
    eventually(lambda: stands_still(process), "the frame is suspended")
    assert agent.launch_refused("true") == grpc.StatusCode.FAILED_PRECONDITION
    time.sleep(3)
    server.start()
    eventually(lambda: server.said_of(run_id, "cuefarm.ran_ms"), "it says how long it ran")
    stood = time.time() - process.create_time() - int(server.said_of(run_id, "cuefarm.ran_ms")) / 1000
    assert stood > 2.5, "time for which it was suspended does not count"
    (agent.folder / "go").touch()
    assert server.outcome(run_id).exit_status == 8


def test_after_a_lapsed_lease_the_server_may_end_a_run(server: FakeServer, make_agent: MakeAgent) -> None:
    """A suspended run that the first answer names is ended, uncharged, without having gone on."""
    agent = make_agent("--lease-seconds", LEASE_SECONDS)
    marker = f"lease-{uuid.uuid4()}"
    goodbye = agent.folder / "goodbye"
    run_id = agent.launch(f"trap 'touch {goodbye}' TERM; while :; do sleep 0.01; done; : {marker}")
    process, *_ = eventually(lambda: processes_with(marker), "the frame runs")
    server.stop()
    eventually(lambda: stands_still(process), "the frame is suspended")
    server.runs_to_end = {run_id}
    server.start()
    report = server.outcome(run_id)
    assert (report.exit_status, report.exit_signal) == (286, 0)
    assert report.frame.attributes["cuefarm.cause"] == "lease"
    assert processes_with(marker) == []
    assert not goodbye.exists(), "it went on for a moment, while its successor may have run"


def test_the_lease_holds_without_a_link(server: FakeServer, make_agent: MakeAgent) -> None:
    """The runner counts: a link that hangs cannot keep frames running."""
    agent = make_agent("--lease-seconds", LEASE_SECONDS)
    marker = f"lease-{uuid.uuid4()}"
    agent.launch(f"sleep 30; : {marker}")
    process, *_ = eventually(lambda: processes_with(marker), "the frame runs")
    os.kill(agent.link_pid, signal.SIGSTOP)
    eventually(lambda: stands_still(process), "the frame is suspended")
    os.kill(agent.link_pid, signal.SIGCONT)
    eventually(lambda: not stands_still(process), "the frame goes on")


@pytest.mark.parametrize(
    ("policy", "then", "back"),
    [
        ("suspend", "1 frame stands still until one does", "1 frame goes on, 0 are ended"),
        ("kill", "1 frame is ended (--on-lost-contact kill)", "0 frames go on, 0 are ended"),
        ("continue", "1 frame goes on without one (--on-lost-contact continue)", "1 frame goes on, 0 are ended"),
    ],
)
def test_the_log_says_what_becomes_of_frames_without_a_server(
    server: FakeServer, make_agent: MakeAgent, policy: str, then: str, back: str
) -> None:
    """Once when the lease is over, with how long nobody answered, and once when a server is back."""
    agent = make_agent("--lease-seconds", LEASE_SECONDS, "--on-lost-contact", policy, "--kill-grace-seconds", "3")
    marker = f"silence-{uuid.uuid4()}"
    agent.launch(f"trap '' TERM; while :; do sleep 0.05; done; : {marker}")
    eventually(lambda: processes_with(marker), "the frame runs")
    server.stop()
    eventually(lambda: then in agent.stderr_path.read_text(), "the log says it")
    if policy == "kill":
        eventually(lambda: not processes_with(marker), "the frame is ended")
    server.start()
    eventually(lambda: f"a server answers again: {back}" in agent.stderr_path.read_text(), "the log says it")
    (line,) = [line for line in agent.stderr_path.read_text().splitlines() if "no server answered for" in line]
    assert " warning " in line


def test_what_an_agent_takes_over_keeps_the_lease_that_the_server_knows(
    server: FakeServer, make_agent: MakeAgent
) -> None:
    """Started again during an outage to let frames go on for ever, it does so once a server has heard that."""
    agent = make_agent("--lease-seconds", "5")
    run_id = agent.launch("while :; do sleep 0.05; done")
    eventually(lambda: server.state_of(run_id) == "running", "the frame runs")
    server.stop()
    agent.kill_whole()
    agent.words += ["--on-lost-contact", "continue"]
    boots = len(server.boots)
    agent.begin()
    eventually(lambda: "run is taken over" in agent.stderr_path.read_text(), "the next agent takes over")
    eventually(lambda: agent.pages()[run_id]["suspended"], "the frame is suspended")
    server.start()
    agent.await_boot(boots)
    eventually(lambda: not agent.pages()[run_id]["suspended"], "the frame goes on")
    server.stop()
    lapses_ns = agent.lease_until_ns()
    eventually(lambda: agent.pages()[run_id]["alive_ns"] > lapses_ns, "a look after the lease of before")
    assert not agent.pages()[run_id]["suspended"]
    server.start()
    agent.kill(run_id=run_id)
    server.outcome(run_id)


@pytest.mark.parametrize("who", ["a person", "its agent's end"])
def test_what_was_told_to_end_does_not_go_on_when_contact_is_back(
    server: FakeServer, make_agent: MakeAgent, who: str
) -> None:
    """Also where its supervisor hears of both at once."""
    agent = make_agent("--lease-seconds", LEASE_SECONDS)
    run_id = agent.launch("sleep 60")
    supervisor = agent.supervisor_of(run_id)
    server.refuse_reports = True
    eventually(lambda: agent.pages()[run_id]["suspended"], "the frame is suspended")
    supervisor.suspend()
    if who == "a person":
        agent.kill(run_id=run_id)
    else:
        os.kill(agent.runner_pid, signal.SIGINT)
    eventually(lambda: agent.pages()[run_id]["order"] == ORDER_END, "the order is written")
    server.refuse_reports = False
    server.next_report()
    server.next_report()
    supervisor.resume()
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == ("killed" if who == "a person" else "shutdown")


def test_who_asks_again_before_a_supervisor_looks_changes_no_cause(server: FakeServer, make_agent: MakeAgent) -> None:
    """The first cause stays, in the lesser time."""
    agent = make_agent()
    run_id = agent.launch("trap '' TERM; while :; do sleep 0.05; done")
    supervisor = agent.supervisor_of(run_id)
    supervisor.suspend()
    agent.kill(run_id=run_id, message="by ann")
    os.kill(agent.runner_pid, signal.SIGINT)
    eventually(lambda: "agent is ending" in agent.stderr_path.read_text(), "the agent begins to end")
    os.kill(agent.runner_pid, signal.SIGINT)
    eventually(lambda: agent.pages()[run_id]["order_grace_ms"] == 0, "the agent hurries")
    supervisor.resume()
    outcome = server.outcome(run_id)
    assert outcome.frame.attributes["cuefarm.cause"] == "killed"
    assert "by ann" in agent.log_of()


def test_a_supervisor_that_was_stopped_keeps_the_lease_whichever_agent_comes(
    server: FakeServer, make_agent: MakeAgent
) -> None:
    """Its silence counts from its last look, and not from the agent's start: so it is woken, and looks."""
    agent = make_agent("--lease-seconds", LEASE_SECONDS)
    run_id = agent.launch("while :; do sleep 0.05; done")
    supervisor = agent.supervisor_of(run_id)
    eventually(lambda: server.state_of(run_id) == "running", "the frame runs")
    supervisor.suspend()
    server.stop()
    agent.kill_whole()
    time.sleep(3)  # so long it is silent already
    agent.words[1:3] = ["-c", HASTY.replace(" = 2", " = 6")]
    agent.begin()
    eventually(lambda: "run is taken over" in agent.stderr_path.read_text(), "the next agent takes over")
    taken_over = time.monotonic()
    eventually(lambda: agent.pages()[run_id]["suspended"], "the frame is suspended")
    assert time.monotonic() < taken_over + 8, "it was woken at the first look, after five seconds"
    assert supervisor.is_running()


@pytest.mark.parametrize(("policy", "survives"), [("continue", True), ("kill", False)])
def test_what_lost_contact_means_can_be_chosen(
    server: FakeServer, make_agent: MakeAgent, policy: str, survives: bool
) -> None:
    """`continue` lets frames run on, `kill` ends them."""
    agent = make_agent("--lease-seconds", LEASE_SECONDS, "--on-lost-contact", policy)
    run_id = agent.launch("sleep 3; exit 3")
    server.stop()
    time.sleep(3.2)
    server.start()
    report = server.outcome(run_id)
    assert (report.exit_status, report.frame.attributes["cuefarm.cause"]) == (
        (3, "exited") if survives else (286, "lease")
    )


def test_a_run_that_the_server_no_longer_counts_on_is_ended(server: FakeServer, make_agent: MakeAgent) -> None:
    """A run named in a report's answer ends by the farm's doing, not as killed, also while contact was never lost."""
    agent = make_agent()
    run_id = agent.launch("sleep 30")
    server.runs_to_end = {run_id}
    report = server.outcome(run_id)
    assert (report.exit_status, report.frame.attributes["cuefarm.cause"]) == (286, "lease")


def test_a_second_agent_on_the_same_spool_is_refused(make_agent: MakeAgent) -> None:
    """It says which process works there, and ends with status 1."""
    agent = make_agent()
    second = subprocess.run(agent.words, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert second.returncode == 1
    assert f"process {agent.runner_pid}" in second.stderr


@pytest.mark.parametrize(
    "content",
    [b"x" * 100, b"CUEBOOK0" + bytes(2 * PAGE_BYTES), MAGIC + b"\xff" * PAGE_BYTES],
    ids=["short", "of another version", "random"],
)
def test_a_book_that_is_none_ends_the_agent_with_one_line(make_agent: MakeAgent, content: bytes) -> None:
    """It says what to do about it, and touches nothing."""
    agent = make_agent()
    agent.leave()
    (agent.spool / "book").write_bytes(content)
    ended = subprocess.run(agent.words, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (78, 1)
    assert "is no book" in ended.stderr
    assert (agent.spool / "book").read_bytes() == content


@pytest.mark.parametrize(("command", "status"), [("sleep 300", 301), ("sleep 0.5; exit 3", 3)], ids=["live", "ended"])
def test_a_run_whose_record_is_damaged_is_told(
    server: FakeServer, make_agent: MakeAgent, command: str, status: int
) -> None:
    """By its id: with its own end where it has one, else it is ended, since nobody could say whose it is."""
    agent = make_agent()
    run_id = agent.launch(command)
    supervisor = agent.supervisor_of(run_id)
    agent.leave()
    if status == 3:
        eventually(lambda: not supervisor.is_running(), "the end of the run")
    book = Book.open(str(agent.spool / "book"))
    (page,) = book.in_use()
    page["record"] = "{nonsense"
    book.close()
    agent.start()
    assert server.outcome(run_id).exit_status == status


def test_what_a_shutdown_could_not_deliver_waits_for_the_next_start(server: FakeServer, make_agent: MakeAgent) -> None:
    """The spool keeps outcomes from one agent to the next, which has the same instance."""
    server.refuse_completions_with = grpc.StatusCode.UNAVAILABLE
    agent = make_agent()
    run_id = agent.launch("exit 4")
    eventually(lambda: server.state_of(run_id) == "ended", "the run ended")
    agent.process.send_signal(signal.SIGINT)
    eventually(lambda: server.reports[-1].host.state == 1, "the agent is stopping")
    assert agent.stop() == 0  # the second signal: it does not wait for the server any longer
    server.refuse_completions_with = None
    agent.start()
    assert server.outcome(run_id).exit_status == 4
    assert len({boot.host.attributes["cuefarm.instance"] for boot in server.boots}) == 1


def test_an_agent_that_only_recovers_delivers_and_ends(server: FakeServer, make_agent: MakeAgent) -> None:
    """It ends what a dead agent left, waits for the server to take the outcome, is never up, and leaves nothing."""
    agent = make_agent()
    run_id = agent.launch("sleep 4321")
    eventually(lambda: server.state_of(run_id), "the run in a report")
    (frame,) = eventually(lambda: processes_with("sleep 4321"), "the frame")[-1:]
    runner, link = psutil.Process(agent.runner_pid), psutil.Process(agent.link_pid)
    runner.suspend()  # it must not start another link between the two
    link.kill()
    runner.kill()
    agent.process.wait(PATIENCE_SECONDS)
    assert frame.is_running()
    assert has_unsettled_runs(str(agent.spool))

    server.refuse_completions_with = grpc.StatusCode.UNAVAILABLE
    before = len(server.reports)
    agent.words.append("--only-recover")
    agent.start()
    eventually(lambda: not frame.is_running(), "the frame to end")
    time.sleep(4)  # longer than an agent that is told to stop tries to deliver
    assert agent.process.poll() is None
    assert agent.launch_refused("true") == grpc.StatusCode.FAILED_PRECONDITION
    server.refuse_completions_with = None
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "shutdown"
    assert agent.process.wait(PATIENCE_SECONDS) == 0
    assert not has_unsettled_runs(str(agent.spool))
    assert server.boots[-1].host.state == host_pb2.DOWN
    assert {report.host.state for report in server.reports[before:]} == {host_pb2.DOWN}


def test_the_server_can_shut_an_agent_down(make_agent: MakeAgent) -> None:
    """ShutdownRqdNow ends the agent in good order."""
    agent = make_agent()
    agent.call("ShutdownRqdNow", rqd_pb2.RqdStaticShutdownNowRequest())
    assert agent.process.wait(PATIENCE_SECONDS) == 0


def test_a_shutdown_when_idle_waits_for_the_last_frame(server: FakeServer, make_agent: MakeAgent) -> None:
    """Nothing more is accepted, what runs ends by itself, and then the agent does."""
    agent = make_agent()
    run_id = agent.launch("sleep 0.5; exit 6")
    agent.call("ShutdownRqdIdle", rqd_pb2.RqdStaticShutdownIdleRequest())
    assert agent.launch_refused("true") == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert agent.process.wait(PATIENCE_SECONDS) == 0
    assert server.completions_of(run_id)[0].exit_status == 6


def test_an_orphaned_agent_ends_itself_when_idle(server: FakeServer, make_agent: MakeAgent) -> None:
    """Without contact for the time given, and without a frame, it is of no use to anybody."""
    agent = make_agent("--orphan-exit-after", "0.5")
    server.stop()
    assert agent.process.wait(PATIENCE_SECONDS) == 0


def test_without_its_working_folder_the_agent_reports_no_disk(server: FakeServer, make_agent: MakeAgent) -> None:
    """The report goes on, and says that there is no room, so that nothing is booked."""
    agent = make_agent()
    (agent.folder / "temp").rmdir()
    assert server.next_report().host.total_mcp == 0


def test_the_server_file_is_read_again_when_contact_is_lost(
    server: FakeServer, make_agent: MakeAgent, tmp_path: Path
) -> None:
    """A server that comes back at another address is found through the file."""
    server_file = tmp_path / "server.json"
    server_file.write_text(json.dumps({"grpc": f"127.0.0.1:{server.port}"}))
    agent = make_agent("--server-file", str(server_file))
    run_id = agent.launch("sleep 0.3; exit 2")
    server.stop()
    server.port = 0
    server.start()
    server_file.write_text(json.dumps({"grpc": f"127.0.0.1:{server.port}"}))
    assert server.outcome(run_id).exit_status == 2


def refused(words: list[str]) -> tuple[int, list[str]]:
    """The exit status of an agent that cannot start, and the lines that it prints."""
    ended = subprocess.run(words, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=False)
    return ended.returncode, ended.stderr.splitlines()


def test_a_port_that_is_taken_ends_the_agent_with_one_line_of_advice(make_agent: MakeAgent, tmp_path: Path) -> None:
    """Waiting may mend it, so its status is one after which a service manager tries again."""
    agent = make_agent()
    port = (agent.spool / "address").read_text().strip().rpartition(":")[2]
    status, (line,) = refused([*agent.words, "--port", port, "--spool", str(tmp_path / "other")])
    assert status == 75
    assert "is in use by another program; give another --port" in line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no token file"),
        ("", "must hold one line of printable ASCII"),
        ("schl\u00fcssel", "must hold one line of printable ASCII"),
    ],
)
def test_a_token_file_without_a_token_ends_the_agent_with_one_line(
    server: FakeServer, tmp_path: Path, content: Optional[str], words: str
) -> None:
    """Before it says that it started, and with the status that asks for a person."""
    agent = AgentProcess(tmp_path, server)
    token_file = tmp_path / "token"
    token_file.unlink()
    if content is not None:
        token_file.write_text(content, encoding="utf-8")
    status, (line,) = refused(agent.words)
    assert status == 78
    assert words in line
    assert str(token_file) in line


def test_an_address_of_another_machine_is_named(server: FakeServer, tmp_path: Path) -> None:
    """As for the server, a person must mend it: the next start would end in the same way."""
    status, (line,) = refused([*AgentProcess(tmp_path, server).words, "--bind", "192.0.2.1"])
    assert status == 78
    assert "192.0.2.1:0 is not an address of this machine" in line


def test_what_is_left_is_ended_even_where_the_agent_cannot_start(
    server: FakeServer, make_agent: MakeAgent, tmp_path: Path
) -> None:
    """By an agent that is there to end it (`--only-recover`): what it cannot tell, the next one does."""
    agent = make_agent()
    marker = f"left-{uuid.uuid4()}"
    agent.launch(f"sleep 60; : {marker}")
    eventually(lambda: processes_with(marker), "the frame runs")
    runner, link = psutil.Process(agent.runner_pid), psutil.Process(agent.link_pid)
    runner.suspend()  # it must not start another link between the two
    link.kill()
    runner.kill()
    agent.process.wait(PATIENCE_SECONDS)
    status, lines = refused([*agent.words, "--only-recover", "--token-file", str(tmp_path / "none")])
    assert status == 78
    assert any("there is no token file" in line for line in lines)
    assert processes_with(marker) == []


def test_a_runner_that_dies_idle_is_followed_on_the_same_port(server: FakeServer, make_agent: MakeAgent) -> None:
    """The link that takes its place has let go of the port before it looks whether that is free."""
    agent = make_agent()
    port = (agent.spool / "address").read_text().strip().rpartition(":")[2]
    agent.stop()
    agent.words += ["--port", port]
    agent.start()
    agent.kill_runner()
    assert (agent.spool / "address").read_text().strip().endswith(f":{port}")
    assert server.outcome(agent.launch("exit 2")).exit_status == 2

"""Which processes are a run's: what leaves its session, its group or its parent is still its own."""

from __future__ import annotations

import sys
import uuid
from typing import Callable

import pytest
from agent_farm import LEASE_SECONDS, AgentProcess, FakeServer, eventually, processes_with, stands_still

MakeAgent = Callable[..., AgentProcess]

DAEMON = """
import os, sys, time
if os.fork():
    {parent}
os.setsid()
if os.fork():
    os._exit(0)
{child}
time.sleep(60)
"""


def daemon(agent: AgentProcess, parent: str = "os._exit(0)", child: str = "") -> str:
    """Write a program that starts a daemon in the classic way, and return the command that runs it."""
    script = agent.folder / f"daemon-{uuid.uuid4().hex}.py"
    script.write_text(DAEMON.format(parent=parent, child=child))
    return f"{sys.executable} {script}"


def test_a_daemon_is_ended_with_its_frame(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """A process in a session of its own, whose parents are gone, does not outlive the frame; its status stays."""
    command = daemon(shared_agent)
    marker = command.split()[-1]
    run_id = shared_agent.launch(f"{command}; sleep 0.3; exit 4")
    assert shared_server.outcome(run_id).exit_status == 4
    assert processes_with(marker) == []


def test_a_kill_reaches_what_left_the_session(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """A renderer started by setsid ends with the kill of its frame, and the outcome waits for that."""
    marker = f"setsid-{uuid.uuid4()}"
    run_id = shared_agent.launch(f"setsid -w sh -c 'trap \"\" TERM; while :; do sleep 0.1; done; : {marker}'")
    eventually(lambda: len(processes_with(marker)) >= 2, "it runs")
    shared_agent.kill(run_id=run_id)
    report = shared_server.outcome(run_id)
    assert processes_with(marker) == []
    assert report.frame.attributes["cuefarm.cause"] == "killed"


@pytest.mark.parametrize("escape", ["env -i", "env -u CUEFARM_RUN_ID"])
def test_a_daemon_without_the_run_in_its_environment_is_found_too(
    shared_server: FakeServer, shared_agent: AgentProcess, escape: str
) -> None:
    """It still writes to the run's log, which is nobody else's."""
    marker = f"bare-{uuid.uuid4()}"
    run_id = shared_agent.launch(f"setsid -f {escape} /bin/sh -c 'sleep 60; : {marker}'; sleep 0.3; exit 2")
    assert shared_server.outcome(run_id).exit_status == 2
    assert processes_with(marker) == []


def test_what_was_seen_below_a_run_stays_its_own(server: FakeServer, make_agent: MakeAgent) -> None:
    """A daemon without a mark of any kind is known from the time when its parent still lived."""
    agent = make_agent()
    marker = f"unmarked-{uuid.uuid4()}"
    inner = f'exec env -i setsid /bin/sh -c "sleep 60; : {marker}" >/dev/null 2>&1'
    run_id = agent.launch(f"sh -c '{inner}' & while [ ! -e {agent.folder}/go ]; do sleep 0.05; done; exit 3")
    eventually(lambda: processes_with(marker), "it runs")
    for _ in range(8):  # reports measure it at most once a second
        server.next_report()
    (agent.folder / "go").touch()
    assert server.outcome(run_id).exit_status == 3
    assert processes_with(marker) == []


def test_a_neighbour_is_not_taken_for_an_orphan(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """Of two frames that daemonise, the end of one leaves the other's processes alone."""
    mine, theirs = f"mine-{uuid.uuid4()}", f"theirs-{uuid.uuid4()}"
    other = shared_agent.launch(f"setsid -f sh -c 'sleep 60; : {theirs}'; sleep 60", frame_id="neighbour")
    eventually(lambda: processes_with(theirs), "the neighbour's daemon runs")
    shared_server.outcome(shared_agent.launch(f"setsid -f sh -c 'sleep 60; : {mine}'; sleep 0.2"))
    assert processes_with(mine) == []
    assert processes_with(theirs)
    shared_agent.kill(run_id=other)
    shared_server.outcome(other)
    assert processes_with(theirs) == []


def test_a_lapsed_lease_suspends_what_left_the_session(server: FakeServer, make_agent: MakeAgent) -> None:
    """It stops and goes on with its frame."""
    agent = make_agent("--lease-seconds", LEASE_SECONDS)
    marker = f"away-{uuid.uuid4()}"
    run_id = agent.launch(f"setsid -f sh -c 'while :; do sleep 0.1; done; : {marker}'; sleep 60")
    inner = eventually(
        lambda: [p for p in processes_with(marker) if p.cmdline()[2:3][0].startswith("while")], "it runs"
    )[0]
    server.stop()
    eventually(lambda: stands_still(inner), "it is suspended")
    server.start()
    eventually(lambda: not stands_still(inner), "it goes on")
    agent.kill(run_id=run_id)
    server.outcome(run_id)
    assert processes_with(marker) == []


def test_the_memory_of_what_left_the_session_counts(server: FakeServer, make_agent: MakeAgent) -> None:
    """A daemon's memory is its frame's."""
    agent = make_agent()
    run_id = agent.launch(
        f"setsid -f {sys.executable} -c 'import time; b = bytearray(90_000_000); time.sleep(60)'; sleep 60"
    )

    def seen() -> bool:
        return any(f.resource_id == run_id and f.rss > 88_000 for report in server.reports[-1:] for f in report.frames)

    eventually(seen, "it is reported")
    agent.kill(run_id=run_id)
    server.outcome(run_id)


def test_orphans_leave_no_zombies_and_their_time_counts(server: FakeServer, make_agent: MakeAgent) -> None:
    """What comes to a supervisor is collected when it ends, and the processor time that it had used is its run's."""
    agent = make_agent()
    script = agent.folder / "burn.py"
    script.write_text("import time\nbegan = time.process_time()\nwhile time.process_time() - began < 0.4: pass\n")
    go = agent.folder / "go"
    frame = f"for i in 1 2 3; do setsid -f {sys.executable} {script}; done; while [ ! -e {go} ]; do sleep 0.1; done"
    run_id = agent.launch(frame)
    supervisor = agent.supervisor_of(run_id)
    eventually(lambda: len(supervisor.children()) >= 4, "they run, as children of the supervisor")
    eventually(lambda: len(supervisor.children()) == 1, "nothing is left of them but the frame")
    go.touch()
    report = server.outcome(run_id)
    assert int(report.frame.attributes["cuefarm.cpu_ms"]) >= 1100


def test_what_left_the_session_goes_on_with_its_frame_under_a_new_runner(
    server: FakeServer, make_agent: MakeAgent
) -> None:
    """And is ended with it."""
    agent = make_agent()
    marker = f"left-{uuid.uuid4()}"
    inner = f"setsid -f sh -c 'env -i sh -c \"sleep 60; : {marker}\"; sleep 60'"
    run_id = agent.launch(f"{inner}; sleep 60")
    eventually(lambda: len(processes_with(marker)) >= 2, "it runs")
    agent.kill_runner()
    eventually(lambda: server.state_of(run_id) == "running", "the new runner has it")
    assert processes_with(marker)
    agent.kill(run_id=run_id)
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "killed"
    assert processes_with(marker) == []

"""What a dead runner's frames left behind is found, whatever it shed, and nothing else is."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import psutil
import pytest

from rqd.platform import Process, Traces, proc, this_system
from rqd.platform.remains import remains_of
from rqd.runner import frame_log

from .farm import AgentProcess, FakeServer, eventually, processes_with, stands_still

MakeAgent = Callable[..., AgentProcess]

WORKER = "env -i sh -c 'while :; do sleep 0.05; done; : {marker}'"


@pytest.fixture
def orphan_session() -> Iterator[Callable[..., tuple[Process, int]]]:
    """Starts a session whose leader has ended, with one process without any other mark; returns both."""
    left: list[int] = []

    def start() -> tuple[Process, int]:
        code = (
            "import os, time\nos.setsid()\npid = os.fork()\nif pid == 0:\n    time.sleep(60)\n"
            "print(os.getpid(), pid, flush=True)\ninput()\nos._exit(0)"
        )
        leader = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert leader.stdout
        assert leader.stdin
        pid, child = map(int, leader.stdout.readline().split())
        left.append(child)
        ticks = proc.start_ticks(pid)
        assert ticks is not None
        leader.stdin.write(b"\n")
        leader.stdin.close()
        leader.wait(10)
        leader.stdout.close()
        return Process(pid, ticks), child

    yield start
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_whole_agent(agent: AgentProcess) -> None:
    """SIGKILL the link and the runner, so that neither can become the other."""
    runner, link = agent.runner_pid, agent.link_pid
    os.kill(runner, signal.SIGSTOP)  # or it would start another link
    os.kill(link, signal.SIGKILL)
    os.kill(runner, signal.SIGKILL)
    agent.process.wait(10)


def test_a_worker_that_only_writes_the_log_is_ended(server: FakeServer, make_agent: MakeAgent) -> None:
    """In a session of its own, with an empty environment and no parent, it is known by the log of its frame."""
    agent = make_agent()
    marker = f"log-only-{uuid.uuid4()}"
    run_id = agent.launch(f"( setsid {WORKER.format(marker=marker)} & ); sleep 60")
    eventually(lambda: processes_with(marker), "it runs")
    agent.kill_runner()
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "runner_lost"
    assert processes_with(marker) == []


def test_a_worker_is_known_by_a_log_that_was_moved_aside(server: FakeServer, make_agent: MakeAgent) -> None:
    """Where another run has the log's name by now, the worker is ended and the footer is in its own run's log."""
    agent = make_agent()
    marker = f"moved-{uuid.uuid4()}"
    run_id = agent.launch(f"( setsid {WORKER.format(marker=marker)} & ); sleep 60")
    eventually(lambda: processes_with(marker), "it runs")
    kill_whole_agent(agent)
    log = agent.logs / "job.0001-layer.rqlog"
    log.rename(f"{log}.1")
    log.write_text("runId                another\nof another host\n")
    agent.start()
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "runner_lost"
    assert processes_with(marker) == []
    assert "runner_lost" in agent.log_of(suffix=".1")
    assert "runner_lost" not in agent.log_of()


@pytest.mark.parametrize("output", ["", ">/dev/null 2>&1"])
def test_a_worker_whose_leader_ended_meanwhile_is_ended(server: FakeServer, make_agent: MakeAgent, output: str) -> None:
    """While there was no agent the leader ended; its session is the run's all the same."""
    agent = make_agent()
    marker = f"leaderless-{uuid.uuid4()}"
    go = agent.folder / "go"
    run_id = agent.launch(
        f"{WORKER.format(marker=marker)} {output} & while [ ! -e {go} ]; do sleep 0.05; done; : leader-{marker}"
    )
    eventually(lambda: processes_with(f": {marker}"), "it runs")
    kill_whole_agent(agent)
    go.touch()
    eventually(lambda: not processes_with(f"leader-{marker}"), "the leader ended")
    assert processes_with(f": {marker}")
    agent.start()
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "runner_lost"
    assert processes_with(f": {marker}") == []


def test_what_is_started_while_the_rest_is_ended_is_ended_too(server: FakeServer, make_agent: MakeAgent) -> None:
    """Processes that shed every mark and are started all the time do not get away in the moment of the kill."""
    agent = make_agent()
    marker = f"fork-{uuid.uuid4()}"
    inner = f'setsid env -i sh -c "sleep 3; : {marker}" >/dev/null 2>&1 &'
    run_id = agent.launch(f"for n in 1 2 3; do ( while :; do {inner} sleep 0.02; done ) & done; sleep 60")
    eventually(lambda: len(processes_with(marker)) > 10, "they run")
    agent.kill_runner()
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "runner_lost"
    assert processes_with(marker) == []


def test_a_session_without_its_leader_counts_while_pids_are_fresh(
    orphan_session: Callable[..., tuple[Process, int]],
) -> None:
    """It is the run's where the leader's pid cannot have been given again, and otherwise left alone."""
    leader, child = orphan_session()
    runs = {"run": Traces(leader, None)}
    now = proc.pids_given()
    assert now is not None
    assert [process.pid for process in remains_of(runs, now)["run"]] == [child]
    assert remains_of(runs, now - proc.largest_pid()) == {}
    assert remains_of(runs, None) == {}


def test_a_session_of_another_with_the_same_number_is_left_alone() -> None:
    """A pid that belongs to somebody else now, and a process older than the leader, are no marks."""
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        ticks = proc.start_ticks(other.pid)
        assert ticks is not None
        earlier, later = Process(other.pid, ticks - 1), Process(other.pid, ticks + 1)
        assert remains_of({"run": Traces(earlier, None)}, proc.pids_given()) == {}
        assert remains_of({"run": Traces(later, None)}, proc.pids_given()) == {}
        assert remains_of({"run": Traces(Process(other.pid, ticks), None)}, None)["run"][0].pid == other.pid
    finally:
        other.kill()
        other.wait(10)


def test_what_is_found_stands_still(tmp_path: Path) -> None:
    """It can start nothing from then on."""
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(["sh", "-c", "while :; do sleep 0.1; done"], stdout=log, start_new_session=True)
        status = os.fstat(log.fileno())
        try:
            found = this_system().adopt({"run": Traces(None, (status.st_dev, status.st_ino))}, None)
            assert process.pid in [member.pid for member in found["run"]]
            eventually(lambda: stands_still(psutil.Process(process.pid)), "it stands still", 5)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def test_a_log_is_known_by_its_header(tmp_path: Path) -> None:
    """A file of another run, one without a header, and a link are nobody's log."""
    path = str(tmp_path / "job.frame.rqlog")
    assert frame_log.reopen(path, "mine") is None
    (tmp_path / "job.frame.rqlog").write_text(
        "proxy                x\nrunId                mine-not\nenv   runId mine\n"
    )
    (tmp_path / "job.frame.rqlog.2").write_text("no header\n")
    (tmp_path / "elsewhere").write_text("runId                mine\n")
    (tmp_path / "job.frame.rqlog.3").symlink_to(tmp_path / "elsewhere")
    assert frame_log.reopen(path, "mine") is None
    (tmp_path / "job.frame.rqlog.1").write_text("runId                mine\n")
    fd = frame_log.reopen(path, "mine")
    assert fd is not None
    assert os.path.samestat(os.fstat(fd), (tmp_path / "job.frame.rqlog.1").stat())
    os.close(fd)


def test_a_worker_without_any_mark_is_ended_if_it_was_seen_before(server: FakeServer, make_agent: MakeAgent) -> None:
    """In a session of its own, without environment, output or parent, it is known by what the spool says was seen."""
    agent = make_agent()
    marker = f"unmarked-{uuid.uuid4()}"
    go = agent.folder / "go"
    worker = f"setsid {WORKER.format(marker=marker)} >/dev/null 2>&1"
    run_id = agent.launch(f"( {worker} & while [ ! -e {go} ]; do sleep 0.05; done ) & wait; : {marker}; sleep 60")

    def workers() -> set[int]:
        return {process.pid for process in processes_with(f": {marker}") if "setsid" not in " ".join(process.cmdline())}

    pids = eventually(workers, "it runs")

    def noted() -> bool:
        strays = json.loads((agent.spool / "watched").read_text())["strays"].get(run_id, [])
        return any(pid in pids for pid, _ in strays)

    eventually(noted, "the spool names it")
    go.touch()
    agent.kill_runner()
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "runner_lost"
    assert processes_with(f": {marker}") == []


@pytest.mark.parametrize("text", ["", "{torn", '{"boot_id":"another","pids_given":5}\n', "[]\n"])
def test_a_note_of_nothing_is_no_hindrance(server: FakeServer, make_agent: MakeAgent, text: str) -> None:
    """A note that a power cut tore, or of another boot, only means that less is known."""
    agent = make_agent()
    run_id = agent.launch("sleep 60")
    eventually(lambda: server.state_of(run_id) == "running", "it runs")
    kill_whole_agent(agent)
    (agent.spool / "watched").write_text(text)
    agent.start()
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "runner_lost"

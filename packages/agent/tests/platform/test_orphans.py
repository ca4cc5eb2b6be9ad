"""What the frame of a dead supervisor left behind is found, whatever it shed, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Callable

import psutil
import pytest
from agent_farm import AgentProcess, FakeServer, eventually, processes_with, stands_still

from rqd.platform import Process, Traces, proc, this_system
from rqd.platform.orphans import orphans_of
from rqd.runner import frame_log

MakeAgent = Callable[..., AgentProcess]

WORKER = "env -i sh -c 'while :; do sleep 0.05; done; : {marker}'"


def test_a_worker_that_only_writes_the_log_is_ended(server: FakeServer, make_agent: MakeAgent) -> None:
    """In a session of its own, with an empty environment and no parent, it is known by the log of its frame."""
    agent = make_agent()
    marker = f"log-only-{uuid.uuid4()}"
    run_id = agent.launch(f"( setsid {WORKER.format(marker=marker)} & ); sleep 60")
    eventually(lambda: processes_with(marker), "it runs")
    agent.supervisor_of(run_id).kill()
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "runner_lost"
    assert processes_with(marker) == []


def test_a_worker_is_known_by_a_log_that_was_moved_aside(server: FakeServer, make_agent: MakeAgent) -> None:
    """Where another run has the log's name by now, the worker is ended and the footer is in its own run's log."""
    agent = make_agent()
    marker = f"moved-{uuid.uuid4()}"
    run_id = agent.launch(f"( setsid {WORKER.format(marker=marker)} & ); sleep 60")
    eventually(lambda: processes_with(marker), "it runs")
    supervisor = agent.supervisor_of(run_id)
    agent.kill_whole()
    supervisor.kill()
    log = agent.logs / "job.0001-layer.rqlog"
    log.rename(f"{log}.1")
    log.write_text("runId                another\nof another host\n")
    agent.start()
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "runner_lost"
    assert processes_with(marker) == []
    assert "runner_lost" in agent.log_of(suffix=".1")
    assert "runner_lost" not in agent.log_of()


def test_what_is_started_while_the_rest_is_ended_is_ended_too(server: FakeServer, make_agent: MakeAgent) -> None:
    """Processes that shed every mark and are started all the time do not get away in the moment of the kill."""
    agent = make_agent()
    marker = f"fork-{uuid.uuid4()}"
    inner = f'setsid env -i sh -c "sleep 3; : {marker}" >/dev/null 2>&1 &'
    run_id = agent.launch(f"for n in 1 2 3; do ( while :; do {inner} sleep 0.02; done ) & done; sleep 60")
    eventually(lambda: len(processes_with(marker)) > 10, "they run")
    agent.supervisor_of(run_id).kill()
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "runner_lost"
    assert processes_with(marker) == []


def test_the_session_of_a_marked_process_is_the_runs() -> None:
    """What is in it belongs to the run, also where it has no mark of its own; a pid that is somebody else's is none."""
    code = (
        "import os, subprocess, time; p = subprocess.Popen(['sleep', '60'], env={}); print(p.pid, flush=True); p.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as first:
        try:
            assert first.stdout is not None
            child = int(first.stdout.readline())
            ticks = proc.start_ticks(first.pid)
            assert ticks is not None
            marked = Traces(None, frozenset({Process(first.pid, ticks)}))
            assert {process.pid for process in orphans_of("run", marked)} == {first.pid, child}
            other = Traces(None, frozenset({Process(first.pid, ticks + 1)}))
            assert orphans_of("run", other) == set()
        finally:
            os.killpg(first.pid, signal.SIGKILL)


def test_what_is_found_stands_still(tmp_path: Path) -> None:
    """It can start nothing from then on."""
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(["sh", "-c", "while :; do sleep 0.1; done"], stdout=log, start_new_session=True)
        status = os.fstat(log.fileno())
        try:
            found = this_system().orphans("run", Traces((status.st_dev, status.st_ino), frozenset()), ())
            assert process.pid in [member.pid for member in found]
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
    """In a session of its own, without environment, output or parent, it is known by what the book says was seen."""
    agent = make_agent()
    marker = f"unmarked-{uuid.uuid4()}"
    go = agent.folder / "go"
    worker = f"setsid {WORKER.format(marker=marker)} >/dev/null 2>&1"
    run_id = agent.launch(f"( {worker} & while [ ! -e {go} ]; do sleep 0.05; done ) & wait; : {marker}; sleep 60")

    def workers() -> set[int]:
        return {process.pid for process in processes_with(f": {marker}") if "setsid" not in " ".join(process.cmdline())}

    pids = eventually(workers, "it runs")

    def noted() -> bool:
        return bool(pids & set(agent.pages()[run_id]["members"]))

    eventually(noted, "the book names it")
    go.touch()
    agent.supervisor_of(run_id).kill()
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "runner_lost"
    assert processes_with(f": {marker}") == []


def test_a_worker_that_nobody_saw_is_known_by_its_control_group(server: FakeServer, make_agent: MakeAgent) -> None:
    """Without any mark, begun after its supervisor had looked last, when all of its agent is killed too."""
    agent = make_agent()
    marker, go = f"unseen-{uuid.uuid4()}", agent.folder / "go"
    worker = f"setsid {WORKER.format(marker=marker)} >/dev/null 2>&1"
    run_id = agent.launch(f"while [ ! -e {go} ]; do sleep 0.05; done; ( {worker} & ); sleep 60")
    supervisor = agent.supervisor_of(run_id)
    eventually(lambda: any(agent.pages()[run_id]["members"]), "its supervisor has looked")
    group = agent.pages()[run_id]["group"]
    if not group:
        pytest.skip("no control groups of version 2 can be made here")
    go.touch()
    eventually(lambda: processes_with(marker), "it runs")
    agent.kill_whole()
    supervisor.kill()
    agent.start()
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "runner_lost"
    assert processes_with(marker) == []
    assert not os.path.exists(group)

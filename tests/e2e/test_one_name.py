"""Real agents under one name."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from .farm_process import FarmProcess, layer, wait_for

StartAgent = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[FarmProcess]:
    """A farm without an agent of its own."""
    farm = FarmProcess(tmp_path / "farm", "--no-agent")
    try:
        yield farm.start()
    finally:
        farm.stop()
        farm.cleanup()


@pytest.fixture
def start_agent(farm: FarmProcess, tmp_path: Path) -> Iterator[StartAgent]:
    """Start agents that are all called `node` unless said otherwise; all are stopped at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(spool: str, name: str = "node") -> subprocess.Popen[bytes]:
        words = ["--name", name, "--server", farm.grpc, "--token-file", str(farm.data / "token"), "--cores", "2"]
        words += ["--spool", str(tmp_path / spool), "--port", "0", "--report-seconds", "2", "--memory-gb", "2"]
        with (tmp_path / f"{spool}.log").open("ab") as log:
            agent = subprocess.Popen(
                [sys.executable, "-m", "rqd", *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        started.append(agent)
        return agent

    yield start
    for agent in started:
        if agent.poll() is None:
            agent.send_signal(signal.SIGINT)  # with its frames
    for agent in started:
        try:
            agent.wait(20)
        except subprocess.TimeoutExpired:
            agent.kill()


def comments(farm: FarmProcess) -> list[str]:
    """What the host's comments say."""
    return [comment.message() for host in farm.connect().api.getHosts() for comment in host.getComments()]


def test_a_second_agent_under_a_name_is_told_and_orders_reach_the_first(
    farm: FarmProcess, start_agent: StartAgent, tmp_path: Path
) -> None:
    """The log, the host and the later agent say so; a retry ends the run where it is, and one run is left."""
    start_agent("one")
    wait_for(lambda: farm.connect().api.getHosts(), 30, "the first agent")
    marks = tmp_path / "pids"
    job = farm.launch("clone", layer("render", f"echo $$ >> {marks}; while :; do sleep 0.2; done", "1", cores="1.0"))
    wait_for(marks.exists, 30, "the frame to run")
    first = int(marks.read_text().split()[0])
    start_agent("two")
    wait_for(lambda: comments(farm), 60, "the host to say that another agent has its name")
    assert "Another agent is called 'node' too" in comments(farm)[0]
    assert "another agent is called 'node' too" in farm.words()
    assert "another agent is called 'node' too" in (tmp_path / "two.log").read_text()
    assert farm.run("cueadmin", "-force", "-retry-frames", job.name(), "render", "1").returncode == 0
    wait_for(lambda: not psutil.pid_exists(first), 30, "the first run to end")
    wait_for(lambda: len(marks.read_text().split()) == 2, 30, "the frame to run again")
    farm.run("cueadmin", "-force", "-kill", job.name())
    wait_for(lambda: not psutil.pid_exists(int(marks.read_text().split()[1])), 30, "the second run to end")


def test_an_agent_that_is_started_again_under_another_name_keeps_its_frames(
    farm: FarmProcess, start_agent: StartAgent, tmp_path: Path
) -> None:
    """Until then `-explain` says what is needed; the host gets the new name, and its frame goes on and runs once."""
    first = start_agent("spool")
    wait_for(lambda: farm.connect().api.getHosts(), 30, "the agent")
    ran = tmp_path / "ran"
    text = f"echo x >> {ran}; while [ ! -e {tmp_path}/go ]; do sleep 0.1; done"
    job = farm.launch("renamed", layer("render", text, "1", cores="1.0"))
    wait_for(ran.exists, 30, "the frame to run")
    first.send_signal(signal.SIGTERM)
    first.wait(20)
    explained = farm.run("cueadmin", "-explain", job.name()).stdout
    assert "1 frame runs on node, whose agent was stopped" in explained
    assert "start `rqd` there to keep it" in explained
    start_agent("spool", "renamed")
    wait_for(lambda: [host.name() for host in farm.connect().api.getHosts()] == ["renamed"], 30, "the new name")
    (tmp_path / "go").touch()
    farm.wait_job(job)
    (frame,) = job.getFrames()
    assert (ran.read_text(), frame.data.retry_count, frame.data.exit_status) == ("x\n", 0, 0)
    assert frame.data.last_resource.startswith("renamed/")


@pytest.mark.proof
def test_an_agent_in_the_place_of_one_that_was_killed_is_taken(
    farm: FarmProcess, start_agent: StartAgent, tmp_path: Path
) -> None:
    """The name passes to the next agent once the first one's silence says that it is gone; nobody calls it a clone."""
    first = start_agent("one")
    wait_for(lambda: farm.connect().api.getHosts(), 30, "the first agent")
    for process in [*psutil.Process(first.pid).children(recursive=True), psutil.Process(first.pid)]:
        process.kill()
    first.wait(10)
    start_agent("two")
    started_s = time.monotonic()
    # A launch that the first may have got before it died keeps the name until the lease is over: none is made so early.
    wait_for(lambda: "another agent is called" in (tmp_path / "two.log").read_text(), 30, "the second to be refused")
    job = farm.launch("after", layer("render", "true", "1", cores="1.0"))
    farm.wait_job(job, 70)
    assert time.monotonic() - started_s < 70
    assert comments(farm) == []

"""A spool that is deleted, full or read-only while frames run: what is known is told, and what is lost is said."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import grpc
import psutil
import pytest
from agent_farm import PATIENCE_SECONDS, AgentProcess, FakeServer, eventually, processes_with

from rqd.options import default_spool
from rqd.runner.spool import has_unsettled_runs
from rqd.supervisor.book import GROWTH_PAGES, Book

pytestmark = pytest.mark.slow

MakeAgent = Callable[..., AgentProcess]


def refusal_of(agent: AgentProcess, command: str = "true") -> grpc.RpcError:
    """The error of a launch that must be refused."""
    with pytest.raises(grpc.RpcError) as refused:
        agent.launch(command)
    return refused.value


def fill(disk: Path) -> Path:
    """Leave no byte free; returns the file that takes the room."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    return ballast


@pytest.fixture
def spool_disk(small_disk: Path, tmp_path: Path) -> Path:
    """A small disk on which the spool of the next agent lies."""
    (small_disk / "spool").mkdir()
    (tmp_path / "spool").symlink_to(small_disk / "spool")
    return small_disk


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[Path], Callable[[], None]]]:
    """Makes a folder one that takes nothing any more; returns what makes it writable again."""
    mounted: list[Path] = []

    def writable() -> None:
        while mounted:
            subprocess.run(["umount", "-l", str(mounted.pop())], check=True)

    def make(folder: Path) -> Callable[[], None]:
        bind = ["mount", "--bind", str(folder), str(folder)]
        if os.geteuid() != 0 or subprocess.run(bind, capture_output=True, check=False).returncode != 0:
            pytest.skip("nothing can be mounted here: only root can, outside of most containers")
        mounted.append(folder)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        return writable

    yield make
    writable()


def test_an_idle_agent_whose_spool_was_deleted_ends(make_agent: MakeAgent) -> None:
    """It could keep no outcome any more: it says so, with what to do, and its status is not 0."""
    agent = make_agent()
    shutil.rmtree(agent.spool)
    assert agent.process.wait(PATIENCE_SECONDS) == 74
    words = agent.stderr_path.read_text()
    assert f"the spool {agent.spool} was deleted" in words
    assert "start it again" in words


def test_frames_go_on_when_the_spool_is_deleted_and_are_told(server: FakeServer, make_agent: MakeAgent) -> None:
    """Nothing new is started, what runs is watched to its end, and the agent ends when the server has its outcome."""
    agent = make_agent()
    run_id = agent.launch("sleep 3; exit 7")
    eventually(lambda: server.state_of(run_id) == "running", "the frame runs")
    server.refuse_completions_with = grpc.StatusCode.UNAVAILABLE
    shutil.rmtree(agent.spool)
    eventually(lambda: "was deleted" in agent.stderr_path.read_text(), "the agent to notice")
    refused = refusal_of(agent)
    assert refused.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "was deleted" in refused.details()
    assert "was deleted" in server.next_report().host.attributes["cuefarm.closed"]
    eventually(lambda: server.state_of(run_id) == "ended", "the frame's end")
    time.sleep(1.5)
    assert agent.process.poll() is None, "it waits for the server to take the outcome"
    server.refuse_completions_with = None
    outcome = server.outcome(run_id)
    assert (outcome.exit_status, outcome.frame.attributes["cuefarm.cause"]) == (7, "exited")
    assert agent.process.wait(PATIENCE_SECONDS) == 74
    assert server.reports[-1].host.state == 1  # DOWN: it has said goodbye


def test_an_agent_that_is_stopped_without_its_spool_names_what_is_lost(
    server: FakeServer, make_agent: MakeAgent
) -> None:
    """What the server did not take cannot be delivered by the next agent."""
    server.refuse_completions_with = grpc.StatusCode.UNAVAILABLE
    agent = make_agent()
    run_id = agent.launch("exit 4")
    eventually(lambda: server.state_of(run_id) == "ended", "the frame's end")
    shutil.rmtree(agent.spool)
    eventually(lambda: "was deleted" in agent.stderr_path.read_text(), "the agent to notice")
    agent.process.terminate()
    assert agent.process.wait(PATIENCE_SECONDS) == 74
    words = agent.stderr_path.read_text()
    assert "ends of runs are lost" in words
    assert f"runs={run_id}" in words


def test_a_full_spool_costs_nothing(server: FakeServer, make_agent: MakeAgent, spool_disk: Path) -> None:
    """Runs that find a page in the book are started and told; others are refused in words until there is room."""
    server.refuse_completions_with = grpc.StatusCode.UNAVAILABLE
    agent = make_agent("--cores", str(2 * GROWTH_PAGES))
    runs = [agent.launch("sleep 1; exit 5")]
    eventually(lambda: server.state_of(runs[0]) == "running", "the frame runs")
    ballast = fill(spool_disk)
    runs += [agent.launch("exit 5", frame_name=f"{number:04d}-layer") for number in range(2, GROWTH_PAGES + 1)]
    refused = refusal_of(agent)
    assert refused.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert f"spool {agent.spool}: No space left" in refused.details()
    ballast.unlink()
    runs.append(agent.launch("exit 5"))
    server.refuse_completions_with = None
    assert {server.outcome(run_id).exit_status for run_id in runs} == {5}
    eventually(lambda: not has_unsettled_runs(str(agent.spool)), "the spool to be settled")


def test_a_runner_begins_on_a_full_disk(server: FakeServer, make_agent: MakeAgent, spool_disk: Path) -> None:
    """A runner that dies while its spool is full has a successor, and its frames go on."""
    agent = make_agent()
    run_id = agent.launch("sleep 4322")
    eventually(lambda: server.state_of(run_id) == "running", "the frame runs")
    fill(spool_disk)
    agent.kill_runner()
    eventually(lambda: server.state_of(run_id) == "running", "the new runner has it")
    agent.kill(run_id=run_id)
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "killed"
    assert processes_with("sleep 4322") == []


def test_a_runner_begins_on_a_read_only_disk(
    server: FakeServer, make_agent: MakeAgent, read_only: Callable[[Path], Callable[[], None]]
) -> None:
    """It tells what has ended, ends what goes on, and takes no work until it can keep it."""
    server.refuse_completions_with = grpc.StatusCode.UNAVAILABLE
    agent = make_agent()
    run_id, other = agent.launch("sleep 1; exit 5"), agent.launch("sleep 4324")
    eventually(lambda: server.state_of(other) == "running", "both run")
    runner = psutil.Process(agent.runner_pid)
    mend = read_only(agent.spool)
    eventually(lambda: server.state_of(run_id) == "ended", "the frame's end")
    boots = len(server.boots)
    runner.kill()
    agent.await_boot(boots)
    server.refuse_completions_with = None
    assert server.outcome(run_id).exit_status == 5
    assert server.outcome(other).frame.attributes["cuefarm.cause"] == "runner_lost"
    assert processes_with("sleep 4324") == []
    assert refusal_of(agent).code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    mend()
    assert server.outcome(agent.launch("exit 6")).exit_status == 6


def become_another_machines(spool: Path) -> None:
    """As if an agent on another machine had used it last, on a disk that both share."""
    (spool / "machine").write_text("0123456789abcdef node-b\n")
    (spool / "boot").write_text("00000000-0000-0000-0000-000000000000 1700000000\n")


def test_a_spool_whose_runs_may_go_on_on_another_machine_is_refused(server: FakeServer, make_agent: MakeAgent) -> None:
    """It would tell that they are lost while they run; the words name the way out."""
    agent = make_agent()
    run_id = agent.launch("sleep 60")
    eventually(lambda: server.state_of(run_id) == "running", "the frame runs")
    agent.leave()
    become_another_machines(agent.spool)
    ended = subprocess.run(agent.words, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (78, 1)
    assert "has runs of another machine, node-b" in ended.stderr
    assert f"delete {agent.spool}/machine" in ended.stderr
    assert server.completions_of(run_id) == []
    stop = [sys.executable, "-m", "rqd", "stop", "--spool", str(agent.spool)]
    stopped = subprocess.run(stop, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert stopped.returncode == 1
    assert "has runs of another machine, node-b" in stopped.stderr
    (agent.spool / "machine").unlink()
    agent.start()
    eventually(lambda: server.state_of(run_id) == "running", "it is taken over")
    agent.kill(run_id=run_id)
    server.outcome(run_id)


def test_a_spool_of_another_machine_without_runs_is_taken(server: FakeServer, make_agent: MakeAgent) -> None:
    """There is nothing that could be lost."""
    agent = make_agent()
    agent.stop()
    become_another_machines(agent.spool)
    agent.start()
    assert "node-b" not in (agent.spool / "machine").read_text()


def test_a_machine_that_gets_another_id_while_it_runs_keeps_its_spool(
    server: FakeServer, make_agent: MakeAgent
) -> None:
    """Its boot is the same, and no other machine has that."""
    agent = make_agent()
    run_id = agent.launch("sleep 60")
    agent.leave()
    (agent.spool / "machine").write_text("0123456789abcdef node-b\n")
    agent.start()
    eventually(lambda: server.state_of(run_id) == "running", "it is taken over")
    agent.kill(run_id=run_id)
    server.outcome(run_id)


def test_machines_that_share_a_home_have_spools_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of an earlier version is found where this machine had it, and left to the machine that had it where not."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    own = str(tmp_path / "cuefarm" / socket.gethostname() / "rqd")
    assert default_spool() == own
    former = tmp_path / "cuefarm" / "rqd"
    former.mkdir(parents=True)
    (former / "boot").write_text("00000000-0000-0000-0000-000000000000 1700000000\n")
    book = Book.open(str(former / "book"))
    book.head["host_name"] = "node-b"
    assert default_spool() == own
    book.head["host_name"] = socket.gethostname()
    assert default_spool() == str(former)
    book.head["host_name"] = "node-b"
    book.close()
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    (former / "boot").write_text(f"{boot_id} 1700000000\n")
    assert default_spool() == str(former)
    Path(own).mkdir(parents=True)
    assert default_spool() == own


def test_a_log_folder_that_is_deleted_costs_nothing(server: FakeServer, make_agent: MakeAgent) -> None:
    """A frame that runs there ends as it would; the next one's folder is made again."""
    agent = make_agent()
    run_id = agent.launch("sleep 1; echo Error: no; exit 5")
    eventually(lambda: server.state_of(run_id) == "running", "the frame runs")
    shutil.rmtree(agent.logs)
    outcome = server.outcome(run_id)
    assert (outcome.exit_status, outcome.frame.attributes["cuefarm.cause"]) == (5, "exited")
    assert server.outcome(agent.launch("echo again")).exit_status == 0
    assert "\nagain\n" in agent.log_of()

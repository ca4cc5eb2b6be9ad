"""What happens when a host runs low on memory, and what it cannot get back."""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, Optional

import grpc
import pytest
from agent_farm import AgentProcess, FakeServer, eventually
from hanging_disk import HangingDisk

from rqd.platform import Memory, host_memory
from rqd.runner.run import Run
from rqd.runner.shortage import Shortage
from rqd.supervisor.book import Book

pytestmark = pytest.mark.slow

MakeAgent = Callable[..., AgentProcess]
GIB_KB = 1 << 20
HOLD = f"exec {sys.executable} -c 'import time; held = bytes([1]) * (80 << 20); time.sleep(60)'"


class Machine:
    """A platform of which only the memory is asked."""

    def __init__(self, available_kb: int) -> None:
        self.available_kb = available_kb

    def memory(self) -> Memory:
        """What the test says."""
        return Memory(64 * GIB_KB, self.available_kb)


class Host:
    """A host that runs low, with runs in a book of its own."""

    def __init__(self, folder: Path, low_mb: Optional[int] = None) -> None:
        self._book = Book.open(str(folder / "book"))
        self.machine = Machine(available_kb=100 << 10)
        self.shortage = Shortage(self.machine, low_mb)  # type: ignore[arg-type]
        self.runs: list[Run] = []

    def run(self, reserved_kb: int, held_kb: int) -> Run:
        """A run that has so much reserved, and holds so much."""
        names = ("frame_id", "frame_name", "job_id", "job_name", "layer_id")
        identity: dict[str, Any] = {
            **dict.fromkeys(names, "x"),
            "log_parts": ["x", "x"],
            "run_id": f"run-{len(self.runs)}",
        }
        identity |= {"core_units": 100, "gpus": 0, "memory_kb": reserved_kb}
        run = Run(identity, "/logs/x", 0, self._book.take(identity["run_id"]))
        run.page["rss_kb"] = held_kb
        self.runs.append(run)
        return run

    def chosen(self) -> Optional[Run]:
        """Which run has to go."""
        found = self.shortage.run_to_end([run for run in self.runs if run.outcome is None])
        return found[0] if found else None


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """With 100 MB left of 64 GiB."""
    return Host(tmp_path)


def test_the_run_furthest_over_its_reservation_goes_first(host: Host) -> None:
    """Not the largest; the words say why."""
    host.run(reserved_kb=40 * GIB_KB, held_kb=39 * GIB_KB)
    host.run(reserved_kb=1 * GIB_KB, held_kb=2 * GIB_KB)
    over = host.run(reserved_kb=2 * GIB_KB, held_kb=5 * GIB_KB)
    found = host.shortage.run_to_end(host.runs)
    assert found is not None
    run, cause, words = found
    assert (run, cause) == (over, "memory")
    assert "low on memory (100 MB available, low is below 1024 MB)" in words
    assert "it held 5120 MB of 2048 MB" in words


def test_where_no_run_is_over_its_reservation_the_choice_is_the_kernels(host: Host) -> None:
    """Also where nobody said what is reserved."""
    host.run(reserved_kb=2 * GIB_KB, held_kb=2 * GIB_KB)
    host.run(reserved_kb=0, held_kb=5 * GIB_KB)
    assert host.chosen() is None


def test_one_shortage_costs_one_run(host: Host) -> None:
    """The next one goes only when the first is gone and the host is low all the same."""
    first = host.run(reserved_kb=1 * GIB_KB, held_kb=5 * GIB_KB)
    second = host.run(reserved_kb=1 * GIB_KB, held_kb=4 * GIB_KB)
    assert host.chosen() is first
    assert host.chosen() is None
    first.outcome = {}
    host.machine.available_kb = 5 * GIB_KB
    assert host.chosen() is None
    host.machine.available_kb = 100 << 10
    assert host.chosen() is second


def test_a_run_that_cannot_be_ended_does_not_save_the_others(host: Host) -> None:
    """What it holds does not come back."""
    first = host.run(reserved_kb=1 * GIB_KB, held_kb=5 * GIB_KB)
    second = host.run(reserved_kb=1 * GIB_KB, held_kb=4 * GIB_KB)
    assert host.chosen() is first
    first.page["unkillable"] = 1
    assert host.chosen() is second


@pytest.mark.parametrize(
    ("low_mb", "available_kb", "is_low"), [(0, 0, False), (50, 51 << 10, False), (50, 40 << 10, True)]
)
def test_an_operator_may_say_what_is_low(tmp_path: Path, low_mb: int, available_kb: int, is_low: bool) -> None:
    """Or that nothing is."""
    host = Host(tmp_path, low_mb)
    host.machine.available_kb = available_kb
    host.run(reserved_kb=1 * GIB_KB, held_kb=5 * GIB_KB)
    assert (host.chosen() is not None) == is_low


def test_a_control_group_may_have_less_left_than_the_machine(tmp_path: Path) -> None:
    """Files that nobody uses are given back; a group without a limit counts for nothing."""
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    for folder, most, current in ((inner, "max", 0), (outer, str(400 << 20), 350 << 20)):
        folder.mkdir()
        (folder / "memory.max").write_text(f"{most}\n")
        (folder / "memory.current").write_text(f"{current}\n")
        (folder / "memory.stat").write_text("anon 1\ninactive_file 10485760\nactive_file 9\n")
    assert host_memory.narrowest([str(inner), str(outer)]) == Memory(400 << 10, 60 << 10)
    assert host_memory.narrowest([str(inner)]).total_kb == host_memory.machine().total_kb


# --- with a real agent -----------------------------------------------------------------------------------------------


def test_a_host_that_runs_low_ends_what_took_more_than_was_reserved(server: FakeServer, make_agent: MakeAgent) -> None:
    """With the memory status; its neighbour goes on."""
    agent = make_agent("--memory-low-mb", str(1 << 30))
    neighbour = agent.launch("sleep 60", num_cores=10, environment={"CUE_MEMORY": "500000"})
    over = agent.launch(HOLD, num_cores=10, environment={"CUE_MEMORY": "30000"})
    report = server.outcome(over)
    attributes = report.frame.attributes
    assert (report.exit_status, report.exit_signal, attributes["cuefarm.cause"]) == (33, 0, "memory")
    assert "furthest over its reservation" in attributes["cuefarm.kill_message"]
    assert report.frame.max_rss > 80_000
    assert "furthest over its reservation" in agent.log_of()
    assert server.state_of(neighbour) == "running"


@pytest.fixture
def hanging_disk(tmp_path: Path) -> Iterator[HangingDisk]:
    """A disk on which everything hangs until it is let go."""
    disk = HangingDisk(tmp_path / "hanging")
    yield disk
    disk.let_go()


def test_what_cannot_be_ended_is_reported_and_keeps_its_cores_under_every_runner(
    server: FakeServer, make_agent: MakeAgent, hanging_disk: HangingDisk, tmp_path: Path
) -> None:
    """Until it is gone: then its outcome comes, and the cores are free."""
    agent = make_agent("--cores", "1")
    marker = uuid.uuid4()
    run_id = agent.launch(f": {marker}; read line < {tmp_path}/hanging/scene", environment={"CUE_MEMORY": "500000"})
    hanging_disk.await_victim()
    agent.kill(run_id=run_id)
    eventually(lambda: "still there after SIGKILL (1): " in server.said_of(run_id, "cuefarm.stuck"), "it is reported")
    assert server.state_of(run_id) == "running"
    assert server.reports[-1].core_info.booked_cores == 100
    agent.kill_runner()
    reports = len(server.reports)
    eventually(lambda: len(server.reports) > reports + 1 and server.state_of(run_id), "the next runner reports it")
    assert server.said_of(run_id, "cuefarm.stuck")
    assert agent.launch_refused("true") == grpc.StatusCode.RESOURCE_EXHAUSTED
    hanging_disk.let_go()
    assert server.outcome(run_id).frame.attributes["cuefarm.cause"] == "killed"
    assert server.outcome(agent.launch("true")).exit_status == 0


def test_the_outcome_names_what_was_left_behind(shared_server: FakeServer, shared_agent: AgentProcess) -> None:
    """By pid and name, as the log does."""
    report = shared_server.outcome(shared_agent.launch("setsid sleep 60 & sleep 0.2"))
    assert report.exit_status == 0
    assert re.fullmatch(r"\d+ \(sleep\)", report.frame.attributes["cuefarm.left_behind"])

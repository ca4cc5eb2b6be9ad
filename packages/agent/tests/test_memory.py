"""How much memory a run is said to hold."""

from __future__ import annotations

import signal
import sys
import uuid
from typing import Callable

import pytest

from rqd.platform import memory
from rqd.platform.memory import MemoryMeter, proportional_kb

from .farm import AgentProcess, FakeServer, eventually

MakeAgent = Callable[..., AgentProcess]
MACHINE_KB = 64 << 20
MB = 1024

SHARED = """
import os, sys, time
block = bytearray(150 << 20)
for at in range(0, len(block), 4096):
    block[at] = 1
for _ in range(6):
    if not os.fork():
        time.sleep(60)
time.sleep(60)
"""


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[int, int]]:
    """Processes that are not there: the resident and the proportional size of each, in KiB."""
    known: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(
        memory, "_resident_sizes", lambda pids: ({pid: known[pid][0] for pid in pids if pid in known}, 0)
    )
    monkeypatch.setattr(memory, "_proportional_size", lambda pid, resident_kb: known[pid][1])
    return known


def measure(meter: MemoryMeter, *pids: int, later: tuple[int, ...] = ()) -> int:
    """Measure one run."""
    return meter.measure({1: pids}, lambda: {1: later or pids})[1].rss_kb


def test_what_processes_share_counts_once(server: FakeServer, make_agent: MakeAgent) -> None:
    """Seven processes with 150 MB in common hold hardly more, while they run and in the end."""
    agent = make_agent()
    script = agent.folder / "shared.py"
    script.write_text(SHARED)
    run_id = agent.launch(f"{sys.executable} {script} {uuid.uuid4()}")

    def seen() -> list[int]:
        return [f.rss for r in list(server.reports) for f in r.frames if f.resource_id == run_id and f.rss > 150_000]

    eventually(lambda: len(seen()) > 10, "it is measured again and again")
    agent.kill(run_id=run_id)
    report = server.outcome(run_id)
    assert max(*seen(), report.frame.max_rss) < 260_000


def test_a_single_process_holds_what_it_holds(sizes: dict[int, tuple[int, int]]) -> None:
    """Nothing is walked through for it."""
    sizes[7] = (500 * MB, 1)
    assert measure(MemoryMeter(MACHINE_KB), 7) == 500 * MB


def test_small_processes_beside_a_large_one_are_added(sizes: dict[int, tuple[int, int]]) -> None:
    """What a shell and its tools could share is not worth a walk."""
    sizes.update({7: (9000 * MB, 1), 8: (2 * MB, 1), 9: (3 * MB, 1)})
    assert measure(MemoryMeter(MACHINE_KB), 7, 8, 9) == 9005 * MB


def test_no_run_holds_more_than_the_machine_has(sizes: dict[int, tuple[int, int]]) -> None:
    """Whatever the kernel says."""
    sizes.update({7: (900 * MB, 900 * MB), 8: (900 * MB, 900 * MB)})
    assert measure(MemoryMeter(1000 * MB), 7, 8) == 1000 * MB


def test_processes_that_come_while_one_counts_spoil_no_figure(sizes: dict[int, tuple[int, int]]) -> None:
    """Such a count is not used; until there is a good one, the largest process is what is known."""
    meter = MemoryMeter(MACHINE_KB)
    sizes.update({7: (600 * MB, 300 * MB), 8: (600 * MB, 300 * MB), 9: (600 * MB, 200 * MB)})
    assert measure(meter, 7, 8, later=(7, 8, 9)) == 600 * MB
    sizes.update({7: (600 * MB, 210 * MB), 8: (600 * MB, 210 * MB)})
    assert measure(meter, 7, 8, 9) == 620 * MB


def test_a_run_that_changes_is_measured_again_at_once(sizes: dict[int, tuple[int, int]]) -> None:
    """One that stays as it is rests, however often it is asked for."""
    meter = MemoryMeter(MACHINE_KB)
    sizes.update({7: (600 * MB, 400 * MB), 8: (600 * MB, 400 * MB)})
    assert measure(meter, 7, 8) == 800 * MB
    meter._held[1].due_at = float("inf")
    sizes.update({7: (610 * MB, 500 * MB)})
    assert measure(meter, 7, 8) == 800 * MB
    sizes.update({7: (900 * MB, 800 * MB)})
    assert measure(meter, 7, 8) == 1200 * MB


def test_what_is_too_dear_to_walk_through_is_like_its_kind(sizes: dict[int, tuple[int, int]]) -> None:
    """Of many equal giants some are measured; a giant among dwarfs counts in full."""
    giant = memory.RUN_BUDGET_KB // 4
    sizes.update(dict.fromkeys(range(10), (giant, giant // 10)))
    assert proportional_kb(dict.fromkeys(range(10), giant)) == pytest.approx(giant, rel=0.01)
    sizes.update({1: (100, 10), 2: (5 * giant, 5 * giant)})
    assert proportional_kb({1: 100, 2: 5 * giant}) == 10 + 5 * giant


def test_the_runners_own_size_is_not_a_frames_peak(server: FakeServer, make_agent: MakeAgent) -> None:
    """A small frame that was measured while it ran is as small in its outcome."""
    agent = make_agent()
    run_id = agent.launch("exec sleep 60")
    eventually(
        lambda: any(f.resource_id == run_id and f.rss > 0 for report in server.reports[-1:] for f in report.frames),
        "it is measured",
    )
    agent.kill(run_id=run_id)
    report = server.outcome(run_id)
    assert report.exit_signal == signal.SIGTERM
    assert 0 < report.frame.max_rss < 8_000


def test_of_a_frame_that_nobody_measured_no_size_is_told(server: FakeServer, make_agent: MakeAgent) -> None:
    """Not the runner's own, which the kernel counts for the moment before the frame is a program of its own."""
    agent = make_agent("--report-seconds", "60")
    for command in ("exit 3", "no-such-program", "kill -9 $$"):
        report = server.outcome(agent.launch(command))
        assert report.frame.max_rss == 0
        assert 0 < int(report.frame.attributes["cuefarm.max_rss_below_kb"]) < 100_000
    assert "maxrss              0\n" in agent.log_of()


def test_what_the_kernel_saw_of_a_short_frame_is_told(server: FakeServer, make_agent: MakeAgent) -> None:
    """A frame larger than the runner that ended between two measurements."""
    agent = make_agent("--report-seconds", "60")
    report = server.outcome(agent.launch(f"{sys.executable} -c \"x = b'x' * (200 << 20)\""))
    assert 200_000 < report.frame.max_rss < 300_000
    assert "cuefarm.max_rss_below_kb" not in report.frame.attributes

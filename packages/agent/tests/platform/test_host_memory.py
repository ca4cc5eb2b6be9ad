"""How much memory a run is said to hold."""

from __future__ import annotations

import signal
import sys
import uuid
from typing import Callable

from agent_farm import AgentProcess, FakeServer, eventually

MakeAgent = Callable[..., AgentProcess]

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


def test_of_a_frame_that_was_too_short_to_be_measured_the_kernel_tells_the_size(
    server: FakeServer, make_agent: MakeAgent
) -> None:
    """Its largest process, and not what the agent held at the moment of the start."""
    agent = make_agent("--report-seconds", "60")
    for command in ("exit 3", "no-such-program", "kill -9 $$"):
        assert 0 < server.outcome(agent.launch(command)).frame.max_rss < 8_000
    report = server.outcome(agent.launch(f"{sys.executable} -c \"x = b'x' * (200 << 20)\""))
    assert 200_000 < report.frame.max_rss < 300_000

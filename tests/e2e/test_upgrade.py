"""An agent is upgraded in the middle of a job."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from .farm_process import FarmProcess, layer, wait_for

FRAMES = 40
RUNS = "echo x >> RAN/#IFRAME#; sleep 1; while [ #IFRAME# -gt 30 ] && [ ! -e RAN/go ]; do sleep 0.1; done"


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[FarmProcess]:
    """A farm with one agent."""
    farm = FarmProcess(tmp_path / "farm")
    yield farm.start()
    farm.cleanup()


def test_an_upgrade_of_the_agent_costs_no_frame(farm: FarmProcess, tmp_path: Path) -> None:
    """`rqd restart`, three times: no frame is lost, runs twice, or is charged."""
    ran = tmp_path / "ran"
    ran.mkdir()
    job = farm.launch("upgrade", layer("render", RUNS.replace("RAN", str(ran)), f"1-{FRAMES}"))
    (agent,) = farm.agents()
    spool = next(word for word in agent.cmdline() if "agent-" in word)
    for _ in range(3):
        begun = len(list(ran.iterdir()))
        wait_for(lambda begun=begun: len(list(ran.iterdir())) > min(begun, FRAMES - 1), 30, "more frames to begin")
        restarted = farm.run("rqd", "restart", "--spool", spool)
        assert restarted.returncode == 0, restarted.stderr
    assert farm.agents() == [agent], "the same process all the time"
    (ran / "go").touch()
    farm.wait_job(job)
    frames = job.getFrames()
    assert [frame.data.retry_count for frame in frames] == [0] * FRAMES
    assert {(frame.data.state, frame.data.exit_status) for frame in frames} == {
        (farm.connect().api.job_pb2.SUCCEEDED, 0)
    }
    assert {path.name: path.read_text() for path in ran.iterdir() if path.name != "go"} == {
        str(number): "x\n" for number in range(1, FRAMES + 1)
    }
    assert farm.stop() == 0


def test_an_agent_of_up_that_was_ended_is_started_again_and_takes_over(farm: FarmProcess, tmp_path: Path) -> None:
    """Its frame goes on meanwhile, and runs once; the end of `up` ends frames."""
    job = farm.launch(
        "adopted",
        layer("one", f"echo x >> {tmp_path}/one; while [ ! -e {tmp_path}/go ]; do sleep 0.1; done", "1"),
        layer("two", f"echo x >> {tmp_path}/two; sleep 300", "1"),
    )
    wait_for(lambda: (tmp_path / "one").exists() and (tmp_path / "two").exists(), 30, "the frames to run")
    (agent,) = farm.agents()
    agent.send_signal(signal.SIGTERM)
    agent.wait(20)
    (successor,) = wait_for(farm.agents, 30, "another agent")
    assert successor.pid != agent.pid
    (tmp_path / "go").touch()
    succeeded = farm.connect().api.job_pb2.SUCCEEDED
    wait_for(lambda: job.getFrames(layer=["one"])[0].data.state == succeeded, 30, "the frame to be told")
    assert farm.stop() == 0
    assert "1 frame goes back to waiting" in farm.words()
    assert (tmp_path / "one").read_text() == "x\n"
    assert (tmp_path / "two").read_text() == "x\n"

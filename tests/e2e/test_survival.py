"""What a farm survives: its server, its link, its runner killed in the middle of a job."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from farm_process import FarmProcess, layer, send, wait_for

NewFarm = Callable[..., FarmProcess]
FRAMES = 30


def recording(folder: Path, seconds: float) -> str:
    """A command that writes down each start and each end of a frame."""
    file = f"{folder}/#IFRAME#"
    return f"echo start >> {file}; sleep {seconds}; echo end >> {file}"


def started(folder: Path) -> int:
    return len(list(folder.iterdir()))


def assert_each_ran_once(folder: Path, frames: int = FRAMES) -> None:
    for number in range(1, frames + 1):
        words = (folder / str(number)).read_text().split()
        assert words == ["start", "end"], f"frame {number}: {words}"


@pytest.mark.parametrize(
    "moment",
    [
        "launched",
        pytest.param("first frames run", marks=pytest.mark.proof),
        "in the middle",
        pytest.param("last frames run", marks=pytest.mark.proof),
    ],
)
def test_killed_server(new_farm: NewFarm, tmp_path: Path, moment: str) -> None:
    """After SIGKILL of the server and another `up`, the job goes on and every frame has run exactly once."""
    farm, out = new_farm(), tmp_path / "out"
    out.mkdir()
    job = farm.launch("survive", layer("work", recording(out, 0.2), f"1-{FRAMES}"))
    seen = {"launched": 0, "first frames run": 1, "in the middle": FRAMES // 2, "last frames run": FRAMES - 2}[moment]
    wait_for(lambda: started(out) >= seen, 30, moment)
    farm.kill_server()
    time.sleep(0.3)  # frames end while nobody listens
    farm.start()
    assert farm.wait_job(job).succeededFrames() == FRAMES
    assert_each_ran_once(out)


@pytest.mark.proof
def test_killed_again_and_again(new_farm: NewFarm, tmp_path: Path) -> None:
    """A server that is killed five times in one job still runs every frame exactly once."""
    farm, out = new_farm(), tmp_path / "out"
    out.mkdir()
    job = farm.launch("stubborn", layer("work", recording(out, 0.15), f"1-{FRAMES}"))
    for round_number in range(1, 6):
        wait_for(lambda n=round_number: started(out) >= n * FRAMES // 6, 30, f"round {round_number}")
        farm.kill_server()
        farm.start()
    assert farm.wait_job(job).succeededFrames() == FRAMES
    assert_each_ran_once(out)


def test_killed_link(new_farm: NewFarm, tmp_path: Path) -> None:
    """SIGKILL of the agent's link loses no frame and no exit status."""
    farm, out = new_farm(), tmp_path / "out"
    out.mkdir()
    job = farm.launch("link", layer("work", recording(out, 0.3), f"1-{FRAMES}"))
    for count in (1, FRAMES // 2):
        wait_for(lambda n=count: started(out) >= n, 30, "frames to run")
        link = wait_for(farm.link, 10, "a link")
        send(link, signal.SIGKILL)
        wait_for(lambda old=link.pid: (now := farm.link()) and now.pid != old, 10, "another link")
    assert farm.wait_job(job).succeededFrames() == FRAMES
    assert_each_ran_once(out)


def test_killed_runner(new_farm: NewFarm, tmp_path: Path) -> None:
    """SIGKILL of the runner, again and again, costs no frame: each runs once, to its own end."""
    farm, out = new_farm(), tmp_path / "out"
    out.mkdir()
    job = farm.launch("runner", layer("work", recording(out, 3), "1-6"))
    wait_for(lambda: started(out) >= 1, 30, "frames to run")
    for _ in range(2):
        (runner,) = farm.agents()
        send(runner, signal.SIGKILL)
        wait_for(lambda old=runner.pid: any(one.pid != old for one in farm.agents()), 20, "another runner")
    finished = farm.wait_job(job, 90)
    assert finished.succeededFrames() == 6
    assert [frame.retries() for frame in finished.getFrames()] == [0] * 6
    assert_each_ran_once(out, 6)


def test_sigterm_returns_frames_uncounted(new_farm: NewFarm, tmp_path: Path) -> None:
    """SIGTERM to `up` ends its agents and their frames, which wait again, uncounted; the next `up` runs them."""
    farm, out = new_farm(), tmp_path / "out"
    out.mkdir()
    job = farm.launch("term", layer("work", f"echo start >> {out}/#IFRAME#; sleep 600", "1-2"))
    wait_for(lambda: started(out) == 2, 30, "both frames to run")
    agents = farm.agents()
    assert farm.stop() == 0
    assert not any(agent.is_running() and agent.status() != "zombie" for agent in agents)
    farm.extra = ("--no-agent",)
    farm.start()
    frames = farm.connect().api.getJob(job.id()).getFrames()
    assert [(int(frame.state()), frame.retries()) for frame in frames] == [(0, 0), (0, 0)]


def test_second_up_refuses(new_farm: NewFarm) -> None:
    """A second `up` on the same folder refuses and names the pid of the first."""
    farm = new_farm("--no-agent")
    second = farm.run("cuefarm", "up", "--data", str(farm.data), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
    assert second.returncode == 75  # it may end: a supervisor tries again
    assert farm.server is not None
    assert f"pid {farm.server.pid}" in second.stderr


def test_agent_is_taken_over(new_farm: NewFarm) -> None:
    """The next `up` goes on with the agent that a killed server left behind."""
    farm = new_farm()
    before = farm.agents()[0].pid
    farm.kill_server()
    farm.start()
    assert [agent.pid for agent in farm.agents()] == [before]

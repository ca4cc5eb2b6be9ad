"""Disks that are full or read-only under a farm: nothing is lost, nothing dies for it, and it goes on by itself."""

from __future__ import annotations

import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from farm_process import FarmProcess, layer, wait_for
from small_disk import SmallDisk, small_disk

FRAMES = 24
SPOOL_FRAMES = 60
FULL_SECONDS = 4.0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small disk."""
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


class Rendering:
    """A farm with a job whose frames write down that they began and ended, on a disk with room."""

    def __init__(self, data: Path, out: Path, frames: int = FRAMES) -> None:
        self.farm = FarmProcess(data)
        self.out = out
        self.frames = frames
        out.mkdir()

    def start(self) -> Any:
        """Start farm and job; returns the job once some of its frames have begun."""
        self.farm.start()
        job = self.launch()
        wait_for(lambda: len(os.listdir(self.out)) >= self.frames // 6, 30, "frames to start")
        return job

    def launch(self) -> Any:
        """Launch the job."""
        file = f"{self.out}/#IFRAME#"
        command = f"echo start >> {file}; sleep 0.5; echo end >> {file}"
        return self.farm.launch("render", layer("work", command, f"1-{self.frames}"), job="<maxretries>0</maxretries>")

    def check_all_ran_once(self, job: Any, seconds: float = 100.0) -> None:
        """Wait for the job; each frame has succeeded, and none has ended twice."""
        stats = self.farm.wait_job(job, seconds).data.job_stats
        assert (stats.succeeded_frames, stats.dead_frames) == (self.frames, 0)
        for number in range(1, self.frames + 1):
            assert (self.out / str(number)).read_text().split().count("end") == 1, number


@pytest.fixture
def made(tmp_path: Path) -> Iterator[list[Rendering]]:
    """Farms that end with the test, before its disk does."""
    farms: list[Rendering] = []
    yield farms
    for rendering in farms:
        rendering.farm.cleanup()


def readiness(farm: FarmProcess) -> tuple[int, str]:
    """Status and text of /readyz."""
    try:
        with urllib.request.urlopen(f"http://{farm.http}/readyz", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_full_disk_under_the_whole_farm(disk: SmallDisk, tmp_path: Path, made: list[Rendering]) -> None:
    """Database, logs, spools and the server's own log have no room: it says so, and goes on when there is some."""
    rendering = Rendering(disk.path / "farm", tmp_path / "out")
    made.append(rendering)
    job = rendering.start()
    disk.fill()
    wait_for(lambda: readiness(rendering.farm)[0] == 503, 20, "the server to notice")
    assert "the disk is full; free some space" in readiness(rendering.farm)[1]
    refused = rendering.farm.run("cueadmin", "-pause", job.name(), "-force")
    assert refused.returncode == 1
    assert "nothing was done" in refused.stderr
    time.sleep(FULL_SECONDS)
    disk.free()
    wait_for(lambda: readiness(rendering.farm)[0] == 200, 20, "the server to go on")
    rendering.check_all_ran_once(job)


@pytest.mark.parametrize("how", ["full", pytest.param("read-only", marks=pytest.mark.proof)])
def test_a_log_disk_that_takes_nothing(disk: SmallDisk, tmp_path: Path, made: list[Rendering], how: str) -> None:
    """Frames wait for it, the cause is told, and those whose logs break off succeed all the same."""
    data = tmp_path / "farm"
    data.mkdir()
    (disk.path / "logs").mkdir()
    (data / "logs").symlink_to(disk.path / "logs")
    rendering = Rendering(data, tmp_path / "out")
    made.append(rendering)
    if how == "full":
        job = rendering.start()
        disk.fill()
    else:  # which the system allows only while nothing is open for writing
        rendering.farm.start()
        disk.make_read_only(True)
        job = rendering.launch()

    def told() -> bool:
        return "cannot be written" in rendering.farm.run("cueadmin", "-explain", job.name()).stdout

    wait_for(told, 30, "the cause to be told")
    time.sleep(FULL_SECONDS)
    assert rendering.farm.connect().api.getJob(job.id()).deadFrames() == 0
    if how == "full":
        disk.free()
    else:
        disk.make_read_only(False)
    rendering.check_all_ran_once(job)


@pytest.mark.timeout(240)  # the host is held for up to a minute after its last refusal
def test_a_spool_disk_that_is_full(disk: SmallDisk, tmp_path: Path, made: list[Rendering]) -> None:
    """The agent takes nothing that it could not remember, tells why, and what ends meanwhile is not lost."""
    data = tmp_path / "farm"
    (data / "run").mkdir(parents=True, mode=0o700)
    (data / "run" / f"agent-{socket.gethostname().split('.')[0]}").symlink_to(disk.path)
    rendering = Rendering(data, tmp_path / "out", SPOOL_FRAMES)
    made.append(rendering)
    job = rendering.start()
    assert (disk.path / "lock").exists(), os.listdir(data / "run")
    disk.fill()

    def told_or_done() -> bool:
        words = rendering.farm.run("cueadmin", "-explain", job.name()).stdout
        return "cannot write its spool" in words or len(os.listdir(rendering.out)) == SPOOL_FRAMES

    wait_for(told_or_done, 40, "the cause to be told, or frames that all find room in what earlier ones gave back")
    time.sleep(FULL_SECONDS)
    assert rendering.farm.connect().api.getJob(job.id()).deadFrames() == 0
    disk.free()
    rendering.check_all_ran_once(job)

"""Yesterday's job is found again: what failed, why, and what it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable

from farm_process import FarmProcess, layer, wait_for

FAILS = "sh -c 'echo reading the scene; echo Error: no texture wood.tx; exit 3'"


def test_why_a_frame_failed_outlives_its_job_and_the_server(new_farm: Callable[..., FarmProcess]) -> None:
    """Cause, attempts and logs of a dead frame are told while it is dead, after its job, and after a restart."""
    farm = new_farm()
    job = farm.launch("wood", layer("work", FAILS, "1-2"), job="<maxretries>1</maxretries>")
    name = job.name()
    wait_for(lambda: farm.connect().api.getJob(job.id()).deadFrames() == 2, 30, "both frames to die")
    explained = farm.run("cueadmin", "-explain", name)
    assert "2 frames dead: exit status 3" in explained.stdout, explained.stdout + explained.stderr
    assert f"`cueadmin -log {name} work " in explained.stdout
    assert "exit status 3" in farm.run("cueadmin", "-ll").stdout
    _tells_all(farm, name)

    assert farm.run("cueadmin", "-eat-frames", name, "work", "1-2", "-force").returncode == 0
    farm.wait_job(job)
    assert f"{name} FINISHED" in farm.run("cueadmin", "-lj", "-finished", "wood").stdout
    farm.kill_server()
    farm.start()
    assert f"{name}: FINISHED" in farm.run("cueadmin", "-lji", name).stdout
    assert farm.run("cueadmin", "-explain", name).returncode == 0
    _tells_all(farm, name)

    retried = farm.run("cueadmin", "-retry-frames", name, "work", "1", "-force")
    assert retried.returncode == 0, retried.stderr
    wait_for(lambda: farm.connect().api.findJob(name).deadFrames() == 1, 30, "the frame to run again and die")
    assert _attempts(farm, name)[0] >= 3


def _tells_all(farm: FarmProcess, name: str) -> None:
    """Runs and logs of frame 1, both of its attempts."""
    assert _attempts(farm, name) == [2, 1]
    table = farm.run("cueadmin", "-runs", name, "work", "1").stdout
    assert table.count("exit status 3") == 2, table
    for attempt in ("1", "2"):
        log = farm.run("cueadmin", "-log", name, "work", "1", "-attempt", attempt, "-f")
        assert log.returncode == 0, log.stderr
        assert "\nError: no texture wood.tx\n" in log.stdout
    frame = farm.connect().api.getJobs(job=[name], include_finished=True)[0].getFrames(range="1")[0]
    assert frame.getRuns()[0].exit_status == 3
    assert b"reading the scene" in frame.readLog().data


def _attempts(farm: FarmProcess, name: str) -> list[int]:
    found = farm.run("cueadmin", "-runs", name, "work", "1", "--json")
    assert found.returncode == 0, found.stderr
    return [run["attempt"] for run in json.loads(found.stdout)]

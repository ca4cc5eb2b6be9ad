"""Yesterday's job is found again: what failed, why, and what it wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from farm_process import FarmProcess, layer, spec, wait_for

FAILS = "sh -c 'echo reading the scene; echo Error: no texture wood.tx; exit 3'"


def test_why_a_frame_failed_outlives_its_job_and_the_server(new_farm: Callable[..., FarmProcess]) -> None:
    """Cause, attempts and logs of a dead frame are told while it is dead, after its job, and after a restart."""
    farm = new_farm()
    job = farm.launch("wood", layer("work", FAILS, "1-2"), job="<maxretries>1</maxretries>")
    name = job.name()
    wait_for(lambda: farm.connect().api.getJob(job.id()).deadFrames() == 2, 30, "both frames to die")
    explained = farm.run("cueadmin", "-explain", name)
    assert "    exit status 3: " in explained.stdout, explained.stdout + explained.stderr
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


def test_a_job_that_left_memory_is_told_of_tried_again_and_submitted_anew(tmp_path: Path) -> None:
    """After a restart, by name and by id: what it was submitted with, its state, its frames; and it runs again."""
    folder = tmp_path / "farm"
    folder.mkdir()
    (folder / "cuefarm.toml").write_text("[settings]\nfinished_jobs_in_memory = 0\n")
    farm = FarmProcess(folder)
    try:
        farm.start()
        job = farm.launch("wood", layer("work", "echo rendered", "1-3"))
        farm.wait_job(job)
        farm.await_on_disk(1)
        farm.kill_server()
        farm.start()

        text = spec("wood", layer("work", "echo rendered", "1-3"))
        for word in (job.name(), job.id()[:8]):
            assert farm.run("cueadmin", "-spec", word).stdout == text
            shown = farm.run("cueadmin", "-lj", "-finished", word, "--json")
            assert [(one["id"], one["frames"]["succeeded"]) for one in json.loads(shown.stdout)] == [(job.id(), 3)]
            explained = json.loads(farm.run("cueadmin", "-explain", word, "--json").stdout)
            assert explained["job_id"] == job.id()
            retried = farm.run("cueadmin", "-retry-frames", word, "work", "2")
            assert retried.stdout == f"{job.name()}/work: 1 frame retried\n", retried.stderr
            farm.wait_job(job)
            farm.await_on_disk(1)
        assert len(json.loads(farm.run("cueadmin", "-runs", job.id(), "work", "2", "--json").stdout)) == 3

        (again,) = farm.connect().api.launchSpecAndWait(text)
        farm.wait_job(again)
        assert (again.name(), again.id() == job.id()) == (job.name(), False)
        farm.await_on_disk(2)
        assert "0 in memory, 2 on disk" in farm.run("cuefarm", "doctor", "--data", str(folder)).stdout
    finally:
        farm.cleanup()


def test_runs_and_logs_where_nobody_reads_or_nothing_can_be_stored(new_farm: Callable[..., FarmProcess]) -> None:
    """Runs, a log that is followed, and a new job: no failure for a reader that goes, a line for a full disk."""
    farm = new_farm()
    job = farm.launch("words", layer("work", "sh -c 'while :; do echo a line; sleep 0.01; done'", "1"))
    name = job.name()
    wait_for(lambda: "a line" in farm.run("cueadmin", "-log", name, "work", "1").stdout, 30, "the frame to write")
    for words in (["-runs", name], ["-log", name, "work", "1", "-f"], ["-explain", name], ["-lp"], ["-lh", "--json"]):
        assert _into(farm, "/dev/full", "cueadmin", *words) == (
            1,
            "cueadmin: the output could not be written: No space left on device\n",
        )
        assert _into(farm, None, "cueadmin", *words) == (0, "")
    assert _into(farm, None, "cuefarm", "submit", "--name", "unread", "--", "true") == (0, "")
    assert farm.connect().api.getJobs(substr=["unread"], include_finished=True)
    assert _into(farm, None, "cuefarm", "token", str(farm.data / "one")) == (0, "")
    assert (farm.data / "one").exists()


def _into(farm: FarmProcess, path: str | None, command: str, *words: str) -> tuple[int, str]:
    """Status and stderr of a command whose stdout is a file, or None: a pipe of which nobody has the other end."""
    if path is None:
        reading, out = os.pipe()
        os.close(reading)
    else:
        out = os.open(path, os.O_WRONLY)
    try:
        done = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), command), *words],
            env={**os.environ, "CUEBOT_HOSTS": farm.grpc},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(out)
    return done.returncode, done.stderr


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

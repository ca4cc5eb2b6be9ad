"""One command from a shell to its pictures, and every way that it may end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from farm_process import FarmProcess, wait_for


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test's own."""
    monkeypatch.setenv("OUTLINE_OUTLINE_SESSION_DIR", str(tmp_path / "sessions"))
    monkeypatch.chdir(tmp_path)


def test_frames_are_rendered_and_waited_for(farm: FarmProcess, tmp_path: Path) -> None:
    """Every frame has run with its number, and the end is noticed at once."""
    started = time.monotonic()
    line = f"echo #ZFRAME# > {tmp_path}/out.#IFRAME#"
    done = farm.run("cuefarm", "submit", "--name", "well", "--frames", "1-3", "--cores", "0.1", "--wait", line)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(tmp_path / f"out.{n}").read_text() for n in (1, 2, 3)] == ["0001\n", "0002\n", "0003\n"]
    assert "is done: 3 frames" in done.stdout
    assert time.monotonic() - started < 20


def test_dead_frames_are_named_with_their_cause(farm: FarmProcess) -> None:
    """Status 3, the layer, the frame, and how to go on."""
    line = "test #IFRAME# != 2 || exit 7"
    words = ["--name", "badly", "--frames", "1-3", "--cores", "0.1", "--retries", "0", "--wait"]
    done = farm.run("cuefarm", "submit", *words, line)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "1 frame dead: exit status 7" in done.stderr
    assert "(2 on " in done.stderr
    assert "cueadmin -retry-frames testing-default-" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_killed_job_and_an_interrupted_wait(farm: FarmProcess) -> None:
    """Ctrl-C ends the wait with 130 and leaves the job; killed, the job ends another wait with 4."""
    command = [str(Path(sys.executable).with_name("cuefarm")), "submit", "--server", farm.grpc]
    job = json.loads(subprocess.check_output([*command, "--name", "long", "--json", "sleep 60"], text=True, timeout=60))
    waiting = subprocess.Popen(
        [*command, "--name", "other", "--wait", "sleep 60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert waiting.stdout is not None
        assert "is submitted" in waiting.stdout.readline()
        time.sleep(0.5)
        waiting.send_signal(signal.SIGINT)
        _, words = waiting.communicate(timeout=20)
    finally:
        waiting.kill()
        waiting.wait(10)
    assert waiting.returncode == 130
    assert "goes on. To end it: cueadmin -kill" in words
    opencue = farm.connect()
    other = next(found for found in opencue.api.getJobs() if found.name().endswith("_other"))
    for name in (job["job"], other.name()):
        killed = farm.run("cueadmin", "-kill", name)
        assert (killed.returncode, killed.stdout) == (0, f"{name}: killed\n")
    again = farm.run("cueadmin", "-kill", other.name())
    assert again.returncode == 1
    wait_for(lambda: not opencue.api.getProcs(), 20, "the runs to be ended")


def test_nothing_done_is_no_success(farm: FarmProcess) -> None:
    """Frames that do not exist, do not run, or a job that is paused already: 1, with the reason."""
    submitted = farm.run(
        "cuefarm", "submit", "--name", "still", "--frames", "1-10", "--pause", "--json", "echo #IFRAME#"
    )
    name = json.loads(submitted.stdout)["job"]
    for words, reason in (
        (("-retry-frames", name, "echo", "5000-5010"), "it has no frames 5000-5010, only 1-10"),
        (("-kill-frames", name, "echo", "1-3"), "frames 1-3 are not running"),
        (("-retry", name), "it has no dead frame"),
        (("-pause", name), "it was paused already"),
        (("-drop-depends", name), "it depends on nothing"),
    ):
        done = farm.run("cueadmin", "-force", *words)
        assert (done.returncode, done.stdout) == (1, ""), words
        assert reason in done.stderr
    eaten = farm.run("cueadmin", "-force", "-eat-frames", name, "echo", "9-12")
    assert (eaten.returncode, eaten.stdout.split(";")[0]) == (0, f"{name}/echo: 2 frames eaten")
    assert "it has no frames 11-12" in eaten.stderr
    assert farm.run("cueadmin", "-kill", name).returncode == 0

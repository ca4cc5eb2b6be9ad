"""The commands beside cueadmin, typed against a live farm: what they print, do and return."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from farm_process import FarmProcess, layer, spec, wait_for


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test's own."""
    monkeypatch.setenv("OUTLINE_OUTLINE_SESSION_DIR", str(tmp_path / "sessions"))
    monkeypatch.chdir(tmp_path)


def agent_address(farm: FarmProcess) -> str:
    """Where the farm's agent answers, as its spool says."""
    path = wait_for(lambda: next((farm.data / "run").glob("agent-*/address"), None), 20, "the agent to listen")
    return str(path.read_text().strip())


def test_cuecmd_runs_the_lines_of_a_file(farm: FarmProcess, tmp_path: Path) -> None:
    """Five commands in frames of two have all run when the wait is over; the fourth, which fails, is said."""
    todo = tmp_path / "todo.txt"
    todo.write_text("".join(f"echo {name} > {tmp_path}/{name}\n\n" for name in "abcde"))
    done = farm.run("cuecmd", "-c", "2", "--cores", "0.1", "--memory", "0.1", "--wait", str(todo))
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(tmp_path / name).read_text() for name in "abcde"] == [f"{name}\n" for name in "abcde"]
    assert "Frame range with chunking of 2: 1-3" in done.stdout
    assert re.search(r"^Successfully launched job: testing-default-\S+_todo$", done.stdout, re.MULTILINE)


def test_cueman_follows_a_job_from_its_launch_to_its_end(farm: FarmProcess) -> None:
    """Frames are listed, reordered, eaten, retried and let go; the numbers are those of the farm."""
    paused = spec("man", layer("work", "exit 1", "1-6")).replace("<paused>False", "<paused>True")
    name = farm.connect().api.launchSpecAndWait(paused)[0].name()

    def man(*words: str) -> tuple[int, str]:
        done = farm.run("cueman", *words)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    assert man("-pause", name) == (1, f"{name}: it was paused already\n")
    status, shown = man("-lf", name, "-range", "2-3")
    assert (status, [line.split()[:2] for line in shown.splitlines()[2:]]) == (
        0,
        [["0002-work", "WAITING"], ["0003-work", "WAITING"]],
    )
    assert man("-force", "-eat", name, "-range", "5-6") == (0, f"{name}: 2 frames eaten\n")
    assert man("-force", "-eat", name, "-range", "5-6", "-state", "waiting") == (1, f"{name}: no frame matches\n")
    assert man("-retries", "2", "-where", "user:ann waiting>0") == (0, f"{name}: retries 2\n")
    assert man("-retries", "0", "-where", "user:ann") == (0, f"{name}: retries 0\n")
    assert man("-resume", name) == (0, f"{name}: resumed\n")
    wait_for(lambda: job_of(farm, name).deadFrames() == 4, 30, "four frames to die")
    status, shown = man("-ll", name)
    assert shown.splitlines()[0] == f"Job: {name} has 1 layers"
    assert [line.split() for line in shown.splitlines() if line.startswith("work")] == [
        ["work", "6", "0", "0", "0", "4"]
    ]
    assert man("-info", name)[0] == 0
    assert man("-autoeaton", name) == (0, f"{name}: failed frames are eaten\n")
    wait_for(lambda: job_of(farm, name).state() == 1, 30, "the job to be over: all frames are eaten")
    assert man("-lf", "nobody")[1].startswith("Error: there is no job 'nobody'")


def job_of(farm: FarmProcess, name: str) -> object:
    """The last job of a name, as it is now."""
    return farm.connect().api.findLastJob(name)


def test_cuerqd_talks_to_the_agent_alone(farm: FarmProcess, tmp_path: Path) -> None:
    """Its state is shown, cores are locked and unlocked, and a frame runs and is killed, by the agent's own word."""
    address = agent_address(farm)

    def rqd(*words: str) -> tuple[int, str]:
        done = farm.run("cuerqd", address, "-force", *words)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    assert json.loads(rqd("-s", "--json")[1])["core_info"].get("locked_cores", 0) == 0
    assert re.fullmatch(r"version = \d\S+\n", rqd("-v")[1])
    assert rqd("--lp", "10", "20") == (0, f"{address}: 10 core units locked\n{address}: 20 core units locked\n")
    assert json.loads(rqd("-s", "--json")[1])["core_info"]["locked_cores"] == 30
    assert rqd("--lh") == (0, f"{address}: locked\n")
    assert json.loads(rqd("-s", "--json")[1])["core_info"].get("idle_cores", 0) == 0
    assert rqd("--ulh") == (0, f"{address}: unlocked\n")
    status, shown = rqd("--nimbyon")
    assert (status, "this agent does not watch who sits at the machine" in shown) == (1, True)
    status, shown = rqd("--test_script_frame")
    assert status == 0, shown
    frame_id = shown.split(":")[0]
    wait_for(lambda: frame_id in rqd("-s")[1], 20, "the frame to run")
    assert frame_id in rqd("--getproxy", frame_id)[1]
    assert rqd("--kill", frame_id) == (0, f"{frame_id}: killed\n")
    wait_for(lambda: rqd("--getproxy", frame_id)[0] == 1, 30, "the frame to be ended")


def test_cuerqd_says_where_nobody_answers(farm: FarmProcess) -> None:
    """An error of one line within seconds names the address and how to name another."""
    started = time.monotonic()
    done = farm.run("cuerqd", "127.0.0.1:1", "-s")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: no agent answers at 127.0.0.1:1 (connection refused); name it as HOST[:PORT]")
    assert time.monotonic() - started < 15


def test_cuesubmit_runs_two_layers_one_after_the_other(farm: FarmProcess, tmp_path: Path) -> None:
    """Frames of the second layer begin when the first is done; what the farm does not know is refused before."""
    words = ["--name", "pair", "--type", "Shell", "--cores", "0.1", "--memory", "256m", "--frames", "1-2"]
    words += ["--layer", "first", "--command", f"echo #IFRAME# > {tmp_path}/out.#IFRAME#"]
    second = ["+", "--type", "Shell", "--layer", "second", "--frames", "1", "--depend", "layer", "--cores", "0.1"]
    second += ["--memory", "256m", "--command", f"cat {tmp_path}/out.1 {tmp_path}/out.2 > {tmp_path}/all"]
    done = farm.run("cuesubmit", "--wait", *words, *second)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "all").read_text() == "1\n2\n"
    assert "is submitted: 3 frames in 2 layers" in done.stdout
    for more, message in (
        (["--show", "tseting"], "there is no show 'tseting'; did you mean testing?"),
        (["--services", "shel"], "there is no service 'shel'; did you mean shell?"),
        (["--limits", "arnold"], "there is no limit 'arnold'"),
    ):
        refused = farm.run("cuesubmit", *words, *more)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert message in refused.stderr


def test_cuesubmits_form_submits(farm: FarmProcess) -> None:
    """Answers from stdin make a job; empty ones take what is offered."""
    answers = ["asked", "", "", "", "Shell", "", "", "true", "", "0.1", "", "", "n"]
    done = farm.run("cuesubmit", "--form", "--wait", input="".join(f"{answer}\n" for answer in answers))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is submitted: 1 frame in 1 layer" in done.stdout

"""What a user does in a second terminal, as he does it."""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from pathlib import Path

import pytest
from farm_process import FarmProcess, layer, spec, wait_for

ROOT = Path(__file__).resolve().parents[2]


def test_turntable(farm: FarmProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pycuerun examples/turntable.outline 1-4` renders every frame and its picture."""
    monkeypatch.setenv("OUTLINE_OUTLINE_SESSION_DIR", str(tmp_path / "sessions"))
    monkeypatch.chdir(tmp_path)
    submitted = farm.run("pycuerun", str(ROOT / "examples" / "turntable.outline"), "1-4")
    assert submitted.returncode == 0, submitted.stderr
    name = re.findall(r"^\s+(\S+)$", submitted.stdout, re.MULTILINE)[-1]
    job = farm.wait_job(farm.connect().api.findJob(name), 90)
    assert job.succeededFrames() == job.totalFrames() > 4


def test_python_script(farm: FarmProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python examples/turntable.py` submits the same job."""
    monkeypatch.setenv("OUTLINE_OUTLINE_SESSION_DIR", str(tmp_path / "sessions"))
    monkeypatch.chdir(tmp_path)
    environment_python = Path(sys.executable).name
    submitted = farm.run(environment_python, str(ROOT / "examples" / "turntable.py"), "1-2")
    assert submitted.returncode == 0, submitted.stderr


def test_cueadmin_lists(farm: FarmProcess) -> None:
    """The lists show the job, its show, the host, the allocation and the subscription that a first start makes."""
    job = farm.launch("lists", layer("work", "sleep 30", "1-2"))
    wait_for(lambda: farm.connect().api.getJob(job.id()).runningFrames() == 2, 20, "both frames to run")
    assert farm.run("cueadmin", "-lj").stdout.splitlines()[0].split()[0]
    for flags, words in (
        (["-lj"], [job.name()]),
        (["-lji"], [job.name()[:40], "testing"]),
        (["-ls"], ["testing"]),
        (["-la"], ["local.general"]),
        (["-lb", "testing"], ["local.general"]),
        (["-lh"], ["Up"]),
        (["-lp"], ["work"]),
        (["-ll"], [".rqlog"]),
    ):
        result = farm.run("cueadmin", *flags)
        assert result.returncode == 0, result.stderr
        for word in words:
            assert word in result.stdout, f"{flags}: {result.stdout}"
    assert json.loads(farm.run("cueadmin", "-lji", "--json").stdout)
    assert farm.run("cueadmin", "-kill", job.name()).returncode == 0
    farm.wait_job(job)
    wait_for(lambda: not farm.connect().api.getProcs(), 20, "the runs to be ended")


def test_pause_priority_explain(farm: FarmProcess) -> None:
    """A paused job books nothing, `-explain` says so, and `-unpause` lets it run."""
    job = farm.launch("paused", layer("work", "true", "1-3"), job="<priority>7</priority>")
    farm.wait_job(job)
    job = farm.launch("held", layer("work", "true", "1-3", more="<tags>nowhere</tags>"))
    explained = farm.run("cueadmin", "-explain", job.name())
    assert "the tag nowhere" in explained.stdout, explained.stdout + explained.stderr
    assert farm.run("cueadmin", "-pause", job.name()).returncode == 0
    assert "paused" in farm.run("cueadmin", "-explain", job.name(), "work").stdout
    assert farm.run("cueadmin", "-priority", job.name(), "150", "-force").returncode == 0
    found = farm.connect().api.findJob(job.name())
    assert (found.priority(), found.isPaused()) == (150, True)
    found.getLayers()[0].setTags(["general"])
    assert farm.run("cueadmin", "-unpause", job.name()).returncode == 0
    assert farm.wait_job(job).succeededFrames() == 3


def test_limits(farm: FarmProcess) -> None:
    """A limit made in Python holds a layer's frames back; raised, renamed and deleted in Python, it lets them run."""
    opencue = farm.connect()
    limit = opencue.api.createLimit("houdini", 0)
    job = farm.launch("licensed", layer("sim", "true", "1-3", more="<limits><limit>houdini</limit></limits>"))
    (sim,) = job.getLayers()
    assert [held.name() for held in sim.getLimitDetails()] == sim.limits() == ["houdini"]
    explained = farm.run("cueadmin", "-explain", job.name(), "sim", "2").stdout
    assert "limit houdini allows 0 frames at once" in explained
    assert "cheapest remedy: raise limit houdini from 0 to 1" in explained
    limit.rename("hython")
    limit.setMaxValue(2)
    assert (limit.name(), limit.maxValue(), limit.limitType().name) == ("hython", 2, "FRAME")
    assert farm.wait_job(job).succeededFrames() == 3
    limit.setLimitType(opencue.wrappers.limit.Limit.LimitType.HOST)
    found = opencue.api.findLimit("hython")
    assert (found.id(), found.limitType().name, found.currentRunning()) == (limit.id(), "HOST", 0)
    sim = opencue.api.getLayer(sim.id())  # waiting for the job has opened another channel
    sim.dropLimit(found.id())
    assert not sim.getLimitDetails()
    sim.addLimit(found.id())
    assert [held.name() for held in sim.getLimitDetails()] == ["hython"]
    advisory = opencue.wrappers.limit.Limit.LimitEnforcement.ADVISORY
    assert opencue.api.createLimit("advised", 3, enforcement=advisory).enforcement() is advisory
    opencue.api.deleteLimit("hython")
    opencue.api.deleteLimit("advised")
    assert opencue.api.getLimits() == []
    with pytest.raises(opencue.exception.EntityNotFoundException, match="hython"):
        opencue.api.findLimit("hython")


def test_failing_frame_and_retry(farm: FarmProcess, tmp_path: Path) -> None:
    """A frame that fails too often is dead with its exit status; once that is mended, `-retry` finishes the job."""
    gate = tmp_path / "gate"
    job = farm.launch("failing", layer("work", f"test -e {gate} || exit 7", "1-2"), job="<maxretries>1</maxretries>")
    wait_for(lambda: farm.connect().api.getJob(job.id()).deadFrames() == 2, 30, "both frames to die")
    frame = farm.connect().api.findFrame(job.name(), "work", 1)
    assert (frame.exitStatus(), frame.retries()) == (7, 1)
    explained = farm.run("cueadmin", "-explain", job.name())
    assert "2 frames failed too often and are dead" in explained.stdout
    logs = farm.run("cueadmin", "-ll", "-job", job.name()).stdout
    assert "ERROR" in logs
    log = Path(re.findall(r"\S+0001-work\.rqlog", logs)[0])
    assert re.search(r"exitStatus\s+7", log.read_text())
    gate.touch()
    assert farm.run("cueadmin", "-retry", job.name(), "-force").returncode == 0
    assert farm.wait_job(job).succeededFrames() == 2


def test_frame_environment_and_log(farm: FarmProcess) -> None:
    """A frame has its tokens and CUE variables, and its log has a header with the run and a footer with the facts."""
    job = farm.launch("env", layer("work", 'echo "frame=#IFRAME# z=#ZFRAME# cue=$CUE_FRAME show=$CUE_SHOW"', "7"))
    finished = farm.wait_job(job)
    log = next(Path(finished.logDir()).glob("*.rqlog")).read_text()
    assert "frame=7 z=0007 cue=0007-work show=testing" in log
    assert "RenderQ JobSpec" in log
    assert "RenderQ Job Complete" in log
    assert (farm.data / "token").read_text().strip() not in log


def test_frames_work_where_the_job_was_launched(
    farm: FarmProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program on the shell's PATH and a file beside the outline are found by frames as by the shell."""
    monkeypatch.setenv("OUTLINE_OUTLINE_SESSION_DIR", str(tmp_path / "sessions"))
    project = tmp_path / "project"
    (project / "bin").mkdir(parents=True)
    tool = project / "bin" / "house-render"
    tool.write_text('#!/bin/sh\ncp "$1" "out.$2"\n')
    tool.chmod(0o755)
    (project / "scene.pov").write_text("sphere")
    command = '["house-render", "scene.pov", "#IFRAME#"]'
    lines = ("from outline.modules.shell import Shell", f'Shell("render", command={command}, range="1-2")', "")
    (project / "scene.outline").write_text("\n".join(lines))
    monkeypatch.chdir(project)
    monkeypatch.setenv("PATH", f"{project / 'bin'}:{os.environ['PATH']}")
    submitted = farm.run("pycuerun", "scene.outline", "1-2")
    assert submitted.returncode == 0, submitted.stderr
    made = [project / "out.1", project / "out.2"]
    wait_for(lambda: all(path.exists() and path.read_text() == "sphere" for path in made), 60, "both frames to render")


def test_each_attempt_keeps_its_log(farm: FarmProcess) -> None:
    """A frame that fails once has the log of its first attempt under that number."""
    once = "test $CUE_ATTEMPT -gt 1 || { echo Error: first time; exit 1; }; echo well"
    job = farm.wait_job(farm.launch("attempts", layer("work", once, "1"), job="<maxretries>1</maxretries>"))
    (latest,) = Path(job.logDir()).glob("*.rqlog")
    assert "\nwell\n" in latest.read_text()
    assert "\nError: first time\n" in Path(f"{latest}.1").read_text()


def test_killed_frame_has_its_signal(farm: FarmProcess) -> None:
    """A frame that a signal ended has the signal's number as its exit status (decisions: signal-status)."""
    job = farm.launch("signal", layer("work", "kill -9 $$", "1"), job="<maxretries>0</maxretries>")
    wait_for(lambda: farm.connect().api.getJob(job.id()).deadFrames() == 1, 30, "the frame to die")
    assert farm.connect().api.findFrame(job.name(), "work", 1).exitStatus() == 9


def test_health(farm: FarmProcess) -> None:
    """/healthz and /readyz answer 200 on a farm that works."""
    for path in ("healthz", "readyz"):
        with urllib.request.urlopen(f"http://{farm.http}/{path}", timeout=5) as answer:
            assert answer.status == 200


def test_doctor(farm: FarmProcess) -> None:
    """`cuefarm doctor` on a folder whose farm runs finds it, and that it answers."""
    result = farm.run("cuefarm", "doctor", "--data", str(farm.data), "--json")
    findings = {finding["what"]: finding for finding in json.loads(result.stdout)}
    assert findings["farm"]["ok"]
    assert findings["farm answers"]["ok"]


def test_opencue_one_liner(farm: FarmProcess) -> None:
    """The one-liner of the README prints the names of the jobs."""
    farm.launch("liner", layer("work", "sleep 1", "1"))
    code = "import opencue; print([j.name() for j in opencue.api.getJobs()])"
    result = farm.run(Path(sys.executable).name, "-c", code)
    assert "testing-sh010-ann_liner" in result.stdout, result.stderr


def test_unknown_show(farm: FarmProcess) -> None:
    """Launching for an unknown show says how to create it; after doing so the launch succeeds."""
    opencue = farm.connect()
    text = spec("newshow", layer("work", "true", "1"), show="dragon")
    with pytest.raises(opencue.CueException, match="cueadmin -create-show dragon"):
        opencue.api.launchSpecAndWait(text)
    assert farm.run("cueadmin", "-create-show", "dragon", "-force").returncode == 0
    assert farm.run("cueadmin", "-create-sub", "dragon", "local.general", "10", "10", "-force").returncode == 0
    assert farm.wait_job(opencue.api.launchSpecAndWait(text)[0]).succeededFrames() == 1

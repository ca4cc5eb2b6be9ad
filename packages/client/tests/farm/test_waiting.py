"""Waiting for a job: until it is over, or until nothing in it can go on by itself."""

from __future__ import annotations

from typing import Any, Callable

import grpc
import pytest
from builders import a_dead_frame, a_depend, a_failure, a_job, a_layer
from opencue_proto import job_pb2

from cue_cli.pycuerun import main as pycuerun
from cuefarm_proto import farm_pb2
from opencue.wrappers.job import Job
from outline.backend import watching
from outline.exception import JobFailedException, JobKilledException

JOB = "demo-sh010-ann_comp"


def at(state: int = job_pb2.PENDING, paused: bool = False, seconds_a_frame: int = 0, **frames: int) -> job_pb2.Job:
    """Return the job with frames in these states."""
    stats = job_pb2.JobStats(**{f"{name}_frames": count for name, count in frames.items()})
    stats.total_frames = sum(frames.values())
    stats.avg_frame_sec = seconds_a_frame
    return a_job(state=state, is_paused=paused, job_stats=stats)


@pytest.fixture
def watch(farm, monkeypatch) -> Callable[..., list[str]]:
    """Give a function that waits for a job that is, look after look, as it is told; it returns what was reported."""
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(watching, "REPORT_SECONDS", 0.0)
    lines: list[str] = []

    def run(*looks: job_pb2.Job) -> list[str]:
        left = list(looks)

        def get(request: Any, context: Any) -> Any:
            assert request.id == f"id-{JOB}"
            return job_pb2.JobGetJobResponse(job=left.pop(0) if len(left) > 1 else left[0])

        farm.JobInterface_GetJob = get
        watching.wait(Job(a_job()), lines.append)
        return lines

    run.lines = lines
    return run


def test_a_job_that_goes_well(watch):
    """Progress in counts with about how long it goes on, then one line that it is done."""
    lines = watch(
        at(waiting=3, succeeded=1, running=2, seconds_a_frame=30),
        at(job_pb2.FINISHED, succeeded=5, eaten=1),
    )
    assert lines == [
        f"{JOB}: 1 of 6 frames done, 2 running, 3 waiting, 0 dead, about 90 s left (0:00)",
        f"{JOB} is over: 5 of 6 frames done, 1 eaten, in 0:00",
    ]


def test_the_first_looks_come_quickly():
    """A short job is not waited for in steps of seconds, and a long one not looked at ten times a second."""
    pauses = [watching.POLL_SECONDS]
    while pauses[-1] < watching.POLL_SECONDS_MAX:
        pauses.append(min(pauses[-1] * watching.POLL_GROWTH, watching.POLL_SECONDS_MAX))
    assert pauses[0] <= 0.2
    assert all(pause <= 0.25 * sum(pauses[:n]) + pauses[0] for n, pause in enumerate(pauses))


def test_a_killed_job_is_no_success(watch):
    """A job that is over with frames that are not done was killed."""
    with pytest.raises(JobKilledException, match="was killed: 2 of 5 frames done"):
        watch(at(running=1, waiting=2, succeeded=2), at(job_pb2.FINISHED, waiting=3, succeeded=2))


def test_dead_frames_end_the_wait_once_nothing_else_runs(farm, watch):
    """While others run it goes on; then the failure names layers, frames, causes, logs and what to do."""
    farm.layers[JOB] = [a_layer("beauty", layer_stats=job_pb2.LayerStats(total_frames=10, dead_frames=3))]
    farm.frames[JOB] = [a_dead_frame(number) for number in (1, 2, 7)]
    farm.failed = [
        a_failure(frames=2, frame_range="1-2"),
        a_failure(frames=1, frame_range="7", hosts=1, exit_status=127, error_line="sh: blenderr: not found"),
        a_failure(state="WAITING"),
    ]
    with pytest.raises(JobFailedException) as caught:
        watch(at(dead=3, running=1, succeeded=6), at(dead=3, succeeded=7))
    assert str(caught.value).splitlines() == [
        f"{JOB} cannot go on: 3 frames dead; 7 of 10 frames done",
        "  beauty: 3 frames dead (1-2,7)",
        "    2 frames dead: exit status 1: Error: no texture wood.tx (1-2 on 2 hosts)",
        "    1 frame dead: exit status 127 (command not found): sh: blenderr: not found (7 on render01)",
        f"    the log of the first: cueadmin -log {JOB} beauty 1",
        f"    to run them again: cueadmin -retry-frames {JOB} beauty 1-2,7",
        f"Why: cueadmin -explain {JOB}",
        f"To end the job: cueadmin -kill {JOB}",
    ]
    assert watch.lines == [f"{JOB}: 6 of 10 frames done, 1 running, 0 waiting, 3 dead (0:00)"]


def held(*codes: str) -> Any:
    """Return what explains that frames are held, for these reasons."""
    reasons = [
        farm_pb2.Reason(code=code, text="they wait for it", remedy="cueadmin -satisfy-dependency …") for code in codes
    ]
    layer = farm_pb2.LayerExplanation(layer_name="comp", depend_frames=2, reasons=reasons)
    return lambda request, context: farm_pb2.ExplainResponse(layers=[layer])


@pytest.mark.parametrize("code", ["WAITS_FOR_DEAD", "WAITS_FOR_EATEN", "WAITS_FOR_ENDED"])
def test_frames_that_wait_in_vain_end_the_wait(farm, watch, code):
    """Frames behind dead or eaten ones, or behind a job that is over, never start by themselves."""
    farm.FarmInterface_Explain = held(code)
    with pytest.raises(JobFailedException) as caught:
        watch(at(depend=2, eaten=1))
    assert str(caught.value).splitlines()[:4] == [
        f"{JOB} cannot go on: 2 frames wait in vain; 0 of 3 frames done, 1 eaten",
        "  comp:",
        "    they wait for it",
        "    cueadmin -satisfy-dependency …",
    ]


def test_frames_that_wait_for_another_job_are_waited_for(farm, watch):
    """While another job can still go on, what depends on it can, too."""
    farm.depends[JOB] = [a_depend(depend_on_job="other")]
    farm.jobs["other"] = a_job("other")
    farm.FarmInterface_Explain = held("WAITS_FOR_DEAD")
    assert watch(at(depend=2), at(depend=2), at(job_pb2.FINISHED, succeeded=2))[-1].startswith(f"{JOB} is done")


def test_a_server_without_reasons_is_judged_by_the_dead(farm, watch):
    """OpenCue's server explains nothing: dead frames and none that runs end the wait."""
    farm.not_offered = {"FarmInterface.Explain"}
    with pytest.raises(JobFailedException, match="1 frame dead and 1 frame waits in vain"):
        watch(at(depend=1, dead=1))


def test_a_paused_job_says_so(watch):
    """The line says that it is paused, and the command that lets it go on; the wait goes on."""
    lines = watch(at(waiting=2, paused=True), at(job_pb2.FINISHED, succeeded=2))
    assert f"it is paused: cueadmin -unpause {JOB}" in lines[0]


def test_a_job_that_finds_no_host_says_why(farm, watch, monkeypatch):
    """When nothing runs for a while, the farm's first reason and its estimate stand in the line."""
    monkeypatch.setattr(watching, "REPORT_SECONDS", -1.0)
    layer = farm_pb2.LayerExplanation(reasons=[farm_pb2.Reason(text="no host has the tag gpu")], starts_in_s=300)
    farm.FarmInterface_Explain = lambda request, context: farm_pb2.ExplainResponse(layers=[layer])
    lines = watch(at(waiting=1), at(job_pb2.FINISHED, succeeded=1))
    assert "0 dead; no host has the tag gpu; it should start in about 5 min" in lines[0]


def test_ctrl_c_says_that_the_job_goes_on(watch, monkeypatch):
    """And how to end it; whoever catches KeyboardInterrupt still does."""

    def press(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("outline.backend.watching.time.sleep", press)
    with pytest.raises(KeyboardInterrupt, match=f"goes on. To end it: cueadmin -kill {JOB}"):
        watch(at(waiting=1))


def test_a_server_that_is_away_for_a_moment_is_waited_for(farm, watch, monkeypatch):
    """The wait survives a restart of the server, and says what it waits for."""
    monkeypatch.setattr(watching, "POLL_SECONDS_MAX", 0.01)
    looks = iter([grpc.StatusCode.UNAVAILABLE] * 5)

    def get(request: Any, context: Any) -> Any:
        status = next(looks, None)
        if status is not None:
            context.set_trailing_metadata([("cuefarm-unavailable", "now")])
            context.abort(status, "the journal cannot be written now")
        return job_pb2.JobGetJobResponse(job=at(job_pb2.FINISHED, succeeded=2))

    monkeypatch.setattr("opencue.retrying.ExponentialBackoff.sleep", lambda self, attempt: None)
    farm.JobInterface_GetJob = get
    lines: list[str] = []
    watching.wait(Job(a_job()), lines.append)
    assert "The job goes on; asking again" in lines[0]
    assert lines[-1].startswith(f"{JOB} is done")


@pytest.mark.parametrize(
    ("last", "status", "words"),
    [
        (at(job_pb2.FINISHED, succeeded=2), 0, ""),
        (at(dead=1, succeeded=1), 3, "cannot go on: 1 frame dead"),
        (at(job_pb2.FINISHED, waiting=2), 4, "was killed: 0 of 2 frames done"),
    ],
)
def test_pycuerun_wait_has_a_status_for_each_end(farm, tmp_path, monkeypatch, capsys, last, status, words):
    """Done is 0, failed 3, killed 4, and the words stand on stderr without a traceback."""
    import outline

    before = outline.config.get("outline", "session_dir")
    outline.config.set("outline", "session_dir", str(tmp_path / "sessions"))
    script = tmp_path / "one.outline"
    script.write_text("from outline.modules.shell import Shell\nShell('work', command='true', range='1-2')\n")
    farm.jobs[JOB] = a_job()
    farm.JobInterface_GetJob = lambda request, context: job_pb2.JobGetJobResponse(job=last)
    try:
        assert pycuerun([str(script), "--wait"]) == status
    finally:
        outline.config.set("outline", "session_dir", before)
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == f"{JOB} is submitted"
    assert words in said.err
    assert "Traceback" not in said.err

"""What cueadmin tells of frames and jobs that were killed, and how they go on."""

from __future__ import annotations

import pytest
from builders import a_failure, a_frame, a_job, a_layer, a_run
from opencue_proto import job_pb2

from cue_cli.cueadmin import main
from cuefarm_proto import farm_pb2

JOB = "demo-sh010-ann_comp"
OPENS = f"`cueadmin -retry-frames {JOB} beauty 1-4` opens it again"
OVER = farm_pb2.Reason(code="JOB_FINISHED", text="the job is over: it was killed with 4 frames not done", remedy=OPENS)


@pytest.fixture
def show(farm, capsys):
    """Run cueadmin and return the lines that it prints; it must succeed."""
    farm.jobs[JOB] = a_job()
    farm.layers[JOB] = [a_layer()]

    def run(*arguments):
        assert main(list(arguments)) == 0
        return capsys.readouterr().out.splitlines()

    return run


def a_kill(**changes):
    """Return a run that ann killed."""
    fields = {"cause": "KILLED", "exit_status": 15, "exit_signal": 15, "message": "by ann on desk (pid 7): too slow"}
    return a_run(**{**fields, **changes})


def explained(**fields):
    """Return what the server says of the layer `beauty`."""
    layer = farm_pb2.LayerExplanation(layer_id="id-beauty", layer_name="beauty", **fields)
    return farm_pb2.ExplainResponse(job_id="id-j", job_name=JOB, summary=OVER.text, layers=[layer])


def test_of_a_frame_that_was_killed_it_is_told_who_did_it_and_how_to_retry_it(farm, show):
    """The record's words stand for the exit status, once; nothing is to be mended."""
    text = "it is dead after 1 run: its last run, on vm, ended with exit status 15"
    dead = farm_pb2.Reason(code="DEAD", count=1, counts="runs", text=text, remedy="`cueadmin -log x`, when mended")
    frame = farm_pb2.FrameExplanation(frame_id="id-beauty-1", frame_name="0001-beauty", state="DEAD", reasons=[dead])
    farm.explanation = explained(dead_frames=1)
    farm.explanation.frame.CopyFrom(frame)
    farm.explanation.summary = text
    farm.runs = [a_kill()]
    killed = "was killed by ann on desk (pid 7): too slow (signal 15)"
    assert show("-explain", JOB, "beauty", "1") == [
        JOB,
        "",
        "0001-beauty  (dead)",
        f"  - it is dead after 1 run: its last run, on render01, {killed}",
        f"    `cueadmin -retry-frames {JOB} beauty 1` runs it again",
    ]


def test_of_frames_that_were_killed_the_job_says_that_nothing_is_to_be_mended(farm, show):
    """Where all dead frames of a layer were killed, they did not fail too often."""
    dead = farm_pb2.Reason(
        code="FRAMES_DEAD", count=2, counts="frames", text="2 frames failed too often and are dead", remedy="mend it"
    )
    farm.explanation = explained(dead_frames=2, summary=dead.text, reasons=[dead])
    killed = a_failure(cause="KILLED", message="by ann: too slow", error_line="", frames=2, frame_range="1-2", hosts=1)
    farm.failed = [killed]
    assert show("-explain", JOB)[3:6] == [
        "  - 2 frames were killed and are dead",
        f"    `cueadmin -retry-frames {JOB} beauty 1-2` runs them again",
        "    it was killed by ann: too slow (1-2 on render01)",
    ]
    farm.failed = [killed, a_failure()]
    assert "  - 2 frames failed too often and are dead" in show("-explain", JOB)


def test_nothing_of_a_killed_job_waits(farm, show):
    """Its state stands in the heading, its frames are not done, and the same retry is told once."""
    dead = farm_pb2.Reason(
        code="FRAMES_DEAD", count=4, counts="frames", text="4 frames failed", remedy=OPENS.replace("opens it", "runs")
    )
    farm.explanation = explained(waiting_frames=3, dead_frames=1, summary=OVER.text, reasons=[OVER, dead])
    lines = show("-explain", JOB)
    assert (lines[0], lines[2]) == (f"{JOB}: KILLED", "beauty  (3 not done, 1 dead)")
    assert "\n".join(lines).count("-retry-frames") == 1


def test_a_killed_jobs_layers_say_not_done(farm, show):
    """-lji JOB: what is left of a job that is over does not wait."""
    stats = job_pb2.JobStats(total_frames=4, waiting_frames=4)
    farm.jobs[JOB] = a_job(state=job_pb2.FINISHED, job_stats=stats)
    heading = next(line for line in show("-lji", JOB) if line.startswith("  Layer"))
    assert ("NotDone" in heading, "Wait" in heading) == (True, False)


def test_a_pending_job_shows_its_dead_frames(farm, show):
    """-lji: behind each job."""
    farm.jobs[JOB] = a_job(job_stats=job_pb2.JobStats(total_frames=4, dead_frames=3))
    heading, line = show("-lji")
    assert (heading.split()[-1], line.split()[-1]) == ("Dead", "3")


def test_retry_of_a_killed_job_says_what_opens_it_again(farm, show, capsys):
    """It has no dead frame, so -retry does nothing: the server's way stands there."""
    show("-lj")
    farm.jobs[JOB] = a_job(state=job_pb2.FINISHED)
    farm.explanation = explained(waiting_frames=4, reasons=[OVER])
    farm.changed["JobInterface.RetryFrames"] = 0
    assert main(["-retry", JOB]) == 1
    assert capsys.readouterr().err == f"{JOB}: it has no dead frame; it was killed: {OPENS}\n"


def test_a_frame_that_is_killed_says_that_it_is_tried_again(farm, show):
    """With the retries that it then has, this kill counted; where none was left, only that it was killed."""
    left = farm_pb2.Reason(code="RETRIES_LEFT", count=2, counts="retries", text="2 left")
    frame = farm_pb2.FrameExplanation(frame_id="id-beauty-1", frame_name="0001-beauty", state="RUNNING", reasons=[left])
    farm.explanation = explained()
    farm.explanation.frame.CopyFrom(frame)
    farm.frames[JOB] = [a_frame(state=job_pb2.RUNNING)]
    farm.changed["JobInterface.KillFrames"] = 1
    said = f"{JOB}/beauty: 1 frame killed"
    for left.count, then in ((3, "2 retries"), (2, "1 retry"), (1, "no retry")):
        farm.explanation.frame.reasons[0].count = left.count
        again = f"it is tried again (after that: {then} left); -eat-frames gives it up"
        assert show("-kill-frames", "-force", JOB, "beauty", "1") == [f"{said}; {again}"]
    farm.explanation.frame.reasons[0].count = 0
    assert show("-kill-frames", JOB, "beauty", "1", "-force") == [said]


def test_the_short_help_names_what_follows_a_failure(show):
    """Logs, runs, finished jobs and retries of frames."""
    text = "\n".join(show())
    for words in ("-log", "-runs", "-retry-frames", "-lj -finished", "why frames wait or failed"):
        assert words in text

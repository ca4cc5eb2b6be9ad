"""What cueadmin and opencue tell of what was: runs, failures, logs, finished jobs."""

from __future__ import annotations

import json

import pytest
from builders import a_dead_frame, a_failure, a_job, a_layer, a_run
from fake_farm import NOW
from opencue_proto import job_pb2

from cue_cli.cueadmin import main
from cue_cli.cueadmin.causes import WORDS, causeText, fullText
from cuefarm_proto import farm_pb2
from opencue import api
from opencue.exception import EntityNotFoundException
from opencue.wrappers.frame import Frame

JOB = "demo-sh010-ann_comp"


@pytest.fixture
def show(farm, capsys):
    """Run cueadmin and return the lines that it prints; it must succeed."""

    def run(*arguments):
        assert main(list(arguments)) == 0
        return capsys.readouterr().out.splitlines()

    return run


def a_finished_job(name=JOB, **changes):
    """Return a job that ended a quarter of an hour after it began."""
    stats = job_pb2.JobStats(total_frames=10, succeeded_frames=9, eaten_frames=1)
    fields = {"state": job_pb2.FINISHED, "stop_time": NOW + 900, "job_stats": stats}
    return a_job(name, **{**fields, **changes})


# --- -runs


def test_runs_are_a_table_with_the_reason_of_each_failure(farm, show):
    """-runs JOB LAYER FRAME: a line for each attempt, the newest first, with why it failed and its log."""
    farm.jobs[JOB] = a_job()
    farm.runs = [
        a_run(3, seq=0, state="RUNNING", cause="", exit_status=0, stop_us=0),
        a_run(2, error_line="Error: no texture wood.tx"),
        a_run(
            1,
            state="WAITING",
            cause="LOG_UNWRITABLE",
            message="the log /logs cannot be written: No space left on device",
            charged=False,
        ),
    ]
    lines = show("-runs", JOB, "beauty", "1")
    assert lines[0].split() == ["Frame", "Try", "State", "Host", "Cores", "Memory", "Start", "Runtime"]
    assert lines[3].split()[:5] == ["0001-beauty", "2", "DEAD", "render01", "2.00"]
    assert lines[3].endswith("3.0G of 4.0G       11/14 22:13  00:01:30")
    assert lines[4] == "    exit status 1: Error: no texture wood.tx"
    assert lines[5].strip().endswith("0001-beauty.rqlog")
    assert lines[7] == "    the log /logs cannot be written: No space left on device (not charged)"


def test_runs_as_json(farm, show):
    """-runs --json: codes and numbers, with units in the keys."""
    farm.jobs[JOB] = a_job()
    farm.runs = [a_run(2, exit_signal=11, error_line="Segmentation fault")]
    record = json.loads("\n".join(show("-runs", JOB, "beauty", "1", "--json")))[0]
    assert (record["attempt"], record["cause"], record["exit_signal"]) == (2, "EXITED", 11)
    assert record["text"] == "signal 11 (SIGSEGV)"
    assert (record["run_time_s"], record["max_rss_kb"]) == (90.0, 3 * 1024 * 1024)


def test_runs_of_a_job_are_limited(farm, show):
    """-runs JOB -limit 2 shows two and says so."""
    farm.jobs[JOB] = a_job()
    farm.runs = [a_run(number) for number in (5, 4, 3)]
    lines = show("-runs", JOB, "-limit", "2")
    assert lines[-1] == "(the 2 newest; -limit N shows more)"
    assert len(lines) == 8


def test_runs_of_an_unknown_job(farm, capsys):
    """-runs of a job that is not there says so and returns 1."""
    assert main(["-runs", "nothing"]) == 1
    assert "there is no job 'nothing'" in capsys.readouterr().err


def test_every_page_of_runs_is_fetched(farm):
    """getRuns goes on page by page until it has as many as it was asked for, or all."""
    farm.runs = [a_run(number) for number in range(2_500, 0, -1)]
    assert len(api.getRuns(frame="id-beauty-1", limit=0)) == 2_500
    assert len(api.getRuns(frame="id-beauty-1", limit=1_200)) == 1_200


def test_a_frame_knows_its_runs(farm):
    """frame.getRuns()[0].message says why its last run ended."""
    farm.runs = [a_run(1, message="exit status 1")]
    frame = Frame(a_dead_frame())
    assert frame.getRuns()[0].message == "exit status 1"
    assert farm.only("FarmInterface.GetRuns").frame == "id-beauty-1"


# --- causes


def test_each_cause_has_words():
    """Every code that a server sends is told in words; a code of a newer server is told as it is."""
    for cause in WORDS:
        assert "_" not in causeText(farm_pb2.Run(cause=cause)).replace("timeout_llu", "")
    assert causeText(farm_pb2.Run(cause="TOO_TIRED")) == "too tired"
    assert causeText(farm_pb2.Run(cause="EXITED", exit_status=33)) == "exit status 33 (out of memory)"
    little, enough = ({"max_rss_kib": part * 1024, "memory_kib": 256 * 1024} for part in (3, 250))
    for status in (33, 137):
        words = causeText(farm_pb2.Run(cause="EXITED", exit_status=status, **little))
        assert words.endswith("(stands for out of memory, but it used 3M of 256M)")
        assert causeText(farm_pb2.Run(cause="EXITED", exit_status=status, **enough)).endswith("(out of memory)")
        failure = farm_pb2.Failure(cause="EXITED", exit_status=status, example=farm_pb2.Run(**little))
        assert "used 3M of 256M" in causeText(failure)
    assert "signal 11" in causeText(farm_pb2.Run(cause="EXITED", exit_status=139))
    assert fullText(farm_pb2.Run(cause="EXITED", exit_status=3, message="exit status 3")) == "exit status 3"


def test_a_reason_is_told_once():
    """Where the message says what our words would, it stands alone; without one our words do."""
    late = "timed out: it ran longer than the 1 min that layer beauty allows (timeout)"
    assert fullText(farm_pb2.Run(cause="TIMEOUT", message=late)) == late
    assert fullText(farm_pb2.Run(cause="TIMEOUT")) == "it ran longer than its layer allows (timeout)"
    stopped = farm_pb2.Run(cause="SHUTDOWN", message="the agent was told to stop")
    assert fullText(stopped) == "the agent was told to stop"
    lost = farm_pb2.Run(cause="HOST_LOST", message="vm has been silent for 60 s")
    assert fullText(lost) == "the host was lost: vm has been silent for 60 s"


# --- failures


def test_explain_tells_what_went_wrong(farm, show):
    """-explain: under a layer, each kind of failure with its frames, and how to see a log of it."""
    farm.jobs[JOB] = a_job()
    dead = farm_pb2.Reason(code="FRAMES_DEAD", count=36, counts="frames", text="36 frames are dead")
    layer = farm_pb2.LayerExplanation(layer_id="id-beauty", layer_name="beauty", dead_frames=36, reasons=[dead])
    farm.explanation = farm_pb2.ExplainResponse(job_id="id-j", job_name=JOB, summary="x", layers=[layer])
    farm.failed = [
        a_failure(),
        a_failure(
            state="WAITING", cause="LOG_UNWRITABLE", error_line="", frames=1,
            message="the log /logs cannot be written: No space left on device",
            frame_range="40", hosts=1, charged=False,
        ),
    ]  # fmt: skip
    lines = show("-explain", JOB)
    place = next(place for place, line in enumerate(lines) if line.startswith("  - 36 frames are dead"))
    assert lines[place + 1 : place + 3] == [
        "    36 frames dead: exit status 1: Error: no texture wood.tx (1-36 on 2 hosts)",
        f"      its log: `cueadmin -log {JOB} beauty 1`",
    ]
    assert lines[-1] == (
        "  - 1 frame waits again, through no fault of its own: the log /logs cannot be written:"
        " No space left on device (40 on render01)"
    )
    record = json.loads("\n".join(show("-explain", JOB, "--json")))["failures"][0]
    assert (record["frames"], record["range"], record["example"]["attempt"]) == (36, "1-36", 1)


def test_explain_of_a_frame_tells_its_last_run(farm, show):
    """-explain JOB LAYER FRAME: why its last attempt failed."""
    farm.jobs[JOB] = a_job()
    frame = farm_pb2.FrameExplanation(frame_id="id-beauty-1", frame_name="0001-beauty", number=1, state="DEAD")
    farm.explanation = farm_pb2.ExplainResponse(job_id="id-j", job_name=JOB, summary="x", frame=frame)
    farm.runs = [a_run(2, cause="TIMEOUT", message="timed out: it ran longer than the 60 min that its layer allows")]
    assert show("-explain", JOB, "beauty", "1")[-1] == (
        "  - attempt 2 on render01: timed out: it ran longer than the 60 min that its layer allows"
    )


def test_explain_works_with_a_server_that_knows_no_failures(farm, show):
    """Without GetFailures the rest is told."""
    farm.jobs[JOB] = a_job()
    farm.explanation = farm_pb2.ExplainResponse(job_name=JOB, summary="it waits")
    farm.not_offered = {"FarmInterface.GetFailures"}
    assert show("-explain", JOB) == [f"{JOB}: it waits"]


def test_ll_tells_why_frames_died(farm, show):
    """-ll: behind the path of a dead frame's log, its cause and the line that says most."""
    farm.jobs[JOB] = a_job()
    farm.frames[JOB] = [a_dead_frame()]
    farm.runs = [a_run(1, error_line="Error: no texture wood.tx")]
    assert show("-ll")[-1].endswith(
        "0001-beauty.rqlog ERROR exit status 1 on render01 at 11/14 22:14: Error: no texture wood.tx"
    )


# --- logs


def test_a_log_is_printed_as_far_as_it_is_written(farm, capsysbinary):
    """-log prints what is there, whatever its bytes and however many calls that takes."""
    farm.jobs[JOB] = a_job()
    farm.log_pieces = [b"one\ntwo \xff\n", b"one\ntwo \xff\nthree"]
    assert main(["-log", JOB, "beauty", "1"]) == 0
    assert capsysbinary.readouterr().out == b"one\ntwo \xff\n"


def test_a_log_is_followed_until_its_run_is_over(farm, capsysbinary):
    """-log -f waits for more until the run is over."""
    farm.log_pieces = [b"one\n", b"one\n", b"one\ntwo\n"]
    assert main(["-log", JOB, "beauty", "1", "-f", "-attempt", "2"]) == 0
    assert capsysbinary.readouterr().out == b"one\ntwo\n"
    requests = [call.request for call in farm.calls if call.name == "FarmInterface.ReadLog"]
    assert (requests[0].attempt, requests[0].frame, requests[0].run_id) == (2, "1", "")
    assert all((r.run_id, r.frame) == ("run-1", "1") and r.wait_ms > 0 for r in requests[1:])


def test_a_log_that_cannot_be_seen_says_why(farm, capsys):
    """-log of a log on another machine says what the server says, and returns 1."""
    assert main(["-log", JOB, "beauty", "1"]) == 1
    assert "this server cannot see the folder of /logs/a.rqlog" in capsys.readouterr().err
    with pytest.raises(EntityNotFoundException):
        api.readLog(JOB, "beauty", 1)


# --- finished jobs


def test_finished_jobs_are_listed_the_last_first(farm, show):
    """-lj -finished lists finished jobs only, with when they ended; parts and -limit narrow it."""
    farm.jobs = {
        "a": a_job("demo-sh010-ann_running"),
        "b": a_finished_job("demo-sh010-ann_old"),
        "c": a_finished_job("demo-sh010-ann_new", stop_time=NOW + 9000),
    }
    assert show("-lj", "-finished") == [
        "demo-sh010-ann_new FINISHED 10/10 done, ended 11/15 00:43",
        "demo-sh010-ann_old FINISHED 10/10 done, ended 11/14 22:28",
    ]
    assert show("-lj", "-finished", "_old") == ["demo-sh010-ann_old FINISHED 10/10 done, ended 11/14 22:28"]
    assert len(json.loads("\n".join(show("-lj", "-finished", "--json")))) == 2


def test_more_finished_jobs_than_the_limit(farm, capsys):
    """-limit N shows the N that ended last, and stderr says that there are more."""
    farm.jobs = {str(n): a_finished_job(f"demo-sh010-ann_{n}", stop_time=NOW + n) for n in range(3)}
    assert main(["-lj", "-finished", "-limit", "2"]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 2
    assert "these are the 2 jobs that ended last" in shown.err


def test_lji_finds_a_finished_job(farm, show):
    """-lji JOB of a job that has finished shows its state, times, layers and retries."""
    farm.jobs[JOB] = a_finished_job()
    farm.layers[JOB] = [a_layer()]
    farm.frames[JOB] = [a_dead_frame(), a_dead_frame(2)]
    lines = show("-lji", "sh010")
    assert f"{JOB}: FINISHED, ann, submitted 11/14 22:13, ended 11/14 22:28, 00:15:00" in lines
    assert next(line for line in lines if line.startswith("  beauty")).split()[:8] == [
        "beauty", "10", "5", "0", "0", "0", "0", "4",
    ]  # fmt: skip


def test_lj_points_at_finished_jobs(farm, capsys):
    """-lj with a part that only finished jobs have says how to see them."""
    farm.jobs[JOB] = a_finished_job()
    assert main(["-lj", "sh010"]) == 0
    assert "a finished job does: add -finished" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (["-retry", JOB], "JobInterface.RetryFrames"),
        (["-retry-frames", JOB, "beauty", "1-3"], "JobInterface.RetryFrames"),
        (["-eat-frames", JOB, "beauty", "1-3"], "JobInterface.EatFrames"),
    ],
)
def test_frames_of_finished_jobs_are_reached(farm, show, arguments, call):
    """Retry and eat reach the finished job of a name that was submitted last."""
    farm.jobs = {"old": a_finished_job(id="id-old", start_time=NOW - 9), "new": a_finished_job(id="id-new")}
    farm.layers[JOB] = [a_layer()]
    show(*arguments)
    assert farm.only(call).job.id == "id-new"


def test_a_job_that_is_over_is_not_paused(farm, capsys):
    """What makes no sense for a finished job says so; of a name that is none, similar ones are told."""
    farm.jobs[JOB] = a_finished_job()
    assert main(["-pause", JOB]) == 1
    assert "has finished" in capsys.readouterr().err
    assert main(["-pause", "ann_com"]) == 1
    assert f"there is no job 'ann_com', pending or finished; there is {JOB}" in capsys.readouterr().err

"""What cueadmin and opencue tell of what was: runs, failures, logs, finished jobs."""

from __future__ import annotations

import json

import pytest
from builders import a_dead_frame, a_failure, a_job, a_layer, a_run
from fake_farm import NOW
from opencue_proto import job_pb2

from cue_cli.cueadmin import main
from cuefarm_proto import farm_pb2
from opencue import api
from opencue.causes import WORDS, causeText, fullText
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
    assert lines[0].split() == ["Frame", "Try", "Result", "Host", "Cores", "Memory", "Start", "Runtime"]
    assert lines[3].split()[:5] == ["0001-beauty", "2", "FAILED", "render01", "2.00"]
    assert lines[3].endswith("3.0G of 4.0G       11/14 22:13  00:01:30")
    assert lines[4] == "    exit status 1: Error: no texture wood.tx"
    assert lines[5].strip().endswith("0001-beauty.rqlog")
    assert lines[7] == "    the log /logs cannot be written: No space left on device (not charged)"


def test_a_run_names_what_it_left_behind_once(farm, show):
    """Below a run that succeeded, and below one whose log said what went wrong."""
    farm.jobs[JOB] = a_job()
    left = "it left behind, which was ended with it: 12 (sleep)"
    farm.runs = [
        a_run(3, state="SUCCEEDED", exit_status=0, message=left),
        a_run(2, message=left, error_line="Error: no texture wood.tx"),
        a_run(1, message=left),
    ]
    lines = show("-runs", JOB, "beauty", "1")
    assert [left in line for line in lines].count(True) == 3
    assert lines[2].strip() == left


@pytest.mark.parametrize("cause", ["REFUSED", "NEVER_RECEIVED", "LAUNCH_FAILED", "HOST_FAULT"])
def test_a_run_that_was_not_started_has_no_log_to_look_for(farm, show, cause):
    """Nothing ran, so no path is printed; one that began, and was too late, has its log."""
    farm.jobs[JOB] = a_job()
    farm.runs = [a_run(1, state="WAITING", cause=cause), a_run(2, state="WAITING", cause="START_LIMIT")]
    lines = show("-runs", JOB, "beauty", "1")
    assert [".rqlog" in line for line in lines].count(True) == 1


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


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"state": "WAITING"}, "FAILED"),
        ({"state": "WAITING", "cause": "KILLED"}, "KILLED"),
        ({"state": "EATEN", "cause": "KILLED"}, "KILLED"),
        ({"state": "DEAD", "cause": "TIMEOUT"}, "TIMEOUT"),
        ({"state": "WAITING", "cause": "HOST_LOST"}, "LOST"),
        ({"state": "WAITING", "cause": "SHUTDOWN"}, "STOPPED"),
        ({"state": "WAITING", "cause": "LAUNCH_FAILED"}, "UNSTARTED"),
        ({"state": "SUCCEEDED", "exit_status": 0}, "SUCCEEDED"),
        ({"state": "RUNNING", "cause": ""}, "RUNNING"),
        ({"state": "", "cause": ""}, "-"),
    ],
)
def test_runs_say_what_became_of_the_run(farm, show, changes, word):
    """A run that is over never waits: its frame does."""
    farm.jobs[JOB] = a_job()
    farm.runs = [a_run(1, **changes)]
    assert show("-runs", JOB)[1].split()[2] == word


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (126, "exit status 126 (the command cannot be executed)"),
        (127, "exit status 127 (command not found)"),
        (134, "exit status 134 (signal 6, SIGABRT)"),
        (137, "exit status 137 (signal 9, SIGKILL; out of memory)"),
        (139, "exit status 139 (signal 11, SIGSEGV)"),
        (143, "exit status 143 (signal 15, SIGTERM)"),
        (3, "exit status 3"),
    ],
)
def test_what_a_shell_says_by_its_status(status, words):
    """The statuses with a meaning of their own are told with it."""
    assert causeText(farm_pb2.Run(cause="EXITED", exit_status=status)) == words


# --- what may be left out


def test_the_only_layer_and_frame_need_no_name(farm, capsysbinary):
    """-log JOB: of a job of one layer and one frame there is nothing to choose."""
    farm.jobs[JOB] = a_job()
    farm.layers[JOB] = [a_layer(range="7", layer_stats=job_pb2.LayerStats(total_frames=1))]
    farm.log_pieces = [b"one\n"]
    assert main(["-log", JOB]) == 0
    request = farm.only("FarmInterface.ReadLog")
    assert (request.job, request.layer, request.frame) == (JOB, "beauty", "7")


def test_a_number_behind_a_job_is_a_frame_of_its_only_layer(farm, show):
    """-runs JOB 1 and -explain JOB 1 ask for the frame, -log JOB 1 too."""
    farm.jobs[JOB] = a_job()
    farm.layers[JOB] = [a_layer()]
    farm.runs, farm.log_pieces = [a_run()], [b"one\n"]
    show("-runs", JOB, "1")
    request = farm.only("FarmInterface.GetRuns")
    assert (request.layer, request.frame) == ("beauty", "1")


def test_what_cannot_be_left_out_is_listed(farm, capsys):
    """Of several layers, or frames, the choices are named."""
    farm.jobs[JOB] = a_job()
    farm.layers[JOB] = [a_layer()]
    assert main(["-log", JOB]) == 1
    assert f"layer 'beauty' of job '{JOB}' has several frames, name one: 1-10" in capsys.readouterr().err
    farm.layers[JOB] = [a_layer(), a_layer("comp")]
    for arguments in (["-log", JOB], ["-eat-frames", JOB, "1-3", "-force"], ["-runs", JOB, "1"]):
        assert main(arguments) == 1
        assert f"job '{JOB}' has several layers, name one: beauty, comp" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["-retry-frames", "-eat-frames", "-kill-frames", "-markdone-frames"])
def test_commands_on_frames_take_the_only_layer(farm, capsys, flag):
    """-eat-frames JOB 1-3: the job's only layer is meant."""
    farm.jobs[JOB] = a_job()
    farm.layers[JOB] = [a_layer()]
    assert main([flag, JOB, "1-3", "-force"]) == 0
    assert capsys.readouterr().out.startswith(f"{JOB}/beauty: ")


def test_a_part_of_a_name_is_enough_to_look(farm, show, capsys):
    """-explain, -runs and -log take what fits one job alone; of several they name some."""
    farm.jobs[JOB] = a_job()
    farm.explanation = farm_pb2.ExplainResponse(job_name=JOB, summary="it waits")
    farm.runs = [a_run()]
    assert show("-explain", "ann_com") == [f"{JOB}: it waits"]
    assert len(show("-runs", "ann_com")) == 4
    farm.jobs["demo-sh010-ann_comp2"] = a_job("demo-sh010-ann_comp2")
    assert main(["-explain", "ann_com"]) == 1
    assert "here is no job 'ann_com'" in capsys.readouterr().err


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
        assert words.endswith("stands for out of memory, but it used 3M of 256M)")
        assert causeText(farm_pb2.Run(cause="EXITED", exit_status=status, **enough)).endswith("out of memory)")
        failure = farm_pb2.Failure(cause="EXITED", exit_status=status, example=farm_pb2.Run(**little))
        assert "used 3M of 256M" in causeText(failure)
    assert "signal 11" in causeText(farm_pb2.Run(cause="EXITED", exit_status=139))
    assert fullText(farm_pb2.Run(cause="EXITED", exit_status=3, message="exit status 3")) == "exit status 3"
    ended = {"cause": "EXITED", "exit_status": 286, "message": "exit status 97: there was no licence of nuke"}
    assert causeText(farm_pb2.Run(**ended)) == "exit status 97"
    assert fullText(farm_pb2.Run(**ended)) == "exit status 97: there was no licence of nuke"
    assert fullText(farm_pb2.Failure(**ended, error_line="no key")) == f"{ended['message']}: no key"
    killed = farm_pb2.Run(cause="KILLED", message="by ann on desk (pid 7): cueadmin -kill")
    assert fullText(killed) == "it was killed by ann on desk (pid 7): cueadmin -kill"


def test_a_reason_is_told_once():
    """Where the message says what our words would, it stands alone; without one our words do."""
    late = "timed out: it ran longer than the 1 min that its layer allows (timeout)"
    assert fullText(farm_pb2.Run(cause="TIMEOUT", message=late)) == late
    assert fullText(farm_pb2.Run(cause="TIMEOUT")) == "it ran longer than its layer allows (timeout)"
    long = "its log grew to 9 MB, more than the 5 MB that it may (--log-max-mb)"
    assert fullText(farm_pb2.Run(cause="LOG_LIMIT", message=long)) == long
    stopped = farm_pb2.Run(cause="SHUTDOWN", message="the agent was told to stop")
    assert fullText(stopped) == "the agent was told to stop"
    lost = farm_pb2.Run(cause="HOST_LOST", message="vm has been silent for 60 s")
    assert fullText(lost) == "vm has been silent for 60 s"


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
        a_failure(state="WAITING", cause="HOST_LOST", error_line="", frames=4, frame_range="41-44", charged=False),
    ]  # fmt: skip
    lines = show("-explain", JOB)
    place = next(place for place, line in enumerate(lines) if line.startswith("  - 36 frames are dead"))
    assert lines[place + 1 : place + 3] == [
        "    exit status 1: Error: no texture wood.tx (1-36 on 2 hosts)",
        f"      the log of one of them: `cueadmin -log {JOB} beauty 1`",
    ]
    assert any(line.startswith("  - 4 frames wait again, through no fault of their own: ") for line in lines)
    assert next(line for line in lines if "of its own" in line) == (
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


# --- what a job was submitted with


def test_a_specification_is_printed_as_it_was_submitted(farm, capsysbinary):
    """-spec prints the text to the byte, so that it can be submitted again; --json says whose it is."""
    farm.jobs[JOB] = a_job()
    farm.specification = '<?xml version="1.0"?>\r\n<spec>Stra\xdfe</spec>'
    assert main(["-spec", JOB]) == 0
    assert capsysbinary.readouterr().out == farm.specification.encode()
    assert main(["-spec", JOB, "--json"]) == 0
    record = {"job_id": farm.jobs[JOB].id, "job": JOB, "spec": farm.specification}
    assert json.loads(capsysbinary.readouterr().out) == record
    assert api.findJob(JOB).getSpecification() == farm.specification


def test_a_specification_that_was_not_kept_is_an_error(farm, capsys):
    """The server's words, and status 1."""
    assert main(["-spec", "nobody"]) == 1
    assert "nobody" in capsys.readouterr().err


# --- finished jobs


def test_finished_jobs_are_listed_the_last_first(farm, show):
    """-lj -finished lists finished jobs only, with when they ended; parts and -limit narrow it."""
    farm.jobs = {
        "a": a_job("demo-sh010-ann_running"),
        "b": a_finished_job("demo-sh010-ann_old"),
        "c": a_finished_job("demo-sh010-ann_new", stop_time=NOW + 9000),
    }
    assert show("-lj", "-finished") == [
        "demo-sh010-ann_new FINISHED 9/10 done, 1 eaten, ended 11/15 00:43",
        "demo-sh010-ann_old FINISHED 9/10 done, 1 eaten, ended 11/14 22:28",
    ]
    assert show("-lj", "-finished", "_old") == ["demo-sh010-ann_old FINISHED 9/10 done, 1 eaten, ended 11/14 22:28"]
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
    said = "no pending job contains sh010; 1 finished job does: cueadmin -lj -finished sh010\n"
    assert capsys.readouterr().err == said


def test_one_finished_job_of_more_is_told_in_the_singular(farm, capsys):
    """-limit 1."""
    farm.jobs = {str(n): a_finished_job(f"demo-sh010-ann_{n}", stop_time=NOW + n) for n in range(2)}
    assert main(["-lj", "-finished", "-limit", "1"]) == 0
    assert "this is the job that ended last; -limit N shows more" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["-lj", "-lji"])
def test_an_empty_list_says_where_the_jobs_are(farm, capsys, flag):
    """Nothing pending: stderr says how many have finished and how to see them; --format upstream stays silent."""
    assert main([flag]) == 0
    assert capsys.readouterr() == ("", "no pending jobs\n")
    farm.jobs[JOB] = a_finished_job()
    assert main([flag]) == 0
    assert capsys.readouterr() == ("", "no pending jobs; 1 finished lately: cueadmin -lj -finished\n")
    assert main([flag, "--format", "upstream"]) == 0
    assert capsys.readouterr().err == ""


def test_a_killed_job_is_called_killed(farm, show):
    """A job that is over with frames not done was killed, and nothing of it waits any more."""
    stats = job_pb2.JobStats(
        total_frames=6, succeeded_frames=1, eaten_frames=1, waiting_frames=1, depend_frames=1, dead_frames=2
    )
    farm.jobs[JOB] = a_finished_job(job_stats=stats)
    ended = "ended 11/14 22:28"
    assert show("-lj", "-finished") == [f"{JOB} KILLED 1/6 done, 1 eaten, 2 dead, 2 not done, {ended}"]
    heading, line = show("-lji", "-finished")
    assert heading.split() == [
        "Job", "Group", "State", "Submitted", "Ended", "Took", "Frames", "Done", "Eaten", "Dead",
    ]  # fmt: skip
    assert line.split() == [
        JOB, "demo", "KILLED", "11/14", "22:13", "11/14", "22:28", "00:15:00", "6", "1", "1", "2",
    ]  # fmt: skip
    assert any(line.startswith(f"{JOB}: KILLED, ann") for line in show("-lji", JOB))
    assert json.loads("\n".join(show("-lj", "-finished", "--json")))[0]["killed"] is True


def test_finished_jobs_keep_upstreams_table(farm, show):
    """--format upstream prints the columns that its scripts know."""
    farm.jobs[JOB] = a_finished_job()
    assert show("-lji", "-finished", "--format", "upstream")[0].split()[2:4] == ["Booked", "Cores"]


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


def test_lists_show_ids_where_names_repeat(farm, show):
    """-lj and -lji tell finished jobs of one name apart; a name of its own stands alone, and for upstream all do."""
    for key, name, id in (("a", JOB, "b0f2a4c6-1"), ("b", JOB, "77777777-2"), ("c", f"{JOB}3", "99999999-3")):
        farm.jobs[key] = a_finished_job(name, id=id)
    lines = show("-lj", "-finished")
    assert [line.rsplit(", id ", 1)[1:] for line in lines] == [["b0f2a4c6-1"], ["77777777-2"], []]
    table = show("-lji", "-finished")
    assert [f"{JOB} [b0f2a4c6] " in table[1], f"{JOB} [77777777] " in table[2], "[" in table[3]] == [True, True, False]
    assert show("-lj", "-finished", "--format", "upstream") == [JOB, JOB, f"{JOB}3"]


@pytest.mark.parametrize(
    "line",
    [
        ["-runs", JOB, "-job", "b0f2a4c6"],
        ["-kill", JOB, "-job", "b0f2a4c6"],
        ["-lp", "-finished"],
        ["-lj", "-attempt", "2"],
        ["-runs", JOB, "-f"],
    ],
)
def test_what_would_be_ignored_is_refused(farm, capsys, line):
    """-job, -finished, -attempt and -f beside a command without a use for them: status 2, and where they go."""
    with pytest.raises(SystemExit) as stopped:
        main(line)
    assert stopped.value.code == 2
    assert " goes with -l" in capsys.readouterr().err.replace("with -runs, ", "with ")
    assert farm.changes() == []

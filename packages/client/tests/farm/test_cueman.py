"""What cueman sends, asks, prints and returns."""

from __future__ import annotations

import io
import json

import pytest
from builders import NOW, a_dead_frame, a_frame, a_job, a_layer
from opencue_proto import job_pb2

from cue_cli.cueman import main

JOB = "demo-sh010-ann_comp"
OTHER = "demo-sh020-ann_comp"


@pytest.fixture(autouse=True)
def _small_farm(farm):
    """Two jobs, one of them with a dead, a running and two waiting frames."""
    farm.jobs = {JOB: a_job(), OTHER: a_job(OTHER)}
    farm.layers[JOB] = [a_layer("beauty", tags=["general", "gpu"]), a_layer("asset_prep")]
    farm.layers[OTHER] = [a_layer("beauty")]
    running = a_frame(2, state=job_pb2.RUNNING, start_time=NOW, last_resource="render02/2.00/0", max_rss=1024)
    farm.frames[JOB] = [a_dead_frame(1), running, a_frame(3), a_frame(4, layer="asset_prep")]


class Terminal(io.StringIO):
    """A stdin that is a terminal and holds an answer."""

    def isatty(self) -> bool:
        return True


def options(request) -> dict:
    """Return what a request for frames chose by."""
    criteria = request.req
    return {
        "states": list(criteria.states.frame_states),
        "layers": list(criteria.layers),
        "range": criteria.frame_range,
        "memory": criteria.memory_range,
        "duration": criteria.duration_range,
    }


@pytest.mark.parametrize(
    ("words", "call", "expected"),
    [
        (["-pause", JOB], "JobInterface.Pause", {}),
        (["--resume", JOB], "JobInterface.Resume", {}),
        (["-term", JOB], "JobInterface.Kill", {"reason": "cueman -term"}),
        (["-retries", JOB, "3"], "JobInterface.SetMaxRetries", {"max_retries": 3}),
        (["-autoeatoff", JOB], "JobInterface.SetAutoEat", {"value": False}),
        (["-stagger", JOB, "1-10", "3"], "JobInterface.StaggerFrames", {"range": "1-10", "stagger": 3}),
        (["-reorder", JOB, "1-10", "last"], "JobInterface.ReorderFrames", {"range": "1-10", "order": job_pb2.LAST}),
        (
            ["-stagger", JOB, "1-10", "3", "-layer", "asset-prep"],
            "LayerInterface.StaggerFrames",
            {"range": "1-10", "stagger": 3},
        ),
        (
            ["-reorder", JOB, "9-10", "FIRST", "-layer", "beauty"],
            "LayerInterface.ReorderFrames",
            {"range": "9-10", "order": job_pb2.FIRST},
        ),
    ],
)
def test_a_command_sends_its_request(farm, words, call, expected):
    """Under -force each command sends one request with the values given, and returns 0."""
    assert main(["-force", *words]) == 0
    request = farm.only(call)
    assert {field: getattr(request, field) for field in expected} == expected


@pytest.mark.parametrize(
    ("words", "call", "chosen"),
    [
        (["-eat", JOB], "EatFrames", {}),
        (["-eat", JOB, "-state", "dead,waiting"], "EatFrames", {"states": [job_pb2.DEAD, job_pb2.WAITING]}),
        (["-kill", JOB, "-layer", "beauty"], "KillFrames", {"states": [job_pb2.RUNNING], "layers": ["beauty"]}),
        (["-retry", JOB], "RetryFrames", {"states": [job_pb2.DEAD]}),
        (["-retry", JOB, "-range", "9-10,20"], "RetryFrames", {"range": "9-10,20"}),
        (["-done", JOB, "-layer", "asset-prep"], "MarkDoneFrames", {"layers": ["asset_prep"]}),
        (["-eat", JOB, "-memory", "gt2"], "EatFrames", {"memory": "2"}),
        (["-eat", JOB, "-duration", "lt1.5"], "EatFrames", {"duration": "0-1.5"}),
        (["-eat", JOB, "-memory", "1-4"], "EatFrames", {"memory": "1-4"}),
    ],
)
def test_filters_choose_frames(farm, words, call, chosen):
    """Frames are chosen by state, range, layer, memory in GB and hours; what is not given is no filter."""
    assert main(["-force", *words]) == 0
    nothing = {"states": [], "layers": [], "range": "", "memory": "", "duration": ""}
    assert options(farm.only(f"JobInterface.{call}")) == {**nothing, **chosen}


def test_a_question_has_the_count_and_no_does_nothing(farm, monkeypatch, capsys):
    """What is to be hit is counted before it is asked; whoever says no has changed nothing."""
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert main(["-eat", JOB, "-layer", "beauty"]) == 0
    assert "Eat 3 frames of demo-sh010-ann_comp? [y/n]" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert main(["-term", f"{JOB},{OTHER}"]) == 0
    shown = capsys.readouterr().out
    assert f"Terminate 2 jobs or layers ({JOB}, {OTHER}), of which 6 frames run now? [y/n]" in shown
    assert farm.changes() == []


def test_the_reply_is_how_many_frames_changed(farm, capsys):
    """The server's number is told, not the one that was counted before."""
    farm.changed["JobInterface.EatFrames"] = 7
    assert main(["-force", "-eat", JOB]) == 0
    assert capsys.readouterr().out == f"{JOB}: 7 frames eaten\n"


def test_where_nothing_matches_nothing_is_sent(farm, capsys):
    """No frame in the state: said on stderr, status 1, and the server is not asked to change anything."""
    farm.frames[OTHER] = []
    assert main(["-force", "-eat", OTHER, "-layer", "beauty"]) == 1
    assert capsys.readouterr().err == f"{OTHER}: no frame matches\n"
    assert farm.changes() == []


@pytest.mark.parametrize("words", [[f"{JOB},{OTHER}"], [JOB, OTHER], ["demo-*"], [JOB, "*sh020*"]])
def test_jobs_are_named_by_commas_blanks_and_patterns(farm, words):
    """All that is named is meant, not only the last word."""
    assert main(["-pause", *words]) == 0
    assert sorted(call.request.job.name for call in farm.changes()) == [JOB, OTHER]


def test_auto_eating_begins_with_what_is_dead(farm, capsys):
    """-autoeaton also eats the frames that are dead now."""
    assert main(["-autoeaton", JOB]) == 0
    assert farm.only("JobInterface.SetAutoEat").value is True
    assert options(farm.only("JobInterface.EatFrames"))["states"] == [job_pb2.DEAD]


def test_frames_are_listed_in_the_known_columns(farm, capsys):
    """-lf prints a header, a line below it of the same length, and a frame in each line."""
    assert main(["-lf", JOB, "-layer", "beauty"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "Frame                               Status      Host            Start         End          Runtime     Mem"
        "   Retry  Exit",
        "-" * 120,
        "0001-beauty                         DEAD        render01/2.00/0 11/14 22:13   11/14 22:14  00:01:30   3.0G"
        "       2     1",
        lines[3],
        "0003-beauty                         WAITING                     --/-- --:--   --/-- --:--               0K"
        "       0     0",
    ]
    assert lines[3].startswith("0002-beauty                         RUNNING     render02/2.00/0 11/14 22:13   --/--")


def test_layers_are_listed_in_the_known_columns(farm, capsys):
    """-ll prints the job, a header, and the layers with their tags."""
    assert main(["-ll", JOB]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"Job: {JOB} has 2 layers",
        "",
        "Layer                          Total    Done     Running  Waiting  Failed  ",
        "-" * 75,
        "beauty                         10       5        0        0        0       ",
        "   tags: general | gpu",
        "",
        "asset_prep                     10       5        0        0        0       ",
        "",
    ]


def test_a_job_is_shown_with_its_counts(farm, capsys):
    """-info prints what the job is, its counts and its layers."""
    assert main(["-info", JOB]) == 0
    shown = capsys.readouterr().out
    for line in (
        f"job: {JOB}",
        "        state: PENDING",
        "Min/Max cores: 1.00 / 100.00",
        "total number of frames: 10",
        "       waiting (ready): 2",
        "this is a OpenCue job with 2 layers",
        "beauty  (10 frames, 5 done)",
    ):
        assert line in shown.splitlines(), shown


@pytest.mark.parametrize("words", [["-lf", JOB], ["-ll", JOB], ["-info", JOB], ["-lp", JOB]])
def test_every_list_is_there_as_json(farm, capsys, words):
    """--json prints a list for programs."""
    assert main([*words, "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), list)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-lf"], "-lf takes JOB..., or -where QUERY in place of the jobs"),
        (["-eatt", JOB], "there is no -eatt; did you mean -eat?"),
        (["-retries", "3"], "-retries takes JOB... COUNT, or -where QUERY in place of the jobs"),
        (["-eat", JOB, "-where", "user:me"], "in place of the jobs, not both"),
        (["-lff", JOB], "did you mean -lf?"),
        (["-force"], "nothing to do"),
        (["-eat", JOB, "-kill", JOB], "one command at a time"),
        (["-pause", JOB, "-range", "1-3"], "-range does not go with -pause"),
        (["-eat", JOB, "-page", "2"], "-page does not go with -eat"),
        (["-lf", JOB, "-limit", "0"], "not a whole number from 1"),
    ],
)
def test_a_line_that_makes_no_sense_ends_with_2(farm, capsys, words, message):
    """It is said what is wrong and what is meant instead, and no server is asked."""
    with pytest.raises(SystemExit) as ending:
        main(words)
    assert ending.value.code == 2
    assert message in capsys.readouterr().err
    assert farm.calls == []


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["-lf", "nobody"], 1, "Error: there is no job 'nobody'"),
        (["-pause", "x*y"], 1, "no pending job matches 'x*y'"),
        (["-eat", JOB, "-layer", "wrong"], 1, "has no layer 'wrong'; it has beauty, asset_prep"),
        (["-eat", JOB, "-range", "1-"], 1, "unrecognized frame range"),
        (["-eat", JOB, "-state", "dying"], 1, "invalid frame state: dying"),
        (["-eat", JOB, "-memory", "4-1"], 1, "the first number has to be the smaller one"),
        (["-kill", JOB, "-state", "dead"], 1, "only frames in state RUNNING can be killed"),
        (["-stagger", JOB, "1-10", "0"], 1, "whole number of 1 or more"),
        (["-stagger", JOB, "1-10", "x"], 1, "'x' is not an increment, which is a whole number"),
        (["-reorder", JOB, "1-10", "middle"], 1, "invalid position: middle; use one of FIRST, LAST, REVERSE"),
        (["-retries", JOB, "17"], 1, "0 to 16"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(farm, capsys, words, status, message):
    """An error is one line that names the thing and the remedy; nothing is changed, and there is no traceback."""
    assert main(["-force", *words]) == status
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert farm.changes() == []


def test_without_arguments_the_help_is_shown(capsys):
    """Nothing asked: the commands are listed, status 0."""
    assert main([]) == 0
    assert "-stagger" in capsys.readouterr().out


def test_the_server_can_be_named(farm, monkeypatch):
    """-server is heeded, whatever the environment says."""
    monkeypatch.setenv("CUEBOT_HOSTS", "127.0.0.1:1")
    assert main(["-server", farm.address, "-pause", JOB]) == 0


def test_values_come_behind_any_number_of_jobs(farm):
    """Retries, staggering and reordering are for several jobs at once, too."""
    assert main(["-force", "-retries", JOB, OTHER, "3"]) == 0
    assert main(["-force", "-stagger", "demo-*", "1-10", "5"]) == 0
    assert [(call.name, call.request.job.name) for call in farm.changes()] == [
        ("JobInterface.SetMaxRetries", JOB),
        ("JobInterface.SetMaxRetries", OTHER),
        ("JobInterface.StaggerFrames", JOB),
        ("JobInterface.StaggerFrames", OTHER),
    ]

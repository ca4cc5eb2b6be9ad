"""`cuefarm submit -- COMMAND...`: what it sends, says and returns."""

from __future__ import annotations

import json
import os
from typing import Any
from xml.etree import ElementTree

import grpc
import pytest
from builders import a_job
from opencue_proto import job_pb2

import outline
from cue_cli.submit import main

JOB = "demo-sh010-ann_comp"


@pytest.fixture(autouse=True)
def _launched(farm, tmp_path, monkeypatch):
    """Keep sessions below tmp_path, and let the farm answer with one job."""
    before = outline.config.get("outline", "session_dir")
    outline.config.set("outline", "session_dir", str(tmp_path / "sessions"))
    for variable in ("SHOW", "SHOT", "FACILITY", "RENDER_TO", "OL_TAG_OVERRIDE", "OL_OS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("USER", "ann")
    farm.jobs[JOB] = a_job(log_dir="/logs/here")
    yield
    outline.config.set("outline", "session_dir", before)


def sent(farm: Any) -> Any:
    """Return the specification that arrived."""
    return ElementTree.fromstring(farm.only("JobInterface.LaunchSpecAndWait").spec)


def test_a_command_becomes_a_job_of_one_layer(farm, capsys):
    """The line of the README: words as they were, frames, cores; what next is said."""
    command = ["povray", "+Iscene.pov", "+K#IFRAME#", "+Oout#ZFRAME#.png", "-D"]
    assert main(["--frames", "1-20", "--cores", "2", "--name", "turn", "--", *command]) == 0
    spec = sent(farm)
    layer = spec.find("job/layers/layer")
    assert (spec.find("job").get("name"), layer.get("name"), layer.findtext("range")) == ("turn", "povray", "1-20")
    assert (layer.findtext("cmd"), layer.findtext("cores")) == (" ".join(command), "2.0")
    assert (spec.findtext("show"), spec.findtext("shot")) == ("testing", "default")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{JOB} is submitted: 10 frames in layer povray"
    assert f"cueadmin -explain {JOB}" in "".join(said)
    assert f"cueadmin -log {JOB} povray 1" in "".join(said)
    assert said[-1].endswith("/logs/here")


def test_every_option_arrives(farm):
    """Memory, tags, chunk, retries, priority, environment, show, shot, depends, pause."""
    words = "--memory 4g --tags gpu,big --chunk 5 --retries 0 --priority 9 --env A=b=c --show demo --shot sh010 --pause"
    assert (
        main([*words.split(), "--depend-on", "demo-sh010-ann_sim", "--frames", "1-10", "--", "r", "#FRAMESPEC#"]) == 0
    )
    spec = sent(farm)
    job, layer = spec.find("job"), spec.find("job/layers/layer")
    assert [layer.findtext(tag) for tag in ("memory", "tags", "chunk")] == ["4g", "gpu | big", "5"]
    assert [job.findtext(tag) for tag in ("maxretries", "priority", "paused")] == ["0", "9", "True"]
    assert (spec.findtext("show"), spec.findtext("shot")) == ("demo", "sh010")
    assert {key.get("name"): key.text for key in job.find("env")}["A"] == "b=c"
    assert spec.findtext("depends/depend/onjob") == "demo-sh010-ann_sim"


def test_timeouts_arrive(farm):
    """Both limits are the layer's, in whole minutes."""
    assert main(["--timeout", "90", "--timeout-llu", "5", "--", "true"]) == 0
    layer = sent(farm).find("job/layers/layer")
    assert [layer.findtext(tag) for tag in ("timeout", "timeout_llu")] == ["90", "5"]


def test_a_range_may_run_downwards(farm, capsys):
    """5-1 is the frames from 5 down to 1: the order in which they are given, nothing to warn of."""
    assert main(["--frames", "5-1", "--", "true", "#IFRAME#"]) == 0
    assert sent(farm).findtext("job/layers/layer/range") == "5-1"
    out, err = capsys.readouterr()
    assert (err, " true 5\n" in out) == ("", True)


def test_every_option_is_documented():
    """The page has a row for each."""
    from pathlib import Path

    from cue_cli.submit import _parser

    page = Path(__file__).parents[4].joinpath("docs/howto/submit-a-command.md").read_text(encoding="utf-8")
    flags = [flag for action in _parser()._actions for flag in action.option_strings if flag not in ("-h", "--help")]
    assert [flag for flag in flags if f"`{flag}" not in page] == []


def test_the_shell_names_show_and_shot(farm, monkeypatch):
    """$SHOW and $SHOT count as they do for outlines."""
    monkeypatch.setenv("SHOW", "film")
    monkeypatch.setenv("SHOT", "sh020")
    assert main(["--", "true"]) == 0
    assert (sent(farm).findtext("show"), sent(farm).findtext("shot")) == ("film", "sh020")


def test_frames_are_told_the_folder_of_the_launch(farm, tmp_path, monkeypatch):
    """What the command names relative to the current folder is found there."""
    monkeypatch.chdir(tmp_path)
    assert main(["--", "true"]) == 0
    env = {key.get("name"): key.text for key in sent(farm).find("job/env")}
    assert env["CUE_LAUNCH_FOLDER"] == os.getcwd()


def test_one_quoted_text_is_a_line_for_a_shell(farm):
    """Words stay apart as they were typed; a single text keeps its redirection."""
    assert main(["echo #IFRAME# > out.txt"]) == 0
    assert sent(farm).findtext("job/layers/layer/cmd") == "echo #IFRAME# > out.txt"


def test_words_with_blanks_stay_one_word(farm):
    """A blank in an argument does not take it apart on the farm."""
    assert main(["--", "blender", "my scene.blend"]) == 0
    assert sent(farm).findtext("job/layers/layer/cmd") == "blender 'my scene.blend'"


def test_short_program_names_still_make_names(farm):
    """A job and a layer need three characters, a program does not."""
    assert main(["--", "/bin/sh", "-c", "true"]) == 0
    assert sent(farm).find("job").get("name") == "sh_job"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--frames", "1-5", "--", "true"], "is the same for all 5 frames; put #IFRAME#"),
        (["--frames", "1-4", "--chunk", "2", "--", "true", "#IFRAME#"], "told only the first"),
        (["--", "no-such-program"], "no program 'no-such-program' on this machine"),
    ],
)
def test_likely_slips_are_warned_of(capsys, arguments, words):
    """The job is submitted all the same."""
    assert main(arguments) == 0
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "what is to be run?"),
        (["--frames", "x-y", "--", "true"], "--frames x-y"),
        (["--env", "A", "--", "true"], "write NAME=VALUE"),
        (["--cores", "0", "--", "true"], "a number from 0.01 on"),
        (["--cores", "0.004", "--", "true"], "a number from 0.01 on"),
        (["--timeout", "0", "--", "true"], "whole minutes, at least 1"),
        (["--timeout-llu", "1.5", "--", "true"], "whole minutes, at least 1"),
        (["--timeout", "soon", "--", "true"], "--timeout: 'soon' is not accepted: write whole minutes"),
        (["--chunk", "0", "--", "true"], "--chunk: '0' is not accepted: write a whole number, at least 1"),
        (["--cores", "x", "--", "true"], "--cores: 'x' is not accepted: write a number from 0.01 on"),
        (["--priority", "hi", "--", "true"], "--priority: 'hi' is not accepted: write a whole number, at least 0"),
        (["--retries", "99", "--", "true"], "--retries: '99' is not accepted: write a whole number from 0 to 16"),
        (["--memory", "hi", "--", "true"], "--memory: 'hi' is no amount of memory: write 512m, 2g"),
        (["--prioriti", "3", "--", "true"], "there is no --prioriti; did you mean --priority?"),
        (["--frmes=1-3", "true"], "did you mean --frames?"),
    ],
)
def test_a_senseless_line_ends_with_2(farm, capsys, arguments, words):
    """Nothing is sent."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err
    assert farm.changes() == []


def test_a_server_that_is_named_wrongly_ends_with_2(farm, capsys):
    """There is no such port."""
    assert main(["--server", "127.0.0.1:99999", "--", "true"]) == 2
    assert "there is no port '99999'" in capsys.readouterr().err


def test_flags_of_the_command_are_its_own(farm):
    """From its first word on nothing is an option, with `--` before it or not; a later `--` is part of it."""
    assert main(["--priority", "7", "env", "--prioriti", "-x", "--", "y"]) == 0
    assert sent(farm).findtext("job/layers/layer/cmd") == "env --prioriti -x -- y"


def test_a_negative_range_is_no_option(farm):
    """--frames -5-5 is a range."""
    assert main(["--frames", "-5-5", "--", "true", "#IFRAME#"]) == 0
    assert sent(farm).findtext("job/layers/layer/range") == "-5-5"


def test_a_dry_run_sends_and_leaves_nothing(farm, tmp_path, capsys):
    """The specification is printed; the session that making it took is gone."""
    assert main(["--dry-run", "--", "true"]) == 0
    assert ElementTree.fromstring(capsys.readouterr().out).findtext("job/layers/layer/cmd") == "true"
    assert farm.calls == []
    assert list((tmp_path / "sessions").iterdir()) == []


def test_a_dry_run_without_a_place_for_sessions_says_so(tmp_path, capsys):
    """What cannot be made is told by its path, in one line."""
    (tmp_path / "file").write_text("")
    outline.config.set("outline", "session_dir", str(tmp_path / "file"))
    assert main(["--dry-run", "--", "true"]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"cuefarm submit: cannot make the session folder {tmp_path / 'file'}")
    assert told.count("\n") == 1


def test_json_is_for_programs(capsys):
    """The job as one object on stdout, and nothing else there."""
    assert main(["--json", "--", "true"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["job"], record["frames"], record["log_dir"]) == (JOB, 10, "/logs/here")


def test_a_name_that_is_taken_gets_a_number(farm):
    """The same command twice at a time is two jobs; a name that was asked for is not changed."""
    names = []

    def launch(request: Any, context: Any) -> Any:
        names.append(ElementTree.fromstring(request.spec).find("job").get("name"))
        if len(names) < 3:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "a job is active already")
        return job_pb2.JobLaunchSpecAndWaitResponse(jobs=job_pb2.JobSeq(jobs=farm.jobs.values()))

    farm.JobInterface_LaunchSpecAndWait = launch
    assert main(["--", "true"]) == 0
    assert names == ["true", "true_2", "true_3"]
    del names[:]
    assert main(["--name", "mine", "--", "true"]) == 1
    assert names == ["mine"]


def test_a_refusal_is_told_in_one_line(farm, capsys):
    """What the server says, without a traceback."""
    farm.jobs.clear()

    def launch(request: Any, context: Any) -> Any:
        context.abort(grpc.StatusCode.NOT_FOUND, "there is no show 'testing'")

    farm.JobInterface_LaunchSpecAndWait = launch
    assert main(["--frames", "1-5", "--", "true"]) == 1  # and no warning that the frames are alike
    assert capsys.readouterr().err == "cuefarm submit: there is no show 'testing'\n"


@pytest.mark.parametrize(("succeeded", "status"), [(10, 0), (9, 4)])
def test_wait_ends_with_the_job(farm, capsys, succeeded, status):
    """Done is 0, killed 4."""
    stats = job_pb2.JobStats(total_frames=10, succeeded_frames=succeeded, waiting_frames=10 - succeeded)
    over = a_job(state=job_pb2.FINISHED, job_stats=stats)
    farm.JobInterface_GetJob = lambda request, context: job_pb2.JobGetJobResponse(job=over)
    assert main(["--wait", "--", "true"]) == status
    assert "is done" in capsys.readouterr().out or status == 4

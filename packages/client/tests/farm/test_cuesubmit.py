"""What cuesubmit checks, asks and submits."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Iterator
from xml.etree import ElementTree

import pytest
from builders import a_job
from opencue_proto import limit_pb2, service_pb2, show_pb2

import outline
from cue_cli.cuesubmit import main

JOB = "film-sh010-ann_turn"


@pytest.fixture(autouse=True)
def _studio(farm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A farm with a show, services and a limit; scenes of four applications; no configuration of the user's own."""
    before = outline.config.get("outline", "session_dir")
    outline.config.set("outline", "session_dir", str(tmp_path / "sessions"))
    for variable in ("SHOW", "SHOT", "FACILITY", "RENDER_TO"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("USER", "ann")
    (tmp_path / "none.yaml").write_text("")
    monkeypatch.setenv("CUESUBMIT_CONFIG_FILE", str(tmp_path / "none.yaml"))
    for name in ("a.blend", "b.ma", "c.nk", "d.hip"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    farm.shows = {name: show_pb2.Show(id=name, name=name, active=True) for name in ("film", "testing")}
    farm.services = {name: service_pb2.Service(name=name) for name in ("arnold", "blender", "shell")}
    farm.limits["arnold"] = limit_pb2.Limit(id="id-arnold", name="arnold")
    farm.jobs[JOB] = a_job(JOB, log_dir="/logs/here")
    yield
    outline.config.set("outline", "session_dir", before)


def sent(farm: Any) -> ElementTree.Element:
    """Return the specification that arrived."""
    return ElementTree.fromstring(farm.only("JobInterface.LaunchSpecAndWait").spec)


@pytest.mark.parametrize(
    ("words", "command", "service"),
    [
        (["--type", "Shell", "--command", "render #IFRAME# > out"], "render #IFRAME# > out", "shell"),
        (
            ["--type", "blender", "--file", "a.blend", "--output", "/o/####", "--format", "PNG"],
            "blender -b HERE/a.blend -noaudio --python-exit-code 1 -o /o/#### -F PNG -s #FRAME_START#"
            " -e #FRAME_END# -a",
            "blender",
        ),
        (
            ["--type", "Maya", "--file", "b.ma", "--camera", "top"],
            "Render -r file -s #FRAME_START# -e #FRAME_END# -cam top HERE/b.ma",
            "maya",
        ),
        (
            ["--type", "Nuke", "--file", "c.nk", "--write-nodes", "left, right"],
            "nuke -F #FRAME_START#-#FRAME_END# -X left,right -x HERE/c.nk",
            "nuke",
        ),
        (
            ["--type", "Houdini", "--file", "d.hip", "--driver", "/out/mantra1"],
            "hrender -e -f #FRAME_START# #FRAME_END# -d /out/mantra1 HERE/d.hip",
            "houdini",
        ),
    ],
)
def test_each_type_becomes_its_command(farm: Any, tmp_path: Path, words: list[str], command: str, service: str) -> None:
    """A file is named by its whole path, tokens stand for frames, and the service is the application's."""
    assert main(["--name", "turn", "--show", "film", "--frames", "1-10", *words]) == 0
    layer = sent(farm).find("job/layers/layer")
    assert layer is not None
    assert layer.findtext("cmd") == command.replace("HERE", str(tmp_path))
    assert (layer.findtext("services/service"), layer.findtext("range")) == (service, "1-10")


def test_all_of_a_job_arrives(farm: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Job and layer options are in the specification, and what next is said."""
    words = ["--name", "turn", "--show", "film", "--shot", "sh010", "--user", "bob", "--priority", "9", "--pause"]
    words += ["--render-to", "cloud", "--type", "Shell", "--layer", "work", "--command", "true #FRAME_END#"]
    words += ["--frames", "1-10", "--chunk", "5", "--cores", "4", "--memory", "2g", "--services", "arnold,shell"]
    assert main([*words, "--limits", "arnold"]) == 0
    spec = sent(farm)
    job, layer = spec.find("job"), spec.find("job/layers/layer")
    assert job is not None
    assert layer is not None
    assert [spec.findtext(tag) for tag in ("show", "shot", "user", "facility")] == ["film", "sh010", "bob", "cloud"]
    assert (job.get("name"), job.findtext("priority"), job.findtext("paused")) == ("turn", "9", "True")
    tags = ("chunk", "cores", "threadable", "memory", "limits/limit")
    assert [layer.findtext(tag) for tag in tags] == ["5", "4.0", "True", "2g", "arnold"]
    assert [found.text for found in layer.findall("services/service")] == ["arnold", "shell"]
    assert f"cueadmin -log {JOB} work 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cores", "written", "threadable"), [("0.5", "0.5", "False"), ("0", "0.0", "True"), ("-2", "-2.0", "True")]
)
def test_cores_may_be_a_whole_host(farm: Any, cores: str, written: str, threadable: str) -> None:
    """0 is all cores of a host and -2 all but two; a layer that wants them can use more."""
    words = ["--name", "turn", "--type", "Shell", "--command", "true", "--frames", "1"]
    assert main([*words, "--cores", cores]) == 0
    layer = sent(farm).find("job/layers/layer")
    assert layer is not None
    assert (layer.findtext("cores"), layer.findtext("threadable")) == (written, threadable)


def test_layers_wait_for_the_one_before(farm: Any) -> None:
    """`+` begins a layer, whose frames are those of the one before unless it says otherwise."""
    words = ["--name", "turn", "--type", "Blender", "--file", "a.blend", "--frames", "1-10"]
    words += ["+", "--type", "Nuke", "--file", "c.nk", "--depend", "frame"]
    words += ["+", "--type", "Shell", "--command", "encode", "--frames", "1", "--depend", "layer"]
    assert main(words) == 0
    spec = sent(farm)
    layers = spec.findall("job/layers/layer")
    assert [(layer.get("name"), layer.findtext("range")) for layer in layers] == [
        ("blender", "1-10"),
        ("nuke", "1-10"),
        ("shell", "1"),
    ]
    depends = [(d.get("type"), d.findtext("deplayer"), d.findtext("onlayer")) for d in spec.findall("depends/depend")]
    assert depends == [("FRAME_BY_FRAME", "nuke", "blender"), ("LAYER_ON_LAYER", "shell", "nuke")]


def test_each_layer_has_its_own_frames(farm: Any) -> None:
    """Frames of a layer need not be among those of the first."""
    words = ["--name", "turn", "--type", "Shell", "--command", "true", "--frames", "1-10"]
    assert main([*words, "+", "--type", "Shell", "--layer", "later", "--command", "true", "--frames", "8-12,101"]) == 0
    assert [layer.findtext("range") for layer in sent(farm).iter("layer")] == ["1-10", "8-12,101"]


SHELL = ["--name", "turn", "--type", "Shell", "--command", "true", "--frames", "1"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--type", "Shell"], 2, "the job needs a name (--name)"),
        (["--name", "no", "--type", "Shell"], 2, "'no' is no name of a job"),
        (["--name", "a b c", "--type", "Shell"], 2, "'a b c' is no name of a job"),
        (["--name", "turn"], 2, "needs a type (--type Shell|Blender|Maya|Nuke|Houdini)"),
        (["--name", "turn", "--type", "Blendr"], 2, "there is no job type 'Blendr'; did you mean Blender?"),
        (["--name", "turn", "--type", "Shell"], 2, "which frames?"),
        ([*SHELL, "--frames", "1-"], 2, "'1-' is no range of frames"),
        ([*SHELL, "--command", " "], 2, "Command is missing (--command)"),
        ([*SHELL, "--chunk", "0"], 2, "'0' is no chunk size"),
        ([*SHELL, "--cores", "-1.5"], 2, "'-1.5' is no number of cores"),
        ([*SHELL, "--memory", "much"], 2, "'much' is no amount of memory"),
        ([*SHELL, "--depend", "layer"], 2, "the first layer has none before it"),
        ([*SHELL, "--camera", "top"], 2, "--camera goes with Maya, not with Shell"),
        ([*SHELL, "+", "--type", "Shell", "--command", "true"], 2, "two layers are called 'shell'"),
        (
            [*SHELL, "+", "--type", "Shell", "--dry-run"],
            2,
            "--dry-run is of the whole job: it belongs before the first `+`",
        ),
        ([*SHELL, "--priority", "hi"], 2, "'hi' is not accepted: write a whole number, at least 0"),
        ([*SHELL, "--show", "flim"], 1, "there is no show 'flim'; did you mean film?"),
        ([*SHELL, "--services", "arnld"], 1, "there is no service 'arnld'; did you mean arnold?"),
        ([*SHELL, "--limits", "nuke"], 1, "there is no limit 'nuke'; use one of arnold"),
        (["--name", "turn", "--type", "Maya", "--file", "a.blend", "--frames", "1"], 2, "is no Maya file"),
        (["--name", "turn", "--type", "Maya", "--file", "x.ma", "--frames", "1"], 2, "there is no file x.ma"),
        (
            ["--name", "turn", "--type", "Blender", "--file", "a.blend", "--format", "PGN", "--frames", "1"],
            2,
            "there is no output format 'PGN'; did you mean PNG?",
        ),
        (
            ["--name", "turn", "--type", "Nuke", "--file", "c.nk", "--frames", "1-10x2", "--chunk", "2"],
            1,
            "cannot be one call",
        ),
        (
            ["--name", "turn", "--type", "Houdini", "--file", "d.hip", "--driver", "mantra", "--frames", "1"],
            1,
            "has to be a path of Houdini's",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_farm_sees_it(
    farm: Any, capsys: pytest.CaptureFixture[str], words: list[str], status: int, message: str
) -> None:
    """One line says what is wrong; nothing is submitted, and there is no traceback."""
    try:
        ended = main(words)
    except SystemExit as ending:  # of the parser's
        ended = ending.code
    said = capsys.readouterr().err
    assert (ended, message in said) == (status, True), said
    assert "Traceback" not in said
    assert farm.changes() == []


def test_a_mistyped_flag_suggests_the_right_one(farm: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """In the first layer and in the others, status 2."""
    for words in (["--nmae", "turn"], [*SHELL, "+", "--tpye", "Shell"]):
        with pytest.raises(SystemExit) as ending:
            main(words)
        assert ending.value.code == 2
        assert "did you mean --name?" in (said := capsys.readouterr().err) or "did you mean --type?" in said
    assert farm.calls == []


def test_a_dry_run_needs_no_server(farm: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The specification is printed and nothing of it stays behind, not even a session."""
    assert main([*SHELL, "--dry-run", "--json", "-server", "127.0.0.1:1"]) == 0
    spec = ElementTree.fromstring(json.loads(capsys.readouterr().out)["spec"])
    assert spec.findtext("job/layers/layer/cmd") == "true"
    assert not list((tmp_path / "sessions").rglob("*.yaml"))
    assert farm.calls == []


def test_the_configuration_names_programs_and_the_show(farm: Any, tmp_path: Path) -> None:
    """Keys of cuesubmit.yaml count; $SHOW would count more than DEFAULT_SHOW."""
    (tmp_path / "none.yaml").write_text("DEFAULT_SHOW: film\nBLENDER_RENDER_CMD: /opt/blender-4/blender\nUI_NAME: x\n")
    assert main(["--name", "turn", "--type", "Blender", "--file", "a.blend", "--frames", "1"]) == 0
    spec = sent(farm)
    assert spec.findtext("show") == "film"
    assert (spec.findtext("job/layers/layer/cmd") or "").startswith("/opt/blender-4/blender -b ")


@pytest.mark.parametrize(
    ("text", "message"), [("a: [", "cannot be read"), ("- a\n", "no map"), ("DEFAULT_SHOW: 3", "text")]
)
def test_a_configuration_that_makes_no_sense_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    """Its path is in the error, status 1."""
    (tmp_path / "none.yaml").write_text(text)
    assert main(SHELL) == 1
    said = capsys.readouterr().err
    assert (message in said, str(tmp_path / "none.yaml") in said, "Traceback" in said) == (True, True, False)


def test_the_form_asks_again_until_it_makes_sense(
    farm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong answers are told and asked again; empty ones take what is offered; the job is shown and submitted."""
    job = ["x", "turn", "flim", "film", "sh010", ""]
    blender = ["Blender", "", "1-10", "b.blend", "a.blend", "", "PNG", "5", "4", "", "arnld", "arnold", "y"]
    movie = ["", "movie", "leyer", "layer", "1", "", "encode", "", "", "", "", "n"]
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{answer}\n" for answer in [*job, *blender, *movie])))
    assert main(["--form"]) == 0
    shown = capsys.readouterr().out
    for line in (
        "'x' is no name of a job",
        "there is no show 'flim'; did you mean film?",
        "there is no file b.blend on this machine",
        "there is no limit 'arnld'; did you mean arnold?",
        "there is no dependency 'leyer'; did you mean layer?",
        "Command is missing",
        "  blender                  Blender  1-10\n  movie                    Shell    1                Layer\n",
        f"{JOB} is submitted",
    ):
        assert line in shown, shown
    spec = sent(farm)
    assert [spec.findtext(tag) for tag in ("show", "shot", "user")] == ["film", "sh010", "ann"]
    blender_layer, movie_layer = spec.findall("job/layers/layer")
    assert [blender_layer.findtext(tag) for tag in ("range", "chunk", "cores", "limits/limit")] == [
        "1-10",
        "5",
        "4.0",
        "arnold",
    ]
    assert movie_layer.findtext("cmd") == "encode"
    assert spec.findtext("depends/depend/onlayer") == "blender"


def test_a_form_whose_answers_end_submits_nothing(
    farm: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1, and it is said which question nobody answered."""
    monkeypatch.setattr("sys.stdin", io.StringIO("turn\n"))
    assert main(["--form"]) == 1
    assert 'nothing is submitted: nobody answered "Show"' in capsys.readouterr().err
    assert farm.changes() == []


def test_without_flags_and_terminal_the_form_is_not_begun(
    farm: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script that forgot its flags gets status 2 at once."""
    monkeypatch.setattr("sys.stdin", io.StringIO("turn\n"))
    with pytest.raises(SystemExit) as ending:
        main([])
    assert (ending.value.code, farm.calls) == (2, [])

"""The job specification, and launching on the farm through a fake of `opencue`."""

from __future__ import annotations

import os
import pathlib
import sys
import types
from typing import Any, Dict, List
from xml.etree import ElementTree

import pytest

import outline
from cue_cli.pycuerun import qc
from outline import cuerun
from outline.backend import watching
from outline.backend.spec import memory_text, scrub_tags
from outline.command_line import quote_word
from outline.layer import Composite, Frame, Layer, OutlinePostCommand
from outline.modules.shell import Shell, ShellSequence


def specification(ol: outline.Outline, use_pycuerun: bool = False, **flags: Any) -> Any:
    """Return the parsed specification of an outline."""
    return ElementTree.fromstring(text_of(ol, use_pycuerun, **flags))


def text_of(ol: outline.Outline, use_pycuerun: bool = False, **flags: Any) -> str:
    """Return the specification of an outline."""
    return cuerun.OutlineLauncher(ol, backend="cue", **flags).serialize(use_pycuerun)


def job(*layers: Layer, **args: Any) -> outline.Outline:
    """Return an outline of these layers."""
    ol = outline.Outline("test", **{"frame_range": "1-10", **args})
    for layer in layers:
        ol.add_layer(layer)
    return ol


def test_the_specification_of_a_small_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """All elements stand in the order that upstream's grammar asks for."""
    monkeypatch.setattr(os, "getuid", lambda: 501)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.chdir("/")
    render = Shell("render", command=["render", "#IFRAME#"], cores=2, memory="2g", tags=["general", "desktop"])
    render.set_limits(["arnold"])
    render.set_env("KEY", "a&b")
    render.add_output("picture", "/tmp/a.#.exr")
    comp = Shell("comp", command="comp", threads=0.25, threadable=False, timeout=30, gpus=1)
    comp.depend_on(render)
    ol = job(render, comp, show="movie", shot="sh010", user="artist", maxcores=50)
    ol.set_env("PRE", "1", pre=True)
    assert text_of(ol, pause=True, os="linux") == (
        '<?xml version="1.0"?><!DOCTYPE spec PUBLIC "SPI Cue  Specification Language" '
        '"http://localhost:8080/spcue/dtd/cjsl-1.15.dtd">'
        "<spec><facility>local</facility><show>movie</show><shot>sh010</shot><user>artist</user>"
        "<email>artist@example.com</email><uid>501</uid>"
        '<job name="test"><paused>True</paused><priority>1</priority><maxretries>2</maxretries>'
        "<maxcores>50</maxcores><autoeat>False</autoeat><os>linux</os>"
        '<env><key name="CUE_LAUNCH_FOLDER">/</key><key name="PRE">1</key></env><layers>'
        '<layer name="render" type="Render"><cmd>render #IFRAME#</cmd><range>1-10</range><chunk>1</chunk>'
        "<cores>2.0</cores><memory>2g</memory><tags>general | desktop</tags><limits><limit>arnold</limit></limits>"
        '<env><key name="KEY">a&amp;b</key></env><services><service>shell</service></services>'
        '<outputs><output name="picture">/tmp/a.#.exr</output></outputs></layer>'
        '<layer name="comp" type="Render"><cmd>comp</cmd><range>1-10</range><chunk>1</chunk>'
        "<cores>0.25</cores><threadable>False</threadable><gpus>1</gpus><gpu_memory>1g</gpu_memory>"
        "<timeout>30</timeout><env /><services><service>shell</service></services><outputs /></layer>"
        '</layers></job><depends><depend type="FRAME_BY_FRAME" anyframe="False"><depjob>test</depjob>'
        "<deplayer>comp</deplayer><onjob>test</onjob><onlayer>render</onlayer></depend></depends></spec>"
    )


def test_a_job_says_where_it_was_launched(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its frames get the folder, by the name that led there, and what the PATH has beyond that of every host."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    monkeypatch.chdir(link)
    monkeypatch.setenv("PWD", str(link))
    monkeypatch.setenv("PATH", "/studio/bin:/usr/bin:.:bin:/bin:/opt/tool/bin:/studio/bin")
    assert launched_with(job(Shell("shell", command="true"))) == {
        "CUE_LAUNCH_FOLDER": str(link),
        "PATH": "/studio/bin:/opt/tool/bin",
    }
    monkeypatch.setenv("PWD", "/elsewhere")
    assert launched_with(job(Shell("shell", command="true")))["CUE_LAUNCH_FOLDER"] == str(real)


def test_an_outline_may_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of its own win over those of the launch."""
    monkeypatch.setenv("PATH", "/studio/bin:/usr/bin")
    ol = job(Shell("shell", command="true"))
    ol.set_env("PATH", "/its/own/bin", pre=True)
    ol.set_env("CUE_LAUNCH_FOLDER", "/its/own/folder", pre=True)
    assert launched_with(ol) == {"CUE_LAUNCH_FOLDER": "/its/own/folder", "PATH": "/its/own/bin"}


def launched_with(ol: outline.Outline) -> Dict[str, str]:
    """Return the variables of the job that an outline becomes."""
    return {key.get("name", ""): key.text or "" for key in specification(ol).findall("job/env/key")}


def test_the_superuser_has_no_number_in_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers refuse uid 0, so it is left out and the host decides."""
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert specification(job(Shell("shell", command="true"))).find("uid") is None


def test_an_older_version_gets_no_newer_elements(caplog: pytest.LogCaptureFixture) -> None:
    """For specification 1.9 what came later is left out, with a warning."""
    outline.config.set("outline", "spec_version", "1.9")
    try:
        layer = Shell("shell", command="true", timeout=3)
        layer.set_max_cores(2)
        text = text_of(job(layer, maxcores=3))
    finally:
        outline.config.set("outline", "spec_version", "1.15")
    assert "cjsl-1.9.dtd" in text
    assert not any(f"<{tag}" in text for tag in ("priority", "maxcores", "timeout", "outputs"))
    assert "cuefarm" not in text
    assert "has no <timeout>" in caplog.text


def test_a_server_without_additions_gets_the_closest_to_them() -> None:
    """With spec_additions off, retries of a layer raise those of the job, and maximum cores are left out."""
    outline.config.set("outline", "spec_additions", "0")
    try:
        layer = Shell("shell", command="true")
        layer.set_retry_count(5)
        layer.set_max_cores(2)
        root = specification(job(layer))
        other = job(Shell("other", command="true"))
        other.depend_on_job("movie-sh010-artist_comp")
        with pytest.raises(outline.OutlineException, match="same show, shot and user"):
            text_of(other)
    finally:
        outline.config.set("outline", "spec_additions", "1")
    assert (root.findtext("job/maxretries"), root.attrib) == ("5", {})


def test_a_jobs_time_limit_is_an_addition_to_the_specification(caplog: pytest.LogCaptureFixture) -> None:
    """In minutes, 0 for none; a server without additions is not told, which a warning says."""
    ol = job(Shell("shell", command="true"))
    assert "timelimit" not in specification(ol).find("job").attrib
    ol.set_time_limit(90)
    root = specification(ol)
    assert (root.find("job").get("timelimit"), root.attrib, ol.get_time_limit()) == ("90", {"cuefarm": "1"}, 90)
    outline.config.set("outline", "spec_additions", "0")
    try:
        root = specification(ol)
    finally:
        outline.config.set("outline", "spec_additions", "1")
    assert (root.find("job").attrib, root.attrib) == ({"name": "test"}, {})
    assert "time limit" in caplog.text
    for wrong in (-1, 1.5, True, "90"):
        with pytest.raises(outline.OutlineException, match="whole number of minutes"):
            ol.set_time_limit(wrong)


def test_full_names_of_other_jobs_are_not_expanded() -> None:
    """A full job name is marked, an outline's name and a job of the same prefix are not."""
    layer = Shell("shell", command="true")
    ol = job(layer)
    ol.depend_on_job("movie-sh010-artist_comp")
    ol.depend_on_job("previous-job-name")
    ol.depend_on_job("testing-default-tester_old")
    layer.depend_on_job("my-own-render_v2", full_name=False)
    found = [(d.get("type"), d.findtext("onjob"), d.get("onfullname")) for d in specification(ol).iter("depend")]
    assert found == [
        ("JOB_ON_JOB", "movie-sh010-artist_comp", "true"),
        ("JOB_ON_JOB", "previous-job-name", None),
        ("JOB_ON_JOB", "testing-default-tester_old", None),
        ("LAYER_ON_JOB", "my-own-render_v2", None),
    ]


def test_a_wait_regardless_of_failure_is_marked() -> None:
    """depend_on(..., on_failure=True) is an addition to the specification."""
    render, clean = Shell("render", command="true"), Shell("clean", command="true")
    clean.depend_on(render, "all", on_failure=True)
    root = specification(job(render, clean))
    (depend,) = root.iter("depend")
    assert (depend.get("onfailure"), root.get("cuefarm")) == ("true", "1")


def test_layers_that_are_not_in_the_job_are_left_out() -> None:
    """Children, layers without frames and those that wait for them vanish; a child's waits become its parent's."""
    prep, parent, child = Shell("prep", command="true"), Composite("parent"), Shell("child", command="true")
    parent.set_arg("command", "true")
    parent.add_child(child)
    child.depend_on(prep)
    outside = Shell("outside", command="true", range="100-110")
    prep.depend_on(outside)
    root = specification(job(prep, parent, outside))
    assert [layer.get("name") for layer in root.iter("layer")] == ["prep", "parent"]
    assert [(d.findtext("deplayer"), d.findtext("onlayer")) for d in root.iter("depend")] == [("parent", "prep")]
    with pytest.raises(outline.OutlineException, match="no layer to launch"):
        text_of(job(Shell("outside", command="true", range="100-110")))


def test_simulation_frames_and_any_frames() -> None:
    """LAYER_ON_SIM_FRAME names the first frame of the other layer; any-frame waits carry the attribute."""
    simulation, render, check = (Shell(name, command="true") for name in ("simulation", "render", "check"))
    render.depend_on(simulation, "sim")
    check.depend_on(render, "any")
    root = specification(job(simulation, render, check))
    sim, check_any = root.iter("depend")
    assert (sim.get("type"), sim.findtext("onframe")) == ("LAYER_ON_SIM_FRAME", "0001-simulation")
    assert (check_any.get("type"), check_any.get("anyframe")) == ("LAYER_ON_LAYER", "True")


def test_commands_of_frames_that_outline_executes(session_dir: Any) -> None:
    """The command is this Python, the runner by its path, the stored outline and the frame's token."""
    layer = Frame("look", wrapper="env -i")
    ol = job(layer)
    command = specification(ol, True, dev=True).findtext("job/layers/layer/cmd")
    runner = os.path.join(os.path.dirname(outline.__file__), "run.py")
    assert command == f"env -i {sys.executable} {runner} {ol.get_path()} -e #IFRAME#-look --dev"


def test_python_and_wrapper_of_frames_can_be_configured() -> None:
    """frame_python and frame_wrapper replace what a farm needs otherwise."""
    outline.config.set("outline", "frame_python", "/studio/bin/python3")
    outline.config.set("outline", "frame_wrapper", "/studio/bin/setup --quiet")
    try:
        command = specification(job(Frame("look")), True).findtext("job/layers/layer/cmd")
    finally:
        outline.config.set("outline", "frame_python", "")
        outline.config.set("outline", "frame_wrapper", "")
    assert command.startswith("/studio/bin/setup --quiet /studio/bin/python3 /")


def test_a_layer_without_a_command_needs_outline_on_the_farm() -> None:
    """use_pycuerun=False is refused for a layer of Python code, and for a sequence, by name."""
    for layer in (Frame("look"), ShellSequence("sequence", commands=["a", "b"])):
        with pytest.raises(outline.LayerException, match=f"layer {layer.get_name()} has no command"):
            text_of(job(layer))


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("plain", "plain"),
        ("#IFRAME#-#IFRAME#", "#IFRAME#-#IFRAME#"),
        ("$HOME/*.exr", "$HOME/*.exr"),
        ("beauty_####.exr", "beauty_####.exr"),
        ("a b", "'a b'"),
        ("it's", "'it'\"'\"'s'"),
        ("a;b", "'a;b'"),
        ("f(#IFRAME#)", "'f(#IFRAME#)'"),
        ("#comment", "'#comment'"),
        ("", "''"),
    ],
)
def test_words_are_quoted_only_where_a_shell_would_take_them_apart(word: str, quoted: str) -> None:
    """Tokens, variables and patterns in plain words stay live."""
    assert quote_word(word) == quoted


def test_texts_of_tags_and_memory() -> None:
    """Tags may be separated in any usual way; fractions of a GB become MB."""
    assert (
        scrub_tags("general|desk-top, gpu") == scrub_tags(["general", "desk-top", "gpu"]) == "general | desk-top | gpu"
    )
    assert [memory_text(value) for value in (4, "2g", "512m", 2.5, "1.5g", "300m")] == [
        "4",
        "2g",
        "512m",
        "2560m",
        "1536m",
        "300m",
    ]
    with pytest.raises(outline.LayerException, match="no amount of memory"):
        memory_text("lots")


def test_ranges_are_written_in_the_order_of_their_chunks() -> None:
    """An interleaved range with chunks is written out, so that server and frame agree on what a chunk is."""
    layer = Shell("shell", command="true", range="1-10:5", chunk=2)
    ol = job(layer, frame_range=None)
    assert specification(ol).findtext("job/layers/layer/range") == "1,6,2,4,8,10,3-9x2"
    assert list(layer.get_local_frame_set(8)) == [8, 10]


def test_characters_that_xml_cannot_carry_are_refused() -> None:
    """A command with a control character is refused, with the character."""
    with pytest.raises(outline.OutlineException, match=r"\\x00"):
        text_of(job(Shell("shell", command=["a\0b"])))


def test_environment_variables_of_the_shell_steer_a_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    """OL_TAG_OVERRIDE, RENDER_TO and the facility of outline and launch have their order."""
    monkeypatch.setenv("OL_TAG_OVERRIDE", "special")
    monkeypatch.setenv("RENDER_TO", "cloud")
    root = specification(job(Shell("shell", command="true", tags="general")))
    assert (root.findtext("facility"), root.findtext("job/layers/layer/tags")) == ("cloud", "special")
    assert specification(job(Shell("a", command="true"), facility="north")).findtext("facility") == "north"
    own = job(Shell("a", command="true"), facility="north")
    assert specification(own, facility="south").findtext("facility") == "south"


def test_flags_of_a_launch() -> None:
    """Range, base name, environment and the date at the end of a name do what they say."""
    ol = job(Shell("shell", command="true"))
    ol.set_name("scene_2024_05_06_07_08")
    root = specification(ol, range="5-6", env=["A=b=c"], nomail=True, autoeat=True, maxretries=0)
    assert root.find("job").get("name") == "scene"
    assert root.findtext("job/layers/layer/range") == "5-6"
    assert [key.text for key in root.findall("job/env/key") if key.get("name") == "A"] == ["b=c"]
    assert (root.find("email"), root.findtext("job/autoeat"), root.findtext("job/maxretries")) == (None, "True", "0")
    assert specification(job(Shell("a", command="x")), basename="other").find("job").get("name") == "other"
    ranged = job(Shell("shell", command="true", range="2-3"))
    assert specification(ranged, range="1-9", range_default=True).findtext("job/layers/layer/range") == "2-3"
    with pytest.raises(outline.OutlineException, match="NAME=VALUE"):
        text_of(job(Shell("a", command="x")), env=["novalue"])


def test_post_layers_and_services() -> None:
    """A post command is a Post layer of the service postprocess."""
    post = OutlinePostCommand("cleanup", command="true")
    layer = specification(job(Shell("shell", command="true"), post)).findall("job/layers/layer")[1]
    assert (layer.get("type"), layer.findtext("services/service")) == ("Post", "postprocess")


class FakeJob:
    """A job of the fake server."""

    def __init__(self, name: str, server: FakeFarm) -> None:
        self._name = name
        self._server = server
        self.data = types.SimpleNamespace(job_stats=types.SimpleNamespace(**server.stats))

    def name(self) -> str:
        """Return the name."""
        return self._name

    def resume(self) -> None:
        """Note it."""
        self._server.calls.append("resume")

    def kill(self) -> None:
        """Note it."""
        self._server.calls.append("kill")


class FakeFarm:
    """Stands in for the module opencue: takes specifications, and has their job pending for a number of polls."""

    def __init__(self, polls: int = 0, **stats: int) -> None:
        names = ("succeeded", "eaten", "total", "running", "waiting", "depend", "dead")
        self.stats: Dict[str, int] = {f"{name}_frames": stats.get(name, 0) for name in names}
        self.polls = polls
        self.specs: List[str] = []
        self.calls: List[Any] = []

        class EntityNotFoundException(Exception):
            """Raised for an unknown job."""

        self.exception = types.SimpleNamespace(EntityNotFoundException=EntityNotFoundException)
        self.Cuebot = types.SimpleNamespace(setHosts=self.calls.append)
        self.api = self

    def launchSpecAndWait(self, spec: str) -> List[FakeJob]:
        """Take a specification."""
        self.specs.append(spec)
        return [FakeJob(f"full_{e.get('name')}", self) for e in ElementTree.fromstring(spec).iter("job")]

    def isJobPending(self, name: str) -> bool:
        """Say whether polls are left."""
        self.polls -= 1
        return self.polls >= 0

    def findJob(self, name: str) -> FakeJob:
        """Return the job, which is gone at the last poll."""
        if self.polls == 0:
            raise self.exception.EntityNotFoundException
        return FakeJob(name, self)


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that puts a fake farm in place of opencue."""

    def make(**args: Any) -> FakeFarm:
        fake = FakeFarm(**args)
        monkeypatch.setitem(sys.modules, "opencue", fake)  # type: ignore[arg-type]
        monkeypatch.setattr(watching, "POLL_SECONDS", 0.0)
        return fake

    return make


def test_a_launch_returns_the_jobs(farm: Any) -> None:
    """launch() sends the specification to the server that the flag names and returns its jobs."""
    fake = farm()
    jobs = cuerun.launch(job(Shell("shell", command="true")), use_pycuerun=False, server="farm:8443")
    assert [each.name() for each in jobs] == ["full_test"]
    assert fake.calls == [["farm:8443"]]
    assert "<cmd>true</cmd>" in fake.specs[0]


def test_a_test_launch_fails_with_its_first_dead_frame(farm: Any) -> None:
    """With the flag test, the job is resumed, and killed whether it went well or not."""
    fake = farm(polls=3, total=10, dead=1)
    with pytest.raises(outline.OutlineException, match=r"1 dead"):
        cuerun.launch(job(Shell("shell", command="true")), test=True)
    assert fake.calls == ["resume", "kill"]
    fake = farm(polls=3, total=10, succeeded=4, running=2, waiting=3)
    lines: List[str] = []
    cuerun.launch(job(Shell("shell", command="true")), test=True, progress=lines.append)
    assert fake.calls == ["resume", "kill"]
    assert lines == [
        "full_test is submitted",
        *["full_test: 4 of 10 frames done, 2 running, 3 waiting, 0 dead (0:00)"] * 2,
    ]


def test_quality_control_holds_its_job(farm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The frame that --qc adds pauses the job, says what to do, and queues itself again; without its layer it fails."""
    fake = farm()
    monkeypatch.setenv("CUE_JOB", "full_test")
    monkeypatch.setenv("CUE_LAYER", "wait_on_artist_to_qc")
    layer = types.SimpleNamespace(name=lambda: "wait_on_artist_to_qc", retry=lambda: fake.calls.append("retry"))
    held = types.SimpleNamespace(
        getLayers=lambda: [layer],
        pause=lambda: fake.calls.append("pause"),
        addComment=lambda subject, message: fake.calls.append(subject),
    )
    fake.findJob = lambda name: held  # type: ignore[method-assign]
    assert qc.main() == 0
    assert fake.calls == ["pause", "Waiting for quality control", "retry"]
    monkeypatch.setenv("CUE_LAYER", "other")
    assert qc.main() == 1


def test_an_unknown_backend_is_named_with_those_there_are() -> None:
    """A wrong backend is an error that lists the right ones."""
    with pytest.raises(outline.OutlineException, match=r"no backend 'clowd'.*cue, .*local"):
        cuerun.launch(job(Shell("shell", command="true")), backend="clowd")


@pytest.mark.parametrize("value", ["  two  ", "x\n", " ", "a\r\nb", "ü日本"])
def test_a_variable_is_written_to_the_letter(value: str) -> None:
    """What a reader of the specification finds is the value that was set."""
    layer = Shell("shell", command="true")
    layer.set_env("KEY", value)
    assert specification(job(layer)).find("job/layers/layer/env/key").text == value


@pytest.mark.parametrize(("key", "value"), [("KEY", "bell\a"), ("BELL\a", "x")])
def test_a_variable_that_xml_cannot_carry_is_refused_by_its_name(key: str, value: str) -> None:
    """The refusal names the variable and the character."""
    layer = Shell("shell", command="true")
    layer.set_env(key, value)
    with pytest.raises(outline.OutlineException, match=r"the variable .*'\\x07'"):
        text_of(job(layer))


@pytest.mark.parametrize(("given", "written"), [(2, "2"), (2.0, "2"), ("2", "2")])
def test_gpus_are_whole(given: Any, written: str) -> None:
    """A whole number may be written in any way."""
    assert specification(job(Shell("shell", command="true", gpus=given))).find("job/layers/layer/gpus").text == written


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"gpus": 1.5}, "'gpus' of layer shell has to be a whole number, not 1.5"),
        ({"gpus": float("nan")}, "'gpus' of layer shell has to be a whole number"),
        ({"timeout": 0.5}, "'timeout' of layer shell has to be a whole number"),
        ({"cores": float("inf")}, "cores of layer shell have to be a number"),
        ({"cores": "many"}, "cores of layer shell have to be a number"),
        ({"cores": 0.004}, "cores of layer shell are at least 0.01"),
        ({"tags": ["", "|"]}, "are separators alone"),
    ],
)
def test_a_number_that_the_farm_cannot_read_is_refused_in_words(args: Dict[str, Any], words: str) -> None:
    """The refusal comes before anything is sent, and names argument and layer."""
    with pytest.raises(outline.LayerException, match=words):
        text_of(job(Shell("shell", command="true", **args)))


def test_names_that_no_folder_can_have_are_refused_before_a_session_is_made(session_dir: pathlib.Path) -> None:
    """The name of the job counts with show, shot and user."""
    with pytest.raises(outline.OutlineException, match="at most 217 are accepted"):
        outline.Outline("x" * 217, frame_range="1").setup()
    assert not session_dir.exists()


def test_a_layer_without_room_for_the_names_of_its_logs_is_refused() -> None:
    """The refusal says how long the layer's name may be beside the job's."""
    with pytest.raises(outline.LayerException, match=r"At most \d+ bytes"):
        text_of(job(Shell("x" * 230, command="true")))


@pytest.mark.parametrize("given", [["one", "two"], ("one", "two"), "one,two", " one , two, ", ["one,two"]])
def test_services_limits_and_tags_may_be_text_or_lists(given: Any) -> None:
    """A text with commas and a list say the same, in arguments and in setters."""
    by_argument = Shell("by_argument", command="true", service=given, limits=given, tags=given)
    by_setter = Shell("by_setter", command="true", tags=given)
    by_setter.set_service(given)
    by_setter.set_limits(given)
    for layer in specification(job(by_argument, by_setter)).findall("job/layers/layer"):
        assert [service.text for service in layer.findall("services/service")] == ["one", "two"]
        assert [limit.text for limit in layer.findall("limits/limit")] == ["one", "two"]
        assert layer.find("tags").text == "one | two"

"""Modules of outline: each row of that tutorial (S4), on a live farm where it is about one. Tests name their rows."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from farm_process import FarmProcess, wait_for

import opencue
import outline
import outline.modules.shell
from opencue.compiled_proto import job_pb2
from outline.modules.shell import Shell, ShellCommand

NO_TEST = {
    "01": "asks for a guide to writing modules; docs/tutorial/first-outline.md is one, and a test follows it",
    "21": "advice not to make a layer of each frame",
    "24": "advice to keep constructors small",
}
ROWS = 57
HELLO = '''
from outline import Layer, LayerPreProcess


class HelloModule(Layer):
    """Greets each frame; what its hooks were told goes into the log."""

    def __init__(self, name, **args):
        Layer.__init__(self, name, **args)
        self.require_arg("greeting")

    def _after_init(self, ol):
        self.set_arg("outline_name", ol.get_name())

    def _setup(self):
        self.put_data("made", "at launch")
        with open("note.txt", "w") as note:
            note.write("a note")
        self.put_file("note.txt", rename="kept")

    def _pre_execute(self):
        self.opened = (number for number in ())  # nothing that could be stored at launch

    def _execute(self, frames):
        for frame in frames:
            print("Hello Frame Number", frame)
        with open(self.get_file("kept")) as note:
            print(self.get_arg("greeting"), self.get_arg("outline_name"), self.get_data("made"), note.read())
        self.put_data(f"was {frames[0]}", list(frames))
        if 5 in frames:
            self.system("sh -c 'exit 7'")

    def _post_execute(self):
        print("after", type(self.get_failure()).__name__)


class Child(Layer):
    """Runs right after the layer that it was given to."""

    def _parented(self):
        self.set_arg("told", "parented")

    def _execute(self, frames):
        print("child of", self.get_parent().get_name(), self.get_arg("told"), list(frames))


class Prepare(LayerPreProcess):
    """Comes first, once."""

    def _execute(self, frames):
        print("prepared", list(frames))
'''


@pytest.fixture(autouse=True)
def _surroundings(farm: FarmProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in a folder of the test's own, where a module of a studio lies, and leave no job behind."""
    api = farm.connect().api
    before = outline.config.get("outline", "session_dir")
    outline.config.set("outline", "session_dir", str(tmp_path / "sessions"))
    monkeypatch.setenv("OUTLINE_OUTLINE_SESSION_DIR", str(tmp_path / "sessions"))
    for variable in ("OL_OS", "OL_TAG_OVERRIDE", "RENDER_TO", "FACILITY", "FR"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "hello_module.py").write_text(HELLO)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("hello_module", None)
    wait_for(api.getHosts, 30, "the host to report")
    yield
    sys.modules.pop("hello_module", None)
    outline.Outline.current = None
    outline.config.set("outline", "session_dir", before)
    for job in api.getJobs():
        job.kill()
    wait_for(lambda: not api.getProcs(), 30, "the frames to end")


def an_outline(name: str, *layers: Any, frames: str = "1-5") -> Any:
    """Return an outline of layers that are small enough for many frames to run at once."""
    made = outline.Outline(name, frame_range=frames, show="testing", shot="sh010", user="ann")
    for layer in layers:
        layer.set_default_arg("cores", 0.1)
        layer.set_default_arg("memory", "256m")
        made.add_layer(layer)
    return made


def specification(made: Any, **flags: Any) -> ElementTree.Element:
    """Return what a launch of an outline would send."""
    launcher = outline.cuerun.OutlineLauncher(made, backend="cue", **flags)
    return ElementTree.fromstring(launcher.serialize(use_pycuerun=False))


def log(job: Any, frame: str) -> str:
    """Return what a frame has written."""
    (path,) = Path(job.logDir()).glob(f"*{frame}.rqlog")
    return path.read_text()


def ended(farm: FarmProcess, name: str) -> Any:
    """Return the job of a name, when none of its frames waits or runs any more."""
    api = farm.connect().api
    job = wait_for(lambda: api.findLastJob(name), 20, "the job to be there")
    going = {job_pb2.WAITING, job_pb2.RUNNING, job_pb2.DEPEND}
    wait_for(lambda: not going & {frame.state() for frame in job.getFrames()}, 60, "the frames to end")
    return job


def test_every_row_has_a_test() -> None:
    """A row of the tutorial has a test here, or a reason for none."""
    named = {row for test in globals() for row in re.findall(r"_(\d\d)(?=_)", test) if test.startswith("test_s4_")}
    rows = {f"{number:02d}" for number in range(1, ROWS + 1)}
    assert rows - named - set(NO_TEST) == set()


def test_s4_02_04_05_12_22_23_25_26_27_28_29_30_33_34_35_37_39_40_41_a_module_from_launch_to_its_frames(
    farm: FarmProcess, tmp_path: Path
) -> None:
    """A class of a studio's own is stored, found on the farm, and each hook runs where the tutorial says."""
    (tmp_path / "my_module_test.outline").write_text(
        "from hello_module import HelloModule\n"
        "HelloModule('hello', greeting='Good morning', chunk=2, cores=0.1, memory='256m')\n"
    )
    launched = farm.run("pycuerun", "my_module_test.outline", "1-5", "-m", "0", "--shot", "sh010", "-u", "ann")
    assert launched.returncode == 0, launched.stderr
    job = ended(farm, "testing-sh010-ann_my_module_test")
    states = {frame.name(): frame.state() for frame in job.getFrames()}
    assert states == {
        "0001-hello": job_pb2.SUCCEEDED,
        "0003-hello": job_pb2.SUCCEEDED,
        "0005-hello": job_pb2.DEAD,
    }
    said = log(job, "0001-hello")
    for line in (
        "Hello Frame Number 1\nHello Frame Number 2\n",
        "Good morning my_module_test at launch a note",
        "after NoneType",
    ):
        assert line in said
    failed = log(job, "0005-hello")
    assert "after ShellCommandFailureException" in failed
    assert job.getLayers()[0].getFrames(range="5")[0].exitStatus() == 7
    (kept,) = (tmp_path / "sessions").rglob("was 1")
    assert kept.read_text().split() == ["-", "1", "-", "2"]


def test_s4_13_a_script_runs_on_a_bare_machine(farm: FarmProcess, tmp_path: Path) -> None:
    """Options follow the range, no server is needed, output is streamed, and a failed frame is told by the status."""
    (tmp_path / "my_module_test.outline").write_text(
        "from hello_module import HelloModule\nHelloModule('hello', greeting='Hi')\n"
    )
    done = farm.run("pycuerun", "my_module_test.outline", "1-4", "--backend", "local", "-s", "127.0.0.1:1")
    assert done.returncode == 0, done.stderr
    assert "Hello Frame Number 4" in done.stdout
    assert farm.run("pycuerun", "my_module_test.outline", "4-5", "--backend", "local").returncode == 1


def test_s4_11_the_help_names_the_options() -> None:
    """`--help` lists them and ends well."""
    import subprocess

    shown = subprocess.run(
        [sys.executable, "-m", "cue_cli.pycuerun", "--help"], capture_output=True, text=True, timeout=30
    )
    assert shown.returncode == 0
    assert [flag for flag in ("--backend", "--range", "--pause", "--env", "--os") if flag not in shown.stdout] == []


def test_s4_06_07_classes_and_modules_have_their_names() -> None:
    """The older names of classes are those of today, and the applications have their modules."""
    assert outline.PreProcess is outline.LayerPreProcess
    assert outline.PostProcess is outline.LayerPostProcess
    assert outline.PostFrame is outline.PostCommand is outline.OutlinePostCommand
    assert issubclass(outline.Composite, outline.Layer)
    for name in ("shell", "katana", "maya", "nuke", "houdini", "blender"):
        assert importlib.import_module(f"outline.modules.{name}")


def test_s4_08_09_10_the_shell_that_launches_says_where_to_render(monkeypatch: pytest.MonkeyPatch) -> None:
    """OL_OS, OL_TAG_OVERRIDE for every layer, and RENDER_TO over FACILITY."""
    monkeypatch.setenv("OL_OS", "rocky9")
    monkeypatch.setenv("OL_TAG_OVERRIDE", "desk-top, gpu_big")
    monkeypatch.setenv("FACILITY", "south")
    monkeypatch.setenv("RENDER_TO", "north")
    spec = specification(an_outline("told", Shell("one", command="true", tags="util"), Shell("two", command="true")))
    assert spec.findtext("job/os") == "rocky9"
    assert [layer.findtext("tags") for layer in spec.iter("layer")] == ["desk-top | gpu_big"] * 2
    assert spec.findtext("facility") == "north"


def test_s4_14_15_outlines_are_launched_from_python(farm: FarmProcess) -> None:
    """Without any file: a layer, a preprocess, a postprocess and a post command, by the module cuerun."""
    hello = importlib.import_module("hello_module")
    render = Shell("render", command="true")
    made = an_outline("pieces", render, hello.Prepare(render), frames="1-2")
    made.add_layer(outline.LayerPostProcess(render))
    made.add_layer(outline.OutlinePostCommand("goodbye"))
    jobs = outline.cuerun.launch(made, pause=True)
    assert isinstance(jobs[0], opencue.wrappers.job.Job)
    names = {layer.name() for job in jobs for layer in job.getLayers()}
    assert {"render", "render_preprocess", "render_postprocess"} <= names


def test_s4_16_17_18_a_frame_is_one_whatever_the_range() -> None:
    """A thousand frames are one for ShellCommand and Frame, a hundred for a layer."""
    made = an_outline(
        "counts",
        ShellCommand("really_long_shell_command", command="true"),
        outline.Frame("single", command="true"),
        Shell("ginsu_convert", command="true", range="1-100"),
        frames="1-1000",
    )
    ranges = {layer.get("name"): layer.findtext("range") for layer in specification(made).iter("layer")}
    assert ranges == {"really_long_shell_command": "1-1", "single": "1-1", "ginsu_convert": "1-100"}


def test_s4_03_19_20_43_44_45_commands_and_resources_arrive_as_written() -> None:
    """`#` in names of files stays, memory and cores are as given; what was not given the service decides."""
    command = "ginsu -filein blah.#.exr -fit 100x100 -fileout blah-small.#.exr -t #IFRAME#"
    hinted = Shell("hinted", command=command, memory="256m", cores=0.5)
    older = Shell("older", command="true", threads=1, threadable=True, tags=["general", "desktop"], memory=2)
    made = outline.Outline("needs", frame_range="1-10", show="testing", shot="sh010", user="ann")
    for layer in (hinted, older, Shell("plain", command="true")):
        made.add_layer(layer)
    found = {layer.get("name"): layer for layer in specification(made).iter("layer")}
    assert found["hinted"].findtext("cmd") == command
    tags = ("memory", "cores", "threadable", "tags")
    assert [found["hinted"].findtext(tag) for tag in tags] == ["256m", "0.5", None, None]
    assert [found["older"].findtext(tag) for tag in tags] == ["2", "1.0", "True", "general | desktop"]
    assert [found["plain"].findtext(tag) for tag in tags] == [None] * 4


def test_s4_31_what_cannot_be_stored_is_named() -> None:
    """The error says which attribute of which layer."""
    layer = Shell("stuck", command="true")
    layer.opened = (number for number in ())
    with pytest.raises(outline.OutlineException, match=r"stuck.*opened|opened.*stuck"):
        an_outline("unstorable", layer).setup()


def test_s4_32_an_image_is_a_file_specification() -> None:
    """`io.Image` is what names a sequence of files."""
    assert outline.io.Image is outline.io.FileSpec
    assert outline.io.Image("/shots/beauty.1-3#.exr").get_frame_path(2) == "/shots/beauty.2.exr"


def test_s4_36_38_children_and_preprocesses_run_where_they_belong(farm: FarmProcess, tmp_path: Path) -> None:
    """A child is no layer of the job and runs after its parent; a preprocess runs once, and first."""
    (tmp_path / "family.outline").write_text(
        "from hello_module import Child, HelloModule, Prepare\n"
        "parent = HelloModule('parent', greeting='Hi', cores=0.1, memory='256m')\n"
        "parent.add_child(Child('child', register=False))\n"
        "Prepare(parent, cores=0.1, memory='256m')\n"
    )
    launched = farm.run("pycuerun", "family.outline", "2-3", "--shot", "sh010", "-u", "ann")
    assert launched.returncode == 0, launched.stderr
    job = ended(farm, "testing-sh010-ann_family")
    assert {layer.name() for layer in job.getLayers()} == {"parent", "parent_preprocess"}
    assert "prepared [2]" in log(job, "0002-parent_preprocess")
    said = log(job, "0003-parent")
    assert said.index("Hello Frame Number 3") < said.index("child of parent parented [3]")
    frames = {frame.name(): frame for frame in job.getFrames()}
    assert frames["0002-parent_preprocess"].stopTime() <= frames["0002-parent"].startTime()


@pytest.mark.parametrize(
    ("own", "given", "left"),
    [(None, "1-5", "1-5"), ("2-9", "1-5", "2-5"), ("7-9", None, "7-9"), ("7-9", "1-5", None)],
)
def test_s4_42_ranges_meet(own: str, given: str, left: str) -> None:
    """A layer has the frames that both ranges have; where there are none it is left out."""
    made = outline.Outline("ranges", frame_range=given, show="testing", shot="sh010", user="ann")
    made.add_layer(Shell("layer", command="true", range=own))
    made.add_layer(ShellCommand("always", command="true"))
    found = {layer.get("name"): layer.findtext("range") for layer in specification(made).iter("layer")}
    assert found.get("layer") == left


def test_s4_46_require_takes_layers_names_and_types() -> None:
    """A list of layers and of names with types; a name that there is none of is passed over."""
    first, second = Shell("first", command="true"), Shell("second", command="true")
    third = Shell("third", command="true", require=[first, "second:all", "nobody"])
    spec = specification(an_outline("requires", first, second, third))
    found = [(d.findtext("onlayer"), d.get("type")) for d in spec.iter("depend") if d.findtext("deplayer") == "third"]
    assert found == [("first", "FRAME_BY_FRAME"), ("second", "LAYER_ON_LAYER")]


def test_s4_47_48_49_50_51_52_53_54_55_56_57_frames_find_their_variables(farm: FarmProcess, tmp_path: Path) -> None:
    """Every variable of the tutorial has in a frame what the farm says of that frame."""
    command = f"env > {tmp_path}/env.#IFRAME#"
    made = an_outline("io_bake", Shell("bake", command=command, chunk=2, memory="512m"), frames="1089-1092")
    (job,) = outline.cuerun.launch(made, use_pycuerun=False)
    job = ended(farm, job.name())
    text = (tmp_path / "env.1091").read_text()
    found = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
    (layer,) = job.getLayers()
    frame = next(frame for frame in layer.getFrames() if frame.number() == 1091)
    assert {name: found[name] for name in found if name.startswith("CUE") and name in EXPECTED} == {
        **{name: value for name, value in EXPECTED.items() if value},
        "CUE_JOB": job.name(),
        "CUE_JOB_ID": job.id(),
        "CUE_LAYER_ID": layer.id(),
        "CUE_FRAME_ID": frame.id(),
        "CUE_LOG_PATH": job.logDir(),
    }
    assert {"CUE_THREADS", "CUE_THREADABLE", "CUE_GPUS", "CUE_GPU_MEMORY"} <= set(found)


EXPECTED = {
    "CUE3": "1",
    "CUE_CHUNK": "2",
    "CUE_FRAME": "1091-bake",
    "CUE_FRAME_ID": "",
    "CUE_IFRAME": "1091",
    "CUE_JOB": "",
    "CUE_JOB_ID": "",
    "CUE_LAYER": "bake",
    "CUE_LAYER_ID": "",
    "CUE_LOG_PATH": "",
    "CUE_MEMORY": str(512 * 1024),
    "CUE_RANGE": "1089-1092",
    "CUE_SHOT": "sh010",
    "CUE_SHOW": "testing",
    "CUE_USER": "ann",
}
"""Variables of a frame, and their values where those are known before the launch."""

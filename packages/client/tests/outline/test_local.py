"""Running outlines on this machine, and the command pycuerun."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time
from typing import Any, Dict, List

import pytest

import opencue
import outline
from outline import cuerun
from outline.backend import local
from outline.backend.local import LocalFramesFailed
from outline.layer import OutlinePostCommand
from outline.modules.shell import Shell


def run(*layers: Any, frame_range: Any = "1-3") -> List[str]:
    """Run layers by their own commands and return the frames that succeeded."""
    ol = outline.Outline("local", frame_range=frame_range)
    for layer in layers:
        ol.add_layer(layer)
    (job,) = cuerun.launch(ol, use_pycuerun=False, backend="local")
    return job.frames_in("SUCCEEDED")


def noting(name: str, log: pathlib.Path, before: str = "", **args: Any) -> Shell:
    """Return a layer whose frames append their name to a file."""
    return Shell(name, command=f"{before} echo #IFRAME#-{name} >> {log}", **args)


def order(log: pathlib.Path) -> Dict[str, int]:
    """Return at which place each frame wrote its name."""
    return {line: place for place, line in enumerate(log.read_text().split())}


def test_frames_wait_for_what_they_depend_on(tmp_path: pathlib.Path) -> None:
    """Frame by frame, whole layers, and the previous frame: each frame runs after those that it waits for."""
    log = tmp_path / "log"
    render, comp = noting("render", log, before="sleep 0.05;"), noting("comp", log)
    movie, simulation = noting("movie", log, range="1"), noting("simulation", log)
    comp.depend_on(render)
    movie.depend_on(comp)
    simulation.depend_previous(simulation)
    assert len(run(movie, comp, render, simulation)) == 10
    places = order(log)
    assert all(places[f"{n}-comp"] > places[f"{n}-render"] for n in (1, 2, 3))
    assert places["1-movie"] > max(places[f"{n}-comp"] for n in (1, 2, 3))
    assert places["1-simulation"] < places["2-simulation"] < places["3-simulation"]


def test_a_frame_without_a_partner_waits_for_the_whole_layer(tmp_path: pathlib.Path) -> None:
    """Frame by frame between 1-3 and 1-1: every frame waits for the only one there is."""
    log = tmp_path / "log"
    prep, render = noting("prep", log, before="sleep 0.1;", range="1-1"), noting("render", log)
    render.depend_on(prep)
    run(render, prep)
    assert order(log)["1-prep"] == 0


def test_chunks_wait_for_all_frames_that_they_cover(tmp_path: pathlib.Path) -> None:
    """A chunk of the waiting layer starts when the frames it covers are done, and tokens describe it."""
    log = tmp_path / "log"
    render = noting("render", log, before="sleep 0.02;")
    comp = Shell("comp", command=f"echo #FRAME_START#-#FRAME_END#/#FRAMESPEC#/#FRAME_CHUNK#/#JOB# >> {log}", chunk=2)
    comp.depend_on(render)
    run(comp, render)
    places = order(log)
    assert places["1-2/1-2/2/testing-default-tester_local"] > max(places["1-render"], places["2-render"])
    assert places["3-3/3/2/testing-default-tester_local"] > places["3-render"]


def test_what_depends_on_a_failed_frame_is_not_run(tmp_path: pathlib.Path) -> None:
    """A failure stops only what waits for it; waits regardless of failure go on, and post layers run in any case."""
    log = tmp_path / "log"
    render = noting("render", log, before="test #IFRAME# != 2 &&")
    comp, movie, clean = noting("comp", log), noting("movie", log, range="1"), noting("clean", log, range="1")
    post = OutlinePostCommand("post", command=f"echo post >> {log}")
    comp.depend_on(render)
    movie.depend_all(comp)
    clean.depend_on(render, "all", on_failure=True)
    with pytest.raises(LocalFramesFailed, match=r"1 failed \(0002-render\), 2 were not run .*0002-comp, 0001-movie"):
        run(render, comp, movie, clean, post)
    assert set(order(log)) == {"1-render", "3-render", "1-comp", "3-comp", "1-clean", "post"}


def test_frames_share_the_cores_there_are(tmp_path: pathlib.Path) -> None:
    """With two cores, frames that need two run one after the other, and one that wants more gets all."""
    outline.config.set("outline", "local_cores", "2")
    mark = tmp_path / "mark"
    alone = f"mkdir {mark} && sleep 0.05 && rmdir {mark}"
    try:
        assert len(run(Shell("two", command=alone, cores=2), Shell("many", command="true", cores=64))) == 6
    finally:
        outline.config.set("outline", "local_cores", "0")


def test_frames_find_the_environment_of_the_farm(capsys: pytest.CaptureFixture) -> None:
    """CUE_ variables and those of outline and layer are set, and output has the frame's name in front."""
    layer = Shell("look", command="echo $CUE_IFRAME $CUE_FRAME $CUE_RANGE $CUE_SHOW $MOOD", env={"MOOD": "good"})
    run(layer, frame_range="2-3")
    printed = capsys.readouterr().out.splitlines()
    assert "[0002-look] 2 0002-look 2-3 testing good" in printed
    assert printed[-1] == "Job is done: 2 of 2 frames succeeded"


# The command


def pycuerun(*arguments: str, **options: Any) -> subprocess.CompletedProcess:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "cue_cli.pycuerun", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture
def script(tmp_path: pathlib.Path) -> str:
    """Write an outline script of a class of its own and a command."""
    path = tmp_path / "my_module_test.outline"
    path.write_text(
        "import outline\n"
        "from outline.modules.shell import Shell\n"
        "class HelloModule(outline.Layer):\n"
        "    def _execute(self, frames):\n"
        "        for frame in frames: print('Hello Frame Number', frame)\n"
        "HelloModule('hello')\n"
        "Shell('fail', command=['sh', '-c', 'exit 7'], range='9')\n"
    )
    return str(path)


def test_pycuerun_runs_a_script_on_a_bare_machine(script: str, tmp_path: pathlib.Path) -> None:
    """Options may follow the frame range; nothing but Python is needed on the PATH."""
    environment = {k: v for k, v in os.environ.items() if k != "PATH"}
    result = pycuerun(script, "1-2", "--backend", "local", env={**environment, "PATH": "/nowhere"})
    assert (result.returncode, result.stderr) == (0, "")
    assert {"[0001-hello] Hello Frame Number 1", "[0002-hello] Hello Frame Number 2"} <= set(result.stdout.splitlines())


def test_pycuerun_fails_when_a_frame_fails(script: str) -> None:
    """The exit status is 1, and the message names the frame without a traceback."""
    result = pycuerun(script, "8-9", "--backend", "local")
    assert result.returncode == 1
    assert result.stderr == "outline failure: 2 of 3 frames succeeded, 1 failed (0009-fail)\n"


def test_pycuerun_executes_one_frame(script: str) -> None:
    """-e runs a frame of a stored outline and has its exit status."""
    ol = outline.load_outline(script)
    ol.setup()
    good, bad = pycuerun(ol.get_path(), "-e", "4-hello"), pycuerun("-e", "9-fail", ol.get_path())
    assert (good.returncode, good.stdout) == (0, "Hello Frame Number 4\n")
    assert bad.returncode == 7


def test_pycuerun_inspects_a_script(script: str) -> None:
    """-i prints the job's name, the layers and their arguments."""
    lines = pycuerun("-i", script, "--user", "ann").stdout.splitlines()
    assert lines[:2] == ["testing-default-ann_my_module_test", " + hello"]
    assert "   - command = ['sh', '-c', 'exit 7']" in lines


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 1, "name an outline"),
        (["missing.outline"], 1, "there is no outline missing.outline"),
        (["SCRIPT", "1-x"], 2, "unrecognized frame range"),
        (["SCRIPT", "1", "2"], 2, "one frame range"),
        (["SCRIPT", "--env", "novalue"], 2, "NAME=VALUE"),
        (["SCRIPT", "--priority", "high"], 2, "invalid integer"),
        (["SCRIPT", "--backend", "clowd"], 1, "no backend 'clowd'"),
        (["SCRIPT", "--version", "1.2"], 2, "no other versions"),
        (["--no-such-option"], 2, "no such option"),
    ],
)
def test_pycuerun_explains_what_is_wrong(script: str, arguments: List[str], status: int, words: str) -> None:
    """Wrong usage ends with 2, everything else that goes wrong with 1."""
    result = pycuerun(*[script if word == "SCRIPT" else word for word in arguments])
    assert result.returncode == status
    assert words in result.stderr
    assert "Traceback" not in result.stderr


FAKE_OPENCUE = """
import sys
class Cuebot:
    @staticmethod
    def setHosts(hosts):
        print("server", hosts)
class api:
    @staticmethod
    def launchSpecAndWait(spec):
        open({path!r}, "w").write(spec)
        return {jobs}
class Job:
    def name(self):
        return "full_name"
"""


@pytest.fixture
def fake_opencue(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that puts a module opencue that writes specifications to a file before the real one."""
    spec = tmp_path / "spec.xml"

    def make(jobs: str = "[Job()]") -> pathlib.Path:
        folder = tmp_path / "fake"
        folder.mkdir()
        own = f"__path__ = [{os.path.dirname(opencue.__file__)!r}]\n"  # other modules are the real ones
        (folder / "opencue.py").write_text(own + FAKE_OPENCUE.format(path=str(spec), jobs=jobs))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ["PYTHONPATH"]]))
        return spec

    return make


def test_pycuerun_submits_with_all_its_options(script: str, fake_opencue: Any) -> None:
    """Every option for the job arrives in the specification, old spellings included."""
    spec = fake_opencue()
    arguments = "-p -F north -s farm:8443 --priority 42 -retry 5 -jobid night --shot sh010 -u ann -o rocky9 --no-mail"
    result = pycuerun(script, *arguments.split(), "--autoeat", "--env", "A=1", "--qc", "8-9")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "server ['farm:8443']\nSubmitted the following jobs...\n    full_name\n"
    text = spec.read_text()
    for part in (
        "<facility>north</facility>",
        "<shot>sh010</shot>",
        "<user>ann</user>",
        '<job name="night">',
        "<paused>True</paused>",
        "<priority>42</priority>",
        "<maxretries>5</maxretries>",
        "<autoeat>True</autoeat>",
        "<os>rocky9</os>",
        "<range>8-9</range>",
        'name="wait_on_artist_to_qc"',
    ):
        assert part in text
    assert "<email>" not in text


def test_pycuerun_takes_the_range_of_the_shell(script: str, fake_opencue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a range on the command line, $FR is the range."""
    spec = fake_opencue()
    monkeypatch.setenv("FR", "5-6")
    assert pycuerun(script).returncode == 0
    assert "<range>5-6</range>" in spec.read_text()


@pytest.mark.parametrize("words", [["-5-5"], ["-f", "-5-5"], ["-f-5-5"], ["--range=-5-5"], ["-p", "-5-5", "--autoeat"]])
def test_pycuerun_takes_negative_frames(script: str, fake_opencue: Any, words: List[str]) -> None:
    """A range may begin with a negative frame, as an argument and in options."""
    spec = fake_opencue()
    result = pycuerun(script, *words)
    assert (result.returncode, result.stderr) == (0, "")
    assert "<range>-5-5</range>" in spec.read_text()


def test_nothing_submitted_is_no_failure(script: str, fake_opencue: Any) -> None:
    """A launch without jobs says so and ends with 0."""
    fake_opencue(jobs="[]")
    result = pycuerun(script, "1-2")
    assert (result.returncode, result.stdout) == (0, "No jobs were submitted, check the outline file.\n")


def test_an_interrupted_local_run_ends_its_frames(tmp_path: pathlib.Path) -> None:
    """Ctrl-C ends the processes of frames, and the command with 130."""
    pid_file = tmp_path / "pid"
    script = tmp_path / "long.outline"
    script.write_text(
        "from outline.modules.shell import Shell\n"
        f"Shell('long', command=['sh', '-c', 'echo $$ > {pid_file}; exec sleep 60'])\n"
    )
    command = [sys.executable, "-m", "cue_cli.pycuerun", str(script), "1", "--backend", "local"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while not (pid_file.exists() and pid_file.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=20)
    assert (process.returncode, printed) == (130, "pycuerun: interrupted\n")
    state = subprocess.run(["ps", "-o", "stat=", "-p", pid_file.read_text().strip()], capture_output=True, text=True)
    assert state.stdout.strip()[:1] in ("", "Z")  # gone, or only waiting for somebody to take note of its end


def test_a_dispatcher_runs_an_outline_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """A script that knows the older names takes an outline, runs it, and is told how it went."""
    ol = outline.Outline("dispatched", frame_range="1-2")
    ol.add_layer(Shell("first", command=["true"]))
    ol.add_layer(Shell("second", command=["false"]))
    ol.setup()
    dispatcher = local.Dispatcher(ol)
    assert [frame.name for frame in dispatcher.frames] == ["0001-first", "0002-first", "0001-second", "0002-second"]
    with pytest.raises(local.LocalFrameError, match="2 of 4 frames succeeded, 2 failed"):
        dispatcher.dispatch()
    assert "failed with exit status 1" in capsys.readouterr().out


def test_frames_of_a_chunked_layer_are_named_by_the_first() -> None:
    """`build_frame_range` gives one number for each chunk, `build_command` the command that executes it."""
    assert local.build_frame_range("1-10", 3) == [1, 4, 7, 10]
    assert local.build_frame_range("3,1,2", 1) == [3, 1, 2]
    ol = outline.Outline("built", frame_range="1-2")
    ol.add_layer(Shell("first", command=["true"]))
    ol.setup()
    command = local.build_command(ol, ol.get_layer("first"), 2)
    assert command[-3:] == [ol.get_path(), "-e", "2-first"]


def test_pycuerun_suggests_the_option_that_was_meant(script: str) -> None:
    """A mistyped option is answered with the one that it is like, status 2."""
    for typed, meant in (("--pasue", "--pause"), ("--run-loacl", "--run-local"), ("-inspct", "")):
        ended = pycuerun(script, typed)
        assert ended.returncode == 2
        assert (f"did you mean {meant}?" in ended.stderr) is bool(meant)

"""Sessions, and outlines as files."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import textwrap
from typing import Any

import pytest

import outline
from FileSequence import FrameSet
from outline import event, serialize
from outline.layer import Layer
from outline.loader import load_outline
from outline.modules.shell import Shell
from outline.run import execute


def launched(*layers: Layer) -> outline.Outline:
    """Return an outline of these layers that is set up."""
    ol = outline.Outline("stored", frame_range="1-3")
    for layer in layers:
        ol.add_layer(layer)
    ol.setup()
    return ol


VALUES = [
    1,
    2.5,
    None,
    True,
    "text: with #IFRAME#",
    [1, {"a": (2, 3)}],
    {4, 5},
    FrameSet("1-9x2"),
    pathlib.Path("/a/b"),
    outline.io.Path("/a", checked=True),
    "é",
    b"bytes",
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_as_it_was_put(value: Any) -> None:
    """Plain values, tuples, sets, frames and paths survive the session."""
    layer = Layer("layer")
    ol = launched(layer)
    layer.put_data("key", value)
    again = load_outline(ol.get_path()).get_layer("layer").get_data("key")
    assert again == value
    assert type(again) is type(value)


def test_data_is_not_replaced_unless_forced() -> None:
    """A key that exists needs force=True, a missing key is named, and what cannot be stored is refused."""
    ol = launched(Layer("layer"))
    ol.put_data("key", 1)
    with pytest.raises(outline.SessionException, match="has 'key' already"):
        ol.put_data("key", 2)
    ol.put_data("key", 2, force=True)
    assert ol.get_data("key") == 2
    with pytest.raises(outline.SessionException, match="no data 'other'"):
        ol.get_data("other")
    with pytest.raises(outline.SessionException, match=r"cannot store 'bad'.*object"):
        ol.put_data("bad", [object()])
    for name in ("../escape", "session", "", "a/b"):
        with pytest.raises(outline.SessionException, match="cannot be the name"):
            ol.put_data(name, 1)


def test_files_are_copied_renamed_and_linked(tmp_path: pathlib.Path) -> None:
    """Files go into the session under their own or another name, and are found again."""
    source = tmp_path / "scene.ma"
    source.write_text("scene")
    layer = Layer("layer")
    ol = launched(layer)
    ol.put_file(str(source))
    layer.put_file(str(source), rename="copy.ma")
    layer.sym_file(str(source))
    source.write_text("changed")
    assert pathlib.Path(ol.get_file("scene.ma")).read_text() == "scene"
    assert pathlib.Path(layer.get_file("copy.ma")).read_text() == "scene"
    assert pathlib.Path(layer.get_file("scene.ma")).read_text() == "changed"
    with pytest.raises(outline.SessionException, match="no file 'other'"):
        layer.get_file("other")
    with pytest.raises(outline.SessionException, match="already"):
        layer.get_file("copy.ma", new=True)
    with pytest.raises(outline.SessionException, match="cannot copy"):
        layer.put_file(str(tmp_path / "missing"))


def test_there_is_no_session_before_setup() -> None:
    """Asking for the session of an outline that is not set up says so."""
    with pytest.raises(outline.SessionException, match="no session yet"):
        outline.Outline("early").get_session()


def test_the_session_lies_where_the_job_says(session_dir: pathlib.Path) -> None:
    """The folder is <session_dir>/<show>-<shot>-<user>_<name>/<id>, marked by a file with its name."""
    ol = launched(Layer("layer"))
    folder = pathlib.Path(ol.get_session().get_path())
    assert folder.parent == session_dir / "testing-default-tester_stored"
    assert (folder / "session").read_text() == f"{folder.parent.name}/{folder.name}"
    assert ol.get_path() == str(folder / "outline.yaml")
    assert outline.is_session_path(ol.get_path())


def test_an_outline_comes_back_as_it_was() -> None:
    """Arguments, environment, waits, children, references to layers and own attributes are stored."""
    first, second, child = Shell("first", command=["a", "#IFRAME#"]), Layer("second", chunk=2), Layer("child")
    second.add_child(child)
    second.depend_on(first, "all")
    second.partner = {"layer": first}
    second.set_env("KEY", "value")
    second.add_output("out", "/tmp/x")
    ol = outline.Outline("stored", frame_range="1-3", show="movie", facility="north", maxcores=7)
    for layer in (first, second):
        ol.add_layer(layer)
    ol.set_env("PRE", "1", pre=True)
    ol.setup()
    again = load_outline(ol.get_path())
    loaded = again.get_layer("second")
    assert (again.get_name(), again.get_show(), again.get_facility(), again.get_maxcores()) == (
        "stored",
        "movie",
        "north",
        7,
    )
    assert again.get_env() == {"PRE": ("1", True)}
    assert again.get_full_name() == ol.get_full_name()
    assert again.get_layer("first").get_arg("command") == ["a", "#IFRAME#"]
    assert loaded.partner["layer"] is again.get_layer("first")
    assert [(d.get_depend_on().get_name(), d.get_type()) for d in loaded.get_depends()] == [("first", "LAYER_ON_LAYER")]
    assert [layer.get_name() for layer in loaded.get_children()] == ["second.child"]
    assert (loaded.get_env("KEY"), str(loaded.get_output("out")), loaded.get_chunk()) == ("value", "/tmp/x", 2)


def test_what_cannot_be_stored_is_named() -> None:
    """An attribute that no file can hold is refused at launch with its name and the remedy."""
    layer = Layer("layer")
    layer.connection = object()
    with pytest.raises(outline.OutlineException, match=r"attribute 'connection' of layer layer.*_before_execute"):
        launched(layer)


def test_a_class_inside_a_function_is_refused() -> None:
    """A layer whose class the farm could not find is refused at launch."""

    class Hidden(Layer):
        """Cannot be found by name."""

    with pytest.raises(outline.OutlineException, match=r"Hidden.*top level"):
        launched(Hidden("layer"))


@pytest.mark.parametrize(
    "change",
    [
        ("outline.layer_base:Layer", "subprocess:Popen"),
        ("outline.layer_base:Layer", "os:system"),
        ("outline.layer_base:Layer", "nowhere:Layer"),
        ("own: {}", "own: {x: !!python/object/apply:os.getcwd []}"),
        ("scripts: {}", "scripts: {evil: ../../evil.py}"),
        ("cuefarm_outline: 1", "cuefarm_outline: 99"),
        ("listeners: []", "listeners: [{event: AFTER_EXECUTE, function: 'shutil:rmtree'}]"),
    ],
    ids=lambda change: change[1],
)
def test_a_stored_outline_constructs_nothing_but_layers(change: tuple[str, str]) -> None:
    """A file that names other classes, functions or scripts is refused, and nothing of it runs."""
    path = pathlib.Path(launched(Layer("layer")).get_path())
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    with pytest.raises(outline.OutlineException):
        load_outline(str(path))


def heard(happened: Any) -> None:
    """Listen."""
    happened.layer.put_data("heard", list(happened.frames))


def test_listeners_of_frames_travel_with_the_outline() -> None:
    """A method of the layer and a function beside its class hear events on the farm as well."""
    layer = Recording("layer")
    layer.add_event_listener(event.AFTER_EXECUTE, layer.note)
    layer.add_event_listener(event.AFTER_EXECUTE, heard)
    ol = launched(layer)
    load_outline(ol.get_path()).get_layer("layer").execute(2)
    assert (layer.get_data("noted"), layer.get_data("heard")) == ([2], [2])
    layer.add_event_listener(event.AFTER_EXECUTE, lambda happened: None)
    with pytest.raises(outline.OutlineException, match="a listener of layer layer"):
        serialize.store(ol, ol.get_session().get_path(), outline.Outline)


class Recording(Layer):
    """A layer with a method that listens."""

    def note(self, happened: Any) -> None:
        """Listen."""
        self.put_data("noted", list(happened.frames))


SCRIPT = """
    import outline, sibling

    class Hello(outline.Layer):
        def __init__(self, name, **args):
            super().__init__(name, **args)
            self.word = sibling.WORD

        def _execute(self, frames):
            for frame in frames:
                print(self.word, "Frame Number", frame)

    {launch}
"""


@pytest.mark.parametrize("kind", ["outline", "program", "unguarded program"])
def test_classes_of_the_launched_script_are_found_on_the_farm(kind: str, tmp_path: pathlib.Path) -> None:
    """A layer whose class is defined in the script itself executes in another process, even if the script is gone."""
    launch = {
        "outline": "Hello('hello')",
        "program": "if __name__ == '__main__': ol = outline.Outline('h'); ol.add_layer(Hello('hello')); ol.setup()",
        "unguarded program": "ol = outline.Outline('h'); ol.add_layer(Hello('hello')); ol.setup(); print('launched')",
    }[kind]
    (tmp_path / "sibling.py").write_text("WORD = 'Hello'\n")
    script = tmp_path / "job.py"
    script.write_text(textwrap.dedent(SCRIPT).format(launch=launch))
    if kind == "outline":
        ol = load_outline(str(script))
        ol.setup()
        path = ol.get_path()
    else:
        printing = script.read_text() + "\nif __name__ == '__main__': print(ol.get_path())\n"
        script.write_text(printing)
        result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
        path = result.stdout.splitlines()[-1]
    script.unlink()
    frame = subprocess.run(
        [sys.executable, str(pathlib.Path(outline.__file__).with_name("run.py")), path, "-e", "3-hello"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert (frame.stdout, frame.returncode) == ("Hello Frame Number 3\n", 0), frame.stderr


@pytest.mark.parametrize(
    ("command", "status", "signal"), [("exit 7", 7, 0), ("kill -9 $$", None, 9), ("no-such-program", 127, 0)]
)
def test_a_frame_ends_as_its_command_did(command: str, status: Any, signal: int) -> None:
    """The process of a frame has the command's exit status, or ends by the same signal."""
    ol = launched(Shell("shell", command=["sh", "-c", command]))
    runner = str(pathlib.Path(outline.__file__).with_name("run.py"))
    frame = subprocess.run(
        [sys.executable, runner, ol.get_path(), "-e", "1-shell"], capture_output=True, text=True, check=False
    )
    assert frame.returncode == (-signal if signal else status)
    assert "the command ended with" in frame.stderr


def test_an_exception_in_a_frame_prints_where_it_was(capsys: pytest.CaptureFixture) -> None:
    """A frame whose code raises prints the traceback and exits with 1; a wrong frame name is explained."""
    ol = launched(Broken("broken"))
    assert execute(ol.get_path(), "1-broken") == 1
    printed = capsys.readouterr().err
    assert "ZeroDivisionError" in printed
    assert "_execute" in printed
    assert execute(ol.get_path(), "broken") == 1
    assert "names no frame" in capsys.readouterr().err
    assert execute(ol.get_path(), "1-nobody") == 1
    assert "no layer named 'nobody'" in capsys.readouterr().err


class Broken(Layer):
    """A layer that fails."""

    def _execute(self, frames: Any) -> None:
        raise ZeroDivisionError


def test_modules_are_found_through_their_folders(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class of a module on the Python path of the launch is found by a frame whose environment lacks that path."""
    (tmp_path / "studio_layers.py").write_text(
        "import outline\nclass Say(outline.Layer):\n    def _execute(self, frames):\n        print('said', frames[0])\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import studio_layers  # type: ignore[import-not-found]

    ol = launched(studio_layers.Say("say"))
    runner = str(pathlib.Path(outline.__file__).with_name("run.py"))
    frame = subprocess.run(
        [sys.executable, runner, ol.get_path(), "-e", "2-say"], capture_output=True, text=True, check=False, env={}
    )
    assert frame.stdout == "said 2\n", frame.stderr


def test_a_script_as_it_is_can_be_launched(tmp_path: pathlib.Path) -> None:
    """With serialize=False the script itself is copied into the session and read by each frame."""
    script = tmp_path / "plain.outline"
    script.write_text("from outline.modules.shell import Shell\nShell('shell', command='true')\n")
    ol = outline.Outline(path=str(script), serialize=False)
    ol.setup()
    assert pathlib.Path(ol.get_path()).name == "script.outline"
    assert execute(ol.get_path(), "1-shell") == 0


def test_outlines_from_json() -> None:
    """A JSON description becomes an outline; what it lacks is named."""
    ol = outline.load_json(
        '{"name": "j", "range": "1-5", "layers": [{"name": "sh", "module": "outline.modules.shell.Shell",'
        ' "command": ["ls"], "chunk": 2}]}'
    )
    assert (ol.get_name(), ol.get_layer("sh").get_arg("command"), ol.get_layer("sh").get_chunk()) == ("j", ["ls"], 2)
    for text in ("[", '{"name": "j"}', '{"name": "j", "layers": [{"name": "a", "module": "x.Y"}]}', "3"):
        with pytest.raises(outline.OutlineException):
            outline.load_json(text)


def test_a_failing_script_says_which_and_why(tmp_path: pathlib.Path) -> None:
    """Errors of outline scripts name the script; a missing one is an error too."""
    script = tmp_path / "bad.outline"
    script.write_text("1/0\n")
    with pytest.raises(outline.OutlineException, match=r"bad.outline failed: ZeroDivisionError"):
        load_outline(str(script))
    with pytest.raises(outline.OutlineException, match="no outline"):
        load_outline(str(tmp_path / "missing.outline"))

"""Layers: arguments, frames, children, waiting, and the hooks of their life."""

from __future__ import annotations

import os
import pathlib
from typing import Any, List

import pytest

import outline
from outline import event
from outline.depend import DependType
from outline.layer import Frame, Layer, LayerPostProcess, LayerPreProcess, OutlinePostCommand
from outline.loader import load_outline
from outline.modules.shell import PyEval, Shell, ShellCommand, ShellScript, ShellSequence


def an_outline(frame_range: Any = None, *layers: Layer) -> outline.Outline:
    """Return an outline with these layers."""
    ol = outline.Outline("test", frame_range=frame_range)
    for layer in layers:
        ol.add_layer(layer)
    return ol


@pytest.mark.parametrize(
    ("own", "of_outline", "frames"),
    [
        ("1-10", None, "1-10"),
        (None, "5-8", "5-8"),
        (None, None, "1000-1000"),
        ("1-10", "8-12", "8-10"),
        ("1-10", "10-1", "10-1x-1"),
        ("1-10", "20-30", None),
        ([1, 3, 5], None, "1-5x2"),
    ],
)
def test_the_range_of_a_layer(own: Any, of_outline: Any, frames: Any) -> None:
    """A layer has the frames of the outline's range that are in its own, in the outline's order."""
    layer = Layer("layer", range=own)
    an_outline(of_outline, layer)
    assert layer.get_frame_range() == frames


def test_a_frame_has_one_frame_whatever_the_range() -> None:
    """A Frame runs the first frame of the outline's range and has no other."""
    frame = Frame("frame", range="7-9")
    an_outline("10-20", frame)
    frame.set_frame_range("1-5")
    assert frame.get_frame_range() == "10-10"


def test_a_chunk_covers_the_next_frames_of_the_range() -> None:
    """With chunk 3, the frame that starts at 4 executes the next three frames of the range in order."""
    layer = Layer("layer", range="1-10x2,2-4", chunk=3)
    assert list(layer.get_local_frame_set(7)) == [7, 9, 2]
    assert list(layer.get_local_frame_set(4)) == [4]
    with pytest.raises(outline.LayerException, match="has no frame 6"):
        layer.get_local_frame_set(6)


def test_layers_of_a_script_add_themselves_to_the_current_outline() -> None:
    """While an outline is current, new layers join it, unless they say register=False."""
    ol = outline.Outline("test", current=True)
    layer = Layer("one")
    Layer("two", register=False)
    assert ol.get_layers() == [layer]
    with pytest.raises(outline.OutlineException, match="'one' already"):
        Layer("one")


def test_default_arguments_come_from_the_configuration() -> None:
    """A section named after the class gives defaults, which the constructor's arguments win over."""
    outline.config.read_dict({"Layer": {"chunk": "4", "service": "houdini"}})
    try:
        layer = Layer("layer", service="nuke")
    finally:
        outline.config.remove_section("Layer")
    assert (layer.get_chunk(), layer.get_service()) == (4, "nuke")


def test_a_missing_required_argument_is_named() -> None:
    """A Shell layer without a command is refused at setup, by name."""
    with pytest.raises(outline.LayerException, match="layer shell needs the argument 'command'"):
        an_outline("1-2", Shell("shell")).setup()


def test_wrong_values_are_refused() -> None:
    """Types of layers, sizes of chunks, names and resources are checked where they are set."""
    layer = Layer("layer")
    for wrong in (
        lambda: layer.set_type("Pre"),
        lambda: layer.set_chunk(0),
        lambda: layer.set_min_cores("4"),
        lambda: layer.set_retry_count(-1),
        lambda: layer.set_name("../escape"),
        lambda: layer.depend_on(3),
        lambda: layer.depend_on(Layer("other"), "JOB_ON_JOB"),
    ):
        with pytest.raises(outline.LayerException):
            wrong()


def test_depend_types_have_all_their_spellings() -> None:
    """Constants, short names and the numbers of opencue.DependType mean the same types."""
    for spelling, type_ in (
        (DependType.FRAME_BY_FRAME, "FRAME_BY_FRAME"),
        (DependType.LayerOnLayer, "LAYER_ON_LAYER"),
        ("all", "LAYER_ON_LAYER"),
        ("prev", "PREVIOUS_FRAME"),
        (11, "LAYER_ON_SIM_FRAME"),
    ):
        layer, other = Layer("layer"), Layer("other")
        layer.depend_on(other, spelling)
        assert [depend.get_type() for depend in layer.get_depends()] == [type_]


def test_any_frame_of_a_layer_is_enough() -> None:
    """LAYER_ON_ANY is a wait for the layer that one frame satisfies."""
    layer, other = Layer("layer"), Layer("other")
    layer.depend_on(other, DependType.LAYER_ON_ANY)
    (depend,) = layer.get_depends()
    assert (depend.get_type(), depend.is_any_frame()) == ("LAYER_ON_LAYER", True)


def test_a_layer_may_wait_for_its_own_previous_frame_only() -> None:
    """depend_previous(self) is kept, any other wait for itself is ignored."""
    layer = Layer("simulation")
    layer.depend_on(layer)
    assert layer.get_depends() == []
    layer.depend_previous(layer)
    assert [depend.get_type() for depend in layer.get_depends()] == ["PREVIOUS_FRAME"]


def test_require_names_layers_and_types() -> None:
    """The argument `require` takes layers, names and names with a type; unknown names are ignored."""
    first, second = Layer("first"), Layer("second")
    third = Layer("third", require=[first, "second:all", "nobody"])
    ol = an_outline("1-3", first, second, third)
    ol.setup_depends()
    assert [(d.get_depend_on().get_name(), d.get_type()) for d in third.get_depends()] == [
        ("first", "FRAME_BY_FRAME"),
        ("second", "LAYER_ON_LAYER"),
    ]


def test_a_circle_of_waits_is_printed() -> None:
    """Layers that wait for each other in a circle are refused before launch, with the circle."""
    one, two, three = Layer("one"), Layer("two"), Layer("three")
    one.depend_on(two)
    two.depend_on(three)
    three.depend_on(one)
    with pytest.raises(outline.OutlineException, match="one -> two -> three -> one"):
        an_outline("1-3", one, two, three).setup()


@pytest.mark.slow
def test_a_chain_of_two_thousand_layers_can_be_set_up() -> None:
    """Neither the search for circles nor storing runs out of stack on the longest chain that servers take."""
    ol = outline.Outline("chain", frame_range="1-2")
    previous = None
    for number in range(2000):
        layer = Layer(f"layer{number}")
        if previous is not None:
            layer.depend_on(previous)
        ol.add_layer(layer)
        previous = layer
    ol.setup()
    assert len(load_outline(ol.get_path()).get_layers()) == 2000


def test_pre_and_post_process_wait_in_the_right_order() -> None:
    """A preprocess runs before its creator, a postprocess after, and who waits for that waits for both."""
    render, later = Layer("render"), Layer("later")
    ol = an_outline("1-3", render, later)
    pre, post = LayerPreProcess(render), LayerPostProcess(render)
    ol.add_layer(pre)
    ol.add_layer(post)
    later.depend_on(post)
    waits = {
        layer.get_name(): [(d.get_depend_on().get_name(), d.get_type()) for d in layer.get_depends()]
        for layer in ol.get_layers()
    }
    assert waits["render"] == [("render_preprocess", "LAYER_ON_LAYER")]
    assert waits["render_postprocess"] == [("render", "LAYER_ON_LAYER")]
    assert ("render", "LAYER_ON_LAYER") in waits["later"]
    assert (pre.get_type(), pre.get_service(), pre.get_frame_range()) == ("Util", "preprocess", "1-1")
    assert OutlinePostCommand("after").get_type() == "Post"


class Recorder(Layer):
    """A layer that notes which of its hooks ran."""

    def __init__(self, name: str, **args: Any) -> None:
        super().__init__(name, **args)
        self.calls: List[str] = []

    def _after_init(self, ol: Any) -> None:
        self.calls.append("after_init")

    def _parented(self) -> None:
        self.calls.append("parented")

    def _setup(self) -> None:
        self.calls.append("setup")

    def _pre_execute(self) -> None:
        self.calls.append("pre_execute")

    def _before_execute(self) -> None:
        self.calls.append("before_execute")

    def _execute(self, frames: Any) -> None:
        self.calls.append(f"execute {list(frames)}")
        if self.get_arg("fail"):
            raise RuntimeError("no light")

    def _after_execute(self) -> None:
        self.calls.append(f"after_execute {self.get_failure()!r}")

    def _post_execute(self) -> None:
        self.calls.append("post_execute")


def test_the_hooks_of_a_layer_run_in_order() -> None:
    """Hooks run in the order of a layer's life, older names of hooks as well."""
    layer = Recorder("layer", chunk=2)
    an_outline("1-4", layer).setup()
    layer.execute(3)
    assert layer.calls == [
        "after_init",
        "setup",
        "before_execute",
        "pre_execute",
        "execute [3, 4]",
        "after_execute None",
        "post_execute",
    ]


def test_after_execute_runs_even_if_execute_fails() -> None:
    """The failure is known in _after_execute, and goes on to the caller."""
    layer = Recorder("layer", fail=True)
    an_outline("1-1", layer).setup()
    with pytest.raises(RuntimeError, match="no light"):
        layer.execute(1)
    assert layer.calls[-2:] == ["after_execute RuntimeError('no light')", "post_execute"]


def test_a_child_runs_with_its_parent() -> None:
    """A child is no layer of the job; its code runs after the parent's, and it may take the hook without argument."""
    parent, child = Recorder("parent"), Recorder("child")
    ol = an_outline("1-2", parent)
    parent.add_child(child)
    ol.setup()
    parent.execute(2)
    assert child.get_name() == "parent.child"
    assert "parented" in child.calls
    assert "execute [2]" in child.calls
    assert [layer.get_name() for layer in ol.get_layers()] == ["parent"]


def test_listeners_hear_events_and_cannot_break_them() -> None:
    """Events reach their listeners; an error of one is only logged, but FailImmediately goes through."""
    heard: List[str] = []
    layer = Layer("layer")

    def broken(_: Any) -> None:
        raise ValueError

    def stop(_: Any) -> None:
        raise outline.FailImmediately("stop")

    layer.add_event_listener(event.AFTER_INIT, broken)
    layer.add_event_listener(event.AFTER_INIT, lambda e: heard.append(e.type))
    layer.add_event_listener(event.SETUP, stop)
    ol = an_outline("1-1", layer)
    assert heard == ["AFTER_INIT"]
    with pytest.raises(outline.FailImmediately):
        ol.setup()
    with pytest.raises(outline.OutlineException, match="no event"):
        layer.add_event_listener("LUNCH", stop)


def test_environment_of_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """The outline's variables, the layer's and those of the session are set when _execute begins."""
    seen: dict = {}

    class Look(Layer):
        """Looks around."""

        def _execute(self, frames: Any) -> None:
            seen.update(os.environ)

    for variable in ("MOOD", "PLACE", "OL_LAYER_RANGE", "OL_LAYER_SESSION_PATH", "OL_BASE_SESSION_PATH"):
        monkeypatch.setenv(variable, "")
    layer = Look("look", env={"PLACE": "farm"})
    ol = an_outline("1-3", layer)
    ol.set_env("MOOD", "good")
    ol._Outline__session = outline.Session(ol)  # the class is local, so the outline cannot be stored
    layer.execute(2)
    assert [seen[key] for key in ("MOOD", "PLACE", "OL_LAYER_RANGE")] == ["good", "farm", "2"]
    assert seen["OL_BASE_SESSION_PATH"] == ol.get_session().get_path()
    assert seen["OL_LAYER_SESSION_PATH"] == layer.get_path()


def test_outputs_are_made_and_checked(tmp_path: pathlib.Path) -> None:
    """Folders of outputs with `mkdir` are made, and an output with `checked` that is missing fails the frame."""
    layer = Layer("layer")
    layer.add_output("folder", outline.io.Path(tmp_path / "made", mkdir=True))
    layer.add_output("", outline.io.FileSpec(str(tmp_path / "made" / "a.#.exr"), checked=True))
    an_outline("1-2", layer).setup()
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "a.1.exr").write_text("x")
    layer.execute(1)
    with pytest.raises(outline.LayerException, match="'output1' of layer layer does not exist"):
        layer.execute(2)


def test_outputs_of_a_preprocess_reach_its_creator() -> None:
    """What a preprocess layer outputs, the creator has as output when its frames execute."""

    render = Layer("render")
    ol = an_outline("1-3", render)
    pre = LayerPreProcess(render)
    pre.add_output("map", "/tmp/map.tex")
    ol.add_layer(pre)
    ol.setup()
    loaded = load_outline(ol.get_path())
    loaded.get_layer("render_preprocess").execute(1)
    again = load_outline(ol.get_path()).get_layer("render")
    again.execute(2)
    assert str(again.get_output("map")) == "/tmp/map.tex"


def test_shell_layers_run_their_commands(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture) -> None:
    """Each kind of shell layer runs what it should, with tokens replaced, frame 0 included."""
    script = tmp_path / "greet.sh"
    script.write_text("#!/bin/sh\necho script\n")
    layers = [
        Shell("shell", command=["echo", "%{ZFRAME}", "x#IFRAME#-#IFRAME#", "####"], range="0-1"),
        ShellCommand("command", command="echo 'one two' #FRAME#"),
        ShellSequence("sequence", commands=[["echo", "first"], "echo second"]),
        ShellScript("script", script=str(script)),
        PyEval("eval", "print('python', list(frames), flush=True)"),
    ]
    ol = an_outline("0-4", *layers)
    ol.setup()
    for name, frame in {"shell": 0, "command": 0, "sequence": 2, "script": 0, "eval": 4}.items():
        load_outline(ol.get_path()).get_layer(name).execute(frame)
    printed = capfd.readouterr().out.splitlines()
    assert printed == ["0000 x0-0 ####", "one two 0000-", "second", "script", "python [4]"]


def test_a_failing_command_keeps_its_exit_status() -> None:
    """The exception of Layer.system has the status; 16 stands for a command that could not be started."""
    with pytest.raises(outline.ShellCommandFailureException) as failure:
        Layer.system(["sh", "-c", "exit 7"])
    assert failure.value.exit_status == 7
    with pytest.raises(outline.ShellCommandFailureException) as failure:
        Layer.system("no-such-program --at all")
    assert failure.value.exit_status == 16
    Layer.system("false", ignore_error=True)


def test_the_current_outline_is_one_under_all_its_names() -> None:
    """`Outline.current`, `current_outline()` and what layers add themselves to are the same."""
    first = outline.Outline("first", current=True)
    assert outline.Outline.current is outline.current_outline() is first
    second = outline.Outline("second")
    outline.Outline.current = second
    layer = outline.Layer("layer")
    assert (layer.get_outline(), outline.current_outline()) == (second, second)

"""Layers of applications: the command of each, and what is refused before a farm sees it."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from typing import Any, Dict, List

import pytest

import outline
from outline import cuerun
from outline.exception import LayerException
from outline.modules import blender, ffmpeg, houdini, husk, katana, maya, nuke, pyeval, usdrecord

S, E = "#FRAME_START#", "#FRAME_END#"

COMMANDS: List[Any] = [
    (blender, {"scene": "a.blend"}, f"blender -b a.blend -noaudio --python-exit-code 1 -s {S} -e {E} -a"),
    (
        blender,
        {"scene": "a.blend", "output": "/o/####", "file_format": "PNG", "engine": "CYCLES", "scene_name": "Main",
         "scripts": ["fix.py"], "render_threads": 4, "options": ["--factory-startup"], "executable": "/opt/blender"},
        "/opt/blender -b a.blend -noaudio --python-exit-code 1 -S Main -E CYCLES -o /o/#### -F PNG -t 4 -P fix.py"
        f" --factory-startup -s {S} -e {E} -a",
    ),
    (maya, {"scene": "a.ma"}, f"Render -r file -s {S} -e {E} a.ma"),
    (
        maya,
        {"scene": "a.ma", "renderer": "arnold", "project": "/p", "output_folder": "/o", "image_name": "b",
         "camera": "cam1", "render_layer": "fg", "width": 64, "height": 48, "options": ["-ai:lve", "1"]},
        f"Render -r arnold -s {S} -e {E} -proj /p -rd /o -im b -cam cam1 -rl fg -x 64 -y 48 -ai:lve 1 a.ma",
    ),
    (nuke, {"script": "a.nk"}, f"nuke -F {S}-{E} -x a.nk"),
    (
        nuke,
        {"script": "a.nk", "write_nodes": ["W1", "W2"], "views": ["left"], "proxy": True, "interactive_license": True,
         "render_threads": 2, "options": ["-c", "8G"]},
        f"nuke -F {S}-{E} -m 2 -p -i --view left -X W1,W2 -c 8G -x a.nk",
    ),
    (houdini, {"scene": "a.hip", "driver": "/out/m"}, f"hrender -e -f {S} {E} -d /out/m a.hip"),
    (
        houdini,
        {"scene": "a.hip", "driver": "/out/m", "output": "/o/$F4.exr", "take": "t", "width": 9, "height": 8},
        f"hrender -e -f {S} {E} -t t -w 9 -h 8 -o /o/$F4.exr -d /out/m a.hip",
    ),
    (katana, {"scene": "a.katana"}, f"katana --batch --katana-file=a.katana -t {S}-{E}"),
    (
        katana,
        {"scene": "a.katana", "render_node": "beauty", "variables": {"shot": "s1"}, "render_threads": 3},
        f"katana --batch --katana-file=a.katana -t {S}-{E} --render-node=beauty --var shot=s1 --threads3d=3",
    ),
    (usdrecord, {"stage": "a.usd", "output": "o.#.png"}, f"usdrecord --frames {S}:{E} a.usd o.#.png"),
    (
        usdrecord,
        {"stage": "a.usd", "output": "o.#.png", "camera": "/cam", "renderer": "GL", "image_width": 640,
         "complexity": "high", "purposes": ["render", "proxy"]},
        f"usdrecord --frames {S}:{E} --camera /cam --renderer GL --imageWidth 640 --complexity high"
        " --purposes render,proxy a.usd o.#.png",
    ),
    (husk, {"stage": "a.usd"}, "husk --frame #IFRAME# --frame-count 1 a.usd"),
    (
        husk,
        {"stage": "a.usd", "output": "$F4.exr", "renderer": "BRAY_HdKarma", "settings": "/R", "camera": "/c"},
        "husk --frame #IFRAME# --frame-count 1 --renderer BRAY_HdKarma --settings /R --camera /c --output $F4.exr"
        " a.usd",
    ),
    (
        ffmpeg,
        {"images": "b.1001-1010####.exr", "film": "b.mov"},
        "ffmpeg -hide_banner -nostdin -y -framerate 24 -start_number 1001 -i b.%04d.exr -frames:v 10 -c:v libx264"
        " -pix_fmt yuv420p b.mov",
    ),
    (
        ffmpeg,
        {"images": "b.#.png", "film": "b.mov", "first_frame": 5, "frame_rate": 23.976, "codec": "prores_ks",
         "quality": 18, "pixel_format": None, "audio": "a.wav", "options": ["-shortest"]},
        "ffmpeg -hide_banner -nostdin -y -framerate 23.976 -start_number 5 -i b.%d.png -i a.wav -c:v prores_ks"
        " -crf 18 -c:a aac -shortest -shortest b.mov",
    ),
    (ffmpeg, {"images": "in.mp4", "film": "b.mov", "pixel_format": None},
     "ffmpeg -hide_banner -nostdin -y -framerate 24 -i in.mp4 -c:v libx264 b.mov"),
    (pyeval, {"code": "print(1)", "executable": "py"}, "py -c print(1) #IFRAME#"),
]  # fmt: skip

REFUSED: List[Any] = [
    (blender, {"scene": ""}, "the Blender file, `scene`, is missing"),
    (blender, {"scene": "a", "file_format": "PSD"}, "file_format has to be one of .* not 'PSD'"),
    (blender, {"scene": "a", "render_threads": 0}, "render_threads has to be a whole number of 1 or more, not 0"),
    (blender, {"scene": "a", "options": "-t 4"}, "options has to be a list of words"),
    (maya, {"scene": "a", "width": "64"}, "width has to be a whole number"),
    (nuke, {"script": " "}, "the Nuke file, `script`, is missing"),
    (nuke, {"script": "a", "write_nodes": "Write1"}, "write_nodes has to be a list"),
    (houdini, {"scene": "a", "driver": "mantra1"}, "a path of Houdini's such as /out/mantra1"),
    (katana, {"scene": ""}, "the Katana file, `scene`, is missing"),
    (usdrecord, {"stage": "a", "output": "o.png"}, "has no # for the frame number"),
    (usdrecord, {"stage": "a", "output": "#", "complexity": "max"}, "complexity has to be one of low"),
    (husk, {"stage": ""}, "the USD file, `stage`, is missing"),
    (ffmpeg, {"images": "b.1,3#.exr", "film": "b.mov"}, "have gaps"),
    (ffmpeg, {"images": "b.#.exr", "film": "b.mov", "frame_rate": 0}, "frame_rate has to be"),
    (pyeval, {"code": ""}, "code is missing"),
]


@pytest.mark.parametrize(("module", "arguments", "words"), COMMANDS)
def test_a_module_builds_the_command_of_its_application(module: Any, arguments: Dict[str, Any], words: str) -> None:
    """Each argument becomes the application's own option, in an order that it accepts."""
    assert module.command(**arguments) == words.split()


@pytest.mark.parametrize(("module", "arguments", "why"), REFUSED)
def test_what_an_application_would_refuse_is_refused_at_once(module: Any, arguments: Dict[str, Any], why: str) -> None:
    """What is missing or makes no sense is said where the layer is made, not in a frame's log."""
    with pytest.raises(LayerException, match=why):
        module.command(**arguments)


def test_a_layer_takes_the_arguments_of_its_command_and_of_every_layer() -> None:
    """The application's arguments make the command; the others, such as cores, are the layer's."""
    layer = blender.Blender("beauty", scene="a.blend", engine="CYCLES", cores=4, range="1-4")
    assert layer.get_arg("command") == blender.command("a.blend", engine="CYCLES")
    assert (layer.get_service(), layer.get_min_cores(), layer.get_arg("engine")) == ("blender", 4, None)
    with pytest.raises(LayerException, match=r"layer beauty: .*scene"):
        blender.Blender("beauty")
    with pytest.raises(LayerException, match="layer beauty: the Blender file"):
        blender.Blender("beauty", scene="")


@pytest.mark.parametrize(("frames", "chunk"), [("1-10x2", 2), ("1-3,5-9", 4), ("9-1", 3)])
def test_chunks_with_gaps_are_refused(frames: str, chunk: int) -> None:
    """An application that is told the first and the last frame of a chunk would render what lies between, too."""
    ol = outline.Outline("gaps", frame_range=frames)
    ol.add_layer(nuke.Nuke("comp", script="a.nk", chunk=chunk))
    with pytest.raises(LayerException, match="cannot be one call"):
        ol.setup()


def test_chunks_need_an_application_that_is_told_the_last_frame() -> None:
    """`husk` renders a frame in a call, so its chunk size is 1."""
    ol = outline.Outline("one_by_one", frame_range="1-4")
    ol.add_layer(husk.Husk("karma", stage="a.usd", chunk=2))
    with pytest.raises(LayerException, match="its chunk size has to be 1"):
        ol.setup()


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_chunk_is_one_call_with_or_without_python(tmp_path: pathlib.Path, wrapped: bool) -> None:
    """Executed by outline or by the farm directly, the application is told the same frames."""
    program = tmp_path / "nuke"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    program.chmod(0o755)
    ol = outline.Outline("chunks", frame_range="1-5")
    ol.add_layer(nuke.Nuke("comp", script="a.nk", executable=program, chunk=2))
    ol.add_layer(ffmpeg.Ffmpeg("film", images="b.#.png", film="b.mov", executable=program, require="comp:all"))
    cuerun.launch(ol, use_pycuerun=wrapped, backend="local")
    calls = (tmp_path / "calls").read_text().splitlines()
    assert sorted(calls[:3]) == ["-F 1-2 -x a.nk", "-F 3-4 -x a.nk", "-F 5-5 -x a.nk"]
    assert len(calls) == 4
    assert calls[3].endswith("b.mov")


def test_python_source_runs_without_outline() -> None:
    """The command of `pyeval` hands the frame's number over as an argument."""
    words = pyeval.command("import sys; print(int(sys.argv[1]) * 2)", executable=sys.executable)
    ended = subprocess.run([*words[:-1], "21"], capture_output=True, text=True, timeout=30, check=True)
    assert (words[-1], ended.stdout) == ("#IFRAME#", "42\n")


def test_studios_add_modules_by_either_variable(tmp_path: pathlib.Path) -> None:
    """Folders of `OUTLINE_MODULES_PATHS` and `CUE_MODULE_PATHS` are searched before what comes with outline."""
    for folder, name in (("one", "nuke"), ("two", "nuke"), ("two", "ours")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{name}.py").write_text(f"WHERE = {folder!r}\n")
    code = "from outline.modules import nuke, ours; print(nuke.WHERE, ours.WHERE)"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={"OUTLINE_MODULES_PATHS": str(tmp_path / "one"), "CUE_MODULE_PATHS": str(tmp_path / "two")},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert ended.stdout.split() == ["one", "two"]

"""Build small outlines and print, as JSON, the job specification that each becomes.

It is run by two interpreters, ours and that of upstream's packages, so it uses only what both have.
"""

import json
import sys

import outline
import outline.cuerun
import outline.layer
from outline.modules import shell


def base(name, **args):
    return outline.Outline(name, shot="sh1", show="testing", user="tester", **args)


def plain():
    ol = base("plain", frame_range="1-10")
    ol.add_layer(shell.Shell("render", command=["echo", "#IFRAME#"]))
    return ol


def resources():
    ol = base("resources", frame_range="1-20", maxcores=8, maxgpus=2, facility="lax")
    ol.add_layer(shell.Shell(
        "render", command="run", cores=4, memory="2g", threadable=True, tags=["general", "util"], gpus=1,
        gpu_memory="2g", timeout=10, timeout_llu=5, limits=["arnold", "nuke"], service="maya", chunk=5,
        env={"LAYER_KEY": "1"}, type="Util"))  # fmt: skip
    ol.add_layer(shell.Shell("threads", command="run", threads=0.5, tags="atag | other"))
    ol.add_layer(shell.Shell("both", command="run", threads=2, cores=3))
    ol.add_layer(shell.Shell("gpu_only", command="run", gpu_memory="3g"))
    return ol


def depends():
    ol = base("depends", frame_range="1-10")
    first = shell.Shell("first", command="a")
    second = shell.Shell("second", command="b")
    third = shell.Shell("third", command="c", require=["first:all", "second"])
    fourth = shell.Shell("fourth", command="d")
    fifth = shell.Shell("fifth", command="d", range="1-4")
    for layer in (first, second, third, fourth, fifth):
        ol.add_layer(layer)
    second.depend_on(first, outline.depend.DependType.FrameByFrame)
    fourth.depend_on(third, outline.depend.DependType.LayerOnSimFrame)
    fourth.depend_previous(second)
    fifth.depend_all("fourth")
    fifth.depend_on("first", outline.depend.DependType.FrameByFrame)
    return ol


class Bake(outline.layer.LayerPreProcess):
    """A preprocess layer with a command, so that it can be launched without Python."""

    def __init__(self, creator):
        super().__init__(creator, command="bake")


class Tidy(outline.layer.LayerPostProcess):
    """A postprocess layer with a command."""

    def __init__(self, creator):
        super().__init__(creator, command="tidy")


def processes():
    ol = base("processes", frame_range="5-10")
    render = shell.Shell("render", command="a")
    ol.add_layer(render)
    ol.add_layer(Bake(render))
    ol.add_layer(Tidy(render))
    ol.add_layer(outline.layer.OutlinePostCommand("goodbye", command="bye"))
    ol.add_layer(shell.ShellCommand("once", command="one"))
    return ol


def ranges():
    ol = base("ranges", frame_range="1-20")
    ol.add_layer(shell.Shell("own", command="a", range="5-30"))
    ol.add_layer(shell.Shell("other", command="a", range="40-50"))
    ol.add_layer(shell.Shell("stepped", command="a", range="1-20x3"))
    ol.add_layer(shell.Shell("hidden", command="a", register=False))
    ol.add_layer(shell.Shell("listed", command="a", range="1,2,3,4,9"))
    return ol


def no_range():
    ol = base("no_range")
    ol.add_layer(shell.Shell("still", command="a"))
    ol.add_layer(shell.Shell("own", command="a", range="3-4"))
    return ol


def composite():
    ol = base("composite", frame_range="1-3")
    parent = shell.Shell("parent", command="a")
    parent.add_child(shell.Shell("child", command="b"))
    ol.add_layer(parent)
    return ol


def files_and_variables():
    ol = base("files", frame_range="1-3")
    ol.set_env("EARLY", "yes", pre=True)
    ol.set_env("LATE", "yes")
    layer = shell.Shell("render", command="a")
    layer.add_output("beauty", outline.io.FileSpec("/show/beauty.#.exr"))
    layer.set_env("OWN", "1")
    ol.add_layer(layer)
    return ol


OUTLINES = [plain, resources, depends, processes, ranges, no_range, composite, files_and_variables]
FLAGS = [{}, {"pause": True, "priority": 7, "maxretries": 1, "autoeat": True, "nomail": True, "os": "rocky9"}]

answer = {}
for build in OUTLINES:
    for number, flags in enumerate(FLAGS):
        launcher = outline.cuerun.OutlineLauncher(build(), **flags)
        answer[f"{build.__name__}/{number}"] = launcher.serialize(use_pycuerun=False)
json.dump(answer, sys.stdout)

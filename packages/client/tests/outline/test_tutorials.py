"""Every outline of the tutorials builds and becomes a job specification, as written."""

from __future__ import annotations

import enum
import importlib.util
import pathlib
import subprocess
from typing import Any
from xml.etree import ElementTree

import pytest

from outline.command_line import replace_tokens, token_values
from outline.cuerun import OutlineLauncher

_spec = importlib.util.spec_from_file_location(
    "tutorial_pipelines", pathlib.Path(__file__).with_name("tutorial_pipelines.py")
)
assert _spec is not None
assert _spec.loader is not None
tutorial = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tutorial)

PIPELINES = {
    "basic": (tutorial.create_basic_pipeline, 3, 2),
    "demo": (tutorial.create_dependency_demo, 3, 2),
    "parallel": (tutorial.create_parallel_pipeline, 5, 6),
    "frame_dependent": (tutorial.create_frame_dependent_pipeline, 3, 2),
    "fault_tolerant": (tutorial.create_fault_tolerant_pipeline, 4, 3),
    "vfx_shot": (lambda: tutorial.create_vfx_shot_pipeline("sh020", "1001-1048"), 7, 7),
    "animation": (lambda: tutorial.create_animation_feature_pipeline("sq100"), 8, 8),
}


def specification(job: Any, use_pycuerun: bool = False, **flags: Any) -> Any:
    """Return the parsed specification of an outline."""
    text = OutlineLauncher(job, backend="cue", **flags).serialize(use_pycuerun)
    return ElementTree.fromstring(text)


@pytest.mark.parametrize("use_pycuerun", [False, True])
@pytest.mark.parametrize("name", PIPELINES)
def test_a_tutorial_pipeline_becomes_a_job(name: str, use_pycuerun: bool) -> None:
    """All layers and depends of the tutorial's pipeline are in the specification."""
    build, layers, depends = PIPELINES[name]
    root = specification(build(), use_pycuerun)
    assert (len(root.findall(".//layer")), len(root.findall(".//depend"))) == (layers, depends)


def test_a_movie_of_one_frame_waits_for_all_pictures() -> None:
    """A plain depend_on of a layer of one frame waits for the whole layer; the other way round, frame by frame."""
    root = specification(tutorial.create_animation_feature_pipeline("sq100"))
    types = {depend.find("deplayer").text: depend.get("type") for depend in root.findall(".//depend")}
    assert types["create-playblast"] == "LAYER_ON_LAYER"
    assert types["layout-pass"] == "FRAME_BY_FRAME"


def test_resources_of_the_tutorial_arrive_with_their_units() -> None:
    """Cores have a decimal point, memory is in MB, and every service of a comma list is there."""
    job = tutorial.create_vfx_shot_pipeline("sh020", "1001-1048")
    layer = next(e for e in specification(job).iter("layer") if e.get("name") == "lighting-render")
    assert (layer.find("cores").text, layer.find("memory").text) == ("8.0", "16384m")
    assert [service.text for service in layer.iter("service")] == ["maya2024", "arnold"]


def test_resource_recipes_work_on_every_pipeline() -> None:
    """The tutorial's functions that tune layers accept its own pipelines."""
    job = tutorial.create_frame_dependent_pipeline()
    tutorial.optimize_layer_resources(job)
    for layer in job.get_layers():
        tutorial.apply_smart_chunking(layer, 240)
        tutorial.set_memory_requirements(layer, "heavy")
        tutorial.optimize_cores(layer, "composite")
    root = specification(job)
    assert root.get("cuefarm") == "1"
    assert {layer.get("maxcores") for layer in root.iter("layer")} == {"4"}
    assert {layer.find("memory").text for layer in root.iter("layer")} == {"8192m"}


def test_retries_of_one_layer_are_an_addition_to_the_specification() -> None:
    """set_retry_count(3) becomes an attribute of the layer, and the root says that there are additions."""
    root = specification(tutorial.create_fault_tolerant_pipeline())
    assert {layer.get("name"): layer.get("maxretries") for layer in root.iter("layer")} == {
        "validate-inputs": None,
        "main-render": "3",
        "verify-outputs": None,
        "cleanup-temp": None,
    }
    assert root.get("cuefarm") == "1"


def test_a_pipeline_without_additions_stays_plain() -> None:
    """Where no such value is set, nothing in the specification is unknown to upstream's servers."""
    root = specification(tutorial.create_basic_pipeline())
    assert root.attrib == {}
    assert {frozenset(layer.attrib) for layer in root.iter("layer")} == {frozenset({"name", "type"})}


def test_commands_of_the_tutorials_reach_their_programs_word_by_word() -> None:
    """A shell splits the command of the specification into exactly the words of the list."""
    values = token_values([7], "layer", "job")
    for build, _, _ in PIPELINES.values():
        job = build()
        words = {layer.get_name(): layer.get_arg("command") for layer in job.get_layers()}
        for layer in specification(job).iter("layer"):
            command = replace_tokens(layer.findtext("cmd"), values)
            script = f"for word in {command}; do printf '%s\\n' \"$word\"; done"
            shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
            assert shown.stdout.splitlines() == [replace_tokens(word, values) for word in words[layer.get("name")]]


def test_priorities_of_the_tutorial_are_kept() -> None:
    """set_priority reaches the specification, a launch flag wins over it, and without both it is 1."""
    template = tutorial.JobTemplate("fx_simulation")

    def priority(job: Any, **flags: Any) -> str:
        for layer in tutorial.create_dependency_demo().get_layers():
            job.add_layer(layer)
        return specification(job, **flags).find("job/priority").text

    assert priority(tutorial.create_urgent_job()) == "125"
    assert priority(template.create_job("sim", "sh010", "demo", "artist01")) == "120"
    assert priority(tutorial.create_urgent_job(), priority=7) == "7"
    assert specification(tutorial.create_basic_pipeline()).find("job/priority").text == "1"


def test_a_second_depend_on_the_same_layer_replaces_the_first() -> None:
    """Numbers as opencue.DependType has them are understood, and the last type wins."""
    job = tutorial.create_dependency_demo()
    preprocess, render, composite = job.get_layers()
    number = enum.IntEnum("DependType", {"LAYER_ON_LAYER": 4, "FRAME_BY_FRAME": 9})
    tutorial.add_more_dependencies(job, preprocess, composite, render, number)
    root = specification(job)
    of_composite = [depend for depend in root.iter("depend") if depend.findtext("deplayer") == "composite"]
    assert [depend.get("type") for depend in of_composite] == ["LAYER_ON_LAYER"]
    others = [(d.get("type"), d.findtext("onjob"), d.findtext("onlayer")) for d in root.iter("depend")]
    assert ("JOB_ON_JOB", "previous-job-name", None) in others
    assert ("LAYER_ON_LAYER", "other-job-name", "other-layer-name") in others


def test_show_shot_and_user_of_the_outline_are_respected() -> None:
    """What the outline says of itself is launched, whatever shell it is launched from."""
    root = specification(tutorial.create_basic_pipeline())
    assert [root.findtext(tag) for tag in ("show", "shot", "user")] == ["demo-project", "shot010", "artist01"]

"""Jobs with several layers: each row of that tutorial (S1) on a live farm. Tests name the rows that they are of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from farm_process import FarmProcess, wait_for
from tutorial_farm import (
    SLEEP,
    a_layer,
    an_empty_farm,
    an_outline,
    done,
    launched,
    rows_without_a_test,
    shell,
    states,
    wait_state,
)

import opencue
import outline
import outline.modules.shell
from opencue.compiled_proto import job_pb2
from outline.depend import DependType

NO_TEST = {
    "01": "the patterns of the tutorial, which the other rows are",
    "03": "names with dashes, which row 04 of the first tutorial is about",
    "26": "advice on how many frames to do at once; row 25 is how",
}


@pytest.fixture(autouse=True)
def _empty(farm: FarmProcess, tmp_path: Path) -> Iterator[None]:
    """Give each test the farm without jobs."""
    with an_empty_farm(farm, tmp_path / "sessions"):
        yield


def test_every_row_has_a_test():
    """A row of the tutorial has a test here, or a reason for none."""
    rows = [f"{number:02d}" for number in range(1, 51) if f"{number:02d}" not in NO_TEST]
    assert rows_without_a_test(rows, globals(), "s1") == []


def test_s1_02_11_12_13_22_23_an_outline_is_put_together_and_launched():
    """Layers are added in a loop, the launch returns the jobs, and the outline keeps its own name."""
    job = an_outline("sequential-v001")
    for layer in (a_layer("Asset-Prep", SLEEP), a_layer("beauty", SLEEP)):
        job.add_layer(layer)
    jobs = outline.cuerun.launch(job, use_pycuerun=False)
    assert [type(one) for one in jobs] == [opencue.wrappers.job.Job]
    assert job.get_name() == "sequential-v001"
    assert jobs[0].name() == "testing-sh010-ann_sequential_v001"
    assert [layer.get_name().lower() for layer in job.get_layers()] == ["asset-prep", "beauty"]


def test_s1_04_a_layer_is_found_by_the_name_it_was_given():
    """The farm keeps layers in lower case with underscores, frames see that, and both spellings find them."""
    made = launched("named", outline.modules.shell.Shell(name="asset-Prep", command="echo $CUE_LAYER", range="1-1"))
    assert [layer.name() for layer in made.getLayers()] == ["asset_prep"]
    assert opencue.api.findLayer(made.name(), "asset-Prep").id() == made.getLayer("asset_prep").id()
    wait_state(made, job_pb2.SUCCEEDED)
    assert _said(made, "asset_prep", 1) == ["asset_prep"]


def test_s1_05_06_07_24_35_36_48_49_what_layers_need_arrives():
    """Cores and memory as large as the tutorial's arrive, are read in cores and MB, and so do services."""
    layer = a_layer("lighting", SLEEP)
    layer.set_min_cores(16)
    layer.set_max_cores(32)
    layer.set_min_memory(32768)
    layer.set_service("python")
    kept = launched("needs", layer, a_layer("layout", SLEEP)).getLayer("lighting")
    assert (kept.minimumCores(), kept.maxCores(), kept.minimumMemory()) == (16.0, 32.0, 32768)
    assert list(kept.data.services) == ["python"]


def test_s1_08_09_27_30_39_41_only_tokens_are_replaced():
    """`#IFRAME#` is the number wherever it stands; `####`, `%04d` and words with dashes reach the program."""
    words = [
        "echo",
        "-b",
        "shot_####.exr",
        "comp_%04d.exr",
        "#IFRAME#-#IFRAME#",
        "frame_#IFRAME#_report.json",
        "--check",
    ]
    made = launched("tokens", a_layer("render", words, "7"))
    wait_state(made, job_pb2.SUCCEEDED)
    assert _said(made, "render", 7) == ["-b shot_####.exr comp_%04d.exr 7-7 frame_7_report.json --check"]


def test_s1_10_14_15_37_branches_meet_in_a_layer_that_waits_for_all():
    """Three layers wait for one of one frame, and a fourth for the three."""
    prep = a_layer("prep", ["true"], "1-1")
    passes = [a_layer(name, ["true"], "1-2") for name in ("beauty", "shadow", "depth")]
    composite = a_layer("composite", SLEEP, "1-2")
    for one in passes:
        one.depend_on(prep)
        composite.depend_on(one)
    made = launched("branches", prep, *passes, composite)
    assert len(made.getLayer("composite").getWhatThisDependsOn()) == 3
    wait_state(made, job_pb2.RUNNING, ["0001-composite", "0002-composite"])
    assert sorted(set(states(made).values())) == [job_pb2.RUNNING, job_pb2.SUCCEEDED]


def test_s1_16_frames_of_a_simulation_go_one_after_the_other():
    """A layer that depends on its own previous frame runs its frames in turn."""
    simulation = a_layer("simulation", ["sh", "-c", "test #IFRAME# -lt 3 || sleep 300"], "1-4")
    simulation.depend_previous(simulation)
    made = launched("simulated", simulation)
    wait_state(made, job_pb2.RUNNING, ["0003-simulation"])
    found = [states(made)[f"{number:04d}-simulation"] for number in range(1, 5)]
    assert found == [job_pb2.SUCCEEDED, job_pb2.SUCCEEDED, job_pb2.RUNNING, job_pb2.DEPEND]


def test_s1_17_18_34_40_words_with_blanks_and_quotes_stay_words():
    """What a shell would split or run reaches the program as one word; its tokens are replaced."""
    words = ['python("renderFrame(#IFRAME#)")', "import bpy; frame_set(#IFRAME#)", "a b --frame #IFRAME#"]
    made = launched("quoted", a_layer("render", ["printf", "%s\\n", *words], "3"))
    wait_state(made, job_pb2.SUCCEEDED)
    assert _said(made, "render", 3) == [word.replace("#IFRAME#", "3") for word in words]


def test_s1_19_31_types_of_depends_have_the_names_of_the_wire():
    """`outline.depend.DependType` has FRAME_BY_FRAME, LAYER_ON_LAYER and the others."""
    main, verify, clean = (a_layer(name, SLEEP, "1-2") for name in ("main", "verify", "clean"))
    verify.depend_on(main, depend_type=outline.depend.DependType.FRAME_BY_FRAME)
    clean.depend_on(verify, depend_type=DependType.LAYER_ON_LAYER)
    made = launched("typed", main, verify, clean)
    types = [made.getLayer(name).getWhatThisDependsOn()[0].type() for name in ("verify", "clean")]
    assert types == [opencue.DependType.FRAME_BY_FRAME, opencue.DependType.LAYER_ON_LAYER]
    assert {"PREVIOUS_FRAME", "LAYER_ON_SIM_FRAME", "LAYER_ON_ANY"} <= set(vars(DependType))


def test_s1_20_21_frames_without_a_counterpart_wait_for_the_whole_layer():
    """Behind one frame of preparation every frame waits, and a movie waits for every picture."""
    prep = a_layer("prep", SLEEP, "1-1")
    render = a_layer("render", SLEEP, "1-3")
    movie = a_layer("movie", SLEEP, "1-1")
    render.depend_on(prep)
    movie.depend_on(render)
    made = launched("unlike", prep, render, movie)
    wait_state(made, job_pb2.RUNNING, ["0001-prep"])
    assert {state for name, state in states(made).items() if name != "0001-prep"} == {job_pb2.DEPEND}
    made.eatFrames(layer=["prep"])
    made.markdoneFrames(layer=["prep"])
    wait_state(made, job_pb2.RUNNING, [f"{number:04d}-render" for number in (1, 2, 3)])
    made.markdoneFrames(layer=["render"], range="1")
    assert states(made)["0001-movie"] == job_pb2.DEPEND


def test_s1_25_33_a_chunk_is_one_run_of_several_frames():
    """`set_chunk` says how many frames one run does; a range comes from a variable."""
    frame_range = "1-10"
    layer = a_layer("render", ["echo", "#FRAMESPEC#"], frame_range)
    layer.set_chunk(5)
    made = launched("chunks", layer)
    wait_state(made, job_pb2.SUCCEEDED)
    assert (made.totalFrames(), made.getLayers()[0].chunkSize()) == (2, 5)
    assert _said(made, "render", 6) == ["6-10"]


def test_s1_28_a_time_limit_inside_the_command():
    """The status of `timeout` is the frame's."""
    made = launched("limited", a_layer("verify", ["timeout", "1", "sleep", "60"]), maxretries=0)
    wait_state(made, job_pb2.DEAD)
    assert made.getFrames()[0].exitStatus() == 124


def test_s1_29_a_layer_has_retries_of_its_own():
    """Frames of a layer with three retries are dead after the fourth failure, others after the job's."""
    main, other = a_layer("main", ["false"]), a_layer("other", ["false"])
    main.set_retry_count(3)
    made = launched("tried", main, other, maxretries=0)
    wait_state(made, job_pb2.DEAD)
    assert [len(layer.getFrames()[0].getRuns()) for layer in made.getLayers()] == [4, 1]


def test_s1_32_a_layer_that_failed_holds_up_what_waits_for_it():
    """LAYER_ON_LAYER waits on behind dead frames; eating and marking done lets go."""
    main, clean = a_layer("main", ["false"]), a_layer("clean", SLEEP)
    clean.depend_on(main, depend_type=DependType.LAYER_ON_LAYER)
    made = launched("failing", main, clean, maxretries=0)
    wait_state(made, job_pb2.DEAD, ["0001-main"])
    assert states(made)["0001-clean"] == job_pb2.DEPEND
    made.eatAndMarkdoneFrames(state=[job_pb2.DEAD])
    wait_state(made, job_pb2.RUNNING, ["0001-clean"])


def test_s1_38_every_service_of_a_list_is_kept():
    """A list of services with commas becomes several."""
    layer = a_layer("lighting", SLEEP)
    layer.set_service("maya2024,arnold")
    assert list(launched("served", layer).getLayers()[0].data.services) == ["maya2024", "arnold"]


def test_s1_42_43_44_45_a_report_adds_up_what_frames_took():
    """Times, cores and memory of frames are numbers also where a frame never ran or died."""
    made = launched("report", a_layer("render", ["sh", "-c", "exit $((#IFRAME# > 1))"], "1-3"), maxretries=0)
    wait_for(lambda: len(made.getFrames(state=[job_pb2.DEAD])) == 2, 60, "two frames to fail")
    never = launched("waiting", a_layer("render", SLEEP), pause=True)
    for job in (opencue.api.findJob(made.name()), never):
        for layer in job.getLayers():
            frames = layer.getFrames()
            assert sum(frame.runTime() for frame in frames if frame.runTime() > 0) >= 0
            assert sum(frame.usedCores() for frame in frames) == pytest.approx(0.1 * 3 if job is not never else 0.0)
            assert sum(frame.usedMemory() for frame in frames) >= 0
    dead = [frame for frame in made.getFrames() if frame.state() == opencue.compiled_proto.job_pb2.DEAD]
    assert len(dead) == 2


def test_s1_46_50_dependencies_of_a_job_are_shown_and_satisfied(farm: FarmProcess):
    """`-lji JOB` has a line with Dependencies and what waits for what below it."""
    render, composite = a_layer("render", SLEEP), a_layer("composite", SLEEP)
    composite.depend_on(render)
    made = launched("circles", render, composite)
    shown = done(shell(farm, f'cueadmin -lji {made.name()} | grep -A5 "Dependencies"'))
    assert "composite" in shown
    assert "render" in shown
    done(shell(farm, f"cueadmin -satisfy-dependency {made.name()} composite"))
    wait_state(made, job_pb2.RUNNING, ["0001-composite"])


def test_s1_47_a_circle_of_dependencies_is_refused_and_shown():
    """Layers that wait for one another are no job: the error names the circle, and the farm has nothing of it."""
    first, second, third = (a_layer(name, SLEEP) for name in ("first", "second", "third"))
    first.depend_on(third)
    second.depend_on(first)
    third.depend_on(second)
    with pytest.raises(outline.OutlineException) as refused:
        launched("circle", first, second, third)
    assert all(name in str(refused.value) for name in ("first", "second", "third"))
    assert opencue.api.getJobs() == []


def _said(job: opencue.wrappers.job.Job, layer: str, number: int) -> list[str]:
    """Return what a frame wrote."""
    log = b"".join(opencue.api.followLog(job.id(), layer, number, follow=False)).decode()
    output = log.split("=" * 59 + "\n")[2]  # behind the header, before the foot
    return [line for line in output.splitlines() if line]

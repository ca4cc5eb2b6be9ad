"""What was changed of jobs since they were submitted comes with them to another farm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from farm_process import FarmProcess, wait_for
from tutorial_farm import SLEEP, a_layer, an_empty_farm, launched, states, wait_state

import opencue
from opencue.compiled_proto import depend_pb2, job_pb2

UNLIKE = ("id", "parent_id", "layer_stats", "eligible_time", "start_time", "stop_time")
"""What a layer has of its own farm."""


@pytest.fixture(autouse=True)
def _empty(farm: FarmProcess, tmp_path: Path) -> Iterator[None]:
    """Give each test the farm without jobs."""
    with an_empty_farm(farm, tmp_path / "sessions"):
        yield


def _seen(name: str) -> dict[str, Any]:
    """What the farm that is connected to says of a job, but ids and times."""
    job = opencue.api.findJob(name)
    settings = job.getSettings()
    frames = sorted(job.getFrames(), key=lambda frame: (frame.layer(), frame.data.dispatch_order))
    return {
        "settings": (
            *(settings.user, settings.HasField("uid"), settings.uid, settings.max_retries),
            *(settings.time_limit_minutes, list(settings.subscribers)),
        ),
        "of_layers": [(one.layer_name, one.HasField("max_retries"), one.max_retries) for one in settings.layers],
        "depends": sorted(
            (
                *(one.type, one.active, one.any_frame, one.on_failure),
                *(one.layer, one.frame, one.on_job, one.on_layer, one.on_frame),
            )
            for one in settings.depends
        ),
        "layers": [
            {field.name: repr(value) for field, value in layer.data.ListFields() if field.name not in UNLIKE}
            for layer in job.getLayers()
        ],
        "outputs": [list(layer.getOutputPaths()) for layer in job.getLayers()],
        "order": [frame.name() for frame in frames],
        "marks": [(frame.name(), frame.data.checkpoint_state, _shown(frame)) for frame in frames],
    }


def _shown(frame: Any) -> list[tuple[int, str, int]]:
    return [(one.state, one.text, one.color.blue) for one in frame.getFrameStateDisplayOverrides()]


def _changed_jobs() -> list[str]:
    """Two paused jobs of which everything has been changed that can be."""
    layers = [a_layer(name, SLEEP, "1-6") for name in ("sim", "render", "comp")]
    first = launched("first", *layers, pause=True)
    second = launched("second", a_layer("late", SLEEP, "1-3"), a_layer("clean", SLEEP), pause=True)
    first.setOwner("bob", 4711)
    first.setMaxRetries(5)
    first.setTimeLimit(240)
    first.addSubscriber("bob@example.com")
    sim, render, comp = first.getLayers()
    render.setMaxRetries(0)
    render.addLimit(opencue.api.findLimit("nuke").id())
    render.enableMemoryOptimizer(not render.data.memory_optimizer_enabled)
    render.registerOutputPath("/shows/render.#.exr")
    comp.setDispatchOrder(9)
    comp.setTimeout(30)
    sim.staggerFrames("1-6", 3)
    render.reorderFrames("5-6", job_pb2.FIRST)
    comp.reorderFrames("1-6", job_pb2.REVERSE)
    frames = {frame.name(): frame for frame in first.getFrames()}
    frames["0002-comp"].createDependencyOnFrame(frames["0001-sim"])
    opencue.api.addDepend(first.name(), "comp", on_job=first.name(), on_layer="render", any_frame=True)
    opencue.api.addDepend(first.name(), "render", on_job=first.name(), on_layer="sim", type="PREVIOUS_FRAME")
    opencue.api.addDepend(second.name(), "clean", on_job=first.name(), on_failure=True)
    dropped = opencue.api.addDepend(second.name(), "late", 2, on_job=first.name(), on_layer="sim", on_frame=2)
    dropped.satisfy()
    frames["0003-sim"].setFrameStateDisplayOverride(job_pb2.WAITING, "held for art", (0, 0, 250))
    frames["0004-sim"].setFrameStateDisplayOverride(job_pb2.RUNNING, "simulates", (0, 0, 100))
    frames["0004-sim"].setCheckpointState(job_pb2.ENABLED)
    return [first.name(), second.name()]


@pytest.mark.parametrize("suffix", ["xml", "json"])
def test_what_was_changed_of_jobs_is_the_same_on_another_farm(
    farm: FarmProcess, new_farm: Any, tmp_path: Path, suffix: str
) -> None:
    """Owners, time limits, retries, limits, orders, depends of every kind, and what frames say of themselves."""
    config = tmp_path / "cuefarm.toml"
    config.write_text("[settings]\nmail_host = '127.0.0.1:9'\n")
    one, other = (new_farm("--config", str(config)) for _ in range(2))
    for each in (other, one):
        each.connect()
        opencue.api.createLimit("nuke", 3)
    names = _changed_jobs()
    before = [_seen(name) for name in names]
    file = tmp_path / f"jobs.{suffix}"
    assert one.run("cueadmin", "-export", str(file)).returncode == 0
    other.connect()
    restored = other.run("cueadmin", "-import", str(file))
    assert (restored.returncode, restored.stderr) == (0, "")
    assert [_seen(name) for name in names] == before
    assert before[0]["depends"][0][0] == depend_pb2.DependType.Name(depend_pb2.FRAME_ON_FRAME)
    farm.connect()


def test_a_limit_that_the_other_farm_lacks_is_named(farm: FarmProcess, new_farm: Any, tmp_path: Path) -> None:
    """The job is restored without it, and who restores it knows."""
    limit = opencue.api.createLimit("nuke", 3)
    job = launched("comp", a_layer("render", SLEEP), pause=True)
    job.getLayer("render").addLimit(limit.id())
    file = tmp_path / "jobs.xml"
    assert farm.run("cueadmin", "-export", str(file)).returncode == 0
    job.getLayer("render").dropLimit(limit.id())
    limit.delete()
    restored = new_farm().run("cueadmin", "-import", str(file))
    assert restored.returncode == 0
    assert f"{job.name()}/render counts by limit 'nuke', which this farm does not have: not restored" in restored.stderr


def test_jobs_that_are_pending_are_left_out_by_naming_the_others(
    farm: FarmProcess, new_farm: Any, tmp_path: Path
) -> None:
    """Nothing is restored while one of the chosen jobs is pending, and the error says how to restore the rest."""
    done = launched("done", a_layer("render", "test #IFRAME# != 3", "1-4"), maxretries=0)
    wait_for(lambda: len(done.getFrames(state=[job_pb2.DEAD, job_pb2.SUCCEEDED])) == 4, 60, "the frames to end")
    done.eatFrames(state=[job_pb2.DEAD])
    held = [launched(name, a_layer("render", SLEEP), pause=True) for name in ("aaa", "bbb")]
    file = tmp_path / "jobs.json"
    names = [job.name() for job in (done, *held)]
    assert farm.run("cueadmin", "-export", str(file), *names).returncode == 0
    other = new_farm()
    absent = other.run("cueadmin", "-import", str(file), "nobodys")
    assert (absent.returncode, "has no job 'nobodys'" in absent.stderr) == (1, True)
    assert other.run("cueadmin", "-import", str(file), names[1]).returncode == 0
    refused = other.run("cueadmin", "-import", str(file))
    assert refused.returncode == 1
    rest = f"cueadmin -import {file} {names[0]} {names[2]}"
    assert f"nothing is restored: {names[1]} is pending on this farm" in refused.stderr
    assert rest in refused.stderr
    assert names[0] not in other.run("cueadmin", "-lj", "-finished").stdout
    restored = other.run(*rest.split())
    assert restored.returncode == 0, restored.stderr
    assert f"{names[0]}: restored, FINISHED, 3/4 done, 1 eaten" in restored.stdout
    listed = other.run("cueadmin", "-lj", "-finished").stdout
    assert f"{names[0]} FINISHED 3/4 done, 1 eaten" in listed


def test_what_waited_for_an_end_whatever_it_is_is_let_go_on_another_farm(
    farm: FarmProcess, new_farm: Any, tmp_path: Path
) -> None:
    """A clean-up that waits by -even-failed runs there once what it waits for has ended."""
    render = launched("render", a_layer("render", "test #IFRAME# = 1", "1-2"), maxretries=0, pause=True)
    clean = launched("clean", a_layer("clean", SLEEP), pause=True)
    opencue.api.addDepend(clean.name(), on_job=render.name(), on_failure=True)
    clean.resume()
    file = tmp_path / "jobs.json"
    assert farm.run("cueadmin", "-export", str(file)).returncode == 0
    other = new_farm()
    other.connect()
    assert other.run("cueadmin", "-import", str(file)).returncode == 0
    assert states(opencue.api.findJob(clean.name())) == {"0001-clean": job_pb2.DEPEND}
    opencue.api.findJob(render.name()).resume()
    wait_state(opencue.api.findJob(clean.name()), job_pb2.RUNNING)
    assert len(opencue.api.findJob(render.name()).getFrames(state=[job_pb2.DEAD])) == 1
    farm.connect()


def test_failures_that_are_restored_let_go_what_they_had_let_go(farm: FarmProcess) -> None:
    """The waiting layer has ended after the failure that satisfied its depend: so it has again."""
    made = launched("both", a_layer("render", ["false"]), a_layer("clean", ["true"]), maxretries=0, pause=True)
    opencue.api.addDepend(made.name(), "clean", on_job=made.name(), on_layer="render", on_failure=True)
    made.resume()
    expected = {"0001-render": job_pb2.DEAD, "0001-clean": job_pb2.SUCCEEDED}
    wait_for(lambda: states(made) == expected, 60, "the clean-up to be done")
    taken = opencue.snapshot.take(made, details=True)
    made.kill()
    (again,) = opencue.snapshot.restore(taken)
    assert states(again) == expected
    (depend,) = again.getSettings().depends
    assert (depend.on_failure, depend.active) == (True, False)

"""The farm as a nested dictionary: each row of that page (S3) on a live farm. Tests name the rows that they are of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from farm_process import FarmProcess, layer, spec, wait_for
from tutorial_farm import SLEEP, a_layer, an_empty_farm, launched, rows_without_a_test, states, wait_state

import opencue
from opencue.compiled_proto import job_pb2


@pytest.fixture(autouse=True)
def _empty(farm: FarmProcess, tmp_path: Path) -> Iterator[None]:
    """Give each test the farm without jobs."""
    with an_empty_farm(farm, tmp_path / "sessions"):
        yield


def test_every_row_has_a_test() -> None:
    """A row of the tutorial has a test here."""
    assert rows_without_a_test([f"{number:02d}" for number in range(1, 20)], globals(), "s3") == []


def _three_frames(name: str = "job1") -> Any:
    """A job of which a frame failed, one runs, and one is complete; each has written two lines."""
    command = "echo first line; echo second line; case #IFRAME# in 1) exit 1;; 2) sleep 300;; esac"
    job = launched(name, a_layer("sub1", command, "1-3"), maxretries=0)
    wait_for(
        lambda: sorted(states(job).values()) == [job_pb2.RUNNING, job_pb2.SUCCEEDED, job_pb2.DEAD],
        60,
        "the frames to end",
    )
    return job


def _snapshot(*arguments: Any, **options: Any) -> dict[str, dict[str, Any]]:
    call: Any = opencue.snapshot  # a module that can be called, which type checkers do not know
    return dict(call(*arguments, **options))


def test_s3_01_02_05_06_07_08_09_10_11_12_13_14_15_a_job_is_a_dictionary(farm: FarmProcess) -> None:
    """A job by its name, its layers as subjobs, frames by number: nothing that was started is gone from it."""
    job = _three_frames()
    taken = _snapshot(job.name())[job.name()]
    assert (taken["status"], taken["frames"]) == ("Rendering", {"complete": 1, "total": 3, "failed": 1})
    sub = taken["subjobs"]["sub1"]
    assert [sub[key] for key in ("status", "complete", "total", "failed")] == ["Rendering", 1, 3, 1]
    assert list(sub["frames"]) == [1, 2, 3]
    assert [frame["status"] for frame in sub["frames"].values()] == ["Failed", "Rendering", "Complete"]
    host = opencue.api.getHosts()[0].name()
    for number, frame in sub["frames"].items():
        assert frame["host"] == host
        assert frame["command"].endswith(f"case {number} in 1) exit 1;; 2) sleep 300;; esac")
        assert frame["stdout"] == "first line\nsecond line"
    assert [frame["pid"] > 1 for frame in sub["frames"].values()] == [True, False, True]
    assert not Path(f"/proc/{sub['frames'][1]['pid']}").exists()


def test_s3_16_17_18_19_frames_are_printed_in_the_order_of_their_numbers(farm: FarmProcess) -> None:
    """Plain access to items, `%i` for numbers, `split` for what was written."""
    job = launched("printed", a_layer("sub1", "echo This is the first line; echo This is the second", "2-10x4"))
    wait_state(job, job_pb2.SUCCEEDED)
    frames = _snapshot(job.id())[job.name()]["subjobs"]["sub1"]["frames"]
    lines = []
    words = "Frame %i:\n\tStatus: %s\n\tHost: %s\n\tPID: %i\n\tCommand: %s\n\tLog: %s"
    for frame in frames.keys():  # noqa: SIM118 (as the tutorial has it)
        this = frames[frame]
        values = (frame, this["status"], this["host"], this["pid"], this["command"], this["stdout"].split("\n"))
        lines.append(words % values)
    host = opencue.api.getHosts()[0].name()
    command = "echo This is the first line; echo This is the second"
    assert lines == [
        f"Frame {number}:\n\tStatus: Complete\n\tHost: {host}\n\tPID: {frames[number]['pid']}\n\tCommand: {command}"
        "\n\tLog: ['This is the first line', 'This is the second']"
        for number in (2, 6, 10)
    ]


def test_s3_03_a_snapshot_is_written_as_xml_and_json_and_read_again(farm: FarmProcess) -> None:
    """Frames are inside of their subjob and that inside of its job; read again, it is the same dictionary."""
    job = _three_frames("written")
    launched("waits", a_layer("bytes", r"printf 'a\033[1mb\r\n'", "5"), pause=True)
    taken = _snapshot()
    assert len(taken) == 2
    xml = opencue.snapshot.to_xml(taken)
    assert opencue.snapshot.from_xml(xml) == taken == opencue.snapshot.from_json(opencue.snapshot.to_json(taken))
    assert xml.index(f'<job type="dict" name="{job.name()}">') < xml.index('<subjob type="dict" name="sub1">')
    assert opencue.snapshot.from_xml(xml)[job.name()]["subjobs"]["sub1"]["frames"][1]["status"] == "Failed"


def test_s3_04_jobs_are_exported_and_restored_as_they_were(farm: FarmProcess, new_farm: Any, tmp_path: Path) -> None:
    """On an empty farm they have the states, retries, priorities, dependencies and comments that they had."""
    first = _three_frames("first")
    prep = a_layer("prep", ["true"], "1-2")
    render = a_layer("render", "test #IFRAME# = 1", "1-2")
    render.depend_on(prep)
    second = launched("second", prep, render, maxretries=0, priority=70)
    wait_for(lambda: second.getFrames(state=[job_pb2.DEAD]), 60, "a frame to fail")
    wait_for(lambda: len(second.getFrames(state=[job_pb2.SUCCEEDED])) == 3, 60, "the others to succeed")
    third = launched("third", a_layer("late", SLEEP, "1-2"), pause=True)
    third.createDependencyOnLayer(first.getLayer("sub1"))
    third.getLayer("late").setMinMemory(700 * 1024)
    second.addComment("a subject", "and more")

    for file in (tmp_path / "jobs.xml", tmp_path / "jobs.json"):
        exported = farm.run("cueadmin", "-export", str(file))
        assert exported.returncode == 0, exported.stderr
        other = new_farm()
        other.connect()
        assert opencue.api.getJobs() == []
        restored = other.run("cueadmin", "-import", str(file))
        assert restored.returncode == 0, restored.stderr
        jobs = {job.name(): job for job in opencue.api.getJobs()}
        assert sorted(jobs) == sorted(job.name() for job in (first, second, third))
        again = jobs[second.name()]
        expected = {"0001-prep": 3, "0002-prep": 3, "0001-render": 3, "0002-render": 5}
        assert (states(again), again.priority(), again.isPaused()) == (expected, 70, False)
        assert [frame.exitStatus() for frame in again.getFrames(state=[job_pb2.DEAD])] == [1]
        assert [(comment.subject(), comment.message()) for comment in again.getComments()] == [
            ("a subject", "and more")
        ]
        wait_state(jobs[first.name()], job_pb2.RUNNING, ["0002-sub1"])
        assert states(jobs[first.name()]) == {"0001-sub1": 5, "0002-sub1": 2, "0003-sub1": 3}
        assert jobs[third.name()].isPaused()
        assert states(jobs[third.name()]) == {"0001-late": job_pb2.DEPEND, "0002-late": job_pb2.DEPEND}
        assert jobs[third.name()].getLayers()[0].minMemory() == 700 * 1024
        twice = other.run("cueadmin", "-import", str(file))
        assert (twice.returncode, "pending on this farm" in twice.stderr) == (1, True)
        other.kill_server()
        other.start()
        assert states(other.connect().api.findJob(second.name())) == expected
        farm.connect()


def test_s3_04_a_finished_job_is_restored_as_finished(farm: FarmProcess, new_farm: Any, tmp_path: Path) -> None:
    """A job that was done is not done again, and one that was killed is over."""
    done = launched("done", a_layer("render", ["true"], "1-2"))
    killed = launched("stopped", a_layer("render", SLEEP))
    killed.kill()
    farm.wait_job(done)
    file = tmp_path / "jobs.json"
    assert farm.run("cueadmin", "-export", str(file), done.name(), killed.name()).returncode == 0
    assert os.stat(file).st_mode & 0o777 == 0o600
    assert sorted(json.loads(file.read_text())) == sorted([done.name(), killed.name()])
    asked = tmp_path / "asked.json"
    assert farm.run("cueadmin", "-export", str(asked), "-where", "state:finished killed").returncode == 1
    assert farm.run("cueadmin", "-export", str(asked), "-where", "state:finished stopped").returncode == 0
    assert list(json.loads(asked.read_text())) == [killed.name()]
    other = new_farm()
    other.connect()
    result = other.run("cueadmin", "-import", str(file))
    assert result.returncode == 0, result.stderr
    assert opencue.api.getJobs() == []
    found = {job.name(): job for job in opencue.api.getJobs(include_finished=True)}
    assert (found[done.name()].succeededFrames(), found[killed.name()].succeededFrames()) == (2, 0)
    farm.connect()


def test_s3_04_one_job_of_several_that_were_submitted_together_is_restored(farm: FarmProcess) -> None:
    """Of a specification with two jobs, one of whose names is the end of the other's, only the exported one comes."""
    text = spec("comp", layer("render", "sleep 300", "1-2"))
    second = text[text.index("<job ") : text.index("</job>") + 6].replace('"comp"', '"big_comp"')
    depend = "<depend type='JOB_ON_JOB'><depjob>comp</depjob><onjob>big_comp</onjob></depend>"
    text = text.replace("</job>", f"</job>{second}").replace("<depends>", f"<depends>{depend}")
    jobs = {job.name(): job for job in opencue.api.launchSpecAndWait(text)}
    assert len(jobs) == 2
    kept = _snapshot("testing-sh010-ann_big_comp", details=True)
    both = _snapshot(jobs.values(), details=True)
    for job in jobs.values():
        job.kill()
    (alone,) = opencue.snapshot.restore(kept)
    assert (alone.name(), len(opencue.api.getJobs())) == ("testing-sh010-ann_big_comp", 1)
    with pytest.raises(opencue.exception.EntityAlreadyExistsException, match="nothing is restored"):
        opencue.snapshot.restore(both)
    alone.kill()
    again = {job.name(): job for job in opencue.snapshot.restore(both)}
    assert sorted(again) == sorted(jobs)
    (waits,) = again["testing-sh010-ann_comp"].getWhatThisDependsOn()
    assert (waits.dependOnJob(), waits.isActive()) == ("testing-sh010-ann_big_comp", True)


def test_s3_04_a_snapshot_without_details_is_not_restored(farm: FarmProcess) -> None:
    """It is for looking at, and the error says how to take the other kind."""
    job = launched("looked", a_layer("render", SLEEP), pause=True)
    with pytest.raises(ValueError, match="has no details; was it taken with details=True"):
        opencue.snapshot.restore(_snapshot(job))


def test_s3_04_a_damaged_file_is_told_of_and_restores_nothing(farm: FarmProcess, tmp_path: Path) -> None:
    """What is missing is named before anything is submitted; what is of no use leaves its jobs paused, and says so."""
    job = launched("damaged", a_layer("render", SLEEP), pause=True)
    file = tmp_path / "jobs.json"
    assert farm.run("cueadmin", "-export", str(file), job.name()).returncode == 0
    whole = json.loads(file.read_text())
    job.kill()
    for where, words in (
        (("details", "show"), "no show in the details"),
        (("subjobs", "render", "details", "tags"), "no tags"),
    ):
        taken = json.loads(json.dumps(whole))
        place = taken[job.name()]
        for key in where[:-1]:
            place = place[key]
        del place[where[-1]]
        file.write_text(json.dumps(taken))
        result = farm.run("cueadmin", "-import", str(file))
        assert (result.returncode, words in result.stderr) == (1, True), result.stderr
        assert opencue.api.getJobs() == []
    whole[job.name()]["details"]["priority"] = "high"
    file.write_text(json.dumps(whole))
    result = farm.run("cueadmin", "-import", str(file))
    assert (result.returncode, "is damaged" in result.stderr, "and paused" in result.stderr) == (1, True, True)
    assert [left.isPaused() for left in opencue.api.getJobs()] == [True]


@pytest.mark.parametrize("text", ["<spec/>", "no xml", '{"a": 1}', "[]", "<jobs"])
def test_s3_03_what_is_no_snapshot_is_refused(text: str) -> None:
    """Whatever the file is, the error says that it is no snapshot."""
    for read in (opencue.snapshot.from_xml, opencue.snapshot.from_json):
        with pytest.raises(ValueError, match="no snapshot"):
            read(text)

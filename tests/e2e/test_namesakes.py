"""Yesterday's job and today's of the same name: the id reaches each of them, in every command and call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from farm_process import FarmProcess, layer, wait_for

from cue_cli.cueadmin.commands import COMMANDS
from opencue.exception import EntityNotFoundException


class Namesakes(NamedTuple):
    """Two jobs of one name."""

    farm: FarmProcess
    name: str
    older: str
    newer: str


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Namesakes]:
    """An older job of two layers, finished with an eaten frame, and a newer one of one layer that is paused."""
    farm = FarmProcess(tmp_path_factory.mktemp("farm") / "data").start()
    try:
        old = layer("work", "sh -c 'echo this is the older one; test #IFRAME# -ne 9'", "1-12")
        older = farm.launch("robot", old, layer("post", "true", "1"), job="<maxretries>0</maxretries>")
        wait_for(lambda: farm.connect().api.getJob(older.id()).deadFrames() == 1, 60, "a frame to die")
        assert farm.run("cueadmin", "-eat-frames", older.name(), "work", "9", "-force").returncode == 0
        farm.wait_job(older)
        newer = farm.launch("robot", layer("work", "echo this is the newer one", "1-8"))
        farm.wait_job(newer)
        newest = farm.launch("robot", layer("work", "echo this is the newest one; sleep 600", "1-8"))
        wait_for(lambda: farm.connect().api.getJob(newest.id()).runningFrames(), 60, "the newest to run")
        newest.pause()
        yield Namesakes(farm, older.name(), older.id(), newest.id())
    finally:
        farm.cleanup()


LINES = {
    "-explain": ["JOB", "work", "12"],
    "-runs": ["JOB", "work", "12"],
    "-log": ["JOB", "work", "12"],
    "-spec": ["JOB"],
    "-lji": ["JOB"],
    "-lj": ["JOB", "-finished"],
    "-retry": ["JOB"],
    "-retry-frames": ["JOB", "work", "12"],
    "-eat-frames": ["JOB", "work", "12"],
    "-markdone-frames": ["JOB", "work", "12"],
    "-kill-frames": ["JOB", "work", "12"],
    "-satisfy-dependency": ["JOB", "post"],
    "-kill-dependency": ["JOB", "post"],
    "-layer-memory": ["JOB", "post", "1"],
    "-layer-cores": ["JOB", "post", "1"],
    "-layer-gpus": ["JOB", "post", "0"],
    "-layer-gpu-memory": ["JOB", "post", "0"],
    "-layer-tags": ["JOB", "post", "general"],
    "-layer-timeout": ["JOB", "post", "5"],
    "-layer-timeout-llu": ["JOB", "post", "5"],
    "-start-now": ["JOB", "post"],
    "-pause": ["JOB"],
    "-unpause": ["JOB"],
    "-kill": ["JOB"],
    "-drop-depends": ["JOB"],
    "-set-min-cores": ["JOB", "1"],
    "-set-max-cores": ["JOB", "10"],
    "-set-max-gpus": ["JOB", "1"],
    "-priority": ["JOB", "7"],
    "-setpriority": ["JOB", "7"],
    "-filtered": ["JOB"],
    "-run-filters": ["JOB"],
    "-layer-history": ["JOB"],
    "-set-owner": ["JOB", "bob"],
    "-time-limit": ["JOB", "60"],
    "-subscribe": ["JOB", "ann@studio.test"],
    "-stagger-frames": ["JOB", "work", "1-12", "2"],
    "-reorder-frames": ["JOB", "work", "12", "FIRST"],
    "-layer-retries": ["JOB", "post", "2"],
    "-redirect": ["JOB", "-memory", "gt1"],
    "-add-partition": ["JOB", "nowhere", "1", "1", "post"],
    "-partition-size": ["JOB", "nowhere", "1", "1"],
    "-delete-partition": ["JOB", "nowhere"],
}
"""For each command that names a job, a line that only the older job can answer."""

SAMPLE = ["-explain", "-runs", "-log", "-lji", "-retry-frames", "-layer-cores", "-start-now", "-kill", "-priority"]
"""One of each way to read a JOB, in `make test`; `make proof` tries the others."""
PENDING_ONLY = "-pause -unpause -kill -drop-depends -set-min-cores -set-max-cores -set-max-gpus -priority -setpriority"


def test_every_command_that_names_a_job_is_tried() -> None:
    """A new command of a JOB has to be thought of here."""
    of_jobs = {command.flags[0] for command in COMMANDS if command.takes.startswith("JOB")}
    assert of_jobs | {"-lj", "-lji"} == set(LINES)


WRONG = ("newer one", "newest one", "there is no job", "has no layer", "has no frame", "it has no frame", "no pending")


def state(jobs: Namesakes) -> tuple[Any, ...]:
    """What commands could have changed of the newest job."""
    api = jobs.farm.connect().api
    job = api.getJob(jobs.newer)
    layers = [(one.minMemory(), one.minCores(), one.tags(), one.data.timeout) for one in job.getLayers()]
    frames = [(frame.state(), frame.retries()) for frame in job.getFrames()]
    return job.isPaused(), job.priority(), job.maxCores(), layers, frames


@pytest.mark.parametrize(
    "flag", [flag if flag in SAMPLE else pytest.param(flag, marks=pytest.mark.proof) for flag in LINES]
)
def test_an_id_reaches_the_older_job(jobs: Namesakes, flag: str) -> None:
    """Whole, or its first 8 characters: an answer about the older job or a refusal; the newest stays as it was."""
    before = state(jobs)
    for word in (jobs.older, jobs.older[:8]):
        line = [word if value == "JOB" else value for value in LINES[flag]]
        done = jobs.farm.run("cueadmin", "-force", flag, *line)
        said = done.stdout + done.stderr
        if flag in PENDING_ONLY.split():
            assert (done.returncode, "has finished" in said) == (1, True), said
        assert not any(words in said for words in WRONG), said
    assert state(jobs) == before


def test_an_id_changes_the_job_that_is_pending(jobs: Namesakes) -> None:
    """Actions take an id, or its beginning, as they take a name; one of a finished job is told of the active one."""
    for word, number in ((jobs.newer, "61"), (jobs.newer[:8], "62")):
        assert jobs.farm.run("cueadmin", "-priority", word, number, "-force").returncode == 0
        assert str(jobs.farm.connect().api.getJob(jobs.newer).priority()) == number
    refused = jobs.farm.run("cueadmin", "-retry-frames", jobs.older, "work", "9", "-force")
    assert (refused.returncode, "another one of its name is active" in refused.stderr) == (1, True)


def test_what_is_shown_is_of_the_older_job(jobs: Namesakes) -> None:
    """-log, -runs, -explain, -lji and lists of finished jobs answer about the job of the id."""
    run, older = jobs.farm.run, jobs.older
    log = run("cueadmin", "-log", older, "work", "4", "-attempt", "1")
    assert "this is the older one" in log.stdout, log.stderr
    runs = json.loads(run("cueadmin", "-runs", older[:8], "work", "4", "--json").stdout)
    api = jobs.farm.connect().api
    frames = {frame.id() for frame in api.getJob(older).getFrames()}
    assert runs
    assert {entry["id"] for entry in runs} <= {one.run_id for one in api.getJob(older).getRuns()}
    assert json.loads(run("cueadmin", "-explain", older, "--json").stdout)["job_id"] == older
    assert [job["id"] for job in json.loads(run("cueadmin", "-lji", older[:8], "--json").stdout)] == [older]
    assert [job["id"] for job in json.loads(run("cueadmin", "-lji", "-finished", older, "--json").stdout)] == [older]
    listed = json.loads(run("cueadmin", "-lj", "-job", jobs.newer, "--json").stdout)
    assert [job["id"] for job in listed] == [jobs.newer]
    assert run("cueadmin", "-lp", "-job", older, "--json").stdout.strip() == "[]"
    assert json.loads(run("cueadmin", "-lp", "-job", jobs.newer[:8], "--json").stdout)
    assert frames == {frame.id() for frame in api.getFrames(older)} == {f.id() for f in api.getFrames(older[:8])}


def test_the_calls_of_the_api_take_an_id(jobs: Namesakes) -> None:
    """findJob, findLayer, findFrame, getFrames, getRuns, getFailures, explain, readLog and Job.getLayer agree."""
    api, older = jobs.farm.connect().api, jobs.older
    assert api.findJob(older).id() == api.findJob(older[:8]).id() == api.findLastJob(older).id() == older
    assert api.findJob(jobs.name).id() == api.findLastJob(jobs.name).id() == jobs.newer
    ours = {one.name(): one.id() for one in api.getJob(older).getLayers()}
    assert api.findLayer(older, "work").id() == api.getJob(older).getLayer("work").id() == ours["work"]
    assert api.findFrame(older, "work", 12).number() == 12
    assert {run.job_id for run in api.getRuns(older, "work", 12)} == {older}
    assert api.explain(older).job_id == older
    assert b"this is the older one" in api.readLog(older, "work", 12).data
    assert (api.isJobPending(older), api.isJobPending(jobs.newer)) == (False, True)
    with pytest.raises(EntityNotFoundException):
        api.findJob(older[:7])


def test_a_list_of_one_name_and_a_missing_frame_tell_the_ids(jobs: Namesakes) -> None:
    """Where names repeat, lists show ids; a frame that the newest lacks is told of with the ids of the others."""
    run, older = jobs.farm.run, jobs.older
    assert f"id {older}" in run("cueadmin", "-lj", "-finished", "robot").stdout
    assert f"[{older[:8]}]" in run("cueadmin", "-lji", "-finished", "robot").stdout
    for line in (["-explain"], ["-runs"], ["-log"], ["-retry-frames", "-force"]):
        missing = run("cueadmin", line[0], jobs.name, "work", "12", *line[1:])
        assert (missing.returncode, older in missing.stderr) == (1, True), missing.stderr
    assert older in run("cueadmin", "-retry-frames", jobs.name, "post", "1").stderr
    assert older not in run("cueadmin", "-runs", older, "work", "99").stderr.split("99", 1)[1]


def test_advice_on_an_older_job_names_its_id(jobs: Namesakes) -> None:
    """What -explain says to type for a frame of the older job would not reach another."""
    advice = jobs.farm.run("cueadmin", "-explain", jobs.older, "work", "9").stdout
    assert f"-retry-frames {jobs.older} work 9" in advice, advice


def test_job_beside_a_command_that_names_its_job_is_refused(jobs: Namesakes) -> None:
    """`-runs NAME -job ID` is no way to say which: the line is refused and says where -job goes."""
    refused = jobs.farm.run("cueadmin", "-runs", jobs.name, "-job", jobs.older)
    assert (refused.returncode, "-job goes with -lj" in refused.stderr) == (2, True)
    assert jobs.farm.run("cueadmin", "-lj", "-attempt", "2").returncode == 2


def test_a_part_of_one_name_is_the_last_job_of_it(jobs: Namesakes, tmp_path: Path) -> None:
    """Of several jobs with one name a part of it means the last; of several names it is told which there are."""
    farm = jobs.farm
    for word, text in (("first", "one"), ("second", "two")):
        job = farm.launch("panda", layer("work", f"echo panda {word} {text}", "1"))
        farm.wait_job(job)
    shown = farm.run("cueadmin", "-log", "pand", "work", "1")
    assert "panda second two" in shown.stdout, shown.stderr
    farm.wait_job(farm.launch("panda2", layer("work", "true", "1")))
    several = farm.run("cueadmin", "-log", "pand", "work", "1")
    assert several.returncode == 1
    assert "write a name in full: testing-sh010-ann_panda2, testing-sh010-ann_panda." in several.stderr


def test_a_retry_by_id_opens_the_older_job(jobs: Namesakes) -> None:
    """Where both jobs are over, -retry-frames with the older one's id runs a frame of that one."""
    farm = jobs.farm
    api = farm.connect().api
    earlier = farm.launch("koala", layer("work", "echo koala first", "1"))
    farm.wait_job(earlier)
    later = farm.launch("koala", layer("work", "echo koala second", "1"))
    farm.wait_job(later)
    assert farm.run("cueadmin", "-retry-frames", earlier.id()[:8], "work", "1", "-force").returncode == 0
    farm.wait_job(earlier)
    assert [len(api.getRuns(job.id())) for job in (earlier, later)] == [2, 1]

"""Upstream's published cueman drives this farm, and ours prints the tables that it prints."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from farm_process import FarmProcess, layer, wait_for

Upstream = Callable[..., CompletedProcess[str]]
LONG = "a-layer-whose-name-is-longer-than-its-column"


@pytest.fixture(autouse=True)
def _cueman(upstream_bin: Path) -> None:
    if not all((upstream_bin / name).exists() for name in ("cueman", "cuecmd")):
        pytest.skip(f"cueman or cuecmd is not in {upstream_bin}; `make upstream` installs it")


def test_the_tables_are_the_same(farm: FarmProcess, upstream: Upstream) -> None:
    """Frames, layers, what is chosen by state, range and layer: line by line, blanks included."""
    job = farm.launch(
        "tables",
        layer("work", "test #IFRAME# != 3 || exit 4", "1-5"),
        layer(LONG, "true", "1-2"),
        job="<maxretries>0</maxretries>",
    )
    api = farm.connect().api
    wait_for(
        lambda: (api.getJob(job.id()).succeededFrames(), api.getJob(job.id()).deadFrames()) == (6, 1), 60, "6 and 1"
    )
    name = job.name()
    for words in (
        ("-lf", name),
        ("-lf", name, "-state", "DEAD"),
        ("-lf", name, "-range", "2-3", "-layer", "work"),
        ("-ll", name),
    ):
        theirs, ours = upstream("cueman", *words), farm.run("cueman", *words)
        assert (theirs.returncode, ours.returncode) == (0, 0), theirs.stderr + ours.stderr
        assert ours.stdout == theirs.stdout, words
    theirs, ours = upstream("cueman", "-info", name), farm.run("cueman", "-info", name)
    pairs = [[line.partition(":")[::2] for line in told.stdout.splitlines() if ":" in line] for told in (theirs, ours)]
    known, told = dict(pairs[0]), dict(pairs[1])
    same = ("job", "   start time", "Min/Max cores", "total number of frames", "                  done")
    assert {key: told[key] for key in same} == {key: known[key] for key in same}


def test_its_actions_do_what_they_say(farm: FarmProcess, upstream: Upstream) -> None:
    """A job is paused, let go, its retries set, frames eaten and run again, and it is ended."""
    more = layer("more", "true", "1-3", more="<tags>nowhere</tags>")
    job = farm.launch("acts", layer("work", "exit 1", "1-3"), more, job="<maxretries>0</maxretries>")
    api, name = farm.connect().api, job.name()
    wait_for(lambda: api.getJob(job.id()).deadFrames() == 3, 60, "three frames to die")

    def act(*words: str) -> None:
        done = upstream("cueman", "-force", *words)
        assert done.returncode == 0, done.stderr
        assert not re.search(r"Error|Traceback", done.stderr), done.stderr

    act("-pause", name)
    assert api.getJob(job.id()).isPaused()
    act("-resume", name)
    assert not api.getJob(job.id()).isPaused()
    act("-eat", name, "-range", "2-3")  # its filters always have a running time, so waiting frames are never meant
    assert api.getJob(job.id()).frameStateTotals()[api.job_pb2.EATEN] == 2
    act("-autoeaton", name)
    assert api.getJob(job.id()).data.auto_eat
    assert api.getJob(job.id()).frameStateTotals()[api.job_pb2.EATEN] == 3
    act("-term", name)
    wait_for(lambda: api.getJob(job.id()).state() == api.job_pb2.FINISHED, 20, "the job to be over")


@pytest.mark.parametrize("command", ["cueman", "cuecmd"])
def test_every_flag_is_there(command: str, farm: FarmProcess, upstream: Upstream) -> None:
    """What the help of the published command lists, ours takes."""
    theirs, ours = upstream(command, "-h"), farm.run(command, "-h")
    if theirs.returncode:
        pytest.skip(f"the published {command} does not run: {theirs.stderr[-200:]}")
    flags, known = flags_of(theirs.stdout), flags_of(ours.stdout)
    assert {"-h", "--help"} < flags
    assert flags - known == set()


def flags_of(text: str) -> set[str]:
    """The flags that a help lists, each at the beginning of a line."""
    lists = re.findall(r"^ {2}(-\S.*?)(?: {2,}|$)", text, re.MULTILINE)
    return {flag for line in lists for flag in re.findall(r"(?<![\w-])--?[a-z][\w-]*", line)}

"""What commands do when nobody reads what they print, or it cannot be stored."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from builders import a_host, a_job, a_layer

JOB = "demo-sh010-ann_comp"
FULL_DISK = "/dev/full"
needs_full_disk = pytest.mark.skipif(not os.path.exists(FULL_DISK), reason="this system has no /dev/full")


@pytest.fixture(autouse=True)
def _a_job(farm):
    farm.jobs = {name: a_job(name) for name in (JOB, "demo-sh010-ann_other")}
    farm.layers[JOB] = [a_layer("beauty")]


def run(module: str, *words: str, out: int, err: int = subprocess.PIPE, buffered: bool = True):
    """Run a command as a shell would, with a stdout of one's own."""
    return subprocess.run(
        [sys.executable, *([] if buffered else ["-u"]), "-m", module, *words],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def closed_pipe():
    """The end of a pipe of which nobody has the other."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.fixture
def full_disk():
    """A file on a disk without room."""
    number = os.open(FULL_DISK, os.O_WRONLY)
    yield number
    os.close(number)


COMMANDS = [
    ("cue_cli.cueadmin", "-lj"),
    ("cue_cli.cueadmin", "-lji"),
    ("cue_cli.cueadmin", "-h"),
    ("cue_cli.cueadmin",),
    ("cue_cli.cueadmin", "-pause", JOB),
    ("cue_cli.submit", "--help"),
    ("cue_cli.submit", "--", "true"),
    ("cue_cli.submit", "--json", "--", "true"),
    ("cue_cli.submit", "--dry-run", "--", "true"),
    ("cue_cli.pycuerun", "--help"),
]


@pytest.mark.parametrize("buffered", [True, False], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_closed_pipe_is_no_failure(words, closed_pipe, buffered):
    """With nobody to read, a command does what it does, says nothing, and its status is that of the deed."""
    result = run(*words, out=closed_pipe, buffered=buffered)
    assert "Traceback" not in result.stderr
    assert "Broken" not in result.stderr
    assert result.returncode == 0, result.stderr


def test_a_command_goes_on_without_reader(farm, closed_pipe):
    """A command on several jobs changes all of them, though nobody reads after the first."""
    result = run("cue_cli.cueadmin", "-pause", *farm.jobs, out=closed_pipe, err=closed_pipe, buffered=False)
    assert result.returncode == 0
    assert len([call for call in farm.calls if "JobInterface.Pause" in str(call)]) == 2


def test_pycuerun_submits_without_reader(farm, tmp_path, closed_pipe, monkeypatch):
    """A launch whose progress nobody reads is a launch."""
    monkeypatch.setenv("HOME", str(tmp_path))
    script = tmp_path / "unread.outline"
    script.write_text('from outline.modules.shell import Shell\nShell("work", command=["true"], range="1")\n')
    result = run("cue_cli.pycuerun", str(script), out=closed_pipe, buffered=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert "Launch" in str(farm.changes())


@needs_full_disk
@pytest.mark.parametrize("buffered", [True, False], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_full_disk_is_told_in_a_line(words, full_disk, buffered):
    """Output that cannot be stored is told in one line with status 1."""
    result = run(*words, out=full_disk, buffered=buffered)
    assert result.returncode == 1, result.stderr
    told = [line for line in result.stderr.splitlines() if "warning" not in line.lower()]
    assert len(told) == 1, result.stderr
    assert told[0].endswith("the output could not be written: No space left on device")


def test_without_stdout_at_all(farm):
    """A command that was started without a stdout works as well."""
    line = f'exec "{sys.executable}" -m cue_cli.cueadmin -lj >&-'
    result = subprocess.run(["/bin/sh", "-c", line], stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_what_goes_to_one_place_stands_in_the_order_in_which_it_was_said(farm):
    """With `2>&1`, agents that were refused stand below the table of hosts, as on a terminal."""
    farm.hosts = {"render01": a_host("render01")}
    farm.doors.refused.add(address="10.0.0.7", name="render07", why="it sends no token", remedy="give it one")
    lines = run("cue_cli.cueadmin", "-lh", out=subprocess.PIPE, err=subprocess.STDOUT).stdout.splitlines()
    assert lines[0].startswith("Host")
    assert lines[1].startswith("render01")
    assert lines[2].startswith("refused: the agent at 10.0.0.7")

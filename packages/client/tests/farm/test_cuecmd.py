"""What cuecmd submits, prints and returns, and what its frames do."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import Iterator
from xml.etree import ElementTree

import pytest
from builders import a_job

import outline
from cue_cli.cuecmd import main
from cue_cli.cuecmd.layer import EXECUTOR


@pytest.fixture
def todo(farm, tmp_path, monkeypatch) -> Iterator[str]:
    """A file of five commands, and a farm that takes a job."""
    before = outline.config.get("outline", "session_dir")
    outline.config.set("outline", "session_dir", str(tmp_path / "sessions"))
    for variable in ("SHOW", "SHOT"):
        monkeypatch.delenv(variable, raising=False)
    farm.jobs["demo-sh010-ann_todo"] = a_job("demo-sh010-ann_todo")
    path = tmp_path / "my todo.txt"
    path.write_text("echo a > a\n\n  echo b > b\necho c > c; exit 3\necho d > d\n\necho e > e\n", encoding="utf-8")
    yield str(path)
    outline.config.set("outline", "session_dir", before)


def sent(farm) -> ElementTree.Element:
    """Return the specification that was sent."""
    return ElementTree.fromstring(farm.only("JobInterface.LaunchSpecAndWait").spec)


def test_lines_become_frames(farm, todo, capsys):
    """Blank lines do not count; five commands two a frame are three frames of one layer, each a single call."""
    assert main(["-c", "2", "--cores", "4", "--memory", "1.5", "--show", "film", "-s", "sh020", "-p", todo]) == 0
    spec = sent(farm)
    layer = spec.find("job/layers/layer")
    assert (layer.get("name"), spec.findtext("show"), spec.findtext("shot")) == ("cuecmd", "film", "sh020")
    tags = ("range", "chunk", "cores", "threadable", "memory")
    assert [layer.findtext(tag) for tag in tags] == ["1-3", "1", "4.0", "True", "1536m"]
    assert spec.findtext("job/paused") == "True"
    shown = capsys.readouterr().out
    for line in (
        f"Found 5 commands in {todo}",
        "Frame range with chunking of 2: 1-3",
        "Successfully launched job: demo-sh010-ann_todo",
        "It is paused; `cueman -resume demo-sh010-ann_todo` lets it go",
    ):
        assert line in shown.splitlines(), shown


def test_what_a_frame_runs_does_its_commands(farm, todo, tmp_path):
    """The command of the layer, as the host runs it: frame 1 does two, frame 2 stops at the one that fails."""
    assert main(["-c", "2", todo]) == 0
    os.remove(todo)  # the farm has its copy
    words = shlex.split(sent(farm).findtext("job/layers/layer/cmd"))
    assert (words[0], words[3:]) == ("python3", ["2", "--frame", "#IFRAME#"])
    ends = []
    for frame in ("1", "2", "3", "4"):
        words[5] = frame
        done = subprocess.run([sys.executable, *words[1:]], cwd=tmp_path, capture_output=True, text=True, timeout=30)
        ends.append(done.returncode)
        if frame == "2":
            assert done.stdout == "Executing command 2: echo c > c; exit 3\n"
    assert ends == [0, 3, 0, 0]
    assert [(tmp_path / name).exists() for name in "abcde"] == [True, True, True, False, True]


def test_the_end_by_a_signal_is_a_failure(todo, tmp_path):
    """A command that a signal ends fails the frame with 128 and its number."""
    todo_too = tmp_path / "kill.txt"
    todo_too.write_text("kill -9 $$\n")
    command = [sys.executable, EXECUTOR, str(todo_too), "1", "--frame", "1"]
    assert subprocess.run(command, capture_output=True, timeout=30).returncode == 137


def test_pretending_sends_nothing(farm, todo, capsys, monkeypatch):
    """Only what would be submitted is shown, and no server is needed."""
    monkeypatch.setenv("CUEBOT_HOSTS", "127.0.0.1:1")
    words = ["--pretend", "-c", "2", "--user", "ann", "--show", "film", "--shot", "sh020", "--memory", "2", todo]
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "",
        "=== Pretend Mode ===",
        "Job name: film_sh020_ann_my_todo",
        "Shot: sh020",
        "Show: film",
        "User: ann",
        "Frame range: 1-3",
        "Chunk size: 2",
        "Cores per frame: 1.0",
        "Memory per frame: 2.0GB",
        f"Command file: {todo}",
        "",
        "Would launch the job with the above settings.",
    ]
    assert farm.calls == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--coers", "3", "x"], "there is no --coers; did you mean --cores?"),
        (["-c", "0", "x"], "'0' is not a whole number from 1"),
        (["--memory", "nan", "x"], "'nan' is not a number of GB"),
        (["-p"], "required: COMMAND_FILE"),
    ],
)
def test_a_line_that_makes_no_sense_ends_with_2(farm, capsys, words, message):
    """It is said what is wrong, and no server is asked."""
    with pytest.raises(SystemExit) as ending:
        main(words)
    assert ending.value.code == 2
    assert message in capsys.readouterr().err
    assert farm.calls == []


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read: No such file"), (b"\n \n", "there is no command in"), (b"\xff\n", "is no text in UTF-8")],
)
def test_a_file_without_commands_is_refused(farm, tmp_path, capsys, content, message):
    """A file that is missing, empty or no text: an error of a line, status 1, nothing sent."""
    path = tmp_path / "x.txt"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path)]) == 1
    said = capsys.readouterr().err
    assert (message in said, "Traceback" in said) == (True, False)
    assert farm.changes() == []

"""`pycuerun -L`: the machine that launches a job also runs frames of it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, Iterator
from xml.etree import ElementTree

import pytest
from builders import a_job
from opencue_proto import host_pb2, show_pb2

import outline
from cue_cli.pycuerun import main
from outline.definition import Outline
from outline.plugins.local import memory_kb


@pytest.fixture
def script(farm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An outline of one layer, and a farm that takes it."""
    before = outline.config.get("outline", "session_dir")
    outline.config.set("outline", "session_dir", str(tmp_path / "sessions"))
    for name, value in (("SHOW", "film"), ("SHOT", "sh010"), ("USER", "ann")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("FR", raising=False)
    farm.shows = {"film": show_pb2.Show(id="id-film", name="film", active=True)}
    farm.jobs["film-sh010-ann_turn"] = a_job("film-sh010-ann_turn")
    path = tmp_path / "turn.outline"
    path.write_text("from outline.modules.shell import Shell\nShell('work', command='true', range='1-2')\n")
    yield str(path)
    Outline.current = None
    outline.config.set("outline", "session_dir", before)


def test_the_machine_is_taken_and_the_job_told(farm: Any, script: str) -> None:
    """Whoever launches becomes an owner of the show, takes the host, and the job may use what the line gives."""
    assert main([script, "1-2", "-L", "4", "-T", "2"]) == 0
    calls = {call.name: call.request for call in farm.calls}
    assert (calls["ShowInterface.CreateOwner"].name, calls["ShowInterface.CreateOwner"].show.name) == ("ann", "film")
    taken = calls["OwnerInterface.TakeOwnership"]
    assert (taken.owner.name, taken.host) == ("ann", socket.gethostname())
    spec = ElementTree.fromstring(calls["JobInterface.LaunchSpecAndWait"].spec)
    local = spec.find("job/localbook")
    assert local is not None
    assert local.attrib == {
        "host": socket.gethostname(),
        "cores": "4",
        "memory": str(memory_kb() // 2),
        "threads": "2",
        "gpu": "0",
    }


def test_an_owner_that_is_there_is_kept(farm: Any, script: str) -> None:
    """The owner is made once; without -T a frame gets all cores that the line gives."""
    farm.owners["ann"] = host_pb2.Owner(name="ann")
    assert main([script, "--run-local", "3"]) == 0
    assert "ShowInterface.CreateOwner" not in [call.name for call in farm.calls]
    spec = ElementTree.fromstring(farm.only("JobInterface.LaunchSpecAndWait").spec)
    local = spec.find("job/localbook")
    assert local is not None
    assert local.get("threads") == "3"


@pytest.mark.parametrize("words", [["-L", "0"], ["-L", "2", "-T", "3"], ["-T", "1"]])
def test_cores_that_make_no_sense_are_refused(
    farm: Any, script: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is launched, and the error is a line."""
    assert main([script, *words]) == 1
    assert capsys.readouterr().err.startswith("outline failure: ")
    assert farm.changes() == []


def test_a_launch_without_it_takes_nothing(farm: Any, script: str) -> None:
    """Only those who ask for it give their machine."""
    assert main([script]) == 0
    assert [call.name for call in farm.changes()] == ["JobInterface.LaunchSpecAndWait"]


def test_a_machine_that_is_not_given_stops_the_launch(
    farm: Any, script: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server without owners, or that does not know the host: nothing is launched, and it is said why."""
    farm.not_offered = {"OwnerInterface.GetOwner"}
    assert main([script, "-L", "2"]) == 1
    assert "cannot be had for the job" in capsys.readouterr().err
    assert farm.changes() == []

"""`cuefarm doctor`: its lines agree with each other, and a remedy is something to do."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from cuebot.app import doctor_doors
from cuebot.app.data_folder import DataFolder
from cuebot.app.doctor import examine
from cuebot.app.doctor_farm import _hosts
from cuebot.app.finding import Finding
from cuefarm_proto import farm_pb2
from opencue import running_farms

NOBODY = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No farm runs here, and nothing says where one is."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for variable in ("CUEBOT_HOSTS", "OPENCUE_HOSTS", "CUEBOT_FACILITY", "OPENCUE_FACILITY", "OPENCUE_CONFIG_FILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(running_farms, "found", list)
    monkeypatch.setattr(running_farms, "something_listens", lambda address: False)


def found(folder: DataFolder, grpc: str | None = None) -> dict[str, Finding]:
    """What the doctor finds, by what it looked at."""
    return {finding.what: finding for finding in examine(folder, grpc)}


def stopped_farm(tmp_path: Path, address: str = NOBODY) -> DataFolder:
    """A folder in which a farm ran that runs no more."""
    folder = DataFolder(tmp_path / "farm")
    folder.create()
    folder.server_file.write_text(json.dumps({"grpc": address, "http": NOBODY, "pid": 2**22 + 1, "started": 1.0}))
    return folder


def test_several_farms_are_not_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where clients cannot choose between several, no line says that none runs."""
    farms = [running_farms.RunningFarm(f"127.0.0.1:{port}", f"/farms/{port}", port) for port in (2, 3)]
    monkeypatch.setattr(running_farms, "found", lambda: farms)
    lines = found(DataFolder(tmp_path / "none"))
    assert "several farms of yours: 127.0.0.1:2 (/farms/2); 127.0.0.1:3 (/farms/3)" in lines["clients"].found
    assert not lines["clients"].ok
    assert "none runs here" not in " ".join(line.found for line in lines.values())
    assert "--grpc HOST:PORT" in lines["farm"].found


def test_a_low_limit_of_open_files_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what to set; a sufficient one is fine."""
    for hard, ok in ((1_024, False), (65_536, True), (resource.RLIM_INFINITY, True)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, hard=hard: (1_024, hard))
        line = found(DataFolder(tmp_path / "none"))["open files"]
        assert (line.ok, "LimitNOFILE" in line.remedy) == (ok, True)


def test_farm_that_was_stopped_is_started_with_up(tmp_path: Path) -> None:
    """A folder whose farm does not run: the line names the command that starts it."""
    folder = stopped_farm(tmp_path)
    assert f"`cuefarm up --data {folder.path}` starts it" in found(folder)["farm"].found


def test_stopped_farm_that_clients_still_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing answers where CUEBOT_HOSTS points, and the folder's farm was there: start it there again."""
    monkeypatch.setenv("CUEBOT_HOSTS", NOBODY)
    folder = stopped_farm(tmp_path)
    answer = found(folder)["farm answers"]
    assert not answer.ok
    assert answer.remedy.endswith(f"cuefarm up --data {folder.path} --grpc {NOBODY}")


def test_farm_that_was_asked_for_may_be_another_than_the_clients(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With --grpc, CUEBOT_HOSTS naming another server is a note, no fault."""
    monkeypatch.setenv("CUEBOT_HOSTS", "127.0.0.1:2")
    clients = found(DataFolder(tmp_path / "none"), NOBODY)["clients"]
    assert clients.ok
    assert f"that is not the farm at {NOBODY}; to use {NOBODY}: export CUEBOT_HOSTS={NOBODY}" in clients.found


def test_no_host_that_works_has_a_remedy() -> None:
    """It says how a host is had, with this farm's address."""
    (hosts,) = _hosts([], NOBODY)
    assert hosts.remedy == f"start an agent on each host: rqd --server {NOBODY} --token-file FILE"


def test_doctor_says_which_doors_are_open() -> None:
    """Who comes in without the token, from where, and that nothing is encrypted; of closed doors one line."""
    (line,) = doctor_doors.doors(farm_pb2.GetDoorsResponse(address="127.0.0.1:8443"))
    assert line.ok
    assert "closed" in line.found
    agents = [farm_pb2.AgentAtTheDoor(address="10.0.0.7", name=name) for name in ("", "render07")]
    opened = farm_pb2.GetDoorsResponse(address="0.0.0.0:8443", opened=["agents", "clients"], without_token=agents)
    lines = {line.what: line.found for line in doctor_doors.doors(opened)}
    assert "agents and clients are let in without the token; 0.0.0.0:8443 can be reached" in lines["doors"]
    assert "none" in lines["encryption"]
    assert "10.0.0.7, render07" in lines["agents let in"]


def test_doctor_names_agents_that_are_refused() -> None:
    """An agent that does not work is a fault, with the server's remedy; one of yesterday is none."""
    refused = [
        farm_pb2.RefusedAgent(address="10.0.0.7", name="render07", why="it sends no token", remedy="give it", last_s=5),
        farm_pb2.RefusedAgent(address="10.0.0.8", why="it sends no token", last_s=80_000),
    ]
    _, line = doctor_doors.doors(farm_pb2.GetDoorsResponse(address="[::1]:8443", refused=refused))
    assert (line.ok, line.remedy) == (False, "give it")
    assert line.found == "render07 at 10.0.0.7: it sends no token, last 5 s ago"


def test_doctor_tells_of_what_others_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that others can enter, and a token that they can read, wherever clients take it from."""
    folder = DataFolder(tmp_path / "farm")
    folder.create()
    folder.token()
    for mode in (0o700, 0o750):
        folder.path.chmod(mode)
        assert list(doctor_doors.files(folder)) == []
    folder.path.chmod(0o755)
    folder.token_file.chmod(0o640)
    copy = tmp_path / "copy"
    copy.write_text("token")
    copy.chmod(0o604)
    monkeypatch.setenv("CUEFARM_TOKEN_FILE", str(copy))
    lines = list(doctor_doors.files(folder))
    assert [line.what for line in lines] == ["folder's mode", "token", "token"]
    assert not any(line.ok for line in lines)
    assert "anybody on this machine can enter" in lines[0].found
    assert str(copy) in lines[2].found

"""`cuefarm doctor`: its lines agree with each other, and a remedy is something to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cuebot.app.data_folder import DataFolder
from cuebot.app.doctor import examine
from cuebot.app.doctor_farm import _hosts
from cuebot.app.finding import Finding
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

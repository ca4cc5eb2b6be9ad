"""`cuefarm doctor`: its lines agree with each other, and a remedy is something to do."""

from __future__ import annotations

import json
import resource
import socket
import threading
import time
from pathlib import Path

import pytest
from opencue_proto import comment_pb2, host_pb2

from cuebot.app import doctor_doors, doctor_farm
from cuebot.app.data_folder import DataFolder
from cuebot.app.doctor import examine
from cuebot.app.doctor_farm import _hosts, _readiness
from cuebot.app.finding import Finding
from cuefarm_proto import farm_pb2
from opencue import running_farms
from opencue.cuebot import Cuebot
from opencue.exception import RefusedException
from opencue.wrappers.comment import Comment
from opencue.wrappers.host import Host

NOBODY = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No farm runs here, and nothing says where one is."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for variable in (
        "CUEBOT_HOSTS",
        "OPENCUE_HOSTS",
        "CUEBOT_FACILITY",
        "OPENCUE_FACILITY",
        "OPENCUE_CONFIG_FILE",
        "CUEFARM_CONFIG",
    ):
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


def test_a_mistake_in_the_configuration_is_told(tmp_path: Path) -> None:
    """With its place; what can be used is named."""
    folder = stopped_farm(tmp_path)
    file = folder.path / "cuefarm.toml"
    for text, ok, words in (
        ("job_retries = 20", True, f"{file}; 1 value not the default"),
        ("job_retry = 20", False, f"{file}, line 2: [limits] has no key 'job_retry'; did you mean job_retries?"),
    ):
        file.write_text(f"[limits]\n{text}\n")
        line = found(folder)["configuration"]
        assert (line.ok, line.found) == (ok, words)


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


def test_an_agent_that_was_refused_and_is_gone_is_a_note() -> None:
    """After ten minutes of silence it is no fault any more, and it goes with the hour."""
    agents = [
        farm_pb2.RefusedAgent(address="10.0.0.7", name="render07", why="it sends no token", last_s=last_s)
        for last_s in (599, 600, 3_599, 3_600)
    ]
    lines = list(doctor_doors.doors(farm_pb2.GetDoorsResponse(address="[::1]:8443", refused=agents)))[1:]
    assert [line.ok for line in lines] == [False, True, True]
    assert lines[1].found == "render07 at 10.0.0.7: it sends no token; silent for 10 min, so it seems to be gone"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "all are kept, for ever"),
        ({"finished_jobs_kept": 5_000}, "the youngest 5,000 are kept, for ever"),
        ({"finished_jobs_kept_days": 1}, "all are kept, for 1 day"),
        ({"finished_jobs_kept": 5_000, "finished_jobs_kept_days": 90}, "the youngest 5,000 are kept, for 90 days"),
    ],
)
def test_doctor_says_how_many_finished_jobs_there_are_and_what_is_kept(settings: dict[str, int], words: str) -> None:
    """How many in memory and on disk, since when, and that nothing is dropped where no setting says so."""
    kept = farm_pb2.GetRetentionResponse(jobs_on_disk=1_234, jobs_in_memory=7, first_stopped_us=86_400_000_000)
    kept.MergeFrom(farm_pb2.GetRetentionResponse(**settings))
    line = doctor_farm._finished_jobs(kept)
    assert line.ok
    assert line.found == f"7 in memory, 1,234 on disk, the oldest from 1970-01-02; of those on disk {words}"


def a_host(**facts: object) -> Host:
    """A host that reported just now, and does what is asked of it."""
    return Host(host_pb2.Host(**{"name": "render07", "ping_time": int(time.time()), **facts}))


def test_a_host_not_heard_since_the_server_started_was_not_heard_since_1970() -> None:
    """The doctor says since when, as a fault."""
    hosts, line = _hosts([a_host(ping_time=0)], NOBODY)
    assert not hosts.ok
    assert (line.what, line.ok, line.found) == ("host render07", False, "not heard since the server started")


def test_an_agent_that_was_told_to_stop_is_no_fault() -> None:
    """The doctor notes it, and such a host is none that can work; one that is down without a goodbye is a fault."""
    hosts = [a_host(name=name, state=host_pb2.DOWN) for name in ("render07", "render08")] + [a_host(name="render09")]
    some, stopped, lost = _hosts(hosts, NOBODY, stopped={"render07"})
    assert (some.ok, some.found) == (True, "1 of 3 can work")
    assert (stopped.what, stopped.ok) == ("host render07", True)
    assert stopped.found.startswith("its agent was stopped, last report 0 s ago; start `rqd` there")
    assert (lost.what, lost.ok) == ("host render08", False)


def test_what_the_farm_says_of_a_host_is_a_fault_that_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two agents of one name: the refusal says it, or the host's comment where that is not known; people only note."""
    comments = [
        Comment(comment_pb2.Comment(user=user, subject="Two agents under one name", message="Rename one."))
        for user in ("system", "ann")
    ]
    monkeypatch.setattr(Host, "getComments", lambda host: comments)
    _, theirs, anns = _hosts([a_host(has_comment=True)], NOBODY)
    assert (theirs.ok, theirs.found) == (False, "Two agents under one name: Rename one.")
    assert (anns.ok, anns.found) == (True, "comment of ann: Two agents under one name")
    _, only = _hosts([a_host(has_comment=True)], NOBODY, {"render07.farm.example"})
    assert only == anns


@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        (200, {"ready": True}, Finding("database", True, "can be written")),
        (503, {"ready": False, "reasons": ["the server is stopping"]}, None),
        (503, {"ready": False}, None),
    ],
)
def test_readiness_is_what_the_server_says(status: int, body: dict[str, object], line: Finding | None) -> None:
    """Of its database where that is it, else in its own words."""
    found = list(_readiness(answering(status, body)))
    assert len(found) == 1
    assert found[0] == line or (line is None and not found[0].ok and found[0].what == "ready")


def test_a_farm_without_its_database_is_not_well() -> None:
    """The reason is the server's."""
    body = {"ready": False, "reasons": ["the journal cannot be written: no database server answers there"]}
    (line,) = _readiness(answering(503, body))
    assert not line.ok
    assert line.what == "database"
    assert line.found.startswith("cannot be written: no database server answers there")
    (line,) = _readiness(NOBODY)
    assert (line.what, line.ok) == ("ready", False)


def answering(status: int, body: dict[str, object]) -> str:
    """The address of a server that answers one request so."""
    content = json.dumps(body).encode()
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n%s" % (status, len(content), content))

    threading.Thread(target=answer, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


def test_doctor_tells_of_what_others_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that others can enter, and a token that they can read, wherever clients take it from."""
    folder = DataFolder(tmp_path / "farm")
    folder.create()
    folder.token()
    monkeypatch.delenv("CUEFARM_TOKEN_FILE", raising=False)
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
    assert [line.what for line in lines] == ["folder's mode", "token"]
    assert not any(line.ok for line in lines)
    assert "anybody on this machine can enter" in lines[0].found
    used, known = doctor_doors.clients_token(folder, NOBODY)
    assert (used.ok, used.found) == (True, f"{copy} (CUEFARM_TOKEN_FILE)")
    assert (known.ok, known.found) == (False, f"others can read {copy}, and so speak as agents")
    assert known.remedy.startswith(f"chmod 600 {copy}, and change the token")


def test_doctor_names_the_token_file_of_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where clients take a token from is a line, also where the configuration says it, and where it cannot be read."""
    folder, copy, settings = DataFolder(tmp_path / "none"), tmp_path / "copy", tmp_path / "opencue.yaml"
    monkeypatch.delenv("CUEFARM_TOKEN_FILE", raising=False)
    (none,) = doctor_doors.clients_token(folder, NOBODY)
    assert (none.ok, none.found.startswith("none is named")) == (True, True)
    settings.write_text(f"cuebot.token_file: {copy}\n")
    monkeypatch.setenv("OPENCUE_CONFIG_FILE", str(settings))
    (missing,) = doctor_doors.clients_token(folder, NOBODY)
    assert not missing.ok
    assert f"{copy}, named by cuebot.token_file, cannot be read: No such file" in missing.found
    copy.write_text("token")
    copy.chmod(0o600)
    (line,) = doctor_doors.clients_token(folder, NOBODY)
    assert (line.ok, line.found) == (True, f"{copy} (cuebot.token_file)")


def test_a_client_that_is_refused_is_told_what_commands_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server answers and says no: the remedy is in its words, and is not to look whether it runs."""
    words = "The server at farm:8443 refuses this client: this server does not know who calls. Let FILE name a copy"

    def refuse(addresses: list[str]) -> None:
        raise RefusedException(words)

    monkeypatch.setattr(Cuebot, "setHosts", refuse)
    monkeypatch.setattr(Cuebot, "Timeout", Cuebot.Timeout)
    (line,) = doctor_farm.farm("farm:8443", "start it again")
    assert not line.ok
    assert (f"{line.found}. {line.remedy}", line.remedy) == (words, "Let FILE name a copy")

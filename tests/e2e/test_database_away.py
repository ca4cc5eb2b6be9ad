"""A server whose PostgreSQL is not up yet, goes away under it, or cannot be used; what its exit status tells."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from farm_process import layer, spec, wait_for
from postgresql_process import PostgreSQL
from serve_process import ServeProcess

import opencue

NewServer = Callable[..., ServeProcess]
RESTART, PERSON = 75, 78


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL that a test may end, and starts again before the next."""
    made = PostgreSQL()
    yield made
    made.cleanup()


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[NewServer]:
    """A maker of servers that end with the test."""
    made: list[ServeProcess] = []

    def make(database: str, *extra: str, environment: dict[str, str] | None = None) -> ServeProcess:
        made.append(ServeProcess(tmp_path, database, *extra, environment=environment))
        return made[-1]

    yield make
    opencue.Cuebot.closeChannel()
    for server in made:
        server.cleanup()


@pytest.fixture
def database(postgresql: PostgreSQL) -> str:
    """An empty database on it."""
    name = f"farm_{uuid.uuid4().hex}"
    postgresql.administer(f'CREATE DATABASE "{name}"')
    return postgresql.url.replace("/postgres?", f"/{name}?")


def readiness(server: ServeProcess) -> tuple[int, str]:
    """Status and text of /readyz."""
    try:
        with urllib.request.urlopen(f"http://{server.http}/readyz", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_server_that_is_started_before_its_database_waits_for_it(
    postgresql: PostgreSQL, database: str, new_server: NewServer
) -> None:
    """It says at once what it waits for, serves as soon as the database is up, and ends with 0 when told to."""
    postgresql.stop()
    server = new_server(database).begin()
    wait_for(lambda: "the database is not there yet; waiting for it" in server.words(), 15, "the server to say so")
    assert "no database server answers there" in server.words()
    postgresql.start()
    server.up()
    assert readiness(server)[0] == 200
    assert server.stop() == 0


def test_a_server_that_waits_ends_when_it_is_told_to(
    postgresql: PostgreSQL, database: str, new_server: NewServer
) -> None:
    """SIGTERM is obeyed at once, also while there is nothing to stop."""
    postgresql.stop()
    try:
        server = new_server(database).begin()
        wait_for(lambda: "waiting for it" in server.words(), 15, "the server to wait")
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5
    finally:
        postgresql.start()


@pytest.mark.parametrize("wait_s", [0, 3])
def test_a_database_that_does_not_come_ends_with_a_status_for_a_restart(
    postgresql: PostgreSQL, database: str, new_server: NewServer, wait_s: int
) -> None:
    """After --wait-for-database the server gives up, says how long it waited, and a supervisor may try again."""
    postgresql.stop()
    try:
        server = new_server(database, "--wait-for-database", str(wait_s)).begin()
        assert server.ended() == RESTART
        assert ("waited" in server.words()) is (wait_s > 0)
        assert "Traceback" not in server.words()
    finally:
        postgresql.start()


def test_what_waiting_cannot_mend_ends_at_once_with_a_status_for_a_person(
    postgresql: PostgreSQL, new_server: NewServer
) -> None:
    """A wrong or missing password, a database or user that is not there: said what to do, and no password shown."""
    url = postgresql.make_user("ann", "right-one", "of_ann")
    for wrong, words in (
        (url, "--db-password-file"),
        (url.replace("ann@", "ann:bad-one@"), "password is wrong"),
        (url.replace("ann@", "ann:right-one@").replace("/of_ann?", "/nowhere?"), "createdb"),
        (url.replace("ann@", "nobody@"), "createuser"),
        (url.replace("ann@", "ann:right-one@").replace("/of_ann?", "/postgres?"), "grant it"),
    ):
        server = new_server(wrong).begin()
        assert server.ended() == PERSON, server.words()
        assert words in server.words()
        assert "bad-one" not in server.words()
        assert "right-one" not in server.words()


def test_a_newer_schema_is_for_a_person(postgresql: PostgreSQL, database: str, new_server: NewServer) -> None:
    """A restart of the same version would meet the same tables."""
    assert new_server(database).start().stop() == 0
    postgresql.administer("UPDATE alembic_version SET version_num = '9999'", url=database)
    server = new_server(database).begin()
    assert server.ended() == PERSON
    assert "written by a newer cuefarm" in server.words()


def test_a_second_server_and_a_taken_address_are_for_a_restart(tmp_path: Path, new_server: NewServer) -> None:
    """Both pass: the other program may end."""
    url = f"sqlite:///{tmp_path / 'farm.sqlite'}"
    new_server(url).start()
    second = new_server(url).begin()
    assert second.ended() == RESTART
    assert "another server writes" in second.words()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        third = new_server(f"sqlite:///{tmp_path / 'other.sqlite'}")
        third.grpc = f"127.0.0.1:{taken.getsockname()[1]}"
        assert third.begin().ended() == RESTART
    assert "in use by another program" in third.words()


def test_what_a_person_must_mend_is_said_before_the_server_is_ready(tmp_path: Path, new_server: NewServer) -> None:
    """An address of another machine, for which no port helps, and a log root that is no folder."""
    url = f"sqlite:///{tmp_path / 'farm.sqlite'}"
    elsewhere = new_server(url)
    elsewhere.grpc = "192.0.2.1:0"
    assert elsewhere.begin().ended() == PERSON
    assert "192.0.2.1:0 is not an address of this machine" in elsewhere.words()
    assert "free port" not in elsewhere.words()
    (tmp_path / "logs").touch()
    server = new_server(url, "--log-level", "info").begin()
    assert server.ended() == PERSON
    assert f"the log root {tmp_path}/logs is no folder" in server.words()
    assert "ready" not in server.words()
    assert not (tmp_path / "farm.sqlite").exists()


def test_an_idle_server_knows_that_its_database_is_gone(
    postgresql: PostgreSQL, database: str, new_server: NewServer
) -> None:
    """/readyz and `cuefarm doctor` say so before anybody changes anything; the first change does nothing then."""
    server = new_server(database).start()
    opencue.Cuebot.setHosts([server.grpc])
    (job,) = opencue.api.launchSpecAndWait(spec("idle", layer("work", "true", "1-3")))
    postgresql.kill()
    try:
        wait_for(lambda: readiness(server)[0] == 503, 20, "the server to notice")
        told = server.run("cuefarm", "doctor", "--grpc", server.grpc)
        assert told.returncode == 1
        assert "FAIL  database           cannot be written: " in told.stdout
        with pytest.raises(opencue.exception.ServerUnavailableException, match="nothing was done"):
            job.setPriority(7)
    finally:
        postgresql.start()
    wait_for(lambda: readiness(server)[0] == 200, 20, "the server to go on")


def test_a_database_that_is_killed_and_comes_back_loses_nothing(
    postgresql: PostgreSQL, database: str, new_server: NewServer
) -> None:
    """While it is away /readyz says so and intents are refused in words; afterwards the same server goes on."""
    server = new_server(database).start()
    opencue.Cuebot.setHosts([server.grpc])
    opencue.Cuebot.setTimeout(10_000)
    (before,) = opencue.api.launchSpecAndWait(spec("before", layer("work", "true", "1-3")))
    postgresql.kill()
    try:
        with pytest.raises(opencue.exception.ServerUnavailableException, match=r"cannot be written now .* was taken"):
            before.setPriority(7)
        with pytest.raises(opencue.exception.ServerUnavailableException, match="nothing was done") as caught:
            before.setPriority(8)
        assert server.grpc in str(caught.value)
        assert "cuefarm up" not in str(caught.value)
        assert readiness(server)[0] == 503
        assert "the journal cannot be written" in readiness(server)[1]
    finally:
        postgresql.start()
    wait_for(lambda: readiness(server)[0] == 200, 20, "the server to go on")
    assert opencue.api.getJob(before.id()).priority() == 7
    (after,) = opencue.api.launchSpecAndWait(spec("after", layer("work", "true", "1-3")))
    assert {job.name() for job in opencue.api.getJobs()} == {before.name(), after.name()}
    assert server.process is not None
    assert server.process.poll() is None


def test_a_database_that_stays_away_ends_the_server_for_a_restart_that_loads_everything(
    postgresql: PostgreSQL, database: str, new_server: NewServer
) -> None:
    """The server that gives up says why; the next one waits for the database and knows what was acknowledged."""
    server = new_server(database)
    patience = "import cuebot.engine.engine as e; e.COMMIT_GIVE_UP_SECONDS = 3.0"
    server.program = [server.program[0], "-c", f"{patience}; from cuebot.app.cli import main; raise SystemExit(main())"]
    server.start()
    opencue.Cuebot.setHosts([server.grpc])
    (job,) = opencue.api.launchSpecAndWait(spec("kept", layer("work", "true", "1-3")))
    postgresql.kill()
    try:
        opencue.Cuebot.setTimeout(2_000)
        with pytest.raises(opencue.CueException):
            job.setPriority(7)
        assert server.ended() == RESTART
        assert "the journal has failed for" in server.words()
        server.begin()
        wait_for(lambda: "waiting for it" in server.words(), 15, "the next server to wait")
    finally:
        opencue.Cuebot.setTimeout(10_000)
        postgresql.start()
    server.up()
    opencue.Cuebot.setHosts([server.grpc])
    assert [found.name() for found in opencue.api.getJobs()] == [job.name()]

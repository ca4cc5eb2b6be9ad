"""A database with a password: the ways in which a server gets it, and the places in which it never stands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from farm_process import wait_for
from postgresql_process import PostgreSQL
from serve_process import ServeProcess

import opencue
from opencue import running_farms

PASSWORD = "hush-7/@:%"  # what must be written otherwise in a URL, too
IN_URL = "hush-7%2F%40%3A%25"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL that asks the user `ann` for a password."""
    made = PostgreSQL()
    yield made
    made.cleanup()


@pytest.fixture(scope="module")
def url(postgresql: PostgreSQL) -> str:
    """The database of `ann`, without the password."""
    return postgresql.make_user("ann", PASSWORD, "of_ann")


def by_password_file(folder: Path, url: str) -> tuple[str, list[str], dict[str, str]]:
    (folder / "password").write_text(f"{PASSWORD}\n")
    (folder / "password").chmod(0o600)
    return url, ["--db-password-file", f"{folder}/password"], {}


def by_url_in_the_environment(folder: Path, url: str) -> tuple[str, list[str], dict[str, str]]:
    return "", [], {"CUEFARM_DB": url.replace("ann@", f"ann:{IN_URL}@")}


def by_libpqs_file(folder: Path, url: str) -> tuple[str, list[str], dict[str, str]]:
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    (folder / "pgpass").write_text(f"*:*:*:ann:{escaped}\n")
    (folder / "pgpass").chmod(0o600)
    return url, [], {"PGPASSFILE": f"{folder}/pgpass"}


def by_libpqs_variable(folder: Path, url: str) -> tuple[str, list[str], dict[str, str]]:
    return url, [], {"PGPASSWORD": PASSWORD}


Way = Callable[[Path, str], tuple[str, list[str], dict[str, str]]]


@pytest.mark.parametrize("way", [by_password_file, by_url_in_the_environment, by_libpqs_file, by_libpqs_variable])
def test_the_password_comes_without_the_command_line(
    tmp_path: Path, url: str, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server serves, and neither `ps`, what it says, what it announces nor the doctor has the password."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    database, options, environment = way(tmp_path, url)
    server = ServeProcess(tmp_path, database, *options, environment=environment).start()
    try:
        assert server.process is not None
        seen = [
            " ".join(psutil.Process(server.process.pid).cmdline()),
            server.words(),
            str(wait_for(running_farms.found, 10, "the server to announce itself")),
            server.run("cuefarm", "doctor", "--grpc", server.grpc).stdout,
        ]
        assert "of_ann" in seen[2]
        assert server.stop() == 0
        seen.append(server.words())
    finally:
        server.cleanup()
    for words in seen:
        assert "hush" not in words
        assert "warning: every user" not in words


def test_a_password_on_the_command_line_is_warned_of(tmp_path: Path, url: str) -> None:
    """It works, says who can read it and how to do it right, and does not repeat it."""
    server = ServeProcess(tmp_path, url.replace("ann@", f"ann:{IN_URL}@")).start()
    try:
        assert "warning: every user of this machine can read the password in --db" in server.words()
        assert "--db-password-file" in server.words()
        assert server.stop() == 0
        assert "hush" not in server.words()
    finally:
        server.cleanup()


@pytest.mark.proof
def test_a_database_that_goes_away_is_told_without_its_password(
    tmp_path: Path, postgresql: PostgreSQL, url: str
) -> None:
    """What /readyz, the log and a refused call say of a lost database has no password either."""
    database, options, _ = by_password_file(tmp_path, url)
    server = ServeProcess(tmp_path, database, *options).start()
    try:
        opencue.Cuebot.setHosts([server.grpc])
        opencue.Cuebot.setTimeout(10_000)
        postgresql.kill()
        with pytest.raises(opencue.exception.ServerUnavailableException) as caught:
            opencue.api.createShow("film")
        assert "ann:***@" in str(caught.value)
        assert "hush" not in str(caught.value) + server.words()
        assert "commits stall" in server.words()
    finally:
        opencue.Cuebot.closeChannel()
        server.cleanup()
        postgresql.start()


def test_backup_takes_the_password_from_the_same_file(
    tmp_path: Path, postgresql: PostgreSQL, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cuefarm backup --db-password-file` copies what the server wrote; a file that others can read is warned of."""
    monkeypatch.setenv("PATH", f"{postgresql.programs}:{os.environ['PATH']}")
    database, options, _ = by_password_file(tmp_path, url)
    server = ServeProcess(tmp_path, database, *options).start()
    try:
        os.chmod(tmp_path / "password", 0o644)
        done = server.run("cuefarm", "backup", f"{tmp_path}/copy", "--db", url, *options)
        wrong = server.run("cuefarm", "backup", f"{tmp_path}/other", "--db", url)
    finally:
        server.cleanup()
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "copy").stat().st_size > 0
    assert "others can read the database's password; chmod 600" in done.stderr
    assert wrong.returncode == 1
    assert "the database server asks for a password" in wrong.stderr
    assert "hush" not in done.stdout + done.stderr + wrong.stderr

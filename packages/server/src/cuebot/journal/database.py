"""Opening a database, SQLite or PostgreSQL, and saying in plain words what went wrong with one."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from cuebot.engine.ports import JournalError

BUSY_TIMEOUT_MS: Final = 5_000
"""How long a commit waits for another process that is writing to the same SQLite file."""
CONNECT_TIMEOUT_S: Final = 10
CACHE_KIB: Final = 32_768
WAL_KEPT_BYTES: Final = 64 * 1024 * 1024


_POSTGRESQL_OPTIONS: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 6,
    "tcp_user_timeout": 30_000,
}
"""Without these a commit through a dead network would wait for hours, and the server would not know that it stalls."""


class JournalUnusable(JournalError):
    """This database cannot be opened as a journal, whoever tries and however often."""


def parse(url: str) -> URL:
    """A database URL, with the driver that this journal uses. Raises JournalUnusable."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise JournalUnusable(
            f"{url!r} is no database URL; write sqlite:////DIR/farm.sqlite or postgresql://USER@HOST/DATABASE"
        ) from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise JournalUnusable(f"{url!r} names no file; write sqlite:////DIR/farm.sqlite")
        return parsed.set(drivername="sqlite", database=str(Path(parsed.database).resolve()))
    if backend in ("postgresql", "postgres"):
        if importlib.util.find_spec("psycopg") is None:
            raise JournalUnusable("PostgreSQL needs the library psycopg; `pip install 'cuefarm[postgres]'` installs it")
        return parsed.set(drivername="postgresql+psycopg")
    raise JournalUnusable(f"the journal speaks sqlite and postgresql, not {backend!r}")


def shown(url: URL) -> str:
    """A database as people name it: a file's path, or a URL without its password."""
    return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)


def sqlite_file(url: str) -> Path | None:
    """Where the file of a SQLite database lies; None for another. Raises JournalUnusable."""
    parsed = parse(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def engine_for(url: URL) -> Engine:
    """An engine whose connections are set up for a journal. Connects to nothing yet."""
    if url.get_backend_name() == "sqlite":
        keep_to_owner(Path(str(url.database)))
        engine = create_engine(url, poolclass=NullPool, connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(url, poolclass=NullPool, connect_args=_POSTGRESQL_OPTIONS)
    event.listen(engine, "connect", _set_up_postgresql)
    return engine


def keep_to_owner(path: Path) -> None:
    """Make a file that is not there yet, readable by its owner only; SQLite gives its companions the same mode.

    Where that cannot be done, opening it will say why.
    """
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _set_up_sqlite(connection: Any, record: Any) -> None:
    """WAL, so that readers never hold up the writer; FULL, so that a commit outlives a power cut."""
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = OFF",
        f"cache_size = -{CACHE_KIB}",
        f"journal_size_limit = {WAL_KEPT_BYTES}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    """Readers see one moment; the writer claims the file at once, rather than fail in the middle."""
    reads = connection.get_execution_options().get("reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _set_up_postgresql(connection: Any, record: Any) -> None:
    """A commit is on disk when it returns, and a writer that the network lost gives up its lock within a minute."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
        cursor.execute("SET lock_timeout = '20s'")
        if connection.info.host and not connection.info.host.startswith("/"):
            for setting in ("tcp_keepalives_idle = 15", "tcp_keepalives_interval = 5", "tcp_keepalives_count = 6"):
                cursor.execute(f"SET {setting}")
    connection.commit()


_SQLITE_REASONS: Final = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_BUSY: "another process holds the file locked; end it, or wait for it",
    sqlite3.SQLITE_LOCKED: "another process holds the file locked; end it, or wait for it",
    sqlite3.SQLITE_READONLY: "the file or its folder cannot be written; look at its owner and mode",
    sqlite3.SQLITE_PERM: "the file may not be used; look at its owner and mode",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; look whether its folder exists and may be written",
    sqlite3.SQLITE_IOERR: "the disk reports an error; look at its space, quota and health",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore a backup",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database",
}
_POSTGRESQL_REASONS: Final = {
    "53100": "the database server's disk is full; free some space there",
    "25006": "the database is read-only: is this a replica?",
    "42501": "this user may not write there; grant it the schema's tables",
    "3D000": "there is no such database; create it with `createdb`",
    "28P01": "the password is wrong",
    "53300": "the database server has no connection left",
}


def reason_of(error: Exception) -> str:
    """What an error of SQLAlchemy or of a driver means, and what to do about it."""
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    words = " ".join(str(original).split())
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", None)
        reason = None if code is None else _SQLITE_REASONS.get(code & 0xFF)
    else:
        reason = _POSTGRESQL_REASONS.get(getattr(original, "sqlstate", None) or "")
        if reason is None and lost:
            reason = "the connection to the database server was lost"
    return f"{reason} ({words})" if reason else words

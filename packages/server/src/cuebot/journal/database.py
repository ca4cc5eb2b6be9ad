"""Naming and opening a database, SQLite or PostgreSQL. No message has a password in it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
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


_PASSWORD_PARAMETERS: Final = ("password", "sslpassword")
"""What libpq takes from a URL's query and nobody else may see."""


class JournalUnusable(JournalError):
    """This database cannot be opened as a journal, however often one tries; a person must mend something."""


class JournalAway(JournalError):
    """This database cannot be opened now; it may come up, or have room again, by itself."""


class JournalTaken(JournalError):
    """Another server writes this database, for as long as that one runs."""


def parse(url: str) -> URL:
    """A database URL, with the driver that this journal uses. Raises JournalUnusable."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # a port that is no number is a ValueError
        raise JournalUnusable(
            f"{_without_credentials(url)!r} is no database URL; write sqlite:////DIR/farm.sqlite or"
            " postgresql://USER@HOST/DATABASE"
        ) from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise JournalUnusable(f"{url!r} names no file; write sqlite:////DIR/farm.sqlite")
        return parsed.set(drivername="sqlite", database=str(Path(parsed.database).resolve()))
    if backend in ("postgresql", "postgres"):
        if "@" in (parsed.host or ""):  # the rest of a password, which no message may show
            raise JournalUnusable(
                "the password in the database URL has a character that must be written as %40 (@), %2F (/) or %3A (:)"
            )
        if importlib.util.find_spec("psycopg") is None:
            raise JournalUnusable("PostgreSQL needs the library psycopg; `pip install 'cuefarm[postgres]'` installs it")
        return parsed.set(drivername="postgresql+psycopg")
    raise JournalUnusable(
        f"a farm is kept in SQLite or PostgreSQL, not in {backend!r}; write sqlite:////DIR/farm.sqlite or"
        " postgresql://USER@HOST/DATABASE"
    )


def redacted(url: URL) -> str:
    """A database as people name it: a file's path, or a URL without a password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    bare = url.set(drivername=url.get_backend_name())  # the driver is our choice, nobody typed it
    return bare.difference_update_query(_PASSWORD_PARAMETERS).render_as_string(hide_password=True)


def has_password(url: str) -> bool:
    """Whether a URL tells a password to everybody who can read it. Raises JournalUnusable."""
    parsed = parse(url)
    return bool(parsed.password) or any(parsed.query.get(name) for name in _PASSWORD_PARAMETERS)


def with_password(url: str, password: str) -> str:
    """The same URL with a password of its own. Raises JournalUnusable."""
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite":
        raise JournalUnusable(f"{redacted(parsed)} is a SQLite file, which has no password")
    query = parsed.difference_update_query(_PASSWORD_PARAMETERS[:1])
    return query.set(password=password).render_as_string(hide_password=False)


def _without_credentials(url: str) -> str:
    """As much of a text that is no URL as may be shown."""
    head, at, tail = url.rpartition("@")
    if at:
        scheme, slashes, _ = head.partition("//")
        return f"{scheme if slashes else ''}{slashes}***@{tail.partition('?')[0]}"
    return url.partition("?")[0]


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

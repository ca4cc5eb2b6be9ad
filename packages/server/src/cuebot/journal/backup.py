"""Copies of a journal: made beside a server that writes it, before a migration, and put back.

SQLite copies itself by its own online backup, PostgreSQL by `pg_dump` and `pg_restore`. A copy is one moment of the
database: what was committed then, all of it, and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, MetaData, Table, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import DropTable

from cuebot.engine.ports import JournalError
from cuebot.journal.database import JournalTaken, JournalUnusable, engine_for, parse, redacted
from cuebot.journal.migrate import REVISIONS, stored_revision
from cuebot.journal.months import months
from cuebot.journal.reasons import reason_of
from cuebot.journal.sole_writer import FileLock, lock_server

_TOOL_PATIENCE_S: Final = 3_600
_PLAIN_MODE: Final = 0o600


class BackupFailed(RuntimeError):
    """There is no copy, or nothing was put back; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a database or a copy of one holds."""

    revision: str
    """Of its tables."""
    last_seq: int
    """Number of the last event."""
    jobs: int


def back_up(url: str, target: Path, *, replace: bool = False) -> Standing:
    """Copy the database at `url` into the file `target`, also while a server writes it. Raises BackupFailed.

    The file appears whole or not at all, and only its owner may read it: it holds everything that the farm knows.
    """
    database = _parsed(url)
    try:
        if target.exists() and not replace:
            raise BackupFailed(f"{target} exists; name another file, or say --force to replace it")
        if not target.parent.is_dir():
            raise BackupFailed(f"the folder {target.parent} does not exist; make it first")
    except OSError as error:
        raise BackupFailed(f"{target} cannot be written: {error.strerror}") from error
    with _appearing(target) as fresh:
        if database.get_backend_name() == "sqlite":
            _copy_sqlite(Path(str(database.database)), fresh)
            return _sqlite_standing(fresh)
        standing = _postgresql_standing(database)
        _run_tool("pg_dump", database, "--format=custom", f"--file={fresh}")
        return standing


def restore(source: Path, url: str, *, replace: bool = False) -> Standing:
    """Put the copy `source` in the place of the database at `url`, on which no server may run. Raises BackupFailed.

    What was there is kept where it can be (SQLite: a file beside it). The epoch moves past that of both, so that no
    server which still has the old database open can write into the new one.
    """
    database = _parsed(url)
    _look_readable(source, "file")
    if database.get_backend_name() == "sqlite":
        return _restore_sqlite(source, database, replace)
    return _restore_postgresql(source, database, replace)


def copy_before_migration(url: URL, revision: str) -> Path | None:
    """Keep a SQLite database as it is before its tables change. Returns the copy; None for PostgreSQL.

    Raises BackupFailed, where there is no room for one above all.
    """
    if url.get_backend_name() != "sqlite":
        return None
    path = Path(str(url.database))
    kept = path.with_name(f"{path.name}.revision-{revision}")
    if not kept.exists():
        with _appearing(kept) as fresh:
            _copy_sqlite(path, fresh)
    return kept


# --- SQLite -----------------------------------------------------------------------------------------------------------


def _copy_sqlite(source: Path, target: Path) -> None:
    """One step under one read lock: a copy in several would begin anew with every commit of the server."""
    _look_readable(source, "database")
    try:
        with contextlib.closing(_read_only(source)) as reader, contextlib.closing(sqlite3.connect(target)) as writer:
            reader.backup(writer, pages=-1)
            writer.execute("PRAGMA journal_mode = DELETE")  # one file, without companions
    except sqlite3.Error as error:
        raise BackupFailed(f"{source} cannot be copied to {target.parent}: {reason_of(error)}") from error


def _look_readable(source: Path, what: str) -> None:
    """Raises BackupFailed where there is no such file, or it is another user's."""
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            raise BackupFailed(f"{source} is no file")
        os.close(os.open(source, os.O_RDONLY | os.O_CLOEXEC))
    except (FileNotFoundError, NotADirectoryError):
        raise BackupFailed(f"there is no {what} {source}") from None
    except OSError as error:
        raise BackupFailed(
            f"the {what} {source} cannot be read: {error.strerror}; run this as a user who may read it"
        ) from None


def _restore_sqlite(source: Path, database: URL, replace: bool) -> Standing:
    path = Path(str(database.database))
    standing = _sqlite_standing(source)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(database)
    except JournalTaken as error:
        raise BackupFailed(f"a server writes {path}; stop it first") from error
    except JournalError as error:
        raise BackupFailed(str(error)) from error
    try:
        if path.exists() and not replace:
            raise BackupFailed(f"{path} exists; say --force to put the copy in its place (it is kept beside it)")
        with _appearing(path) as fresh:
            _copy_sqlite(source, fresh)
            _move_epoch_past(fresh, _epoch_of(path))
            if path.exists():
                _keep_aside(path)
    finally:
        lock.release()
    return standing


def _keep_aside(path: Path) -> None:
    """Move a database, with what its write-ahead log still holds, to a free name beside it."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    number = 1
    while (kept := path.with_name(f"{path.name}.before-restore-{number}")).exists():
        number += 1
    path.rename(kept)
    for companion in ("-wal", "-shm"):
        path.with_name(path.name + companion).unlink(missing_ok=True)


def _sqlite_standing(path: Path) -> Standing:
    """What a file holds, after looking that it is whole."""
    try:
        with contextlib.closing(_read_only(path)) as reader:
            damage = reader.execute("PRAGMA quick_check(1)").fetchone()[0]
            if damage != "ok":
                raise BackupFailed(f"{path} is damaged: {damage}")
            revision = reader.execute("SELECT version_num FROM alembic_version").fetchone()[0]
            last_seq = reader.execute("SELECT last_seq FROM journal").fetchone()[0]
            jobs = reader.execute("SELECT count(*) FROM job").fetchone()[0]
    except (sqlite3.Error, TypeError) as error:
        raise BackupFailed(f"{path} holds no farm: {error}") from error
    _known(path, revision)
    return Standing(revision, last_seq, jobs)


def _epoch_of(path: Path) -> int:
    try:
        with contextlib.closing(_read_only(path)) as reader:
            return int(reader.execute("SELECT epoch FROM journal").fetchone()[0])
    except (sqlite3.Error, TypeError):
        return 0  # there is none, or it is beyond reading: nothing can be writing it either


def _move_epoch_past(path: Path, epoch: int) -> None:
    """The copy's history goes on from where it ends, which is another than what it replaces."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("UPDATE journal SET epoch = max(epoch, ?) + 1, writer = 'restored from a backup'", (epoch,))
        if any(column[1] == "history_epoch" for column in writer.execute("PRAGMA table_info(journal)")):
            writer.execute("UPDATE journal SET history_epoch = epoch")  # an older copy gets one when it is opened


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def _postgresql_standing(database: URL) -> Standing:
    engine = engine_for(database)
    try:
        with engine.connect() as connection:
            return _standing(connection, redacted(database))
    except (SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        raise BackupFailed(f"{redacted(database)}: {reason_of(error)}") from error
    finally:
        engine.dispose()


def _restore_postgresql(source: Path, database: URL, replace: bool) -> Standing:
    engine = engine_for(database)
    name = redacted(database)
    try:
        with engine.connect() as connection:
            if not lock_server(connection):
                raise BackupFailed(f"a server writes {name}; stop it first")
            revision = stored_revision(connection, name)
            if revision is not None and not replace:
                raise BackupFailed(f"{name} holds a farm; say --force to replace it, after a backup of it")
            epoch = _epoch_in(connection) if revision is not None else 0
            connection.commit()
            _run_tool("pg_restore", database, "--clean", "--if-exists", "--no-owner", "--single-transaction",
                      "--exit-on-error", f"--dbname={database.database}", str(source))  # fmt: skip
            connection.execute(
                text("UPDATE journal SET epoch = greatest(epoch, :epoch) + 1, writer = 'restored from a backup'"),
                {"epoch": epoch},
            )
            if any(column["name"] == "history_epoch" for column in inspect(connection).get_columns("journal")):
                connection.execute(text("UPDATE journal SET history_epoch = epoch"))
            _drop_months_without_books(connection)
            connection.commit()
            return _standing(connection, name)
    except (SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        raise BackupFailed(f"{name}: {reason_of(error)}") from error
    finally:
        engine.dispose()


def _drop_months_without_books(connection: Connection) -> None:
    """Months that began after the copy was made are in no list any more, and would be in the way when they come."""
    kept = {month for month, _ in months(connection)}
    for name in inspect(connection).get_table_names():
        prefix, _, month = name.rpartition("_20")
        if prefix in ("event", "frame_run") and f"20{month}" not in kept:
            connection.execute(DropTable(Table(name, MetaData())))


def _epoch_in(connection: Connection) -> int:
    return int(connection.execute(text("SELECT epoch FROM journal")).scalar_one())


def _standing(connection: Connection, name: str) -> Standing:
    try:
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        last_seq = connection.execute(text("SELECT last_seq FROM journal")).scalar_one()
        jobs = connection.execute(text("SELECT count(*) FROM job")).scalar_one()
    except SQLAlchemyError as error:
        raise BackupFailed(f"{name} holds no farm: {reason_of(error)}") from error
    return Standing(str(revision), int(last_seq), int(jobs))


def _run_tool(tool: str, database: URL, *arguments: str) -> None:
    """Run one of PostgreSQL's tools. The password goes by the environment, which other users cannot read."""
    path = shutil.which(tool)
    if path is None:
        raise BackupFailed(f"{tool} is not installed; it comes with PostgreSQL's client programs (postgresql-client)")
    words = [path, "--no-password", *arguments]
    if tool == "pg_dump":
        words.append(f"--dbname={database.database}")
    environment = {**os.environ, **_connection_variables(database)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=_TOOL_PATIENCE_S, check=False)
    if done.returncode:
        reason = " ".join(done.stderr.split())[-600:]
        hint = "; it must not be older than the server" if "version mismatch" in reason else ""
        raise BackupFailed(f"{path} failed{hint}: {reason}")


def _connection_variables(database: URL) -> dict[str, str]:
    host = database.query.get("host") or database.host
    named = {
        "PGHOST": host if isinstance(host, str) else None,
        "PGPORT": str(database.port) if database.port else None,
        "PGUSER": database.username,
        "PGPASSWORD": str(database.password) if database.password else None,
    }
    return {name: value for name, value in named.items() if value}


# --- both -------------------------------------------------------------------------------------------------------------


def _parsed(url: str) -> URL:
    try:
        return parse(url)
    except JournalUnusable as error:
        raise BackupFailed(str(error)) from error


def _known(path: Path, revision: str) -> None:
    if revision not in REVISIONS:
        raise BackupFailed(
            f"{path} was written by a newer cuefarm (tables of revision {revision}); install that version to restore it"
        )


@contextlib.contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A fresh file beside `target` that takes its place when all has gone well, durably; otherwise it goes away."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _PLAIN_MODE))
        yield fresh
        _to_disk(fresh)
        fresh.replace(target)
        _to_disk(target.parent)
    except OSError as error:
        raise BackupFailed(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        fresh.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

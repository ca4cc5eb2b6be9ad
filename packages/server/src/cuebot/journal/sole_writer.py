"""One writer for each database: a lock that dies with its process, and an epoch that outlives it.

SQLite: the lock is on an empty file beside the database, taken in SQLite's own way, so anybody may still read the
database itself. PostgreSQL: an advisory lock on the writing connection. A lock can be lost without a word (a network,
a file taken away); the epoch cannot: every commit checks it, and whoever opens the journal counts it up.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
import uuid
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import URL, Connection, insert, select, text, update

from cuebot.journal.database import JournalAway, JournalTaken, JournalUnusable, keep_to_owner, redacted
from cuebot.journal.reasons import may_pass, reason_of
from cuebot.journal.tables import JOURNAL

_ADVISORY_KEY: Final = 0x63756566_61726D
"""Any number would do; this one is ours in every database."""
LOCK_PATIENCE_S: Final = 2.0
"""How long a new server waits for PostgreSQL's lock: the session of one that has just ended goes a moment later."""
_LOOK_AGAIN_S: Final = 0.05


class FileLock:
    """Keeps other servers off a SQLite file for as long as this process lives."""

    def __init__(self, url: URL) -> None:
        path = f"{url.database}.writer"
        keep_to_owner(Path(path))
        try:
            self._connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise JournalUnusable(f"{path} cannot be opened: {error}; look whether its folder exists") from error
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            self._connection.close()
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                kind = JournalAway if may_pass(error) else JournalUnusable
                raise kind(f"{path} cannot be locked: {reason_of(error)}") from error
            raise JournalTaken(
                f"another server writes {redacted(url)} already{_writer_of(url)}; stop that one, or give this one a"
                " folder of its own"
            ) from error

    def release(self) -> None:
        """Let the next server in."""
        self._connection.close()


def _writer_of(url: URL) -> str:
    """Who wrote the file last, by its own account, as far as it can be read."""
    try:
        reader = sqlite3.connect(f"file:{url.database}?mode=ro", uri=True, timeout=1)
        try:
            row = reader.execute("SELECT writer FROM journal").fetchone()
        finally:
            reader.close()
    except sqlite3.Error:
        return ""
    return f" ({row[0]})" if row else ""


def lock_server(connection: Connection, patience_s: float = 0.0) -> bool:
    """Take PostgreSQL's lock on this connection; False where another connection has it all the time."""
    give_up_at = time.monotonic() + patience_s
    while True:
        with connection.begin():
            taken = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY_KEY}).scalar_one()
        if taken or time.monotonic() >= give_up_at:
            return bool(taken)
        time.sleep(_LOOK_AGAIN_S)


class Begun(NamedTuple):
    """What a writer that begins is told."""

    epoch: int
    """Its own."""
    farm_id: str
    history_epoch: int
    """Since which history has only grown."""


def begin_epoch(connection: Connection) -> Begun:
    """Begin an epoch: from now on no other writer's commit succeeds."""
    writer = f"process {os.getpid()} on {socket.gethostname()}"
    with connection.begin():
        row = connection.execute(select(JOURNAL).with_for_update()).one_or_none()
        if row is None:
            begun = Begun(1, str(uuid.uuid4()), 1)
            values = {**begun._asdict(), "id": 1, "last_seq": 0, "writer": writer}
            connection.execute(insert(JOURNAL).values(values))
            return begun
        connection.execute(update(JOURNAL).values(epoch=row.epoch + 1, writer=writer))
    return Begun(row.epoch + 1, row.farm_id, row.history_epoch)


def current_epoch(connection: Connection) -> tuple[int, str]:
    """The epoch that the database is in, and its writer."""
    with connection.begin():
        row = connection.execute(select(JOURNAL.c.epoch, JOURNAL.c.writer)).one()
    return row.epoch, row.writer

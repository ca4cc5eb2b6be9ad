"""The journal: where the farm is durable. One thread of its own writes, on one connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from cuebot.engine.farm_rows import Rows
from cuebot.engine.ports import Batch, JournalError, JournalSuperseded
from cuebot.journal import archive, months
from cuebot.journal.backup import BackupFailed, copy_before_migration
from cuebot.journal.daemon_thread import DaemonThread
from cuebot.journal.database import JournalAway, JournalTaken, JournalUnusable, engine_for, parse, redacted
from cuebot.journal.farm_history import drop_farm_sums_before, keep_farm_sums
from cuebot.journal.flush import Flush
from cuebot.journal.load import load_rows
from cuebot.journal.migrate import REVISIONS, stored_revision, upgrade
from cuebot.journal.reasons import may_pass, reason_of
from cuebot.journal.sole_writer import LOCK_PATIENCE_S, FileLock, begin_epoch, current_epoch, lock_server
from cuebot.journal.tables import JOURNAL

Result = TypeVar("Result")

CLOSE_PATIENCE_S: Final = 5.0
"""How long a server that ends waits for what its database is doing."""


class SqlJournal:
    """A journal in SQLite or PostgreSQL; satisfies `engine.ports.Journal`.

    Opening it brings its tables up to date and makes this process its only writer. Raises JournalUnusable,
    JournalTaken, or JournalAway, which may pass.
    """

    def __init__(self, url: str) -> None:
        parsed = parse(url)
        self.name = redacted(parsed)
        """How messages name the database."""
        self.farm_id = ""
        """Of the farm that is in it."""
        self.history_epoch = 0
        """Since which epoch its history has only grown: a copy that was put back began another."""
        self._is_server = parsed.get_backend_name() == "postgresql"
        self._file_lock = None if self._is_server else FileLock(parsed)
        self._engine = engine_for(parsed)
        self._flush = Flush(self._engine.dialect)
        self._driver_error: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        self._connection: Connection | None = None
        self._epoch = 0
        self._month = ""
        self._closed = False
        self._thread = DaemonThread("journal")
        try:
            self._in_thread(self._open)
        except BaseException:
            self.close()
            raise

    # --- the port -------------------------------------------------------------------------------------------------

    async def commit(self, batch: Batch) -> None:
        """Make a batch durable, all of it or nothing; a batch committed before is no error.

        Raises JournalError: it did not happen, or nobody knows; commit the same batch again. Raises JournalSuperseded:
        another server has the journal.
        """
        await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, batch)

    async def probe(self) -> None:
        """See whether the database is there and still ours. Raises JournalError and JournalSuperseded."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, self._look_at_epoch)

    def load(self) -> tuple[Rows, int]:
        """All rows, and the number of the last event. Raises JournalError."""
        return self._in_thread(lambda: self._transact(load_rows))

    # --- besides --------------------------------------------------------------------------------------------------

    async def drop_history_before(self, month: str) -> list[str]:
        """Forget events, runs and farm sums of all months before one, such as `2026_11`. Returns those that went."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: self._transact(lambda connection: _drop_before(connection, month))
        )

    async def keep_farm_sums(self, at_us: int, body: bytes) -> None:
        """Keep what the farm came to at a moment. Raises JournalError."""
        await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: self._transact(lambda connection: keep_farm_sums(connection, at_us, body))
        )

    async def forget_jobs(self, kept: int, ended_before_us: int) -> int:
        """Forget some archived jobs that are too many or too old; call it again until it returns 0."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread,
            lambda: self._transact(lambda connection: archive.forget_jobs(connection, kept, ended_before_us)),
        )

    def close(self) -> None:
        """Finish what is being written, and let another server have the database. A second call does nothing.

        A database that hangs is not waited for: its lock goes with the process.
        """
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(TimeoutError):
            self._thread.submit(self._disconnect).result(CLOSE_PATIENCE_S)
        self._thread.shutdown()
        self._engine.dispose()
        if self._file_lock is not None:
            self._file_lock.release()

    # --- in the thread --------------------------------------------------------------------------------------------

    def _in_thread(self, work: Callable[[], Result]) -> Result:
        return self._thread.submit(work).result()

    def _open(self) -> None:
        try:
            connection = self._engine.connect()
            self._connection = connection
            if self._is_server and not lock_server(connection, LOCK_PATIENCE_S):
                raise JournalTaken(
                    f"another server writes {self.name} already; stop that one, or give this one another database"
                )
            self._keep_before_migration(connection)
            upgrade(connection, self.name)
            begun = begin_epoch(connection)
            self._epoch = begun.epoch
            self.farm_id = begun.farm_id
            self.history_epoch = begun.history_epoch
            self._month = _newest_month(connection)
        except (SQLAlchemyError, self._driver_error) as error:
            kind = JournalAway if may_pass(error) else JournalUnusable
            raise kind(f"{self.name} cannot be opened: {reason_of(error)}") from error

    def _keep_before_migration(self, connection: Connection) -> None:
        with connection.begin():
            stored = stored_revision(connection, self.name)
        if stored in REVISIONS[:-1]:
            try:
                copy_before_migration(self._engine.url, stored)
            except BackupFailed as error:
                raise JournalUnusable(f"{self.name} is not brought up to date without a copy of it: {error}") from error

    def _commit(self, batch: Batch) -> None:
        def write(connection: Connection) -> str:
            return self._flush.write(connection, batch, self._epoch, self._month)

        self._month = self._transact(write)

    def _look_at_epoch(self, connection: Connection) -> None:
        if connection.execute(select(JOURNAL.c.epoch)).scalar_one_or_none() != self._epoch:
            raise JournalSuperseded(f"another server writes {self.name} now")

    def _transact(self, work: Callable[[Connection], Result]) -> Result:
        """Do work in one transaction. After an error of the database its connection is not trusted any more."""
        try:
            connection = self._connected()
            with connection.begin():
                return work(connection)
        except (SQLAlchemyError, self._driver_error) as error:
            self._disconnect()
            raise JournalError(f"{self.name}: {reason_of(error)}") from error

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = self._engine.connect()
            try:
                self._resume(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _resume(self, connection: Connection) -> None:
        """Go on with a new connection in our old epoch. What the lost one did, each commit finds out by itself."""
        epoch, writer = current_epoch(connection)
        if epoch != self._epoch:
            raise JournalSuperseded(f"another server writes {self.name} now ({writer})")
        if self._is_server and not lock_server(connection):
            raise JournalError(f"{self.name}: the lock is still with a lost connection; it goes within a minute")
        self._month = _newest_month(connection)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except (SQLAlchemyError, self._driver_error):
                connection.invalidate()  # it was broken already


def _drop_before(connection: Connection, month: str) -> list[str]:
    drop_farm_sums_before(connection, month)
    return months.drop_months_before(connection, month)


def _newest_month(connection: Connection) -> str:
    with connection.begin():
        known = months.months(connection)
    return known[-1][0] if known else ""

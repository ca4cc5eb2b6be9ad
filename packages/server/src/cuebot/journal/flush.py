"""The hot path: one batch into the database, in one transaction. Nothing else writes.

Core builds no statement here. Each is a string made once, and goes to the driver's own bulk call: SQLite's executemany,
or for PostgreSQL one array a column and a single round trip. That is most of the difference to the driver alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any, Final

from sqlalchemy import Boolean, Connection, Integer, LargeBinary, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from cuebot.domain.archive import ArchivedJob, pack
from cuebot.domain.events import RunEnded, encode
from cuebot.engine.farm_rows import FrameRows, Rows
from cuebot.engine.ports import Batch, JournalSuperseded, Recorded
from cuebot.journal.months import create_month, event_table, month_of, run_table
from cuebot.journal.tables import ARCHIVED_JOB, ARCHIVED_PART, FRAME, SPECIFICATION, TABLES, JsonText, to_json

_FRAME_COLUMNS: Final = tuple(column.name for column in FRAME.columns)[2:]
_GUARD: Final = "UPDATE journal SET last_seq = {0} WHERE id = 1 AND epoch = {0} AND last_seq = {0}"
_STANDING: Final = "SELECT epoch, last_seq, writer FROM journal WHERE id = 1"

Row = tuple[Any, ...]


class Flush:
    """Writes batches in the SQL of one kind of database."""

    def __init__(self, dialect: Dialect) -> None:
        self._bulk = _Arrays(dialect) if dialect.name == "postgresql" else _Many(dialect)
        self._put = {kind: self._bulk.upsert(table, ("id",)) for kind, table in TABLES.items()}
        self._delete = {kind: self._bulk.delete(table) for kind, table in TABLES.items()}
        self._frames = self._bulk.upsert(FRAME, ("layer_key", "idx"))
        self._archive = self._bulk.upsert(ARCHIVED_JOB, ("id",))
        self._archive_part = self._bulk.upsert(ARCHIVED_PART, ("id",))
        self._recall = self._bulk.delete(ARCHIVED_JOB)
        self._recall_parts = self._bulk.delete(ARCHIVED_PART, "job_id")
        self._remove_frames = self._bulk.delete(FRAME, "layer_key")
        self._keep_specification = self._bulk.upsert(SPECIFICATION, ("id",))
        self._json = {kind: _json_positions(table) for kind, table in TABLES.items()}
        self._guard = _GUARD.format(self._bulk.place)
        self._month = ""
        self._events = self._runs = ""

    def write(self, connection: Connection, batch: Batch, epoch: int, newest_month: str) -> str:
        """Write a batch within the caller's transaction; one that is there already changes nothing.

        Returns the month in which history goes on. Raises JournalSuperseded where another writer has the journal.
        """
        if not self._claim(connection, batch, epoch):
            return newest_month
        self._write_rows(connection, batch.rows)
        self._write_archive(connection, batch.rows)
        if batch.specifications:
            self._bulk.run(connection, self._keep_specification, list(batch.specifications.items()))
        if batch.events:
            newest_month = self._write_history(connection, batch.events, newest_month)
        return newest_month

    def _claim(self, connection: Connection, batch: Batch, epoch: int) -> bool:
        """Move history's end from before the batch to behind it. False: the batch is there already."""
        if batch.events:
            first, last = batch.events[0].seq, batch.events[-1].seq
            if connection.exec_driver_sql(self._guard, (last, epoch, first - 1)).rowcount == 1:
                return True
        standing = connection.exec_driver_sql(_STANDING).one_or_none()
        if standing is None:
            raise JournalSuperseded("the journal's own row is gone: the database was emptied under this server")
        if standing.epoch != epoch:
            raise JournalSuperseded(
                f"another server writes this database now ({standing.writer}, epoch {standing.epoch}; ours was {epoch})"
            )
        if not batch.events:
            return True
        if standing.last_seq >= batch.events[-1].seq:
            return False
        raise JournalSuperseded(
            f"history ends at {standing.last_seq} and this server would go on at {batch.events[0].seq}: the database"
            " was replaced under it"
        )

    def _write_rows(self, connection: Connection, rows: Rows) -> None:
        for kind, things in rows.things.items():
            positions = self._json[kind]
            if not positions:
                values: Iterable[Row] = [tuple(thing.values()) for thing in things]
            else:
                values = [_with_json(thing, positions) for thing in things]
            self._bulk.run(connection, self._put[kind], values)
        for kind, ids in rows.removed.items():
            self._bulk.run(connection, self._delete[kind], [(id,) for id in ids])
        if rows.frames:
            if len(rows.frames) == 1:
                frames: Iterable[Row] = _frame_tuples(rows.frames[0])
            else:
                frames = (row for part in rows.frames for row in _frame_tuples(part))
            self._bulk.run(connection, self._frames, frames)

    def _write_archive(self, connection: Connection, rows: Rows) -> None:
        """Jobs that are in memory again go first: one may have left once more."""
        if rows.recalled:
            ids = [(id,) for id in rows.recalled]
            self._bulk.run(connection, self._recall, ids)
            self._bulk.run(connection, self._recall_parts, ids)
        if rows.archived:
            parts = [(id, archived.job.id) for archived in rows.archived for id in archived.part_ids()]
            self._bulk.run(connection, self._archive, [_archive_row(archived) for archived in rows.archived])
            self._bulk.run(connection, self._archive_part, parts)
            self._bulk.run(connection, self._remove_frames, [(key,) for key in rows.removed_frames])

    def _write_history(self, connection: Connection, events: Sequence[Recorded], newest_month: str) -> str:
        month = max(newest_month, month_of(events[-1].at_us))
        if month != newest_month:
            create_month(connection, month, events[0].seq)
        if month != self._month:
            self._month = month
            self._events = self._bulk.insert(event_table(month))
            self._runs = self._bulk.insert(run_table(month))
        self._bulk.run(connection, self._events, [_event_row(recorded) for recorded in events])
        runs = [_run_row(recorded.seq, recorded.at_us, recorded.event) for recorded in events
                if isinstance(recorded.event, RunEnded)]  # fmt: skip
        if runs:
            self._bulk.run(connection, self._runs, runs)
        return month


def _frame_tuples(part: FrameRows) -> Iterable[Row]:
    columns = (part.columns[name].tolist() for name in _FRAME_COLUMNS)
    return zip(repeat(part.layer_key), part.indices.tolist(), *columns)


def _event_row(recorded: Recorded) -> Row:
    event, envelope = recorded.event, recorded.envelope
    return (
        recorded.seq,
        recorded.at_us,
        type(event).__name__,
        event.version,
        envelope.actor,
        envelope.origin,
        envelope.reason,
        envelope.request_id,
        encode(event).decode(),
    )


def _run_row(seq: int, at_us: int, event: RunEnded) -> Row:
    return (
        seq,
        event.run_id,
        event.job_id,
        event.layer_id,
        event.index,
        event.number,
        event.host_id,
        event.booked_us,
        at_us,
        event.run_us,
        event.cores,
        event.memory,
        event.max_rss,
        event.exit_status,
        event.exit_signal,
        int(event.cause),
        None if event.state is None else int(event.state),
        event.attempt,
        event.message,
        event.error_line,
        event.log_name,
    )


def _archive_row(archived: ArchivedJob) -> Row:
    job, packed = archived.job, pack(archived)
    return (
        job.id,
        job.name,
        job.show_id,
        job.shot,
        job.user,
        job.submitted_us,
        job.stopped_us,
        job.specification_id,
        packed.summary,
        packed.rest,
    )


def _with_json(thing: dict[str, Any], positions: tuple[int, ...]) -> Row:
    values = list(thing.values())
    for position in positions:
        values[position] = to_json(values[position])
    return tuple(values)


def _json_positions(table: Table) -> tuple[int, ...]:
    return tuple(place for place, column in enumerate(table.columns) if isinstance(column.type, JsonText))


class _Many:
    """Many rows in SQLite: the driver's executemany, whose loop is C."""

    place = "?"

    def __init__(self, dialect: Dialect) -> None:
        self._quote = dialect.identifier_preparer.quote

    def insert(self, table: Table) -> str:
        """The statement that adds rows."""
        places = ", ".join("?" for _ in table.columns)
        return f"INSERT INTO {self._quote(table.name)} VALUES ({places})"

    def upsert(self, table: Table, key: tuple[str, ...]) -> str:
        """The statement that adds or replaces rows."""
        return self.insert(table) + _on_conflict(table, key, self._quote)

    def delete(self, table: Table, column: str = "id") -> str:
        """The statement that removes rows by the value of a column."""
        return f"DELETE FROM {self._quote(table.name)} WHERE {column} = ?"

    def run(self, connection: Connection, statement: str, rows: Iterable[Row]) -> None:
        """Carry out a statement for every row."""
        connection.exec_driver_sql(statement, rows if isinstance(rows, list) else list(rows))


class _Arrays:
    """Many rows in PostgreSQL: one array a column, one statement, one round trip.

    The arrays are written as text here, because the driver takes about 2 µs for each element of a list.
    """

    place = "%s"

    def __init__(self, dialect: Dialect) -> None:
        self._quote = dialect.identifier_preparer.quote
        self._literals: dict[str, tuple[Literal, ...]] = {}

    def insert(self, table: Table) -> str:
        """The statement that adds rows."""
        columns = ", ".join(self._quote(column.name) for column in table.columns)
        arrays = ", ".join(f"%s::{_array_of(column.type)[0]}[]" for column in table.columns)
        statement = f"INSERT INTO {self._quote(table.name)} ({columns}) SELECT * FROM unnest({arrays})"
        return self._remember(statement, table)

    def upsert(self, table: Table, key: tuple[str, ...]) -> str:
        """The statement that adds or replaces rows."""
        return self._remember(self.insert(table) + _on_conflict(table, key, self._quote), table)

    def delete(self, table: Table, column: str = "id") -> str:
        """The statement that removes rows by the value of a column."""
        kind, literal = _array_of(table.c[column].type)
        statement = f"DELETE FROM {self._quote(table.name)} WHERE {column} = ANY(%s::{kind}[])"
        self._literals[statement] = (literal,)
        return statement

    def run(self, connection: Connection, statement: str, rows: Iterable[Row]) -> None:
        """Carry out a statement for all rows at once."""
        columns = zip(self._literals[statement], zip(*rows, strict=True), strict=True)
        arrays = tuple("{" + ",".join(map(literal, column)) + "}" for literal, column in columns)
        connection.exec_driver_sql(statement, arrays)

    def _remember(self, statement: str, table: Table) -> str:
        self._literals[statement] = tuple(_array_of(column.type)[1] for column in table.columns)
        return statement


Literal = Callable[[Any], str]
"""Writes a value as an element of an array in PostgreSQL's text form."""


def _text_element(value: str | None) -> str:
    """Text, quoted. PostgreSQL's text has no NUL, which an agent's words may: another sign stands in for it."""
    if value is None:
        return "NULL"
    if "\\" in value or '"' in value or "\0" in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\N{REPLACEMENT CHARACTER}")
    return f'"{value}"'


def _whole_element(value: int | None) -> str:
    return "NULL" if value is None else str(int(value))


def _flag_element(value: bool) -> str:
    return "t" if value else "f"


def _bytes_element(value: bytes) -> str:
    return f'"\\\\x{value.hex()}"'


def _array_of(type_: TypeEngine[Any]) -> tuple[str, Literal]:
    """The type of an array of a column's values, and how one is written."""
    if isinstance(type_, Boolean):
        return "boolean", _flag_element
    if isinstance(type_, Integer):
        return "bigint", _whole_element
    return ("bytea", _bytes_element) if isinstance(type_, LargeBinary) else ("text", _text_element)


def _on_conflict(table: Table, key: tuple[str, ...], quote: Callable[[str], str]) -> str:
    rest = [quote(column.name) for column in table.columns if column.name not in key]
    changes = ", ".join(f"{name} = excluded.{name}" for name in rest)
    return f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"

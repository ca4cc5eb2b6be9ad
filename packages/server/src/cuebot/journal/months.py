"""History lies in monthly tables, so that forgetting a month is one DROP TABLE.

A batch goes into one month as a whole: the month of its last event, but never an older one than the newest that there
is. So each table holds one unbroken stretch of sequence numbers, whatever the clock did.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    insert,
    select,
)

from cuebot.journal.tables import HISTORY_MONTH

EVENT_COLUMNS: Final = ("seq", "at_us", "kind", "version", "actor", "origin", "reason", "request_id", "body")
RUN_COLUMNS: Final = (
    "seq",
    "run_id",
    "job_id",
    "layer_id",
    "frame_index",
    "frame_number",
    "host_id",
    "booked_us",
    "ended_us",
    "run_us",
    "cores",
    "memory",
    "max_rss",
    "exit_status",
    "exit_signal",
    "cause",
    "state",
    "attempt",
    "message",
    "error_line",
    "log_name",
)


def month_of(at_us: int) -> str:
    """The month of a time in microseconds since the epoch (UTC), such as `2026_11`."""
    return datetime.fromtimestamp(at_us // 1_000_000, tz=UTC).strftime("%Y_%m")


def event_table(month: str) -> Table:
    """A month's events. `body` is the event as JSON, `kind` the name of its class."""
    return Table(
        f"event_{month}",
        MetaData(),
        Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
        Column("at_us", BigInteger, nullable=False),
        Column("kind", Text, nullable=False),
        Column("version", SmallInteger, nullable=False),
        Column("actor", Text, nullable=False),
        Column("origin", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("request_id", Text, nullable=False),
        Column("body", Text, nullable=False),
    )


def run_table(month: str) -> Table:
    """A month's ended runs; `seq` is that of the event, `state` what became of the frame (null: it kept its own)."""
    table = Table(
        f"frame_run_{month}",
        MetaData(),
        Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
        Column("run_id", Text, nullable=False),
        Column("job_id", Text, nullable=False),
        Column("layer_id", Text, nullable=False),
        Column("frame_index", Integer, nullable=False),
        Column("frame_number", Integer, nullable=False),
        Column("host_id", Text, nullable=False),
        Column("booked_us", BigInteger, nullable=False),
        Column("ended_us", BigInteger, nullable=False),
        Column("run_us", BigInteger, nullable=False),
        Column("cores", Integer, nullable=False),
        Column("memory", BigInteger, nullable=False),
        Column("max_rss", BigInteger, nullable=False),
        Column("exit_status", Integer, nullable=False),
        Column("exit_signal", Integer, nullable=False),
        Column("cause", SmallInteger, nullable=False),
        Column("state", SmallInteger, nullable=True),
        Column("attempt", Integer, nullable=False),
        Column("message", Text, nullable=False),
        Column("error_line", Text, nullable=False),
        Column("log_name", Text, nullable=False),
    )
    Index(f"frame_run_{month}_of", table.c.job_id, table.c.layer_id, table.c.frame_index)
    return table


def months(connection: Connection) -> list[tuple[str, int]]:
    """The months with tables and the first sequence number of each, oldest first."""
    rows = connection.execute(select(HISTORY_MONTH.c.month, HISTORY_MONTH.c.first_seq).order_by(HISTORY_MONTH.c.month))
    return [(month, first_seq) for month, first_seq in rows]


def create_month(connection: Connection, month: str, first_seq: int) -> None:
    """Make the tables of a month, within the caller's transaction."""
    event_table(month).create(connection, checkfirst=False)
    run_table(month).create(connection, checkfirst=False)
    connection.execute(insert(HISTORY_MONTH).values(month=month, first_seq=first_seq))


def drop_months_before(connection: Connection, month: str) -> list[str]:
    """Forget the history of all months before one, within the caller's transaction. Returns those that went."""
    old = [name for name, _ in months(connection) if name < month]
    for name in old:
        event_table(name).drop(connection, checkfirst=False)
        run_table(name).drop(connection, checkfirst=False)
        connection.execute(HISTORY_MONTH.delete().where(HISTORY_MONTH.c.month == name))
    return old

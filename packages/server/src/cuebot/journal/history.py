"""Reading history, page by page, on connections of its own: the writer is never held up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, or_, select
from sqlalchemy.exc import SQLAlchemyError

from cuebot.domain.archive import PackedJob
from cuebot.domain.states import Cause, FrameState
from cuebot.engine.ports import EndedRun, FoundEvents, FoundJob, JobSearch, JournalError, KeptJobs, Recorded, RunQuery
from cuebot.journal import archive, farm_history
from cuebot.journal.database import engine_for, parse, redacted
from cuebot.journal.farm_history import recorded
from cuebot.journal.months import event_table, months, run_table
from cuebot.journal.reasons import reason_of

PAGE: Final = 1_000
"""Most rows that one call returns."""


class History:
    """Events, ended runs and archived jobs of a journal.

    Satisfies `engine.ports.RunHistory`, `JobHistory` and `FarmHistory`.

    May be used from any thread; each call has a connection of its own.
    """

    def __init__(self, url: str) -> None:
        parsed = parse(url)
        self.name = redacted(parsed)
        self._engine = engine_for(parsed)
        self._driver_error: type[Exception] = self._engine.dialect.loaded_dbapi.Error

    def events_since(self, seq: int, limit: int = PAGE) -> list[Recorded]:
        """Events after `seq`, oldest first, at most `limit`. Raises JournalError.

        If months were dropped, what comes is the oldest that is left: the first number shows the gap.
        """
        found: list[Recorded] = []
        with self._reading() as (connection, kept):
            for place, (month, _) in enumerate(kept):
                if place + 1 < len(kept) and kept[place + 1][1] <= seq + 1:
                    continue
                events = event_table(month)
                page = select(events).where(events.c.seq > seq).order_by(events.c.seq).limit(limit - len(found))
                found += [recorded(row) for row in connection.execute(page)]
                if len(found) >= limit:
                    break
        return found

    def runs(self, query: RunQuery, limit: int = PAGE) -> list[EndedRun]:
        """Ended runs, newest first, at most `limit`. Raises JournalError."""
        found: list[EndedRun] = []
        with self._reading() as (connection, kept):
            for month, first_seq in reversed(kept):
                if query.before_seq and first_seq >= query.before_seq:
                    continue
                runs = run_table(month)
                page = select(runs).where(*_conditions(runs, query)).order_by(runs.c.seq.desc())
                found += [_ended_run(row) for row in connection.execute(page.limit(limit - len(found)))]
                if len(found) >= limit:
                    break
        return found

    # --- finished jobs --------------------------------------------------------------------------------------------

    def job_with(self, text: str) -> str | None:
        """The id of the archived job that an id or a name means. Raises JournalError."""
        with self._connected() as connection:
            return archive.job_with(connection, text)

    def packed_job(self, job_id: str) -> PackedJob | None:
        """An archived job. Raises JournalError."""
        with self._connected() as connection:
            return archive.packed_job(connection, job_id)

    def has_younger(self, name: str, submitted_us: int) -> bool:
        """Whether a job of this name that was submitted later is archived. Raises JournalError."""
        with self._connected() as connection:
            return archive.has_younger(connection, name, submitted_us)

    def find_jobs(self, search: JobSearch, limit: int) -> list[FoundJob]:
        """Archived jobs, the one that ended last first. Raises JournalError."""
        with self._connected() as connection:
            return archive.find_jobs(connection, search, limit)

    def kept_jobs(self) -> KeptJobs:
        """How many archived jobs there are, and since when. Raises JournalError."""
        with self._connected() as connection:
            return archive.kept_jobs(connection)

    def specification(self, specification_id: str) -> bytes | None:
        """What jobs were submitted with, compressed (zlib). Raises JournalError."""
        with self._connected() as connection:
            return archive.specification(connection, specification_id)

    # --- the farm -------------------------------------------------------------------------------------------------

    def host_events(self, since_us: int, until_us: int, looks: int) -> FoundEvents:
        """Events in which a host was added, changed or removed, the newest first. Raises JournalError."""
        with self._reading() as (connection, kept):
            return farm_history.host_events(connection, kept, since_us, until_us, looks)

    def farm_sums(self, since_us: int, until_us: int, interval_us: int, limit: int) -> list[bytes]:
        """The last sums of each interval, oldest first. Raises JournalError."""
        with self._connected() as connection:
            return farm_history.farm_sums(connection, since_us, until_us, interval_us, limit)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[tuple[Connection, Sequence[tuple[str, int]]]]:
        """One moment of the database, and the months that it has."""
        with self._connected() as connection:
            yield connection, months(connection)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            with self._engine.connect().execution_options(reads_only=True) as connection, connection.begin():
                yield connection
        except (SQLAlchemyError, self._driver_error) as error:
            raise JournalError(f"{self.name}: {reason_of(error)}") from error


def _conditions(runs: Table, query: RunQuery) -> list[ColumnElement[bool]]:
    column = runs.c
    conditions = [column.job_id == query.job_id]
    if query.layer_id:
        conditions.append(column.layer_id == query.layer_id)
    if query.frame_index is not None:
        conditions.append(column.frame_index == query.frame_index)
    if query.run_id:
        conditions.append(column.run_id == query.run_id)
    if query.attempt:
        conditions.append(column.attempt == query.attempt)
    if query.causes:
        conditions.append(column.cause.in_([int(cause) for cause in query.causes]))
    if query.states:
        conditions.append(column.state.in_([int(state) for state in query.states]))
    if query.unsuccessful:
        conditions.append(or_(column.state.is_(None), column.state != int(FrameState.SUCCEEDED)))
    if query.ended_since_us:
        conditions.append(column.ended_us >= query.ended_since_us)
    if query.before_seq:
        conditions.append(column.seq < query.before_seq)
    return conditions


def _ended_run(row: Any) -> EndedRun:
    values = row._asdict()
    state = values.pop("state")
    return EndedRun(**values | {"cause": Cause(row.cause), "state": None if state is None else FrameState(state)})

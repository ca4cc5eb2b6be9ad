"""Reading history, page by page, on connections of its own: the writer is never held up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from cuebot.domain.commands import Envelope
from cuebot.domain.events import decode
from cuebot.domain.states import Cause, FrameState
from cuebot.domain.units import CoreUnits, KiB, Micros
from cuebot.engine.ports import JournalError, Recorded
from cuebot.journal.database import engine_for, parse, reason_of, shown
from cuebot.journal.months import event_table, months, run_table

PAGE: Final = 1_000
"""Most rows that one call returns."""


@dataclass(frozen=True, slots=True)
class EndedRun:
    """One execution of a frame that is over."""

    seq: int
    run_id: str
    job_id: str
    layer_id: str
    frame_index: int
    frame_number: int
    host_id: str
    booked_us: Micros
    ended_us: Micros
    run_us: Micros
    cores: CoreUnits
    memory: KiB
    max_rss: KiB
    exit_status: int
    exit_signal: int
    cause: Cause
    state: FrameState | None
    """What became of the frame; None where it kept the state that it had."""
    attempt: int
    """Which run of the frame it was, the first is 1; 0 where an older version ran it."""
    message: str
    """What server or agent had to say of its end; may be empty."""
    error_line: str
    """The line of its log that says best what went wrong; empty where none was found."""
    log_name: str
    """Name of its log file where that is not `JOB.FRAME.rqlog`."""


class History:
    """Events and ended runs of a journal. May be used from any thread; each call has a connection of its own."""

    def __init__(self, url: str) -> None:
        parsed = parse(url)
        self.name = shown(parsed)
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
                found += [_recorded(row) for row in connection.execute(page)]
                if len(found) >= limit:
                    break
        return found

    def runs_of_job(self, job_id: str, *, before_seq: int | None = None, limit: int = PAGE) -> list[EndedRun]:
        """Ended runs of a job, newest first; `before_seq` is the last page's last `seq`. Raises JournalError."""
        return self._runs({"job_id": job_id}, before_seq, limit)

    def runs_of_frame(
        self, job_id: str, layer_id: str, frame_index: int, *, before_seq: int | None = None, limit: int = PAGE
    ) -> list[EndedRun]:
        """Ended runs of one frame, newest first; `before_seq` is the last page's last `seq`. Raises JournalError."""
        return self._runs({"job_id": job_id, "layer_id": layer_id, "frame_index": frame_index}, before_seq, limit)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _runs(self, of: dict[str, Any], before_seq: int | None, limit: int) -> list[EndedRun]:
        found: list[EndedRun] = []
        with self._reading() as (connection, kept):
            for month, first_seq in reversed(kept):
                if before_seq is not None and first_seq >= before_seq:
                    continue
                runs = run_table(month)
                page = select(runs).order_by(runs.c.seq.desc()).limit(limit - len(found))
                for column, value in of.items():
                    page = page.where(runs.c[column] == value)
                if before_seq is not None:
                    page = page.where(runs.c.seq < before_seq)
                found += [_ended_run(row) for row in connection.execute(page)]
                if len(found) >= limit:
                    break
        return found

    @contextmanager
    def _reading(self) -> Iterator[tuple[Connection, Sequence[tuple[str, int]]]]:
        """One moment of the database, and the months that it has."""
        try:
            with self._engine.connect().execution_options(reads_only=True) as connection, connection.begin():
                yield connection, months(connection)
        except (SQLAlchemyError, self._driver_error) as error:
            raise JournalError(f"{self.name}: {reason_of(error)}") from error


def _recorded(row: Any) -> Recorded:
    envelope = Envelope(row.actor, row.origin, row.reason, row.request_id)
    return Recorded(row.seq, row.at_us, envelope, decode(row.kind, row.body.encode()))


def _ended_run(row: Any) -> EndedRun:
    values = row._asdict()
    state = values.pop("state")
    return EndedRun(**values | {"cause": Cause(row.cause), "state": None if state is None else FrameState(state)})

"""What the spool is told of runs that go on and end, now or as soon as it can be written again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rqd import log
from rqd.runner.loop import Loop
from rqd.runner.run import Run
from rqd.runner.spool import Spool

NOTE_AGAIN_SECONDS = 5.0


class Notes:
    """Adds lines to runs' files. A failure is survivable: as long as this runner lives it knows what they lack."""

    def __init__(self, spool: Spool, loop: Loop, boot_id: str) -> None:
        self._spool = spool
        self._loop = loop
        self._boot_id = boot_id
        self._lacking: dict[str, Run] = {}
        self._is_over = False

    def give_up(self) -> None:
        """There is no spool any more: what becomes of runs is known to this runner alone."""
        self._is_over = True
        self._lacking.clear()

    def add(self, run: Run, record: Mapping[str, Any]) -> None:
        """Add a record to the run's file, or later all that the file lacks."""
        if self._is_over or run.run_id in self._lacking:
            return
        try:
            self._spool.append(run.run_id, dict(record))
        except OSError as problem:
            log.error("spool cannot be written", run=run.run_id, folder=self._spool.folder, why=problem.strerror)
            if not self._lacking:
                self._loop.call_later(NOTE_AGAIN_SECONDS, self._try_again)
            self._lacking[run.run_id] = run

    def forget(self, run: Run) -> None:
        """The server has the outcome of this run."""
        self._lacking.pop(run.run_id, None)
        if self._is_over:
            return
        try:
            self._spool.forget(run.run_id)
        except OSError as problem:
            log.error("spool cannot be written", run=run.run_id, folder=self._spool.folder, why=problem.strerror)

    def _try_again(self) -> None:
        while self._lacking:
            run = next(iter(self._lacking.values()))
            try:
                self._spool.write_again(run.run_id, self._records_of(run))
            except OSError:
                self._loop.call_later(NOTE_AGAIN_SECONDS, self._try_again)
                return
            log.info("spool can be written again", run=run.run_id, folder=self._spool.folder)
            del self._lacking[run.run_id]

    def _records_of(self, run: Run) -> list[dict[str, Any]]:
        records = [run.stored(self._boot_id)]
        if run.process is not None:
            records.append(run.started())
        if run.outcome is not None:
            records.append(run.outcome)
        return records

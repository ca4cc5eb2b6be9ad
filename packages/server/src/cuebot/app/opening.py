"""Opening the farm's database when a server starts, and waiting for one that is not up yet."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import structlog

from cuebot.app.exit_status import CannotStart, CannotStartNow
from cuebot.engine.farm_rows import Rows
from cuebot.engine.ports import JournalError
from cuebot.journal import History, JournalTaken, JournalUnusable, SqlJournal
from cuebot.journal.daemon_thread import DaemonThread

log = structlog.get_logger("server")

TRY_AGAIN_SECONDS: Final = 1.0
SAY_AGAIN_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class OpenDatabase:
    """A database that this process writes."""

    journal: SqlJournal
    history: History

    def close(self) -> None:
        """Let another server have it."""
        self.history.close()
        self.journal.close()


async def open_database(url: str, wait_s: float) -> tuple[OpenDatabase, Rows, int]:
    """Open a database; returns it, all its rows, and the number of its last event.

    One that is not up yet is waited for, for so many seconds, and no other: waiting mends no password and no schema.
    Raises CannotStart, and CannotStartNow for what may pass. May be cancelled at any moment; what hangs then is left
    to its thread.
    """
    began = time.monotonic()
    said_at = 0.0
    while True:
        try:
            return await asyncio.get_running_loop().run_in_executor(DaemonThread("open"), _open, url)
        except JournalUnusable as error:
            raise CannotStart(str(error)) from error
        except JournalTaken as error:
            raise CannotStartNow(str(error)) from error
        except JournalError as error:
            waited_s = time.monotonic() - began
            if waited_s + TRY_AGAIN_SECONDS > wait_s:
                waited = f"; waited {waited_s:.0f} s for it (--wait-for-database)" if wait_s else ""
                raise CannotStartNow(f"{error}{waited}") from error
            if not said_at or time.monotonic() - said_at >= SAY_AGAIN_SECONDS:
                said_at = time.monotonic()
                left_s = f"{wait_s - waited_s:.0f}"
                log.warning(f"the database is not there yet; waiting for it, {left_s} s more", reason=str(error))
        await asyncio.sleep(TRY_AGAIN_SECONDS)


def _open(url: str) -> tuple[OpenDatabase, Rows, int]:
    journal = SqlJournal(url)
    try:
        rows, last_seq = journal.load()
        return OpenDatabase(journal, History(url)), rows, last_seq
    except BaseException:
        journal.close()
        raise

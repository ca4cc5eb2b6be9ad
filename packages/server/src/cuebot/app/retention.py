"""What is forgotten at last: finished jobs on disk that are too old or too many, and old months of history.

Which finished jobs leave memory, and stay on disk: `decide/archiving`.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog

from cuebot.app.clock import Clock
from cuebot.domain.settings import Settings
from cuebot.domain.units import HOUR
from cuebot.engine.ports import JournalError

log = structlog.get_logger("retention")

LOOK_SECONDS: Final = 3_600.0
BETWEEN_STEPS_SECONDS: Final = 0.2
"""The journal's writer has other things to do."""
_DAY_US: Final = 24 * HOUR


class Forgetting(Protocol):
    """What a journal can be told to forget."""

    async def forget_jobs(self, kept: int, ended_before_us: int) -> int:
        """Forget some archived jobs that are too many or too old; returns how many, 0 at the end."""

    async def drop_history_before(self, month: str) -> list[str]:
        """Forget the events and runs of all months before one, such as `2026_11`; returns those that went."""


async def keep_retention(journal: Forgetting, settings: Settings, clock: Clock) -> None:
    """Look every hour, for ever. What goes is logged; a database that fails is asked again an hour later."""
    while True:
        try:
            await forget_what_is_old(journal, settings, clock.now_us())
        except JournalError as error:
            log.warning("nothing was forgotten, the database fails", reason=str(error))
        await asyncio.sleep(LOOK_SECONDS)


async def forget_what_is_old(journal: Forgetting, settings: Settings, now_us: int) -> None:
    """Forget what the settings keep no longer. Raises JournalError."""
    kept, days, months = settings.finished_jobs_kept, settings.finished_jobs_kept_days, settings.history_kept_months
    if kept or days:
        jobs = 0
        ended_before_us = now_us - days * _DAY_US if days else 0
        while forgotten := await journal.forget_jobs(kept, ended_before_us):
            jobs += forgotten
            await asyncio.sleep(BETWEEN_STEPS_SECONDS)
        if jobs:
            log.info("finished jobs are forgotten", jobs=jobs, kept_days=days or "all", kept=kept or "all")

    if months:
        gone = await journal.drop_history_before(month_before(now_us, months))
        if gone:
            log.info("events and runs are forgotten", months=", ".join(gone), kept_months=months)


def month_before(now_us: int, months: int) -> str:
    """The month so many months before a time in microseconds since the epoch (UTC), such as `2026_11`."""
    now = datetime.fromtimestamp(now_us / 1e6, tz=UTC)
    number = now.year * 12 + now.month - 1 - months
    return f"{number // 12:04d}_{number % 12 + 1:02d}"

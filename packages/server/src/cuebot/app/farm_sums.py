"""What the farm comes to is kept every few minutes, for its history."""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec
import structlog

from cuebot.app.clock import Clock
from cuebot.domain.errors import FarmError
from cuebot.domain.farm import Farm
from cuebot.domain.settings import Settings
from cuebot.domain.units import SECOND
from cuebot.engine.past_jobs import PastJobs
from cuebot.engine.ports import JournalError
from cuebot.queries.farm_sums import farm_sums
from cuebot.queries.jobs import finished_in_memory

log = structlog.get_logger("retention")


class SumsJournal(Protocol):
    """Where sums are kept."""

    async def keep_farm_sums(self, at_us: int, body: bytes) -> None:
        """Keep what the farm came to at a moment. Raises JournalError."""


async def keep_farm_sums(farm: Farm, past: PastJobs, journal: SumsJournal, settings: Settings, clock: Clock) -> None:
    """Keep the farm's sums now and ever so often. Where the database fails, a moment is left out."""
    while True:
        try:
            on_disk = (await past.kept_jobs()).jobs
            sums = farm_sums(farm, clock.now_us(), finished_in_memory(farm) + on_disk)
            await journal.keep_farm_sums(sums.at_us, msgspec.json.encode(sums))
        except (JournalError, FarmError) as error:
            log.warning("what the farm comes to was not kept, the database fails", reason=str(error))
        await asyncio.sleep(settings.farm_sums_us / SECOND)

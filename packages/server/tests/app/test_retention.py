"""What the server asks its journal to forget, by what is set."""

from __future__ import annotations

from typing import Any

import pytest

from cuebot.app.retention import forget_what_is_old
from cuebot.decide import Settings
from cuebot.domain.units import HOUR

NOW_US = 1_000 * 24 * HOUR


class FakeJournal:
    """Remembers what it is asked, and has nothing to forget."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    async def forget_jobs(self, kept: int, ended_before_us: int) -> int:
        """Forget some archived jobs."""
        self.asked.append((kept, ended_before_us))
        return 0

    async def drop_history_before(self, month: str) -> list[str]:
        """Forget months."""
        self.asked.append((month,))
        return []


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        (Settings(), []),
        (Settings(finished_jobs_kept=3), [(3, 0)]),
        (Settings(finished_jobs_kept_days=2), [(0, NOW_US - 48 * HOUR)]),
        (Settings(finished_jobs_kept=3, finished_jobs_kept_days=2), [(3, NOW_US - 48 * HOUR)]),
        (Settings(history_kept_months=1), [("1972_08",)]),
    ],
)
async def test_only_what_a_setting_names_is_forgotten(settings: Settings, asked: list[tuple[Any, ...]]) -> None:
    """A number of jobs forgets none for its age, days none for their number, and months no job."""
    journal = FakeJournal()
    await forget_what_is_old(journal, settings, NOW_US)
    assert journal.asked == asked

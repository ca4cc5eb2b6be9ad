"""What the farm comes to is kept every few minutes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from small_farm import SmallFarm
from structlog.testing import capture_logs

from cuebot.app.clock import Clock
from cuebot.app.farm_sums import keep_farm_sums
from cuebot.app.retention import month_before
from cuebot.domain.settings import Settings
from cuebot.domain.units import HOUR, Micros
from cuebot.engine.past_jobs import NoJobHistory, PastJobs
from cuebot.engine.ports import JournalError
from cuebot.journal import History, SqlJournal
from cuebot.queries.farm_sums import FarmSums
from cuebot.sim.specs import job_spec, layer_spec

OFTEN = Settings(farm_sums_us=Micros(10_000))


class Kept:
    """A journal that keeps sums in memory, and fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.sums: list[FarmSums] = []
        self.failures = failures

    async def keep_farm_sums(self, at_us: int, body: bytes) -> None:
        """Keep what the farm came to."""
        if self.failures:
            self.failures -= 1
            raise JournalError("the disk is full")
        self.sums.append(msgspec.json.decode(body, type=FarmSums))


@contextlib.asynccontextmanager
async def keeping(farm: SmallFarm, journal: Kept) -> Callable[[int], Awaitable[None]]:  # type: ignore[misc]
    """Keep sums meanwhile; what is given waits until there are so many."""
    past = PastJobs(NoJobHistory(), farm.core.bounds)
    task = asyncio.create_task(keep_farm_sums(farm.farm, past, journal, OFTEN, Clock()))

    async def until(number: int) -> None:
        async with asyncio.timeout(10):
            while len(journal.sums) < number:
                await asyncio.sleep(0.005)

    try:
        yield until
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_the_farm_is_summed_up_at_the_start_and_then_ever_so_often() -> None:
    """Each time as it is by then."""
    farm, journal = SmallFarm(), Kept()
    farm.host(cores=400)
    async with keeping(farm, journal) as until:
        await until(1)
        farm.launch(job_spec("one", layer_spec(range_text="1-3")))
        farm.plan()
        await until(len(journal.sums) + 2)
    first, last = journal.sums[0], journal.sums[-1]
    assert (first.pending_jobs, first.frames, first.hosts, first.cores, first.idle_cores) == (0, 0, 1, 4.0, 4.0)
    assert (last.pending_jobs, last.frames, last.running, last.running_cores) == (1, 3, 3, 3.0)
    assert [(show.pending_jobs, show.running_frames) for show in last.shows] == [(1, 3)]
    assert last.at_us > first.at_us


async def test_a_database_that_fails_costs_one_moment() -> None:
    """The log says so, and the next one is kept."""
    journal = Kept(failures=1)
    with capture_logs() as logs:
        async with keeping(SmallFarm(), journal) as until:
            await until(1)
    assert [line["log_level"] for line in logs] == ["warning"]


async def test_sums_go_with_the_history_of_their_months(tmp_path: Path) -> None:
    """Whoever keeps no history of last year keeps none of its sums."""
    url = f"sqlite:///{tmp_path}/farm.sqlite"
    journal, history = SqlJournal(url), History(url)
    now_us = Clock().now_us()
    try:
        for days in (200, 0):
            at_us = now_us - days * 24 * HOUR
            await journal.keep_farm_sums(at_us, msgspec.json.encode(FarmSums(at_us=at_us)))
        assert len(history.farm_sums(0, now_us, HOUR, 10)) == 2
        assert len(history.farm_sums(0, now_us, HOUR, 1)) == 1
        await journal.drop_history_before(month_before(now_us, 2))
        (left,) = history.farm_sums(0, now_us, HOUR, 10)
    finally:
        history.close()
        journal.close()
    assert msgspec.json.decode(left, type=FarmSums).at_us == now_us


@pytest.mark.parametrize("body", [b'{"at_us": 5}', b'{"at_us": 5, "of_a_later_version": 1}'])
def test_sums_of_other_versions_can_be_read(body: bytes) -> None:
    """What they do not have is 0, and what is not known is left out."""
    assert msgspec.json.decode(body, type=FarmSums) == FarmSums(at_us=5)

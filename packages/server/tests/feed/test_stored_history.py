"""The feed over a real journal: positions outlive a restart, and not what a backup has replaced."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cuebot.app.event_history import ThreadedHistory
from cuebot.domain import commands as c
from cuebot.domain.events import Added
from cuebot.engine.core import Core
from cuebot.engine.engine import Engine
from cuebot.engine.farm_rows import Rows, load_farm
from cuebot.engine.ports import Batch, Recorded
from cuebot.feed import EventFeed, Position, PublicEvent, Reset
from cuebot.journal import History, SqlJournal
from cuebot.journal.backup import back_up, restore
from cuebot.sim.clock import START_US

ENVELOPE = c.Envelope(actor="ann", reason="because")


class NoAgents:
    """There are no hosts here."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"{name} was called")


class Server:
    """An engine over a database, and its feed."""

    def __init__(self, path: Path) -> None:
        url = f"sqlite:///{path}"
        self.journal, self.history = SqlJournal(url), History(url)
        rows, last_seq = self.journal.load()
        farm = load_farm(rows, START_US)
        core = Core(farm, last_seq=last_seq, started_us=START_US, new_id=lambda: str(uuid.uuid4()))
        origin = Position(self.journal.farm_id, self.journal.history_epoch, last_seq)
        self.threaded = ThreadedHistory(self.history)
        self.feed = EventFeed(farm, origin=origin, history=self.threaded)
        self.engine = Engine(core, self.journal, NoAgents(), lambda: START_US, self.feed)  # type: ignore[arg-type]

    async def create(self, *shows: str) -> None:
        """Create shows; each is on disk when this returns."""
        for show in shows:
            await self.engine.submit(c.CreateShow(show), ENVELOPE)
        await self.engine.drained()

    async def told(self, after: str, until: str) -> list[PublicEvent]:
        """The new shows that are told behind a position, until this one."""
        found: list[PublicEvent] = []
        with self.feed.subscribe(after) as subscription:
            async with asyncio.timeout(60):
                async for delivery in subscription:
                    found += [event for event in delivery.events if event.type == "show.added"]
                    if found and found[-1].show == until:
                        return found
        raise AssertionError("the feed was closed")


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[Server]:
    """Run a server for a while."""
    server = Server(path)
    running = asyncio.create_task(server.engine.run())
    try:
        yield server
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        server.threaded.close()
        server.history.close()
        server.journal.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "farm.sqlite"


async def test_a_position_outlives_a_restart(path: Path) -> None:
    """A subscriber that comes back to the next server hears what it missed from either, as it was said then."""
    async with serving(path) as server:
        await server.create("one")
        position = str(server.feed.position)
        await server.create("two")
        live = await server.told(position, until="two")
    async with serving(path) as server:
        await server.create("three")
        told = await server.told(position, until="three")
    assert [event.show for event in told] == ["two", "three"]
    assert told[0] == live[0]
    assert (told[0].actor, told[0].reason, told[0].at_us) == ("ann", "because", START_US)


async def test_a_backup_that_was_put_back_resets_every_position(path: Path, tmp_path: Path) -> None:
    """Also once its history has grown as long as the one that it replaced, and also for a position of before the copy:
    nobody can tell from a number on which side of it a client was."""
    async with serving(path) as server:
        await server.create("one")
        before = str(server.feed.position)
        back_up(f"sqlite:///{path}", tmp_path / "copy")
        await server.create("two")
        after = str(server.feed.position)
    restore(tmp_path / "copy", f"sqlite:///{path}", replace=True)
    async with serving(path) as server:
        await server.create("other", "others")
        for position in (before, after):
            with pytest.raises(Reset, match="a backup was put") as lost, server.feed.subscribe(position):
                pass
        assert lost.value.position == server.feed.position
        kept = str(server.feed.position)
    async with serving(path) as server:
        await server.create("more")
        assert [event.show for event in await server.told(kept, until="more")] == ["more"]


async def test_another_farm_resets_a_position(path: Path, tmp_path: Path) -> None:
    """Two farms with as much history are told apart."""
    async with serving(path) as server:
        position = str(server.feed.position)
    async with serving(tmp_path / "other.sqlite") as server:
        with pytest.raises(Reset, match="another farm"), server.feed.subscribe(position):
            pass


async def lengthen(path: Path, count: int) -> None:
    """Write so many events into a database, each of a show that is new, without a farm that has them."""
    journal = SqlJournal(f"sqlite:///{path}")
    _, last_seq = journal.load()
    for first in range(0, count, 5_000):
        shows = [Added("show", {"id": str(number), "name": f"show{number}"}) for number in range(first, first + 5_000)]
        numbered = enumerate(shows, last_seq + first + 1)
        await journal.commit(Batch(Rows(), [Recorded(seq, START_US, ENVELOPE, show) for seq, show in numbered]))
    journal.close()


async def test_a_hundred_thousand_events_are_read_back_while_others_happen(path: Path) -> None:
    """In order, without a gap, from disk and then from memory; and the engine answers meanwhile."""
    async with serving(path) as server:
        position = str(server.feed.position)
    await lengthen(path, 100_000)
    async with serving(path) as server:
        reading = asyncio.create_task(server.told(position, until="last"))
        await server.create("meanwhile")
        assert not reading.done()
        await server.create("last")
        told = await reading
    assert [event.show for event in told] == [*(f"show{number}" for number in range(100_000)), "meanwhile", "last"]

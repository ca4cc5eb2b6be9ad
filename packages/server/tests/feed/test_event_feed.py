"""The feed: subscribers read at their own pace, and none can hurt the engine or another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from small_farm import SmallFarm
from structlog.testing import capture_logs

from cuebot.domain import commands as c
from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.errors import Exhausted, Invalid, Unavailable
from cuebot.domain.events import Added
from cuebot.domain.farm import Farm
from cuebot.engine.ports import JournalError, Recorded
from cuebot.feed import Behind, EventFeed, Position, PublicEvent, Reset, Subscription, event_feed
from cuebot.feed import follower as follower_module
from cuebot.feed.follower import Follower, Take
from cuebot.sim.specs import job_spec, layer_spec

ORIGIN = Position("0f", 1, 0)


class MemoryHistory:
    """Events on disk, here in memory; some of the oldest may be dropped."""

    def __init__(self, events: list[Recorded]) -> None:
        self.events = events
        self.fails = False
        self.reads = 0

    async def events_since(self, seq: int, limit: int) -> Sequence[Recorded]:
        """A page."""
        self.reads += 1
        await asyncio.sleep(0)
        if self.fails:
            raise JournalError("the disk is away")
        return [event for event in self.events if event.seq > seq][:limit]


class Fed:
    """A feed, and what is committed to it: one show more an event."""

    def __init__(
        self, bounds: Bounds = DEFAULT_BOUNDS, farm: Farm | None = None, followers: Sequence[Follower] = ()
    ) -> None:
        self.events: list[Recorded] = []
        self.history = MemoryHistory(self.events)
        self.feed = EventFeed(farm or Farm(), origin=ORIGIN, history=self.history, bounds=bounds, followers=followers)

    def commit(self, *names: str) -> None:
        """Commit a batch of new shows."""
        first = len(self.events) + 1
        batch = [Recorded(first + n, 0, c.Envelope(), added(name)) for n, name in enumerate(names)]
        self.events += batch
        self.feed.committed(batch)


def added(name: str) -> Added:
    """The event of a new show."""
    return Added("show", {"id": f"id of {name}", "name": name})


def names(events: Sequence[PublicEvent]) -> list[str]:
    """The shows that events are about."""
    return [event.show or "" for event in events]


async def told(subscription: Subscription) -> list[str]:
    """The shows of the next delivery."""
    async with asyncio.timeout(5):
        return names((await anext(subscription)).events)


async def all_told(subscription: Subscription, count: int) -> list[str]:
    """The next so many shows."""
    found: list[str] = []
    while len(found) < count:
        found += await told(subscription)
    return found


async def test_a_subscriber_is_told_of_what_happens_from_now_on() -> None:
    """In order, not of what was before, and nothing twice."""
    fed = Fed()
    fed.commit("before")
    with fed.feed.subscribe() as subscription:
        fed.commit("one", "two")
        fed.commit("three")
        assert await all_told(subscription, 3) == ["one", "two", "three"]


async def test_a_subscriber_goes_on_from_the_position_that_it_gives_back() -> None:
    """From disk as far as that is needed, then from memory, without a gap and without anything twice."""
    fed = Fed()
    fed.commit("one")
    position = str(fed.feed.position)
    fed.commit("two", "three")
    with fed.feed.subscribe(), fed.feed.subscribe(position) as subscription:
        fed.commit("four")
        assert await all_told(subscription, 3) == ["two", "three", "four"]
        fed.commit("five")
        reads = fed.history.reads
        assert await told(subscription) == ["five"]
        assert fed.history.reads == reads


async def test_every_position_of_a_delivery_can_be_given_back() -> None:
    """Whoever leaves after any delivery and comes back hears the rest, whichever way it is read."""
    fed = Fed()
    shows = [str(number) for number in range(170)]
    with fed.feed.subscribe() as first:
        fed.commit(*shows)
        positions = []
        heard: list[str] = []
        while len(heard) < len(shows):
            delivery = await anext(first)
            heard += names(delivery.events)
            positions.append((len(heard), str(delivery.position)))
        assert len(positions) > 2
        for count, position in positions[:-1]:
            with fed.feed.subscribe(position) as from_memory:
                assert await all_told(from_memory, len(shows) - count) == shows[count:]
    for count, position in positions[:-1]:
        with fed.feed.subscribe(position) as from_disk:
            assert await all_told(from_disk, len(shows) - count) == shows[count:]


async def test_a_position_between_events_that_are_kept_together_can_be_given_back() -> None:
    """Whoever stopped in the middle of what others are told at once hears the rest of it, and its last event once."""
    fed = Fed()
    with fed.feed.subscribe() as first:
        fed.commit("one", "two", "three")
        assert await told(first) == ["one", "two", "three"]
        with fed.feed.subscribe(str(fed.feed.position_at(2))) as second:
            assert await told(second) == ["three"]


async def test_a_subscriber_sees_its_shows_only_and_its_position_goes_on() -> None:
    """What it may not see costs it no place in history."""
    fed = Fed()
    with fed.feed.subscribe(shows=frozenset({"film"})) as subscription:
        fed.commit("other", "film", "another")
        assert await told(subscription) == ["film"]
        fed.commit("other", "film")
        assert await told(subscription) == ["film"]
        assert subscription.position.seq == 5


async def test_a_slow_subscriber_is_told_that_it_is_behind_and_may_go_on() -> None:
    """The events that it missed left the memory; with its own position it hears them all, from disk."""
    fed = Fed(replace(DEFAULT_BOUNDS, feed_events=10))
    shows = [str(number) for number in range(100)]
    with fed.feed.subscribe() as slow, fed.feed.subscribe() as quick:
        for show in shows:
            fed.commit(show)
            assert await told(quick) == [show]
        with pytest.raises(Behind) as lost:
            await anext(slow)
    with fed.feed.subscribe(str(lost.value.position)) as again:
        assert await all_told(again, 100) == shows


async def test_a_subscriber_that_never_reads_keeps_little_in_memory() -> None:
    """What is kept is bounded by `feed_events`, however much happens."""
    fed = Fed(replace(DEFAULT_BOUNDS, feed_events=10))
    with fed.feed.subscribe():
        for number in range(200):
            fed.commit(str(number))
            await asyncio.sleep(0)
        assert 1 <= fed.feed.ring.next_seq - fed.feed.ring.first_seq <= 10


async def test_nothing_is_translated_or_kept_while_nobody_subscribes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A farm that nobody follows pays nothing."""
    fed = Fed()
    monkeypatch.setattr(event_feed, "public_events", lambda *_: pytest.fail("translated"))
    fed.commit("one")
    await asyncio.sleep(0)
    assert fed.feed.ring.first_seq == fed.feed.ring.next_seq


async def test_publishing_does_no_work_for_subscribers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit loop leaves a batch and goes on: no event is translated, and no subscriber runs, before it does."""
    fed = Fed()
    translated: list[int] = []
    real = event_feed.public_events

    def counted(farm: Farm, recorded: Recorded) -> list[PublicEvent]:
        translated.append(recorded.seq)
        return real(farm, recorded)

    monkeypatch.setattr(event_feed, "public_events", counted)
    with fed.feed.subscribe() as one, fed.feed.subscribe() as other:
        waiting = [asyncio.create_task(told(each)) for each in (one, other)]
        await asyncio.sleep(0)
        fed.commit("film")
        assert translated == []
        assert await asyncio.gather(*waiting) == [["film"], ["film"]]
        assert translated == [1]  # once, for both


async def test_a_position_of_another_farm_is_a_reset() -> None:
    """With the position from which a client that has read everything anew may go on."""
    fed = Fed()
    fed.commit("one")
    with pytest.raises(Reset, match="another farm") as lost, fed.feed.subscribe("ff.1.1"):
        pass
    assert lost.value.position == fed.feed.position


async def test_a_position_of_before_a_restore_is_a_reset() -> None:
    """Also one whose number this history has, too: another event may stand there now."""
    fed = Fed()
    fed.commit("one")
    with pytest.raises(Reset, match="a backup was put"), fed.feed.subscribe("0f.2.1"):
        pass


async def test_a_position_ahead_of_history_is_a_reset() -> None:
    """Nobody can say what came after it."""
    fed = Fed()
    with pytest.raises(Reset, match="ahead"), fed.feed.subscribe("0f.1.7"):
        pass


async def test_a_position_before_the_oldest_history_is_a_reset() -> None:
    """Months that were dropped are not passed over in silence."""
    fed = Fed()
    position = str(fed.feed.position)
    fed.commit("one", "two")
    del fed.events[0]
    with fed.feed.subscribe(position) as subscription, pytest.raises(Reset, match="does not go back"):
        await anext(subscription)


@pytest.mark.parametrize("text", ["x", "0f.1", "0f.1.-1", "0f.1.1.1", "0f.1.1\n", "0f.1." + "9" * 30, "é.1.1"])
async def test_what_is_no_position_is_refused(text: str) -> None:
    """It is the caller's mistake, not a reset."""
    with pytest.raises(Invalid, match="is no position"), Fed().feed.subscribe(text):
        pass


async def test_a_history_that_cannot_be_read_is_told_as_such() -> None:
    """The subscription keeps its place, and the next try succeeds."""
    fed = Fed()
    position = str(fed.feed.position)
    fed.commit("one")
    with fed.feed.subscribe(position) as subscription:
        fed.history.fails = True
        with pytest.raises(Unavailable, match="the disk is away"):
            await anext(subscription)
        fed.history.fails = False
        assert await told(subscription) == ["one"]


async def test_a_cancelled_wait_loses_nothing() -> None:
    """Whoever waits with a time limit may wait again."""
    fed = Fed()
    with fed.feed.subscribe() as subscription:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(subscription), 0.01)
        fed.commit("one")
        assert await told(subscription) == ["one"]


async def test_subscribers_are_bounded() -> None:
    """One too many is refused, by the name of the limit, and one that leaves makes room."""
    fed = Fed(replace(DEFAULT_BOUNDS, feed_subscribers=1))
    with fed.feed.subscribe(), pytest.raises(Exhausted, match="feed_subscribers"), fed.feed.subscribe():
        pass
    with fed.feed.subscribe():
        pass


async def test_a_closed_feed_ends_its_subscriptions() -> None:
    """A server that stops waits for no subscriber."""
    fed = Fed()
    with fed.feed.subscribe() as subscription:
        waiting = asyncio.create_task(anext(subscription))
        await asyncio.sleep(0)
        fed.feed.close()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(waiting, 5)


async def test_a_batch_that_cannot_be_translated_hurts_its_readers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishing goes on; a subscriber is told that it is behind, and one from now on is well."""
    fed = Fed()
    real = event_feed.public_events
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))

    def faulty(farm: Farm, recorded: Recorded) -> list[PublicEvent]:
        if recorded.seq == 1:
            raise ValueError("a bug")
        return real(farm, recorded)

    monkeypatch.setattr(event_feed, "public_events", faulty)
    with fed.feed.subscribe() as subscription:
        fed.commit("one")
        fed.commit("two")
        with pytest.raises(Behind):
            await asyncio.wait_for(anext(subscription), 5)
        with fed.feed.subscribe() as fresh:
            fed.commit("three")
            assert await told(fresh) == ["three"]
    assert [type(error) for error in errors] == [ValueError]


async def until(happened: Callable[[], bool]) -> None:
    """Wait, but not for ever."""
    async with asyncio.timeout(5):
        while not happened():
            await asyncio.sleep(0)


@asynccontextmanager
async def followed(take: Take) -> AsyncIterator[Fed]:
    """A feed that has a follower for the length of a test."""
    follower = Follower("test", take)
    task = asyncio.create_task(follower.run())
    yield Fed(followers=[follower])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_follower_that_raises_goes_on_and_hurts_nobody() -> None:
    """Its failure is logged by its name; it is told of the next batches, and others never notice."""
    heard: list[int] = []

    async def take(events: Sequence[Recorded]) -> None:
        heard.extend(recorded.seq for recorded in events)
        if heard[-1] == 2:
            raise ValueError("a follower's bug")

    with capture_logs() as lines:
        async with followed(take) as fed:
            with fed.feed.subscribe() as other:
                for show in ("one", "bad", "two"):
                    fed.commit(show)
                    assert await told(other) == [show]
            await until(lambda: len(heard) == 3)
    assert heard == [1, 2, 3]
    assert [(line["event"], line["follower"]) for line in lines] == [("a follower of the feed failed", "test")]


async def test_a_follower_is_awaited_and_misses_what_it_is_too_slow_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishing never waits for it; what waits for it is bounded, and the log says how much it missed."""
    monkeypatch.setattr(follower_module, "BATCHES_MAX", 2)
    heard: list[int] = []
    goes_on = asyncio.Event()

    async def take(events: Sequence[Recorded]) -> None:
        await goes_on.wait()
        heard.extend(recorded.seq for recorded in events)

    with capture_logs() as lines:
        async with followed(take) as fed:
            for number in range(5):
                fed.commit(str(number))
            goes_on.set()
            await until(lambda: len(heard) == 2)
            fed.commit("later")
            await until(lambda: len(heard) == 3)
    assert heard == [1, 2, 6]
    assert [(line["event"], line["missed"]) for line in lines] == [("a follower of the feed was too slow", 3)]


async def test_a_job_is_followed_from_launch_to_end() -> None:
    """What a small farm commits comes in public events, each with its job."""
    farm = SmallFarm()
    farm.host()
    fed = Fed(farm=farm.farm)
    with fed.feed.subscribe() as subscription:
        farm.launch(job_spec("one", layer_spec(range_text="1-2")))
        farm.plan()
        farm.finish("one/render")
        committed = [each for batch in farm.batches for each in batch.events]
        fed.feed.committed(committed)
        found: list[str] = []
        while "job.finished" not in found:
            found += [event.type for event in (await anext(subscription)).events]
    assert found.count("frame.started") == found.count("frame.succeeded") == 2

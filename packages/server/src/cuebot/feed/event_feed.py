"""Committed events, handed on to whoever subscribes, from any place in the farm's history.

The commit loop leaves a batch here and goes on: a callback of its own translates it, a slice at a time, and each
subscriber reads at its own pace, in its own task. While nobody subscribes, nothing is translated and nothing kept.

A subscriber that gave a position is served from history on disk until it has come to what is in memory. One that is so
slow that its place leaves the memory again is told so, and may come back with its position. Nobody waits for anybody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, Protocol

from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.errors import Exhausted, Unavailable
from cuebot.domain.farm import Farm
from cuebot.engine.ports import JournalError, Recorded
from cuebot.feed.follower import Follower
from cuebot.feed.position import Behind, Position, Reset
from cuebot.feed.public_events import PublicEvent
from cuebot.feed.ring import Ring, Slice
from cuebot.feed.telemetry import TelemetryChannel
from cuebot.feed.vocabulary import public_events

SLICE_EVENTS: Final = 50
"""Internal events that are translated before others have the loop: they hold it for about a millisecond."""
SLICE_PUBLIC_EVENTS: Final = 200
"""A slice ends with the event that makes so many."""
PAGE_EVENTS: Final = 500
"""Read from history at a time."""


class EventHistory(Protocol):
    """Events on disk."""

    async def events_since(self, seq: int, limit: int) -> Sequence[Recorded]:
        """Events after `seq`, oldest first, at most `limit`; a gap shows in the first number. Raises JournalError."""


class Delivery(NamedTuple):
    """What a subscriber is told at once."""

    events: tuple[PublicEvent, ...]
    position: Position
    """Behind them all: to be kept once they were taken in."""


class EventFeed:
    """One farm's; satisfies `engine.ports.Publisher`. All of it runs on the engine's loop."""

    def __init__(
        self,
        farm: Farm,
        *,
        origin: Position,
        history: EventHistory,
        bounds: Bounds = DEFAULT_BOUNDS,
        followers: Sequence[Follower] = (),
    ) -> None:
        """`origin` is where the farm's history ends now; `followers` are the server's own, told of every batch."""
        self.farm = farm
        self.history = history
        self.telemetry = TelemetryChannel(farm)
        self.ring = Ring(bounds.feed_events, origin.seq + 1)
        self.is_closed = False
        self.subscriptions: set[Subscription] = set()
        self._followers = followers
        self._origin = origin
        self._last_seq = origin.seq
        self._subscribers_max = bounds.feed_subscribers
        self._untranslated: deque[Sequence[Recorded]] = deque()
        self._more = asyncio.Event()

    # --- from the engine ----------------------------------------------------------------------------------------------

    def committed(self, events: Sequence[Recorded]) -> None:
        """Take a batch that is durable. Costs the same for any number of events and subscribers."""
        if not events:
            return
        self._last_seq = events[-1].seq
        for follower in self._followers:
            follower.offer(events)
        if not self.subscriptions:
            return

        if not self._untranslated:
            asyncio.get_running_loop().call_soon(self._translate_slice)
        self._untranslated.append(events)

    def reported(self, host_id: str) -> None:
        """Take note that a host has reported."""
        self.telemetry.reported(host_id)

    # --- to subscribers -----------------------------------------------------------------------------------------------

    @property
    def position(self) -> Position:
        """Behind the newest event that is durable."""
        return self.position_at(self._last_seq)

    def position_at(self, seq: int) -> Position:
        """Behind an event of this history."""
        return Position(self._origin.farm_id, self._origin.epoch, seq)

    @contextmanager
    def subscribe(self, after: str = "", shows: frozenset[str] | None = None) -> Iterator[Subscription]:
        """Events behind a position, or from now on where none is given, of these shows (None: all) and of no show.

        Raises Reset where the position is none of this history, Exhausted for too many subscribers, Invalid.
        """
        if len(self.subscriptions) >= self._subscribers_max:
            raise Exhausted(
                f"{self._subscribers_max} subscribers follow the farm's events already (limit feed_subscribers)"
            )
        seq = self._seq_of(after)
        if not self.subscriptions:
            self.ring.begin(self._last_seq + 1)

        subscription = Subscription(self, seq, shows)
        self.subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self.subscriptions.discard(subscription)
            if not self.subscriptions:
                self.ring.begin(self._last_seq + 1)
                self._untranslated.clear()

    def close(self) -> None:
        """End all subscriptions, and all readers of telemetry."""
        self.is_closed = True
        self._wake()
        self.telemetry.close()

    async def more(self) -> None:
        """Return when there may be something new."""
        await self._more.wait()

    def _seq_of(self, after: str) -> int:
        if not after:
            return self._last_seq
        position = Position.parse(after)
        here = self.position
        if (position.farm_id, position.epoch) != (here.farm_id, here.epoch):
            is_other_farm = position.farm_id != here.farm_id
            what = "is of another farm" if is_other_farm else "is of a history in whose place a backup was put"
            raise Reset(f"the position {what}: read everything anew", here)
        if position.seq > here.seq:
            raise Reset("the position lies ahead of this history: read everything anew", here)
        return position.seq

    def _translate_slice(self) -> None:
        """Translate a few events, and come back for the rest. Those that cannot be translated leave a gap in the ring,
        so whoever reads there is told that it is behind, and meets the failure itself."""
        if not self._untranslated:  # the last subscriber has gone
            return
        batch = self._untranslated.popleft()
        try:
            newest, rest = translated(self.farm, batch)
            self.ring.append(newest)
            if rest:
                self._untranslated.appendleft(rest)
        finally:
            if self._untranslated:
                asyncio.get_running_loop().call_soon(self._translate_slice)
            self._wake()

    def _wake(self) -> None:
        more, self._more = self._more, asyncio.Event()
        more.set()


def translated(farm: Farm, batch: Sequence[Recorded]) -> tuple[Slice, Sequence[Recorded]]:
    """The first few events of a batch as a slice, and the rest of the batch."""
    found: list[PublicEvent] = []
    done = 0
    for recorded in batch[:SLICE_EVENTS]:
        found += public_events(farm, recorded)
        done += 1
        if len(found) >= SLICE_PUBLIC_EVENTS:
            break
    return Slice(batch[0].seq, batch[done - 1].seq, tuple(found)), batch[done:]


class Subscription(AsyncIterator[Delivery]):
    """One subscriber's way through history. A cancelled `anext` loses nothing."""

    def __init__(self, feed: EventFeed, seq: int, shows: frozenset[str] | None) -> None:
        self._feed = feed
        self._seq = seq
        self._shows = shows
        self._is_live = seq + 1 >= feed.ring.first_seq
        """It reads from memory, and must keep up with it."""
        self._page: Sequence[Recorded] = ()
        """Read from disk, and not told yet."""

    @property
    def position(self) -> Position:
        """Behind all that it was told, and all that was none of its business."""
        return self._feed.position_at(self._seq)

    async def __anext__(self) -> Delivery:
        """The next events. Raises Behind, Reset, Unavailable where history cannot be read now."""
        while not self._feed.is_closed:
            found = self._from_memory()
            if found is None and self._is_live:
                await self._feed.more()
                continue
            if found is None:
                found = await self._from_disk()

            events = tuple(event for event in found.after(self._seq) if event.is_visible(self._shows))
            self._seq = found.last_seq
            if events:
                return Delivery(events, self.position)
        raise StopAsyncIteration

    def _from_memory(self) -> Slice | None:
        """The slice that comes next, if it is in memory. Raises Behind where it is not there any more."""
        ring, next_seq = self._feed.ring, self._seq + 1
        if next_seq >= ring.first_seq:
            self._is_live = True
            return ring.slice_with(next_seq)
        if self._is_live:
            raise Behind("this subscriber was too slow; it may go on from its position", self.position)
        return None

    async def _from_disk(self) -> Slice:
        """A few events of history. Raises Reset where that begins later than this subscription goes on."""
        if not self._page:
            self._page = await self._next_page()
        await asyncio.sleep(0)  # others have the loop between slices, also where none of them is told
        found, self._page = translated(self._feed.farm, self._page)
        return found

    async def _next_page(self) -> Sequence[Recorded]:
        try:
            page = await self._feed.history.events_since(self._seq, PAGE_EVENTS)
        except JournalError as error:
            raise Unavailable(f"history cannot be read now: {error}") from error
        if not page or page[0].seq != self._seq + 1:
            raise Reset("history does not go back to the position: read everything anew", self._feed.position)
        return page

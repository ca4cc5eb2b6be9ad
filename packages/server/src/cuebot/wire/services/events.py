"""The part of cuefarm.v1 FarmInterface that tells what happens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import fields
from typing import Final
from urllib.parse import unquote

from cuebot.domain.errors import Refused
from cuebot.feed import Behind, EventFeed, PublicEvent, Reset, Subscription
from cuebot.feed.query import event_matcher
from cuebot.queries.language import Moment
from cuebot.wire.call import USER_KEY, Call
from cuefarm_proto import farm_pb2

LOOK_SECONDS: Final = 1.0
"""How long a call looks through history that nobody asked for, where it does not wait for longer."""
READ_SECONDS: Final = 10.0
"""What is on its way comes before this."""


class Events:
    """What happened behind a position."""

    def __init__(self, feed: EventFeed | None) -> None:
        self._feed = feed

    async def GetEvents(self, request: farm_pb2.GetEventsRequest, call: Call) -> farm_pb2.GetEventsResponse:
        """What happened behind a position, a page at most, after a wait where there is nothing yet."""
        if self._feed is None:
            raise Refused("this server does not tell what happens")
        bounds = call.engine.core.bounds
        wait_s = min(max(request.wait_ms, 0), bounds.events_wait_ms) / 1000
        moment = Moment(call.farm, call.engine.now_us(), unquote(call.metadata(USER_KEY)))
        matches = event_matcher(request.query, moment, bounds)
        try:
            with self._feed.subscribe(request.position) as subscription:
                found = await _page(self._feed, subscription, matches, wait_s, bounds.page_rows)
                events = [event_message(event) for event in found]
                return farm_pb2.GetEventsResponse(events=events, position=str(subscription.position))
        except Reset as lost:
            return farm_pb2.GetEventsResponse(position=str(lost.position), reset=True, reason=str(lost))


async def _page(
    feed: EventFeed, subscription: Subscription, matches: Callable[[PublicEvent], bool], wait_s: float, most: int
) -> list[PublicEvent]:
    """Events that match: those that there are, or after a wait the first that come. The last may be some more."""
    found: list[PublicEvent] = []
    now = asyncio.get_running_loop().time
    deadline = now() + wait_s
    give_up = max(deadline, now() + LOOK_SECONDS)
    with contextlib.suppress(TimeoutError, StopAsyncIteration, Behind):  # whoever asks again goes on from there
        while len(found) < most and now() < give_up:
            is_at_end = subscription.position == feed.position
            if is_at_end and found:
                break
            async with asyncio.timeout_at(deadline if is_at_end else now() + READ_SECONDS):
                delivery = await anext(subscription)
            found += [event for event in delivery.events if matches(event)]
    return found


def event_message(event: PublicEvent) -> farm_pb2.Event:
    """An event with its row."""
    values = {field.name: getattr(event.row, field.name) for field in fields(event.row)}
    return farm_pb2.Event(
        type=event.type,
        seq=event.seq,
        at_us=event.at_us,
        actor=event.actor,
        reason=event.reason,
        show=event.show,
        row=farm_pb2.EventRow(**values),
    )

"""Subscribers that live in the server itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog

from cuebot.feed.event_feed import EventFeed, Subscription
from cuebot.feed.position import PlaceLost
from cuebot.feed.public_events import PublicEvent

log = structlog.get_logger("feed")

Take = Callable[[Sequence[PublicEvent]], Awaitable[None]]
"""Takes in events; is awaited before it is told of the next."""


async def follow(feed: EventFeed, name: str, take: Take) -> None:
    """Tell `take` of all events from now on, until the feed is closed.

    It must go on whatever happens: a failure is logged with `name`, and costs what it was told of. One that is too slow
    misses what it could not take in time.
    """
    while not feed.is_closed:
        with feed.subscribe() as subscription:
            try:
                await _take_all(subscription, name, take)
            except PlaceLost as lost:
                log.warning("a follower of the feed missed events", follower=name, why=str(lost))


async def _take_all(subscription: Subscription, name: str, take: Take) -> None:
    async for delivery in subscription:
        try:
            await take(delivery.events)
        except Exception as error:
            log.error("a follower of the feed failed", follower=name, exc_info=error)

"""What the farm tells everybody outside: committed events in public words, and telemetry beside them.

`vocabulary` says what each internal event is called outside; `event_feed` hands that on, by `ring` and from history on
disk; `position` is a place in it that a client gives back; `follower` are rooms
of the server itself, which hear internal events; `telemetry` is the lossy channel.
"""

from cuebot.feed.event_feed import Delivery, EventFeed, EventHistory, Subscription
from cuebot.feed.follower import Follower
from cuebot.feed.position import Behind, PlaceLost, Position, Reset
from cuebot.feed.public_events import PublicEvent

__all__ = [
    "Behind",
    "Delivery",
    "EventFeed",
    "EventHistory",
    "Follower",
    "PlaceLost",
    "Position",
    "PublicEvent",
    "Reset",
    "Subscription",
]

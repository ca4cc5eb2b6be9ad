"""Shares between shows: in each allocation, the show that is furthest under its share books next.

A subscription's size is the show's share. A show's usage is what it holds now plus what it has held lately, divided
by its size: 0 has had nothing, 2 has had its share all the time, more has had more. "Lately" is an average that
forgets half of the past every 30 minutes, so a show that waited comes first for a while, and nobody's idleness counts
for days. The burst is a hard cap and no part of the order; it is kept here as `room`.
"""

from __future__ import annotations

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Allocation, Subscription
from cuebot.scheduling.rules.caps import room_under_burst
from cuebot.scheduling.rules.eligibility import may_book


class FairShare:
    """A show's place in an allocation as a pass goes on."""

    __slots__ = ("_held", "burst", "room", "size", "usage")

    def __init__(self, subscription: Subscription, now_us: int) -> None:
        self.size = max(subscription.size, 1)
        """A share of nothing books after all others, and shares with its like by what they hold."""
        self._held = subscription.reserved_cores + subscription.held_lately(now_us)
        self.usage = self._held / self.size
        """The smallest books next."""
        self.burst = subscription.burst
        self.room = room_under_burst(subscription)
        """Core units up to the burst."""

    @classmethod
    def of(cls, farm: Farm, show_id: str, allocation: Allocation, now_us: int) -> FairShare | None:
        """A show's fair share; None where it may book nothing in the allocation, whatever it holds there."""
        id = farm.subscription_of.get((show_id, allocation.id))
        if id is None or not may_book(farm.shows[show_id]):
            return None
        return cls(farm.subscriptions[id], now_us)

    def reserve(self, cores: int) -> None:
        """Core units of a host are kept for the show, or with a negative number are not any more."""
        self.book(cores)

    def book(self, cores: int) -> None:
        """A frame of the show got a place."""
        self._held += cores
        self.usage = self._held / self.size
        self.room -= cores

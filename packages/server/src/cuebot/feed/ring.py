"""The newest public events in memory, in slices by the sequence numbers that they cover."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from cuebot.feed.public_events import PublicEvent


class Slice(NamedTuple):
    """Public events of an unbroken stretch of history; most numbers may be silent ones."""

    first_seq: int
    last_seq: int
    events: tuple[PublicEvent, ...]

    def after(self, seq: int) -> tuple[PublicEvent, ...]:
        """Those behind a number."""
        if seq < self.first_seq:
            return self.events
        return tuple(event for event in self.events if event.seq > seq)


class Ring:
    """Slices one behind the other, without a gap; the oldest go when there are too many events."""

    def __init__(self, events_max: int, next_seq: int) -> None:
        self.next_seq = next_seq
        """Number behind the newest."""
        self._events_max = events_max
        self._events = 0
        self._slices: OrderedDict[int, Slice] = OrderedDict()
        """By their first numbers."""

    @property
    def first_seq(self) -> int:
        """The oldest number that is kept; `next_seq` where none is."""
        return next(iter(self._slices), self.next_seq)

    def append(self, newest: Slice) -> None:
        """Keep a slice; the newest always stays, however large."""
        if newest.first_seq != self.next_seq:  # whoever read on here would miss what lies between
            self.begin(newest.first_seq)
        self._slices[newest.first_seq] = newest
        self._events += len(newest.events)
        self.next_seq = newest.last_seq + 1

        while self._events > self._events_max and len(self._slices) > 1:
            _, oldest = self._slices.popitem(last=False)
            self._events -= len(oldest.events)

    def begin(self, next_seq: int) -> None:
        """Forget all, and go on with this number."""
        self._slices.clear()
        self._events = 0
        self.next_seq = next_seq

    def slice_with(self, seq: int) -> Slice | None:
        """The slice that has a number, if it is kept."""
        found = self._slices.get(seq)
        if found is not None:
            return found
        if not self.first_seq <= seq < self.next_seq:
            return None
        return next(each for each in self._slices.values() if each.last_seq >= seq)

"""What runs hold of limits, counted by the limit's name whether a limit of that name exists or not.

Where a limit's use is reported from outside, what was reported and what has begun since are different times and add up:
a run counts until a report can have seen it. Of a host that the report names those count that began after it was
captured, of others those that began after `since_us`, because a licence takes a while to be seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from cuebot.domain.names import short_host_name

Entry = TypeVar("Entry")


class RunUnder(NamedTuple):
    """A run that a limit counts."""

    row: int
    """Of its host."""
    host: str
    booked_us: int


class Seen(NamedTuple):
    """Which runs a report can have seen."""

    hosts: Set[str]
    """Short names of those that it names."""
    captured_us: int
    since_us: int

    def has(self, run: RunUnder) -> bool:
        """What this run uses is in the report, if it uses anything."""
        return run.booked_us <= (self.captured_us if short_host_name(run.host) in self.hosts else self.since_us)


@dataclass(slots=True)
class Use:
    """Runs of layers that name one limit."""

    runs: dict[str, RunUnder] = field(default_factory=dict)
    """By run id."""
    by_host: dict[int, int] = field(default_factory=dict)
    """Runs by host row."""
    pending: dict[int, int] = field(default_factory=dict)
    """Of these, what no report can have seen: all of them where there is none."""
    pending_frames: int = 0
    """The same on all hosts."""

    @property
    def frames(self) -> int:
        """How many run."""
        return len(self.runs)

    def count(self, run: RunUnder, seen: Seen | None, by: int) -> None:
        """Count a run, 1 for one that began and -1 for one that ended."""
        _count(self.by_host, run.row, by)
        if seen is None or not seen.has(run):
            _count(self.pending, run.row, by)
            self.pending_frames += by

    def count_pending_anew(self, seen: Seen | None) -> None:
        """There is another report."""
        self.pending, self.pending_frames = {}, 0
        for run in self.runs.values():
            if seen is None or not seen.has(run):
                _count(self.pending, run.row, 1)
                self.pending_frames += 1


def _count(numbers: dict[int, int], row: int, by: int) -> None:
    number = numbers.pop(row, 0) + by
    if number:
        numbers[row] = number


class LimitUse:
    """Every limit's use, and where else limits are looked up."""

    def __init__(self) -> None:
        self.layers_by_limit: dict[str, set[str]] = defaultdict(set)
        """Ids of layers in memory by the names of their limits."""
        self.limit_by_exit: dict[int, str] = {}
        """By exit status: the id of the limit that has its rule."""
        self.rows_by_short_name: dict[str, set[int]] = defaultdict(set)
        """Of hosts that were not removed, by name without a domain, as reports are matched: usually one each."""
        self._uses: dict[str, Use] = {}
        self._seen: dict[str, Seen] = {}

    def of(self, name: str) -> Use:
        """What is used of a limit: read it, never write to it."""
        return self._uses.get(name, _UNUSED)

    def add(self, names: Iterable[str], run_id: str, run: RunUnder) -> None:
        """A run began, or is counted by further limits."""
        for name in names:
            use = self._uses.setdefault(name, Use())
            use.runs[run_id] = run
            use.count(run, self._seen.get(name), 1)

    def remove(self, names: Iterable[str], run_id: str) -> None:
        """A run ended, or is counted by fewer limits."""
        for name in names:
            use = self._uses[name]
            use.count(use.runs.pop(run_id), self._seen.get(name), -1)
            if not use.runs:
                del self._uses[name]

    def reported(self, name: str, seen: Seen | None) -> None:
        """What is known from outside of a limit of this name; None for nothing."""
        if seen is None:
            self._seen.pop(name, None)
        else:
            self._seen[name] = seen
        if name in self._uses:
            self._uses[name].count_pending_anew(seen)

    def view(self) -> dict[str, Use]:
        """All that is used, for a recount."""
        return self._uses


def drop_entry(index: dict[str, set[Entry]], name: str, entry: Entry) -> None:
    """Take an entry out of an index by name, which keeps no name without an entry."""
    entries = index.get(name, set())
    entries.discard(entry)
    if not entries:
        index.pop(name, None)


_UNUSED = Use()

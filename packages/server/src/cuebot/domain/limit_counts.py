"""How much of a limit is used: what was reported, and what nobody outside can have seen yet."""

from __future__ import annotations

from typing import NamedTuple

from cuebot.domain.farm import Farm
from cuebot.domain.names import short_host_name
from cuebot.domain.nouns import Limit


class Counts(NamedTuple):
    """A limit's use, in frames, or in hosts where it counts those."""

    settled: int
    """As reported."""
    pending: int
    """What runs and no report can have seen."""
    hosts: int
    """Hosts of both kinds."""

    @property
    def used(self) -> int:
        """What counts against the limit."""
        return self.settled + self.pending


def counts_of(farm: Farm, limit: Limit) -> Counts:
    """How much of a limit is used."""
    fresh = len(fresh_rows(farm, limit))
    hosts = len(limit.holders) + fresh
    if limit.per_host:
        return Counts(len(limit.holders), fresh, hosts)
    return Counts(limit.tokens, farm.limit_use.of(limit.name).pending_frames, hosts)


def used_of(farm: Farm, limit: Limit) -> int:
    """How much counts against it: what a plan asks, without a look at every host of a limit by frame."""
    if limit.per_host:
        return len(limit.holders) + len(fresh_rows(farm, limit))
    return limit.tokens + farm.limit_use.of(limit.name).pending_frames


def fresh_rows(farm: Farm, limit: Limit) -> list[int]:
    """Rows of hosts with something of it that no report names."""
    pending = farm.limit_use.of(limit.name).pending
    if not limit.holders:
        return list(pending)
    return [row for row in pending if short_host_name(farm.host_names[row]) not in limit.holders]


def holding_rows(farm: Farm, limit: Limit) -> set[int]:
    """Rows of hosts that may still hold it: it was reported of them, or something runs there that it counts."""
    rows = set(farm.limit_use.of(limit.name).by_host)
    for name in limit.holders:
        rows |= farm.limit_use.rows_by_short_name.get(name, set())
    return rows

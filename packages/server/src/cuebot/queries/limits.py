"""Limits with what runs under them."""

from __future__ import annotations

from typing import NamedTuple

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Layer, Limit


class LimitRow(NamedTuple):
    """A limit, and how much of it is used."""

    id: str
    name: str
    max_value: int
    per_host: bool
    """It counts hosts and not frames."""
    running_frames: int
    hosts: int

    @property
    def used(self) -> int:
        """What counts against it."""
        return self.hosts if self.per_host else self.running_frames


def limit_row(farm: Farm, limit: Limit) -> LimitRow:
    """A limit as a row."""
    use = farm.limit_use.of(limit.name)
    return LimitRow(limit.id, limit.name, limit.max_value, limit.per_host, use.frames, len(use.by_host))


def all_limits(farm: Farm) -> list[Limit]:
    """All limits, by name."""
    return sorted(farm.limits.values(), key=lambda limit: limit.name)


def limits_of_layer(farm: Farm, layer: Layer) -> list[Limit]:
    """The limits that exist of those that a layer names."""
    return [farm.limits[farm.limit_by_name[name]] for name in layer.limits if name in farm.limit_by_name]

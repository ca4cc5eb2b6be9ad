"""Limits: how many frames, or how many hosts, may run what names a limit. All limits of a layer must have room.

A name without a limit of that name limits nothing. A limit by host counts hosts, however many frames run on each;
frames go to hosts that hold it already first.
"""

from __future__ import annotations

import numpy as np

from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Mask
from cuebot.domain.nouns import Limit
from cuebot.domain.ready import Demand


class LimitUsage:
    """What limits leave, as a pass goes on."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._frames: dict[str, int] = {}
        """Frames under each limit, with what this pass has booked."""
        self._rows: dict[str, set[int]] = {}
        """Rows of the hosts under each limit by host."""

    def full(self, demand: Demand) -> Limit | None:
        """A limit of the demand that lets no frame run on any host, or None."""
        for name in demand.limits:
            limit = self._limit(name)
            if limit is None:
                continue
            if limit.per_host:
                if len(self._rows_of(name)) > limit.max_value or not limit.max_value:
                    return limit
            elif self._frames_of(name) >= limit.max_value:
                return limit
        return None

    def lets(self, row: int, demand: Demand) -> bool:
        """No limit by host keeps a frame off this host."""
        for name in demand.limits:
            limit = self._limit(name)
            if limit is not None and limit.per_host:
                rows = self._rows_of(name)
                if row not in rows and len(rows) >= limit.max_value:
                    return False
        return True

    def mask(self, demand: Demand) -> Mask:
        """The hosts that no limit by host keeps a frame off."""
        size = self._farm.hosts_table.size
        mask = np.ones(size, dtype=np.bool_)
        for name in demand.limits:
            limit = self._limit(name)
            if limit is not None and limit.per_host and len(self._rows_of(name)) >= limit.max_value:
                holders = np.zeros(size, dtype=np.bool_)
                holders[list(self._rows_of(name))] = True
                mask &= holders
        return mask

    def missing(self, row: int, demand: Demand) -> int:
        """How many limits by host this host would be another holder of."""
        return sum(row not in self._rows_of(name) for name in demand.limits if self._per_host(name))

    def take(self, row: int, demand: Demand) -> bool:
        """A frame gets its place. Returns whether the host is a new holder of some limit."""
        new = False
        for name in demand.limits:
            self._frames[name] = self._frames_of(name) + 1
            if self._per_host(name) and row not in self._rows_of(name):
                self._rows[name].add(row)
                new = True
        return new

    def _limit(self, name: str) -> Limit | None:
        id = self._farm.limit_by_name.get(name)
        return self._farm.limits[id] if id else None

    def _per_host(self, name: str) -> bool:
        limit = self._limit(name)
        return limit is not None and limit.per_host

    def _frames_of(self, name: str) -> int:
        frames = self._frames.get(name)
        if frames is None:
            frames = self._frames[name] = self._farm.limit_use.of(name).frames
        return frames

    def _rows_of(self, name: str) -> set[int]:
        rows = self._rows.get(name)
        if rows is None:
            rows = self._rows[name] = set(self._farm.limit_use.of(name).by_host)
        return rows

"""Limits: how many frames, or how many hosts, may run what names a limit. All limits of a layer must have room.

A name without a limit of that name limits nothing. A limit by host counts hosts, however many frames run on each;
frames go to hosts that hold it already first, and those may always take more. A limit that is advisory, or whose last
report is stale, keeps no frame from starting and still chooses among hosts; one that is switched off does neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Mask
from cuebot.domain.limit_counts import fresh_rows, holding_rows, used_of
from cuebot.domain.nouns import Limit
from cuebot.domain.ready import Demand
from cuebot.domain.states import Enforcement


@dataclass(slots=True)
class Room:
    """What a pass knows of one limit, with what it has booked."""

    limit: Limit
    blocks: bool
    used: int
    """Frames, or hosts where it counts those."""
    counted: set[int]
    """Rows of the hosts that are counted and known; of a limit by host."""
    holders: set[int]
    """Rows of hosts that may hold it, also if they are not counted any more; of a limit by host."""

    @classmethod
    def of(cls, farm: Farm, limit: Limit, now_us: int) -> Room:
        """What is used before a pass begins."""
        used = used_of(farm, limit)
        if not limit.per_host:
            return cls(limit, limit.blocks(now_us), used, set(), set())
        reported = farm.limit_use.rows_by_short_name
        counted = set(fresh_rows(farm, limit)).union(*(reported.get(name, ()) for name in limit.holders))
        return cls(limit, limit.blocks(now_us), used, counted, holding_rows(farm, limit))

    @property
    def is_full(self) -> bool:
        """No frame may start on any host."""
        if not self.blocks:
            return False
        if not self.limit.per_host or not self.limit.max_value:
            return self.used >= self.limit.max_value
        return self.used >= self.limit.most and not self.holders

    @property
    def is_for_holders(self) -> bool:
        """No further host may take a frame."""
        return self.blocks and self.limit.per_host and self.used >= self.limit.most

    @property
    def orders(self) -> bool:
        """Hosts that hold it come first."""
        return self.limit.per_host and self.limit.enforcement is not Enforcement.DISABLED

    def take(self, row: int) -> bool:
        """A frame gets its place. Returns whether others should go there now."""
        if not self.limit.per_host:
            self.used += 1
            return False
        if row not in self.counted:
            self.counted.add(row)
            self.used += 1
        is_new = row not in self.holders
        self.holders.add(row)
        return is_new and self.orders


class LimitUsage:
    """What limits leave, as a pass goes on."""

    def __init__(self, farm: Farm, now_us: int) -> None:
        self._farm = farm
        self._now_us = now_us
        self._rooms: dict[str, Room | None] = {}

    def room(self, name: str) -> Room | None:
        """What is known of a limit; None where there is none of that name."""
        if name not in self._rooms:
            id = self._farm.limit_by_name.get(name)
            self._rooms[name] = Room.of(self._farm, self._farm.limits[id], self._now_us) if id else None
        return self._rooms[name]

    def full(self, demand: Demand) -> Limit | None:
        """A limit of the demand that lets no frame run on any host, or None."""
        for name in demand.limits:
            room = self.room(name)
            if room is not None and room.is_full:
                return room.limit
        return None

    def lets(self, row: int, demand: Demand) -> bool:
        """No limit by host keeps a frame off this host."""
        for name in demand.limits:
            room = self.room(name)
            if room is not None and row not in room.holders and room.is_for_holders:
                return False
        return True

    def mask(self, demand: Demand) -> Mask:
        """The hosts that no limit by host keeps a frame off."""
        size = self._farm.hosts_table.size
        mask = np.ones(size, dtype=np.bool_)
        for name in demand.limits:
            room = self.room(name)
            if room is not None and room.is_for_holders:
                holders = np.zeros(size, dtype=np.bool_)
                holders[list(room.holders)] = True
                mask &= holders
        return mask

    def missing(self, row: int, demand: Demand) -> int:
        """How many limits by host this host would be another holder of."""
        rooms = (self.room(name) for name in demand.limits)
        return sum(room is not None and room.orders and row not in room.holders for room in rooms)

    def take(self, row: int, demand: Demand) -> bool:
        """A frame gets its place. Returns whether the host is a new holder of some limit."""
        rooms = (self.room(name) for name in demand.limits)
        new = [room.take(row) for room in rooms if room is not None]
        return any(new)

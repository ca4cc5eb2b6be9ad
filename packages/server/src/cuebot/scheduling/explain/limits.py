"""Why limits keep a layer's frames from starting: which one, who holds it, how that is known, and what would help."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from cuebot.domain.advice import advise
from cuebot.domain.limit_counts import counts_of
from cuebot.domain.nouns import Limit
from cuebot.domain.ready import Demand
from cuebot.domain.units import SECOND
from cuebot.scheduling.explain import fixes
from cuebot.scheduling.explain.constraint import Constraint
from cuebot.scheduling.explain.snapshot import FarmSnapshot
from cuebot.scheduling.explain.wording import counted, duration, plural
from cuebot.scheduling.rules.limits import Room

HOLDERS_TOLD: Final = 3


def limit_constraints(snapshot: FarmSnapshot, needs: Demand) -> list[Constraint]:
    """Limits that let nothing start, or only on some hosts."""
    rooms = [snapshot.limit_usage.room(name) for name in needs.limits]
    return [_constraint(snapshot, needs, room) for room in rooms if room and (room.is_full or room.is_for_holders)]


def _constraint(snapshot: FarmSnapshot, needs: Demand, room: Room) -> Constraint:
    limit, n = room.limit, snapshot.farm.hosts_table.size
    counts = "hosts" if limit.per_host else "frames"
    least = np.full(n, room.used + 1, dtype=np.int64)
    if limit.per_host:  # where it is held already, it need not grow
        least[list(room.holders)] = 1
    fix = partial(fixes.higher_limit, snapshot, limit, least)
    if room.is_full:
        return Constraint("LIMIT", None, _words(snapshot, room), fix=fix, count=room.used, counts=counts)
    mask = snapshot.limit_usage.mask(replace(needs, limits=(limit.name,)))
    text = f"would be one host too many under limit {limit.name}{_reported(snapshot, limit)}"
    return Constraint("LIMIT_HOSTS", mask, text, fix=fix)


def _words(snapshot: FarmSnapshot, room: Room) -> str:
    limit = room.limit
    most = limit.most if limit.per_host else limit.max_value
    text = f"limit {limit.name} allows {counted(most, 'host' if limit.per_host else 'frame')} at once,"
    text += f" and {room.used} {plural(room.used, 'uses', 'use')} it"
    return text + _reported(snapshot, limit)


def _reported(snapshot: FarmSnapshot, limit: Limit) -> str:
    """How that is known where somebody outside says it."""
    if not limit.captured_us:
        return ""
    counts = counts_of(snapshot.farm, limit)
    ago = duration(max(snapshot.now_us - limit.captured_us, 0) // SECOND)
    of_all = f" of {limit.licences}" if limit.licences else ""
    text = f" ({counts.settled}{of_all} as {limit.report_source or 'somebody'} reported {ago} ago"
    text += f", {counts.pending} since" if counts.pending else ""
    holders = sorted(limit.holders.values(), key=lambda holder: (-holder.tokens, holder.name))[:HOLDERS_TOLD]
    names = [f"{holder.name} ({holder.user})" if holder.user else holder.name for holder in holders]
    more = len(limit.holders) - len(names)
    text += f"; held by {', '.join(names)}" if names else ""
    listed = f" and {more} more, {advise('limit.read', limit=limit.name)}" if more > 0 else ""
    return f"{text}{listed})"

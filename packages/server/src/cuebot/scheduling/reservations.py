"""Reservations: a frame that wants most of a host gets one kept free for it, so that it starts at last.

Narrow frames would take every core that becomes free, and no host would ever have enough of them at once. So when it
is the turn of a frame that takes more than half of a host, nothing fits, and it has waited for two minutes, the host
that is nearest to having room for it takes nothing else any more. What is surely over in time may still run there
(backfill).

Nothing of this is kept between passes: the reserved host only empties, so that the next pass chooses it again.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Mask
from cuebot.domain.nouns import Layer
from cuebot.domain.ready import Demand
from cuebot.domain.units import MINUTE

PATIENCE_US: Final = 2 * MINUTE
"""How long a wide frame waits before a host is reserved for it."""
HOSTS_PER_RESERVATION: Final = 10
"""At most one host in so many is reserved, but always one."""
RUNS_TO_KNOW: Final = 3
"""So many runs of a layer must have succeeded before its longest is taken for what the next will need."""
BACKFILL_TRIES: Final = 20
"""Jobs of one demand that a pass tries to fit in ahead of a reservation."""


def waits_long(farm: Farm, job_id: str, demand: Demand, now_us: int) -> Layer | None:
    """A layer of a job with this demand whose next frame has waited long enough, or None."""
    for _, id in farm.ready.layers(job_id, demand):
        layer = farm.layers[id]
        first = layer.frames.first_waiting(1)
        if layer.start_after_us <= now_us and now_us - int(layer.frames.eligible_us[first[0]]) >= PATIENCE_US:
            return layer
    return None


def nearest(farm: Farm, demand: Demand, candidates: Mask) -> int | None:
    """The row of the candidate with the least to end before it has room, of those on which the demand is wide."""
    table, n = farm.hosts_table, farm.hosts_table.size
    wide = candidates & ((2 * demand.memory > table.memory[:n]) | (2 * demand.cores > table.cores[:n]))
    rows = np.flatnonzero(candidates if demand.whole_host else wide)
    if not len(rows):
        return None
    busy_cores = 1 - table.idle_cores[rows] / np.maximum(table.cores[rows], 1)
    busy_memory = 1 - table.idle_memory[rows] / np.maximum(table.memory[rows], 1)
    return int(rows[np.argmin(np.maximum(busy_cores, busy_memory))])


def longest_us(layer: Layer) -> int | None:
    """How long a run of a layer takes at most, by what is known of it; None where too little is."""
    return layer.longest_us if layer.runs_succeeded >= RUNS_TO_KNOW else None


def free_at_us(farm: Farm, row: int) -> int | None:
    """When the last run on a host is over, by what is known; None where that cannot be said."""
    latest = 0
    for id in farm.hosts[farm.hosts_table.ids[row]].proc_ids:
        proc = farm.procs[id]
        longest = longest_us(farm.layers[proc.layer_id])
        if longest is None:
            return None
        latest = max(latest, proc.booked_us + longest)
    return latest

"""Reservations: a frame that wants most of a host, or to be alone there, gets one kept free, so that it starts at last.

Narrow frames would take every core that becomes free, and no host would ever have enough of them at once. So when it
is the turn of a frame that takes more than half of a host, or all of it, or runs alone (`domain.host_ends`), nothing
fits, and it has waited for two minutes, one host takes nothing else any more: that which should have room for it first.
What is surely over in time may still run there (backfill).

A reservation is kept from pass to pass, because a show that is further under its share for a moment would otherwise
take what has become free, and the host would never empty. What keeps it fair instead: one is made only when no show
further under its share could use that host, what it keeps counts for its show's share from then on, and jobs of its
show with a higher priority still come first. It belongs to a queue and not to a frame: whichever frame of the queue
is the first when the host has room takes it. It is telemetry, so a restart begins without any.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Mask
from cuebot.domain.nouns import Group, Job, Layer
from cuebot.domain.ready import Demand, Queue
from cuebot.domain.units import HOUR
from cuebot.scheduling.plan.capacity import FreeCapacity
from cuebot.scheduling.rules.eligibility import may_start
from cuebot.scheduling.rules.estimate import ends_us, longest_us, room_at_us

HOSTS_PER_RESERVATION: Final = 10
"""At most one host in so many is emptying for a reservation, but always one."""
BACKFILL_TRIES: Final = 20
"""Jobs of one demand that a pass tries to fit in ahead of a reservation."""
HOSTS_TRIED: Final = 16
"""Reserved hosts that a frame which is not what they are kept for tries to fit in on."""
HOSTS_COMPARED: Final = 64
"""Of so many hosts, those with the most room, it is worked out when they will have enough of it."""
UNKNOWN_RUN_US: Final = HOUR
"""What a run is taken to need of whose layer too little is known, where hosts are compared."""


def waits_long(farm: Farm, job_id: str, demand: Demand, now_us: int) -> Layer | None:
    """A layer of a job with this demand whose next frame has waited long enough, or None."""
    for _, id in farm.ready.layers(job_id, demand):
        if _has_waited(farm, farm.layers[id], demand, now_us):
            return farm.layers[id]
    return None


def _has_waited(farm: Farm, layer: Layer, demand: Demand, now_us: int) -> bool:
    first = layer.frames.first_waiting(1, alone=demand.alone)
    patience_us = farm.settings.reservation_patience_us
    return may_start(farm, layer, now_us) and now_us - int(layer.frames.eligible_us[first[0]]) >= patience_us


def may_ever(holder: Job | Group, demand: Demand, cores: int) -> bool:
    """The maximums of a job or a group allow a frame that takes so many core units, when nothing else of it runs."""
    return not 0 <= holder.max_cores < cores and not 0 <= holder.max_gpus < demand.gpus


def long_waiting(farm: Farm, queue: Queue, most: int, cores: int, now_us: int) -> tuple[int, Layer | None]:
    """How many frames of a queue wait in layers that have waited long, counted up to `most`, and the first layer.

    Jobs that may never have as many core units as a frame takes do not count.
    """
    frames, first = 0, None
    for entry in queue.entries:
        if not may_ever(farm.jobs[entry.job_id], queue.demand, cores):
            continue
        for _, id in farm.ready.layers(entry.job_id, queue.demand):
            layer = farm.layers[id]
            if _has_waited(farm, layer, queue.demand, now_us):
                first = first or layer
                frames += layer.waiting(alone=queue.demand.alone)
        if frames >= most:
            break
    return min(frames, most), first


def wide(farm: Farm, demand: Demand) -> Mask:
    """The hosts of which the demand takes all, or more than half, or that it needs idle."""
    table, n = farm.hosts_table, farm.hosts_table.size
    if demand.idle_host:
        return np.ones(n, dtype=np.bool_)
    return np.asarray((2 * demand.memory > table.has["memory"][:n]) | (2 * demand.cores > table.cores[:n]))


def is_draining(farm: Farm, row: int) -> bool:
    """A reserved host idles in part until its last run is over; one with a single run, or none, loses nothing."""
    return len(farm.hosts[farm.hosts_table.ids[row]].proc_ids) > 1


def most_draining(hosts: Mask) -> int:
    """How many of these hosts may be emptying for reservations at a time."""
    return max(1, int(hosts.sum()) // HOSTS_PER_RESERVATION)


def nearest(farm: Farm, free: FreeCapacity, demand: Demand, candidates: Mask, now_us: int) -> int | None:
    """The row of the candidate that costs the least to empty: cores that it takes, times how long that should last."""
    table, rows = farm.hosts_table, np.flatnonzero(candidates)
    if not len(rows):
        return None
    busy_cores = 1 - free.cores[rows] / np.maximum(table.cores[rows], 1)
    busy_memory = 1 - free.amounts["memory"][rows] / np.maximum(table.has["memory"][rows], 1)
    order = np.argsort(np.maximum(busy_cores, busy_memory), kind="stable")[:HOSTS_COMPARED]

    def cost(row: int) -> int:
        cores = int(table.cores[row]) if demand.alone else free.cores_of(row, demand) if demand.whole_host else 1
        return cores * (_empties_at_us(farm, free, row, demand, now_us) - now_us)

    nearest_row: int = min(rows[order].tolist(), key=cost)
    return nearest_row


def _empties_at_us(farm: Farm, free: FreeCapacity, row: int, demand: Demand, now_us: int) -> int:
    """When a host should have room for one frame, if it takes nothing else until then."""
    at_us = room_at_us(farm, free, row, demand, now_us, _longest_or_usual_us)
    if at_us is not None:
        return at_us

    # What this plan has booked there is no run yet, so nobody can say how long it takes.
    ends = [end_us for end_us, _ in ends_us(farm, row, _longest_or_usual_us)]
    return max([now_us + UNKNOWN_RUN_US, *ends])


def _longest_or_usual_us(layer: Layer) -> int:
    return longest_us(layer) or UNKNOWN_RUN_US


def free_at_us(farm: Farm, row: int) -> int | None:
    """When the last run on a host is over, by what is known; None where that cannot be said."""
    ends = [end_us for end_us, _ in ends_us(farm, row, longest_us)]
    if len(ends) < len(farm.hosts[farm.hosts_table.ids[row]].proc_ids):
        return None
    return max(ends, default=0)

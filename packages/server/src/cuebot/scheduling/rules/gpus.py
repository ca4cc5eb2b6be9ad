"""GPU hosts are kept for GPU work while some waits, so that GPUs do not idle because their host's cores are taken."""

from __future__ import annotations

import numpy as np

from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Mask
from cuebot.domain.ready import Queue
from cuebot.scheduling.rules.caps import gpu_room_under_cap, room_under_cap
from cuebot.scheduling.rules.eligibility import avoided_rows, burst_rooms, may_book, may_start, open_mask
from cuebot.scheduling.rules.fits import cores_taken, room_when_idle
from cuebot.scheduling.rules.limits import LimitUsage
from cuebot.scheduling.rules.policy import Policies


def kept_for_gpus(farm: Farm, now_us: int, limit_usage: LimitUsage, policies: Policies) -> Mask | None:
    """Hosts with idle GPUs on which a waiting frame lacks nothing but cores or memory; frames without GPUs keep off.

    None where no such frame waits.
    """
    kept: Mask | None = None
    for show_id, queues in farm.ready.of_show.items():
        if not may_book(farm.shows[show_id]):
            continue
        for queue in queues.values():
            if queue.demand.gpus and limit_usage.full(queue.demand) is None:
                hosts = _hosts_for(farm, queue, now_us, limit_usage, policies)
                if hosts is not None:
                    kept = hosts if kept is None else kept | hosts
    return kept


def _hosts_for(farm: Farm, queue: Queue, now_us: int, limit_usage: LimitUsage, policies: Policies) -> Mask | None:
    """Hosts that the frames of a queue could use if they were idle; None where no frame of it may start."""
    demand, table = queue.demand, farm.hosts_table
    layers = [
        farm.layers[id]
        for entry in queue.entries
        for _, id in farm.ready.layers(entry.job_id, demand)
        if may_start(farm, farm.layers[id], now_us)
    ]
    if not layers or demand.gpus > gpu_room_under_cap(farm.groups[queue.group_id]):
        return None
    hosts = open_mask(farm, demand) & room_when_idle(table).fitting(demand)
    for name in ("gpus", "gpu_memory"):
        hosts &= table.idle[name][: table.size] >= getattr(demand, name)
    hosts &= limit_usage.mask(demand)
    allowed = policies.allowed(demand)
    if allowed is not None:
        hosts &= allowed
    job_room = max(room_under_cap(farm.jobs[entry.job_id]) for entry in queue.entries)
    room = min(job_room, room_under_cap(farm.groups[queue.group_id]))
    hosts &= cores_taken(table, demand) <= np.minimum(burst_rooms(farm, queue.show_id), room)
    if all(layer.avoided_until_us for layer in layers):
        avoided = [avoided_rows(farm, layer, demand, now_us, policies) for layer in layers]
        hosts[list(frozenset.intersection(*avoided))] = False
    return hosts

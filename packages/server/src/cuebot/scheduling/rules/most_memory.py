"""The most memory that a frame of a layer can get: one rule for who raises it and for who explains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Mask
from cuebot.domain.nouns import Layer
from cuebot.domain.ready import Demand
from cuebot.domain.states import HostState
from cuebot.domain.units import KiB
from cuebot.scheduling.rules.caps import NOT_SUBSCRIBED
from cuebot.scheduling.rules.eligibility import burst_rooms, open_mask
from cuebot.scheduling.rules.fits import room_when_idle


def most_memory(farm: Farm, layer: Layer) -> KiB:
    """What one frame could get on a host that its job may use, if nothing else ran there; 0 where there is none.

    Hosts that are down count only where all are: nobody knows whether they come back.
    """
    job, table = farm.jobs[layer.job_id], farm.hosts_table
    demand = replace(Demand.of(job, layer), memory=KiB(0))
    hosts = table.present[: table.size] & open_mask(farm, demand) & room_when_idle(table).fitting(demand)
    hosts &= burst_rooms(farm, job.show_id) != NOT_SUBSCRIBED
    up = hosts & ~_down(farm, hosts)
    return KiB(int(table.has["memory"][: table.size][up if up.any() else hosts].max(initial=0)))


def _down(farm: Farm, hosts: Mask) -> Mask:
    """Which of some hosts are down."""
    down = np.zeros(len(hosts), dtype=np.bool_)
    for row in np.flatnonzero(hosts).tolist():
        down[row] = farm.hosts[farm.hosts_table.ids[row]].state is HostState.DOWN
    return down

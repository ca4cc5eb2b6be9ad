"""Parts of hosts on which their users render: what they have left, and what may run there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cuebot.domain.farm import Farm
from cuebot.domain.host_table import why_not_fit
from cuebot.domain.nouns import Host, Layer, Partition
from cuebot.domain.ready import Demand
from cuebot.domain.resources import RESOURCES
from cuebot.domain.states import FrameState, HostState
from cuebot.scheduling.rules.eligibility import facility_mask, may_book, may_start, os_mask


class Left(NamedTuple):
    """What a partition has left, as far as its host has it."""

    cores: int
    amounts: dict[str, int]

    def lets(self, demand: Demand) -> bool:
        """A frame with this demand has room; how many cores it asks for does not matter."""
        return self.cores > 0 and all(getattr(demand, name) <= amount for name, amount in self.amounts.items())


def takes_local(host: Host) -> bool:
    """A host takes what its user renders there: also while it is locked."""
    return not host.removed and host.state is HostState.UP and not why_not_fit(host)


def left_of(farm: Farm, partition: Partition) -> Left:
    """What a partition has left now."""
    host = farm.hosts[partition.host_id]
    table, row = farm.hosts_table, host.row
    own = [farm.procs[id] for id in host.proc_ids if farm.procs[id].partition_id == partition.id]
    cores = min(partition.cores - sum(proc.cores for proc in own), int(table.idle_cores[row]))
    amounts = {
        r.name: min(
            getattr(partition, r.name) - sum(getattr(proc, r.name) for proc in own), int(table.idle[r.name][row])
        )
        for r in RESOURCES
    }
    return Left(max(cores, 0), amounts)


def layers_for(farm: Farm, partition: Partition, now_us: int) -> Iterator[tuple[Layer, Demand]]:
    """The layers of a partition that have frames which wait and may run on its host now. Tags do not matter."""
    ready, row = farm.ready, farm.hosts[partition.host_id].row
    if not may_book(farm.shows[farm.jobs[partition.job_id].show_id]):
        return
    for demand in ready.demands(partition.job_id):
        if not (facility_mask(farm, demand.facility_id)[row] and os_mask(farm, demand.os)[row]):
            continue
        for _, id in ready.layers(partition.job_id, demand):
            if partition.layer_id in (None, id) and may_start(farm, farm.layers[id], now_us):
                yield farm.layers[id], demand


def is_next(farm: Farm, partition: Partition, layer: Layer) -> bool:
    """The frame of a partition that is for one frame waits, if it is for one."""
    index = partition.frame_index
    return index is None or (int(layer.frames.state[index]) == FrameState.WAITING and index not in layer.runs)

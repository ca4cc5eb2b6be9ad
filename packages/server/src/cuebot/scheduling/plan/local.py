"""What users render on their own hosts is planned by itself, before the rest of the farm.

Shares, bursts, maximums of jobs and groups and tags do not count there; what limits leave does, and policies do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cuebot.domain.commands import Booking
from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Column
from cuebot.domain.nouns import Layer, Partition
from cuebot.domain.ready import Demand
from cuebot.domain.units import ONE_CORE, CoreUnits
from cuebot.scheduling.plan.frame_order import Part, frames_in_order
from cuebot.scheduling.rules.limits import LimitUsage
from cuebot.scheduling.rules.partitions import Left, is_next, layers_for, left_of, takes_local
from cuebot.scheduling.rules.policy import Policies, Policy


def plan_local(farm: Farm, now_us: int, budget: int, policies: Sequence[Policy] = ()) -> list[Booking]:
    """Frames for the partitions of one host, the first that has room and where something waits.

    One host at a time: what its partitions take of it, and what their jobs have left, is known when it is booked.
    """
    partitions = sorted(farm.partitions.values(), key=lambda partition: (partition.created_us, partition.id))
    rules = _Rules(LimitUsage(farm, now_us), Policies(farm, policies, now_us))
    for partition in partitions:
        host = farm.hosts[partition.host_id]
        table = farm.hosts_table
        is_shut = _is_after(table.refused_until_us, host.row, now_us) or table.alone[host.row] > 0
        if is_shut or not takes_local(host):
            continue
        bookings = list(_bookings(farm, partition, rules, now_us, budget))
        if bookings:
            return bookings
    return []


@dataclass(frozen=True, slots=True)
class _Rules:
    """What holds on somebody's own host, too."""

    usage: LimitUsage
    policies: Policies

    def let(self, row: int, demand: Demand) -> bool:
        """Limits have room, and the studio's policies let such a frame run there."""
        if self.usage.full(demand) is not None or not self.usage.lets(row, demand):
            return False
        allowed = self.policies.allowed(demand)
        return allowed is None or bool(allowed[row])


def _is_after(column: Column, row: int, now_us: int) -> bool:
    return int(column[row]) > now_us


def _bookings(farm: Farm, partition: Partition, rules: _Rules, now_us: int, budget: int) -> Iterator[Booking]:
    host = farm.hosts[partition.host_id]
    layers = sorted(layers_for(farm, partition, now_us), key=lambda entry: (entry[0].dispatch_order, entry[0].key))
    left, is_empty, count = left_of(farm, partition), not host.proc_ids, 0
    for layer, demand, index in _candidates(farm, partition, layers, budget):
        if not left.lets(demand) or (demand.alone and not is_empty):
            continue
        if not rules.let(host.row, demand):
            continue
        cores = CoreUnits(min(partition.threads * ONE_CORE, left.cores))
        rules.usage.take(host.row, demand)
        left = _less(left, cores, demand)
        yield Booking(layer.id, index, host.id, cores, demand.memory, demand.gpus, demand.gpu_memory, partition.id)
        is_empty, count = False, count + 1
        if demand.alone or count >= budget:
            return


def _candidates(
    farm: Farm, partition: Partition, layers: list[tuple[Layer, Demand]], most: int
) -> Iterator[tuple[Layer, Demand, int]]:
    if partition.frame_index is None:
        taken: dict[Part, int] = {}
        return frames_in_order(layers, taken, most)
    index = partition.frame_index
    return iter(
        [
            (layer, demand, index)
            for layer, demand in layers
            if is_next(farm, partition, layer) and (index in layer.frames.alone) is demand.alone
        ]
    )


def _less(left: Left, cores: int, demand: Demand) -> Left:
    return Left(left.cores - cores, {name: amount - getattr(demand, name) for name, amount in left.amounts.items()})

"""Which hosts could take a frame of a layer, constraint by constraint: the plan's filter and explain's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Allocation, Group, Job, Layer
from cuebot.domain.states import JobState
from cuebot.domain.units import CoreUnits, KiB

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Needs:
    """What one frame of a layer takes from a host. `whole_host` frames need an idle one."""

    cores: CoreUnits
    memory: KiB
    gpus: int
    whole_host: bool

    @classmethod
    def of(cls, layer: Layer) -> Needs:
        """0 cores ask for a whole host, a negative number for all of it but that much (behaviour_dispatch 3.7)."""
        return cls(layer.min_cores, layer.min_memory, layer.min_gpus, whole_host=layer.min_cores <= 0)


NO_CAP: Final = 1 << 60
"""More core units than any farm has."""


def job_reason(farm: Farm, job: Job) -> str:
    """Why nothing of a job may be booked at all, as a reason code; empty when it may."""
    show = farm.shows[job.show_id]
    if job.state is not JobState.PENDING:
        return "JOB_" + job.state.name
    if job.paused:
        return "JOB_PAUSED"
    if not show.active:
        return "SHOW_INACTIVE"
    if not show.booking_enabled:
        return "SHOW_BOOKING_OFF"
    return ""


def room_under_caps(farm: Farm, job: Job) -> tuple[int, str]:
    """Core units that a job may still book under its own and its group's maximum, and which of them is nearest.

    A maximum of -1 is none. The code is empty while there is no maximum.
    """
    job_room, group_room = room_under_cap(job), room_under_cap(farm.groups[job.group_id])
    room = min(job_room, group_room)
    if room == NO_CAP:
        return room, ""
    return room, "JOB_MAX_CORES" if job_room <= group_room else "GROUP_MAX_CORES"


def room_under_cap(holder: Job | Group) -> int:
    """Core units that may still be booked under one maximum."""
    return holder.max_cores - holder.reserved_cores if holder.max_cores >= 0 else NO_CAP


def burst_room(farm: Farm, show_id: str, allocation: Allocation) -> int | None:
    """Core units that a show may still book in an allocation; None without a subscription."""
    id = farm.subscription_of.get((show_id, allocation.id))
    if id is None:
        return None
    subscription = farm.subscriptions[id]
    return subscription.burst - subscription.reserved_cores


def tag_mask(farm: Farm, layer: Layer) -> Mask:
    """Hosts with at least one of the layer's tags; case does not matter.

    While a host has a tag with the name of one of the layer's services that has no record, that is a request too (D5).
    """
    table = farm.hosts_table
    wanted = {tag.lower() for tag in layer.tags}
    wanted |= {s.lower() for s in layer.services if s not in farm.service_by_name and s.lower() in table.rows_by_tag}
    mask = np.zeros(table.size, dtype=np.bool_)
    for tag in wanted:
        rows = table.rows_by_tag.get(tag)
        if rows:
            mask[list(rows)] = True
    return mask


def allocation_mask(farm: Farm, allocation_id: str) -> Mask:
    """Hosts of an allocation."""
    mask = np.zeros(farm.hosts_table.size, dtype=np.bool_)
    rows = farm.hosts_table.rows_by_allocation.get(allocation_id)
    if rows:
        mask[list(rows)] = True
    return mask


def facility_mask(farm: Farm, facility_id: str) -> Mask:
    """Hosts of a facility."""
    mask = np.zeros(farm.hosts_table.size, dtype=np.bool_)
    for allocation in farm.allocations.values():
        if allocation.facility_id == facility_id:
            mask |= allocation_mask(farm, allocation.id)
    return mask


def os_mask(farm: Farm, job: Job) -> Mask:
    """Hosts with the job's operating system; every host where the job does not care."""
    size = farm.hosts_table.size
    if not job.os:
        return np.ones(size, dtype=np.bool_)
    mask = np.zeros(size, dtype=np.bool_)
    for host in farm.hosts.values():
        mask[host.row] = job.os.lower() in (name.lower() for name in host.os)
    return mask


def fits_when_idle(farm: Farm, needs: Needs) -> Mask:
    """Hosts that could take the frame if nothing else ran on them."""
    table, n = farm.hosts_table, farm.hosts_table.size
    cores = -needs.cores if needs.whole_host else needs.cores - 1
    return (table.cores[:n] > cores) & (table.memory[:n] >= needs.memory)


def fits_now(farm: Farm, needs: Needs) -> Mask:
    """Hosts that have room for the frame as they are."""
    table, n = farm.hosts_table, farm.hosts_table.size
    fits = (table.idle_memory[:n] >= needs.memory) & (table.idle_gpus[:n] >= needs.gpus)
    if needs.whole_host:
        fits &= (table.idle_cores[:n] == table.cores[:n]) & (table.cores[:n] > -needs.cores)
    else:
        fits &= table.idle_cores[:n] >= needs.cores
    return np.asarray(fits)

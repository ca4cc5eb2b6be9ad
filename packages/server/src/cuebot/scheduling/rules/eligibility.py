"""Which hosts could take a frame of a layer, constraint by constraint: the plan's filter and explain's words.

Whether a host takes any frame at all (locked, down, full) is `domain.host_table.why_not_bookable`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from cuebot.domain.farm import Farm
from cuebot.domain.holds import host_shut, job_shut
from cuebot.domain.host_table import Column, Mask
from cuebot.domain.nouns import Job, Layer, Show
from cuebot.domain.ready import Demand
from cuebot.domain.states import JobState
from cuebot.scheduling.rules.caps import NO_CAP, NOT_SUBSCRIBED, burst_room, room_under_cap
from cuebot.scheduling.rules.fits import cores_taken, room_when_idle


class Allowing(Protocol):
    """What policies say of hosts."""

    def allowed(self, demand: Demand) -> Mask | None:
        """The hosts that they let a frame use; None where they say nothing."""


def job_reasons(farm: Farm, job: Job) -> list[str]:
    """Everything for which nothing of a job may be booked at all, as reason codes.

    These are explain's; what keeps such a job's layers out of a plan's queue is `Farm.update_ready`.
    """
    if job.state is not JobState.PENDING:
        return ["JOB_" + job.state.name]
    return (["JOB_PAUSED"] if job.paused else []) + show_reasons(farm.shows[job.show_id])


def show_reasons(show: Show) -> list[str]:
    """Everything for which nothing of a show may be booked at all, as reason codes."""
    return [code for code, allowed in _show_switches(show) if not allowed]


def may_book(show: Show) -> bool:
    """Something of a show may be booked."""
    return all(allowed for _, allowed in _show_switches(show))


def _show_switches(show: Show) -> tuple[tuple[str, bool], ...]:
    """A run's place on its host ends with it, so where nothing is dispatched nothing may be booked either."""
    return (
        ("SHOW_INACTIVE", show.active),
        ("SHOW_BOOKING_OFF", show.booking_enabled),
        ("SHOW_DISPATCH_OFF", show.dispatch_enabled),
    )


def room_under_caps(farm: Farm, job: Job) -> tuple[int, str]:
    """Core units that a job may still book under its own and its group's maximum, and which of them is nearest.

    A maximum of -1 is none. The code is empty while there is no maximum.
    """
    job_room, group_room = room_under_cap(job), room_under_cap(farm.groups[job.group_id])
    room = min(job_room, group_room)
    if room == NO_CAP:
        return room, ""
    return room, "JOB_MAX_CORES" if job_room <= group_room else "GROUP_MAX_CORES"


def may_start(farm: Farm, layer: Layer, now_us: int) -> bool:
    """A layer's frames may start by the time of day, and their job is not held."""
    return layer.start_after_us <= now_us and not job_shut(farm, farm.jobs[layer.job_id], now_us)


def usable(farm: Farm, now_us: int) -> Mask:
    """Hosts that take anything at all."""
    table, n = farm.hosts_table, farm.hosts_table.size
    hosts = table.bookable[:n] & (table.refused_until_us[:n] <= now_us) & (table.quarantined_until_us[:n] <= now_us)
    return hosts & ~held_hosts(farm, now_us) if farm.holds.hosts else hosts


def held_hosts(farm: Farm, now_us: int) -> Mask:
    """Hosts that take nothing now because the last launches there failed by their fault."""
    mask = np.zeros(farm.hosts_table.size, dtype=np.bool_)
    shut = (farm.hosts[id] for id in farm.holds.hosts if id in farm.hosts)
    mask[[host.row for host in shut if host_shut(farm, host, now_us)]] = True
    return mask


def tried_hosts(farm: Farm) -> Mask:
    """Hosts that take one frame at a time until one was started there."""
    mask = np.zeros(farm.hosts_table.size, dtype=np.bool_)
    held = (farm.hosts[id] for id in farm.holds.hosts if id in farm.hosts)
    mask[[host.row for host in held if farm.holds.of_host(host)]] = True
    return mask


def avoided_rows(farm: Farm, layer: Layer, demand: Demand, now_us: int, policies: Allowing) -> frozenset[int]:
    """Hosts where a frame of the layer failed lately, while some other host could take the next one."""
    rows = [row for row, until_us in layer.avoided_until_us.items() if until_us > now_us]
    if not rows:
        return frozenset()
    others = usable(farm, now_us) & open_mask(farm, demand) & room_when_idle(farm.hosts_table).fitting(demand)
    if farm.holds.hosts:  # one that may start nothing is not worth waiting for
        others &= ~tried_hosts(farm)
    allowed = policies.allowed(demand)
    if allowed is not None:
        others = others & allowed
    job = farm.jobs[layer.job_id]
    room, _ = room_under_caps(farm, job)
    others &= cores_taken(farm.hosts_table, demand) <= np.minimum(burst_rooms(farm, job.show_id), room)
    others[rows] = False
    return frozenset(rows) if others.any() else frozenset()


def open_mask(farm: Farm, demand: Demand) -> Mask:
    """Hosts of a demand's facility, with its operating system and one of its tags."""

    def make() -> Mask:
        return facility_mask(farm, demand.facility_id) & os_mask(farm, demand.os) & tag_mask(farm, demand)

    key = ("open", demand.facility_id, demand.os, demand.tags, demand.services)
    return farm.hosts_table.mask(key, make)


def tag_mask(farm: Farm, demand: Demand) -> Mask:
    """Hosts with at least one of the layer's tags; case does not matter.

    While a host has a tag with the name of one of the layer's services that has no record, that is a request too
    (decisions: unknown-services).
    """
    table = farm.hosts_table

    def make() -> Mask:
        wanted = {tag.lower() for tag in demand.tags}
        known = {*farm.service_by_name, *(name for _, name in farm.override_of)}
        wanted |= {s.lower() for s in demand.services if s not in known}
        return _rows_mask(farm, *(table.rows_by_tag.get(tag, ()) for tag in wanted))

    return table.mask(("tags", demand.tags, demand.services), make)


def allocation_mask(farm: Farm, allocation_id: str) -> Mask:
    """Hosts of an allocation."""
    table = farm.hosts_table

    def make() -> Mask:
        return _rows_mask(farm, table.rows_by_allocation.get(allocation_id, ()))

    return table.mask(("allocation", allocation_id), make)


def facility_mask(farm: Farm, facility_id: str) -> Mask:
    """Hosts of a facility."""
    table = farm.hosts_table

    def make() -> Mask:
        ids = (a.id for a in farm.allocations.values() if a.facility_id == facility_id)
        return _rows_mask(farm, *(table.rows_by_allocation.get(id, ()) for id in ids))

    return table.mask(("facility", facility_id), make)


def os_mask(farm: Farm, os: str) -> Mask:
    """Hosts with an operating system; every host where no system is named."""
    table = farm.hosts_table

    def make() -> Mask:
        if not os:
            return np.ones(table.size, dtype=np.bool_)
        return _rows_mask(farm, table.rows_by_os.get(os.lower(), ()))

    return table.mask(("os", os), make)


def _rows_mask(farm: Farm, *parts: Iterable[int]) -> Mask:
    mask = np.zeros(farm.hosts_table.size, dtype=np.bool_)
    for part in parts:
        mask[list(part)] = True
    return mask


def has_lonely_run(farm: Farm) -> Mask:
    """Hosts with a run that nothing may run beside."""
    return np.asarray(farm.hosts_table.alone[: farm.hosts_table.size] > 0)


def burst_rooms(farm: Farm, show_id: str) -> Column:
    """Core units that a show may still book on each host by its subscriptions; NOT_SUBSCRIBED where it has none."""
    rooms = np.full(farm.hosts_table.size, NOT_SUBSCRIBED, dtype=np.int64)
    for allocation in farm.allocations.values():
        room = burst_room(farm, show_id, allocation)
        if room is not None:
            rooms[allocation_mask(farm, allocation.id)] = room
    return rooms

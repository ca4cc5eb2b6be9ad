"""Hosts: which ones, in which order, and what each looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cuebot.domain.bounds import Bounds
from cuebot.domain.farm import Farm
from cuebot.domain.host_table import why_not_bookable
from cuebot.domain.nouns import Host
from cuebot.domain.states import HostState, LockState, ThreadMode
from cuebot.domain.tags import split_tags
from cuebot.queries.allocations import allocation_ids
from cuebot.queries.text import Clock, check_count, text_filter
from cuebot.queries.units import in_cores, in_seconds


class HostRow(NamedTuple):
    """A host. What is idle is what may be reserved of it now: never less than nothing while it drains."""

    id: str
    name: str
    allocation: str
    state: HostState
    lock: LockState
    thread_mode: ThreadMode
    nimby_enabled: bool
    commented: bool
    os: tuple[str, ...]
    tags: tuple[str, ...]
    cores: float
    """What may be reserved; so are the next."""
    idle_cores: float
    memory_kib: int
    idle_memory_kib: int
    gpus: int
    idle_gpus: int
    gpu_memory_kib: int
    idle_gpu_memory_kib: int
    total_memory_kib: int
    """What the machine has, and has free, as it said last; so are the next."""
    free_memory_kib: int
    total_swap_kib: int
    free_swap_kib: int
    total_temp_kib: int
    free_temp_kib: int
    free_gpu_memory_kib: int
    load: int
    """Hundredths of the load of the last minute for each core."""
    boot_s: int
    ping_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCriteria:
    """Which hosts are asked for: fields are ANDed, the values of one are ORed, an empty field says nothing."""

    ids: Sequence[str] = ()
    names: Sequence[str] = ()
    parts: Sequence[str] = ()
    patterns: Sequence[str] = ()
    allocations: Sequence[str] = ()
    states: Sequence[int] = ()
    locks: Sequence[int] = ()

    def words(self) -> int:
        """How many words are looked for."""
        fields = (self.ids, self.names, self.parts, self.patterns, self.allocations, self.states, self.locks)
        return sum(len(field) for field in fields)


def host_row(farm: Farm, host: Host, commented: set[str] | frozenset[str] = frozenset()) -> HostRow:
    """A host as a row; `commented` has the ids of the hosts that have comments."""
    table, allocation = farm.hosts_table, farm.allocations[host.allocation_id]
    return HostRow(
        id=host.id,
        name=host.name,
        allocation=farm.allocation_name(allocation),
        state=host.state,
        lock=host.lock,
        thread_mode=host.thread_mode,
        nimby_enabled=host.nimby_enabled,
        commented=host.id in commented,
        os=host.os,
        tags=tuple(split_tags((*host.manual_tags, allocation.tag, *host.hardware_tags, host.name))),
        cores=in_cores(host.cores),
        idle_cores=in_cores(max(int(table.idle_cores[host.row]), 0)),
        memory_kib=host.memory,
        idle_memory_kib=max(int(table.idle["memory"][host.row]), 0),
        gpus=host.gpus,
        idle_gpus=max(int(table.idle["gpus"][host.row]), 0),
        gpu_memory_kib=host.gpu_memory,
        idle_gpu_memory_kib=max(int(table.idle["gpu_memory"][host.row]), 0),
        total_memory_kib=host.total_memory,
        free_memory_kib=host.free_memory,
        total_swap_kib=host.total_swap,
        free_swap_kib=host.free_swap,
        total_temp_kib=host.total_temp,
        free_temp_kib=host.free_temp,
        free_gpu_memory_kib=host.free_gpu_memory,
        load=host.load,
        boot_s=in_seconds(host.boot_us),
        ping_s=in_seconds(host.ping_us),
    )


def present(farm: Farm) -> list[Host]:
    """All hosts that were not removed, by name."""
    return by_name(host for host in farm.hosts.values() if not host.removed)


def by_name(hosts: Iterable[Host]) -> list[Host]:
    """Hosts in the order of their names, without those that were removed since they were found."""
    return sorted((host for host in hosts if not host.removed), key=lambda host: host.name)


def hosts_of_allocation(farm: Farm, allocation_id: str) -> list[Host]:
    """The hosts in an allocation."""
    return [host for host in farm.hosts.values() if host.allocation_id == allocation_id and not host.removed]


def stopped_hosts(farm: Farm) -> list[str]:
    """Names of the hosts that are down since their agents were told to stop."""
    return sorted(host.name for host in farm.hosts.values() if why_not_bookable(host) == "HOST_STOPPED")


def tags_of_hosts(farm: Farm) -> set[str]:
    """Every tag that some host has, in lower case."""
    return {tag.lower() for host in farm.hosts.values() if not host.removed for tag in farm.host_tags(host)}


def host_filter(farm: Farm, criteria: HostCriteria, bounds: Bounds, clock: Clock) -> Callable[[Host], bool]:
    """Which hosts the criteria mean; allocations are named in full. Raises Invalid."""
    check_count(criteria.words(), bounds)
    ids, names = frozenset(criteria.ids), frozenset(criteria.names)
    allocations = allocation_ids(farm, criteria.allocations)
    states, locks = frozenset(criteria.states), frozenset(criteria.locks)
    matches = text_filter(criteria.parts, criteria.patterns, bounds, clock)
    return lambda host: bool(
        not host.removed
        and (not ids or host.id in ids)
        and (not names or host.name in names)
        and (not criteria.allocations or host.allocation_id in allocations)
        and (not states or host.state in states)
        and (not locks or host.lock in locks)
        and matches(host.name)
    )

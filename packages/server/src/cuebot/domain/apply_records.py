"""Appliers of `Added`, `Changed` and `Removed`: things whose fields are set one by one, and what hangs on them."""

from __future__ import annotations

from typing import Any

from cuebot.domain import events as ev
from cuebot.domain.farm import Farm, restore, typed
from cuebot.domain.host_table import Held
from cuebot.domain.indexing import IN_MASKS, count_in_allocation, index_thing
from cuebot.domain.nouns import Host, Job
from cuebot.domain.states import HOST_TRANSITIONS, HostState
from cuebot.domain.units import CoreUnits, Micros

_SHOWN_BY_MANY = frozenset({"show", "group", "facility", "allocation"})
_SHOWN_FIELDS = frozenset({"name", "tag", "facility_id"})
"""What jobs and hosts show of those."""


def added(farm: Farm, event: ev.Added, at_us: Micros) -> None:
    """A thing exists now."""
    thing = restore(event.kind, event.values)
    _touch(farm, event.kind, thing)
    index_thing(farm, event.kind, thing)
    farm.dirty.row(event.kind, thing.id)


def changed(farm: Farm, event: ev.Changed, at_us: Micros) -> None:
    """Fields of a thing have new values."""
    thing = farm.table(event.kind)[event.id]
    fresh = typed(event.kind, event.changes)
    _touch(farm, event.kind, thing, frozenset(fresh))
    if event.kind == "host":
        _host_may_change(farm, thing, fresh, at_us)
    if event.kind == "job" and "group_id" in fresh:
        _move_job(farm, thing, fresh["group_id"])
    if event.kind == "layer" and "limits" in fresh:
        for run_id in thing.runs.values():
            row = farm.hosts[farm.procs[run_id].host_id].row
            farm.limit_use.add(thing.limits, row, -1)
            farm.limit_use.add(fresh["limits"], row, 1)
    old_name = getattr(thing, "name", None)
    for name, value in fresh.items():
        setattr(thing, name, value)
    farm.dirty.row(event.kind, event.id)
    if old_name is not None and "name" in event.changes:
        _renamed(farm, event.kind, thing, old_name)
    if event.kind == "host":
        farm.hosts_table.index_tags(thing, farm.host_tags(thing))
        farm.hosts_table.refresh(thing, farm.used_on(thing))
    elif event.kind == "allocation" and "tag" in event.changes:
        for host in farm.hosts.values():
            if host.allocation_id == thing.id:
                farm.hosts_table.index_tags(host, farm.host_tags(host))
    elif event.kind == "job":
        farm.requeue(thing)
    elif event.kind == "layer":
        farm.requeue(farm.jobs[thing.job_id])
    elif event.kind in IN_MASKS:
        farm.hosts_table.forget_masks()


def _touch(farm: Farm, kind: str, thing: Any, changed: frozenset[str] = frozenset()) -> None:
    """Note which jobs and hosts show a thing that was added, changed or removed."""
    touched = farm.touched
    if kind == "job":
        touched.jobs.add(thing.id)
    elif kind == "host":
        touched.hosts.add(thing.id)
    elif kind == "comment":
        touched.comments = True
        if thing.job_id:
            touched.jobs.add(thing.job_id)
        if thing.host_id:
            touched.hosts.add(thing.host_id)
    elif kind in _SHOWN_BY_MANY and changed & _SHOWN_FIELDS:
        touched.all = True


def _host_may_change(farm: Farm, host: Host, fresh: dict[str, Any], at_us: Micros) -> None:
    """Look at a host's new values before they are there: its state may follow, and its procs move with it."""
    state = HostState(fresh.get("state", host.state))
    if state is not host.state and state not in HOST_TRANSITIONS[host.state]:
        raise AssertionError(f"host {host.name} cannot go from {host.state.name} to {state.name}")
    allocation_id = fresh.get("allocation_id", host.allocation_id)
    if allocation_id != host.allocation_id:
        for proc in (farm.procs[id] for id in host.proc_ids):
            count_in_allocation(farm, proc.show_id, host.allocation_id, -proc.cores, at_us)
            count_in_allocation(farm, proc.show_id, allocation_id, proc.cores, at_us)


def _move_job(farm: Farm, job: Job, group_id: str) -> None:
    old, new = farm.groups[job.group_id], farm.groups[group_id]
    old.job_ids.discard(job.id)
    new.job_ids.add(job.id)
    old.reserved_cores = CoreUnits(old.reserved_cores - job.reserved_cores)
    new.reserved_cores = CoreUnits(new.reserved_cores + job.reserved_cores)
    old.reserved_gpus -= job.reserved_gpus
    new.reserved_gpus += job.reserved_gpus


def _renamed(farm: Farm, kind: str, thing: Any, old_name: str) -> None:
    indexes: dict[str, dict[Any, str]] = {
        "facility": farm.facility_by_name,
        "show": farm.show_by_name,
        "service": farm.service_by_name,
        "limit": farm.limit_by_name,
        "host": farm.host_by_name,
    }
    if kind in indexes:
        indexes[kind].pop(old_name, None)
        indexes[kind][thing.name] = thing.id
        if kind == "host":
            farm.host_names[thing.row] = thing.name
    elif kind == "allocation":
        farm.allocation_by_name.pop((thing.facility_id, old_name), None)
        farm.allocation_by_name[thing.facility_id, thing.name] = thing.id


def removed(farm: Farm, event: ev.Removed, at_us: Micros) -> None:
    """A thing is gone."""
    thing = farm.table(event.kind).pop(event.id)
    _touch(farm, event.kind, thing)
    farm.dirty.gone(event.kind, event.id)
    if event.kind in IN_MASKS:
        farm.hosts_table.forget_masks()
    if event.kind == "facility":
        farm.facility_by_name.pop(thing.name, None)
    elif event.kind == "allocation":
        farm.allocation_by_name.pop((thing.facility_id, thing.name), None)
    elif event.kind == "show":
        farm.show_by_name.pop(thing.name, None)
    elif event.kind == "service":
        farm.service_by_name.pop(thing.name, None)
    elif event.kind == "limit":
        farm.limit_by_name.pop(thing.name, None)
    elif event.kind == "subscription":
        farm.subscription_of.pop((thing.show_id, thing.allocation_id), None)
    elif event.kind == "host":
        # Old frames name the host by its row, so the row and the record stay, out of use.
        thing.removed = True
        farm.hosts[thing.id] = thing
        farm.dirty.row("host", thing.id)
        farm.host_by_name.pop(thing.name, None)
        farm.hosts_table.index_tags(thing, farm.host_tags(thing))
        farm.hosts_table.refresh(thing, Held())

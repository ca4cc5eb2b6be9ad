"""Everything else is added, changed and removed here: shows, groups, hosts and what belongs to them."""

from __future__ import annotations

from typing import Any

from cuebot.domain import events as ev
from cuebot.domain.farm import Farm, restore, typed
from cuebot.domain.indexes import (
    IN_MASKS,
    count_in_allocation,
    deeds_of,
    enter_deed,
    enter_name,
    forget_rule,
    free_place,
    hold_place,
    index_aliases,
    index_host,
    index_limit,
    index_thing,
    leave_deed,
    leave_name,
    move_job,
)
from cuebot.domain.limit_use import RunUnder, drop_entry
from cuebot.domain.nouns import Host, Request
from cuebot.domain.states import HOST_TRANSITIONS, HostState
from cuebot.domain.units import Micros

_SHOWN_BY_MANY = frozenset({"show", "group", "facility", "allocation"})
_SHOWN_FIELDS = frozenset({"name", "tag", "facility_id"})
"""What jobs and hosts show of those."""


def added(farm: Farm, event: ev.Added, at_us: Micros) -> None:
    thing = restore(event.kind, event.values)
    _touch(farm, event.kind, thing)
    _touch_frame(farm, event.kind, thing, at_us)
    index_thing(farm, event.kind, thing)
    farm.dirty.row(event.kind, thing.id)


def changed(farm: Farm, event: ev.Changed, at_us: Micros) -> None:
    thing = farm.table(event.kind)[event.id]
    fresh = typed(event.kind, event.changes)
    _touch(farm, event.kind, thing, frozenset(fresh))
    _touch_frame(farm, event.kind, thing, at_us)
    _before_change(farm, event.kind, thing, fresh, at_us)

    if "name" in fresh:
        leave_name(farm, event.kind, thing)
    for name, value in fresh.items():
        setattr(thing, name, value)
    if "name" in fresh:
        enter_name(farm, event.kind, thing)

    farm.dirty.row(event.kind, event.id)
    _after_change(farm, event.kind, thing, fresh)


def _before_change(farm: Farm, kind: str, thing: Any, fresh: dict[str, Any], at_us: Micros) -> None:
    """What has to know a thing's old values and its new ones."""
    if kind == "host":
        _host_may_change(farm, thing, fresh, at_us)
    elif kind == "redirect":
        free_place(farm, thing)
    elif kind == "owner":
        for deed in deeds_of(farm, thing):
            leave_deed(farm, deed)
    elif kind == "job" and "group_id" in fresh:
        move_job(farm, thing, fresh["group_id"])
    elif kind == "layer" and "limits" in fresh:
        for run_id in thing.runs.values():
            proc = farm.procs[run_id]
            host = farm.hosts[proc.host_id]
            farm.limit_use.remove(thing.limits, run_id)
            farm.limit_use.add(fresh["limits"], run_id, RunUnder(host.row, host.name, proc.booked_us))
        for name in thing.limits:
            drop_entry(farm.limit_use.layers_by_limit, name, thing.id)
        for name in fresh["limits"]:
            farm.limit_use.layers_by_limit[name].add(thing.id)


def _after_change(farm: Farm, kind: str, thing: Any, fresh: dict[str, Any]) -> None:
    """What is made from a thing's values is made again."""
    if kind == "allocation" and "tag" in fresh:
        for host in farm.hosts.values():
            if host.allocation_id == thing.id:
                farm.hosts_table.index_tags(host, farm.host_tags(host))
    elif kind == "job":
        farm.requeue(thing)
    elif kind == "layer":
        farm.requeue(farm.jobs[thing.job_id])
    elif kind in IN_MASKS:
        farm.hosts_table.forget_masks()
    else:
        _index_again(farm, kind, thing, fresh)


def _index_again(farm: Farm, kind: str, thing: Any, fresh: dict[str, Any]) -> None:
    """What is found or counted by a thing's values is entered anew."""
    if kind == "host":
        index_host(farm, thing)
    elif kind == "redirect":
        hold_place(farm, thing)
    elif kind == "owner":
        for deed in deeds_of(farm, thing):
            enter_deed(farm, deed)
    elif kind == "limit":
        index_limit(farm, thing)
    elif kind == "show" and "aliases" in fresh:
        index_aliases(farm, thing)


def _host_may_change(farm: Farm, host: Host, fresh: dict[str, Any], at_us: Micros) -> None:
    """Look at a host's new values before they are there: its state may follow, and its procs move with it."""
    state = HostState(fresh.get("state", host.state))
    if state is not host.state and state not in HOST_TRANSITIONS[host.state]:
        raise AssertionError(f"host {host.name} cannot go from {host.state.name} to {state.name}")
    allocation_id = fresh.get("allocation_id", host.allocation_id)
    if allocation_id != host.allocation_id:
        for proc in [farm.procs[id] for id in host.proc_ids if not farm.procs[id].partition_id]:
            count_in_allocation(farm, proc.show_id, host.allocation_id, -proc.cores, at_us)
            count_in_allocation(farm, proc.show_id, allocation_id, proc.cores, at_us)


def removed(farm: Farm, event: ev.Removed, at_us: Micros) -> None:
    thing = farm.table(event.kind).pop(event.id)
    _touch(farm, event.kind, thing)
    farm.dirty.gone(event.kind, event.id)
    if event.kind in IN_MASKS:
        farm.hosts_table.forget_masks()

    leave_name(farm, event.kind, thing)
    if event.kind == "limit":
        forget_rule(farm, thing)
    elif event.kind == "host":
        # Old frames name the host by its row, so the row and the record stay, out of use.
        thing.removed = True
        farm.hosts[thing.id] = thing
        farm.dirty.row("host", thing.id)
        index_host(farm, thing)
    elif event.kind == "redirect":
        free_place(farm, thing)
    elif event.kind == "deed":
        leave_deed(farm, thing)
    elif event.kind == "comment" and thing.job_id:
        farm.comments_of_job[thing.job_id].discard(thing.id)
    elif event.kind == "filter":
        farm.filters_of_show[thing.show_id].discard(thing.id)
    elif event.kind == "show":
        thing.aliases = ()
        index_aliases(farm, thing)


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


def usage_reported(farm: Farm, event: ev.UsageReported, at_us: Micros) -> None:
    limit = farm.limits[event.limit_id]
    limit.captured_us, limit.since_us, limit.received_us = event.captured_us, event.since_us, at_us
    limit.report_source, limit.licences = event.source, event.licences
    limit.holders, limit.tokens = event.holders, event.tokens
    index_limit(farm, limit)
    farm.dirty.row("limit", limit.id)


def _touch_frame(farm: Farm, kind: str, thing: Any, at_us: Micros) -> None:
    """Whoever watches a job's frames hears of a new text for one."""
    if kind == "display_override":
        farm.layers[thing.layer_id].frames.updated_us[thing.frame_index] = at_us


def request_answered(farm: Farm, event: ev.RequestAnswered, at_us: Micros) -> None:
    farm.requests[event.request_id] = Request(event.request_id, event.reply, at_us)
    farm.dirty.row("request", event.request_id)
    while len(farm.requests) > farm.bounds.kept_requests:
        oldest = next(iter(farm.requests))
        del farm.requests[oldest]
        farm.dirty.gone("request", oldest)

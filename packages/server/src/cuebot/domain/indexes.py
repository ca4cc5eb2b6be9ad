"""Where a thing is entered so that others find it, and the sums that it is part of: used by `apply` and on loading."""

from __future__ import annotations

from typing import Any

from cuebot.domain.bounds import STORED_BOUNDS
from cuebot.domain.farm import Farm
from cuebot.domain.frame_set import normalise, parse_frame_set
from cuebot.domain.frames import Frames
from cuebot.domain.limit_use import RunUnder, Seen, drop_entry
from cuebot.domain.names import folded, short_host_name
from cuebot.domain.nouns import Deed, Depend, Host, Job, Layer, Limit, Owner, Proc, Redirect, Show
from cuebot.domain.states import FrameState, JobState
from cuebot.domain.units import CoreUnits, Micros

IN_MASKS = frozenset({"facility", "allocation", "subscription", "service", "service_override"})
"""Besides hosts, what the masks of the host table are made from."""


def initial_frames(layer: Layer, job: Job) -> Frames:
    """A layer's frames as they were launched."""
    return Frames(normalise(parse_frame_set(layer.range_text, STORED_BOUNDS), layer.chunk), job.submitted_us)


def index_job(farm: Farm, job: Job) -> None:
    """Enter a job into the farm's indexes."""
    farm.jobs[job.id] = job
    farm.groups[job.group_id].job_ids.add(job.id)
    farm.jobs_of_shot[job.show_id, job.shot].add(job.id)
    if job.parent_id:
        farm.post_jobs[job.parent_id].append(job.id)
    if job.state is not JobState.FINISHED:
        take_name(farm, job)


def take_name(farm: Farm, job: Job) -> None:
    """Let an active job be found by its name, in every spelling."""
    farm.active_job_by_name[job.name] = job.id
    farm.active_jobs_alike[folded(job.name)].add(job.id)


def give_name_up(farm: Farm, job: Job) -> None:
    """Let a job that has ended no longer be found as an active one."""
    del farm.active_job_by_name[job.name]
    alike = farm.active_jobs_alike[folded(job.name)]
    alike.discard(job.id)
    if not alike:
        del farm.active_jobs_alike[folded(job.name)]


def index_layer(farm: Farm, layer: Layer) -> None:
    """Enter a layer, with its frames in place, into the farm's indexes and counters."""
    farm.layers[layer.id] = layer
    farm.layer_by_key[layer.key] = layer.id
    farm.next_layer_key = max(farm.next_layer_key, layer.key + 1)
    job = farm.jobs[layer.job_id]
    job.layer_ids.append(layer.id)
    for name in layer.limits:
        farm.limit_use.layers_by_limit[name].add(layer.id)
    layer.counts = layer.frames.counts()
    job.counts = [a + b for a, b in zip(job.counts, layer.counts, strict=True)]
    if layer.counts[FrameState.CHECKPOINT]:
        farm.frame_marks.checkpointed.add(layer.id)
    farm.touched.jobs.add(job.id)
    farm.update_ready(layer)


def index_depend(farm: Farm, depend: Depend) -> None:
    """Enter a depend into the farm's indexes."""
    farm.depends[depend.id] = depend
    farm.depends_of_job[depend.er_job].add(depend.id)
    farm.depends_on_job[depend.on_job].add(depend.id)
    if depend.on_layer:
        farm.depends_on_layer[depend.on_layer].add(depend.id)


def index_proc(farm: Farm, proc: Proc) -> None:
    """Enter a proc that was loaded into everything that counts what procs hold."""
    layer, host = farm.layers[proc.layer_id], farm.hosts[proc.host_id]
    place_proc(farm, proc, layer, host)
    if not proc.partition_id:
        count_in_job(farm, layer, farm.jobs[proc.job_id], proc.cores, proc.gpus)
        count_in_allocation(farm, proc.show_id, host.allocation_id, proc.cores, Micros(0))


def place_proc(farm: Farm, proc: Proc, layer: Layer, host: Host) -> None:
    """Enter a proc at its frame and its host, with what it takes there."""
    farm.procs[proc.id] = proc
    layer.runs[proc.frame_index] = proc.id
    host.proc_ids.add(proc.id)
    farm.hosts_table.take(host.row, proc)
    farm.touched.hosts.add(host.id)
    if layer.limits:
        farm.limit_use.add(layer.limits, proc.id, RunUnder(host.row, host.name, proc.booked_us))


def hold_place(farm: Farm, redirect: Redirect) -> None:
    """Keep the place of a run that has ended, where a redirect says so."""
    if redirect.until_us:
        host = farm.hosts[redirect.host_id]
        farm.places_of_host.setdefault(host.id, {})[redirect.id] = None
        farm.hosts_table.take(host.row, redirect)
        farm.touched.hosts.add(host.id)


def free_place(farm: Farm, redirect: Redirect) -> None:
    """Let go of a place that is held."""
    if redirect.until_us:
        host = farm.hosts[redirect.host_id]
        places = farm.places_of_host[host.id]
        del places[redirect.id]
        if not places:
            del farm.places_of_host[host.id]
        farm.hosts_table.give_back(host.row, redirect)
        farm.touched.hosts.add(host.id)


def enter_deed(farm: Farm, deed: Deed) -> None:
    """Let a host be found as its owner's, and as one of his show's."""
    farm.deed_of_host[deed.host_id] = deed.id
    farm.owned_rows[farm.owners[deed.owner_id].show_id].add(farm.hosts[deed.host_id].row)


def leave_deed(farm: Farm, deed: Deed) -> None:
    """Let a host be found as its owner's no more."""
    del farm.deed_of_host[deed.host_id]
    show_id = farm.owners[deed.owner_id].show_id
    farm.owned_rows[show_id].discard(farm.hosts[deed.host_id].row)
    if not farm.owned_rows[show_id]:
        del farm.owned_rows[show_id]


def deeds_of(farm: Farm, owner: Owner) -> list[Deed]:
    """What an owner has, in the order in which he took it."""
    return sorted(
        (deed for deed in farm.deeds.values() if deed.owner_id == owner.id), key=lambda d: (d.created_us, d.id)
    )


def count_in_job(farm: Farm, layer: Layer, job: Job, cores: int, gpus: int) -> None:
    """Count core units and GPUs as held by a layer, its job and its group; negative ones as given back."""
    group = farm.groups[job.group_id]
    layer.reserved_cores = CoreUnits(layer.reserved_cores + cores)
    job.reserved_cores = CoreUnits(job.reserved_cores + cores)
    group.reserved_cores = CoreUnits(group.reserved_cores + cores)
    job.reserved_gpus += gpus
    group.reserved_gpus += gpus
    farm.ready.room_changed(job)
    farm.touched.jobs.add(job.id)


def count_in_allocation(farm: Farm, show_id: str, allocation_id: str, cores: int, at_us: Micros) -> None:
    """Count core units as held by a show in an allocation; negative ones as given back."""
    allocation = farm.allocations[allocation_id]
    allocation.reserved_cores = CoreUnits(allocation.reserved_cores + cores)
    subscription_id = farm.subscription_of.get((show_id, allocation_id))
    if subscription_id:
        farm.subscriptions[subscription_id].hold(cores, at_us)


def index_thing(farm: Farm, kind: str, thing: Any) -> None:
    """Enter a thing that is no job, layer, depend or proc into the farm's indexes."""
    farm.table(kind)[thing.id] = thing
    if kind in IN_MASKS:
        farm.hosts_table.forget_masks()

    enter_name(farm, kind, thing)
    if kind == "host":
        farm.hosts_table.add(thing)
        index_host(farm, thing)
    elif kind == "redirect":
        hold_place(farm, thing)
    elif kind == "deed":
        enter_deed(farm, thing)
    elif kind == "comment" and thing.job_id:
        farm.comments_of_job[thing.job_id].add(thing.id)
    elif kind == "filter":
        farm.filters_of_show[thing.show_id].add(thing.id)
    elif kind == "show":
        index_aliases(farm, thing)
    elif kind == "display_override":
        farm.frame_marks.enter(thing)
    elif kind == "subscription":
        thing.reserved_cores = sum(
            proc.cores
            for proc in farm.procs.values()
            if proc.show_id == thing.show_id
            and not proc.partition_id
            and farm.hosts[proc.host_id].allocation_id == thing.allocation_id
        )


def index_aliases(farm: Farm, show: Show) -> None:
    """Let a show be found by exactly those names besides its own that it has now."""
    for name in [name for name, id in farm.alias_of_show.items() if id == show.id]:
        del farm.alias_of_show[name]
    farm.alias_of_show |= {folded(name): show.id for name in show.aliases}


def index_host(farm: Farm, host: Host) -> None:
    """Write a host's row in the table of hosts again."""
    farm.hosts_table.index_tags(host, farm.host_tags(host))
    farm.hosts_table.refresh(host, farm.used_on(host))


def enter_name(farm: Farm, kind: str, thing: Any) -> None:
    """Let a thing be found by its name, or by what else it is asked for."""
    if kind == "host":
        farm.host_names += [""] * (thing.row + 1 - len(farm.host_names))
        farm.host_names[thing.row] = thing.name
        if thing.removed:
            return
        farm.limit_use.rows_by_short_name[short_host_name(thing.name)].add(thing.row)
    elif kind == "limit":
        index_limit(farm, thing)
    index = _index_of(farm, kind)
    if index is not None:
        index[_key_of(kind, thing)] = thing.id


def leave_name(farm: Farm, kind: str, thing: Any) -> None:
    """Let a thing be found by its name no more; frames still name a host that is gone."""
    if kind == "host":
        drop_entry(farm.limit_use.rows_by_short_name, short_host_name(thing.name), thing.row)
    elif kind == "limit":
        farm.limit_use.reported(thing.name, None)
    index = _index_of(farm, kind)
    if index is not None:
        index.pop(_key_of(kind, thing), None)


def index_limit(farm: Farm, limit: Limit) -> None:
    """Count what a limit's last report cannot have seen, and let its rule be found."""
    seen = Seen(limit.holders.keys(), limit.captured_us, limit.since_us) if limit.captured_us else None
    farm.limit_use.reported(limit.name, seen)
    forget_rule(farm, limit)
    if limit.exit_status:
        farm.limit_use.limit_by_exit[limit.exit_status] = limit.id


def forget_rule(farm: Farm, limit: Limit) -> None:
    """Let the rule of a limit be found no more."""
    for status in [status for status, id in farm.limit_use.limit_by_exit.items() if id == limit.id]:
        del farm.limit_use.limit_by_exit[status]


def _index_of(farm: Farm, kind: str) -> dict[Any, str] | None:
    indexes: dict[str, dict[Any, str]] = {
        "facility": farm.facility_by_name,
        "allocation": farm.allocation_by_name,
        "show": farm.show_by_name,
        "subscription": farm.subscription_of,
        "service": farm.service_by_name,
        "service_override": farm.override_of,
        "filter": farm.filter_by_name,
        "department_name": farm.department_name_by_name,
        "department": farm.department_of,
        "task": farm.task_of,
        "limit": farm.limit_by_name,
        "host": farm.host_by_name,
        "owner": farm.owner_by_name,
    }
    return indexes.get(kind)


def _key_of(kind: str, thing: Any) -> Any:
    if kind == "allocation":
        return thing.facility_id, thing.name
    if kind == "subscription":
        return thing.show_id, thing.allocation_id
    if kind in ("service_override", "filter", "department"):
        return thing.show_id, thing.name
    if kind == "task":
        return thing.department_id, thing.shot
    if kind == "show":
        return folded(thing.name)
    return thing.name


def move_job(farm: Farm, job: Job, group_id: str) -> None:
    """Count a job, and what it holds, for another group."""
    old, new = farm.groups[job.group_id], farm.groups[group_id]
    old.job_ids.discard(job.id)
    new.job_ids.add(job.id)
    old.reserved_cores = CoreUnits(old.reserved_cores - job.reserved_cores)
    new.reserved_cores = CoreUnits(new.reserved_cores + job.reserved_cores)
    old.reserved_gpus -= job.reserved_gpus
    new.reserved_gpus += job.reserved_gpus

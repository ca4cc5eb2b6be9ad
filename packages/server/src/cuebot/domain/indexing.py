"""Entering things into the farm's indexes and counters: what is new, what was loaded, what comes back."""

from __future__ import annotations

from typing import Any

from cuebot.domain.depends import SHAPES, done_of, edges_of, held_frames
from cuebot.domain.farm import Farm
from cuebot.domain.frame_set import normalise, parse_frame_set
from cuebot.domain.frame_states import add_holds
from cuebot.domain.frames import Frames
from cuebot.domain.nouns import Depend, Host, Job, Layer, Proc
from cuebot.domain.states import JobState
from cuebot.domain.units import CoreUnits, Micros

IN_MASKS = frozenset({"facility", "allocation", "subscription", "service"})
"""Besides hosts, what the masks of the host table are made from."""


def initial_frames(layer: Layer, job: Job) -> Frames:
    """A layer's frames as they were launched."""
    return Frames(normalise(parse_frame_set(layer.range_text), layer.chunk), job.submitted_us)


def index_job(farm: Farm, job: Job) -> None:
    """Enter a job into the farm's indexes."""
    farm.jobs[job.id] = job
    farm.groups[job.group_id].job_ids.add(job.id)
    if job.parent_id:
        farm.post_jobs[job.parent_id].append(job.id)
    if job.state is not JobState.FINISHED:
        farm.active_job_by_name[job.name] = job.id


def index_layer(farm: Farm, layer: Layer) -> None:
    """Enter a layer, with its frames in place, into the farm's indexes and counters."""
    farm.layers[layer.id] = layer
    farm.layer_by_key[layer.key] = layer.id
    farm.next_layer_key = max(farm.next_layer_key, layer.key + 1)
    job = farm.jobs[layer.job_id]
    job.layer_ids.append(layer.id)
    layer.counts = layer.frames.counts()
    job.counts = [a + b for a, b in zip(job.counts, layer.counts, strict=True)]
    farm.touched.jobs.add(job.id)
    farm.update_ready(layer)


def index_depend(farm: Farm, depend: Depend) -> None:
    """Enter a depend into the farm's indexes."""
    farm.depends[depend.id] = depend
    farm.depends_of_job[depend.er_job].add(depend.id)
    farm.depends_on_job[depend.on_job].add(depend.id)
    if depend.on_layer:
        farm.depends_on_layer[depend.on_layer].add(depend.id)


def hold_by(farm: Farm, depend: Depend, by: int, at_us: Micros) -> None:
    """Count an active depend's frames as held (+1) or let them go (-1)."""
    if SHAPES[depend.type].pairs:
        open_pairs = edges_of(farm, depend).er[~done_of(farm, depend)]
        add_holds(farm, farm.layers[depend.er_layer or ""], open_pairs, by, at_us)
        return
    for layer, indices in list(held_frames(farm, depend)):
        add_holds(farm, layer, indices, by, at_us)


def index_thing(farm: Farm, kind: str, thing: Any) -> None:
    """Enter a thing that is no job, layer, depend or proc into the farm's indexes."""
    farm.table(kind)[thing.id] = thing
    if kind in IN_MASKS:
        farm.hosts_table.forget_masks()
    if kind == "facility":
        farm.facility_by_name[thing.name] = thing.id
    elif kind == "allocation":
        farm.allocation_by_name[thing.facility_id, thing.name] = thing.id
    elif kind == "show":
        farm.show_by_name[thing.name] = thing.id
    elif kind == "service":
        farm.service_by_name[thing.name] = thing.id
    elif kind == "limit":
        farm.limit_by_name[thing.name] = thing.id
    elif kind == "subscription":
        farm.subscription_of[thing.show_id, thing.allocation_id] = thing.id
        thing.reserved_cores = sum(
            p.cores
            for p in farm.procs.values()
            if p.show_id == thing.show_id and farm.hosts[p.host_id].allocation_id == thing.allocation_id
        )
    elif kind == "host":
        while len(farm.host_names) <= thing.row:
            farm.host_names.append("")
        farm.host_names[thing.row] = thing.name
        farm.hosts_table.add(thing)
        if not thing.removed:
            farm.host_by_name[thing.name] = thing.id
        farm.hosts_table.index_tags(thing, farm.host_tags(thing))
        farm.hosts_table.refresh(thing, farm.used_on(thing))


def index_proc(farm: Farm, proc: Proc) -> None:
    """Enter a proc that was loaded into everything that counts what procs hold."""
    layer, host = farm.layers[proc.layer_id], farm.hosts[proc.host_id]
    place(farm, proc, layer, host)
    count_in_job(farm, layer, farm.jobs[proc.job_id], proc.cores, proc.gpus)
    count_in_allocation(farm, proc.show_id, host.allocation_id, proc.cores, Micros(0))


def place(farm: Farm, proc: Proc, layer: Layer, host: Host) -> None:
    """Enter a run into what it holds: its host, its layer, the limits."""
    farm.procs[proc.id] = proc
    layer.runs[proc.frame_index] = proc.id
    host.proc_ids.add(proc.id)
    farm.hosts_table.take(host.row, proc)
    farm.touched.hosts.add(host.id)
    farm.limit_use.add(layer.limits, host.row, 1)


def count_in_job(farm: Farm, layer: Layer, job: Job, cores: int, gpus: int) -> None:
    """Count what is held (or given back) in a layer, its job and its group."""
    group = farm.groups[job.group_id]
    layer.reserved_cores = CoreUnits(layer.reserved_cores + cores)
    job.reserved_cores = CoreUnits(job.reserved_cores + cores)
    group.reserved_cores = CoreUnits(group.reserved_cores + cores)
    job.reserved_gpus += gpus
    group.reserved_gpus += gpus
    farm.ready.room_changed(job)
    farm.touched.jobs.add(job.id)


def count_in_allocation(farm: Farm, show_id: str, allocation_id: str, cores: int, at_us: Micros) -> None:
    """Count what is held (or given back) in an allocation and in its show's subscription."""
    allocation = farm.allocations[allocation_id]
    allocation.reserved_cores = CoreUnits(allocation.reserved_cores + cores)
    subscription_id = farm.subscription_of.get((show_id, allocation_id))
    if subscription_id:
        farm.subscriptions[subscription_id].hold(cores, at_us)

"""The one door through which the farm changes: `apply(farm, event, at_us)`.

Deterministic and total: given the same events in the same order, every farm becomes the same. Nothing is decided here;
what an event says has happened. The only rules applied are those that hold for every frame, whoever moves it:
a frame with open depends cannot wait, die or succeed but is DEPEND, and a succeeded frame cannot be eaten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from cuebot.domain import events as ev
from cuebot.domain.depends import SHAPES, done_of, edges_of, held_frames
from cuebot.domain.farm import Farm, restore, typed
from cuebot.domain.frame_set import normalise, parse_frame_set
from cuebot.domain.frames import Frames, IndexArray, as_indices
from cuebot.domain.host_ends import counted
from cuebot.domain.host_table import Held
from cuebot.domain.nouns import Depend, Host, Job, Layer, Proc, Request
from cuebot.domain.settings import STORED_BOUNDS
from cuebot.domain.states import (
    FRAME_TRANSITIONS,
    HELD_BY_DEPENDS,
    HOST_TRANSITIONS,
    JOB_TRANSITIONS,
    UNCHARGED_EXITS,
    Exit,
    FrameState,
    HostState,
    JobState,
    OnEnd,
)
from cuebot.domain.units import CoreUnits, KiB, Micros

_IN_MASKS = frozenset({"facility", "allocation", "subscription", "service"})
"""Besides hosts, what the masks of the host table are made from."""

_BEGIN_ANEW = (int(Exit.SUCCESS), int(Exit.RETRIED_BY_USER))
"""After these it does not matter how often the frame's runs ended with their host before."""
_SHOWN_BY_MANY = frozenset({"show", "group", "facility", "allocation"})
_SHOWN_FIELDS = frozenset({"name", "tag", "facility_id"})
"""What jobs and hosts show of those."""
_UNCHARGED = np.array(sorted(UNCHARGED_EXITS), dtype=np.int32)
_HELD = np.isin(np.arange(len(FrameState)), HELD_BY_DEPENDS)
_LEGAL = np.zeros((len(FrameState), len(FrameState)), dtype=np.bool_)
for _from, _targets in FRAME_TRANSITIONS.items():
    _LEGAL[_from, list(_targets)] = True
    _LEGAL[_from, _from] = True


def apply(farm: Farm, event: ev.Event, at_us: int) -> None:
    """Change the farm as the event says. `at_us` is when it happened, in microseconds since the epoch (UTC)."""
    _APPLIERS[type(event)](farm, event, Micros(at_us))
    farm.change += 1


# --- frames -------------------------------------------------------------------------------------------------------


def set_state(farm: Farm, layer: Layer, indices: IndexArray, to: FrameState, at_us: Micros) -> None:
    """Put frames into a state, with the rules that always hold, and keep the counters."""
    if not len(indices):
        return
    farm.touched.jobs.add(layer.job_id)
    frames = layer.frames
    old = frames.state[indices]
    if _moved_together(farm, layer, indices, old, to, at_us):
        return
    new = np.full(len(indices), to, dtype=np.uint8)
    if to in HELD_BY_DEPENDS:
        new[frames.depend_count[indices] > 0] = FrameState.DEPEND
    if to is FrameState.EATEN:
        new[old == FrameState.SUCCEEDED] = FrameState.SUCCEEDED
    illegal = ~_LEGAL[old, new]
    if illegal.any():
        first = int(np.flatnonzero(illegal)[0])
        raise AssertionError(
            f"frame {farm.frame_name(layer, int(indices[first]))} of {farm.jobs[layer.job_id].name} cannot go from"
            f" {FrameState(int(old[first])).name} to {FrameState(int(new[first])).name}"
        )
    frames.state[indices] = new
    frames.updated_us[indices] = at_us
    mark_waiting = indices[(new == FrameState.WAITING) & (old != FrameState.WAITING)]
    if len(mark_waiting):
        frames.eligible_us[mark_waiting] = at_us
        frames.mark_waiting(mark_waiting)
    difference = np.bincount(new, minlength=len(FrameState)) - np.bincount(old, minlength=len(FrameState))
    job = farm.jobs[layer.job_id]
    for state, n in enumerate(difference.tolist()):
        if n:
            layer.counts[state] += n
            job.counts[state] += n
    farm.update_ready(layer)


def _moved_together(farm: Farm, layer: Layer, indices: IndexArray, old: Any, to: FrameState, at_us: Micros) -> bool:
    """The usual case, made quick: frames that nothing holds back all go from one state to another one."""
    frames, was = layer.frames, int(old[0])
    if was == to or not _LEGAL[was, to] or (to is FrameState.EATEN and was == FrameState.SUCCEEDED):
        return False
    if len(indices) == 1:
        if to in HELD_BY_DEPENDS and frames.depend_count[indices[0]] > 0:
            return False
    elif (old != was).any() or (to in HELD_BY_DEPENDS and (frames.depend_count[indices] > 0).any()):
        return False
    frames.state[indices] = to
    frames.updated_us[indices] = at_us
    if to is FrameState.WAITING:
        frames.eligible_us[indices] = at_us
        frames.mark_waiting(indices)
    for counts in (layer.counts, farm.jobs[layer.job_id].counts):
        counts[was] -= len(indices)
        counts[to] += len(indices)
    farm.update_ready(layer)
    return True


def add_holds(farm: Farm, layer: Layer, indices: IndexArray | None, by: int, at_us: Micros) -> None:
    """Add `by` to the depend counts of frames (None: all of the layer) and move those that start or stop waiting."""
    frames = layer.frames
    where = np.arange(len(frames), dtype=np.int32) if indices is None else indices
    np.add.at(frames.depend_count, where, by)
    where = np.unique(where)
    if by > 0:
        touched = where[_HELD[frames.state[where]] & (frames.depend_count[where] > 0)]
        if len(touched):
            left = touched[frames.state[touched] != FrameState.WAITING]
            set_state(farm, layer, touched, FrameState.DEPEND, at_us)
            if len(left):  # a row that said DEAD or SUCCEEDED must not say so any more
                farm.dirty.frames[layer.id].append(left)
    else:
        freed = where[(frames.state[where] == FrameState.DEPEND) & (frames.depend_count[where] == 0)]
        if len(freed):
            set_state(farm, layer, freed, FrameState.WAITING, at_us)


def _frames_eaten(farm: Farm, event: ev.FramesEaten, at_us: Micros) -> None:
    layer = farm.layers[event.layer_id]
    if event.exit_status is not None:
        layer.frames.copy_on_write()
        layer.frames.exit_status[event.indices] = event.exit_status
    set_state(farm, layer, event.indices, FrameState.EATEN, at_us)
    farm.dirty.frames[layer.id].append(event.indices)


def _frames_retried(farm: Farm, event: ev.FramesRetried, at_us: Micros) -> None:
    layer = farm.layers[event.layer_id]
    layer.frames.copy_on_write()
    layer.frames.free_retries[event.indices] = 0
    for index in event.indices[layer.frames.host_ends[event.indices] > 0].tolist():
        layer.frames.set_host_ends(index, 0)
    set_state(farm, layer, event.indices, FrameState.WAITING, at_us)
    farm.dirty.frames[layer.id].append(event.indices)


def _frames_reordered(farm: Farm, event: ev.FramesReordered, at_us: Micros) -> None:
    layer = farm.layers[event.layer_id]
    layer.frames.dispatch_order[event.indices] = event.orders
    layer.frames.reordered()
    farm.dirty.frames[layer.id].append(event.indices)


# --- runs ---------------------------------------------------------------------------------------------------------


def _runs_booked(farm: Farm, event: ev.RunsBooked, at_us: Micros) -> None:
    layer = farm.layers[event.layer_id]
    job = farm.jobs[layer.job_id]
    frames, indices = layer.frames, event.indices
    frames.copy_on_write()
    statuses = frames.exit_status[indices]
    if not (statuses == Exit.NEVER_RAN).all():
        frames.retries[indices] += (~np.isin(statuses, _UNCHARGED)).astype(np.uint16)
    frames.start_us[indices] = at_us
    frames.stop_us[indices] = 0
    frames.last_cores[indices] = event.cores
    frames.attempts[indices] = np.minimum(frames.attempts[indices], 65_534) + 1
    set_state(farm, layer, indices, FrameState.RUNNING, at_us)
    gpu_memory_each = event.gpu_memory or [0] * len(indices)
    booked = zip(
        indices.tolist(), event.run_ids, event.host_ids, event.cores, event.memory, event.gpus, gpu_memory_each,
        strict=True,
    )  # fmt: skip
    rows, by_allocation = [], defaultdict[str, int](int)
    for index, run_id, host_id, cores, memory, gpus, gpu_memory in booked:
        host = farm.hosts[host_id]
        rows.append(host.row)
        proc = Proc(
            run_id, host_id, job.show_id, job.id, layer.id, index, CoreUnits(cores), KiB(memory), gpus, at_us,
            gpu_memory=KiB(gpu_memory), seen_us=at_us, alone=index in frames.alone,
        )  # fmt: skip
        _place(farm, proc, layer, host)
        farm.dirty.row("proc", run_id)
        by_allocation[host.allocation_id] += cores
    for allocation_id, cores in by_allocation.items():
        _count_in_allocation(farm, job.show_id, allocation_id, cores, at_us)
    _count_in_job(farm, layer, job, sum(event.cores), sum(event.gpus))
    frames.last_host[indices] = rows
    farm.dirty.frames[layer.id].append(indices)


def index_proc(farm: Farm, proc: Proc) -> None:
    """Enter a proc that was loaded into everything that counts what procs hold."""
    layer, host = farm.layers[proc.layer_id], farm.hosts[proc.host_id]
    _place(farm, proc, layer, host)
    _count_in_job(farm, layer, farm.jobs[proc.job_id], proc.cores, proc.gpus)
    _count_in_allocation(farm, proc.show_id, host.allocation_id, proc.cores, Micros(0))


def _place(farm: Farm, proc: Proc, layer: Layer, host: Host) -> None:
    farm.procs[proc.id] = proc
    layer.runs[proc.frame_index] = proc.id
    host.proc_ids.add(proc.id)
    farm.hosts_table.take(host.row, proc)
    farm.touched.hosts.add(host.id)
    farm.limit_use.add(layer.limits, host.row, 1)


def _count_in_job(farm: Farm, layer: Layer, job: Job, cores: int, gpus: int) -> None:
    group = farm.groups[job.group_id]
    layer.reserved_cores = CoreUnits(layer.reserved_cores + cores)
    job.reserved_cores = CoreUnits(job.reserved_cores + cores)
    group.reserved_cores = CoreUnits(group.reserved_cores + cores)
    job.reserved_gpus += gpus
    group.reserved_gpus += gpus
    farm.ready.room_changed(job)
    farm.touched.jobs.add(job.id)


def _count_in_allocation(farm: Farm, show_id: str, allocation_id: str, cores: int, at_us: Micros) -> None:
    allocation = farm.allocations[allocation_id]
    allocation.reserved_cores = CoreUnits(allocation.reserved_cores + cores)
    subscription_id = farm.subscription_of.get((show_id, allocation_id))
    if subscription_id:
        farm.subscriptions[subscription_id].hold(cores, at_us)


def _run_ended(farm: Farm, event: ev.RunEnded, at_us: Micros) -> None:
    proc = farm.procs.pop(event.run_id)
    layer, host, show = farm.layers[proc.layer_id], farm.hosts[proc.host_id], farm.shows[proc.show_id]
    index = proc.frame_index
    del layer.runs[index]
    host.proc_ids.discard(proc.id)
    farm.hosts_table.give_back(host.row, proc)
    farm.touched.hosts.add(host.id)
    farm.limit_use.add(layer.limits, host.row, -1)
    _count_in_job(farm, layer, farm.jobs[proc.job_id], -proc.cores, -proc.gpus)
    _count_in_allocation(farm, proc.show_id, host.allocation_id, -proc.cores, at_us)
    farm.dirty.gone("proc", proc.id)

    frames = layer.frames
    frames.copy_on_write()
    core_us = event.run_us * proc.cores // 100
    frames.stop_us[index] = at_us
    frames.core_us[index] += core_us
    frames.max_rss_kib[index] = max(int(frames.max_rss_kib[index]), event.max_rss)
    layer.max_rss = KiB(max(layer.max_rss, event.max_rss))
    layer.last_stop_us = at_us
    if event.exit_status == 0:
        layer.runs_succeeded += 1
        layer.core_us_succeeded += core_us
        layer.clock_us_succeeded += event.run_us
        layer.longest_us = Micros(max(layer.longest_us, event.run_us))
        frames.used_cores[index] = event.used_cores
        layer.shortest_us = Micros(min(layer.shortest_us or event.run_us, event.run_us))
        show.runs_succeeded += 1
    else:
        layer.runs_failed += 1
        layer.core_us_failed += core_us
        show.runs_failed += 1
    if event.free:
        frames.free_retries[index] = min(int(frames.free_retries[index]), 65_534) + 1
    elif event.exit_status == Exit.RETRIED_BY_USER:
        frames.free_retries[index] = 0
    if event.with_host:
        frames.set_host_ends(index, counted(int(frames.host_ends[index]), alone=proc.alone))
    elif event.exit_status in _BEGIN_ANEW and frames.host_ends[index]:
        frames.set_host_ends(index, 0)
    if event.state is not None:
        frames.exit_status[index] = event.exit_status
        set_state(farm, layer, as_indices([index]), event.state, at_us)
    farm.dirty.frames[layer.id].append(as_indices([index]))
    farm.dirty.row("layer", layer.id)
    farm.dirty.row("show", show.id)


def _ended_with_host(farm: Farm, event: ev.EndedWithHost, at_us: Micros) -> None:
    layer = farm.layers[event.layer_id]
    ends = counted(int(layer.frames.host_ends[event.index]), alone=event.alone)
    layer.frames.set_host_ends(event.index, ends)
    farm.update_ready(layer)
    farm.dirty.frames[layer.id].append(as_indices([event.index]))


def _kill_requested(farm: Farm, event: ev.KillRequested, at_us: Micros) -> None:
    for run_id in event.run_ids:
        proc = farm.procs[run_id]
        proc.kill_message = event.message or "killed"
        proc.kill_cause = event.cause
        if event.on_end is not OnEnd.AS_REPORTED:
            proc.on_end = event.on_end
        farm.dirty.row("proc", run_id)


def _nothing(farm: Farm, event: ev.Event, at_us: Micros) -> None:
    """An event for the history alone."""


# --- jobs ---------------------------------------------------------------------------------------------------------


def _job_launched(farm: Farm, event: ev.JobLaunched, at_us: Micros) -> None:
    job: Job = restore("job", event.job)
    layers: list[Layer] = [restore("layer", values) for values in event.layers]
    index_job(farm, job)
    for layer in layers:
        layer.frames = initial_frames(layer, job)
        index_layer(farm, layer)
        farm.dirty.row("layer", layer.id)
    farm.dirty.row("job", job.id)
    show = farm.shows[job.show_id]
    show.jobs_created += 1
    show.frames_created += sum(len(layer.frames) for layer in layers)
    farm.dirty.row("show", show.id)


def initial_frames(layer: Layer, job: Job) -> Frames:
    """A layer's frames as they were launched."""
    return Frames(normalise(parse_frame_set(layer.range_text, STORED_BOUNDS), layer.chunk), job.submitted_us)


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


def _job_state(farm: Farm, job: Job, to: JobState) -> None:
    if to not in JOB_TRANSITIONS[job.state]:
        raise AssertionError(f"job {job.name} cannot go from {job.state.name} to {to.name}")
    job.state = to
    farm.touched.jobs.add(job.id)
    for layer in farm.layers_of(job):
        farm.update_ready(layer)
    farm.dirty.row("job", job.id)


def _job_finished(farm: Farm, event: ev.JobFinished, at_us: Micros) -> None:
    job = farm.jobs[event.job_id]
    _job_state(farm, job, JobState.FINISHED)
    job.stopped_us = at_us
    del farm.active_job_by_name[job.name]


def _job_reopened(farm: Farm, event: ev.JobReopened, at_us: Micros) -> None:
    job = farm.jobs[event.job_id]
    _job_state(farm, job, JobState.PENDING)
    farm.active_job_by_name[job.name] = job.id


# --- depends ------------------------------------------------------------------------------------------------------


def _depend_added(farm: Farm, event: ev.DependAdded, at_us: Micros) -> None:
    depend: Depend = restore("depend", event.values)
    if SHAPES[depend.type].pairs:
        done_of(farm, depend)[event.satisfied_pairs] = True
        _pack(depend)
    index_depend(farm, depend)
    farm.dirty.row("depend", depend.id)
    if depend.active:
        hold_by(farm, depend, +1, at_us)


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


def _depend_satisfied(farm: Farm, event: ev.DependSatisfied, at_us: Micros) -> None:
    depend = farm.depends[event.depend_id]
    hold_by(farm, depend, -1, at_us)
    depend.active = False
    if SHAPES[depend.type].pairs:
        done_of(farm, depend)[:] = True
        _pack(depend)
    farm.dirty.row("depend", depend.id)


def _depend_pairs_satisfied(farm: Farm, event: ev.DependPairsSatisfied, at_us: Micros) -> None:
    depend = farm.depends[event.depend_id]
    done = done_of(farm, depend)
    fresh = event.pairs[~done[event.pairs]]
    done[fresh] = True
    depend.active = not done.all()
    _pack(depend)
    farm.dirty.row("depend", depend.id)
    add_holds(farm, farm.layers[depend.er_layer or ""], edges_of(farm, depend).er[fresh], -1, at_us)


def _depend_unsatisfied(farm: Farm, event: ev.DependUnsatisfied, at_us: Micros) -> None:
    depend = farm.depends[event.depend_id]
    farm.dirty.row("depend", depend.id)
    if SHAPES[depend.type].pairs:
        done = done_of(farm, depend)
        pairs = np.flatnonzero(done).astype(np.int32) if event.pairs is None else event.pairs[done[event.pairs]]
        done[pairs] = False
        depend.active = not done.all()
        _pack(depend)
        add_holds(farm, farm.layers[depend.er_layer or ""], edges_of(farm, depend).er[pairs], +1, at_us)
        return
    depend.active = True
    depend.waived = ()
    hold_by(farm, depend, +1, at_us)


def _frames_released(farm: Farm, event: ev.FramesReleased, at_us: Micros) -> None:
    layer = farm.layers[event.layer_id]
    wanted = set(event.indices.tolist())
    for id in sorted(farm.depends_of_job[layer.job_id]):
        depend = farm.depends[id]
        if not depend.active:
            continue
        if SHAPES[depend.type].pairs:
            if depend.er_layer == layer.id:
                done = done_of(farm, depend)
                pairs = np.flatnonzero(np.isin(edges_of(farm, depend).er, event.indices) & ~done)
                done[pairs] = True
                depend.active = not done.all()
                _pack(depend)
                farm.dirty.row("depend", id)
                add_holds(farm, layer, edges_of(farm, depend).er[pairs], -1, at_us)
            continue
        for held_layer, indices in list(held_frames(farm, depend)):
            if held_layer.id == layer.id:
                held = range(len(layer.frames)) if indices is None else indices.tolist()
                freed = [index for index in held if index in wanted]
                depend.waived = (*depend.waived, *((layer.id, index) for index in freed))
                farm.dirty.row("depend", id)
                add_holds(farm, layer, as_indices(freed), -1, at_us)


def _pack(depend: Depend) -> None:
    done = depend.done
    depend.satisfied = np.packbits(done).tobytes() if done is not None and done.any() else b""


# --- everything else ----------------------------------------------------------------------------------------------


def _added(farm: Farm, event: ev.Added, at_us: Micros) -> None:
    thing = restore(event.kind, event.values)
    _touch(farm, event.kind, thing)
    index_thing(farm, event.kind, thing)
    farm.dirty.row(event.kind, thing.id)


def index_thing(farm: Farm, kind: str, thing: Any) -> None:
    """Enter a thing that is no job, layer, depend or proc into the farm's indexes."""
    farm.table(kind)[thing.id] = thing
    if kind in _IN_MASKS:
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


def _changed(farm: Farm, event: ev.Changed, at_us: Micros) -> None:
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
    elif event.kind in _IN_MASKS:
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
            _count_in_allocation(farm, proc.show_id, host.allocation_id, -proc.cores, at_us)
            _count_in_allocation(farm, proc.show_id, allocation_id, proc.cores, at_us)


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


def _removed(farm: Farm, event: ev.Removed, at_us: Micros) -> None:
    thing = farm.table(event.kind).pop(event.id)
    _touch(farm, event.kind, thing)
    farm.dirty.gone(event.kind, event.id)
    if event.kind in _IN_MASKS:
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


def _request_answered(farm: Farm, event: ev.RequestAnswered, at_us: Micros) -> None:
    farm.requests[event.request_id] = Request(event.request_id, event.reply, at_us)
    farm.dirty.row("request", event.request_id)
    while len(farm.requests) > farm.bounds.kept_requests:
        oldest = next(iter(farm.requests))
        del farm.requests[oldest]
        farm.dirty.gone("request", oldest)


_APPLIERS: dict[type[ev.Event], Callable[[Farm, Any, Micros], None]] = {
    ev.Added: _added,
    ev.Changed: _changed,
    ev.Removed: _removed,
    ev.JobLaunched: _job_launched,
    ev.JobFinished: _job_finished,
    ev.JobReopened: _job_reopened,
    ev.RunsBooked: _runs_booked,
    ev.RunEnded: _run_ended,
    ev.EndedWithHost: _ended_with_host,
    ev.ReportIgnored: _nothing,
    ev.KillRequested: _kill_requested,
    ev.FramesEaten: _frames_eaten,
    ev.FramesRetried: _frames_retried,
    ev.FramesReordered: _frames_reordered,
    ev.FramesReleased: _frames_released,
    ev.DependAdded: _depend_added,
    ev.DependSatisfied: _depend_satisfied,
    ev.DependPairsSatisfied: _depend_pairs_satisfied,
    ev.DependUnsatisfied: _depend_unsatisfied,
    ev.RequestAnswered: _request_answered,
}

assert set(_APPLIERS) == set(ev.EVENTS.values()), "every event has its applier"

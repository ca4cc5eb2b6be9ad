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

from cuebot.domain import archive
from cuebot.domain import events as ev
from cuebot.domain.apply_records import added, changed, removed
from cuebot.domain.depends import SHAPES, done_of, edges_of, held_frames
from cuebot.domain.farm import Farm, restore
from cuebot.domain.frame_states import add_holds, set_state
from cuebot.domain.frames import as_indices
from cuebot.domain.host_ends import counted
from cuebot.domain.indexing import (
    count_in_allocation,
    count_in_job,
    hold_by,
    index_depend,
    index_job,
    index_layer,
    initial_frames,
    place,
)
from cuebot.domain.nouns import Depend, Job, Layer, Proc, Request
from cuebot.domain.states import JOB_TRANSITIONS, UNCHARGED_EXITS, Exit, FrameState, JobState, OnEnd
from cuebot.domain.units import CoreUnits, KiB, Micros

REQUESTS_KEPT = 10_000
"""Answers to requests that are remembered; the oldest are forgotten first."""

_BEGIN_ANEW = (int(Exit.SUCCESS), int(Exit.RETRIED_BY_USER))
"""After these it does not matter how often the frame's runs ended with their host before."""
_UNCHARGED = np.array(sorted(UNCHARGED_EXITS), dtype=np.int32)


def apply(farm: Farm, event: ev.Event, at_us: int) -> None:
    """Change the farm as the event says. `at_us` is when it happened, in microseconds since the epoch (UTC)."""
    _APPLIERS[type(event)](farm, event, Micros(at_us))
    farm.change += 1


# --- frames -------------------------------------------------------------------------------------------------------


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
        place(farm, proc, layer, host)
        farm.dirty.row("proc", run_id)
        by_allocation[host.allocation_id] += cores
    for allocation_id, cores in by_allocation.items():
        count_in_allocation(farm, job.show_id, allocation_id, cores, at_us)
    count_in_job(farm, layer, job, sum(event.cores), sum(event.gpus))
    frames.last_host[indices] = rows
    farm.dirty.frames[layer.id].append(indices)


def _run_ended(farm: Farm, event: ev.RunEnded, at_us: Micros) -> None:
    proc = farm.procs.pop(event.run_id)
    layer, host, show = farm.layers[proc.layer_id], farm.hosts[proc.host_id], farm.shows[proc.show_id]
    index = proc.frame_index
    del layer.runs[index]
    host.proc_ids.discard(proc.id)
    farm.hosts_table.give_back(host.row, proc)
    farm.touched.hosts.add(host.id)
    farm.limit_use.add(layer.limits, host.row, -1)
    count_in_job(farm, layer, farm.jobs[proc.job_id], -proc.cores, -proc.gpus)
    count_in_allocation(farm, proc.show_id, host.allocation_id, -proc.cores, at_us)
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


def _job_archived(farm: Farm, event: ev.JobArchived, at_us: Micros) -> None:
    archive.take_out(farm, event.job_id)


def _job_recalled(farm: Farm, event: ev.JobRecalled, at_us: Micros) -> None:
    archived = archive.unpack(archive.PackedJob(event.summary, event.rest))
    job = archived.job
    job.group_id = event.group_id
    job.facility_id = event.facility_id
    job.superseded = event.superseded
    archive.put_back(farm, archived, event.layer_keys, at_us)


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


def _request_answered(farm: Farm, event: ev.RequestAnswered, at_us: Micros) -> None:
    farm.requests[event.request_id] = Request(event.request_id, event.reply, at_us)
    farm.dirty.row("request", event.request_id)
    while len(farm.requests) > REQUESTS_KEPT:
        oldest = next(iter(farm.requests))
        del farm.requests[oldest]
        farm.dirty.gone("request", oldest)


_APPLIERS: dict[type[ev.Event], Callable[[Farm, Any, Micros], None]] = {
    ev.Added: added,
    ev.Changed: changed,
    ev.Removed: removed,
    ev.JobLaunched: _job_launched,
    ev.JobFinished: _job_finished,
    ev.JobReopened: _job_reopened,
    ev.JobArchived: _job_archived,
    ev.JobRecalled: _job_recalled,
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

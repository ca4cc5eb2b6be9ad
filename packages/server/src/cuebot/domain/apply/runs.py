"""Runs begin and end here, with what they hold and what their layers count."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from cuebot.domain import events as ev
from cuebot.domain.apply.frames import set_state
from cuebot.domain.charging import counts_as_retry
from cuebot.domain.farm import Farm
from cuebot.domain.frames import Frames, as_indices
from cuebot.domain.host_ends import counted
from cuebot.domain.indexes import count_in_allocation, count_in_job, place_proc
from cuebot.domain.nouns import Job, Layer, Proc, Show
from cuebot.domain.states import CHECKPOINT_UNDER_WAY, CheckpointState, Exit, FrameState, OnEnd
from cuebot.domain.units import CoreUnits, KiB, Micros

_BEGIN_ANEW = (int(Exit.SUCCESS), int(Exit.RETRIED_BY_USER))
"""After these it does not matter how often the frame's runs ended with their host before."""
_COLUMN_MOST = 65_535
"""What a column of frames can hold."""


def runs_booked(farm: Farm, event: ev.RunsBooked, at_us: Micros) -> None:
    layer = farm.layers[event.layer_id]
    job = farm.jobs[layer.job_id]
    frames, indices = layer.frames, event.indices

    frames.copy_on_write()
    statuses = frames.exit_status[indices]
    if not (statuses == Exit.NEVER_RAN).all():
        had = frames.retries[indices]
        frames.retries[indices] = had + (counts_as_retry(statuses) & (had < _COLUMN_MOST)).astype(np.uint16)
    frames.start_us[indices] = at_us
    frames.stop_us[indices] = 0
    frames.last_cores[indices] = event.cores
    frames.attempts[indices] = np.minimum(frames.attempts[indices], _COLUMN_MOST - 1) + 1
    set_state(farm, layer, indices, FrameState.RUNNING, at_us)

    frames.last_host[indices] = _new_procs(farm, event, layer, job, at_us)
    if not event.partition_id:
        count_in_job(farm, layer, job, sum(event.cores), sum(event.gpus))
    farm.dirty.frames[layer.id].append(indices)


def _new_procs(farm: Farm, event: ev.RunsBooked, layer: Layer, job: Job, at_us: Micros) -> list[int]:
    """Enter the runs of a booking. Returns the rows of their hosts."""
    gpu_memory_each = event.gpu_memory or [0] * len(event.indices)
    booked = zip(
        event.indices.tolist(), event.run_ids, event.host_ids, event.cores, event.memory, event.gpus, gpu_memory_each,
        strict=True,
    )  # fmt: skip
    rows: list[int] = []
    by_allocation = defaultdict[str, int](int)
    for index, run_id, host_id, cores, memory, gpus, gpu_memory in booked:
        host = farm.hosts[host_id]
        proc = Proc(
            run_id, host_id, job.show_id, job.id, layer.id, index, CoreUnits(cores), KiB(memory), gpus, at_us,
            gpu_memory=KiB(gpu_memory), seen_us=at_us, alone=index in layer.frames.alone,
            partition_id=event.partition_id,
        )  # fmt: skip
        place_proc(farm, proc, layer, host)
        farm.dirty.row("proc", run_id)
        rows.append(host.row)
        by_allocation[host.allocation_id] += cores

    if event.partition_id:
        return rows
    for allocation_id, cores in by_allocation.items():
        count_in_allocation(farm, job.show_id, allocation_id, cores, at_us)
    return rows


def run_ended(farm: Farm, event: ev.RunEnded, at_us: Micros) -> None:
    proc = farm.procs.pop(event.run_id)
    layer = farm.layers[proc.layer_id]
    layer.frames.copy_on_write()

    _give_back(farm, proc, layer, at_us)
    core_us = event.run_us * proc.cores // 100
    _count_ended(farm.shows[proc.show_id], layer, event, core_us, at_us)
    _write_ended(layer.frames, proc, event, core_us, at_us)
    ended = as_indices([proc.frame_index])
    if event.state is not None:
        layer.frames.exit_status[proc.frame_index] = event.exit_status
        if event.state is FrameState.WAITING:  # it begins anew, so there is no checkpoint to wait for
            layer.frames.checkpoint[proc.frame_index] = _begun_anew(layer.frames, proc.frame_index)
        set_state(farm, layer, ended, event.state, at_us)

    farm.dirty.frames[layer.id].append(ended)
    farm.dirty.row("layer", layer.id)
    farm.dirty.row("show", proc.show_id)


def _begun_anew(frames: Frames, index: int) -> CheckpointState:
    checkpoint = CheckpointState(int(frames.checkpoint[index]))
    return CheckpointState.DISABLED if checkpoint in CHECKPOINT_UNDER_WAY else checkpoint


def _give_back(farm: Farm, proc: Proc, layer: Layer, at_us: Micros) -> None:
    """A run holds nothing any more."""
    host = farm.hosts[proc.host_id]
    del layer.runs[proc.frame_index]
    host.proc_ids.discard(proc.id)
    farm.hosts_table.give_back(host.row, proc)
    farm.touched.hosts.add(host.id)
    farm.limit_use.remove(layer.limits, proc.id)

    if not proc.partition_id:
        count_in_job(farm, layer, farm.jobs[proc.job_id], -proc.cores, -proc.gpus)
        count_in_allocation(farm, proc.show_id, host.allocation_id, -proc.cores, at_us)
    farm.dirty.gone("proc", proc.id)


def _count_ended(show: Show, layer: Layer, event: ev.RunEnded, core_us: int, at_us: Micros) -> None:
    """What a layer and a show count of runs that ended."""
    layer.last_stop_us = at_us
    layer.max_rss = KiB(max(layer.max_rss, event.max_rss))
    if event.exit_status != 0:
        layer.runs_failed += 1
        layer.core_us_failed += core_us
        show.runs_failed += 1
        return

    layer.runs_succeeded += 1
    layer.core_us_succeeded += core_us
    layer.clock_us_succeeded += event.run_us
    layer.longest_us = Micros(max(layer.longest_us, event.run_us))
    layer.shortest_us = Micros(min(layer.shortest_us or event.run_us, event.run_us))
    show.runs_succeeded += 1


def _write_ended(frames: Frames, proc: Proc, event: ev.RunEnded, core_us: int, at_us: Micros) -> None:
    """What a frame remembers of a run that ended, whatever becomes of the frame."""
    index = proc.frame_index
    frames.stop_us[index] = at_us
    frames.core_us[index] += core_us
    frames.max_rss_kib[index] = max(int(frames.max_rss_kib[index]), event.max_rss)
    if event.exit_status == 0:
        frames.used_cores[index] = event.used_cores

    if event.free:
        frames.free_retries[index] = min(int(frames.free_retries[index]), _COLUMN_MOST - 1) + 1
    elif event.exit_status == Exit.RETRIED_BY_USER:
        frames.free_retries[index] = 0

    if event.with_host:
        frames.set_host_ends(index, counted(int(frames.host_ends[index]), alone=proc.alone))
    elif event.exit_status in _BEGIN_ANEW and frames.host_ends[index]:
        frames.set_host_ends(index, 0)


def ended_with_host(farm: Farm, event: ev.EndedWithHost, at_us: Micros) -> None:
    layer = farm.layers[event.layer_id]
    ends = counted(int(layer.frames.host_ends[event.index]), alone=event.alone)
    layer.frames.set_host_ends(event.index, ends)
    farm.update_ready(layer)
    farm.dirty.frames[layer.id].append(as_indices([event.index]))


def kill_requested(farm: Farm, event: ev.KillRequested, at_us: Micros) -> None:
    for run_id in event.run_ids:
        proc = farm.procs[run_id]
        proc.kill_message = event.message or "killed"
        proc.kill_cause = event.cause
        if event.on_end is not OnEnd.AS_REPORTED:
            proc.on_end = event.on_end
        farm.dirty.row("proc", run_id)

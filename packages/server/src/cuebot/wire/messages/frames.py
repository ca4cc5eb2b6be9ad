"""Frames as messages: rows of a layer's columns."""

from __future__ import annotations

from opencue_proto import job_pb2

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Layer
from cuebot.domain.run_time import ran_until_now_us
from cuebot.domain.states import FrameState
from cuebot.domain.units import SECOND, frame_id
from cuebot.wire.values import int32, time_s


def frame_message(farm: Farm, layer: Layer, index: int, now_us: int) -> job_pb2.Frame:
    """A frame; what it used comes from its run while it has one."""
    frames = layer.frames
    job = farm.jobs[layer.job_id]
    proc = farm.proc_of(layer, index)
    state = int(frames.state[index])
    number = int(frames.number[index])
    core_us = int(frames.core_us[index])
    start_us = int(frames.start_us[index])
    if proc is not None and state == FrameState.RUNNING:
        core_us += ran_until_now_us(farm.hosts[proc.host_id], proc, now_us) * proc.cores // 100
    return job_pb2.Frame(
        id=frame_id(layer.id, index),
        name=f"{number:04d}-{layer.name}",
        layer_name=layer.name,
        number=number,
        state=state,
        retry_count=int(frames.retries[index]),
        exit_status=int(frames.exit_status[index]),
        dispatch_order=int(frames.dispatch_order[index]),
        start_time=time_s(start_us),
        stop_time=time_s(frames.stop_us[index]),
        max_rss=int(frames.max_rss_kib[index]),
        used_memory=_used_kib(layer, index),
        reserved_memory=proc.memory if proc else 0,
        last_resource=_last_resource(farm, layer, index),
        total_core_time=int32(core_us // SECOND),
        llu_time=_llu_s(layer, index),
        eligible_time=time_s(frames.eligible_us[index] or job.submitted_us),
        submission_time=time_s(job.submitted_us),
    )


def updated_frame_message(farm: Farm, layer: Layer, index: int) -> job_pb2.UpdatedFrame:
    """What a watching client needs of a frame that changed."""
    frames = layer.frames
    return job_pb2.UpdatedFrame(
        id=frame_id(layer.id, index),
        state=int(frames.state[index]),
        retry_count=int(frames.retries[index]),
        exit_status=int(frames.exit_status[index]),
        start_time=time_s(frames.start_us[index]),
        stop_time=time_s(frames.stop_us[index]),
        max_rss=int(frames.max_rss_kib[index]),
        used_memory=_used_kib(layer, index),
        last_resource=_last_resource(farm, layer, index),
        llu_time=_llu_s(layer, index),
    )


def _used_kib(layer: Layer, index: int) -> int:
    used = layer.frames.used_rss_kib
    return int(used[index]) if used is not None else 0


def _llu_s(layer: Layer, index: int) -> int:
    last_log_update_s = layer.frames.llu_s
    return int32(int(last_log_update_s[index])) if last_log_update_s is not None else 0


def _last_resource(farm: Farm, layer: Layer, index: int) -> str:
    """`host/cores/gpus` of the last run, empty for a frame that never ran."""
    row = int(layer.frames.last_host[index])
    if row < 0:
        return ""
    proc = farm.proc_of(layer, index)
    gpus = proc.gpus if proc else layer.min_gpus
    return f"{farm.host_names[row]}/{int(layer.frames.last_cores[index]) / 100:.2f}/{gpus}"

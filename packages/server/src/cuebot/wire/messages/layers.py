"""Layers as messages."""

from __future__ import annotations

from typing import TypedDict

from opencue_proto import job_pb2

from cuebot.queries.layers import LayerRow
from cuebot.queries.statistics import FrameCounts, UsageRow
from cuebot.wire.values import int32, time32


def layer_message(row: LayerRow) -> job_pb2.Layer:
    """A layer with its statistics."""
    return job_pb2.Layer(
        id=row.id,
        name=row.name,
        range=row.range,
        tags=row.tags,
        min_cores=row.min_cores,
        max_cores=row.max_cores,
        is_threadable=row.threadable,
        min_memory=row.min_memory_kib,
        min_gpu_memory=row.min_gpu_memory_kib,
        chunk_size=int32(row.chunk),
        dispatch_order=int32(row.dispatch_order),
        type=job_pb2.LayerType.ValueType(row.type),
        services=row.services,
        memory_optimizer_enabled=row.memory_optimizer,
        layer_stats=job_pb2.LayerStats(
            reserved_cores=row.reserved_cores,
            reserved_gpus=row.reserved_gpus,
            low_frame_sec=int32(row.shortest_run_s),
            **usage_fields(row.frames, row.usage),
        ),
        parent_id=row.job_id,
        limits=row.limits,
        timeout=row.timeout_minutes,
        timeout_llu=row.timeout_llu_minutes,
        min_gpus=row.min_gpus,
        max_gpus=row.max_gpus,
        command=row.command,
        eligible_time=time32(row.submitted_s),
        start_time=time32(row.first_start_s),
        stop_time=time32(row.last_stop_s),
        start_after=row.start_after_s,
        start_after_reason=row.start_after_reason,
    )


class UsageFields(TypedDict):
    """The fields of both."""

    total_frames: int
    waiting_frames: int
    running_frames: int
    dead_frames: int
    eaten_frames: int
    depend_frames: int
    succeeded_frames: int
    pending_frames: int
    avg_frame_sec: int
    high_frame_sec: int
    avg_core_sec: int
    rendered_frame_count: int
    failed_frame_count: int
    remaining_core_sec: int
    total_core_sec: int
    rendered_core_sec: int
    failed_core_sec: int
    max_rss: int
    total_gpu_sec: int
    rendered_gpu_sec: int


def usage_fields(frames: FrameCounts, usage: UsageRow) -> UsageFields:
    """The fields that JobStats and LayerStats have in common: frames by state, and what ended runs took."""
    return {
        "total_frames": frames.total,
        "waiting_frames": frames.waiting,
        "running_frames": frames.running,
        "dead_frames": frames.dead,
        "eaten_frames": frames.eaten,
        "depend_frames": frames.depend,
        "succeeded_frames": frames.succeeded,
        "pending_frames": frames.pending,
        "avg_frame_sec": int32(usage.mean_run_s),
        "high_frame_sec": int32(usage.longest_run_s),
        "avg_core_sec": int32(usage.mean_core_s),
        "rendered_frame_count": usage.runs_succeeded,
        "failed_frame_count": usage.runs_failed,
        "remaining_core_sec": usage.remaining_core_s,
        "total_core_sec": usage.total_core_s,
        "rendered_core_sec": usage.succeeded_core_s,
        "failed_core_sec": usage.failed_core_s,
        "max_rss": usage.max_rss_kib,
        "total_gpu_sec": usage.succeeded_gpu_s,
        "rendered_gpu_sec": usage.succeeded_gpu_s,
    }

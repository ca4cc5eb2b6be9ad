"""Layers as messages, and the sums that job and layer statistics share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opencue_proto import job_pb2

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Layer
from cuebot.domain.states import FrameState
from cuebot.domain.units import SECOND
from cuebot.wire.values import cores, int32, time_s


def layer_message(farm: Farm, layer: Layer) -> job_pb2.Layer:
    """A layer with its statistics."""
    counts = layer.counts
    busy = counts[FrameState.WAITING] + counts[FrameState.RUNNING] + counts[FrameState.DEPEND]
    return job_pb2.Layer(
        id=layer.id,
        name=layer.name,
        range=layer.range_text,
        tags=layer.tags,
        min_cores=cores(layer.min_cores),
        max_cores=cores(layer.max_cores),
        is_threadable=layer.threadable,
        min_memory=layer.min_memory,
        min_gpu_memory=layer.min_gpu_memory,
        chunk_size=int32(layer.chunk),
        dispatch_order=int32(layer.dispatch_order),
        type=int(layer.type),
        services=layer.services,
        memory_optimizer_enabled=layer.memory_optimizer,
        layer_stats=job_pb2.LayerStats(
            reserved_cores=cores(layer.reserved_cores),
            low_frame_sec=int32(layer.shortest_us // SECOND),
            **usage_fields(counts, [layer]),
        ),
        parent_id=layer.job_id,
        limits=layer.limits,
        timeout=layer.timeout_minutes,
        timeout_llu=layer.timeout_llu_minutes,
        min_gpus=layer.min_gpus,
        max_gpus=layer.max_gpus,
        command=layer.command,
        eligible_time=time_s(farm.jobs[layer.job_id].submitted_us),
        start_time=time_s(layer.frames.first_start_us()),
        stop_time=0 if busy else time_s(layer.last_stop_us),
        start_after=layer.start_after_us // SECOND,
        start_after_reason=layer.start_after_reason,
    )


def usage_fields(counts: list[int], layers: Iterable[Layer]) -> dict[str, Any]:
    """The fields that JobStats and LayerStats have in common: frames by state, and what ended runs took.

    `remaining_core_sec` is the number of frames to come times the mean of those that succeeded.
    """
    succeeded = failed = core_us = failed_core_us = clock_us = longest_us = max_rss = 0
    for layer in layers:
        succeeded += layer.runs_succeeded
        failed += layer.runs_failed
        core_us += layer.core_us_succeeded
        failed_core_us += layer.core_us_failed
        clock_us += layer.clock_us_succeeded
        longest_us = max(longest_us, layer.longest_us)
        max_rss = max(max_rss, layer.max_rss)
    pending = counts[FrameState.WAITING] + counts[FrameState.DEPEND]
    mean_core_s = core_us // SECOND // succeeded if succeeded else 0
    return {
        "total_frames": sum(counts),
        "waiting_frames": counts[FrameState.WAITING],
        "running_frames": counts[FrameState.RUNNING],
        "dead_frames": counts[FrameState.DEAD],
        "eaten_frames": counts[FrameState.EATEN],
        "depend_frames": counts[FrameState.DEPEND],
        "succeeded_frames": counts[FrameState.SUCCEEDED],
        "pending_frames": pending,
        "avg_frame_sec": int32(clock_us // SECOND // succeeded) if succeeded else 0,
        "high_frame_sec": int32(longest_us // SECOND),
        "avg_core_sec": int32(mean_core_s),
        "rendered_frame_count": succeeded,
        "failed_frame_count": failed,
        "remaining_core_sec": pending * mean_core_s,
        "total_core_sec": (core_us + failed_core_us) // SECOND,
        "rendered_core_sec": core_us // SECOND,
        "failed_core_sec": failed_core_us // SECOND,
        "max_rss": max_rss,
    }

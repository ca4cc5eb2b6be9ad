"""Layers: in which order, and what each looks like."""

from __future__ import annotations

from typing import NamedTuple

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.states import LayerType
from cuebot.queries.statistics import FrameCounts, UsageRow, frame_counts, usage_row
from cuebot.queries.units import in_cores, in_seconds


class LayerRow(NamedTuple):
    """A layer with its statistics. A maximum of 0 is none; times that have not come are 0."""

    id: str
    job_id: str
    name: str
    type: LayerType
    range: str
    chunk: int
    dispatch_order: int
    command: str
    tags: tuple[str, ...]
    services: tuple[str, ...]
    limits: tuple[str, ...]
    min_cores: float
    """0: a whole host; less: as many less than that."""
    max_cores: float
    threadable: bool
    min_memory_kib: int
    memory_optimizer: bool
    min_gpus: int
    max_gpus: int
    min_gpu_memory_kib: int
    timeout_minutes: int
    timeout_llu_minutes: int
    submitted_s: int
    first_start_s: int
    last_stop_s: int
    """0 while frames are to run."""
    start_after_s: int
    start_after_reason: str
    reserved_cores: float
    reserved_gpus: int
    shortest_run_s: int
    frames: FrameCounts
    usage: UsageRow


def layer_row(farm: Farm, layer: Layer) -> LayerRow:
    """A layer as a row."""
    frames = frame_counts(layer.counts)
    is_busy = frames.pending + frames.running > 0
    return LayerRow(
        id=layer.id,
        job_id=layer.job_id,
        name=layer.name,
        type=layer.type,
        range=layer.range_text,
        chunk=layer.chunk,
        dispatch_order=layer.dispatch_order,
        command=layer.command,
        tags=tuple(layer.tags),
        services=tuple(layer.services),
        limits=tuple(layer.limits),
        min_cores=in_cores(layer.min_cores),
        max_cores=in_cores(layer.max_cores),
        threadable=layer.threadable,
        min_memory_kib=layer.min_memory,
        memory_optimizer=layer.memory_optimizer,
        min_gpus=layer.min_gpus,
        max_gpus=layer.max_gpus,
        min_gpu_memory_kib=layer.min_gpu_memory,
        timeout_minutes=layer.timeout_minutes,
        timeout_llu_minutes=layer.timeout_llu_minutes,
        submitted_s=in_seconds(farm.jobs[layer.job_id].submitted_us),
        first_start_s=in_seconds(layer.frames.first_start_us()),
        last_stop_s=0 if is_busy else in_seconds(layer.last_stop_us),
        start_after_s=in_seconds(layer.start_after_us),
        start_after_reason=layer.start_after_reason,
        reserved_cores=in_cores(layer.reserved_cores),
        reserved_gpus=sum(farm.procs[id].gpus for id in layer.runs.values()) if layer.min_gpus else 0,
        shortest_run_s=in_seconds(layer.shortest_us),
        frames=frames,
        usage=usage_row(frames.pending, [layer]),
    )


def in_dispatch_order(farm: Farm, job: Job) -> list[Layer]:
    """A job's layers by their dispatch order."""
    return sorted(farm.layers_of(job), key=lambda layer: layer.dispatch_order)

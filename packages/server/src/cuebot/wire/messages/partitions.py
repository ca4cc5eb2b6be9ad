"""Render partitions as messages."""

from __future__ import annotations

from opencue_proto import renderPartition_pb2

from cuebot.queries.partitions import PartitionRow


def partition_message(row: PartitionRow) -> renderPartition_pb2.RenderPartition:
    """A part of a host. Cores are hundredths, memory is KB."""
    kind = renderPartition_pb2.JOB_PARTITION
    if row.layer:
        kind = renderPartition_pb2.FRAME_PARTITION if row.frame else renderPartition_pb2.LAYER_PARTITION
    return renderPartition_pb2.RenderPartition(
        id=row.id,
        job=row.job,
        layer=row.layer,
        frame=row.frame,
        render_part_type=kind,
        host=row.host,
        cores=row.cores,
        memory=row.memory_kib,
        max_cores=row.max_cores,
        max_memory=row.max_memory_kib,
        max_gpu_memory=row.max_gpu_memory_kib,
        threads=row.threads,
        gpus=row.gpus,
        max_gpus=row.max_gpus,
        gpu_memory=row.gpu_memory_kib,
    )

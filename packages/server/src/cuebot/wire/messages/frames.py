"""Frames as messages."""

from __future__ import annotations

from opencue_proto import job_pb2

from cuebot.queries.frames import FrameChangeRow, FrameRow
from cuebot.wire.values import int32, time32


def frame_message(row: FrameRow) -> job_pb2.Frame:
    """A frame."""
    return job_pb2.Frame(
        id=row.id,
        name=row.name,
        layer_name=row.layer,
        number=row.number,
        state=job_pb2.FrameState.ValueType(row.state),
        retry_count=row.retries,
        exit_status=row.exit_status,
        dispatch_order=row.dispatch_order,
        start_time=time32(row.start_s),
        stop_time=time32(row.stop_s),
        max_rss=row.max_rss_kib,
        used_memory=row.used_memory_kib,
        reserved_memory=row.reserved_memory_kib,
        last_resource=row.last_resource,
        total_core_time=int32(row.core_s),
        llu_time=int32(row.last_log_update_s),
        eligible_time=time32(row.eligible_s),
        submission_time=time32(row.submitted_s),
    )


def updated_frame_message(row: FrameChangeRow) -> job_pb2.UpdatedFrame:
    """What a watching client needs of a frame that changed."""
    return job_pb2.UpdatedFrame(
        id=row.id,
        state=job_pb2.FrameState.ValueType(row.state),
        retry_count=row.retries,
        exit_status=row.exit_status,
        start_time=time32(row.start_s),
        stop_time=time32(row.stop_s),
        max_rss=row.max_rss_kib,
        used_memory=row.used_memory_kib,
        last_resource=row.last_resource,
        llu_time=int32(row.last_log_update_s),
    )

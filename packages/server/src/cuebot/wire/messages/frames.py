"""Frames as messages."""

from __future__ import annotations

from typing import Final

from opencue_proto import job_pb2

from cuebot.domain.errors import Invalid
from cuebot.queries.frames import DisplayRow, FrameChangeRow, FrameRow
from cuebot.wire.values import int32, time32

_BYTE: Final = 255


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
        reserved_gpu_memory=row.reserved_gpu_memory_kib,
        last_resource=row.last_resource,
        total_core_time=int32(row.core_s),
        llu_time=int32(row.last_log_update_s),
        eligible_time=time32(row.eligible_s),
        submission_time=time32(row.submitted_s),
        checkpoint_state=job_pb2.CheckpointState.ValueType(row.checkpoint),
        checkpoint_count=row.checkpoints,
        frame_state_display_override=display_message(row.display) if row.display else None,
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
        frame_state_display_override=display_message(row.display) if row.display else None,
    )


def display_message(row: DisplayRow) -> job_pb2.FrameStateDisplayOverride:
    """What clients show for a frame in a state."""
    color = job_pb2.FrameStateDisplayOverride.RGB(red=row.color >> 16, green=row.color >> 8 & 255, blue=row.color & 255)
    return job_pb2.FrameStateDisplayOverride(state=job_pb2.FrameState.ValueType(row.state), text=row.text, color=color)


def color_of(override: job_pb2.FrameStateDisplayOverride) -> int:
    """The colour of a message as 0xRRGGBB. Raises Invalid."""
    parts = (override.color.red, override.color.green, override.color.blue)
    if not all(0 <= part <= _BYTE for part in parts):
        raise Invalid(f"a colour of {parts}: accepted are red, green and blue from 0 to {_BYTE} each")
    return parts[0] << 16 | parts[1] << 8 | parts[2]

"""Jobs as messages."""

from __future__ import annotations

from opencue_proto import job_pb2

from cuebot.queries.jobs import JobRow
from cuebot.wire.messages.layers import usage_fields
from cuebot.wire.values import int32, or_unlimited, time32


def job_message(row: JobRow) -> job_pb2.Job:
    """A job with its statistics."""
    message = job_pb2.Job(
        id=row.id,
        state=job_pb2.JobState.ValueType(row.state),
        name=row.name,
        shot=row.shot,
        show=row.show,
        user=row.user,
        group=row.group,
        facility=row.facility,
        os=row.os,
        priority=int32(row.priority),
        min_cores=row.min_cores,
        max_cores=or_unlimited(row.max_cores),
        min_gpus=row.min_gpus,
        max_gpus=or_unlimited(row.max_gpus),
        log_dir=row.log_dir,
        is_paused=row.paused,
        has_comment=row.commented,
        auto_eat=row.auto_eat,
        start_time=time32(row.submitted_s),
        stop_time=time32(row.stopped_s),
        eligible_time=time32(row.submitted_s),
        job_stats=job_pb2.JobStats(
            total_layers=row.layers,
            reserved_cores=row.reserved_cores,
            reserved_gpus=row.reserved_gpus,
            **usage_fields(row.frames, row.usage),
        ),
    )
    if row.uid is not None:
        message.uid = row.uid
    return message

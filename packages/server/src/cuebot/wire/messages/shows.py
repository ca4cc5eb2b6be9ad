"""Shows as messages."""

from __future__ import annotations

from opencue_proto import show_pb2

from cuebot.queries.shows import ShowRow
from cuebot.wire.values import int32


def show_message(row: ShowRow) -> show_pb2.Show:
    """A show with statistics over its PENDING jobs."""
    return show_pb2.Show(
        id=row.id,
        name=row.name,
        default_min_cores=row.default_min_cores,
        default_max_cores=row.default_max_cores,
        default_min_gpus=int32(row.default_min_gpus),
        default_max_gpus=int32(row.default_max_gpus),
        comment_email=row.comment_email,
        booking_enabled=row.booking_enabled,
        dispatch_enabled=row.dispatch_enabled,
        active=row.active,
        scheduler_managed=row.scheduler_managed,
        show_stats=show_pb2.ShowStats(
            running_frames=row.totals.running,
            dead_frames=row.totals.dead,
            pending_frames=row.totals.waiting + row.totals.depend,
            pending_jobs=row.totals.jobs,
            reserved_cores=row.totals.reserved_cores,
            reserved_gpus=row.totals.reserved_gpus,
            created_job_count=row.jobs_created,
            created_frame_count=row.frames_created,
            rendered_frame_count=row.runs_succeeded,
            failed_frame_count=row.runs_failed,
        ),
    )

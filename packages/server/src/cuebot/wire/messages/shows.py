"""Shows as messages."""

from __future__ import annotations

from collections.abc import Iterable

from opencue_proto import show_pb2

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Show
from cuebot.domain.states import FrameState, JobState
from cuebot.wire.values import cores, int32


def show_messages(farm: Farm, shows: Iterable[Show]) -> list[show_pb2.Show]:
    """Shows with statistics over their PENDING jobs, which are gone through once for all of them."""
    wanted = list(shows)
    stats = {show.id: show_pb2.ShowStats() for show in wanted}
    reserved = dict.fromkeys(stats, 0)
    for id in farm.active_job_by_name.values():
        job = farm.jobs[id]
        sums = stats.get(job.show_id)
        if sums is None or job.state is not JobState.PENDING:
            continue
        sums.running_frames += job.counts[FrameState.RUNNING]
        sums.dead_frames += job.counts[FrameState.DEAD]
        sums.pending_frames += job.counts[FrameState.WAITING] + job.counts[FrameState.DEPEND]
        sums.pending_jobs += 1
        sums.reserved_gpus += job.reserved_gpus
        reserved[job.show_id] += job.reserved_cores
    for id, units in reserved.items():
        stats[id].reserved_cores = cores(units)
    return [_message(show, stats[show.id]) for show in wanted]


def show_message(farm: Farm, show: Show) -> show_pb2.Show:
    """One show."""
    return show_messages(farm, [show])[0]


def _message(show: Show, stats: show_pb2.ShowStats) -> show_pb2.Show:
    stats.created_job_count = show.jobs_created
    stats.created_frame_count = show.frames_created
    stats.rendered_frame_count = show.runs_succeeded
    stats.failed_frame_count = show.runs_failed
    return show_pb2.Show(
        id=show.id,
        name=show.name,
        default_min_cores=cores(show.default_min_cores),
        default_max_cores=cores(show.default_max_cores),
        default_min_gpus=int32(show.default_min_gpus),
        default_max_gpus=int32(show.default_max_gpus),
        comment_email=show.comment_email,
        booking_enabled=show.booking_enabled,
        dispatch_enabled=show.dispatch_enabled,
        active=show.active,
        show_stats=stats,
    )

"""What was, as messages of the published monitoring interface."""

from __future__ import annotations

from opencue_proto import job_pb2, monitoring_pb2

from cuebot.domain.units import SECOND
from cuebot.queries.farm_sums import FarmSums
from cuebot.queries.frames import FrameRow
from cuebot.queries.jobs import JobRow
from cuebot.queries.layer_memory import LayerMemoryRow
from cuebot.queries.layers import LayerRow
from cuebot.wire.values import int32, time32

_MILLI = 1_000


def historical_job(row: JobRow) -> monitoring_pb2.HistoricalJob:
    """A job that has ended. `failed_frames` are those that did not succeed: dead and eaten."""
    return monitoring_pb2.HistoricalJob(
        id=row.id,
        name=row.name,
        show=row.show,
        shot=row.shot,
        user=row.user,
        facility=row.facility,
        final_state=job_pb2.JobState.ValueType(row.state),
        start_time=time32(row.submitted_s),
        stop_time=time32(row.stopped_s),
        priority=int32(row.priority),
        total_frames=int32(row.frames.total),
        succeeded_frames=int32(row.frames.succeeded),
        failed_frames=int32(row.frames.dead + row.frames.eaten),
        total_core_seconds=row.usage.total_core_s,
        total_gpu_seconds=row.usage.succeeded_gpu_s,
        max_rss=row.usage.max_rss_kib,
    )


def historical_layer(row: LayerRow, job: str, show: str) -> monitoring_pb2.HistoricalLayer:
    """A layer with what its runs took."""
    return monitoring_pb2.HistoricalLayer(
        id=row.id,
        name=row.name,
        job_name=job,
        show=show,
        type=job_pb2.LayerType.ValueType(row.type),
        tags=row.tags,
        services=row.services,
        total_frames=int32(row.frames.total),
        succeeded_frames=int32(row.frames.succeeded),
        failed_frames=int32(row.frames.dead + row.frames.eaten),
        total_core_seconds=row.usage.total_core_s,
        total_gpu_seconds=row.usage.succeeded_gpu_s,
        max_rss=row.usage.max_rss_kib,
        avg_frame_seconds=row.usage.mean_run_s,
    )


def historical_frame(row: FrameRow, job: str, show: str, gpus: int) -> monitoring_pb2.HistoricalFrame:
    """A frame as its last run left it."""
    return monitoring_pb2.HistoricalFrame(
        id=row.id,
        name=row.name,
        layer_name=row.layer,
        job_name=job,
        show=show,
        frame_number=row.number,
        final_state=job_pb2.FrameState.ValueType(row.state),
        exit_status=int32(row.exit_status),
        retry_count=int32(row.retries),
        start_time=time32(row.start_s),
        stop_time=time32(row.stop_s),
        max_rss=row.max_rss_kib,
        last_host=row.last_resource.partition("/")[0],
        total_core_time=int32(row.core_s),
        total_gpu_time=int32(max(row.stop_s - row.start_s, 0) * gpus if row.start_s else 0),
    )


def layer_memory_record(row: LayerMemoryRow) -> monitoring_pb2.LayerMemoryRecord:
    """What the frames of a layer needed."""
    return monitoring_pb2.LayerMemoryRecord(
        job_name=row.job,
        layer_name=row.layer,
        show=row.show,
        timestamp=time32(row.ended_s),
        max_rss=row.max_rss_kib,
        reserved_memory=row.reserved_kib,
        frame_count=int32(row.frames),
        avg_frame_memory=row.mean_kib,
        p95_frame_memory=row.p95_kib,
    )


def farm_statistics(sums: FarmSums, shows: frozenset[str]) -> monitoring_pb2.FarmStatisticsEvent:
    """What the farm came to at a moment, and some shows, or without names all."""
    at_ms = sums.at_us // _MILLI
    return monitoring_pb2.FarmStatisticsEvent(
        header=monitoring_pb2.EventHeader(event_id=str(sums.at_us), timestamp=at_ms),
        snapshot_time=sums.at_us // SECOND,
        total_jobs=int32(sums.pending_jobs + sums.finished_jobs),
        pending_jobs=int32(sums.pending_jobs),
        finished_jobs=int32(sums.finished_jobs),
        total_frames=sums.frames,
        waiting_frames=sums.waiting,
        running_frames=sums.running,
        succeeded_frames=sums.succeeded,
        dead_frames=sums.dead,
        eaten_frames=sums.eaten,
        depend_frames=sums.depend,
        total_hosts=int32(sums.hosts),
        up_hosts=int32(sums.up),
        down_hosts=int32(sums.down),
        repair_hosts=int32(sums.repair),
        nimby_locked_hosts=int32(sums.nimby_locked),
        total_cores=sums.cores,
        running_cores=sums.running_cores,
        idle_cores=sums.idle_cores,
        total_gpus=sums.gpus,
        running_gpus=sums.running_gpus,
        idle_gpus=sums.idle_gpus,
        total_memory=sums.memory_kib,
        used_memory=sums.used_memory_kib,
        show_stats=[
            monitoring_pb2.ShowStatistics(
                show=one.show,
                pending_jobs=int32(one.pending_jobs),
                running_frames=one.running_frames,
                waiting_frames=one.waiting_frames,
                reserved_cores=one.reserved_cores,
                reserved_gpus=one.reserved_gpus,
            )
            for one in sums.shows
            if not shows or one.show in shows
        ],
    )

"""What was: jobs, layers and frames that are over, what became of hosts, and what the farm came to.

The server answers from its own books and archive; nothing else has to run. Records are read by properties, and are
never refreshed. Memory is in KB, times are in seconds since 1970 unless they say otherwise.
"""

from __future__ import annotations

import operator
from typing import Any, Optional, Sequence

from opencue_proto import host_pb2, job_pb2, monitoring_pb2

from opencue.rpc import call

__all__ = [
    "FarmStatistics",
    "HistoricalFrame",
    "HistoricalJob",
    "HistoricalLayer",
    "HostEvent",
    "LayerMemoryRecord",
    "ShowStatistics",
    "TimeRange",
    "getFarmStatistics",
    "getFrameHistory",
    "getHostHistory",
    "getJobHistory",
    "getLayerHistory",
    "getLayerMemoryHistory",
]


class TimeRange:
    """A time from `start_time` to `end_time`, both in milliseconds since 1970; 0 is no limit."""

    def __init__(self, start_time: int = 0, end_time: int = 0) -> None:
        self.start_time = start_time
        self.end_time = end_time

    def toProto(self) -> Any:
        """Return the message."""
        return monitoring_pb2.TimeRange(start_time=int(self.start_time), end_time=int(self.end_time))


def _field(path: str, doc: str) -> Any:
    return property(lambda self: operator.attrgetter(path)(self.data), doc=doc)


class Record:
    """What was at a moment. `data` is the message that the server sent."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __repr__(self) -> str:
        name = getattr(self.data, "name", "") or getattr(self.data, "job_name", "")
        return f"<{type(self).__name__} {name}>" if name else f"<{type(self).__name__}>"


class HistoricalJob(Record):
    """A job that has ended."""

    id: Any = _field("id", "UUID of the job.")
    name: Any = _field("name", "Full name of the job.")
    show: Any = _field("show", "Name of its show.")
    shot: Any = _field("shot", "Name of its shot.")
    user: Any = _field("user", "Who submitted it.")
    facility: Any = _field("facility", "Name of its facility.")
    finalState: Any = _field("final_state", "A JobState.")
    startTime: Any = _field("start_time", "When it was submitted.")
    stopTime: Any = _field("stop_time", "When it ended.")
    priority: Any = _field("priority", "The higher number went first.")
    totalFrames: Any = _field("total_frames", "How many frames it had.")
    succeededFrames: Any = _field("succeeded_frames", "How many of them succeeded.")
    failedFrames: Any = _field("failed_frames", "How many were dead or eaten at its end.")
    totalCoreSeconds: Any = _field("total_core_seconds", "Cores times seconds of all runs.")
    totalGpuSeconds: Any = _field("total_gpu_seconds", "GPUs times seconds of the runs that succeeded.")
    maxRss: Any = _field("max_rss", "Most memory of a frame in KB.")


class HistoricalLayer(Record):
    """A layer with what its runs took."""

    id: Any = _field("id", "UUID of the layer.")
    name: Any = _field("name", "Name of the layer.")
    jobName: Any = _field("job_name", "Full name of its job.")
    show: Any = _field("show", "Name of its show.")
    layerType: Any = _field("type", "A LayerType.")
    tags: Any = _field("tags", "What its hosts had to have.")
    services: Any = _field("services", "Its services.")
    totalFrames: Any = _field("total_frames", "How many frames it has.")
    succeededFrames: Any = _field("succeeded_frames", "How many of them succeeded.")
    failedFrames: Any = _field("failed_frames", "How many are dead or eaten.")
    totalCoreSeconds: Any = _field("total_core_seconds", "Cores times seconds of all runs.")
    totalGpuSeconds: Any = _field("total_gpu_seconds", "GPUs times seconds of the runs that succeeded.")
    maxRss: Any = _field("max_rss", "Most memory of a frame in KB.")
    avgFrameSeconds: Any = _field("avg_frame_seconds", "Mean seconds of the runs that succeeded.")


class HistoricalFrame(Record):
    """A frame as its last run left it."""

    id: Any = _field("id", "Id of the frame.")
    name: Any = _field("name", "Name of the frame, such as `0012-beauty`.")
    layerName: Any = _field("layer_name", "Name of its layer.")
    jobName: Any = _field("job_name", "Full name of its job.")
    show: Any = _field("show", "Name of its show.")
    frameNumber: Any = _field("frame_number", "Its number.")
    finalState: Any = _field("final_state", "A FrameState.")
    exitStatus: Any = _field("exit_status", "Of its last run.")
    retryCount: Any = _field("retry_count", "How often it was tried again.")
    startTime: Any = _field("start_time", "When its last run started.")
    stopTime: Any = _field("stop_time", "When its last run ended.")
    maxRss: Any = _field("max_rss", "Most memory in KB.")
    lastHost: Any = _field("last_host", "Name of the host of its last run.")
    totalCoreTime: Any = _field("total_core_time", "Cores times seconds of its runs.")
    totalGpuTime: Any = _field("total_gpu_time", "GPUs times seconds of its last run.")


class LayerMemoryRecord(Record):
    """What the frames of a layer needed in one job."""

    jobName: Any = _field("job_name", "Full name of the job.")
    layerName: Any = _field("layer_name", "Name of the layer.")
    show: Any = _field("show", "Name of its show.")
    timestamp: Any = _field("timestamp", "When the job ended.")
    maxRss: Any = _field("max_rss", "Most memory of a frame in KB.")
    reservedMemory: Any = _field("reserved_memory", "What the layer asks for, in KB.")
    frameCount: Any = _field("frame_count", "How many frames have run.")
    avgFrameMemory: Any = _field("avg_frame_memory", "What they needed on average, in KB.")
    p95FrameMemory: Any = _field("p95_frame_memory", "What 95 % of them did not exceed, in KB.")


class HostEvent(Record):
    """What became of a host: it booted, has another state, was locked or unlocked."""

    id: Any = _field("header.event_id", "What tells it from others.")
    eventType: Any = _field("header.event_type", "A monitoring_pb2.EventType.")
    timestamp: Any = _field("header.timestamp", "When, in milliseconds since 1970.")
    name: Any = _field("host.name", "Name of the host.")
    facility: Any = _field("facility", "Name of its facility.")
    state: Any = _field("host.state", "The HardwareState that it has since.")
    lockState: Any = _field("host.lock_state", "The LockState that it has since.")
    previousState: Any = _field("previous_state", "The HardwareState that it had.")
    previousLockState: Any = _field("previous_lock_state", "The LockState that it had.")
    reason: Any = _field("reason", "What is known of it, and by whom it was done.")

    @property
    def eventName(self) -> str:
        """The name of its type, such as `HOST_STATE_CHANGED`."""
        return str(monitoring_pb2.EventType.Name(self.eventType))

    def __repr__(self) -> str:
        return f"<HostEvent {self.name} {self.eventName}>"


class ShowStatistics(Record):
    """What the pending jobs of a show came to."""

    show: Any = _field("show", "Name of the show.")
    pendingJobs: Any = _field("pending_jobs", "How many there were.")
    runningFrames: Any = _field("running_frames", "How many of their frames ran.")
    waitingFrames: Any = _field("waiting_frames", "How many of them waited.")
    reservedCores: Any = _field("reserved_cores", "Cores that they had.")
    reservedGpus: Any = _field("reserved_gpus", "GPUs that they had.")


class FarmStatistics(Record):
    """What the farm came to at a moment. Frames are those of pending jobs."""

    snapshotTime: Any = _field("snapshot_time", "When.")
    totalJobs: Any = _field("total_jobs", "Pending and finished jobs.")
    pendingJobs: Any = _field("pending_jobs", "Pending ones.")
    finishedJobs: Any = _field("finished_jobs", "Finished ones that were known.")
    totalFrames: Any = _field("total_frames", "Frames of pending jobs.")
    waitingFrames: Any = _field("waiting_frames", "Those that waited for a host.")
    runningFrames: Any = _field("running_frames", "Those that ran.")
    succeededFrames: Any = _field("succeeded_frames", "Those that had succeeded.")
    deadFrames: Any = _field("dead_frames", "Those that had failed for good.")
    totalHosts: Any = _field("total_hosts", "How many hosts there were.")
    upHosts: Any = _field("up_hosts", "Those that were UP.")
    downHosts: Any = _field("down_hosts", "Those that were DOWN.")
    totalCores: Any = _field("total_cores", "Cores of all hosts.")
    runningCores: Any = _field("running_cores", "Cores that frames had.")
    idleCores: Any = _field("idle_cores", "Cores that nobody had, on hosts that were UP.")

    @property
    def showStats(self) -> list[ShowStatistics]:
        """What shows with pending jobs came to."""
        return [ShowStatistics(message) for message in self.data.show_stats]


def _call(method: str, time_range: Optional[TimeRange], **fields: Any) -> Any:
    if time_range is not None:
        fields["time_range"] = time_range.toProto()
    return call("monitoring", method, **{name: value for name, value in fields.items() if value is not None})


def getJobHistory(
    shows: Optional[Sequence[str]] = None,
    users: Optional[Sequence[str]] = None,
    shots: Optional[Sequence[str]] = None,
    job_name_regex: Optional[Sequence[str]] = None,
    states: Optional[Sequence[job_pb2.JobState]] = None,
    time_range: Optional[TimeRange] = None,
    page: int = 1,
    page_size: int = 100,
    max_results: int = 1000,
) -> list[HistoricalJob]:
    """Return a page of jobs that have ended, the last first; a time is that of their end.

    Of all that match the `max_results` that ended last are counted.
    """
    response = _call(
        "GetJobHistory",
        time_range,
        shows=shows,
        users=users,
        shots=shots,
        job_name_regex=job_name_regex,
        states=states,
        page=page,
        page_size=page_size,
        max_results=max_results,
    )
    return [HistoricalJob(message) for message in response.jobs]


def getLayerHistory(
    job_id: Optional[str] = None,
    job_name: Optional[str] = None,
    time_range: Optional[TimeRange] = None,
    page: int = 1,
    page_size: int = 100,
) -> list[HistoricalLayer]:
    """Return a page of the layers of a job, which is pending or over; of a time those whose last run ended in it.

    Raises EntityNotFoundException where there is no such job.
    """
    fields = {"job_id": job_id, "job_name": job_name, "page": page, "page_size": page_size}
    return [HistoricalLayer(message) for message in _call("GetLayerHistory", time_range, **fields).layers]


def getFrameHistory(
    job_id: Optional[str] = None,
    job_name: Optional[str] = None,
    layer_names: Optional[Sequence[str]] = None,
    states: Optional[Sequence[job_pb2.FrameState]] = None,
    time_range: Optional[TimeRange] = None,
    page: int = 1,
    page_size: int = 100,
) -> list[HistoricalFrame]:
    """Return a page of the frames of a job that are over, or in one of `states`; a time is that of their last stop.

    All runs of a frame: `opencue.api.getRuns`. Raises EntityNotFoundException where there is no such job or layer.
    """
    response = _call(
        "GetFrameHistory",
        time_range,
        job_id=job_id,
        job_name=job_name,
        layer_names=layer_names,
        states=states,
        page=page,
        page_size=page_size,
    )
    return [HistoricalFrame(message) for message in response.frames]


def getLayerMemoryHistory(
    layer_name: str,
    shows: Optional[Sequence[str]] = None,
    time_range: Optional[TimeRange] = None,
    max_results: int = 1000,
) -> list[LayerMemoryRecord]:
    """Return what the frames of layers with a name needed, a record for each job, the one that ended last first."""
    response = _call("GetLayerMemoryHistory", time_range, layer_name=layer_name, shows=shows, max_results=max_results)
    return [LayerMemoryRecord(message) for message in response.records]


def getHostHistory(
    host_names: Optional[Sequence[str]] = None,
    facilities: Optional[Sequence[str]] = None,
    allocations: Optional[Sequence[str]] = None,
    states: Optional[Sequence[host_pb2.HardwareState]] = None,
    time_range: Optional[TimeRange] = None,
    page: int = 1,
    page_size: int = 100,
) -> list[HostEvent]:
    """Return a page of what became of hosts, the newest first: boots, states, locks.

    Facilities and allocations are those that hosts have now. What a host was before the first event that is known is
    said to be UP and OPEN.
    """
    response = _call(
        "GetHostHistory",
        time_range,
        host_names=host_names,
        facilities=facilities,
        allocations=allocations,
        states=states,
        page=page,
        page_size=page_size,
    )
    return [HostEvent(message) for message in response.events]


def getFarmStatistics(
    time_range: Optional[TimeRange] = None, interval_minutes: int = 60, shows: Optional[Sequence[str]] = None
) -> list[FarmStatistics]:
    """Return what the farm came to, the oldest first: the last sums of each interval, and those of now.

    Without a time, in the last 24 hours. `shows` are those of which there are statistics, not what is summed up.
    """
    response = _call("GetFarmStatistics", time_range, interval_minutes=interval_minutes, shows=shows)
    return [FarmStatistics(message) for message in response.statistics]

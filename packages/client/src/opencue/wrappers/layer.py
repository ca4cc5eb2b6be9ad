"""Layers: the frames of a job that run the same command."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Optional, Union

from opencue_proto import job_pb2

from opencue import enums, runs
from opencue.caller import killedBy, userName
from opencue.changed import Changed, total
from opencue.kinds import wrapperOf
from opencue.rpc import call, change
from opencue.tags import splitTags
from opencue.units import Megabytes, toKilobytes
from opencue.wrappers.depend import Depend, addDepend
from opencue.wrappers.entity import Entity, Getter, getter, timeGetter
from opencue.wrappers.frame import Frame, fetchFrames
from opencue.wrappers.limit import Limit
from opencue.wrappers.render_partition import RenderPartition, addRenderPartition
from opencue.wrappers.service import Service

if TYPE_CHECKING:
    from opencue.wrappers.job import Job

POINTS_PER_CORE = 100


class Layer(Entity):
    """One layer of a job."""

    _service = "layer"
    _message = job_pb2.Layer
    LayerType: Any = enums.LayerType
    Order: Any = enums.Order

    def kill(
        self,
        username: Optional[str] = None,
        pid: Optional[int] = None,
        host_kill: Optional[str] = None,
        reason: Optional[str] = None,
    ) -> Changed:
        """Kill every running frame of the layer."""
        return self._change("KillFrames", **killedBy(username, pid, host_kill, reason))

    def eat(self) -> Changed:
        """Give up every frame of the layer; what depends on the layer or its frames goes on waiting.

        `markdone` lets that go, `eatAndMarkdone` does both.
        """
        return self._change("EatFrames")

    def retry(self) -> Changed:
        """Run every frame of the layer again."""
        return self._change("RetryFrames")

    def markdone(self) -> Changed:
        """Let go what depends on the layer or its frames, as if these were done; they themselves stay as they are."""
        return self._change("MarkdoneFrames")

    def eatAndMarkdone(self) -> Changed:
        """Give up every frame of the layer, and let go what depends on them. Returns the sum of both."""
        return total(self.markdone(), self.eat())

    eatFrames = eat
    markdoneFrames = markdone
    eatAndMarkdoneFrames = eatAndMarkdone

    def dropDepends(self, target: int) -> Changed:
        """Satisfy what this layer waits for, of one DependTarget."""
        return self._change("DropDepends", target=target)

    def addLimit(self, limit_id: str) -> Changed:
        """Make the layer count against a limit, named by its id."""
        return self._change("AddLimit", limit_id=limit_id)

    def dropLimit(self, limit_id: str) -> Changed:
        """Take the layer out of a limit, named by its id."""
        return self._change("DropLimit", limit_id=limit_id)

    def getLimitDetails(self) -> list[Limit]:
        """Return the limits that the layer counts against; a name without a limit is left out."""
        return [Limit(message) for message in self._call("GetLimits").limits]

    def enableMemoryOptimizer(self, value: bool) -> Changed:
        """Let the farm lower the layer's memory reservation to what its frames use, or forbid that."""
        return self._change("EnableMemoryOptimizer", value=value)

    def setTags(self, tags: Union[str, list[str]]) -> Changed:
        """Set the tags of which a host needs one to run the layer, as a list or as a text such as `general | gpu`."""
        return self._change("SetTags", tags=splitTags(tags))

    def setDispatchOrder(self, order: int) -> Changed:
        """Set the layer's place among the layers of the job."""
        return self._change("SetDispatchOrder", order=order)

    def setMinCores(self, cores: float) -> Changed:
        """Set the cores that a frame needs, in points: 100 are one core (a Job's own setter takes cores)."""
        return self._change("SetMinCores", cores=cores / POINTS_PER_CORE)

    def setMaxCores(self, cores: float) -> Changed:
        """Set the most cores that a frame gets, in points: 100 are one core."""
        return self._change("SetMaxCores", cores=cores / POINTS_PER_CORE)

    def setMinGpus(self, min_gpus: int) -> Changed:
        """Set the GPUs that a frame needs."""
        return self._change("SetMinGpus", min_gpus=min_gpus)

    def setMaxGpus(self, max_gpus: int) -> Changed:
        """Set the most GPUs that a frame gets."""
        return self._change("SetMaxGpus", max_gpus=max_gpus)

    def setMinGpuMemory(self, gpu_memory: Union[Megabytes, float]) -> Changed:
        """Set the GPU memory that a frame needs, in KB or as `Megabytes`."""
        return self._change("SetMinGpuMemory", gpu_memory=toKilobytes(gpu_memory))

    def setMinMemory(self, memory: Union[Megabytes, float]) -> Changed:
        """Set the memory that a frame needs, in KB (rounded up) or as `Megabytes`."""
        return self._change("SetMinMemory", memory=toKilobytes(memory))

    def setThreadable(self, threadable: bool) -> Changed:
        """Allow a frame more cores than it asks for, or forbid that."""
        return self._change("SetThreadable", threadable=threadable)

    def setTimeout(self, timeout: int) -> Changed:
        """Set how long a frame may run, in minutes; 0 for no limit."""
        return self._change("SetTimeout", timeout=timeout)

    def setTimeoutLLU(self, timeout_llu: int) -> Changed:
        """Set how long a frame may go without a word in its log, in minutes; 0 for no limit."""
        return self._change("SetTimeoutLLU", timeout_llu=timeout_llu)

    def setMaxRetries(self, max_retries: Optional[int]) -> Changed:
        """Set how often a failed frame of the layer is tried again; None for as often as the job says.

        Raises NotOfferedException where the server is not a cuefarm: OpenCue's knows retries of jobs alone.
        """
        return change("farm", "SetLayerMaxRetries", layer=self.data.id, max_retries=max_retries)

    def setStartAfter(self, epoch_seconds: int, username: Optional[str] = None) -> Changed:
        """Hold the layer back until a time in seconds since 1970; 0 lets it go."""
        return self._change("SetStartAfter", start_after=epoch_seconds, username=username or userName())

    def clearStartAfter(self, username: Optional[str] = None) -> Changed:
        """Let a layer go that `setStartAfter` held back."""
        return self.setStartAfter(0, username)

    def addRenderPartition(
        self, hostname: str, threads: int, max_cores: int, max_mem: int, max_gpu_memory: int = 0, max_gpus: int = 0
    ) -> RenderPartition:
        """Render the layer on a part of your own, locked host, too: `max_cores` whole cores, memory in KB."""
        return addRenderPartition(
            "layer",
            self,
            host=hostname,
            threads=threads,
            max_cores=max_cores,
            max_memory=max_mem,
            max_gpus=max_gpus,
            max_gpu_memory=max_gpu_memory,
        )

    def registerOutputPath(self, outputPath: str) -> Changed:
        """Tell the farm where the layer writes."""
        return self._change("RegisterOutputPath", spec=outputPath)

    def reorderFrames(self, frameRange: str, order: int) -> Changed:
        """Move a range of frames to the front or back of the layer, or reverse it (an Order)."""
        return self._change("ReorderFrames", range=frameRange, order=order)

    def staggerFrames(self, frameRange: str, stagger: int) -> Changed:
        """Run every `stagger`-th frame of a range first, then those between."""
        return self._change("StaggerFrames", range=frameRange, stagger=stagger)

    def createDependencyOnJob(self, job: Job) -> Depend:
        """Make this layer wait for a job."""
        return Depend(self._call("CreateDependencyOnJob", job=job.data).depend)

    def createDependencyOnLayer(self, layer: Layer, on_failure: bool = False) -> Depend:
        """Make this layer wait for another layer as a whole; with `on_failure` until all of it has ended, however.

        The latter raises NotOfferedException where the server is not a cuefarm.
        """
        if on_failure:
            return addDepend(layer=self.data.id, on_layer=layer.data.id, on_failure=True)
        return Depend(self._call("CreateDependencyOnLayer", depend_on_layer=layer.data).depend)

    def createDependencyOnFrame(self, frame: Frame) -> Depend:
        """Make this layer wait for a frame."""
        return Depend(self._call("CreateDependencyOnFrame", frame=frame.data).depend)

    def createFrameByFrameDependency(self, layer: Layer) -> Depend:
        """Make each frame wait for the frame of the same number in another layer."""
        return Depend(self._call("CreateFrameByFrameDependency", depend_layer=layer.data, any_frame=False).depend)

    def getRuns(self, **options: Any) -> list[Any]:
        """Return the runs of the layer's frames, newest first; `cause`, `state`, `attempt` and `limit` narrow them.

        They are as `opencue.api.getRuns` returns them.
        """
        return runs.getRuns(layer=self.data.id, **options)

    def getFrames(self, **options: Any) -> list[Frame]:
        """Return the layer's frames; FrameSearch options narrow them, `page` and `limit` ask for one page."""
        return fetchFrames(lambda criteria: self._call("GetFrames", s=criteria).frames.frames, options)

    def getOutputPaths(self) -> Any:
        """Return where the layer writes."""
        return self._call("GetOutputPaths").output_paths

    def getWhatDependsOnThis(self) -> list[Depend]:
        """Return the dependencies that wait for this layer."""
        return [Depend(message) for message in self._call("GetWhatDependsOnThis").depends.depends]

    def getWhatThisDependsOn(self) -> list[Depend]:
        """Return the dependencies that this layer waits for."""
        return [Depend(message) for message in self._call("GetWhatThisDependsOn").depends.depends]

    def parent(self) -> Job:
        """Return the job of this layer."""
        return wrapperOf("Job")(call("job", "GetJob", id=self.data.parent_id).job)

    def services(self) -> list[Optional[Service]]:
        """Return the records of the layer's services, None for a name without one."""
        return [Service.getService(name) for name in self.data.services]

    def minimumMemory(self) -> Megabytes:
        """Memory that a frame needs, in MB that `setMinMemory` takes back."""
        return Megabytes.fromKilobytes(self.data.min_memory)

    def percentCompleted(self) -> float:
        """Share of the frames that are done, 0 to 100."""
        total = self.data.layer_stats.total_frames
        return 100.0 * self.data.layer_stats.succeeded_frames / total if total else 0.0

    def startAfter(self, format: Optional[str] = None) -> Union[int, str]:
        """Until when the layer is held back, 0 if it is not; as text for a strftime format, "" if it is not."""
        seconds = self.data.start_after
        if format is None:
            return seconds
        return time.strftime(format, time.localtime(seconds)) if seconds else ""

    id: Getter = getter("id", "UUID of the layer.")
    name: Getter = getter("name", "Name of the layer.")
    range: Getter = getter("range", "Its frames, such as `1-100x2`.")
    chunkSize: Getter = getter("chunk_size", "Frames that one run works on.")
    tags: Getter = getter("tags", "Host tags of which a host needs one.")
    dispatchOrder: Getter = getter("dispatch_order", "Place among the layers of the job.")
    type: Getter = getter("type", "A LayerType.")
    minCores: Getter = getter("min_cores", "Cores that a frame needs.")
    minimumCores: Getter = getter("min_cores", "Cores that a frame needs.")
    maxCores: Getter = getter("max_cores", "Most cores that a frame gets, 0 for no limit.")
    minGpus: Getter = getter("min_gpus", "GPUs that a frame needs.")
    maxGpus: Getter = getter("max_gpus", "Most GPUs that a frame gets.")
    minMemory: Getter = getter("min_memory", "Memory that a frame needs, in KB.")
    limits: Getter = getter("limits", "Names of the limits that the layer counts against.")
    coresReserved: Getter = getter("layer_stats.reserved_cores", "Cores that its frames hold now.")
    gpusReserved: Getter = getter("layer_stats.reserved_gpus", "GPUs that its frames hold now.")
    maxRss: Getter = getter("layer_stats.max_rss", "Highest resident memory of any frame, in KB.")
    maxPss: Getter = getter("layer_stats.max_pss", "Highest proportional memory of any frame, in KB.")
    totalFrames: Getter = getter("layer_stats.total_frames", "Number of frames.")
    dependFrames: Getter = getter("layer_stats.depend_frames", "Frames that wait for other frames.")
    succeededFrames: Getter = getter("layer_stats.succeeded_frames", "Frames that are done.")
    runningFrames: Getter = getter("layer_stats.running_frames", "Frames that run.")
    deadFrames: Getter = getter("layer_stats.dead_frames", "Frames that failed for good.")
    waitingFrames: Getter = getter("layer_stats.waiting_frames", "Frames that wait for a host.")
    eatenFrames: Getter = getter("layer_stats.eaten_frames", "Frames that were given up.")
    pendingFrames: Getter = getter("layer_stats.pending_frames", "Frames that are still to be done.")
    avgFrameTimeSeconds: Getter = getter("layer_stats.avg_frame_sec", "Average seconds a frame took.")
    avgCoreSeconds: Getter = getter("layer_stats.avg_core_sec", "Average core-seconds a frame took.")
    coreSecondsRemaining: Getter = getter("layer_stats.remaining_core_sec", "Estimated core-seconds still to do.")
    eligibleTime: Getter = timeGetter("eligible_time", "Since when a frame of it could run.")
    startTime: Getter = timeGetter("start_time", "When its first frame started, 0 if none has.")
    stopTime: Getter = timeGetter("stop_time", "When its last frame ended, 0 while some are left.")
    startAfterReason: Getter = getter("start_after_reason", "Why it is held back.")

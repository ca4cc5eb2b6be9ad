"""Jobs: what was submitted together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Optional

import grpc
from opencue_proto import job_pb2

from opencue import enums, runs, search
from opencue.caller import killedBy, uidOf
from opencue.changed import Changed, total
from opencue.exception import EntityNotFoundException
from opencue.rpc import call, change
from opencue.wrappers.comment import Comment, newComment
from opencue.wrappers.depend import Depend
from opencue.wrappers.entity import Entity, Getter, Nested, getter, timeGetter
from opencue.wrappers.frame import Frame, fetchFrames
from opencue.wrappers.layer import Layer
from opencue.wrappers.render_partition import RenderPartition, addRenderPartition

if TYPE_CHECKING:
    from opencue.wrappers.group import Group


class Job(Entity):
    """One job."""

    _service = "job"
    _message = job_pb2.Job
    _stats = "job_stats"
    JobState: Any = enums.JobState

    def kill(
        self,
        username: Optional[str] = None,
        pid: Optional[int] = None,
        host_kill: Optional[str] = None,
        reason: Optional[str] = None,
    ) -> Changed:
        """End the job: kill what runs and finish it."""
        return self._change("Kill", **killedBy(username, pid, host_kill, reason))

    def pause(self) -> Changed:
        """Start no more frames of the job; those that run go on."""
        return self._change("Pause")

    def resume(self) -> Changed:
        """Let a paused job go on."""
        return self._change("Resume")

    def runFilters(self) -> Changed:
        """Have the filters of the job's show act on it, as at its launch."""
        return self._change("RunFilters")

    def killFrames(
        self,
        username: Optional[str] = None,
        pid: Optional[int] = None,
        host_kill: Optional[str] = None,
        reason: Optional[str] = None,
        **options: Any,
    ) -> Changed:
        """Kill the running frames that match FrameSearch options, all of them without any."""
        return self._onFrames("KillFrames", options, **killedBy(username, pid, host_kill, reason))

    def eatFrames(self, **options: Any) -> Changed:
        """Give up the frames that match FrameSearch options; what depends on them goes on waiting.

        `markdoneFrames` lets that go, `eatAndMarkdoneFrames` does both.
        """
        return self._onFrames("EatFrames", options)

    def retryFrames(self, **options: Any) -> Changed:
        """Run the frames that match FrameSearch options again, whatever their state; running ones are killed first."""
        return self._onFrames("RetryFrames", options)

    def markdoneFrames(self, **options: Any) -> Changed:
        """Let go what depends on the frames that match FrameSearch options, as if these were done.

        The frames themselves stay as they are. What depends on a whole layer is let go where the rest of it is done.
        """
        return self._onFrames("MarkDoneFrames", options)

    def eatAndMarkdoneFrames(self, **options: Any) -> Changed:
        """Give up the frames that match FrameSearch options, let go what depends on them, return the sum of both."""
        released = self.markdoneFrames(**options)  # first, because eating changes which frames match a state
        return total(released, self.eatFrames(**options))

    def markAsWaiting(self, **options: Any) -> Changed:
        """Let frames that match FrameSearch options run although what they depend on is not done."""
        return self._onFrames("MarkAsWaiting", options)

    def _onFrames(self, method: str, options: dict[str, Any], **fields: Any) -> Changed:
        return self._change(method, req=search.FrameSearch.criteriaFromOptions(**options), **fields)

    def setMinCores(self, minCores: float) -> Changed:
        """Set how many cores the job should have at least, in cores."""
        return self._change("SetMinCores", val=minCores)

    def setMaxCores(self, maxCores: float) -> Changed:
        """Set how many cores the job may have at most, in cores."""
        return self._change("SetMaxCores", val=maxCores)

    def setMinGpus(self, minGpus: int) -> Changed:
        """Set how many GPUs the job should have at least."""
        return self._change("SetMinGpus", val=minGpus)

    def setMaxGpus(self, maxGpus: int) -> Changed:
        """Set how many GPUs the job may have at most."""
        return self._change("SetMaxGpus", val=maxGpus)

    def setPriority(self, priority: int) -> Changed:
        """Set the priority; the higher number goes first."""
        return self._change("SetPriority", val=priority)

    def setMaxRetries(self, maxRetries: int) -> Changed:
        """Set how often a failed frame is tried again."""
        return self._change("SetMaxRetries", max_retries=maxRetries)

    def setOwner(self, user: str, uid: Optional[int] = None) -> Changed:
        """Give the job to somebody else; its name stays, and frames that start from then on are his.

        `uid` is his number, by itself that of his account on this machine; where there is none hosts decide by name.
        `.data` is updated too. Raises NotOfferedException where the server is not a cuefarm.
        """
        number = uidOf(user) if uid is None else uid
        changed = change("farm", "SetJobOwner", job=self.data.id, user=user, uid=number)
        self.data.user = user
        return changed

    def setTimeLimit(self, minutes: int) -> Changed:
        """Have the job killed when it has gone on for so long since its first frame started; 0 for ever.

        Raises NotOfferedException where the server is not a cuefarm.
        """
        return change("farm", "SetJobTimeLimit", job=self.data.id, minutes=minutes)

    def getSettings(self) -> Any:
        """Return what the job and its layers have that OpenCue's messages have no field for.

        It is a cuefarm.v1 GetJobSettingsResponse: `user`, `uid`, `max_retries`, `time_limit_minutes`,
        `time_limit_ends_us`, `subscribers`, `layers` with `layer_name`, `max_retries` (absent: the job's) and
        `max_cores` in cores, and `depends`, every one that something in the job waits by, with `on_failure`. Raises
        NotOfferedException where the server is not a cuefarm.
        """
        return call("farm", "GetJobSettings", job=self.data.id)

    def setAutoEat(self, value: bool) -> Changed:
        """Give up frames that fail (what depends on them goes on waiting), or stop that; also updates `.data`."""
        changed = self._change("SetAutoEat", value=value)
        self.data.auto_eat = value
        return changed

    setAutoEating = setAutoEat

    def setGroup(self, group: Group) -> Changed:
        """Move the job to another group of its show."""
        return self._change("SetGroup", group_id=group.id())

    def dropDepends(self, target: int) -> Changed:
        """Satisfy everything that this job, its layers and frames wait for, of one DependTarget."""
        return self._change("DropDepends", target=target)

    def createDependencyOnJob(self, job: Job) -> Depend:
        """Make this job wait for another job."""
        return Depend(self._call("CreateDependencyOnJob", on_job=job.data).depend)

    def createDependencyOnLayer(self, layer: Layer) -> Depend:
        """Make this job wait for a layer of another job."""
        return Depend(self._call("CreateDependencyOnLayer", layer=layer.data).depend)

    def createDependencyOnFrame(self, frame: Frame) -> Depend:
        """Make this job wait for a frame of another job."""
        return Depend(self._call("CreateDependencyOnFrame", frame=frame.data).depend)

    def addRenderPartition(
        self, hostname: str, threads: int, max_cores: int, num_mem: int, max_gpus: int = 0, max_gpu_memory: int = 0
    ) -> RenderPartition:
        """Render the job on a part of your own, locked host, too: `max_cores` whole cores, memory in KB."""
        return addRenderPartition(
            "job",
            self,
            host=hostname,
            threads=threads,
            max_cores=max_cores,
            max_memory=num_mem,
            max_gpus=max_gpus,
            max_gpu_memory=max_gpu_memory,
        )

    def addComment(self, subject: str, message: str = "") -> Changed:
        """Leave a comment; a single text is the message, and its first words become the subject."""
        return self._change("AddComment", new_comment=newComment(subject, message))

    def addSubscriber(self, subscriber: str) -> Changed:
        """Send mail to an address when the job ends."""
        return self._change("AddSubscriber", subscriber=subscriber)

    def reorderFrames(self, frame_range: str, order: int) -> Changed:
        """Move a range of frames to the front or back of each layer, or reverse it (an Order)."""
        return self._change("ReorderFrames", range=frame_range, order=order)

    def staggerFrames(self, frame_range: str, stagger: int) -> Changed:
        """Run every `stagger`-th frame of a range first, then those between."""
        return self._change("StaggerFrames", range=frame_range, stagger=stagger)

    def shutdownIfCompleted(self) -> Changed:
        """Finish the job if nothing of it is left to do."""
        return self._change("ShutdownIfCompleted")

    def getLayers(self) -> list[Layer]:
        """Return the job's layers."""
        return [Layer(message) for message in self._call("GetLayers").layers.layers]

    def getLayer(self, layerName: str) -> Layer:
        """Return the layer of a name; the spelling that was submitted is found too."""
        layers = {layer.name(): layer for layer in self.getLayers()}
        found = layers.get(layerName) or layers.get(layerName.lower().replace("-", "_"))
        if found is None:
            raise EntityNotFoundException(
                f"job {self.data.name!r} has no layer {layerName!r}; it has {', '.join(layers)}",
                code=grpc.StatusCode.NOT_FOUND,
            )
        return found

    def getRuns(self, **options: Any) -> list[Any]:
        """Return the runs of the job's frames, newest first; `cause`, `state`, `attempt` and `limit` narrow them.

        They are as `opencue.api.getRuns` returns them.
        """
        return runs.getRuns(job=self.data.id, **options)

    def getFailures(self) -> list[Any]:
        """Return what went wrong with the job's dead and waiting frames, as `opencue.api.getFailures` does."""
        return runs.getFailures(self.data.id)

    def getSpecification(self) -> str:
        """Return the XML that the job was submitted with, as `opencue.api.getSpecification` does."""
        return str(runs.getSpecification(self.data.id).text)

    def getFrames(self, **options: Any) -> list[Frame]:
        """Return the job's frames; FrameSearch options narrow them, `page` and `limit` ask for one page."""
        return fetchFrames(lambda criteria: self._call("GetFrames", req=criteria).frames.frames, options)

    def getUpdatedFrames(self, lastCheck: int, layers: Optional[list[Any]] = None) -> Any:
        """Return the raw response of what changed since a time; `layers` are Layer messages to narrow it to."""
        return self._call("GetUpdatedFrames", last_check=lastCheck, layer_filter=job_pb2.LayerSeq(layers=layers or []))

    def getWhatDependsOnThis(self) -> list[Depend]:
        """Return the dependencies that wait for this job."""
        return [Depend(message) for message in self._call("GetWhatDependsOnThis").depends.depends]

    def getWhatThisDependsOn(self) -> list[Depend]:
        """Return the dependencies that this job waits for."""
        return [Depend(message) for message in self._call("GetWhatThisDependsOn").depends.depends]

    def getDepends(self) -> list[Depend]:
        """Return every dependency of the job, its layers and frames."""
        return [Depend(message) for message in self._call("GetDepends").depends.depends]

    def getComments(self) -> list[Comment]:
        """Return the comments that were left on the job."""
        return [Comment(message) for message in self._call("GetComments").comments.comments]

    def uid(self) -> Optional[int]:
        """Return the numeric user id that frames run as, None where it was not given."""
        return self.data.uid if self.data.HasField("uid") else None

    def runTime(self) -> int:
        """Seconds from submission to the end, so far while the job is pending."""
        return int((self.data.stop_time or time.time()) - self.data.start_time)

    def age(self) -> int:
        """Seconds since submission."""
        return int(time.time() - self.data.start_time)

    def frameStateTotals(self) -> dict[int, int]:
        """Return the number of frames in each FrameState, counted once for this snapshot."""
        stats = getattr(self.data, self._stats)
        return {
            enums.FrameState.WAITING: stats.waiting_frames,
            enums.FrameState.RUNNING: stats.running_frames,
            enums.FrameState.SUCCEEDED: stats.succeeded_frames,
            enums.FrameState.DEPEND: stats.depend_frames,
            enums.FrameState.DEAD: stats.dead_frames,
            enums.FrameState.EATEN: stats.eaten_frames,
        }

    def percentCompleted(self) -> float:
        """Share of the frames that are done, 0 to 100."""
        stats = getattr(self.data, self._stats)
        return 100.0 * stats.succeeded_frames / stats.total_frames if stats.total_frames else 0.0

    id: Getter = getter("id", "UUID of the job.")
    name: Getter = getter("name", "Full name, `show-shot-user_name`.")
    show: Getter = getter("show", "Name of the show.")
    shot: Getter = getter("shot", "Name of the shot.")
    facility: Getter = getter("facility", "Name of the facility.")
    user: Getter = getter("user", "Who submitted it.")
    username: Getter = getter("user", "Who submitted it.")
    group: Getter = getter("group", "Name of the group.")
    os: Getter = getter("os", "Operating system that its frames need.")
    logDir: Getter = getter("log_dir", "Folder of the logs.")
    lokiURL: Getter = getter("loki_url", "Address of the log server, empty for logs in files.")
    state: Getter = getter("state", "A JobState.")
    priority: Getter = getter("priority", "The higher number goes first.")
    minCores: Getter = getter("min_cores", "Cores it should have at least.")
    maxCores: Getter = getter("max_cores", "Cores it may have at most.")
    minGpus: Getter = getter("min_gpus", "GPUs it should have at least.")
    maxGpus: Getter = getter("max_gpus", "GPUs it may have at most.")
    startTime: Getter = timeGetter("start_time", "When it was submitted.")
    stopTime: Getter = timeGetter("stop_time", "When it ended, 0 while it is pending.")
    eligibleTime: Getter = timeGetter("eligible_time", "Since when a frame of it could run.")
    date_submitted: Getter = getter("start_time", "When it was submitted, in seconds since 1970.")
    dateSubmitted: Getter = getter("start_time", "When it was submitted, in seconds since 1970.")
    isPaused: Getter = getter("is_paused", "Whether it is paused.")
    isAutoEating: Getter = getter(
        "auto_eat", "Whether frames that fail are given up; what depends on them goes on waiting."
    )
    isCommented: Getter = getter("has_comment", "Whether somebody left a comment.")
    coresReserved: Getter = getter("job_stats.reserved_cores", "Cores that its frames hold now.")
    coreSecondsRemaining: Getter = getter("job_stats.remaining_core_sec", "Estimated core-seconds still to do.")
    totalFrames: Getter = getter("job_stats.total_frames", "Number of frames.")
    totalLayers: Getter = getter("job_stats.total_layers", "Number of layers.")
    dependFrames: Getter = getter("job_stats.depend_frames", "Frames that wait for other frames.")
    succeededFrames: Getter = getter("job_stats.succeeded_frames", "Frames that are done.")
    runningFrames: Getter = getter("job_stats.running_frames", "Frames that run.")
    deadFrames: Getter = getter("job_stats.dead_frames", "Frames that failed for good.")
    waitingFrames: Getter = getter("job_stats.waiting_frames", "Frames that wait for a host.")
    eatenFrames: Getter = getter("job_stats.eaten_frames", "Frames that were given up.")
    pendingFrames: Getter = getter("job_stats.pending_frames", "Frames that are still to be done.")
    avgFrameTime: Getter = getter("job_stats.avg_frame_sec", "Average seconds a frame took.")
    averageCoreTime: Getter = getter("job_stats.avg_core_sec", "Average core-seconds a frame took.")
    maxRss: Getter = getter("job_stats.max_rss", "Highest resident memory of any frame, in KB.")
    maxPss: Getter = getter("job_stats.max_pss", "Highest proportional memory of any frame, in KB.")


class NestedJob(Nested, Job):
    """A job as the whiteboard of its show has it. Its calls are those of the job itself."""

    _message = job_pb2.NestedJob  # type: ignore[assignment]
    _plain = job_pb2.Job
    _renamed = (("stats", "job_stats"),)
    _stats = "stats"

    def asJob(self) -> Job:
        """Return the job as a plain wrapper."""
        return Job(self._subject())

    def children(self) -> list[Any]:
        """Return nothing: a whiteboard ends at jobs."""
        return []

    def lokiURL(self) -> str:
        """Return nothing: a whiteboard does not say where logs are served."""
        return ""


def findLayerMessage(job: str, layer: str) -> Any:
    """Return the message of a job's layer, found by its name or by the spelling that was submitted.

    The server keeps layer names in lower case with `_` for `-`; a tutorial or an outline may say `asset-prep`.
    """
    try:
        return call("layer", "FindLayer", job=job, layer=layer).layer
    except EntityNotFoundException:
        kept = layer.lower().replace("-", "_")
        if kept == layer:
            raise
        return call("layer", "FindLayer", job=job, layer=kept).layer

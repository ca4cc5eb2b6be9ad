"""Frames: one piece of work each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, Optional

from opencue_proto import job_pb2

from opencue import enums, runs, search
from opencue.caller import killedBy
from opencue.changed import Changed, total
from opencue.rpc import call, change
from opencue.units import Megabytes
from opencue.wrappers.depend import Depend
from opencue.wrappers.entity import Entity, Getter, getter
from opencue.wrappers.render_partition import RenderPartition, addRenderPartition

if TYPE_CHECKING:
    from opencue.wrappers.job import Job
    from opencue.wrappers.layer import Layer

PAGE_SIZE = 1000  # the most frames that a server gives at a time


class Frame(Entity):
    """One frame of a layer."""

    _service = "frame"
    _message = job_pb2.Frame
    FrameState: Any = enums.FrameState
    FrameExitStatus: Any = enums.FrameExitStatus
    CheckpointState: Any = enums.CheckpointState
    STATUS_COLOR: ClassVar[dict[str, tuple[int, int, int]]] = {
        "RED": (255, 0, 0),
        "GREEN": (0, 255, 0),
        "BLUE": (0, 128, 255),
        "YELLOW": (255, 255, 0),
        "ORANGE": (255, 128, 0),
        "PURPLE": (127, 0, 255),
        "PINK": (255, 51, 255),
    }
    """Colours for frames as red, green and blue."""

    def eat(self) -> Changed:
        """Give the frame up, so that its job can end without it; what depends on the frame goes on waiting.

        Nothing happens when that was done before. `markAsDone` lets go what depends on it, `eatAndMarkAsDone` does
        both.
        """
        return self._change("Eat") if self.data.state != job_pb2.EATEN else 0

    def markAsDone(self) -> Changed:
        """Let go what depends on the frame, as if it were done; the frame itself stays as it is."""
        layer = call("layer", "GetLayer", id=self.data.id).layer  # a frame's id finds its layer, and that knows the job
        criteria = search.FrameSearch.criteriaFromOptions(layer=[layer.name], range=str(self.data.number))
        return change("job", "MarkDoneFrames", job=job_pb2.Job(id=layer.parent_id), req=criteria)

    def eatAndMarkAsDone(self) -> Changed:
        """Give the frame up, and let go what depends on it. Returns the sum of both."""
        return total(self.markAsDone(), self.eat())

    def kill(
        self,
        username: Optional[str] = None,
        pid: Optional[int] = None,
        host_kill: Optional[str] = None,
        reason: Optional[str] = None,
    ) -> Changed:
        """Kill the frame if it was running when this snapshot was taken."""
        if self.data.state != job_pb2.RUNNING:
            return 0
        return self._change("Kill", **killedBy(username, pid, host_kill, reason))

    def retry(self) -> Changed:
        """Run the frame again; nothing happens while it waits anyway."""
        return self._change("Retry") if self.data.state != job_pb2.WAITING else 0

    def addRenderPartition(
        self, hostname: str, threads: int, max_cores: int, max_mem: int, max_gpu_memory: int = 0, max_gpus: int = 0
    ) -> RenderPartition:
        """Render the frame on a part of your own, locked host, too: `max_cores` whole cores, memory in KB."""
        return addRenderPartition(
            "frame",
            self,
            host=hostname,
            threads=threads,
            max_cores=max_cores,
            max_memory=max_mem,
            max_gpus=max_gpus,
            max_gpu_memory=max_gpu_memory,
        )

    def dropDepends(self, target: int) -> Changed:
        """Satisfy what this frame waits for, of one DependTarget."""
        return self._change("DropDepends", target=target)

    def markAsWaiting(self) -> Changed:
        """Let the frame run although what it depends on is not done."""
        return self._change("MarkAsWaiting")

    def markAsDepend(self) -> Changed:
        """Let the frame wait again for what is not done, after `markAsWaiting` had let it go."""
        return self._change("MarkAsDepend")

    def setFrameStateDisplayOverride(
        self, status: int, override_text: str, override_rgb: tuple[int, int, int]
    ) -> Changed:
        """Have clients show a text and a colour (red, green, blue, 0 to 255) for the frame while it is in a FrameState.

        A frame's own process may call this: `opencue.api.getFrame(os.environ["CUE_FRAME_ID"])` finds its frame.
        """
        red, green, blue = override_rgb
        rgb = job_pb2.FrameStateDisplayOverride.RGB(red=red, green=green, blue=blue)
        override = job_pb2.FrameStateDisplayOverride(state=status, text=override_text, color=rgb)  # type: ignore[arg-type]
        return self._change("SetFrameStateDisplayOverride", override=override)

    def getFrameStateDisplayOverrides(self) -> list[Any]:
        """Return what clients show for the frame, a message (`state`, `text`, `color`) for each state that was set."""
        return list(self._call("GetFrameStateDisplayOverrides").overrides.overrides)

    def hasFrameStateDisplayOverride(self) -> bool:
        """Whether something else is shown for the state that the frame is in."""
        return bool(self.data.HasField("frame_state_display_override"))

    def frameStateDisplayOverride(self) -> Optional[Any]:
        """Return the message of what is shown for the frame's state, None where that is the state's own word."""
        return self.data.frame_state_display_override if self.hasFrameStateDisplayOverride() else None

    def setCheckpointState(self, checkPointState: int) -> Changed:
        """Say how far the frame's checkpoint is, a CheckpointState.

        While it is ENABLED or COPYING, a run that fails and is tried again waits as CHECKPOINT until it is COMPLETE or
        DISABLED. COMPLETE without a checkpoint under way changes nothing.
        """
        return self._change("SetCheckpointState", state=checkPointState)

    def createDependencyOnJob(self, job: Job) -> Depend:
        """Make this frame wait for a job."""
        return Depend(self._call("CreateDependencyOnJob", job=job.data).depend)

    def createDependencyOnLayer(self, layer: Layer) -> Depend:
        """Make this frame wait for a layer."""
        return Depend(self._call("CreateDependencyOnLayer", layer=layer.data).depend)

    def createDependencyOnFrame(self, frame: Any) -> Depend:
        """Make this frame wait for another frame, given as a wrapper or a message."""
        message = getattr(frame, "data", frame)
        return Depend(self._call("CreateDependencyOnFrame", depend_on_frame=message).depend)

    def getWhatDependsOnThis(self) -> list[Depend]:
        """Return the dependencies that wait for this frame."""
        return [Depend(message) for message in self._call("GetWhatDependsOnThis").depends.depends]

    def getWhatThisDependsOn(self) -> list[Depend]:
        """Return the dependencies that this frame waits for."""
        return [Depend(message) for message in self._call("GetWhatThisDependsOn").depends.depends]

    def getRuns(self, limit: int = runs.PAGE_SIZE) -> list[Any]:
        """Return the frame's runs, newest first, at most `limit` (0 for all), as `opencue.api.getRuns` does.

        `frame.getRuns()[0].message` says why the last one ended.
        """
        return runs.getRuns(frame=self.data.id, limit=limit)

    def readLog(self, attempt: int = 0, offset: int = 0, max_bytes: int = 0, wait_s: float = 0.0) -> Any:
        """Return a piece of the log of the frame's latest run, or of one attempt, as `opencue.api.readLog` does."""
        return runs.readLog(frame=self.data.id, attempt=attempt, offset=offset, max_bytes=max_bytes, wait_s=wait_s)

    def name(self) -> str:
        """Frame number in four digits, a dash, the layer's name."""
        return f"{self.data.number:04d}-{self.data.layer_name}"

    def frame(self) -> str:
        """Frame number in four digits."""
        return f"{self.data.number:04d}"

    def lastResource(self) -> str:
        """Name of the host that the frame runs on or ran on last, empty if it never ran."""
        return self.data.last_resource.split("/")[0]

    def usedCores(self) -> float:
        """Cores that the frame runs with or ran with last, 0.0 if it never ran."""
        parts = self.data.last_resource.split("/")
        return float(parts[1]) if len(parts) > 1 else 0.0

    def usedMemory(self) -> Megabytes:
        """Memory in use in MB; the highest use once the frame has ended, 0 if it never ran."""
        running = self.data.state == job_pb2.RUNNING
        return Megabytes.fromKilobytes((running and self.data.used_memory) or self.data.max_rss)

    def reservedMemory(self) -> Megabytes:
        """Memory reserved for the frame in MB."""
        return Megabytes.fromKilobytes(self.data.reserved_memory)

    def runTime(self) -> int:
        """Seconds that the frame has run: so far while it runs, in its last run afterwards, 0 if it never ran."""
        if not self.data.start_time:
            return 0
        if self.data.stop_time:
            return self.data.stop_time - self.data.start_time
        return int(time.time() - self.data.start_time)

    id: Getter = getter("id", "UUID of the frame.")
    layer: Getter = getter("layer_name", "Name of the layer.")
    number: Getter = getter("number", "Frame number.")
    dispatchOrder: Getter = getter("dispatch_order", "Place in the layer's order, from 0.")
    state: Getter = getter("state", "A FrameState.")
    resource: Getter = getter("last_resource", "Where it runs or ran last, `host/cores/gpus`, empty if it never ran.")
    retries: Getter = getter("retry_count", "How often it was tried again.")
    retryCount: Getter = getter("retry_count", "How often it was tried again.")
    exitStatus: Getter = getter("exit_status", "Exit status of the last run; the signal's number if a signal ended it.")
    startTime: Getter = getter("start_time", "When the last run started, in seconds since 1970, 0 if it never ran.")
    stopTime: Getter = getter("stop_time", "When the last run ended, in seconds since 1970, 0 if it has not.")
    eligibleTime: Getter = getter("eligible_time", "Since when it could run, in seconds since 1970.")
    submissionTime: Getter = getter("submission_time", "When it was submitted, in seconds since 1970.")
    checkpointState: Getter = getter("checkpoint_state", "A CheckpointState.")
    checkpointCount: Getter = getter("checkpoint_count", "How many checkpoints were complete.")
    maxRss: Getter = getter("max_rss", "Highest resident memory in KB.")
    memUsed: Getter = getter("used_memory", "Memory in use in KB.")
    memReserved: Getter = getter("reserved_memory", "Memory reserved in KB.")


def fetchFrames(fetchPage: Any, options: dict[str, Any]) -> list[Frame]:
    """Return the frames that `fetchPage(criteria)` gives for search options.

    Without `page` all of them, or the first `limit`, however many pages that takes; with `page` that one.
    """
    limit = options.get("limit") or 0
    if options.get("page") or 0 < limit <= PAGE_SIZE:
        return [Frame(message) for message in fetchPage(search.FrameSearch.criteriaFromOptions(**options))]
    frames: list[Frame] = []
    page = 1
    while True:
        messages = fetchPage(search.FrameSearch.criteriaFromOptions(**{**options, "page": page, "limit": PAGE_SIZE}))
        frames.extend(Frame(message) for message in messages)
        if len(messages) < PAGE_SIZE or 0 < limit <= len(frames):
            return frames[:limit] if limit > 0 else frames
        page += 1

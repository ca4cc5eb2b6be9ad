"""From the farm to a nested dictionary."""

from __future__ import annotations

import re
from typing import Any, Iterable, Optional, Union

from FileSequence import FrameSet
from opencue import api
from opencue.enums import FrameState, JobState
from opencue.exception import CueException, EntityNotFoundException
from opencue.snapshot.lazy import LazyDict
from opencue.wrappers.frame import Frame
from opencue.wrappers.job import Job
from opencue.wrappers.layer import Layer

WORDS = {
    FrameState.SUCCEEDED: "Complete",
    FrameState.DEAD: "Failed",
    FrameState.RUNNING: "Rendering",
    FrameState.CHECKPOINT: "Rendering",
    FrameState.EATEN: "Eaten",
}
"""What a frame's state is called; the others wait."""
WAITING, PAUSED, KILLED = "Waiting", "Paused", "Killed"

_RULE = "=" * 59 + "\n"
_FOOT = f"\n{_RULE}RenderQ Job Complete\n"
_PID = re.compile(r"^pid +(\d+)$", re.MULTILINE)


def take(
    jobs: Union[str, Job, Iterable[Union[str, Job]], None] = None, *, details: bool = False, **options: Any
) -> dict[str, dict[str, Any]]:
    """Return jobs as they are now, by name: each with its `status`, counts of `frames`, and layers as `subjobs`.

    `jobs` are names, ids or Job wrappers; without them all pending ones, narrowed by options of `getJobs`, such as
    `show=["demo"]`. A subjob has `status`, `complete`, `total`, `failed` and its `frames` by number, each with `status`
    (Waiting, Rendering, Complete, Failed, Eaten), `host`, `pid`, `command` and `stdout`, what it wrote. `pid` and
    `stdout` are read from the log when they are looked at; `pid` is 0 until the frame has ended, and where the log
    does not tell it.

    `details` adds what `restore` needs: what jobs were submitted with, and what has been changed of them since.
    Raises EntityNotFoundException where there is no such job.
    """
    if jobs is None:
        found = api.getJobs(**options)
    else:
        named = [jobs] if isinstance(jobs, (str, Job)) else list(jobs)
        found = [one if isinstance(one, Job) else _named(one) for one in named]
    return {job.name(): _job(job, details) for job in found}


def _named(text: str) -> Job:
    """Return the pending job of a name, or else the finished one that ended last, or the job of an id."""
    try:
        return api.findJob(text)
    except EntityNotFoundException:
        found = api.findLastJob(text)
        return found if found is not None else api.getJob(text)


def _job(job: Job, details: bool) -> dict[str, Any]:
    by_layer: dict[str, list[Frame]] = {}
    for frame in job.getFrames():
        by_layer.setdefault(frame.layer(), []).append(frame)
    settings: Any = job.getSettings() if details else None
    of_layers = {one.layer_id: one for one in settings.layers} if details else {}
    layers = job.getLayers()
    taken = {
        "status": _status(job, job.isPaused()),
        "frames": {
            "complete": job.succeededFrames() + job.eatenFrames(),
            "total": job.totalFrames(),
            "failed": job.deadFrames(),
        },
        "subjobs": {
            layer.name(): _layer(job, layer, by_layer.get(layer.name(), []), of_layers.get(layer.id()))
            for layer in layers
        },
    }
    if details:
        from opencue.snapshot.details import job_details

        taken["details"] = job_details(job, settings)
    return taken


def _status(job: Job, is_paused: bool) -> str:
    if job.state() == JobState.FINISHED:
        return "Complete" if job.pendingFrames() + job.deadFrames() == 0 else KILLED
    if job.runningFrames():
        return "Rendering"
    return PAUSED if is_paused else _waiting_or_failed(job)


def _waiting_or_failed(thing: Any) -> str:
    """What is left to do of a job or layer of which nothing runs."""
    if thing.waitingFrames() or (thing.dependFrames() and not thing.deadFrames()):
        return WAITING
    return "Failed" if thing.deadFrames() else "Complete"


def _layer(job: Job, layer: Layer, frames: list[Frame], settings: Any) -> dict[str, Any]:
    """A layer; with what cuefarm alone knows of it where details are asked for."""
    commands = _Commands(job, layer)
    by_number = sorted(frames, key=Frame.number)
    displays = None if settings is None else set(settings.displays)
    taken = {
        "status": "Rendering" if layer.runningFrames() else _waiting_or_failed(layer),
        "complete": layer.succeededFrames() + layer.eatenFrames(),
        "total": layer.totalFrames(),
        "failed": layer.deadFrames(),
        "frames": {frame.number(): _frame(job, layer, frame, commands, displays) for frame in by_number},
    }
    if settings is not None:
        from opencue.snapshot.details import layer_details

        taken["details"] = layer_details(layer, settings)
    return taken


def _frame(job: Job, layer: Layer, frame: Frame, commands: _Commands, displays: Optional[set[int]]) -> dict[str, Any]:
    known = {
        "status": WORDS.get(FrameState(frame.state()), WAITING),
        "host": frame.lastResource(),
        "command": commands.of(frame),
    }
    if displays is not None:  # to keep, not to look at: no log is read
        from opencue.snapshot.details import frame_details

        shown = frame.getFrameStateDisplayOverrides() if frame.number() in displays else []
        return {**known, "details": frame_details(frame, shown)}
    job_id, layer_name, number = job.id(), layer.name(), frame.number()

    def find() -> dict[str, Any]:
        return _read_log(job_id, layer_name, number) if known["host"] else {"pid": 0, "stdout": ""}

    return LazyDict(known, ("pid", "stdout"), find)


def _read_log(job_id: str, layer: str, number: int) -> dict[str, Any]:
    """What a frame wrote in its last run, without what the agent writes around it; nothing where no log is seen."""
    try:
        text = b"".join(api.followLog(job_id, layer, number, follow=False)).decode("utf-8", "replace")
    except CueException:
        return {"pid": 0, "stdout": ""}
    if text.startswith(_RULE):
        text = text[len(_RULE) :].partition(_RULE)[2]
    output, foot_begins, foot = text.rpartition(_FOOT)
    if not foot_begins:
        output, foot = text, ""
    pid = _PID.search(foot)
    return {"pid": int(pid.group(1)) if pid else 0, "stdout": output[:-1] if output.endswith("\n") else output}


class _Commands:
    """What the frames of a layer are started with, their tokens replaced."""

    def __init__(self, job: Job, layer: Layer) -> None:
        self._text = layer.data.command
        self._job, self._layer, self._chunk = job.name(), layer.name(), max(layer.chunkSize(), 1)
        self._rendered: list[int] = []
        if "#FRAME_END#" in self._text or "#FRAMESPEC#" in self._text:
            self._rendered = list(dict.fromkeys(FrameSet(layer.range())))

    def of(self, frame: Frame) -> str:
        """Return the command of a frame."""
        number = frame.number()
        chunk = [number]
        if self._rendered:
            first = self._rendered.index(number)
            chunk = self._rendered[first : first + self._chunk]
        replacements = (
            ("#ZFRAME#", f"{number:04d}"),
            ("#IFRAME#", str(number)),
            ("#FRAME_START#", str(number)),
            ("#FRAME_END#", str(chunk[-1])),
            ("#FRAME_CHUNK#", str(self._chunk)),
            ("#LAYER#", self._layer),
            ("#JOB#", self._job),
            ("#FRAMESPEC#", _compact(chunk)),
            ("#FRAME#", frame.name()),
        )
        text = self._text
        for token, value in replacements if "#" in text else ():
            text = text.replace(token, value)
        return str(text)


def _compact(numbers: list[int]) -> str:
    """Frame numbers as a range, evenly spaced ones with their step."""
    if len(numbers) < 2:
        return str(numbers[0])
    step = numbers[1] - numbers[0]
    is_even = numbers == [numbers[0] + step * place for place in range(len(numbers))]
    if is_even and (len(numbers) > 2 or step == 1):
        return f"{numbers[0]}-{numbers[-1]}" + ("" if step == 1 else f"x{step}")
    return ",".join(map(str, numbers))

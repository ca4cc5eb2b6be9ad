"""What was changed of a job since it was submitted, set again on another farm."""

from __future__ import annotations

import time
from typing import Any, Callable

from FileSequence import FrameSet
from opencue import api
from opencue.enums import CheckpointState, FrameState, Order
from opencue.exception import CueException, EntityNotFoundException
from opencue.rpc import call
from opencue.snapshot.details import layer_details
from opencue.warning import warn
from opencue.wrappers.frame import Frame
from opencue.wrappers.job import Job
from opencue.wrappers.layer import POINTS_PER_CORE, Layer

Setters = dict[str, Callable[[Any, Any], Any]]

_JOB_SETTERS: Setters = {
    "min_cores": Job.setMinCores,
    "max_cores": Job.setMaxCores,
    "min_gpus": Job.setMinGpus,
    "max_gpus": Job.setMaxGpus,
    "priority": Job.setPriority,
    "auto_eat": Job.setAutoEat,
}
_JOB_SETTINGS: Setters = {"max_retries": Job.setMaxRetries, "time_limit_minutes": Job.setTimeLimit}
_LAYER_SETTERS: Setters = {
    "min_cores": lambda layer, cores: layer.setMinCores(round(cores * POINTS_PER_CORE)),
    "max_cores": lambda layer, cores: layer.setMaxCores(round(cores * POINTS_PER_CORE)),
    "min_gpus": Layer.setMinGpus,
    "max_gpus": Layer.setMaxGpus,
    "min_memory": Layer.setMinMemory,
    "min_gpu_memory": Layer.setMinGpuMemory,
    "is_threadable": Layer.setThreadable,
    "timeout": Layer.setTimeout,
    "timeout_llu": Layer.setTimeoutLLU,
    "tags": Layer.setTags,
    "dispatch_order": Layer.setDispatchOrder,
    "memory_optimizer_enabled": Layer.enableMemoryOptimizer,
    "max_retries": Layer.setMaxRetries,
}


def set_again(job: Job, taken: dict[str, Any]) -> None:
    """Set what a job's part of a snapshot has and what the job, as it was submitted again, has not.

    Files of earlier versions have less; what they lack stays as it was submitted.
    """
    details = taken["details"]
    if details["group"] != job.group():
        _to_group(job, details)
    _set(api.getJob(job.id()).data, job, details, _JOB_SETTERS)
    settings = job.getSettings()
    _set(settings, job, details, _JOB_SETTINGS)
    if "user" in details:
        _to_owner(job, details, settings)
    _subscribe(job, [one for one in details.get("subscribers", []) if one not in settings.subscribers])
    of_layers = {one.layer_id: one for one in settings.layers}
    frames: dict[str, list[Frame]] = {}
    for frame in job.getFrames():
        frames.setdefault(frame.layer(), []).append(frame)
    for layer in job.getLayers():
        if layer.name() in taken["subjobs"]:
            wanted = taken["subjobs"][layer.name()]
            _set_layer(job, layer, layer_details(layer, of_layers[layer.id()]), wanted["details"])
            _set_frames(layer, frames.get(layer.name(), []), wanted["frames"])
    for comment in details["comments"]:
        message = api.comment_pb2.Comment(**comment)
        call("job", "AddComment", job=job.data, new_comment=message)


def _set(now: Any, thing: Any, wanted: dict[str, Any], setters: Setters) -> None:
    """Call the setters of what is wanted otherwise than it is now, in a message or a dictionary."""
    for field, setter in setters.items():
        value = now[field] if isinstance(now, dict) else getattr(now, field)
        if field in wanted and value != wanted[field]:
            setter(thing, wanted[field])


def _to_group(job: Job, details: dict[str, Any]) -> None:
    try:
        job.setGroup(api.findGroup(details["show"], details["group"]))
    except EntityNotFoundException:
        warn(f"job {job.name()!r} was in group {details['group']!r}, which this farm does not have")


def _to_owner(job: Job, details: dict[str, Any], settings: Any) -> None:
    """By the number that he had, not by that of an account of the same name here."""
    uid = settings.uid if settings.HasField("uid") else None
    if (settings.user, uid) != (details["user"], details["uid"]):
        call("farm", "SetJobOwner", job=job.id(), user=details["user"], uid=details["uid"])


def _subscribe(job: Job, addresses: list[str]) -> None:
    for address in addresses:
        try:
            job.addSubscriber(address)
        except CueException as error:
            warn(f"{job.name()}: {address} gets no mail when it ends: {error.details()}")


# --- layers


def _set_layer(job: Job, layer: Layer, now: dict[str, Any], wanted: dict[str, Any]) -> None:
    _set(now, layer, wanted, _LAYER_SETTERS)
    start_after = wanted.get("start_after", now["start_after"])
    if start_after != now["start_after"] and (start_after == 0 or start_after > time.time()):
        layer.setStartAfter(start_after)
    for path in wanted.get("outputs", []):
        if path not in now["outputs"]:
            layer.registerOutputPath(path)
    if "limits" in wanted:
        _set_limits(job, layer, now["limits"], wanted["limits"])


def _set_limits(job: Job, layer: Layer, now: list[str], wanted: list[str]) -> None:
    """Count a layer by the limits that it was counted by; says so where this farm has no limit of a name."""
    for name in (*wanted, *(name for name in now if name not in wanted)):
        try:
            limit = api.findLimit(name)
        except EntityNotFoundException:
            if name in wanted:
                later = "once it is there it counts" if name in now else "not restored"
                warn(f"{job.name()}/{layer.name()} counts by limit {name!r}, which this farm does not have: {later}")
            continue
        if name not in now:
            layer.addLimit(limit.id())
        elif name not in wanted:
            layer.dropLimit(limit.id())


# --- frames


def _set_frames(layer: Layer, frames: list[Frame], wanted: dict[int, dict[str, Any]]) -> None:
    """Give frames of a layer their places in its order, their checkpoints, and what clients show for their states."""
    known = [frame for frame in frames if "dispatch_order" in wanted.get(frame.number(), {}).get("details", {})]
    _order(layer, known, {frame.number(): wanted[frame.number()]["details"]["dispatch_order"] for frame in known})
    for frame in known:
        details = wanted[frame.number()]["details"]
        _checkpoint(frame, CheckpointState[details["checkpoint_state"]])
        for display in details.get("displays", []):
            red, green, blue = display["color"]
            frame.setFrameStateDisplayOverride(FrameState[display["state"]], display["text"], (red, green, blue))


def _order(layer: Layer, frames: list[Frame], places: dict[int, int]) -> None:
    """Move to the back, in their order, the frames behind the first one that is not at its place among the others."""
    now = [frame.number() for frame in sorted(frames, key=lambda frame: frame.data.dispatch_order)]
    wanted = sorted(now, key=places.__getitem__)
    right = next((place for place in range(len(now)) if now[place] != wanted[place]), len(now))
    if right < len(now):
        layer.reorderFrames(str(FrameSet.of(wanted[right:])), Order.LAST)


def _checkpoint(frame: Frame, state: CheckpointState) -> None:
    """Only a checkpoint that was under way can be complete."""
    if state != frame.data.checkpoint_state:
        if state == CheckpointState.COMPLETE:
            frame.setCheckpointState(CheckpointState.ENABLED)
        frame.setCheckpointState(state)

"""What a snapshot keeps for a farm on which its jobs are restored."""

from __future__ import annotations

from typing import Any

from opencue.enums import CheckpointState, FrameState, JobState
from opencue.wrappers.frame import Frame
from opencue.wrappers.job import Job
from opencue.wrappers.layer import Layer

JOB_FIELDS = ("priority", "min_cores", "max_cores", "min_gpus", "max_gpus", "auto_eat")
JOB_SETTINGS = ("user", "max_retries", "time_limit_minutes")
LAYER_FIELDS = (
    "min_cores",
    "max_cores",
    "min_gpus",
    "max_gpus",
    "min_memory",
    "min_gpu_memory",
    "is_threadable",
    "timeout",
    "timeout_llu",
)
LATER_LAYER_FIELDS = ("dispatch_order", "memory_optimizer_enabled", "start_after")
FRAME_FIELDS = ("exit_status", "retry_count", "start_time", "stop_time", "max_rss")
DEPEND_FIELDS = (
    "depend_er_job",
    "depend_er_layer",
    "depend_er_frame",
    "depend_on_job",
    "depend_on_layer",
    "depend_on_frame",
    "any_frame",
    "active",
)
COMMENT_FIELDS = ("user", "subject", "message")


def job_details(job: Job, settings: Any) -> dict[str, Any]:
    """Return what a job was submitted with, and what has been changed of it since."""
    return {
        "specification": job.getSpecification(),
        "state": JobState(job.state()).name,
        "paused": job.isPaused(),
        "show": job.show(),
        "group": job.group(),
        **_fields(job.data, JOB_FIELDS),
        **_fields(settings, JOB_SETTINGS),
        "uid": settings.uid if settings.HasField("uid") else None,
        "subscribers": list(settings.subscribers),
        "comments": [_fields(comment.data, COMMENT_FIELDS) for comment in job.getComments()],
        "depends": [depend_details(settings, depend) for depend in settings.depends],
    }


def layer_details(layer: Layer, settings: Any) -> dict[str, Any]:
    """Return what frames of a layer ask for, and what counts and orders them."""
    return {
        **_fields(layer.data, LAYER_FIELDS),
        "tags": list(layer.data.tags),
        **_fields(layer.data, LATER_LAYER_FIELDS),
        "max_retries": settings.max_retries if settings.HasField("max_retries") else None,
        "limits": list(layer.data.limits),
        "outputs": list(layer.getOutputPaths()),
    }


def frame_details(frame: Frame, displays: list[Any]) -> dict[str, Any]:
    """Return how a frame ended, if it did, its place in the order, and what clients show for its states."""
    details = {
        "state": FrameState(frame.state()).name,
        **_fields(frame.data, FRAME_FIELDS),
        "dispatch_order": frame.data.dispatch_order,
        "checkpoint_state": CheckpointState(frame.data.checkpoint_state).name,
    }
    if displays:
        details["displays"] = [
            {
                "state": FrameState(one.state).name,
                "text": one.text,
                "color": [one.color.red, one.color.green, one.color.blue],
            }
            for one in displays
        ]
    return details


def depend_details(settings: Any, depend: Any) -> dict[str, Any]:
    """Return who waits for whom, and what is enough for that."""
    return {
        "id": depend.depend_id,
        "type": depend.type,
        "depend_er_job": settings.job_name,
        "depend_er_layer": depend.layer,
        "depend_er_frame": depend.frame,
        "depend_on_job": depend.on_job,
        "depend_on_layer": depend.on_layer,
        "depend_on_frame": depend.on_frame,
        "any_frame": depend.any_frame,
        "on_failure": depend.on_failure,
        "active": depend.active,
    }


# What files of earlier versions have, too; the rest is set where a file has it.
_JOB_KEYS = ("specification", "state", "paused", "show", "group", *JOB_FIELDS, "comments", "depends")
_LAYER_KEYS = (*LAYER_FIELDS, "tags")
_FRAME_KEYS = ("state", *FRAME_FIELDS)


def lacking(taken: dict[str, Any]) -> str:
    """Return what a job's part of a snapshot lacks of all this, in words; nothing where it is complete."""
    places: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [("details", taken, _JOB_KEYS)]
    for name, layer in taken["subjobs"].items():
        places.append((f"details of subjob {name}", layer, _LAYER_KEYS))
        places += [(f"details of frame {n} of {name}", frame, _FRAME_KEYS) for n, frame in layer["frames"].items()]
    for words, thing, keys in places:
        details = thing.get("details")
        if not isinstance(details, dict):
            return words
        missing = [key for key in keys if key not in details]
        if missing:
            return f"{missing[0]} in the {words}"
    return ""


def _fields(message: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(message, name) for name in names}

"""What a snapshot keeps for a farm on which its jobs are restored."""

from __future__ import annotations

from typing import Any

from opencue.enums import DependType, FrameState, JobState
from opencue.wrappers.depend import Depend
from opencue.wrappers.frame import Frame
from opencue.wrappers.job import Job
from opencue.wrappers.layer import Layer

JOB_FIELDS = ("priority", "min_cores", "max_cores", "min_gpus", "max_gpus", "auto_eat")
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


def job_details(job: Job) -> dict[str, Any]:
    """Return what a job was submitted with, and what has been changed of it since."""
    return {
        "specification": job.getSpecification(),
        "state": JobState(job.state()).name,
        "paused": job.isPaused(),
        "show": job.show(),
        "group": job.group(),
        **_fields(job.data, JOB_FIELDS),
        "comments": [_fields(comment.data, COMMENT_FIELDS) for comment in job.getComments()],
        "depends": [depend_details(depend) for depend in job.getDepends()],
    }


def layer_details(layer: Layer) -> dict[str, Any]:
    """Return what frames of a layer ask for."""
    return {**_fields(layer.data, LAYER_FIELDS), "tags": list(layer.data.tags)}


def frame_details(frame: Frame) -> dict[str, Any]:
    """Return how a frame ended, if it did."""
    return {"state": FrameState(frame.state()).name, **_fields(frame.data, FRAME_FIELDS)}


def depend_details(depend: Depend) -> dict[str, Any]:
    """Return who waits for whom."""
    return {"type": DependType(depend.type()).name, **_fields(depend.data, DEPEND_FIELDS)}


def _fields(message: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(message, name) for name in names}

"""Groups as messages: plain, and as the whiteboard shows them."""

from __future__ import annotations

from typing import Any

from opencue_proto import job_pb2

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Group, Job
from cuebot.domain.states import FrameState, JobState
from cuebot.wire.values import cores, int32


def pending_jobs(farm: Farm, group: Group) -> list[Job]:
    """The jobs directly in a group that are PENDING, by name."""
    jobs = (farm.jobs[id] for id in group.job_ids)
    return sorted((job for job in jobs if job.state is JobState.PENDING), key=lambda job: job.name)


def children(farm: Farm, group: Group) -> list[Group]:
    """The groups directly below a group, by name."""
    return sorted((other for other in farm.groups.values() if other.parent_id == group.id), key=lambda g: g.name)


def level(farm: Farm, group: Group) -> int:
    """How far below its show's root group a group is."""
    depth = 0
    while group.parent_id is not None:
        group, depth = farm.groups[group.parent_id], depth + 1
    return depth


def group_message(farm: Farm, group: Group) -> job_pb2.Group:
    """A group with the statistics of the jobs directly in it."""
    return job_pb2.Group(
        parent_id=group.parent_id or "",
        group_stats=_stats(pending_jobs(farm, group)),
        **_fields(farm, group),
    )


def nested_group_message(farm: Farm, group: Group, parent: Group | None = None) -> Any:
    """A group as the whiteboard shows it, without what is in it."""
    jobs = pending_jobs(farm, group)
    message = job_pb2.NestedGroup(jobs=[job.id for job in jobs], stats=_stats(jobs), **_fields(farm, group))
    if parent is not None:
        message.parent.CopyFrom(job_pb2.NestedGroup(**_fields(farm, parent)))
    return message


def _fields(farm: Farm, group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "department": group.department,
        "default_job_priority": int32(group.default_job_priority),
        "default_job_min_cores": cores(group.default_job_min_cores),
        "default_job_max_cores": cores(group.default_job_max_cores),
        "default_job_min_gpus": group.default_job_min_gpus,
        "default_job_max_gpus": group.default_job_max_gpus,
        "min_cores": cores(group.min_cores),
        "max_cores": cores(group.max_cores),
        "min_gpus": group.min_gpus,
        "max_gpus": group.max_gpus,
        "level": level(farm, group),
    }


def _stats(jobs: list[Job]) -> job_pb2.GroupStats:
    return job_pb2.GroupStats(
        running_frames=sum(job.counts[FrameState.RUNNING] for job in jobs),
        dead_frames=sum(job.counts[FrameState.DEAD] for job in jobs),
        depend_frames=sum(job.counts[FrameState.DEPEND] for job in jobs),
        waiting_frames=sum(job.counts[FrameState.WAITING] for job in jobs),
        pending_jobs=len(jobs),
        reserved_cores=cores(sum(job.reserved_cores for job in jobs)),
        reserved_gpus=sum(job.reserved_gpus for job in jobs),
    )

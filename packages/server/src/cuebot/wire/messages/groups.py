"""Groups as messages: plain, and as the whiteboard shows them."""

from __future__ import annotations

from typing import TypedDict

from opencue_proto import job_pb2

from cuebot.queries.groups import GroupRow, GroupTree
from cuebot.queries.statistics import Totals
from cuebot.wire.values import int32, or_unlimited


def group_message(row: GroupRow) -> job_pb2.Group:
    """A group with the statistics of the jobs directly in it."""
    return job_pb2.Group(parent_id=row.parent_id, group_stats=_stats(row.totals), **_fields(row))


def nested_group_message(tree: GroupTree, parent: GroupRow | None = None) -> job_pb2.NestedGroup:
    """A group as the whiteboard shows it, without what is in it."""
    ids = [job.id for job in tree.jobs]
    message = job_pb2.NestedGroup(jobs=ids, stats=_stats(tree.row.totals), **_fields(tree.row))
    if parent is not None:
        message.parent.CopyFrom(job_pb2.NestedGroup(**_fields(parent)))
    return message


class _Fields(TypedDict):
    """What Group and NestedGroup have in common."""

    id: str
    name: str
    department: str
    default_job_priority: int
    default_job_min_cores: float
    default_job_max_cores: float
    default_job_min_gpus: float
    default_job_max_gpus: float
    min_cores: float
    max_cores: float
    min_gpus: float
    max_gpus: float
    level: int


def _fields(row: GroupRow) -> _Fields:
    return {
        "id": row.id,
        "name": row.name,
        "department": row.department,
        "default_job_priority": int32(or_unlimited(row.default_job_priority)),
        "default_job_min_cores": or_unlimited(row.default_job_min_cores),
        "default_job_max_cores": or_unlimited(row.default_job_max_cores),
        "default_job_min_gpus": or_unlimited(row.default_job_min_gpus),
        "default_job_max_gpus": or_unlimited(row.default_job_max_gpus),
        "min_cores": row.min_cores,
        "max_cores": or_unlimited(row.max_cores),
        "min_gpus": row.min_gpus,
        "max_gpus": or_unlimited(row.max_gpus),
        "level": row.level,
    }


def _stats(totals: Totals) -> job_pb2.GroupStats:
    return job_pb2.GroupStats(
        running_frames=totals.running,
        dead_frames=totals.dead,
        depend_frames=totals.depend,
        waiting_frames=totals.waiting,
        pending_jobs=totals.jobs,
        reserved_cores=totals.reserved_cores,
        reserved_gpus=totals.reserved_gpus,
    )

"""Groups: folders of jobs, with what is in them and below them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Group, Job
from cuebot.queries.jobs import pending_jobs_of_group
from cuebot.queries.statistics import Totals, totals
from cuebot.queries.units import in_cores, most, most_cores


class GroupRow(NamedTuple):
    """A group with what the PENDING jobs directly in it come to. None is "none" of a maximum or a default."""

    id: str
    name: str
    parent_id: str
    """Empty for the root of a show."""
    department: str
    level: int
    """How far below the root of its show it is."""
    default_job_priority: int | None
    default_job_min_cores: float | None
    default_job_max_cores: float | None
    default_job_min_gpus: int | None
    default_job_max_gpus: int | None
    min_cores: float
    max_cores: float | None
    min_gpus: int
    max_gpus: int | None
    totals: Totals


@dataclass(frozen=True, slots=True)
class GroupTree:
    """A group, the PENDING jobs directly in it by name, and the groups below it by name."""

    row: GroupRow
    jobs: list[Job]
    below: list[GroupTree]


def group_row(farm: Farm, group: Group) -> GroupRow:
    """A group as a row."""
    return _row(farm, group, pending_jobs_of_group(farm, group.job_ids))


def group_tree(farm: Farm, group: Group) -> GroupTree:
    """A group with all that is below it."""
    jobs = pending_jobs_of_group(farm, group.job_ids)
    return GroupTree(_row(farm, group, jobs), jobs, [group_tree(farm, child) for child in children(farm, group)])


def _row(farm: Farm, group: Group, jobs: list[Job]) -> GroupRow:
    return GroupRow(
        id=group.id,
        name=group.name,
        parent_id=group.parent_id or "",
        department=group.department,
        level=_level(farm, group),
        default_job_priority=most(group.default_job_priority),
        default_job_min_cores=most_cores(group.default_job_min_cores),
        default_job_max_cores=most_cores(group.default_job_max_cores),
        default_job_min_gpus=most(group.default_job_min_gpus),
        default_job_max_gpus=most(group.default_job_max_gpus),
        min_cores=in_cores(group.min_cores),
        max_cores=most_cores(group.max_cores),
        min_gpus=group.min_gpus,
        max_gpus=most(group.max_gpus),
        totals=totals(jobs),
    )


def children(farm: Farm, group: Group) -> list[Group]:
    """The groups directly below a group, by name."""
    return sorted((other for other in farm.groups.values() if other.parent_id == group.id), key=lambda g: g.name)


def groups_of_show(farm: Farm, show_id: str) -> list[Group]:
    """The groups of a show, those nearest to its root first, then by name."""
    found = [group for group in farm.groups.values() if group.show_id == show_id]
    return sorted(found, key=lambda group: (_level(farm, group), group.name))


def groups_named(farm: Farm, show_id: str, name: str) -> list[Group]:
    """The groups of a show with this name, of which there may be several."""
    return [group for group in farm.groups.values() if group.show_id == show_id and group.name == name]


def _level(farm: Farm, group: Group) -> int:
    depth = 0
    while group.parent_id is not None:
        group, depth = farm.groups[group.parent_id], depth + 1
    return depth

"""Shows with statistics over their PENDING jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Job, Show
from cuebot.queries.jobs import pending_jobs
from cuebot.queries.statistics import Totals, totals
from cuebot.queries.units import in_cores


class ShowRow(NamedTuple):
    """A show with what its PENDING jobs come to, and what there has been."""

    id: str
    name: str
    active: bool
    booking_enabled: bool
    dispatch_enabled: bool
    default_min_cores: float
    default_max_cores: float
    default_min_gpus: int
    default_max_gpus: int
    comment_email: str
    scheduler_managed: bool
    jobs_created: int
    frames_created: int
    runs_succeeded: int
    runs_failed: int
    totals: Totals


def show_rows(farm: Farm, shows: Iterable[Show]) -> list[ShowRow]:
    """Shows as rows; the PENDING jobs are gone through once for all of them."""
    jobs_of: dict[str, list[Job]] = defaultdict(list)
    for job in pending_jobs(farm):
        jobs_of[job.show_id].append(job)
    return [_row(show, totals(jobs_of.get(show.id, ()))) for show in shows]


def show_row(farm: Farm, show: Show) -> ShowRow:
    """One show."""
    return show_rows(farm, [show])[0]


def listed_shows(farm: Farm) -> list[Show]:
    """All shows but those that were archived."""
    return [show for show in farm.shows.values() if not show.archived_name]


def active_shows(farm: Farm) -> list[Show]:
    """The shows that take jobs."""
    return [show for show in farm.shows.values() if show.active]


def _row(show: Show, of_jobs: Totals) -> ShowRow:
    return ShowRow(
        id=show.id,
        name=show.name,
        active=show.active,
        booking_enabled=show.booking_enabled,
        dispatch_enabled=show.dispatch_enabled,
        default_min_cores=in_cores(show.default_min_cores),
        default_max_cores=in_cores(show.default_max_cores),
        default_min_gpus=show.default_min_gpus,
        default_max_gpus=show.default_max_gpus,
        comment_email=show.comment_email,
        scheduler_managed=show.scheduler_managed,
        jobs_created=show.jobs_created,
        frames_created=show.frames_created,
        runs_succeeded=show.runs_succeeded,
        runs_failed=show.runs_failed,
        totals=of_jobs,
    )

"""The part of cuefarm.v1 FarmInterface that tells what filters would do, or did. It changes nothing."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from cuebot.decide.submission import try_filters
from cuebot.domain.errors import Invalid, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.filtering import Outcome, filters_of, in_words, run_filters
from cuebot.domain.nouns import Filter, Job, Show
from cuebot.engine.ports import JobSearch
from cuebot.queries.lookup import job_of
from cuebot.spec import parse_spec
from cuebot.wire.call import Call, in_slices
from cuebot.wire.job_lists import warn_of_past
from cuebot.wire.services.filters import filter_named
from cuebot.wire.values import int32
from cuefarm_proto import farm_pb2


class _Tried(NamedTuple):
    """A job, and what filters would do to it."""

    submitted_us: int
    message: farm_pb2.FilteredJob


class FilterTrials:
    """What filters would do to jobs."""

    def __init__(self, *, allow_root: bool) -> None:
        self._may_be_root = allow_root

    async def TryFilters(self, request: farm_pb2.TryFiltersRequest, call: Call) -> farm_pb2.TryFiltersResponse:
        """What filters of a show would do to jobs that there are, or to those of a specification."""
        farm = call.farm
        show = farm.show_named(request.show)
        filters = _filters(farm, show, request.filter)
        if request.spec:
            return await self._of_spec(request, show, filters, call)
        if request.jobs:
            return _of_jobs(request, show, filters, call)
        return await _of_show(request, show, filters, call)

    async def _of_spec(
        self, request: farm_pb2.TryFiltersRequest, show: Show, filters: list[Filter], call: Call
    ) -> farm_pb2.TryFiltersResponse:
        engine = call.engine
        spec = await asyncio.to_thread(parse_spec, request.spec, engine.core.bounds, allow_root=self._may_be_root)
        if call.farm.show_for_jobs(spec.show) is not show:
            raise Invalid(f"the specification is of show {quoted(spec.show)!r}, the filters of {show.name!r}")
        tried = try_filters(call.farm, spec, filters, engine.core.context(engine.now_us()))
        jobs = [
            farm_pb2.FilteredJob(job_name=name, filters=_results(call.farm, outcome), done=())
            for name, outcome in tried
        ]
        return farm_pb2.TryFiltersResponse(jobs=jobs, looked_at=len(jobs), complete=True)


def _filters(farm: Farm, show: Show, name_or_id: str) -> list[Filter]:
    if not name_or_id:
        return filters_of(farm, show.id)
    by_id = farm.filters.get(name_or_id)
    return [by_id if by_id is not None and by_id.show_id == show.id else filter_named(farm, show, name_or_id)]


def _of_jobs(
    request: farm_pb2.TryFiltersRequest, show: Show, filters: list[Filter], call: Call
) -> farm_pb2.TryFiltersResponse:
    most = call.engine.core.bounds.recalls_per_call
    if len(request.jobs) > most:
        raise Invalid(f"name at most {most} jobs at a time (limit recalls_per_call), not {len(request.jobs)}")
    jobs = [job_of(call.farm, name) for name in request.jobs]
    strange = [job.name for job in jobs if job.show_id != show.id]
    if strange:
        raise Invalid(f"job {strange[0]!r} is of another show than {show.name!r}")
    tried = [_job(call.farm, job, _outcome(call.farm, filters, job)).message for job in jobs]
    return farm_pb2.TryFiltersResponse(jobs=tried, looked_at=len(tried), complete=True)


async def _of_show(
    request: farm_pb2.TryFiltersRequest, show: Show, filters: list[Filter], call: Call
) -> farm_pb2.TryFiltersResponse:
    """Jobs of a show, in memory and on disk, as far as they are looked at."""
    farm, bounds = call.farm, call.engine.core.bounds
    most = request.limit if 0 < request.limit <= bounds.page_rows else bounds.page_rows
    tried: list[_Tried] = []

    def take(jobs: list[Job]) -> None:
        outcomes = ((job, _outcome(farm, filters, job)) for job in jobs)
        tried.extend([_job(farm, job, outcome) for job, outcome in outcomes if outcome.acted])

    living = [job for job in farm.jobs.values() if job.show_id == show.id]
    await in_slices(call, living, take)

    looked_at = len(living)

    def fits(past: Farm, job: Job) -> bool:
        nonlocal looked_at
        looked_at += 1
        return bool(_outcome(past, filters, job).acted)

    await call.engine.durable()
    past = await call.engine.past_jobs.find(
        farm,
        JobSearch(show_ids=[show.id]),
        lambda listed: lambda job: fits(listed, job),
        bounds.past_jobs_looked_at,
        bounds.past_jobs_looked_at,
    )
    warn_of_past(call, past)
    tried += [_job(one.farm, one.job, _outcome(one.farm, filters, one.job)) for one in past.jobs[:most]]
    tried.sort(key=lambda one: -one.submitted_us)
    is_all = past.is_all and len(tried) <= most and len(past.jobs) <= most
    messages = [one.message for one in tried[:most]]
    return farm_pb2.TryFiltersResponse(jobs=messages, looked_at=int32(looked_at), complete=is_all)


def _outcome(farm: Farm, filters: list[Filter], job: Job) -> Outcome:
    return run_filters(farm, filters, job, farm.layers_of(job))


def _job(farm: Farm, job: Job, outcome: Outcome) -> _Tried:
    message = farm_pb2.FilteredJob(
        job_id=job.id, job_name=job.name, filters=_results(farm, outcome), done=list(job.filtered)
    )
    return _Tried(job.submitted_us, message)


def _results(farm: Farm, outcome: Outcome) -> list[farm_pb2.FilterResult]:
    return [
        farm_pb2.FilterResult(filter_id=acted.filter.id, name=acted.filter.name, actions=in_words(farm, acted))
        for acted in outcome.acted
    ]

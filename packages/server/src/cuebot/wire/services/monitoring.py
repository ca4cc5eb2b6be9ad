"""MonitoringInterface: what was, from the books, the archive of finished jobs and the history on disk.

Pages begin with 1. A time is from its `start_time` to its `end_time`, in milliseconds since 1970, where 0 says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec
import numpy as np
from opencue_proto import job_pb2, monitoring_pb2

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Invalid, Unavailable
from cuebot.domain.farm import Farm
from cuebot.domain.names import folded
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.states import FrameState
from cuebot.domain.units import HOUR, MINUTE
from cuebot.engine.ports import FarmHistory, FoundEvents, JobSearch, JournalError
from cuebot.engine.readers import Readers
from cuebot.queries.farm_sums import FarmSums, farm_sums
from cuebot.queries.frames import FrameCriteria, find_frames, frame_row, number_of, page_of
from cuebot.queries.jobs import JobCriteria, finished_in_memory, job_row
from cuebot.queries.layer_memory import LayerMemoryRow, layer_memory_row
from cuebot.queries.layers import in_dispatch_order, layer_row
from cuebot.queries.lookup import job_of, layer_of
from cuebot.wire.call import Call, fill, those
from cuebot.wire.criteria import find_ended_jobs
from cuebot.wire.host_history import host_history
from cuebot.wire.job_lists import warn_of_past
from cuebot.wire.messages.monitoring import (
    farm_statistics,
    historical_frame,
    historical_job,
    historical_layer,
    layer_memory_record,
)
from cuebot.wire.values import INT64_MAX, int32

HISTORY_THREADS: Final = 1
PAGE_SIZE: Final = 100
"""Where a request names none."""
RESULTS: Final = 1_000
"""Likewise."""
INTERVAL_MINUTES: Final = 60
STATISTICS_HOURS: Final = 24
"""How far statistics go back where no time is named."""
_OVER: Final = (FrameState.SUCCEEDED, FrameState.DEAD, FrameState.EATEN)

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class NoFarmHistory:
    """Stands for the history of a server that keeps none; satisfies `engine.ports.FarmHistory`."""

    def host_events(self, since_us: int, until_us: int, looks: int) -> FoundEvents:
        """Nothing."""
        return FoundEvents([], is_all=True)

    def farm_sums(self, since_us: int, until_us: int, interval_us: int, limit: int) -> list[bytes]:
        """Nothing."""
        return []


class _Span(NamedTuple):
    """A time."""

    since_us: int
    until_us: int

    @property
    def is_all(self) -> bool:
        """Nothing was said of it."""
        return self == _ALWAYS

    def has(self, at_us: int) -> bool:
        """Whether a moment is in it; one that has not come is in no time that is named."""
        return self.is_all or (at_us > 0 and self.since_us <= at_us <= self.until_us)


LATEST_US: Final = 253_402_300_799 * 1_000_000
"""The end of the year 9999, the last that a date can have."""
_ALWAYS: Final = _Span(0, INT64_MAX)


def _span(range: monitoring_pb2.TimeRange) -> _Span:
    since_us, until_us = range.start_time * 1_000, range.end_time * 1_000
    if not (0 <= since_us <= LATEST_US and 0 <= until_us <= LATEST_US) or 0 < until_us < since_us:
        raise Invalid(
            "time_range has a start_time and a later end_time in milliseconds since 1970, until the year 9999; 0 is no"
            " limit"
        )
    return _Span(since_us, until_us or INT64_MAX)


class _Page:
    """A page of what was found."""

    def __init__(self, request: _Paged, bounds: Bounds) -> None:
        wanted = request.page_size or PAGE_SIZE
        self.page = max(request.page, 1)
        self.size = wanted if 0 < wanted <= bounds.page_rows else bounds.page_rows

    def of(self, things: Sequence[Thing]) -> list[Thing]:
        """What is on the page."""
        first = (self.page - 1) * self.size
        return list(things[first : first + self.size])

    def pagination(self, total: int) -> monitoring_pb2.Pagination:
        """Which page it is, of how many."""
        pages = -(-total // self.size)
        return monitoring_pb2.Pagination(
            page=int32(self.page), page_size=self.size, total_pages=int32(pages), total_records=total
        )


_Paged = (
    monitoring_pb2.GetJobHistoryRequest
    | monitoring_pb2.GetFrameHistoryRequest
    | monitoring_pb2.GetLayerHistoryRequest
    | monitoring_pb2.GetHostHistoryRequest
)


class MonitoringInterface:
    """History of jobs, layers, frames and hosts, and what the farm came to over time."""

    def __init__(self, history: FarmHistory | None, bounds: Bounds) -> None:
        self._history = history or NoFarmHistory()
        self._readers = Readers("the database's history of the farm", HISTORY_THREADS, bounds)

    async def GetJobHistory(
        self, request: monitoring_pb2.GetJobHistoryRequest, call: Call
    ) -> monitoring_pb2.GetJobHistoryResponse:
        """Jobs that have ended, the last first."""
        span, page = _span(request.time_range), _Page(request, call.engine.core.bounds)
        criteria = JobCriteria(
            shows=request.shows, users=request.users, shots=request.shots, patterns=request.job_name_regex
        )
        jobs, past = await find_ended_jobs(call, criteria, *span)
        warn_of_past(call, past)
        if request.states and job_pb2.FINISHED not in request.states:
            jobs = []
        jobs = jobs[: request.max_results if request.max_results > 0 else RESULTS]
        response = monitoring_pb2.GetJobHistoryResponse(pagination=page.pagination(len(jobs)))
        await fill(
            call,
            response.jobs,
            page.of(jobs),
            lambda one: historical_job(job_row(one.farm, one.job)),
        )
        return response

    async def GetLayerHistory(
        self, request: monitoring_pb2.GetLayerHistoryRequest, call: Call
    ) -> monitoring_pb2.GetLayerHistoryResponse:
        """The layers of a job, by dispatch order; of a time those whose last run ended in it."""
        farm, span, page = call.farm, _span(request.time_range), _Page(request, call.engine.core.bounds)
        job = _job(farm, request.job_id, request.job_name)
        show = farm.shows[job.show_id].name
        layers = [layer for layer in in_dispatch_order(farm, job) if span.has(layer.last_stop_us)]
        response = monitoring_pb2.GetLayerHistoryResponse(pagination=page.pagination(len(layers)))
        await fill(
            call,
            response.layers,
            page.of(layers),
            lambda layer: historical_layer(layer_row(farm, layer), job.name, show),
        )
        return response

    async def GetFrameHistory(
        self, request: monitoring_pb2.GetFrameHistoryRequest, call: Call
    ) -> monitoring_pb2.GetFrameHistoryResponse:
        """Frames of a job that are over, or are in the states that are named; of a time those that stopped in it."""
        farm, span, page = call.farm, _span(request.time_range), _Page(request, call.engine.core.bounds)
        job = _job(farm, request.job_id, request.job_name)
        show = farm.shows[job.show_id].name
        layers = in_dispatch_order(farm, job)
        criteria = FrameCriteria(
            layers=[layer_of(farm, job, name).name for name in request.layer_names],
            states=request.states or [int(state) for state in _OVER],
        )
        found = find_frames(layers, criteria, call.engine.core.bounds, call.engine.now_us())
        if not span.is_all:
            stops = {id: farm.layers[id].frames.stop_us[indices] for id, indices in found.items()}
            within = {id: (stops[id] > 0) & (stops[id] >= span.since_us) & (stops[id] <= span.until_us) for id in found}
            found = {id: indices[within[id]] for id, indices in found.items() if np.any(within[id])}
        response = monitoring_pb2.GetFrameHistoryResponse(pagination=page.pagination(number_of(found)))
        now_us = call.engine.now_us()
        await fill(
            call,
            response.frames,
            page_of(layers, found, page.page, page.size, page.size),
            lambda one: historical_frame(frame_row(farm, *one, now_us), job.name, show, one[0].min_gpus),
        )
        return response

    async def GetLayerMemoryHistory(
        self, request: monitoring_pb2.GetLayerMemoryHistoryRequest, call: Call
    ) -> monitoring_pb2.GetLayerMemoryHistoryResponse:
        """What the frames of layers with a name needed, job by job, the job that ended last first."""
        if not request.layer_name:
            raise Invalid("name the layer whose memory is wanted")
        farm, bounds, span = call.farm, call.engine.core.bounds, _span(request.time_range)
        name = folded(request.layer_name)
        show_ids = frozenset(farm.show_id_of(show) for show in request.shows)
        wanted = request.max_results if request.max_results > 0 else RESULTS
        most = min(wanted, bounds.page_rows)
        names = {show.id: show.name for show in farm.shows.values()}

        def read(job: Job, layer: Layer) -> LayerMemoryRow | None:
            return layer_memory_row(job, layer, names.get(job.show_id, ""))

        def is_wanted(layer: Layer) -> bool:
            job = farm.jobs[layer.job_id]
            ended_us = job.stopped_us or layer.last_stop_us
            return layer.name == name and span.has(ended_us) and (not show_ids or job.show_id in show_ids)

        here = await those(call, farm.layers.values(), is_wanted)
        rows = [row for layer in here if (row := read(farm.jobs[layer.job_id], layer)) is not None]
        await call.engine.durable()
        search = JobSearch(
            show_ids=sorted(show_ids),
            stopped_since_us=span.since_us,
            before=None if span.is_all else (span.until_us, ""),
        )
        past, is_all = await call.engine.past_jobs.layers(search, name, read, most, bounds.past_jobs_looked_at)
        rows = sorted([*rows, *past], key=lambda row: -row.ended_s)
        if not is_all or len(rows) > wanted > most:
            call.warnings.append("of older jobs not all were looked at: a show or a time choose among all")
        return monitoring_pb2.GetLayerMemoryHistoryResponse(records=[layer_memory_record(row) for row in rows[:most]])

    async def GetHostHistory(
        self, request: monitoring_pb2.GetHostHistoryRequest, call: Call
    ) -> monitoring_pb2.GetHostHistoryResponse:
        """What became of hosts, the newest first: first reports, boots, states and locks."""
        bounds, span = call.engine.core.bounds, _span(request.time_range)
        page, until_us = _Page(request, bounds), 0 if span.until_us == INT64_MAX else span.until_us
        await call.engine.durable()
        found = await self._read(
            lambda history: history.host_events(span.since_us, until_us, bounds.past_events_looked_at)
        )
        if not found.is_all:
            call.warnings.append(
                "of what happened before not all was looked at (limit past_events_looked_at): a time_range chooses"
                " among all"
            )
        events = host_history(call.farm, found.events, request)
        return monitoring_pb2.GetHostHistoryResponse(events=page.of(events), pagination=page.pagination(len(events)))

    async def GetFarmStatistics(
        self, request: monitoring_pb2.GetFarmStatisticsRequest, call: Call
    ) -> monitoring_pb2.GetFarmStatisticsResponse:
        """What the farm came to in a time, the oldest first, at most once an interval; and now, where that is in it."""
        farm, now_us = call.farm, call.engine.now_us()
        since_us, until_us = _span(request.time_range)
        if not request.time_range.start_time:
            since_us = min(now_us, until_us) - STATISTICS_HOURS * HOUR
        found = [farm.shows.get(farm.show_id_of(name)) or farm.show_named(name) for name in request.shows]
        shows = frozenset(name for show in found for name in (show.name, show.archived_name) if name)
        interval_us = max(request.interval_minutes or INTERVAL_MINUTES, 1) * MINUTE
        most = call.engine.core.bounds.page_rows
        kept = await self._read(lambda history: history.farm_sums(since_us, until_us, interval_us, most))
        sums = [msgspec.json.decode(body, type=FarmSums) for body in kept]
        if len(sums) == most:
            call.warnings.append(f"these are the last {most} of the time; a longer interval, or a time, shows others")
        if since_us <= now_us <= until_us:
            past = await call.engine.past_jobs.kept_jobs()
            sums.append(farm_sums(farm, now_us, finished_in_memory(farm) + past.jobs))
        return monitoring_pb2.GetFarmStatisticsResponse(statistics=[farm_statistics(one, shows) for one in sums])

    async def _read(self, work: Callable[[FarmHistory], Result]) -> Result:
        try:
            return await self._readers.read(lambda: work(self._history))
        except JournalError as error:
            raise Unavailable(f"the history of the farm cannot be read now: {error}") from error


def _job(farm: Farm, id: str, name: str) -> Job:
    if not (id or name):
        raise Invalid("name the job whose history is wanted, by its id or its name")
    return job_of(farm, id or name)

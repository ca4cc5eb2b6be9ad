"""The part of cuefarm.v1 FarmInterface that is about what was: runs, failures, logs, finished jobs, submissions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Exhausted, Invalid, NotFound, Refused, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.states import Cause, FrameState
from cuebot.domain.units import MINUTE
from cuebot.engine.ports import EndedRun, RunHistory
from cuebot.engine.readers import Readers
from cuebot.queries.jobs import finished_in_memory
from cuebot.queries.lookup import Scope, job_of, scope_of
from cuebot.wire.call import Call, fill
from cuebot.wire.criteria import find_finished_jobs
from cuebot.wire.failures import grouped, last_failures, troubled
from cuebot.wire.job_lists import warn_of_past
from cuebot.wire.log_files import LogMissing, LogPiece, LogUnreadable, WantedLog, read_log
from cuebot.wire.runs import (
    NoHistory,
    PastRuns,
    attempts,
    current_run_message,
    current_runs,
    ended_run_message,
    host_name,
    log_of_current,
    log_of_ended,
    members,
    page_of_runs,
    query_of,
)
from cuebot.wire.values import int32
from cuefarm_proto import farm_pb2

LOG_THREADS: Final = 4
FOLLOW_SECONDS: Final = 0.25
"""How often a log that somebody waits for is looked at."""


@dataclass(frozen=True, slots=True)
class _Log:
    """The log that a request means, and whose it is."""

    wanted: WantedLog
    host_name: str
    frame_name: str
    booked_us: int
    ended: EndedRun | None


class Records:
    """Runs, failures, logs, and what jobs were submitted with."""

    def __init__(self, history: RunHistory | None, bounds: Bounds) -> None:
        self._past = PastRuns(history or NoHistory(), bounds)
        self._logs = Readers("the disk with the logs", LOG_THREADS, bounds)
        self._followers = 0

    async def GetRuns(self, request: farm_pb2.GetRunsRequest, call: Call) -> farm_pb2.GetRunsResponse:
        """Runs of a frame, layer or job, newest first."""
        farm, now_us = call.farm, call.engine.now_us()
        scope = scope_of(farm, request.job, request.layer, request.frame)
        causes = members(Cause, request.causes, "cause")
        states = members(FrameState, request.states, "state of frames")
        room = _page(request.limit, call)

        current = current_runs(farm, scope)
        running = len(current)
        wants_current = not causes and not request.before_seq and (not states or FrameState.RUNNING in states)
        current = [
            proc
            for proc in (current if wants_current else [])
            if request.attempt in (0, attempts(farm.layers[proc.layer_id], proc.frame_index))
        ]
        ended: list[EndedRun] = []
        if states != {FrameState.RUNNING}:
            await call.engine.durable()
            query = query_of(
                scope, causes=causes, states=states, attempt=request.attempt, before_seq=max(request.before_seq, 0)
            )
            ended = await self._past.runs(query, room + 1)

        over = {run.run_id for run in ended}  # some may have ended in the meantime
        current = [proc for proc in current if proc.id not in over][:room]
        page, next_before_seq = page_of_runs(ended, room - len(current))
        response = farm_pb2.GetRunsResponse(next_before_seq=next_before_seq, running=int32(running))
        await fill(call, response.runs, current, lambda proc: current_run_message(farm, proc, now_us))
        await fill(call, response.runs, page, lambda run: ended_run_message(farm, run))
        return response

    async def GetFailures(self, request: farm_pb2.GetFailuresRequest, call: Call) -> farm_pb2.GetFailuresResponse:
        """What went wrong with the dead frames of a job or layer, and lately with those that wait again."""
        farm, bounds = call.farm, call.engine.core.bounds
        scope = scope_of(farm, request.job, request.layer, "")
        await call.engine.durable()
        wanted = troubled(farm, scope, call.engine.now_us())
        found = await self._past.read(last_failures(wanted, bounds.failed_runs_looked_at))
        failures, is_all = grouped(farm, wanted, found, bounds.failure_groups)
        return farm_pb2.GetFailuresResponse(
            job_id=scope.job.id,
            job_name=scope.job.name,
            failures=failures,
            looked_at=found.looked_at,
            complete=found.complete and is_all,
        )

    async def FindFinishedJobs(
        self, request: farm_pb2.FindFinishedJobsRequest, call: Call
    ) -> farm_pb2.FindFinishedJobsResponse:
        """Finished jobs by name, show and user, the one that ended last first."""
        jobs, past = await find_finished_jobs(call, request)
        warn_of_past(call, past)
        most = _page(request.limit, call)
        if request.limit > most < len(jobs):
            call.warnings.append(
                f"these are the {most} finished jobs that ended last, of {len(jobs)}: a list has at most {most};"
                " a name, a part of one, a show or a user choose among all"
            )
        ids = [job.id for job in jobs[:most]]
        return farm_pb2.FindFinishedJobsResponse(job_ids=ids, found=int32(len(jobs)))

    async def GetRetention(self, request: farm_pb2.GetRetentionRequest, call: Call) -> farm_pb2.GetRetentionResponse:
        """How much there is of what was, and how much of it is kept."""
        settings = call.engine.core.settings
        kept = await call.engine.past_jobs.kept_jobs()
        return farm_pb2.GetRetentionResponse(
            jobs_on_disk=kept.jobs,
            first_stopped_us=kept.first_stopped_us,
            jobs_in_memory=finished_in_memory(call.farm),
            finished_jobs_kept=settings.finished_jobs_kept,
            finished_jobs_kept_days=settings.finished_jobs_kept_days,
            history_kept_months=settings.history_kept_months,
        )

    async def GetSpecification(
        self, request: farm_pb2.GetSpecificationRequest, call: Call
    ) -> farm_pb2.GetSpecificationResponse:
        """What a job was submitted with."""
        if not request.job:
            raise Invalid("name the job whose specification is wanted")
        job = job_of(call.farm, request.job)
        await call.engine.durable()  # it is written with its job
        text = await call.engine.past_jobs.specification(job.specification_id)
        if text is None:
            raise NotFound(
                f"what job {job.name!r} was submitted with is not kept: an older version of this server launched it"
            )
        return farm_pb2.GetSpecificationResponse(job_id=job.id, job_name=job.name, text=text)

    async def ReadLog(self, request: farm_pb2.ReadLogRequest, call: Call) -> farm_pb2.ReadLogResponse:
        """A piece of a run's log."""
        bounds = call.engine.core.bounds
        log = await self._log_of(request, call)
        most = request.max_bytes if 0 < request.max_bytes <= bounds.log_read_bytes else bounds.log_read_bytes
        wait_s = min(max(request.wait_ms, 0), bounds.log_wait_ms) / 1000
        if wait_s and self._followers >= bounds.log_followers:
            raise Exhausted(
                f"{self._followers} clients wait for logs already (limit log_followers); ask without waiting"
            )
        self._followers += bool(wait_s)
        try:
            piece, ended = await self._piece(log, call, request.offset, most, wait_s)
        finally:
            self._followers -= bool(wait_s)
        return farm_pb2.ReadLogResponse(
            run_id=log.wanted.run_id,
            path=piece.path,
            data=piece.data,
            offset=piece.offset,
            next_offset=piece.next_offset,
            size=piece.size,
            ended=ended,
            complete=ended and piece.next_offset >= piece.size,
            attempt=log.wanted.attempt,
            host_name=log.host_name,
            frame_name=log.frame_name,
        )

    async def _piece(self, log: _Log, call: Call, offset: int, most: int, wait_s: float) -> tuple[LogPiece, bool]:
        """What there is to read, after a wait where there is nothing yet; and whether the run is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        while True:
            ended = log.wanted.run_id not in call.farm.procs  # asked first: what is read then is all of it
            try:
                piece = await self._logs.read(lambda: read_log(log.wanted, offset, most))
            except LogMissing as error:
                young = call.engine.now_us() - log.booked_us < MINUTE
                if ended or not (young or loop.time() < deadline):
                    raise _missing(log, error) from error
                piece = LogPiece(log.wanted.path, b"", max(offset, 0), max(offset, 0))  # it is about to be made
            except LogUnreadable as error:
                raise Refused(f"{error}; its host is {log.host_name or 'not known any more'}") from error
            if piece.data or ended or loop.time() >= deadline:
                return piece, ended
            await asyncio.sleep(FOLLOW_SECONDS)

    async def _log_of(self, request: farm_pb2.ReadLogRequest, call: Call) -> _Log:
        farm = call.farm
        if request.run_id:
            return await self._log_of_run(request, call)
        scope = scope_of(farm, request.job, request.layer, request.frame)
        if scope.layer is None or scope.index is None:
            raise Invalid("name the frame whose log is to be read, or a run")
        frame_name, tried = farm.frame_name(scope.layer, scope.index), attempts(scope.layer, scope.index)
        run_id = scope.layer.runs.get(scope.index)
        if run_id and request.attempt in (0, tried):
            return _log_of_current(farm, run_id)
        found = await self._ended(scope, call, attempt=request.attempt)
        if found:
            return _log_of_ended(farm, found)
        if request.attempt:
            raise NotFound(f"there is no record of attempt {request.attempt} of frame {frame_name}; it has had {tried}")
        raise NotFound(f"frame {frame_name} of job {scope.job.name!r} has not run, so it has no log")

    async def _log_of_run(self, request: farm_pb2.ReadLogRequest, call: Call) -> _Log:
        farm = call.farm
        if request.run_id in farm.procs:
            return _log_of_current(farm, request.run_id)
        if not (request.job or request.layer or request.frame):
            raise NotFound(f"no run {quoted(request.run_id)!r} is under way; of one that has ended, name the job, too")
        scope = scope_of(farm, request.job, request.layer, request.frame)
        found = await self._ended(scope, call, run_id=request.run_id)
        if not found:
            raise NotFound(f"there is no record of a run {quoted(request.run_id)!r} of job {scope.job.name!r}")
        return _log_of_ended(farm, found)

    async def _ended(self, scope: Scope, call: Call, **fields: Any) -> EndedRun | None:
        await call.engine.durable()
        found = await self._past.runs(query_of(scope, **fields), 1)
        return found[0] if found else None


def _log_of_current(farm: Farm, run_id: str) -> _Log:
    proc = farm.procs[run_id]
    frame_name = farm.frame_name(farm.layers[proc.layer_id], proc.frame_index)
    return _Log(log_of_current(farm, proc), host_name(farm, proc.host_id), frame_name, proc.booked_us, None)


def _log_of_ended(farm: Farm, run: EndedRun) -> _Log:
    frame_name = farm.frame_name(farm.layers[run.layer_id], run.frame_index)
    return _Log(log_of_ended(farm, run), host_name(farm, run.host_id), frame_name, run.booked_us, run)


def _missing(log: _Log, error: LogMissing) -> NotFound:
    detail = str(error)
    run = log.ended
    if run is not None and run.cause in (Cause.LOG_UNWRITABLE, Cause.HOST_FAULT, Cause.REFUSED, Cause.NEVER_RECEIVED):
        return NotFound(f"{detail}: the run was not started ({run.cause.name}{run.message and ': ' + run.message})")
    return NotFound(
        f"{detail}; it was removed, or host {log.host_name or 'that ran it'} keeps its logs on a disk that this server"
        " does not see"
    )


def _page(limit: int, call: Call) -> int:
    most = call.engine.core.bounds.page_rows
    return limit if 0 < limit <= most else most

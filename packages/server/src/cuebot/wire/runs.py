"""Runs of frames, ended and under way, as messages of `cuefarm.v1`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from functools import partial
from typing import Any, Final, TypedDict, TypeVar

from cuebot.domain import charging
from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Invalid, Unavailable, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Layer, Proc
from cuebot.domain.run_time import ran_until_now_us
from cuebot.domain.states import FrameState
from cuebot.domain.units import frame_id
from cuebot.engine.ports import EndedRun, JournalError, RunHistory, RunQuery
from cuebot.engine.readers import Readers
from cuebot.queries.lookup import Scope
from cuebot.wire.log_files import WantedLog
from cuebot.wire.values import INT64_MAX
from cuefarm_proto import farm_pb2
from rqd.runner.log_name import file_name

HISTORY_THREADS: Final = 2

Member = TypeVar("Member", bound=IntEnum)
Result = TypeVar("Result")


class NoHistory:
    """Stands for the history of a server that keeps none; satisfies `engine.ports.RunHistory`."""

    def runs(self, query: RunQuery, limit: int) -> list[EndedRun]:
        """Nothing."""
        return []


class PastRuns:
    """Ended runs, read in threads."""

    def __init__(self, history: RunHistory, bounds: Bounds) -> None:
        self._history = history
        self._readers = Readers("the database's history", HISTORY_THREADS, bounds)

    async def read(self, work: Callable[[RunHistory], Result]) -> Result:
        """Do work on history in a thread. Raises FarmError, Unavailable where the database cannot be read."""
        try:
            return await self._readers.read(partial(work, self._history))
        except JournalError as error:
            raise Unavailable(f"the history of runs cannot be read now: {error}") from error

    async def runs(self, query: RunQuery, limit: int) -> list[EndedRun]:
        """At most `limit` runs, newest first."""
        return await self.read(lambda history: history.runs(query, limit))


def query_of(scope: Scope, **fields: Any) -> RunQuery:
    """A query for the runs of a job, layer or frame."""
    layer_id = scope.layer.id if scope.layer else ""
    return RunQuery(job_id=scope.job.id, layer_id=layer_id, frame_index=scope.index, **fields)


def members(kind: type[Member], names: Iterable[str], what: str) -> frozenset[Member]:
    """Members of an enumeration by name, in any case. Raises Invalid."""
    unknown = [name for name in names if name.upper() not in kind.__members__]
    if unknown:
        raise Invalid(f"there is no {what} {quoted(unknown[0])!r}; there are {', '.join(kind.__members__)}")
    return frozenset(kind[name.upper()] for name in names)


def current_runs(farm: Farm, scope: Scope) -> list[Proc]:
    """The runs under way, the last booked first."""
    layers = [scope.layer] if scope.layer else farm.layers_of(scope.job)
    run_ids = [
        run_id
        for layer in layers
        for index, run_id in layer.runs.items()
        if scope.index is None or index == scope.index
    ]
    return sorted((farm.procs[id] for id in run_ids), key=lambda proc: (-proc.booked_us, proc.id))


def page_of_runs(runs: list[EndedRun], room: int) -> tuple[list[EndedRun], int]:
    """The runs that fit, and where the next page goes on: 0 where that was all of them."""
    if len(runs) <= room:
        return runs, 0
    return runs[:room], runs[room - 1].seq if room else INT64_MAX


def is_charged(run: EndedRun) -> bool:
    """Whether the end of a run counts against its frame."""
    return charging.is_charged(run.state, run.cause, run.exit_status)


def ended_run_message(farm: Farm, run: EndedRun) -> farm_pb2.Run:
    """A run that is over."""
    layer = farm.layers[run.layer_id]
    return farm_pb2.Run(
        run_id=run.run_id,
        seq=run.seq,
        attempt=run.attempt,
        host_name=host_name(farm, run.host_id),
        state="" if run.state is None else run.state.name,
        cause=run.cause.name,
        message=run.message,
        error_line=run.error_line,
        log_path=log_of_ended(farm, run).path,
        exit_status=run.exit_status,
        exit_signal=run.exit_signal,
        cores=run.cores / 100,
        memory_kib=run.memory,
        max_rss_kib=run.max_rss,
        start_us=run.booked_us,
        stop_us=run.ended_us,
        run_us=run.run_us,
        charged=is_charged(run),
        **_frame_fields(farm, layer, run.frame_index),
    )


def current_run_message(farm: Farm, proc: Proc, now_us: int) -> farm_pb2.Run:
    """A run that is under way."""
    layer = farm.layers[proc.layer_id]
    return farm_pb2.Run(
        run_id=proc.id,
        attempt=attempts(layer, proc.frame_index),
        host_name=host_name(farm, proc.host_id),
        state=FrameState.RUNNING.name,
        message=proc.kill_message,
        log_path=log_of_current(farm, proc).path,
        cores=proc.cores / 100,
        memory_kib=proc.memory,
        max_rss_kib=proc.max_rss,
        start_us=proc.booked_us,
        run_us=ran_until_now_us(farm.hosts[proc.host_id], proc, now_us),
        **_frame_fields(farm, layer, proc.frame_index),
    )


def log_of_ended(farm: Farm, run: EndedRun) -> WantedLog:
    """The log of a run that is over."""
    layer = farm.layers[run.layer_id]
    job = farm.jobs[run.job_id]
    name = run.log_name or file_name(job.name, farm.frame_name(layer, run.frame_index))
    newest = run.attempt in (0, attempts(layer, run.frame_index))
    return WantedLog(run.run_id, job.log_dir, name, run.attempt, newest, _names_run(farm, run.host_id))


def log_of_current(farm: Farm, proc: Proc) -> WantedLog:
    """The log of a run that is under way."""
    layer, job = farm.layers[proc.layer_id], farm.jobs[proc.job_id]
    name = file_name(job.name, farm.frame_name(layer, proc.frame_index))
    attempt, names_run = attempts(layer, proc.frame_index), _names_run(farm, proc.host_id)
    return WantedLog(proc.id, job.log_dir, name, attempt, True, names_run)


def _names_run(farm: Farm, host_id: str) -> bool:
    """Whether logs of a host begin with their run's id; of a host that is not known any more, they have to."""
    host = farm.hosts.get(host_id)
    return host is None or bool(host.agent)


def attempts(layer: Layer, index: int) -> int:
    """How many runs a frame has had."""
    return int(layer.frames.attempts[index])


def host_name(farm: Farm, host_id: str) -> str:
    """A host's name, empty where the farm does not know it any more."""
    host = farm.hosts.get(host_id)
    return host.name if host else ""


class _FrameFields(TypedDict):
    """Which frame a run is of."""

    job_id: str
    job_name: str
    layer_id: str
    layer_name: str
    frame_id: str
    frame_name: str
    number: int


def _frame_fields(farm: Farm, layer: Layer, index: int) -> _FrameFields:
    job = farm.jobs[layer.job_id]
    return {
        "job_id": job.id,
        "job_name": job.name,
        "layer_id": layer.id,
        "layer_name": layer.name,
        "frame_id": frame_id(layer.id, index),
        "frame_name": farm.frame_name(layer, index),
        "number": int(layer.frames.number[index]),
    }

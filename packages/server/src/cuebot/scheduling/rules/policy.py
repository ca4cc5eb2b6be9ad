"""Policies: a studio's own say in which hosts a frame may use, which it likes best, and which job comes first.

A policy is a module or an object with one or more of these functions, found by the entry point group `cuefarm.policy`:

    allow_hosts(request, hosts)   a bool for each host: may a frame run there at all?
    rank_hosts(request, hosts)    a number for each host: the lowest is taken first
    rank_jobs(jobs)               a number for each job: within a show and tier the lowest comes first

They get numpy columns, one row a host or a job, and return one value a row. They are asked once a pass, never once a
frame. A function that raises or returns something else is left out of that pass, and `explain` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Mask
from cuebot.domain.ready import Demand
from cuebot.domain.states import FrameState
from cuebot.scheduling.rules.eligibility import allocation_mask

FUNCTIONS: Final = ("allow_hosts", "rank_hosts", "rank_jobs")

Numbers = npt.NDArray[np.float64]
Column = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Request:
    """What one frame asks for. Cores are hundredths (100 is one core), memory is KiB."""

    cores: int
    memory: int
    gpus: int
    gpu_memory: int
    tags: tuple[str, ...]
    services: tuple[str, ...]
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hosts:
    """All hosts, a row each; do not write to the columns. Cores are hundredths, memory is KiB."""

    _farm: Farm
    cores: Column
    idle_cores: Column
    memory: Column
    idle_memory: Column
    gpus: Column
    idle_gpus: Column
    gpu_memory: Column
    idle_gpu_memory: Column

    def __len__(self) -> int:
        return len(self.cores)

    def tagged(self, tag: str) -> Mask:
        """Hosts that have a tag; a host's name is one."""
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[list(self._farm.hosts_table.rows_by_tag.get(tag.lower(), ()))] = True
        return mask

    def in_allocation(self, name: str) -> Mask:
        """Hosts of an allocation by its full name, such as `local.general`; none where there is no such allocation."""
        for allocation in self._farm.allocations.values():
            if self._farm.allocation_name(allocation) == name:
                return allocation_mask(self._farm, allocation.id)
        return np.zeros(len(self), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Jobs:
    """Jobs with frames that wait for a host, a row each. Cores are hundredths."""

    names: list[str]
    shows: list[str]
    users: list[str]
    priority: Column
    age_s: Column
    """Seconds since it was submitted."""
    waiting: Column
    """Frames that are ready."""
    running: Column
    done: Column
    frames: Column
    reserved_cores: Column

    def __len__(self) -> int:
        return len(self.names)


@dataclass(slots=True)
class Policy:
    """One policy, by the name of its entry point."""

    name: str
    functions: dict[str, Callable[..., Any]]
    failures: dict[str, str] = field(default_factory=dict)
    """By function: why its last call was left out."""

    @classmethod
    def of(cls, name: str, thing: Any) -> Policy:
        """The policy in a module or an object. Raises TypeError for a thing that has none of the functions."""
        found = {function: getattr(thing, function) for function in FUNCTIONS if callable(getattr(thing, function, 0))}
        if not found:
            raise TypeError(f"policy {name!r} has none of the functions {', '.join(FUNCTIONS)}")
        return cls(name, found)

    def ask(self, function: str, rows: int, *arguments: Any) -> npt.NDArray[Any] | None:
        """What a function says for so many rows; None where the policy has no such function, or it failed."""
        asked = self.functions.get(function)
        if asked is None:
            return None
        wanted: Any = np.bool_ if function == "allow_hosts" else np.float64
        try:
            answer = np.asarray(asked(*arguments))
            if answer.shape != (rows,) or answer.dtype.kind not in ("b" if wanted is np.bool_ else "biuf"):
                raise TypeError(f"it returned {answer.dtype} of shape {answer.shape}, not a column of {rows}")
            answer = answer.astype(wanted)
            if wanted is np.float64 and np.isnan(answer).any():
                raise ValueError("it returned NaN")
        except Exception as error:  # noqa: BLE001 - a plug-in's mistake must not stop the farm
            self.failures[function] = f"{type(error).__name__}: {error}"
            return None
        self.failures.pop(function, None)
        return answer


class Policies:
    """What all policies together say, in one pass."""

    def __init__(self, farm: Farm, policies: Sequence[Policy], now_us: int) -> None:
        self._farm, self._policies, self._now_us = farm, policies, now_us
        self._hosts: Hosts | None = None
        self._allowed: dict[Demand, Mask | None] = {}

    def allowed(self, demand: Demand) -> Mask | None:
        """The hosts that every policy lets a frame use; None where no policy has anything to say."""
        if not self._policies:
            return None
        if demand not in self._allowed:
            self._allowed[demand] = self._ask_allowed(demand)
        return self._allowed[demand]

    def _ask_allowed(self, demand: Demand) -> Mask | None:
        allowed: Mask | None = None
        hosts = self._columns()
        for policy in self._policies:
            answer = policy.ask("allow_hosts", len(hosts), _request(demand), hosts)
            if answer is not None:
                allowed = answer if allowed is None else allowed & answer
        return allowed

    def host_ranks(self, demand: Demand) -> Numbers | None:
        """The sum of what policies say of hosts; None where none does."""
        return self._sum("rank_hosts", demand) if self._policies else None

    def job_ranks(self) -> dict[str, float] | None:
        """The sum of what policies say of jobs that wait, by id; None where none does."""
        if not any("rank_jobs" in policy.functions for policy in self._policies):
            return None
        ready = self._farm.ready.of_show.values()
        ids = list(dict.fromkeys(e.job_id for queues in ready for queue in queues.values() for e in queue.entries))
        jobs = _jobs(self._farm, ids, self._now_us)
        answers = [policy.ask("rank_jobs", len(ids), jobs) for policy in self._policies]
        total = sum((answer for answer in answers if answer is not None), np.zeros(len(ids)))
        return dict(zip(ids, total.tolist(), strict=True))

    def _sum(self, function: str, demand: Demand) -> Numbers | None:
        hosts = self._columns()
        answers = [policy.ask(function, len(hosts), _request(demand), hosts) for policy in self._policies]
        given = [answer for answer in answers if answer is not None]
        return np.sum(given, axis=0) if given else None

    def _columns(self) -> Hosts:
        if self._hosts is None:
            table, n = self._farm.hosts_table, self._farm.hosts_table.size
            columns = {"cores": table.cores[:n].view(), "idle_cores": table.idle_cores[:n].view()}
            for name in ("memory", "gpus", "gpu_memory"):
                columns[name] = table.has[name][:n].view()
                columns[f"idle_{name}"] = table.idle[name][:n].view()
            for column in columns.values():
                column.flags.writeable = False
            self._hosts = Hosts(self._farm, **columns)
        return self._hosts


def _request(demand: Demand) -> Request:
    return Request(
        demand.cores, demand.memory, demand.gpus, demand.gpu_memory, demand.tags, demand.services, demand.limits
    )


def _jobs(farm: Farm, ids: list[str], now_us: int) -> Jobs:
    jobs = [farm.jobs[id] for id in ids]

    def column(values: list[int]) -> Column:
        return np.asarray(values, dtype=np.int64)

    return Jobs(
        names=[job.name for job in jobs],
        shows=[farm.shows[job.show_id].name for job in jobs],
        users=[job.user for job in jobs],
        priority=column([job.priority for job in jobs]),
        age_s=column([(now_us - job.submitted_us) // 1_000_000 for job in jobs]),
        waiting=column([job.counts[FrameState.WAITING] for job in jobs]),
        running=column([job.counts[FrameState.RUNNING] for job in jobs]),
        done=column([job.counts[FrameState.SUCCEEDED] + job.counts[FrameState.EATEN] for job in jobs]),
        frames=column([sum(job.counts) for job in jobs]),
        reserved_cores=column([job.reserved_cores for job in jobs]),
    )

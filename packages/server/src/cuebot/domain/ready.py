"""The queues of waiting work: jobs with waiting frames, sorted as they are booked and grouped by what they need.

A booking pass asks "what fits" once for each demand, however many jobs share it. That makes a pass cost in proportion
to the different demands and to what it books, not to what waits. `Farm.update_ready` keeps the queues.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from cuebot.domain.resources import Amounts, amounts
from cuebot.domain.units import CoreUnits, KiB

if TYPE_CHECKING:
    from cuebot.domain.nouns import Job, Layer


@dataclass(frozen=True, slots=True)
class Demand:
    """What one frame of a layer takes from a host, and which hosts may be asked. Many layers have the same."""

    cores: CoreUnits
    """0 asks for a whole host, a negative number for all of it but that much (opencue-behaviour: cores-of-a-proc)."""
    memory: KiB
    gpus: int
    gpu_memory: KiB
    tags: tuple[str, ...]
    services: tuple[str, ...]
    limits: tuple[str, ...]
    os: str
    facility_id: str
    alone: bool = False
    """Nothing else may run on its host."""
    # What follows is said once, because passes ask for every booking.
    whole_host: bool = field(init=False, repr=False, compare=False)
    """It takes all cores of a host, or all but some."""
    idle_host: bool = field(init=False, repr=False, compare=False)
    """It needs a host on which nothing runs."""
    amounts: Amounts = field(init=False, repr=False, compare=False)
    """Of resources besides cores."""
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        place = (self.tags, self.services, self.limits, self.os, self.facility_id, self.alone)
        object.__setattr__(self, "whole_host", self.cores <= 0)
        object.__setattr__(self, "idle_host", self.alone or self.cores <= 0)
        object.__setattr__(self, "amounts", amounts(self))
        object.__setattr__(self, "_hash", hash((self.cores, self.memory, self.gpus, self.gpu_memory, place)))

    def __hash__(self) -> int:
        return self._hash

    @classmethod
    def of(cls, job: Job, layer: Layer, *, alone: bool = False) -> Demand:
        """The demand of a layer's next frame, or of the next of those that run alone."""
        cores = layer.cores_per_frame
        if 0 <= job.max_cores < cores:
            cores = min(cores, max(layer.min_cores, job.max_cores))  # more than it asks for, where its job may have it
        return cls(
            CoreUnits(cores),
            layer.reserved_memory,
            layer.min_gpus,
            layer.min_gpu_memory,
            layer.tags,
            layer.services,
            layer.limits,
            job.os,
            job.facility_id,
            alone,
        )


class Entry(NamedTuple):
    """A job's place in a queue."""

    precedence: int
    """The job's priority, negated: the smallest comes first."""
    submitted_us: int
    job_name: str
    """For jobs that were submitted together: ids say nothing that anybody could follow."""
    job_id: str


QueueKey = tuple[str, str, Demand]
"""Show, group and demand."""


@dataclass(slots=True, eq=False)
class Queue:
    """Jobs of one group of one show with ready layers that demand the same, first to be booked first."""

    show_id: str
    group_id: str
    demand: Demand
    entries: list[Entry] = field(default_factory=list)

    @property
    def key(self) -> QueueKey:
        """What no other queue has."""
        return self.show_id, self.group_id, self.demand


class Ready:
    """Layers of pending jobs with frames that wait for nothing but a host, and the queues of their jobs.

    A job at its maximum of cores or GPUs is in no queue until a run of it ends, so that no pass has to look at it.
    """

    def __init__(self) -> None:
        self.of_show: dict[str, dict[tuple[str, Demand], Queue]] = {}
        """By show; then by group and demand."""
        self._layers: dict[str, dict[Demand, list[tuple[int, str]]]] = {}
        """By job; then by demand: key and id of the layers, in their order."""
        self._demands: dict[tuple[str, bool], tuple[str, Demand]] = {}
        """Job and demand of each layer, and of the frames of a layer that run alone."""
        self._queued: dict[tuple[str, Demand], tuple[Queue, Entry]] = {}

    def has(self, layer_id: str, *, alone: bool = False) -> bool:
        """A layer has ready frames that run beside others, or that run alone."""
        return (layer_id, alone) in self._demands

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(layer_id for layer_id, _ in self._demands))

    def __len__(self) -> int:
        return len(self._demands)

    def layers(self, job_id: str, demand: Demand) -> list[tuple[int, str]]:
        """Key and id of a job's ready layers with a demand, in their order."""
        return self._layers[job_id][demand]

    def demands(self, job_id: str) -> list[Demand]:
        """What the ready layers of a job demand, also while the job is at its maximum."""
        return list(self._layers.get(job_id, ()))

    def add(self, job: Job, layer: Layer, *, alone: bool = False) -> None:
        """Enter a layer that is not there."""
        demand = Demand.of(job, layer, alone=alone)
        self._demands[layer.id, alone] = job.id, demand
        insort(self._layers.setdefault(job.id, {}).setdefault(demand, []), (layer.key, layer.id))
        self._enqueue(job, demand)

    def discard(self, layer_id: str, *, alone: bool = False) -> None:
        """Take a layer out, if it is there."""
        if (layer_id, alone) not in self._demands:
            return
        job_id, demand = self._demands.pop((layer_id, alone))
        demands = self._layers[job_id]
        demands[demand] = [pair for pair in demands[demand] if pair[1] != layer_id]
        if not demands[demand]:
            del demands[demand]
            self._dequeue(job_id, demand)
            if not demands:
                del self._layers[job_id]

    def room_changed(self, job: Job) -> None:
        """A job holds more or less than before: it leaves the queues at its maximum, and comes back below it."""
        for demand in self._layers.get(job.id, ()):
            if _has_room(job, demand):
                self._enqueue(job, demand)
            else:
                self._dequeue(job.id, demand)

    def _enqueue(self, job: Job, demand: Demand) -> None:
        if (job.id, demand) in self._queued or not _has_room(job, demand):
            return
        queues = self.of_show.setdefault(job.show_id, {})
        key = (job.group_id, demand)
        queue = queues.get(key)
        if queue is None:
            queue = queues[key] = Queue(job.show_id, *key)
        entry = Entry(-job.priority, job.submitted_us, job.name, job.id)
        insort(queue.entries, entry)
        self._queued[job.id, demand] = queue, entry

    def _dequeue(self, job_id: str, demand: Demand) -> None:
        queue, entry = self._queued.pop((job_id, demand), (None, None))
        if queue is None or entry is None:
            return
        del queue.entries[bisect_left(queue.entries, entry)]
        if not queue.entries:
            queues = self.of_show[queue.show_id]
            del queues[queue.group_id, queue.demand]
            if not queues:
                del self.of_show[queue.show_id]

    def view(self) -> dict[Any, Any]:
        """Everything, as plain values: for a recount."""
        queues = {
            (show_id, *key): list(queue.entries)
            for show_id, of_show in self.of_show.items()
            for key, queue in of_show.items()
        }
        return {**queues, **self._layers}


def _has_room(job: Job, demand: Demand) -> bool:
    if demand.gpus and 0 <= job.max_gpus < job.reserved_gpus + demand.gpus:
        return False
    return job.max_cores < 0 or job.reserved_cores + max(demand.cores, 1) <= job.max_cores

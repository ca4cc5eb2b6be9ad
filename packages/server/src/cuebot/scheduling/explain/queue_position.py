"""What stands before a layer in the order, and when its next frame may start.

The order is the plan's: tiers, minimums of groups, ranks of policies, priority and age within a show (`order`), shares
between shows (`shares`).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from cuebot.domain.host_table import Mask
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.ready import Demand, Entry, Queue
from cuebot.domain.states import FrameState
from cuebot.domain.units import SECOND
from cuebot.scheduling.explain.snapshot import FarmSnapshot
from cuebot.scheduling.rules.caps import below_minimum, gpu_room_under_cap, room_under_cap
from cuebot.scheduling.rules.eligibility import allocation_mask, may_start, open_mask, usable
from cuebot.scheduling.rules.estimate import mean_us, room_at_us
from cuebot.scheduling.rules.fits import room_now
from cuebot.scheduling.rules.job_order import TIERS, Precedence, precedence
from cuebot.scheduling.rules.shares import FairShare

JOBS_LOOKED_AT: Final = 50
"""More jobs ahead are taken to be like these, so that the answer costs the same on every farm."""
HOSTS_LOOKED_AT: Final = 20
"""Busy hosts that are asked when they will have room, those with most idle cores first."""


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """What comes before a layer's next frame."""

    jobs: int
    """Jobs of its show that come first, and wait for hosts that it could use as well."""
    for_minimum: int
    """Those of them that come first because their group holds less than its minimum."""
    frames: int
    """Ready frames of those jobs; of a group below its minimum, what it is short of."""
    own_frames: int
    """Frames of other layers of the same job that come first."""
    shows: int
    """Shows with waiting frames that are further under their share, in some allocation where both may book."""
    passing_priority: int | None
    """The least priority that puts the job before all of them; None where none is, or no priority would."""
    cores: float
    """Cores of hosts that it could use, as far as they are its show's share."""
    wait_s: int | None
    """About how long until what is ahead in the show has started; None while too little has ended to tell."""

    @property
    def clear(self) -> bool:
        """It is next."""
        return not (self.jobs or self.own_frames or self.shows)


def queue_position(snapshot: FarmSnapshot, job: Job, layer: Layer, demand: Demand) -> QueuePosition:
    """What comes before the next frame of a layer with this demand."""
    here = open_mask(snapshot.farm, demand) & usable(snapshot.farm, snapshot.now_us)
    ahead = _jobs_ahead(snapshot, job, here)
    own = _own_frames(snapshot, job, layer, demand)
    shows, cores = _shows_ahead(snapshot, job, here)

    scale = max(len(ahead.jobs) / ahead.looked_at, 1.0) if ahead.looked_at else 1.0
    wait_s = None
    if cores and ahead.work.known and own.known and (ahead.jobs or own.frames):
        wait_s = int((scale * ahead.work.core_us + own.core_us) / cores / SECOND)

    return QueuePosition(
        jobs=len(ahead.jobs),
        for_minimum=len(ahead.for_minimum),
        frames=int(ahead.work.frames * scale),
        own_frames=own.frames,
        shows=shows,
        passing_priority=_passing_priority(snapshot, job, ahead.first) if ahead.jobs else None,
        cores=cores,
        wait_s=wait_s,
    )


@dataclass(slots=True)
class _Work:
    """Frames, and what they take."""

    frames: int = 0
    core_us: float = 0.0
    known: bool = True
    """Of all of them it is known what they take."""

    def add(self, frames: int, core_us_each: float | None) -> None:
        self.frames += frames
        self.core_us += frames * (core_us_each or 0.0)
        self.known = self.known and (core_us_each is not None or not frames)


@dataclass(slots=True)
class _JobsAhead:
    """Jobs of one show that come first."""

    first: Precedence
    """Of the one that is next of all."""
    jobs: dict[str, None] = field(default_factory=dict)
    for_minimum: set[str] = field(default_factory=set)
    """Those that come first only because their group is below its minimum."""
    work: _Work = field(default_factory=_Work)
    """Of those that were looked at."""
    looked_at: int = 0


def _jobs_ahead(snapshot: FarmSnapshot, job: Job, here: Mask) -> _JobsAhead:
    """Jobs of the same show that come first and wait for hosts that this one could use as well."""
    farm = snapshot.farm
    own = _entry(job)
    mine = precedence(own, snapshot.ranks, for_minimum=below_minimum(farm.groups[job.group_id]))
    plainly = precedence(own, snapshot.ranks, for_minimum=False)
    ahead = _JobsAhead(first=mine)

    for queue in farm.ready.of_show.get(job.show_id, {}).values():
        group = farm.groups[queue.group_id]
        if max(queue.demand.cores, 1) > room_under_cap(group) or queue.demand.gpus > gpu_room_under_cap(group):
            continue
        early = below_minimum(group)
        entries = snapshot.in_order(queue)
        before = _place(snapshot, entries, mine, for_minimum=early)
        if not before or not (open_mask(farm, queue.demand) & here).any():
            continue

        ahead.first = min(ahead.first, precedence(entries[0], snapshot.ranks, for_minimum=early))
        by_itself = _place(snapshot, entries, plainly, for_minimum=False) if early and mine[1] else before
        _look_at(snapshot, queue, entries[:before], by_itself, ahead)
    return ahead


def _look_at(snapshot: FarmSnapshot, queue: Queue, entries: list[Entry], by_itself: int, ahead: _JobsAhead) -> None:
    """Count jobs of a queue as ahead; the first `by_itself` of them come first whatever their group holds."""
    group = snapshot.farm.groups[queue.group_id]
    short = -((group.reserved_cores - group.min_cores) // max(queue.demand.cores, 1))
    for place, entry in enumerate(entries):
        if ahead.looked_at >= JOBS_LOOKED_AT:
            ahead.jobs.update(dict.fromkeys(other.job_id for other in entries[place:]))
            return

        ready, core_us_each = _ready(snapshot, queue, entry)
        if place >= by_itself:
            ready = min(ready, short)
            short -= ready
        if not ready:
            continue
        ahead.looked_at += 1
        ahead.jobs[entry.job_id] = None
        if place >= by_itself:
            ahead.for_minimum.add(entry.job_id)
        ahead.work.add(ready, core_us_each)


def comes_before(snapshot: FarmSnapshot, other: Layer, layer: Layer) -> bool:
    """A layer's job comes before another layer's, or is of another show, with which its turn is a matter of shares."""
    farm = snapshot.farm
    first, second = farm.jobs[other.job_id], farm.jobs[layer.job_id]
    if first.show_id != second.show_id or first.id == second.id:
        return True
    early = [below_minimum(farm.groups[job.group_id]) for job in (first, second)]
    return precedence(_entry(first), snapshot.ranks, for_minimum=early[0]) < precedence(
        _entry(second), snapshot.ranks, for_minimum=early[1]
    )


def soonest_s(snapshot: FarmSnapshot, demand: Demand, candidates: Mask) -> int | None:
    """In how many seconds a busy host should have room for one frame; None while too little has ended to tell.

    What runs is taken to need as long as the frames of its layer did on average.
    """
    farm, table = snapshot.farm, snapshot.farm.hosts_table
    rows = np.flatnonzero(candidates)
    if len(rows) > HOSTS_LOOKED_AT:
        rows = rows[np.argpartition(-table.idle_cores[rows], HOSTS_LOOKED_AT)[:HOSTS_LOOKED_AT]]

    room = room_now(table)
    times = [room_at_us(farm, room, row, demand, snapshot.now_us, mean_us) for row in rows.tolist()]
    soonest_us = min((at_us for at_us in times if at_us is not None), default=None)
    return None if soonest_us is None else (soonest_us - snapshot.now_us) // SECOND


def _entry(job: Job) -> Entry:
    return Entry(-job.priority, job.submitted_us, job.name, job.id)


def _place(snapshot: FarmSnapshot, entries: list[Entry], mine: Precedence, *, for_minimum: bool) -> int:
    """How many entries of a queue come before a job."""
    return bisect_left(entries, mine, key=lambda entry: precedence(entry, snapshot.ranks, for_minimum=for_minimum))


def _ready(snapshot: FarmSnapshot, queue: Queue, entry: Entry) -> tuple[int, float | None]:
    """Frames of a job in a queue that may start, and core-microseconds that each takes; None where nothing is known."""
    key = (id(queue), entry.job_id)
    found = snapshot.ready.get(key)
    if found is None:
        found = snapshot.ready[key] = _count_ready(snapshot, queue, entry)
    return found


def _count_ready(snapshot: FarmSnapshot, queue: Queue, entry: Entry) -> tuple[int, float | None]:
    work = _Work()
    for _, layer_id in snapshot.farm.ready.layers(entry.job_id, queue.demand):
        layer = snapshot.farm.layers[layer_id]
        if may_start(snapshot.farm, layer, snapshot.now_us):
            work.add(layer.waiting(alone=queue.demand.alone), _core_us_each(layer))
    return work.frames, work.core_us / max(work.frames, 1) if work.known else None


def _core_us_each(layer: Layer) -> float | None:
    """Core-microseconds that a frame of the layer takes on average; None before any has succeeded."""
    return layer.core_us_succeeded / layer.runs_succeeded if layer.runs_succeeded else None


def _own_frames(snapshot: FarmSnapshot, job: Job, layer: Layer, demand: Demand) -> _Work:
    """Frames of the job's other layers that come first."""
    work = _Work()
    first = layer.frames.first_waiting(1, alone=demand.alone)
    if len(job.layer_ids) < 2 or not len(first):
        return work

    order = int(layer.frames.dispatch_order[first[0]])
    earlier = True
    layers = sorted(snapshot.farm.layers_of(job), key=lambda other: (other.dispatch_order, other.key))
    for other in layers[:JOBS_LOOKED_AT]:
        if other.id == layer.id:
            earlier = False
        elif other.counts[FrameState.WAITING] and may_start(snapshot.farm, other, snapshot.now_us):
            orders = other.frames.dispatch_order[other.frames.state == FrameState.WAITING]
            count = int((orders <= order).sum() if earlier else (orders < order).sum())
            work.add(count, _core_us_each(other))
    return work


def _shows_ahead(snapshot: FarmSnapshot, job: Job, here: Mask) -> tuple[int, float]:
    """Shows whose turn is before this one's on hosts that it could use, and the cores that are its share of those."""
    farm = snapshot.farm
    ahead: set[str] = set()
    cores = 0.0
    for allocation in farm.allocations.values():
        own = FairShare.of(farm, job.show_id, allocation, snapshot.now_us)
        hosts = here & allocation_mask(farm, allocation.id)
        if own is None or not hosts.any():
            continue

        turn = (own.usage, farm.shows[job.show_id].name)
        sizes = own.size
        for show_id, queues in farm.ready.of_show.items():
            other = FairShare.of(farm, show_id, allocation, snapshot.now_us) if show_id != job.show_id else None
            if other is None or other.room <= 0:
                continue
            if not any((open_mask(farm, queue.demand) & hosts).any() for queue in queues.values()):
                continue
            sizes += other.size
            if (other.usage, farm.shows[show_id].name) < turn:
                ahead.add(show_id)
        cores += int(farm.hosts_table.cores[: len(hosts)][hosts].sum()) / 100 * own.size / sizes
    return len(ahead), cores


def _passing_priority(snapshot: FarmSnapshot, job: Job, first: Precedence) -> int | None:
    """The least priority with which a job comes before the one that is first now."""
    group = snapshot.farm.groups[job.group_id]
    tiers_above = [TIERS[tier] for tier in range(first[0] - 1, -1, -1)]
    for priority in (max(job.priority, 1 - first[3].precedence), *tiers_above):
        entry = _entry(job)._replace(precedence=-priority)
        if precedence(entry, snapshot.ranks, for_minimum=below_minimum(group)) < first:
            return priority
    return None

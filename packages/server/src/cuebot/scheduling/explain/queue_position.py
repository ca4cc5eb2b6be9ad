"""What stands before a layer in the order, and when its next frame may start.

The order is the plan's: tiers, minimums of groups, ranks of policies, priority and age within a show (`order`), shares
between shows (`shares`).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

import numpy as np

from cuebot.domain.host_table import Mask
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.ready import Demand, Entry, Queue
from cuebot.domain.states import FrameState
from cuebot.domain.units import SECOND
from cuebot.scheduling.explain.snapshot import FarmSnapshot
from cuebot.scheduling.rules.eligibility import (
    allocation_mask,
    below_minimum,
    gpu_room_under_cap,
    may_start,
    open_mask,
    room_under_cap,
    usable,
)
from cuebot.scheduling.rules.estimate import mean_us, room_at_us
from cuebot.scheduling.rules.fits import room_now
from cuebot.scheduling.rules.order import TIERS, Precedence, precedence
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
    farm = snapshot.farm
    here = open_mask(farm, demand) & usable(farm, snapshot.now_us)
    own = _entry(job)
    mine = precedence(own, snapshot.ranks, for_minimum=below_minimum(farm.groups[job.group_id]))
    plainly = precedence(own, snapshot.ranks, for_minimum=False)
    jobs: dict[str, None] = {}
    for_minimum: set[str] = set()
    frames, core_us, known, looked_at, first = 0, 0.0, True, 0, mine
    for queue in farm.ready.of_show.get(job.show_id, {}).values():
        group = farm.groups[queue.group_id]
        if max(queue.demand.cores, 1) > room_under_cap(group) or queue.demand.gpus > gpu_room_under_cap(group):
            continue
        early = below_minimum(group)
        entries = snapshot.in_order(queue)
        before = _place(snapshot, entries, mine, for_minimum=early)
        if not before or not (open_mask(farm, queue.demand) & here).any():
            continue
        first = min(first, precedence(entries[0], snapshot.ranks, for_minimum=early))
        by_itself = _place(snapshot, entries, plainly, for_minimum=False) if early and mine[1] else before
        short = -((group.reserved_cores - group.min_cores) // max(queue.demand.cores, 1))
        place = 0
        while place < before and looked_at < JOBS_LOOKED_AT:
            entry, early_only = entries[place], place >= by_itself
            place += 1
            ready, each = _ready(snapshot, queue, entry)
            if early_only:
                ready = min(ready, short)
                short -= ready
            if not ready:
                continue
            looked_at += 1
            jobs[entry.job_id] = None
            if early_only:
                for_minimum.add(entry.job_id)
            frames += ready
            known = known and each is not None
            core_us += ready * (each or 0.0)
        jobs.update((entry.job_id, None) for entry in entries[place:before])
    scale = max(len(jobs) / looked_at, 1.0) if looked_at else 1.0
    own_frames, own_core_us, own_known = _own_frames(snapshot, job, layer, demand)
    shows, cores = _shows_ahead(snapshot, job, here)
    ahead = bool(jobs or own_frames)
    wait_s = int((scale * core_us + own_core_us) / cores / SECOND) if known and own_known and cores and ahead else None
    passing = _passing_priority(snapshot, job, first) if jobs else None
    return QueuePosition(len(jobs), len(for_minimum), int(frames * scale), own_frames, shows, passing, cores, wait_s)


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
    frames, core_us, known = 0, 0.0, True
    for _, layer_id in snapshot.farm.ready.layers(entry.job_id, queue.demand):
        layer = snapshot.farm.layers[layer_id]
        if may_start(snapshot.farm, layer, snapshot.now_us):
            each = _core_us_each(layer)
            waiting = layer.waiting(alone=queue.demand.alone)
            frames += waiting
            core_us += waiting * (each or 0.0)
            known = known and each is not None
    return frames, core_us / max(frames, 1) if known else None


def _core_us_each(layer: Layer) -> float | None:
    """Core-microseconds that a frame of the layer takes on average; None before any has succeeded."""
    return layer.core_us_succeeded / layer.runs_succeeded if layer.runs_succeeded else None


def _own_frames(snapshot: FarmSnapshot, job: Job, layer: Layer, demand: Demand) -> tuple[int, float, bool]:
    """Frames of the job's other layers that come first, their core-microseconds, and whether those are known."""
    first = layer.frames.first_waiting(1, alone=demand.alone)
    if len(job.layer_ids) < 2 or not len(first):
        return 0, 0.0, True
    order = int(layer.frames.dispatch_order[first[0]])
    frames, core_us, known, earlier = 0, 0.0, True, True
    layers = sorted(snapshot.farm.layers_of(job), key=lambda other: (other.dispatch_order, other.key))
    for other in layers[:JOBS_LOOKED_AT]:
        if other.id == layer.id:
            earlier = False
        elif other.counts[FrameState.WAITING] and may_start(snapshot.farm, other, snapshot.now_us):
            waiting = other.frames.state == FrameState.WAITING
            orders = other.frames.dispatch_order[waiting]
            count = int((orders <= order).sum() if earlier else (orders < order).sum())
            each = _core_us_each(other)
            frames += count
            core_us += count * (each or 0.0)
            known = known and (each is not None or not count)
    return frames, core_us, known


def _shows_ahead(snapshot: FarmSnapshot, job: Job, here: Mask) -> tuple[int, float]:
    """Shows whose turn is before this one's on hosts that it could use, and the cores that are its share of those."""
    farm = snapshot.farm
    ahead, cores = set(), 0.0
    for allocation in farm.allocations.values():
        own = FairShare.of(farm, job.show_id, allocation, snapshot.now_us)
        hosts = here & allocation_mask(farm, allocation.id)
        if own is None or not hosts.any():
            continue
        turn, size, sizes = (own.usage, farm.shows[job.show_id].name), own.size, own.size
        for show_id, queues in farm.ready.of_show.items():
            other = FairShare.of(farm, show_id, allocation, snapshot.now_us) if show_id != job.show_id else None
            if other is None or other.room <= 0:
                continue
            if not any((open_mask(farm, queue.demand) & hosts).any() for queue in queues.values()):
                continue
            sizes += other.size
            if (other.usage, farm.shows[show_id].name) < turn:
                ahead.add(show_id)
        cores += int(farm.hosts_table.cores[: len(hosts)][hosts].sum()) / 100 * size / sizes
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

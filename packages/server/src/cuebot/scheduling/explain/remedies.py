"""The cheapest remedy: for each way in which hosts are ruled out, what would open the one that costs least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from cuebot.domain.host_table import Mask
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.ready import Demand
from cuebot.scheduling.explain.constraint import Constraint
from cuebot.scheduling.explain.fixes import A_STEP, Fix, Numbers, Step, Units
from cuebot.scheduling.explain.snapshot import FarmSnapshot
from cuebot.scheduling.rules.caps import burst_room, gpu_room_under_cap
from cuebot.scheduling.rules.eligibility import allocation_mask, room_under_caps
from cuebot.scheduling.rules.fits import room_now

MOST: Final = 5
"""Remedies that are named."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """Steps after which frames of the layer can start, as far as nothing that is ahead takes their place."""

    steps: tuple[Step, ...]
    cost: float
    """Sum over the steps of the part of a setting that changes, weighted by whose it is, and a bit a step (`fixes`)."""
    hosts: int
    """Hosts with room for a frame then."""
    frames: int
    """Frames that can start at once then."""

    @property
    def text(self) -> str:
        """All steps in one sentence."""
        return ", and ".join(step.text for step in self.steps)


def remedies(
    snapshot: FarmSnapshot,
    job: Job,
    layer: Layer,
    needs: Demand,
    job_constraints: Sequence[Constraint],
    host_constraints: Sequence[Constraint],
) -> tuple[Remedy, ...]:
    """The cheapest remedy of each kind, the cheapest of all first; of two that cost the same, what starts more."""
    present = snapshot.farm.hosts_table.present[: snapshot.farm.hosts_table.size]
    everywhere = [constraint.fix() if constraint.fix else None for constraint in job_constraints]
    fixes = [fix for fix in everywhere if fix is not None]
    if not len(present) or len(fixes) < len(everywhere):
        return ()

    lifts = [_lift(constraint) for constraint in host_constraints if not constraint.has_parts]
    costs, kinds = _costs(present, fixes, lifts)
    found: list[Remedy] = []
    while len(found) < MOST:
        row = int(np.argmin(costs))
        if not np.isfinite(costs[row]):
            break
        steps, opened = _open(row, present, fixes, lifts)
        frames = _frames(snapshot, job, layer, needs, steps, opened)
        found.append(Remedy(steps, round(float(costs[row]), 4), int(opened.sum()), frames))
        costs[kinds == kinds[row]] = np.inf

    least = [remedy for remedy in found if not any(_codes(other) < _codes(remedy) for other in found)]
    return tuple(sorted(least, key=lambda remedy: (remedy.cost, -remedy.frames)))


@dataclass(frozen=True, slots=True)
class _Lift:
    """A constraint on hosts, and what would lift it; None where nothing would."""

    shut: Mask
    fix: Fix | None


def _lift(constraint: Constraint) -> _Lift:
    assert constraint.open is not None
    shut = ~constraint.open
    return _Lift(shut, constraint.fix() if constraint.fix and shut.any() else None)


def _costs(present: Mask, everywhere: Sequence[Fix], lifts: Sequence[_Lift]) -> tuple[Numbers, Units]:
    """By host: what it costs to open it, and which constraints shut it, a bit for each. Hosts with the same bits are
    opened in the same way, so that one of them stands for all."""
    first = A_STEP * (len(everywhere) - 1)  # every step but one has a cost of its own
    costs: Numbers = np.where(present, first, np.inf)
    for fix in everywhere:
        costs += fix.costs

    kinds = np.zeros(len(present), dtype=np.int64)
    for place, lift in enumerate(lifts):
        costs[lift.shut] += lift.fix.costs[lift.shut] + A_STEP if lift.fix else np.inf
        kinds[lift.shut] |= 1 << place
    if not everywhere:
        costs[kinds == 0] = np.inf  # nothing is in the way there
    return costs, kinds


def _open(row: int, present: Mask, everywhere: Sequence[Fix], lifts: Sequence[_Lift]) -> tuple[tuple[Step, ...], Mask]:
    """The steps that open a host, and the hosts that are open after them."""
    steps = [fix.step(row) for fix in everywhere]
    opened = present.copy()
    for fix in everywhere:
        opened &= fix.covers(row)

    for lift in lifts:
        if lift.shut[row] and lift.fix:
            steps.append(lift.fix.step(row))
            opened &= ~lift.shut | lift.fix.covers(row)
        else:
            opened &= ~lift.shut
    return tuple(steps), opened


def _codes(remedy: Remedy) -> frozenset[str]:
    return frozenset(step.code for step in remedy.steps)


def _frames(snapshot: FarmSnapshot, job: Job, layer: Layer, needs: Demand, steps: Sequence[Step], opened: Mask) -> int:
    """How many frames of the layer can start at once on the hosts that are open."""
    changed: dict[str, Any] = {}
    for step in steps:
        changed |= step.demand
    needs = replace(needs, **changed)

    most = [layer.waiting(alone=needs.alone), _within_bursts(snapshot, job, needs, opened)]
    most += _within_maximums(snapshot, job, needs)
    most += _within_limits(snapshot, needs)
    most += [step.frames for step in steps if step.frames is not None]
    return max(0, min(most))


def _within_bursts(snapshot: FarmSnapshot, job: Job, needs: Demand, opened: Mask) -> int:
    """Frames for which the open hosts have room, as far as the bursts of the job's show allow, or one in each."""
    farm, table = snapshot.farm, snapshot.farm.hosts_table
    rows = np.flatnonzero(opened)
    on_hosts = np.zeros(len(opened), dtype=np.int64)
    on_hosts[rows] = room_now(table).count(needs, rows)
    on_hosts[opened & table.probing[: table.size]] = 1

    cores_each = max(needs.cores, 1)
    frames = 0
    for allocation in farm.allocations.values():
        room = burst_room(farm, job.show_id, allocation)
        within_burst = room // cores_each if room is not None and room >= cores_each else 1
        frames += min(int(on_hosts[allocation_mask(farm, allocation.id)].sum()), within_burst)
    return frames


def _within_maximums(snapshot: FarmSnapshot, job: Job, needs: Demand) -> list[int]:
    """Frames that the maximums of the job and its group allow; those that a step raises say nothing."""
    most = []
    cores_each = max(needs.cores, 1)
    room, _ = room_under_caps(snapshot.farm, job)
    if room >= cores_each:
        most.append(room // cores_each)

    if needs.gpus:
        rooms = [gpu_room_under_cap(holder) for holder in (job, snapshot.farm.groups[job.group_id])]
        most += [gpus // needs.gpus for gpus in rooms if gpus >= needs.gpus]
    return most


def _within_limits(snapshot: FarmSnapshot, needs: Demand) -> list[int]:
    """Frames that limits by frame allow; those that a step raises say nothing."""
    rooms = [snapshot.limit_usage.room(name) for name in needs.limits]
    left = [room.limit.max_value - room.used for room in rooms if room and room.blocks and not room.limit.per_host]
    return [frames for frames in left if frames > 0]

"""The cheapest remedy: for each way in which hosts are ruled out, what would open the one that costs least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from cuebot.domain.host_table import Mask
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.ready import Demand
from cuebot.scheduling.explain.constraints import Constraint
from cuebot.scheduling.explain.fixes import A_STEP, Fix, Numbers, Step
from cuebot.scheduling.explain.snapshot import FarmSnapshot
from cuebot.scheduling.rules.eligibility import allocation_mask, burst_room, gpu_room_under_cap, room_under_caps
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
    table, n = snapshot.farm.hosts_table, snapshot.farm.hosts_table.size
    everywhere = [constraint.fix() if constraint.fix else None for constraint in job_constraints]
    if not n or None in everywhere:
        return ()
    host_constraints = [constraint for constraint in host_constraints if not constraint.has_parts]
    first = A_STEP * (len(job_constraints) - 1)  # every step but one has a cost of its own
    total: Numbers = np.where(table.present[:n], first, np.inf)
    kinds = np.zeros(n, dtype=np.int64)
    for fix in everywhere:
        total += fix.costs if fix else 0.0
    fixes: list[Fix | None] = []
    for place, constraint in enumerate(host_constraints):
        shut = _shut(constraint)
        fix = constraint.fix() if constraint.fix and shut.any() else None
        fixes.append(fix)
        total[shut] += fix.costs[shut] + A_STEP if fix else np.inf
        kinds[shut] |= 1 << place
    if not job_constraints:
        total[kinds == 0] = np.inf  # nothing is in the way there
    found: list[Remedy] = []
    while len(found) < MOST:
        row = int(np.argmin(total))
        if not np.isfinite(total[row]):
            break
        opened = table.present[:n].copy()
        steps = [fix.step(row) for fix in everywhere if fix]
        for fix in everywhere:
            opened &= fix.covers(row) if fix else False
        for constraint, fix in zip(host_constraints, fixes, strict=True):
            shut = _shut(constraint)
            if shut[row] and fix:
                steps.append(fix.step(row))
                opened &= ~shut | fix.covers(row)
            else:
                opened &= ~shut
        frames = _frames(snapshot, job, layer, needs, steps, opened)
        found.append(Remedy(tuple(steps), round(float(total[row]), 4), int(opened.sum()), frames))
        total[kinds == kinds[row]] = np.inf
    least = [remedy for remedy in found if not any(_codes(other) < _codes(remedy) for other in found)]
    return tuple(sorted(least, key=lambda remedy: (remedy.cost, -remedy.frames)))


def _codes(remedy: Remedy) -> frozenset[str]:
    return frozenset(step.code for step in remedy.steps)


def _shut(constraint: Constraint) -> Mask:
    assert constraint.open is not None
    return ~constraint.open


def _frames(snapshot: FarmSnapshot, job: Job, layer: Layer, needs: Demand, steps: Sequence[Step], opened: Mask) -> int:
    """How many frames of the layer can start at once on the hosts that are open."""
    farm, table = snapshot.farm, snapshot.farm.hosts_table
    asked: dict[str, Any] = {}
    for step in steps:
        asked |= step.demand
    needs = replace(needs, **asked)
    rows = np.flatnonzero(opened)
    fit = room_now(table).count(needs, rows)
    fit[table.probing[rows]] = 1
    on_hosts = np.zeros(len(opened), dtype=np.int64)
    on_hosts[rows] = fit
    each, frames = max(needs.cores, 1), 0
    for allocation in farm.allocations.values():
        room = burst_room(farm, job.show_id, allocation)
        mask = allocation_mask(farm, allocation.id)
        frames += min(int(on_hosts[mask].sum()), room // each if room is not None and room >= each else 1)
    most = [layer.waiting(alone=needs.alone), frames]
    room, _ = room_under_caps(farm, job)
    if room >= each:
        most.append(room // each)
    if needs.gpus:
        rooms = [gpu_room_under_cap(holder) for holder in (job, farm.groups[job.group_id])]
        most += [gpus // needs.gpus for gpus in rooms if gpus >= needs.gpus]
    for name in needs.limits:
        id = farm.limit_by_name.get(name)
        if id and not farm.limits[id].per_host and farm.limits[id].max_value > farm.limit_use.of(name).frames:
            most.append(farm.limits[id].max_value - farm.limit_use.of(name).frames)
    return max(0, min(most + [step.frames for step in steps if step.frames is not None]))

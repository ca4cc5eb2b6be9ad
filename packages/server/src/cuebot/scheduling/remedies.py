"""The cheapest remedy: for each way in which hosts are ruled out, what would open the one that costs least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cuebot.domain.host_table import Mask
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.ready import Demand
from cuebot.domain.units import CoreUnits, KiB
from cuebot.scheduling.cures import A_STEP, Cure, Numbers, Step
from cuebot.scheduling.eligibility import allocation_mask, burst_room, gpu_room_under_cap, room_under_caps
from cuebot.scheduling.obstacles import Obstacle
from cuebot.scheduling.view import View

MOST: Final = 5
"""Remedies that are named."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """Steps after which frames of the layer can start, as far as nothing that is ahead takes their place."""

    steps: tuple[Step, ...]
    cost: float
    """Sum over the steps of the part of a setting that changes, weighted by whose it is, and a bit a step (`cures`)."""
    hosts: int
    """Hosts with room for a frame then."""
    frames: int
    """Frames that can start at once then."""

    @property
    def text(self) -> str:
        """All steps in one sentence."""
        return ", and ".join(step.text for step in self.steps)


def remedies(
    view: View, job: Job, layer: Layer, needs: Demand, gates: Sequence[Obstacle], ruling: Sequence[Obstacle]
) -> tuple[Remedy, ...]:
    """The cheapest remedy of each kind, the cheapest of all first; of two that cost the same, what starts more."""
    table, n = view.farm.hosts_table, view.farm.hosts_table.size
    everywhere = [gate.cure() if gate.cure else None for gate in gates]
    if not n or None in everywhere:
        return ()
    ruling = [obstacle for obstacle in ruling if not obstacle.has_parts]
    first = A_STEP * (len(gates) - 1)  # every step but one has a cost of its own
    total: Numbers = np.where(table.present[:n], first, np.inf)
    kinds = np.zeros(n, dtype=np.int64)
    for cure in everywhere:
        total += cure.costs if cure else 0.0
    cures: list[Cure | None] = []
    for place, obstacle in enumerate(ruling):
        shut = _shut(obstacle)
        cure = obstacle.cure() if obstacle.cure and shut.any() else None
        cures.append(cure)
        total[shut] += cure.costs[shut] + A_STEP if cure else np.inf
        kinds[shut] |= 1 << place
    if not gates:
        total[kinds == 0] = np.inf  # nothing is in the way there
    found: list[Remedy] = []
    while len(found) < MOST:
        row = int(np.argmin(total))
        if not np.isfinite(total[row]):
            break
        opened = table.present[:n].copy()
        steps = [cure.step(row) for cure in everywhere if cure]
        for cure in everywhere:
            opened &= cure.covers(row) if cure else False
        for obstacle, cure in zip(ruling, cures, strict=True):
            shut = _shut(obstacle)
            if shut[row] and cure:
                steps.append(cure.step(row))
                opened &= ~shut | cure.covers(row)
            else:
                opened &= ~shut
        frames = _frames(view, job, layer, needs, steps, opened)
        found.append(Remedy(tuple(steps), round(float(total[row]), 4), int(opened.sum()), frames))
        total[kinds == kinds[row]] = np.inf
    least = [remedy for remedy in found if not any(_codes(other) < _codes(remedy) for other in found)]
    return tuple(sorted(least, key=lambda remedy: (remedy.cost, -remedy.frames)))


def _codes(remedy: Remedy) -> frozenset[str]:
    return frozenset(step.code for step in remedy.steps)


def _shut(obstacle: Obstacle) -> Mask:
    assert obstacle.open is not None
    return ~obstacle.open


def _frames(view: View, job: Job, layer: Layer, needs: Demand, steps: Sequence[Step], opened: Mask) -> int:
    """How many frames of the layer can start at once on the hosts that are open."""
    farm, table = view.farm, view.farm.hosts_table
    asked: dict[str, int] = {}
    for step in steps:
        asked |= step.demand
    cores, memory = asked.get("cores", needs.cores), asked.get("memory", needs.memory)
    needs = replace(
        needs, cores=CoreUnits(cores), memory=KiB(memory), gpus=asked.get("gpus", needs.gpus),
        gpu_memory=KiB(asked.get("gpu_memory", needs.gpu_memory)),
    )  # fmt: skip
    rows = np.flatnonzero(opened)
    fit = np.ones(len(rows), dtype=np.int64)
    if not needs.whole_host:
        fit = np.minimum(table.idle_cores[rows] // needs.cores, table.idle_memory[rows] // needs.memory)
        for each, idle in ((needs.gpus, table.idle_gpus), (needs.gpu_memory, table.idle_gpu_memory)):
            fit = np.minimum(fit, idle[rows] // each) if each else fit
        fit[table.probing[rows] | needs.alone] = 1
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

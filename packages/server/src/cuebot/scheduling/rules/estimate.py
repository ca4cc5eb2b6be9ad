"""When a host should have room for a frame: one walk over the ends of its runs, by an estimate of how long each takes.

A plan that keeps hosts free counts with the longest run of a layer, because it must not be late; explain counts with
the mean, because it says what is likely. Both walk the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Layer, Proc
from cuebot.domain.ready import Demand
from cuebot.domain.resources import amounts
from cuebot.scheduling.rules.fits import Room, enough

RUNS_TO_KNOW: Final = 3
"""So many runs of a layer must have succeeded before its longest is taken for what the next will need."""

Estimate = Callable[[Layer], int | None]
"""How long a run of a layer takes, in microseconds; None where too little is known."""


def longest_us(layer: Layer) -> int | None:
    """How long a run of a layer takes at most, by what is known of it; None where too little is."""
    return int(layer.longest_us) if layer.runs_succeeded >= RUNS_TO_KNOW else None


def mean_us(layer: Layer) -> int | None:
    """How long runs of a layer took on average; None before any has succeeded."""
    return layer.clock_us_succeeded // layer.runs_succeeded if layer.runs_succeeded else None


def ends_us(farm: Farm, row: int, estimate: Estimate) -> list[tuple[int, Proc]]:
    """When the runs on a host should be over, the next first, without those of which too little is known."""
    ends = []
    for run_id in farm.hosts[farm.hosts_table.ids[row]].proc_ids:
        proc = farm.procs[run_id]
        run_us = estimate(farm.layers[proc.layer_id])
        if run_us is not None:
            ends.append((proc.booked_us + run_us, proc))

    return sorted(ends, key=lambda end: (end[0], end[1].id))


def room_at_us(farm: Farm, room: Room, row: int, demand: Demand, now_us: int, estimate: Estimate) -> int | None:
    """When a host should have room for one frame, if it takes nothing else until then; None where nobody can say.

    `room` is what it has now: what its runs hold is given back as they end.
    """
    whole = room.whole.item(row)
    cores = room.cores.item(row)
    left = {name: column.item(row) for name, column in room.amounts.items()}
    if enough(demand, whole, cores, left):
        return now_us

    for end_us, proc in ends_us(farm, row, estimate):
        cores += proc.cores
        for name, amount in amounts(proc):
            left[name] += amount
        if enough(demand, whole, cores, left):
            return max(now_us, end_us)
    return None

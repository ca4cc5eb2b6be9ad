"""What stands before a job in the order, and when its turn may come."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.ready import Demand, Entry
from cuebot.domain.states import FrameState
from cuebot.scheduling.eligibility import open_mask, usable
from cuebot.scheduling.shares import Standing

JOBS_LOOKED_AT: Final = 200
"""More jobs ahead are taken to be like these, so that the answer costs the same on every farm."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What comes before a layer's next frame. Policies and minimums of groups are not looked at."""

    jobs: int
    """Jobs of its show that come first, and wait for hosts that it could use as well."""
    frames: int
    """Their frames that are ready."""
    highest_priority: int
    shows: int
    """Shows with waiting frames that are further under their share, in some allocation that both subscribe to."""
    wait_s: int | None
    """About how long until the jobs ahead have started; None while too few of their frames have ended to tell."""


def outlook(farm: Farm, job: Job, demand: Demand, now_us: int) -> Outlook:
    """What comes before the next frame of a job with this demand."""
    here = open_mask(farm, demand)
    place = Entry(-job.priority, job.submitted_us, job.name, job.id)
    jobs: dict[str, None] = {}
    highest = job.priority
    for queue in farm.ready.of_show.get(job.show_id, {}).values():
        before = bisect_left(queue.entries, place)
        if before and (open_mask(farm, queue.demand) & here).any():
            jobs.update((entry.job_id, None) for entry in queue.entries[:before])
            highest = max(highest, -queue.entries[0].precedence)
    frames, core_us, known = 0, 0.0, True
    looked_at = list(jobs)[:JOBS_LOOKED_AT]
    for id in looked_at:
        for layer in farm.layers_of(farm.jobs[id]):
            waiting = layer.counts[FrameState.WAITING]
            frames += waiting
            each = _core_us_each(layer)
            known = known and (each is not None or not waiting)
            core_us += waiting * (each or 0.0)
    scale = len(jobs) / len(looked_at) if looked_at else 1.0
    table, n = farm.hosts_table, farm.hosts_table.size
    cores = int(table.cores[:n][here & usable(farm, now_us)].sum()) / 100
    wait_s = int(scale * core_us / cores / 1_000_000) if known and cores else None
    return Outlook(len(jobs), int(frames * scale), highest, _shows_ahead(farm, job, now_us), wait_s)


def _core_us_each(layer: Layer) -> float | None:
    """Core-microseconds that a frame of the layer takes on average; None before any has succeeded."""
    return layer.core_us_succeeded / layer.runs_succeeded if layer.runs_succeeded else None


def _shows_ahead(farm: Farm, job: Job, now_us: int) -> int:
    ahead = set()
    for allocation in farm.allocations.values():
        own = farm.subscription_of.get((job.show_id, allocation.id))
        if own is None:
            continue
        over = Standing(farm.subscriptions[own], now_us).over
        for show_id in farm.ready.of_show:
            other = farm.subscription_of.get((show_id, allocation.id))
            if other and show_id != job.show_id and Standing(farm.subscriptions[other], now_us).over < over:
                ahead.add(show_id)
    return len(ahead)

"""Which job of a show books next: tier, departments below their minimum, priority, age.

A tier is a band of priorities; all of a higher tier comes before all of a lower one, so only who puts a job into a low
tier lets it starve. Within a tier the jobs of groups that hold less than their minimum of cores come first, until the
group has it. Then the higher priority is first, then the older job.

Which show comes before: `shares`; which frames of the job: `plan/frame_order`; who asks them in turn: `plan/filling`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.ready import Demand, Entry, Queue

TIERS: Final = (150, 100, 50)
"""Lowest priority of each tier but the last, which takes everything below (decisions: tiers-of-priority)."""


def tier_of(priority: int) -> int:
    """The tier of a priority: 0 is the most urgent."""
    return next((tier for tier, least in enumerate(TIERS) if priority >= least), len(TIERS))


@dataclass(slots=True)
class JobWork:
    """A job whose turn it is, and those of its ready layers that may fit, in their order."""

    job: Job
    layers: list[tuple[Layer, Demand]]
    for_minimum: bool
    """It is its turn only until its group has its minimum of cores."""


Ranks = Mapping[str, float]
"""What policies say of jobs, by id; the lowest first."""

Precedence = tuple[int, bool, float, Entry]
"""Tier, not for a minimum, a policy's rank, entry: the smallest is next."""


def precedence(entry: Entry, ranks: Ranks | None, *, for_minimum: bool) -> Precedence:
    """What decides which job of a show is next; `for_minimum` says that its group is to get its minimum by it."""
    rank = ranks.get(entry.job_id, 0.0) if ranks is not None else 0.0
    return tier_of(-entry.precedence), not for_minimum, rank, entry


def in_order(queue: Queue, ranks: Ranks | None) -> list[Entry]:
    """A queue's jobs, the next first: read them, never write to them."""
    if ranks is None:
        return queue.entries
    return sorted(queue.entries, key=lambda entry: precedence(entry, ranks, for_minimum=False))


_Head = tuple[Precedence, int, int]
"""Precedence, number of the queue, place in it: the smallest is next."""


def jobs_in_order(
    farm: Farm,
    show_id: str,
    may_fit: Callable[[Queue, str], bool],
    below_minimum: Callable[[str], bool],
    ranks: Ranks | None = None,
) -> Iterator[JobWork]:
    """A show's jobs with ready layers; a queue is left as soon as its demand fits nowhere.

    `may_fit` is asked for a queue and the id of the job whose turn it is. `below_minimum` says of a group that it holds
    less than its minimum. A job of such a group comes twice.
    """
    queues = list(farm.ready.of_show.get(show_id, {}).values())
    entries = [in_order(queue, ranks) for queue in queues]

    def head(number: int, place: int, *, for_minimum: bool) -> _Head:
        return precedence(entries[number][place], ranks, for_minimum=for_minimum), number, place

    heads = [head(number, 0, for_minimum=False) for number in range(len(queues))]
    heads += [head(number, 0, for_minimum=True) for number, q in enumerate(queues) if below_minimum(q.group_id)]
    heapq.heapify(heads)

    while heads:
        first = heads[0][0]
        not_for_minimum, entry = first[1], first[3]
        demands = []
        while heads and heads[0][0][1] is not_for_minimum and heads[0][0][3].job_id == entry.job_id:
            _, number, place = heads[0]
            queue = queues[number]
            if not may_fit(queue, entry.job_id) or not (not_for_minimum or below_minimum(queue.group_id)):
                heapq.heappop(heads)
                continue
            demands.append(queue.demand)
            if place + 1 < len(entries[number]):
                heapq.heapreplace(heads, head(number, place + 1, for_minimum=not not_for_minimum))
            else:
                heapq.heappop(heads)

        if demands:
            layers = _ready_layers(farm, entry.job_id, demands)
            yield JobWork(farm.jobs[entry.job_id], layers, for_minimum=not not_for_minimum)


def _ready_layers(farm: Farm, job_id: str, demands: list[Demand]) -> list[tuple[Layer, Demand]]:
    """A job's ready layers that ask for one of some demands, in their order."""
    keyed = [(key, id, demand) for demand in demands for key, id in farm.ready.layers(job_id, demand)]
    if len(demands) > 1:
        keyed.sort(key=lambda layer: layer[0])
    return [(farm.layers[id], demand) for _, id, demand in keyed]

"""Which job of a show books next: higher priority first, then older."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.ready import Demand, Queue


@dataclass(slots=True)
class JobWork:
    """A job whose turn it is, and those of its ready layers that may fit, in their order."""

    job: Job
    layers: list[tuple[Layer, Demand]]


def jobs_in_order(farm: Farm, show_id: str, may_fit: Callable[[Queue], bool]) -> Iterator[JobWork]:
    """A show's jobs with ready layers, each once; a queue is left as soon as its demand fits nowhere."""
    queues = [queue for queue in farm.ready.of_show.get(show_id, {}).values() if may_fit(queue)]
    heads = [(queue.entries[0], place, 0) for place, queue in enumerate(queues)]
    heapq.heapify(heads)
    while heads:
        job_id = heads[0][0].job_id
        demands = []
        while heads and heads[0][0].job_id == job_id:
            _, place, position = heads[0]
            queue = queues[place]
            if not may_fit(queue):
                heapq.heappop(heads)
                continue
            demands.append(queue.demand)
            position += 1
            if position < len(queue.entries):
                heapq.heapreplace(heads, (queue.entries[position], place, position))
            else:
                heapq.heappop(heads)
        if demands:
            keyed = [(key, id, demand) for demand in demands for key, id in farm.ready.layers(job_id, demand)]
            if len(demands) > 1:
                keyed.sort(key=lambda layer: layer[0])
            yield JobWork(farm.jobs[job_id], [(farm.layers[id], demand) for _, id, demand in keyed])

"""A farm at one moment, with what many explanations have in common worked out once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Mask, why_not_bookable
from cuebot.domain.ready import Entry, Queue
from cuebot.domain.silence import AS_BY_DEFAULT, Silence
from cuebot.scheduling.explain.waits import Holding
from cuebot.scheduling.rules.gpus import kept_for_gpus
from cuebot.scheduling.rules.job_order import Ranks, in_order
from cuebot.scheduling.rules.limits import LimitUsage
from cuebot.scheduling.rules.policy import Policies, Policy


class FarmSnapshot:
    """What explanations read: a thousand of the same moment share one, and none outlives the next event."""

    def __init__(
        self, farm: Farm, now_us: int, policies: Sequence[Policy] = (), silence: Silence = AS_BY_DEFAULT
    ) -> None:
        self.farm, self.now_us = farm, now_us
        self.policies, self.silence = policies, silence
        self.asked = Policies(farm, policies, now_us)
        """What the policies say."""
        self.limit_usage = LimitUsage(farm, now_us)
        self.ready: dict[tuple[int, str], tuple[int, float | None]] = {}
        """By a queue's identity and job: frames that may start, and core-microseconds that each takes."""
        self.holding: Holding = {}
        """Active depends of the jobs that were asked about."""
        self._queues: dict[int, list[Entry]] = {}

    @cached_property
    def ranks(self) -> Ranks | None:
        """What policies say of jobs that wait."""
        return self.asked.job_ranks()

    @cached_property
    def kept(self) -> Mask | None:
        """Hosts that are kept for frames that wait for GPUs; None where no such frame waits."""
        return kept_for_gpus(self.farm, self.now_us, self.limit_usage, self.asked)

    @cached_property
    def gpus_wanted(self) -> bool:
        """Some frame that is ready asks for GPUs."""
        return any(queue.demand.gpus for queues in self.farm.ready.of_show.values() for queue in queues.values())

    @cached_property
    def closed(self) -> list[tuple[str, Mask]]:
        """Hosts that take nothing at all, by the code of the reason; the reason with most hosts first."""
        table, n = self.farm.hosts_table, self.farm.hosts_table.size
        rows: dict[str, list[int]] = {}
        for row in np.flatnonzero(table.present[:n] & ~table.bookable[:n]).tolist():
            rows.setdefault(why_not_bookable(self.farm.hosts[table.ids[row]]), []).append(row)
        found = []
        for code in sorted(rows, key=lambda code: -len(rows[code])):
            mask = np.zeros(n, dtype=np.bool_)
            mask[rows[code]] = True
            found.append((code, mask))
        return found

    def in_order(self, queue: Queue) -> list[Entry]:
        """A queue's jobs, the next first."""
        if self.ranks is None:
            return queue.entries
        if id(queue) not in self._queues:
            self._queues[id(queue)] = in_order(queue, self.ranks)
        return self._queues[id(queue)]

"""Frames that take their host down: how often that may happen, and which runs may turn out to have done so.

A run *ended with its host* when the agent died in the middle of a boot, or the machine was booted, and nobody had said
so before: a frame that takes all memory, or hangs a driver, does that each time. The run beside it ends with the host,
too, and nobody can tell them apart. So no retry is charged, but such ends are counted by frame. After three the frame
runs alone on a host; after two more, alone, it is certainly this one, and it is dead. A success and a retry by a person
begin anew.

A host that fell silent says nothing by that: it may be gone for good, as hosts of a cloud are. Its runs are remembered
for a day, and count when it is back with another boot.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from cuebot.domain.units import HOUR

ENDS_BESIDE_OTHERS: Final = 3
"""After so many runs that ended with their host, a frame runs alone."""
ENDS_ALONE: Final = 2
"""After so many more, alone, it is dead."""
ENDS_MOST: Final = ENDS_BESIDE_OTHERS + ENDS_ALONE
REMEMBERED_US: Final = 24 * HOUR
"""How long the runs of a silent host are remembered."""
HOSTS_REMEMBERED: Final = 1_000
"""Silent hosts whose runs are remembered; those of the host that fell silent first are forgotten first."""


def counted(ends: int, *, alone: bool) -> int:
    """How many ends a frame has after one more. Those beside others never make it dead: another may have been it."""
    return ends + 1 if alone else max(ends, min(ends + 1, ENDS_BESIDE_OTHERS))


@dataclass(frozen=True, slots=True)
class LostRun:
    """A run that was given up because its host was silent."""

    run_id: str
    layer_id: str
    index: int
    alone: bool
    """It had its host to itself."""
    instance: str
    """Its host's agent."""
    lost_us: int


@dataclass(slots=True)
class LostRuns:
    """Runs of hosts that fell silent and may come back; telemetry."""

    by_host: dict[str, dict[str, LostRun]] = field(default_factory=dict)
    """By host id and run id."""

    def add(self, host_id: str, run: LostRun) -> None:
        """A run was given up."""
        for id, runs in list(self.by_host.items()):
            if run.lost_us - next(iter(runs.values())).lost_us <= REMEMBERED_US:
                break
            del self.by_host[id]
        self.by_host.setdefault(host_id, {})[run.run_id] = run
        while len(self.by_host) > HOSTS_REMEMBERED:
            del self.by_host[next(iter(self.by_host))]

    def of(self, host_id: str) -> list[LostRun]:
        """The runs that a host took with it when it fell silent."""
        return list(self.by_host.get(host_id, {}).values())

    def keep(self, host_id: str, run_ids: Collection[str]) -> None:
        """Forget the runs of a host but these."""
        if host_id in self.by_host:
            left = {id: run for id, run in self.by_host[host_id].items() if id in run_ids}
            if left:
                self.by_host[host_id] = left
            else:
                del self.by_host[host_id]

    def forget_frames(self, layer_id: str, indices: Collection[int]) -> None:
        """Frames begin anew."""
        for host_id, runs in list(self.by_host.items()):
            self.keep(host_id, [id for id, run in runs.items() if run.layer_id != layer_id or run.index not in indices])

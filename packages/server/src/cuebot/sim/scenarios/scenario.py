"""What a scenario says: which hosts there are, which shows, and what they submit when.

`scenario_reader` makes one from YAML; docs/reference/scenarios.md describes every key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from cuebot.domain.units import CoreUnits, KiB, Micros
from cuebot.sim.scenarios.actions import Action, scaled_cores
from cuebot.sim.scenarios.arrivals import Arrivals, scaled_count
from cuebot.sim.scenarios.times import Times

WIDTHS: Final = {"up to 1/8": 1 / 8, "up to 1/4": 1 / 4, "up to 1/2": 1 / 2, "over 1/2": 1.0}
"""Parts of a host that a frame takes, of its cores or of its memory, and the most of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKind:
    """Hosts that are alike."""

    name: str
    count: int
    cores: int
    memory: KiB
    gpus: int
    gpu_memory: KiB
    """Of all its GPUs together."""
    tags: tuple[str, ...]
    allocation: str
    boot_delay: Times | None
    """From the start, or from a return, until the first report; None is at once."""
    lifetime: Times | None
    """How long a host stays until it vanishes with everything that it runs; None is for ever."""
    returns_after: Times | None
    """How long a host that vanished stays away; None is for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a show may use of an allocation."""

    allocation: str
    size: CoreUnits
    burst: CoreUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """A department of a show."""

    name: str
    min_cores: CoreUnits
    max_cores: CoreUnits
    """-1 is no maximum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowPlan:
    """A show, its subscriptions and its departments."""

    name: str
    shares: tuple[Share, ...]
    groups: tuple[GroupPlan, ...]

    @property
    def size(self) -> int:
        """What all its shares add up to, in core units."""
        return sum(share.size for share in self.shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPlan:
    """A limit, such as the licences of a program."""

    name: str
    most: int
    per_host: bool
    """It counts hosts, not frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """Frames that need more memory than their layer asks for: a run with less ends as one that ran out of memory."""

    part: float
    """Of all frames of a layer."""
    memory: KiB


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPlan:
    """One layer of every job of a kind."""

    name: str
    frames: int
    cores: CoreUnits
    """0 asks for a whole host."""
    memory: KiB
    gpus: int
    gpu_memory: KiB
    tags: tuple[str, ...]
    limits: tuple[str, ...]
    time: Times
    failure_rate: float
    """The part of all runs that fails."""
    out_of_memory: MemoryNeed | None
    retries: int
    after: tuple[str, ...]
    """Layers that must be complete before any frame starts."""
    after_frames: tuple[str, ...]
    """Layers of which the frame with the same number must have succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """Jobs that are alike, and when they come. Each of its shows gets arrivals of its own."""

    name: str
    shows: tuple[str, ...]
    group: str
    """A department that each of its shows has; empty for none."""
    priority: int
    max_cores: CoreUnits
    """-1 is no maximum."""
    arrivals: Arrivals
    layers: tuple[LayerPlan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A farm, the work that comes to it, and for how long to watch."""

    name: str
    summary: str
    seed: int
    duration_us: Micros
    start_hour: int
    """Hour of the day at the start."""
    report_interval_us: Micros
    """Time between two rows of the report."""
    host_report_us: Micros
    """How often each host reports to the server."""
    plan_interval_us: Micros
    """The server plans at most once in this time."""
    hosts: tuple[HostKind, ...]
    limits: tuple[LimitPlan, ...]
    shows: tuple[ShowPlan, ...]
    jobs: tuple[JobKind, ...]
    actions: tuple[Action, ...]
    """What operators do."""

    def width_of(self, layer: LayerPlan) -> str:
        """How much of a host a frame of a layer takes, where that is the least: one of WIDTHS."""
        parts = [
            max(layer.cores / (100 * kind.cores) if layer.cores > 0 else 1.0, layer.memory / kind.memory)
            for kind in self.hosts
            if not layer.tags or {kind.allocation, *kind.tags} & set(layer.tags)
        ]
        least = min([part for part in parts if part <= 1], default=1.0)
        return next(width for width, most in WIDTHS.items() if least <= most)

    @property
    def host_count(self) -> int:
        """All hosts."""
        return sum(kind.count for kind in self.hosts)

    @property
    def core_count(self) -> int:
        """The cores of all hosts."""
        return sum(kind.count * kind.cores for kind in self.hosts)

    def scaled(self, factor: float) -> Scenario:
        """The same farm, larger or smaller: hosts, shares, limits and the numbers of jobs, each at least one."""
        return replace(
            self,
            hosts=tuple(replace(kind, count=scaled_count(kind.count, factor)) for kind in self.hosts),
            limits=tuple(replace(limit, most=scaled_count(limit.most, factor)) for limit in self.limits),
            shows=tuple(_scaled_show(show, factor) for show in self.shows),
            jobs=tuple(replace(kind, arrivals=kind.arrivals.scaled(factor)) for kind in self.jobs),
            actions=tuple(action.scaled(factor) for action in self.actions),
        )


def _scaled_show(show: ShowPlan, factor: float) -> ShowPlan:
    return replace(
        show,
        shares=tuple(
            replace(share, size=scaled_cores(share.size, factor), burst=scaled_cores(share.burst, factor))
            for share in show.shares
        ),
        groups=tuple(
            replace(
                group,
                min_cores=scaled_cores(group.min_cores, factor),
                max_cores=scaled_cores(group.max_cores, factor),
            )
            for group in show.groups
        ),
    )

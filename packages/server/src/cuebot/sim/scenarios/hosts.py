"""The hosts of a scenario, what runs on them, and how long those frames take, at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cuebot.domain import commands as c
from cuebot.domain.units import MINUTE, CoreUnits, KiB, Micros
from cuebot.engine.requests import LaunchRequest
from cuebot.sim.clock import START_US
from cuebot.sim.scenarios.scenario import HostKind, LayerPlan
from cuebot.sim.scenarios.times import MICROSECONDS

LEASE_US: Final = Micros(5 * MINUTE)


@dataclass(slots=True)
class LayerLoad:
    """How the frames of one layer go, at random."""

    show: str
    group: str
    priority: int
    width: str
    plan: LayerPlan
    durations_us: MICROSECONDS
    failures_left: MICROSECONDS | None
    """Runs of each frame that are still to fail; None where nothing does."""
    fraction: float
    """How much of its duration a run does before it fails."""
    greedy: npt.NDArray[np.bool_] | None
    """Frames that need more memory than the layer asks for; None where none does."""
    started: bytearray
    """Frames that have run before."""


@dataclass(slots=True)
class Run:
    """A frame on a host."""

    order: LaunchRequest
    load: LayerLoad
    index: int
    started_us: int
    work_us: int
    exit_status: int
    facts: c.RunFacts


class PlannedHost:
    """One simulated host."""

    def __init__(self, name: str, kind: HostKind, rng: np.random.Generator) -> None:
        self.name, self.kind, self.rng = name, kind, rng
        self.up = False
        self.life = 0
        """Changes with every boot and every end, so that what belongs to an old life is ignored."""
        self.runs: dict[str, Run] = {}
        self.envelope = c.Envelope(actor=name, origin="agent")
        self.facts = _facts(name, kind, START_US)

    def boot(self, now_us: int) -> None:
        """Come up."""
        self.up = True
        self.life += 1
        self.facts = _facts(self.name, self.kind, now_us)

    def report(self, *, boot: bool) -> c.ReportHost:
        """What the host says of itself now."""
        return c.ReportHost(self.facts, tuple([run.facts for run in self.runs.values()]), boot)


def _facts(name: str, kind: HostKind, boot_us: int) -> c.HostFacts:
    disk = KiB(1_073_741_824)
    return c.HostFacts(
        name=name,
        facility="local",
        cores=CoreUnits(kind.cores * 100),
        total_memory=kind.memory,
        free_memory=kind.memory,
        total_swap=KiB(0),
        free_swap=KiB(0),
        total_temp=disk,
        free_temp=disk,
        load=0,
        boot_us=Micros(boot_us),
        tags=(kind.allocation, *kind.tags, "64bit"),
        os=("linux",),
        gpus=kind.gpus,
        gpu_memory=kind.gpu_memory,
        free_gpu_memory=kind.gpu_memory,
        address=f"{name}:1",
        agent="1",
        instance=f"{name}-{boot_us}",
        lease_us=LEASE_US,
        full_name=name,
        peer=name,
    )

"""A studio's policy as some simulated farms have it: its rule in numpy for the plan, and in plain words for checks.

It breaks at times, as plug-ins do. A pass in which it breaks goes on without it.
"""

from __future__ import annotations

import random
from typing import Any, Final, Literal

import numpy as np

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Layer
from cuebot.domain.units import KiB
from cuebot.scheduling.rules.policy import Hosts, Jobs, Policy, Request

Rule = Literal["big frames on big hosts", "licences on some hosts", "small frames off big hosts"]
RULES: Final[tuple[Rule, ...]] = (
    "big frames on big hosts",
    "licences on some hosts",
    "small frames off big hosts",
)
BIG_FRAME: Final = KiB(4 * 1_048_576)
BIG_HOST: Final = KiB(12 * 1_048_576)
LICENSED: Final = ("host0", "host1")
MANY_CORES: Final = 800


class HousePolicy:
    """Which hosts a frame may use, which it likes best, and which job comes first."""

    def __init__(self, rng: random.Random) -> None:
        self._luck = rng
        self.rule = rng.choice(RULES)
        self.breaks = rng.choice((0.0, 0.1, 0.5))
        """How often a pass goes on without it."""
        self.broken = False
        """It fails in this pass, whatever it is asked."""

    def as_plug_in(self) -> Policy:
        """As the server knows it."""
        return Policy.of("house", self)

    def begin_pass(self) -> None:
        """A pass begins, with random choices that hold until it ends."""
        self.broken = self._luck.random() < self.breaks

    def mend(self) -> None:
        """It breaks no more."""
        self.breaks, self.broken = 0.0, False

    # --- what the plan asks ---------------------------------------------------------------------------------------

    def allow_hosts(self, request: Request, hosts: Hosts) -> Any:
        """The rule, for all hosts at once."""
        self._may_break()
        everywhere = np.ones(len(hosts), dtype=np.bool_)
        if self.rule == "big frames on big hosts":
            return hosts.memory >= BIG_HOST if request.memory >= BIG_FRAME else everywhere
        if self.rule == "licences on some hosts":
            return hosts.tagged(LICENSED[0]) | hosts.tagged(LICENSED[1]) if request.limits else everywhere
        return hosts.cores < MANY_CORES if 0 < request.cores < 100 else everywhere

    def rank_hosts(self, request: Request, hosts: Hosts) -> Any:
        """Small hosts first."""
        if self.broken:
            return np.full(len(hosts), np.nan)
        return hosts.cores

    def rank_jobs(self, jobs: Jobs) -> Any:
        """Short jobs first."""
        if self.broken:
            return jobs.frames[1:]
        return jobs.frames

    def _may_break(self) -> None:
        if self.broken:
            raise RuntimeError("the studio's database does not answer")

    # --- what checks ask ------------------------------------------------------------------------------------------

    def allows(self, farm: Farm, layer: Layer, host: Host) -> bool:
        """The rule once more, for one layer and one host; a pass in which the policy is broken has no rule."""
        if self.broken:
            return True
        if self.rule == "big frames on big hosts":
            return layer.reserved_memory < BIG_FRAME or host.memory >= BIG_HOST
        if self.rule == "licences on some hosts":
            return not layer.limits or any(tag in farm.host_tags(host) for tag in LICENSED)
        return host.cores < MANY_CORES or not 0 < layer.min_cores < 100

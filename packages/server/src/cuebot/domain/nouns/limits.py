"""Limits: what may be used by so many frames, or on so many hosts, at once; mostly licences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from cuebot.domain.states import BindSource, Enforcement
from cuebot.domain.units import Micros

REPORT_TTL_S = 900
"""How long a report is believed where nobody said otherwise."""


class Holder(NamedTuple):
    """A host that uses a limit, as was reported from outside."""

    name: str
    """As it was reported; the key that it is kept under is the short name."""
    tokens: int
    user: str


class Binding(NamedTuple):
    """Where a layer's limit comes from. One without is its specification's, as old as its job."""

    source: BindSource
    bound_us: Micros


@dataclass(slots=True)
class Limit:
    """How many frames of the layers that name it may run at once, or on how many hosts (a licence)."""

    id: str
    name: str
    max_value: int
    per_host: bool = False
    enforcement: Enforcement = Enforcement.ENFORCED
    soft_value: int = -1
    """Of a limit by host: from so many hosts on, only those that hold it get more; -1 for the maximum."""
    report_ttl_s: int = REPORT_TTL_S
    """A report that is older is stale, and the limit blocks nothing; 0 for one that never is."""
    exit_status: int = 0
    """What frames end with that found no licence; 0 for no rule."""
    delay_minutes: int = 0
    """How long the layer of such a frame then waits."""
    auto_tag: bool = True
    """The layer of such a frame is counted by the limit from then on."""
    captured_us: Micros = Micros(0)
    """When what was reported last was true; 0 where nothing ever was."""
    received_us: Micros = Micros(0)
    """When that report came."""
    since_us: Micros = Micros(0)
    """Runs that began after this are not in the report, unless it names their host."""
    report_source: str = ""
    licences: int = 0
    """How many there are in all, as was reported; 0 where nobody said."""
    tokens: int = 0
    """How many of them are in use, as was reported."""
    holders: dict[str, Holder] = field(default_factory=dict)
    """Who uses them, by short name of the host."""

    @property
    def most(self) -> int:
        """How many hosts may use a limit by host before only those that hold it get more."""
        return self.max_value if self.soft_value < 0 else min(self.soft_value, self.max_value)

    def is_stale(self, now_us: int) -> bool:
        """What was reported is too old to be believed."""
        old_us = now_us - self.captured_us
        return bool(self.captured_us and self.report_ttl_s) and old_us > self.report_ttl_s * 1_000_000

    def blocks(self, now_us: int) -> bool:
        """It may keep frames from starting."""
        return self.enforcement is Enforcement.ENFORCED and not self.is_stale(now_us)

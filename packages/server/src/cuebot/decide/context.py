"""What a decision may know besides the farm: the time, fresh ids, bounds and settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.nouns import Proc
from cuebot.domain.settings import Settings
from cuebot.domain.silence import Silence
from cuebot.domain.units import Micros


@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances of one decision."""

    now_us: Micros
    """Microseconds since the epoch, UTC."""
    new_id: Callable[[], str]
    """A fresh UUID as text."""
    started_us: Micros
    """When this server began."""
    awake_us: Micros
    """Since when this server has listened without a pause, at the earliest its start: before, nobody's silence says
    anything."""
    settings: Settings = field(default_factory=Settings)
    bounds: Bounds = DEFAULT_BOUNDS

    @property
    def silence(self) -> Silence:
        """How long hosts may be silent."""
        return Silence(self.awake_us, self.settings.host_silent_us, self.settings.lease_margin_us)

    def may_still_arrive(self, proc: Proc) -> bool:
        """A launch of this run was left without an answer a short while ago, so nothing that its host says is final."""
        return self.now_us - proc.unanswered_us < self.settings.missing_run_us

"""What a decision may know besides the farm: the time, fresh ids, bounds and settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.nouns import Proc
from cuebot.domain.silence import Silence
from cuebot.domain.units import MINUTE, SECOND, Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What whoever runs the farm may choose. Durations in microseconds."""

    log_root: str = "/shots"
    """Frame logs lie under LOG_ROOT/SHOW/SHOT/logs/JOB--ID."""
    default_facility: str = "local"
    host_silent_us: Micros = Micros(5 * MINUTE)
    """A host that has said nothing for so long is DOWN, and without a lease its runs are given up."""
    lease_margin_us: Micros = MINUTE
    """How long after our agent has suspended a run the server gives it up."""
    name_held_us: Micros = Micros(30 * SECOND)
    """An agent that was heard so lately keeps its host's name against any other: it reports every 12 s at least."""
    missing_run_us: Micros = MINUTE
    """A run that its host does not name so long after it was booked never arrived. No message is late by as much: a
    launch without an answer is over after this."""
    kill_again_us: Micros = Micros(15 * SECOND)
    """A run that was to be killed and goes on is killed again so often."""
    stood_still_us: Micros = Micros(20 * SECOND)
    """A server that looks for silent hosts so long after the time before has stood still, and could not hear them."""


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

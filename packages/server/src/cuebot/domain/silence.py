"""How long a host may be silent before what runs there is given up: one rule for who does it and for who explains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cuebot.domain.nouns import Host
from cuebot.domain.units import MINUTE, Micros


@dataclass(frozen=True, slots=True)
class Silence:
    """What silence is counted by."""

    awake_us: Micros = Micros(0)
    """Since when the server has listened without a pause: before, nobody's silence says anything."""
    host_silent_us: Micros = Micros(5 * MINUTE)
    """The patience with an agent that has no lease."""
    lease_margin_us: Micros = MINUTE
    """How long after our agent has suspended a run it is given up."""

    def of(self, host: Host, now_us: int) -> Micros:
        """How long nothing has been heard of a host."""
        return Micros(now_us - max(host.ping_us, self.awake_us))

    def patience_us(self, host: Host) -> Micros:
        """How long it may be silent before its runs are given up; for an agent whose lease has no end, for ever."""
        return Micros(host.lease_us + self.lease_margin_us) if host.lease_us else self.host_silent_us


AS_BY_DEFAULT: Final = Silence()
"""Of a server with its default settings that has always listened."""

"""How long a run has run that has not told its end: what its host told, and the time since then.

Time for which our agents have suspended a run is none of it: a host that is silent for longer than its lease has.
"""

from __future__ import annotations

from cuebot.domain.nouns import Host, Proc
from cuebot.domain.units import Micros


def ran_until_now_us(host: Host, proc: Proc, now_us: int) -> Micros:
    """How long a run has run by now, as far as that can be told; 0 where its agent has not said that it has it."""
    if not proc.launched:
        return Micros(0)
    unheard_us = now_us - proc.seen_us
    if host.agent and host.lease_us:
        unheard_us = min(unheard_us, host.lease_us)
    told_us = proc.ran_us or proc.seen_us - proc.booked_us
    return Micros(max(min(told_us + unheard_us, now_us - proc.booked_us), 0))

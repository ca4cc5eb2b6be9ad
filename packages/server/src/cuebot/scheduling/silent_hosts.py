"""Runs on hosts that are not heard and whose agents go on without a server: nothing is booked in their place."""

from __future__ import annotations

from collections import Counter
from typing import Final

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Layer
from cuebot.domain.states import FrameState, HostState
from cuebot.domain.units import MINUTE, NO_END, SECOND
from cuebot.scheduling.reasons import Reason
from cuebot.scheduling.words import command, counted, duration, plural

SILENT_US: Final = MINUTE
"""A host reports every 12 s at least; one that missed a few reports is not heard."""
TOLD: Final = 3
"""So many hosts are named for a layer, those with most of its runs."""


def is_silent(host: Host, now_us: int) -> bool:
    """Whether a host is not heard, whose agent lets its frames run on all the same."""
    if host.lease_us != NO_END:
        return False
    return host.state is HostState.DOWN or (bool(host.ping_us) and now_us - host.ping_us >= SILENT_US)


def silent_reason(host: Host, runs: int, now_us: int) -> Reason:
    """That runs on such a host count as running until it is heard again, and the way out."""
    since = f"for {duration((now_us - host.ping_us) // SECOND)}" if host.ping_us else "since this server started"
    text = (
        f"{host.name}, where {counted(runs, 'frame')} {plural(runs, 'runs', 'run')}, was not heard {since}; its agent"
        " goes on without the server (--on-lost-contact continue), so nothing is booked in"
        f" {plural(runs, 'its', 'their')} place"
    )
    remedy = f"if the machine is gone for good, or nothing runs there any more: {command('-delete-host', host.name)}"
    return Reason("HOST_GOES_ON", runs, "frames", text, remedy)


def silent_reasons(farm: Farm, layer: Layer, now_us: int) -> list[Reason]:
    """The same of all runs of a layer, by host."""
    if not layer.counts[FrameState.RUNNING]:
        return []
    hosts = Counter(farm.procs[run_id].host_id for run_id in layer.runs.values())
    silent = [(farm.hosts[id], runs) for id, runs in hosts.most_common() if is_silent(farm.hosts[id], now_us)]
    return [silent_reason(host, runs, now_us) for host, runs in silent[:TOLD]]

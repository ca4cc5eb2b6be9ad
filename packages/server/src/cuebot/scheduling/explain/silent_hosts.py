"""Runs of which nothing is heard: their hosts are silent and go on without a server, or do not name them."""

from __future__ import annotations

from collections import Counter
from typing import Final

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Layer, Proc
from cuebot.domain.states import FrameState, HostState
from cuebot.domain.units import MINUTE, NO_END, SECOND
from cuebot.scheduling.explain.reasons import Reason
from cuebot.scheduling.explain.wording import command, counted, duration, plural

SILENT_US: Final = MINUTE
"""A host reports every 12 s at least; one that missed a few reports is not heard."""
TOLD: Final = 3
"""So many hosts are named for a layer, those with most of its runs."""
REPORT_LATE_US: Final = 5 * SECOND
"""A report that comes sooner after the last word of a run may have been sent before it."""


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


def is_unnamed(farm: Farm, proc: Proc) -> bool:
    """Whether its host has reported since the last word of a run, and not named it."""
    return farm.hosts[proc.host_id].ping_us - max(proc.sent_us, proc.seen_us) >= REPORT_LATE_US


def unnamed_reasons(farm: Farm, layer: Layer) -> list[Reason]:
    """How many runs of a layer their hosts have not named, as after a restore, and when they are given up."""
    if not layer.counts[FrameState.RUNNING]:
        return []
    runs = sum(is_unnamed(farm, farm.procs[run_id]) for run_id in layer.runs.values())
    if not runs:
        return []
    text = (
        f"{counted(runs, 'frame')} {plural(runs, 'counts', 'count')} as running, but"
        f" {plural(runs, 'its host does not name it', 'their hosts do not name them')}: given up within about a minute,"
        f" and {plural(runs, 'it waits', 'they wait')} again then"
    )
    return [Reason("NOT_REPORTED", runs, "frames", text, "")]

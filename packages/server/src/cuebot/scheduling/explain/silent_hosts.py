"""Runs of which nothing is heard: their hosts have no agent that reports, or do not name them."""

from __future__ import annotations

from collections import Counter
from typing import Final

from cuebot.domain.advice import advise
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Layer, Proc
from cuebot.domain.silence import Silence
from cuebot.domain.states import FrameState, HostState
from cuebot.domain.units import NO_END, SECOND
from cuebot.scheduling.explain.reasons import Reason
from cuebot.scheduling.explain.wording import counted, duration, plural

SILENT_US: Final = 30 * SECOND
"""A host reports every 12 s at least; one that missed two reports is not heard."""
TOLD: Final = 3
"""So many hosts are named for a layer, those with most of its runs."""
REPORT_LATE_US: Final = 5 * SECOND
"""A report that comes sooner after the last word of a run may have been sent before it."""


def is_silent(host: Host, now_us: int, silence: Silence) -> bool:
    """Whether nothing is heard of what runs on a host: its agent was stopped, or does not report."""
    return host.stopped or host.state is HostState.DOWN or silence.of(host, now_us) >= SILENT_US


def silent_reason(host: Host, runs: str, count: int, now_us: int, silence: Silence) -> Reason:
    """That runs are on such a host, what becomes of them, and the way out. `runs` names them, to begin the sentence."""
    they, them = plural(count, "it", "they"), plural(count, "it", "them")
    text = f"{runs} on {host.name}, {_since(host, now_us)}: {they} "
    if host.lease_us == NO_END:
        text += f"{plural(count, 'goes', 'go')} on there without the server (--on-lost-contact continue), so nothing is"
        text += f" booked in {plural(count, 'its', 'their')} place"
        drop = advise("host.delete", host=host.name)
        remedy = f"if the machine is gone for good, or nothing runs there any more: {drop}"
        return Reason("HOST_GOES_ON", count, "frames", text, remedy)
    silent_us, patience_us = silence.of(host, now_us), silence.patience_us(host)
    left_s = -(-max(patience_us - silent_us, 0) // SECOND)
    when = f"in {duration(left_s)}" if left_s else "in a moment"
    if not host.lease_us:
        text += f"may go on there, and {plural(count, 'is', 'are')} run again elsewhere {when} all the same, since its"
        text += " agent keeps no lease"
        return Reason("HOST_AWAY", count, "frames", text, "see that the machine is up, and that its agent reports")
    text += _with_lease(host, count, silent_us)
    text += f", and {plural(count, 'is', 'are')} run again elsewhere {when} (when the lease is over)"
    text += " unless it comes back"
    remedy = f"start `rqd` there to keep {them}"
    if not host.stopped:
        remedy = f"see that the machine is up, and that `rqd` runs there and reaches this server, to keep {them}"
    return Reason("HOST_AWAY", count, "frames", text, remedy)


def silent_reasons(farm: Farm, layer: Layer, now_us: int, silence: Silence) -> list[Reason]:
    """The same of all runs of a layer, by host."""
    running = layer.counts[FrameState.RUNNING]
    if not running:
        return []
    hosts = Counter(farm.procs[run_id].host_id for run_id in layer.runs.values())
    silent = [(farm.hosts[id], runs) for id, runs in hosts.most_common() if is_silent(farm.hosts[id], now_us, silence)]
    return [silent_reason(host, _named(runs, running), runs, now_us, silence) for host, runs in silent[:TOLD]]


def _named(runs: int, running: int) -> str:
    if runs >= running:
        return f"{counted(runs, 'frame')} {plural(runs, 'runs', 'run')}"
    return f"{runs} of {running} running frames {plural(runs, 'is', 'are')}"


def _since(host: Host, now_us: int) -> str:
    """What is known of the agent of a host that is silent."""
    ago = duration((now_us - host.ping_us) // SECOND)
    if host.stopped:
        return f"whose agent was stopped {f'{ago} ago' if host.ping_us else 'before this server started'}"
    return f"which was not heard {f'for {ago}' if host.ping_us else 'since this server started'}"


def _with_lease(host: Host, count: int, silent_us: int) -> str:
    """What runs do whose agent is away: of one that was stopped it is known, as long as the machine is there."""
    if silent_us >= host.lease_us:
        return f"{plural(count, 'stands', 'stand')} still there"
    return f"{plural(count, 'goes', 'go')} on there" if host.stopped else "may go on there"


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

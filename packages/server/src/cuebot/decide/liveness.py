"""What a timer finds: hosts that fell silent, runs whose lease is over, runs that are over time."""

from __future__ import annotations

from cuebot.decide.archiving import leaving
from cuebot.decide.context import Context
from cuebot.decide.frame_marks import checkpoints_over
from cuebot.decide.host_ends import unannounced
from cuebot.decide.host_names import conflicts_over
from cuebot.decide.run_ends import run_lost
from cuebot.decide.time_limits import jobs_over_time
from cuebot.decide.timeouts import runs_over_time
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host
from cuebot.domain.states import Cause, HostState
from cuebot.domain.units import SECOND


def sweep(farm: Farm, command: c.Sweep, context: Context) -> list[ev.Event]:
    """Mark hosts that fell silent DOWN, give up runs whose lease is certainly over, end those that are over time.

    Silence counts from the last report, from this server's start and from when it last went on after it had stood
    still, whichever is latest. Our agent suspends a run when its lease is over, and a margin later it is given up,
    never where its lease has no end; any other agent's run is given up when its host is DOWN and may then run twice:
    that is the at-least-once that docs/explanation/exactly-once.md speaks of.
    """
    events: list[ev.Event] = []
    over: set[str] = set()

    for host in sorted(_silent_hosts(farm, context), key=lambda h: h.row):
        silent_us = context.silence.of(host, context.now_us)
        if _is_down(host, silent_us, context) and host.state is HostState.UP:
            events.append(ev.Changed("host", host.id, {"state": HostState.DOWN}))
        if silent_us >= context.silence.patience_us(host):
            over.update(host.proc_ids)
            events += _runs_lost(farm, host, silent_us, context)

    return [
        *events,
        *conflicts_over(farm, context),
        *runs_over_time(farm, over),
        *checkpoints_over(farm, context),
        *jobs_over_time(farm, over, context),
        *leaving(farm, context),
    ]


def _silent_hosts(farm: Farm, context: Context) -> list[Host]:
    """Hosts about which silence may say something; a farm that is well has none, so this is quick to find out."""
    now_us, awake_us, silent_us = context.now_us, context.awake_us, context.settings.host_silent_us
    soonest_us = min(context.settings.lease_margin_us, 0)
    return [
        host
        for host in farm.hosts.values()
        if not host.removed
        and now_us - max(host.ping_us, awake_us) >= min(host.lease_us or silent_us, silent_us) + soonest_us
    ]


def _is_down(host: Host, silent_us: int, context: Context) -> bool:
    """As soon as its lease is over, a margin before its runs are given up.

    A launch that was on the way there has arrived by then or is lost.
    """
    longest_us = context.settings.host_silent_us
    return silent_us >= min(host.lease_us or longest_us, longest_us)


def _runs_lost(farm: Farm, host: Host, silent_us: int, context: Context) -> list[ev.Event]:
    """The end of everything on a host of which nothing was heard for too long."""
    message = _no_word_of(host, silent_us)
    events: list[ev.Event] = []
    for proc in [farm.procs[run_id] for run_id in sorted(host.proc_ids)]:
        with_host = None if proc.launched and unannounced(host, proc) else False
        events.append(run_lost(farm, proc, Cause.HOST_LOST, message, context, with_host=with_host))
    return events


def _no_word_of(host: Host, silent_us: int) -> str:
    if host.stopped:
        ago = f" {silent_us // SECOND} s ago" if host.ping_us else ""  # before the server started
        return f"the agent of {host.name} was stopped{ago} and did not say how this run ended"
    return f"{host.name} has been silent for {silent_us // SECOND} s"

"""Whose a host's name is: of two agents that live under one name the first keeps it, and the other is refused in words.

A cloned image, a second agent by mistake, or two machines whose names differ only in their domain: the books know one
host. Were both believed, each report would deny the other's runs, and orders would reach the wrong one. So a name
belongs to the agent that was heard under it, and passes to another when nothing can be lost or run twice by that: the
first has said goodbye or is silent, and none of its runs is left in the books (a lease ends them at the latest, or an
operator where it has no end).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from cuebot.decide.context import Context
from cuebot.decide.host_remarks import is_ours, remark
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.advice import advise
from cuebot.domain.errors import HostConflict, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, stored_values
from cuebot.domain.states import HostState
from cuebot.domain.units import MINUTE, NO_END, SECOND, Micros

SAME_BOOT_US: Final = MINUTE
"""Times of boots that differ by less are of one boot: they are read off a clock that is corrected now and then."""
CONFLICT_US: Final = MINUTE
"""A conflict is over when the other agent was not heard for so long."""
COMMENT_SUBJECT: Final = "Two agents under one name"

Facts = c.HostFacts | c.Speaker


def is_other(host: Host, facts: Facts, named: Collection[str] | None = None) -> bool:
    """Whether this is another agent than the one that has the host's name. `named` are the runs that a report names.

    Ours are told apart by their spools, upstream's by their full names. A disk that was copied has its spool with it,
    so besides, nobody is the same who comes from another address and was booted at another time, or does not have what
    the host runs. A machine that only got another address has it.
    """
    if bool(host.agent) is not bool(facts.agent):
        return True
    if facts.agent:
        mine, theirs = host.instance, facts.instance
    else:
        mine, theirs = host.full_name, facts.full_name
    if mine and theirs and mine != theirs:
        return True
    has_moved = bool(host.peer and facts.peer) and host.peer != facts.peer
    has_the_runs = named is None or all(run_id in named for run_id in host.proc_ids)
    return has_moved and (abs(facts.boot_us - host.boot_us) > SAME_BOOT_US or not has_the_runs)


def boots_again(host: Host, facts: Facts) -> bool:
    """Whether the machine was booted since its latest boot that we know of.

    Reports arrive in any order, and the wall clock that a boot's time was read from may have been wrong, so a boot that
    is older than the one we know says nothing. What is lost with a boot that this overlooks is missed a minute later.
    """
    return facts.boot_us > host.boot_us + SAME_BOOT_US


def succeeds(host: Host, facts: c.HostFacts) -> bool:
    """Whether this agent has taken over the runs of the one that we know, which had another spool and is dead.

    Supervisors tell it so, which live on that machine and since the same boot. So it is the same host, whatever time of
    boot a new spool has computed.
    """
    return bool(host.instance) and host.instance != facts.instance and host.instance in facts.succeeds


def renamed(farm: Farm, facts: c.HostFacts, running: Collection[str]) -> Host | None:
    """The host whose agent now reports under a name that no host has; None where there is none.

    It has the same spool, and proves that it is no copy by what goes on there: `running` are runs of that host.
    """
    hosts = (farm.hosts[farm.procs[run_id].host_id] for run_id in running if run_id in farm.procs)
    return next((host for host in hosts if _is_its_agent(host, facts) and not is_other(host, facts, running)), None)


def may_be_renamed(farm: Farm, facts: c.HostFacts) -> Host | None:
    """The host that this agent may have been when it was called otherwise, as its first report with runs will tell."""
    for host in farm.hosts.values():
        if host.proc_ids and _is_its_agent(host, facts):
            return host
    return None


def _is_its_agent(host: Host, facts: c.HostFacts) -> bool:
    is_ours = bool(facts.agent and facts.instance and host.agent) and not host.removed
    is_of_this_boot = abs(facts.boot_us - host.boot_us) <= SAME_BOOT_US
    return is_ours and facts.instance == host.instance and is_of_this_boot


def takes_over(host: Host, facts: c.HostFacts, named: Collection[str], context: Context) -> bool:
    """Whether a host's name passes to another agent with this report. Raises HostConflict where it cannot, yet."""
    if _may_be_a_copy(host, facts, named, context):
        raise HostConflict(
            f"{host.name!r} was booted while this server was down, or is the copy of another machine's disk; what ran"
            f" there is over once nobody else has reported it for {context.settings.missing_run_us // SECOND} s"
        )
    if not is_other(host, facts, named):
        return False
    if _is_same_machine_anew(host, facts) or _has_what_runs(host, facts, named):
        return True
    is_silent = _silence_us(host, context) >= context.settings.name_held_us
    if not host.proc_ids and (is_silent or host.stopped or host.state is HostState.DOWN):
        return True
    raise HostConflict(_words(host, facts, context))


def refuse_rival_outcome(host: Host, speaker: c.Speaker | None, context: Context) -> None:
    """Raise HostConflict where another agent than the one that has the run reports its outcome, while that one lives.

    Whatever its host is called now, an agent is known by its spool. Another one, with the copy of a disk or by mistake,
    may know the ids of runs that it never had.
    """
    if speaker is None or not (host.agent or speaker.agent) or not is_other(host, speaker):
        return
    if _silence_us(host, context) >= context.settings.name_held_us:
        return
    if speaker.name == host.name:
        raise HostConflict(_words(host, speaker, context))
    raise HostConflict(
        f"the run is of {host.name}, which was heard {_silence_us(host, context) // SECOND} s ago; how it ended is not"
        f" for {describe(speaker)} to say"
    )


def describe(facts: Facts) -> str:
    """An agent in a few words: its full name and where it was heard from."""
    instance = f", spool {quoted(facts.instance)}" if facts.instance else ""
    return f"{quoted(facts.full_name or facts.name)} at {quoted(facts.peer) or 'an unknown address'}{instance}"


def conflict_told(farm: Farm, host: Host, context: Context) -> list[ev.Event]:
    """The host's own agent has reported after another one did: both live, and the host says so."""
    if not host.rival or context.now_us - host.rival_us > CONFLICT_US:
        return []
    text = (
        f"Another agent is called {host.name!r} too and is refused: {host.rival}. The one that has the name answers at"
        f" {host.address}. Give one of them a name of its own (`rqd --name NAME`; OVERRIDE_HOSTNAME in"
        " the rqd.conf of OpenCue's)."
    )
    return remark(farm, host, COMMENT_SUBJECT, text, context)


def conflicts_over(farm: Farm, context: Context) -> list[ev.Event]:
    """What hosts say of conflicts goes when the other agent was not heard for a while."""
    return [
        ev.Removed("comment", comment.id, stored_values(comment))
        for comment in farm.comments.values()
        if comment.host_id is not None
        and is_ours(comment, COMMENT_SUBJECT)
        and _is_over(farm.hosts[comment.host_id], context)
    ]


def _is_over(host: Host, context: Context) -> bool:
    return context.now_us - max(host.rival_us, context.started_us) > CONFLICT_US


def _is_same_machine_anew(host: Host, facts: c.HostFacts) -> bool:
    """A machine that was booted with an empty disk: it answers where it did, so the agent before it is gone."""
    is_there = bool(host.peer) and (facts.peer, facts.address) == (host.peer, host.address)
    return is_there and boots_again(host, facts)


def _may_be_a_copy(host: Host, facts: c.HostFacts, named: Collection[str], context: Context) -> bool:
    """Nobody knows yet where this host's agent was heard from before the server's restart, and this one booted later.

    Most likely it is the same machine. Where it is not, the one that has the runs speaks up in a moment.
    """
    is_early = context.now_us - context.started_us < context.settings.missing_run_us
    has_all = all(run_id in named for run_id in host.proc_ids)
    return is_early and bool(facts.agent) and not host.peer and boots_again(host, facts) and not has_all


def _has_what_runs(host: Host, facts: c.HostFacts, named: Collection[str]) -> bool:
    """An agent of upstream's that has the runs is the one that orders must reach.

    After a restart of the server nobody knows which of two that was. Ours is known by its spool.
    """
    return not facts.agent and bool(host.proc_ids) and all(run_id in named for run_id in host.proc_ids)


def _silence_us(host: Host, context: Context) -> Micros:
    return context.silence.of(host, context.now_us)


def _words(host: Host, facts: Facts, context: Context) -> str:
    where = f"{host.full_name or host.name} at {host.peer or 'an unknown address'}, which answers at {host.address}"
    heard = f"{_silence_us(host, context) // SECOND} s ago" if host.ping_us else "before this server started"
    free_us = context.silence.patience_us(host) if host.proc_ids else context.settings.name_held_us
    if host.proc_ids and host.lease_us == NO_END:
        free = "its runs go on without this server (`--on-lost-contact continue`), so this one is taken"
    else:
        free = f"this one is taken once that has been silent for {free_us // SECOND} s, or at once"
    return (
        f"another agent is called {host.name!r} too: {where}, heard {heard}. This one, {describe(facts)}, is refused."
        " Give one of them a name of its own (`rqd --name NAME`; OVERRIDE_HOSTNAME in the rqd.conf of OpenCue's)."
        f" If the other one is gone, {free} after {advise('host.delete', host=host.name)}"
    )

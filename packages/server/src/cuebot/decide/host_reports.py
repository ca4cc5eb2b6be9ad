"""A host's report comes in here: who it is, how it is, which runs it has, and which of them it should end.

Its load and free memory, and what its runs use, are taken in by `host_telemetry` and `domain.telemetry`.
"""

from __future__ import annotations

from typing import Any, Final

from cuebot.decide.context import Context
from cuebot.decide.host_ends import told_by_report, unannounced
from cuebot.decide.host_names import (
    SAME_BOOT_US,
    boots_again,
    conflict_told,
    may_be_renamed,
    renamed,
    succeeds,
    takes_over,
)
from cuebot.decide.host_remarks import closed_told
from cuebot.decide.run_ends import run_lost
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import Invalid, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.names import label
from cuebot.domain.nouns import SYSTEM_MEMORY, Allocation, Host, Proc, stored_values
from cuebot.domain.states import Cause, Exit, HostState, LockState, ThreadMode
from cuebot.domain.tags import split_tags
from cuebot.domain.units import CoreUnits, KiB

GIB: Final = KiB(1_048_576)


def report_host(farm: Farm, command: c.ReportHost, context: Context) -> tuple[list[ev.Event], list[str]]:
    """Take in a report. Replies with the ids of reported runs that are no longer current.

    Raises HostConflict for an agent under another living agent's name.
    """
    facts = command.host
    try:
        label(facts.name, context.bounds)
    except ValueError as error:
        raise Invalid(f"a host's name cannot be {quoted(facts.name)!r}: accepted is {error}") from error
    running = [run.run_id for run in command.runs if not run.ended]
    host = _known_host(farm, facts, running)
    if host is None:
        if command.boot and may_be_renamed(farm, facts):
            return [], []
        return [_new_host(farm, facts, context)], running
    reported = {run.run_id: run for run in command.runs}
    is_successor = succeeds(host, facts)
    is_new_agent = not is_successor and takes_over(host, facts, reported, context)
    is_renamed = host.name != facts.name
    rebooted = not is_successor and boots_again(host, facts)
    events: list[ev.Event] = []
    for proc in [farm.procs[id] for id in sorted(host.proc_ids.difference(reported))]:
        if _launched_again(host, proc):
            continue
        if rebooted and (facts.agent or _long_unheard(proc, context)):
            with_host = proc.launched and unannounced(host, proc)
            events.append(run_lost(farm, proc, Cause.HOST_LOST, "the host was rebooted", context, with_host=with_host))
        elif not command.boot and _long_unheard(proc, context):  # a start-up report names no runs at all
            events.append(_missing(farm, proc, context))
    idle = len(host.proc_ids) == len(events)
    events += told_by_report(farm, host, facts, is_new_agent=is_new_agent)
    changes = _changes(host, facts, command.boot or is_new_agent or is_renamed)
    if rebooted or is_new_agent or is_successor:
        changes["boot_us"] = facts.boot_us
    if command.boot or idle or facts.boot_us > host.boot_us - SAME_BOOT_US:
        changes.update(_resources(host, facts))
    if changes:
        events.append(ev.Changed("host", host.id, changes))
    events += closed_told(farm, host, facts.closed, context)
    if not is_new_agent:
        events += conflict_told(farm, host, context)
    return events, [run_id for run_id, run in reported.items() if run_id not in host.proc_ids and not run.ended]


def _known_host(farm: Farm, facts: c.HostFacts, running: list[str]) -> Host | None:
    host_id = farm.host_by_name.get(facts.name)
    return renamed(farm, facts, running) if host_id is None else farm.hosts[host_id]


def _missing(farm: Farm, proc: Proc, context: Context) -> ev.RunEnded:
    """The end of a run that its host does not name.

    One that an agent has taken, or that an earlier server booked, was there or may have been: after a restore these are
    the runs that went on after the backup. How long it ran is known only as far as reports named it.
    """
    if proc.launched or proc.booked_us < context.started_us:
        return run_lost(
            farm, proc, Cause.HOST_LOST, "its host does not have it any more", context, Exit.ORPHAN, proc.ran_us
        )
    return run_lost(farm, proc, Cause.NEVER_RECEIVED, "the host does not have it", context)


def _long_unheard(proc: Proc, context: Context) -> bool:
    """Whether a report without this run is certainly younger than its launch and than the last word of it.

    The run's booking and this server's start count as a word of it, and so does its going on after it had stood still:
    reports may have waited at its door. An agent that is not ours may even have been given
    it after a boot that we hear of only now; ours takes no launch before a report was answered.
    """
    return context.now_us - max(proc.sent_us, proc.seen_us, context.awake_us) >= context.settings.missing_run_us


def _launched_again(host: Host, proc: Proc) -> bool:
    """Our agent gets a launch that it has not answered again, also after a reboot: it never starts a run twice.

    To give such a run up would be wrong: its first launch may be on the way.
    """
    return bool(host.agent) and not proc.launched


def _new_host(farm: Farm, facts: c.HostFacts, context: Context) -> ev.Added:
    """A host nobody knew: the allocation is the first that one of its tags names, otherwise the default."""
    allocation = _allocation_for(farm, facts)
    host = Host(
        id=context.new_id(),
        name=facts.name,
        row=len(farm.host_names),
        facility_id=allocation.facility_id,
        allocation_id=allocation.id,
        created_us=context.now_us,
        state=facts.state,
        lock=LockState.NIMBY_LOCKED if facts.nimby_locked else LockState.OPEN,
        nimby_enabled=facts.nimby_enabled,
        thread_mode=ThreadMode.ALL if facts.nimby_enabled else ThreadMode.AUTO,
        os=facts.os,
        cores=facts.cores,
        memory=bookable_memory(facts),
        gpus=facts.gpus,
        gpu_memory=facts.gpu_memory,
        hardware_tags=_clean_tags(facts.tags),
        boot_us=facts.boot_us,
        address=facts.address,
        agent=facts.agent,
        instance=facts.instance,
        lease_us=facts.lease_us,
        stopped=facts.state is HostState.DOWN,
    )
    return ev.Added("host", stored_values(host))


def _allocation_for(farm: Farm, facts: c.HostFacts) -> Allocation:
    facility_id = farm.facility_by_name.get(facts.facility)
    for tag in facts.tags:
        found = farm.allocation_by_name.get((facility_id or "", tag))
        if found:
            return farm.allocations[found]
    for allocation in farm.allocations.values():
        if allocation.is_default:
            return allocation
    raise Invalid("this farm has no default allocation for new hosts; say which, or start it on new data")


def bookable_memory(facts: c.HostFacts) -> KiB:
    """Whole GiB, rounded up on a 64-bit host, less the system's share; about two thirds of it on a workstation."""
    whole = -(-facts.total_memory // GIB) if "64bit" in facts.tags else facts.total_memory // GIB
    memory = max(whole * GIB - SYSTEM_MEMORY, 0)
    return KiB(int(memory / 1.5) + SYSTEM_MEMORY if facts.nimby_enabled else memory)


def _clean_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(tag for tag in split_tags(tags) if tag.isprintable())[:64]


def _changes(host: Host, facts: c.HostFacts, boot: bool) -> dict[str, Any]:
    """What a report changes of the host's record (opencue-behaviour: hardware-states, opencue-behaviour: locks)."""
    changes: dict[str, Any] = {}
    if facts.state is not HostState.UP:
        if host.state is HostState.UP:
            changes["state"] = facts.state
    elif host.state is HostState.DOWN or (boot and host.state in (HostState.REBOOTING, HostState.REBOOT_WHEN_IDLE)):
        changes["state"] = HostState.UP
    if facts.nimby_locked and host.lock is LockState.OPEN:
        changes["lock"] = LockState.NIMBY_LOCKED
    elif not facts.nimby_locked and host.lock is LockState.NIMBY_LOCKED:
        changes["lock"] = LockState.OPEN
    if host.stopped is not (facts.state is HostState.DOWN):
        changes["stopped"] = not host.stopped
    for name in _KEPT:
        value = getattr(facts, name)
        if getattr(host, name) != value:
            changes[name] = value
    if boot:
        kept = {"hardware_tags": _clean_tags(facts.tags), "nimby_enabled": facts.nimby_enabled}
        changes.update({name: value for name, value in kept.items() if getattr(host, name) != value})
    return changes


_KEPT: Final = ("name", "address", "agent", "instance", "lease_us", "os")
"""What a host's record takes over from every report."""


def _resources(host: Host, facts: c.HostFacts) -> dict[str, Any]:
    """Cores, memory and GPUs are what the host says they are, also where more is reserved: it then drains."""
    memory = bookable_memory(facts)
    wanted: dict[str, Any] = {
        "cores": CoreUnits(facts.cores),
        "memory": memory,
        "gpus": facts.gpus,
        "gpu_memory": facts.gpu_memory,
    }
    return {name: value for name, value in wanted.items() if getattr(host, name) != value}

"""What a host's report says that is no event: its load, what its runs use, which of them it has not got.

Telemetry is kept at once; nothing of it is stored. A run that its host has lost is ended in `host_reports`.
What follows for agents is the caller's to send.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cuebot.decide.host_names import describe, may_be_renamed
from cuebot.domain import commands as c
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Proc
from cuebot.domain.telemetry import (
    observe_host,
    observe_return,
    observe_rival,
    observe_run,
    observe_start,
    observe_word,
)


@dataclass(slots=True)
class Heard:
    """What follows from a report besides its events."""

    host: Host | None = None
    """Whose it was; None where that is not known yet."""
    is_plan_wanted: bool = False
    """Something may be booked that could not be."""
    known: list[str] = field(default_factory=list)
    """Runs that the host has: their launches arrived."""
    missing: list[Proc] = field(default_factory=list)
    """Runs that the host should have and has never had, as far as anybody knows."""
    strangers: list[tuple[str, str]] = field(default_factory=list)
    """Runs (ids of run and frame) that are no longer current, of a host that is told so by kills."""


def hear_rival(farm: Farm, command: c.ReportHost, now_us: int) -> None:
    """A report was refused because its host's name is another agent's: that host is told."""
    observe_rival(farm.hosts[farm.host_by_name[command.host.name]], describe(command.host), now_us)


def hear(farm: Farm, command: c.ReportHost, stale: list[str], now_us: int) -> Heard:
    """Keep what a report says of its host and its runs. `stale` are those that are no longer current."""
    host_id = farm.host_by_name.get(command.host.name)
    if host_id is None:  # it is perhaps another host's new name, as its next report will tell
        before = may_be_renamed(farm, command.host)
        if before is not None:
            observe_word(before, now_us)
        return Heard()

    host = farm.hosts[host_id]
    heard = Heard(host)
    if host.rival == describe(command.host):
        observe_rival(host, "", now_us)  # the name has passed to that one
    began_anew = command.boot and observe_start(farm, host)
    changed = observe_host(farm, host, command.host, now_us)
    heard.is_plan_wanted = began_anew or changed
    _hear_runs(farm, host, command, heard, now_us)
    if not host.agent:
        frames = {run.run_id: run.frame_id for run in command.runs}
        heard.strangers = [(run_id, frames[run_id]) for run_id in stale]
    return heard


def _hear_runs(farm: Farm, host: Host, command: c.ReportHost, heard: Heard, now_us: int) -> None:
    reported = {run.run_id: run for run in command.runs}
    if not command.boot:
        observe_return(farm, host, {run_id for run_id, run in reported.items() if run.ended})

    heard.known = [run_id for run_id in reported if run_id in host.proc_ids]
    for run_id in heard.known:
        if observe_run(farm, farm.procs[run_id], reported[run_id], now_us):
            heard.is_plan_wanted = True

    if host.agent:
        absent = (farm.procs[run_id] for run_id in sorted(host.proc_ids.difference(reported)))
        heard.missing = [proc for proc in absent if not proc.launched and not proc.kill_message]

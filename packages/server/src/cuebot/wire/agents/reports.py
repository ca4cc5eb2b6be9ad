"""RqdReportInterface: what hosts say."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import structlog
from opencue_proto import report_pb2

from cuebot.domain import commands as c
from cuebot.domain.errors import HostConflict, Invalid, LimitExceeded, quoted
from cuebot.domain.states import Cause, Exit, HostState
from cuebot.domain.units import NO_END, CoreUnits, Micros
from cuebot.engine.requests import AGENT_PORT
from cuebot.wire.advice import for_people
from cuebot.wire.call import Call
from cuebot.wire.door_book import DoorBook, Refusal, name_in
from cuebot.wire.values import REPORTED_CORES_MAX, REPORTED_SECONDS_MAX, duration_us, int32, kib

log = structlog.get_logger("reports")

END_RUNS_KEY: Final = "cuefarm-end-runs"
ENDLESS_LEASE: Final = "none"
"""`cuefarm.lease_seconds` of an agent whose frames go on without us (`--on-lost-contact continue`)."""

CAUSES: Final = {
    "exited": Cause.EXITED,
    "killed": Cause.KILLED,
    "launch_failed": Cause.LAUNCH_FAILED,
    "runner_lost": Cause.RUNNER_LOST,
    "shutdown": Cause.SHUTDOWN,
    "lease": Cause.LEASE,
    "timeout": Cause.TIMEOUT,
    "silent": Cause.SILENT,
    "log_unwritable": Cause.LOG_UNWRITABLE,
    "host_fault": Cause.HOST_FAULT,
    "memory": Cause.MEMORY,
    "start_limit": Cause.START_LIMIT,
    "log_limit": Cause.LOG_LIMIT,
}
"""`cuefarm.cause` of docs/reference/agent-protocol.md."""

_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]{1,253}):[0-9]{1,5}", re.ASCII)
ERROR_LINE_BYTES: Final = 200
STUCK_BYTES: Final = 400
CLOSED_BYTES: Final = 400
FILE_NAME_BYTES: Final = 255
_MESSAGE_CHARACTERS: Final = 1_000
_TAG_CHARACTERS: Final = 128
_SUCCEEDS_CHARACTERS: Final = 40 * 37
_NAME_CHARACTERS: Final = 255
CONFLICT_TOLD_SECONDS: Final = 60.0
"""The server's log says so often that two agents have one name."""


class RqdReportInterface:
    """Reports of hosts."""

    def __init__(self, book: DoorBook) -> None:
        self._book = book
        self._told_s: dict[str, float] = {}
        """When the log last said that another agent has the name of a host."""

    async def ReportRqdStartup(self, request: report_pb2.RqdReportRqdStartupRequest, call: Call) -> None:
        """A host has started its agent."""
        facts = host_facts(request.boot_report.host, call.peer_address())
        await self._report(c.ReportHost(facts, (), boot=True), call)

    async def ReportStatus(self, request: report_pb2.RqdReportStatusRequest, call: Call) -> None:
        """A host says how it is and what it runs. Trailing metadata names the runs that it should end."""
        report = request.host_report
        most = call.engine.core.bounds.unacknowledged_outcomes
        if len(report.frames) > most:
            raise LimitExceeded(
                f"the report of host {quoted(report.host.name)!r}",
                "runs",
                given=len(report.frames),
                limit="unacknowledged_outcomes",
                allowed=most,
            )
        facts = host_facts(report.host, call.peer_address())
        await self._report(c.ReportHost(facts, tuple(_run_facts(run) for run in report.frames)), call)

    async def ReportRunningFrameCompletion(
        self, request: report_pb2.RqdReportRunningFrameCompletionRequest, call: Call
    ) -> None:
        """A host says how a run ended. OK means that it is on disk."""
        report = request.frame_complete_report
        command = outcome(report, short_name(report.host.name), _speaker(report.host, call.peer_address()))
        await call.engine.submit(command, call.envelope_of_host(command.host_name))

    async def _report(self, command: c.ReportHost, call: Call) -> None:
        try:
            stale = await call.engine.submit(command, call.envelope_of_host(command.host.name))
        except HostConflict as conflict:
            told_name, agent = _told_name(command.host, call), _which(command.host)
            self._book.refused_agent(call.peer_address(), told_name, Refusal.NAME_TAKEN, agent)
            self._tell_conflict(command.host.name, conflict)
            raise
        self._book.welcome(call.peer_address(), _told_name(command.host, call), _which(command.host))
        if stale:
            named = stale[: call.engine.core.bounds.ended_runs_per_reply]
            call.context.set_trailing_metadata(((END_RUNS_KEY, ",".join(named)),))

    def _tell_conflict(self, host_name: str, conflict: HostConflict) -> None:
        """Say it in the log, and not with each of the reports that follow."""
        now_s = time.monotonic()
        if now_s - self._told_s.get(host_name, -CONFLICT_TOLD_SECONDS) >= CONFLICT_TOLD_SECONDS:
            self._told_s[host_name] = now_s
            log.warning("a report was refused", host=host_name, why=for_people(str(conflict)))


def _told_name(host: c.HostFacts, call: Call) -> str:
    """What the door book calls the agent: as our agents say themselves, who are known by it before they may report."""
    return name_in(call.context.invocation_metadata()) or quoted(host.name)


def _which(host: c.HostFacts) -> str:
    """Which agent of a name it is: its spool's id, or what upstream's calls its host in full."""
    return host.instance or host.full_name


def _speaker(host: report_pb2.RenderHost, peer: str) -> c.Speaker:
    """Who reports an outcome."""
    attributes = host.attributes
    return c.Speaker(
        name=short_name(host.name),
        agent=attributes.get("cuefarm.agent", "")[:_TAG_CHARACTERS],
        instance=attributes.get("cuefarm.instance", "")[:_TAG_CHARACTERS],
        full_name=host.name[:_NAME_CHARACTERS],
        peer=peer,
        boot_us=Micros(max(host.boot_time, 0) * 1_000_000),
    )


def host_facts(host: report_pb2.RenderHost, peer: str) -> c.HostFacts:
    """A report's host in the farm's units. Numbers that cannot be are cut to what can. Raises Invalid."""
    attributes = host.attributes
    given = attributes.get("cuefarm.address", "")
    address = given or _default_address(host.name)
    if not _ADDRESS.fullmatch(address):
        raise Invalid(f"host {quoted(host.name)!r}: {quoted(address)!r} is no address; accepted is HOST:PORT")
    try:
        state = HostState(host.state)
    except ValueError:
        state = HostState.UP
    return c.HostFacts(
        name=short_name(host.name),
        facility=host.facility.lower(),
        cores=CoreUnits(min(max(host.num_procs * host.cores_per_proc, 0), REPORTED_CORES_MAX)),
        total_memory=kib(host.total_mem),
        free_memory=kib(host.free_mem),
        total_swap=kib(host.total_swap),
        free_swap=kib(host.free_swap),
        total_temp=kib(host.total_mcp),
        free_temp=kib(host.free_mcp),
        load=host.load,
        boot_us=Micros(max(host.boot_time, 0) * 1_000_000),
        tags=tuple(tag[:_TAG_CHARACTERS] for tag in host.tags),
        os=tuple(name.strip() for name in attributes.get("SP_OS", "")[:_TAG_CHARACTERS].split(",") if name.strip()),
        state=state,
        nimby_enabled=host.nimby_enabled,
        nimby_locked=host.nimby_locked,
        gpus=min(max(host.num_gpus, 0), 1_000),
        gpu_memory=kib(host.total_gpu_mem),
        free_gpu_memory=kib(host.free_gpu_mem),
        address=address,
        agent=attributes.get("cuefarm.agent", "")[:_TAG_CHARACTERS],
        instance=attributes.get("cuefarm.instance", "")[:_TAG_CHARACTERS],
        lease_us=_lease_us(attributes.get("cuefarm.lease_seconds", "")),
        full_name=host.name[:_NAME_CHARACTERS],
        peer=peer,
        succeeds=tuple(attributes.get("cuefarm.succeeds", "")[:_SUCCEEDS_CHARACTERS].split()),
        closed=_cut(attributes.get("cuefarm.closed", ""), CLOSED_BYTES),
    )


def _lease_us(told: str) -> Micros:
    """How long an agent lets frames run without us; 0 where it does not tell."""
    if told == ENDLESS_LEASE:
        return NO_END
    return duration_us(min(int(told), REPORTED_SECONDS_MAX)) if told.isdecimal() and len(told) < 12 else Micros(0)


@lru_cache(maxsize=16_384)
def short_name(name: str) -> str:
    """A host's name without its domain; an address stays whole (opencue-behaviour: host-names)."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name if ":" in name else name.partition(".")[0]
    return name


def _default_address(name: str) -> str:
    """Where an agent answers that does not say so: the name that it reports, with its domain, and the usual port."""
    return f"[{name}]:{AGENT_PORT}" if ":" in name else f"{name}:{AGENT_PORT}"


def _run_facts(run: report_pb2.RunningFrameInfo) -> c.RunFacts:
    return c.RunFacts(
        run_id=run.resource_id,
        frame_id=run.frame_id,
        rss=kib(run.rss),
        max_rss=kib(run.max_rss),
        llu_s=max(int32(run.llu_time), 0),
        ended=run.attributes.get("cuefarm.state", "") == "ended",
        ran_us=_milliseconds(run.attributes, "cuefarm.ran_ms"),
        stuck=_cut(run.attributes.get("cuefarm.stuck", ""), STUCK_BYTES),
    )


def _milliseconds(attributes: Mapping[str, str], name: str) -> Micros:
    """A time that our agent tells; 0 where another one does not."""
    text = attributes.get(name, "")
    told = min(int(text), REPORTED_SECONDS_MAX * 1_000) if text.isdecimal() and len(text) < 16 else 0
    return Micros(told * 1_000)


def _cut(text: str, most_bytes: int) -> str:
    """The beginning of a text that strangers sent, without control characters."""
    clean = "".join(character for character in text[:most_bytes] if character.isprintable())
    return clean.encode()[:most_bytes].decode(errors="ignore")


def outcome(
    report: report_pb2.FrameCompleteReport, host_name: str, speaker: c.Speaker | None = None
) -> c.ReportOutcome:
    """How a run ended on a host. An agent that is not ours gives no cause; what it means by its exit status does."""
    frame = report.frame
    attributes = frame.attributes
    cause = CAUSES.get(attributes.get("cuefarm.cause", ""))
    if cause is None:
        cause = Cause.LAUNCH_FAILED if report.exit_status == Exit.FAILED_LAUNCH else Cause.EXITED
    message = attributes.get("cuefarm.message", "") or attributes.get("cuefarm.kill_message", "")
    left = attributes.get("cuefarm.left_behind", "")
    if left and not message:
        message = f"it left behind, which was ended with it: {left}"
    return c.ReportOutcome(
        host_name=host_name,
        run_id=frame.resource_id,
        frame_id=frame.frame_id,
        exit_status=report.exit_status,
        exit_signal=report.exit_signal,
        cause=cause,
        run_us=_milliseconds(attributes, "cuefarm.run_ms") or duration_us(report.run_time),
        max_rss=kib(frame.max_rss),
        message=message[:_MESSAGE_CHARACTERS],
        nimby_locked=report.host.nimby_locked,
        cpu_us=_milliseconds(attributes, "cuefarm.cpu_ms"),
        error_line=_cut(attributes.get("cuefarm.error_line", ""), ERROR_LINE_BYTES),
        log_name=_cut(attributes.get("cuefarm.log_name", ""), FILE_NAME_BYTES),
        speaker=speaker,
    )

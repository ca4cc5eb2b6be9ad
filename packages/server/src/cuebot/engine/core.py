"""The engine without its loop: commands in; batches to commit, replies and orders out. No clock, no thread, no socket.

The asyncio engine and the simulator drive the same Core. One batch is open at any time and collects what commands did;
`take` closes it, `committed` releases what waited for it. Nothing is answered, launched or published before that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cuebot.decide import Context, Settings, apply_all, decide
from cuebot.decide.host_names import describe, may_be_renamed
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.apply import apply
from cuebot.domain.errors import Exhausted, FarmError, HostConflict
from cuebot.domain.farm import Farm
from cuebot.domain.learning import forget_where_changed
from cuebot.domain.nouns import Host, Proc
from cuebot.domain.principals import THE_SERVER
from cuebot.domain.settings import DEFAULT_BOUNDS, Bounds
from cuebot.domain.states import Cause, Exit
from cuebot.domain.telemetry import (
    observe_end,
    observe_host,
    observe_launch,
    observe_no_answer,
    observe_refusal,
    observe_reservations,
    observe_return,
    observe_rival,
    observe_run,
    observe_start,
    observe_told,
    observe_word,
)
from cuebot.domain.units import KiB, Micros, frame_id
from cuebot.engine.access import Authorize, allow_all, authorize_command
from cuebot.engine.ports import Answer, Batch, Recorded
from cuebot.engine.requests import (
    LIMITING_FIELDS,
    Address,
    KillRequest,
    LaunchRequest,
    LimitsRequest,
    address_of,
    kill_request,
    launch_requests,
    limits_requests,
)
from cuebot.engine.rows import take_dirty
from cuebot.scheduling.plan.plan import plan
from cuebot.scheduling.rules.policy import Policy

SLICES_PER_BATCH: Final = 4

SYSTEM = c.Envelope(actor="system", origin="engine", principal=THE_SERVER)

_NO_PLAN_AFTER = (ev.RunsBooked, ev.KillRequested, ev.ReportIgnored, ev.RequestAnswered)


@dataclass(slots=True)
class PendingReply:
    """A command that was carried out and waits for its commit."""

    reply: Any
    done: Callable[[Any], None]


@dataclass(slots=True)
class AgentRequests:
    """What agents are to be told now."""

    launches: list[tuple[Address, list[LaunchRequest]]] = field(default_factory=list)
    kills: list[tuple[Address, list[KillRequest]]] = field(default_factory=list)
    limits: list[tuple[Address, list[LimitsRequest]]] = field(default_factory=list)


@dataclass(slots=True)
class Counters:
    """What the engine has done since it started."""

    commands: int = 0
    refused: int = 0
    events: int = 0
    commits: int = 0
    booked: int = 0
    ended: int = 0
    launches_refused: int = 0
    plans: int = 0


@dataclass(slots=True)
class _Open:
    """The batch that is being filled."""

    events: list[Recorded] = field(default_factory=list)
    tickets: list[PendingReply] = field(default_factory=list)
    booked: int = 0
    specifications: dict[str, bytes] = field(default_factory=dict)


class Core:
    """Owns a farm and its history's last number."""

    def __init__(
        self,
        farm: Farm,
        *,
        last_seq: int,
        started_us: int,
        new_id: Callable[[], str],
        settings: Settings | None = None,
        bounds: Bounds = DEFAULT_BOUNDS,
        authorize: Authorize = allow_all,
        policies: Sequence[Policy] = (),
    ) -> None:
        self.farm = farm
        self.settings = farm.settings = settings or Settings()
        self.bounds = farm.bounds = bounds
        self.policies = policies
        self.authorize = authorize
        self.counters = Counters()
        self.plan_wanted = True
        self.sound = True
        """False once a command could be applied only in part, which is a bug: memory is not to be trusted any more, and
        nothing of it may be committed."""
        self.draining = False
        """No new bookings: the server is about to stop."""
        self.launching: set[str] = set()
        """Runs that are booked and whose launch has no answer yet: the scheduler's back-pressure."""
        self._seq = last_seq
        self._started_us = Micros(started_us)
        self._awake_us = self._swept_us = self._started_us
        self._new_id = new_id
        self._open = _Open()
        self._uncommitted_kills: set[str] = set()
        self._to_launch: deque[str] = deque()
        """Runs that are durable and were not sent to their agents yet."""
        self._closed: list[PendingReply] = []
        self._closed_events: list[Recorded] = []

    @property
    def last_seq(self) -> int:
        """The number of the last event, durable or not."""
        return self._seq

    def context(self, now_us: int) -> Context:
        """The circumstances of a decision made now."""
        return Context(Micros(now_us), self._new_id, self._started_us, self._awake_us, self.settings, self.bounds)

    # --- commands -------------------------------------------------------------------------------------------------

    def execute(
        self, command: c.Command, envelope: c.Envelope, now_us: int, done: Callable[[Any], None] | None = None
    ) -> Any:
        """Carry out a command. `done` is called with the reply once that is durable. Raises FarmError to refuse."""
        authorize_command(self.authorize, envelope.principal, command, self.farm)
        if len(self._open.tickets) >= self.bounds.mailbox_commands:
            raise Exhausted(
                f"{len(self._open.tickets)} commands wait for the disk already (limit mailbox_commands);"
                " try again shortly"
            )
        known = self.farm.requests.get(envelope.request_id) if envelope.request_id else None
        if known is not None:
            reply = known.reply
        else:
            reply = self._carry_out(command, envelope, now_us)
        if done is not None:
            self._open.tickets.append(PendingReply(reply, done))
        return reply

    def _carry_out(self, command: c.Command, envelope: c.Envelope, now_us: int) -> Any:
        self.counters.commands += 1
        context = self.context(now_us)
        try:
            events, reply = decide(self.farm, command, context)
        except FarmError:
            self.counters.refused += 1
            raise
        self.sound = False
        events = apply_all(self.farm, events, now_us)
        self.sound = True
        if envelope.request_id and (events or reply is not None):  # "nothing to do" is an answer to be kept, too
            answered = ev.RequestAnswered(envelope.request_id, reply)
            apply(self.farm, answered, now_us)
            events.append(answered)
        if isinstance(command, c.SubmitJobs) and command.text:
            self._open.specifications[reply[0]] = command.text
        for event in events:
            self._seq += 1
            self._open.events.append(Recorded(self._seq, now_us, envelope, event))
            if isinstance(event, ev.RunEnded):
                self.counters.ended += 1
                observe_end(self.farm, event, now_us)
                self._launch_is_over(event.run_id)
            elif isinstance(event, ev.KillRequested):
                self._uncommitted_kills.update(event.run_ids)
            elif isinstance(event, ev.Changed):
                forget_where_changed(self.farm, event)
            elif isinstance(event, (ev.EndedWithHost, ev.FramesRetried)):
                observe_told(self.farm, event)
            if not isinstance(event, _NO_PLAN_AFTER):
                self.plan_wanted = True
        self.counters.events += len(events)
        return reply

    def report_host(
        self, command: c.ReportHost, envelope: c.Envelope, now_us: int, done: Callable[[Any], None] | None = None
    ) -> AgentRequests:
        """Take in a report and its telemetry. Returns orders: launches that never arrived, runs to be ended.

        Raises FarmError to refuse it; of a HostConflict the host is told, with its own agent's next report.
        """
        farm = self.farm
        try:
            stale = self.execute(command, envelope, now_us, done)
        except HostConflict:
            rival = describe(command.host)
            observe_rival(farm.hosts[farm.host_by_name[command.host.name]], rival, now_us)
            raise
        host_id = farm.host_by_name.get(command.host.name)
        if host_id is None:  # it is perhaps another host's new name, as its next report will tell
            before = may_be_renamed(farm, command.host)
            if before is not None:
                observe_word(before, now_us)
            return AgentRequests()
        host = farm.hosts[host_id]
        if host.rival == describe(command.host):
            observe_rival(host, "", now_us)  # the name has passed to that one
        if command.boot and observe_start(farm, host):
            self.plan_wanted = True
        if observe_host(farm, host, command.host, now_us):
            self.plan_wanted = True
        reported = {run.run_id: run for run in command.runs}
        if not command.boot:
            observe_return(farm, host, {run_id for run_id, run in reported.items() if run.ended})
        for run_id, run in reported.items():
            if run_id in host.proc_ids:
                if observe_run(farm, farm.procs[run_id], run, now_us):
                    self.plan_wanted = True
                self._launch_is_over(run_id)
        missing = [
            proc
            for proc in (farm.procs[id] for id in sorted(host.proc_ids.difference(reported)))
            if host.agent and not proc.launched and not proc.kill_message and proc.id not in self.launching
        ]
        orders = AgentRequests()
        if missing and not self.draining:
            self.launching.update(proc.id for proc in missing)
            for proc in missing:
                proc.sent_us = Micros(now_us)
            orders.launches.append((address_of(host), launch_requests(farm, missing)))
        if stale and not host.agent:
            message = "this run is no longer current"
            kills = [
                KillRequest(id, reported[id].frame_id, message) for id in stale[: self.bounds.ended_runs_per_reply]
            ]
            orders.kills.append((address_of(host), kills))
        return orders

    def answered(self, run_id: str, answer: Answer, detail: str, now_us: int) -> None:
        """An agent answered a launch. A refusal ends the run, unless another launch of it may be on the way."""
        self._launch_is_over(run_id)
        proc = self.farm.procs.get(run_id)
        if proc is None:
            return
        if answer is Answer.ACCEPTED:
            if observe_launch(self.farm, run_id, now_us):
                self.plan_wanted = True
        elif answer is Answer.INVALID:
            self.counters.launches_refused += 1
            if self._is_believed(proc, now_us):
                self.execute(_not_startable(self.farm, proc, detail), SYSTEM, now_us)
        elif answer in (Answer.REFUSED, Answer.NOT_SENT):
            self.counters.launches_refused += 1
            observe_refusal(self.farm, self.farm.hosts[proc.host_id], now_us)
            self.plan_wanted = True  # what would rather go there may go elsewhere, also if this run is not over
            if answer is Answer.REFUSED or self._never_sent(proc):
                self._refused(proc, detail, now_us)
        else:
            observe_no_answer(self.farm, run_id, now_us)

    def kill_answered(self, run_id: str, answer: Answer, now_us: int) -> None:
        """An agent answered a kill. A run that it never had, and whose launch is not under way, is over."""
        proc = self.farm.procs.get(run_id)
        if proc is None or answer is not Answer.NOT_FOUND or run_id in self.launching:
            return
        if self.farm.hosts[proc.host_id].agent:
            self._refused(proc, "it was to be killed before the host had it", now_us)

    def _never_sent(self, proc: Proc) -> bool:
        """No launch of this run can have reached its host before: an earlier server may have sent what it booked."""
        return proc.booked_us >= self._started_us and not proc.unanswered_us

    def _refused(self, proc: Proc, detail: str, now_us: int) -> None:
        """The host says that it has not got a run."""
        if self._is_believed(proc, now_us):
            self.execute(c.RefuseRun(proc.id, detail), SYSTEM, now_us)

    def _is_believed(self, proc: Proc, now_us: int) -> bool:
        """Whether a host has not got a run that says so: unless it had, or may still get it by an earlier launch."""
        return not proc.launched and not self.context(now_us).may_still_arrive(proc)

    def _launch_is_over(self, run_id: str) -> None:
        """A launch has its answer, or needs none any more: there is room for another booking."""
        if run_id in self.launching:
            if len(self.launching) >= self.bounds.unlaunched_bookings:
                self.plan_wanted = True
            self.launching.discard(run_id)

    # --- scheduling -----------------------------------------------------------------------------------------------

    def plan(self, now_us: int) -> int:
        """Plan one slice and book it. Returns how many frames were booked; `plan_wanted` says whether to go on."""
        budget = min(self.bounds.bookings_per_slice, self.bounds.unlaunched_bookings - len(self.launching))
        if self.draining or budget <= 0:
            self.plan_wanted = False
            return 0
        self.counters.plans += 1
        found = plan(self.farm, now_us, budget, self.policies)
        observe_reservations(self.farm, found.reserved)
        self.plan_wanted = found.exhausted
        if found.bookings:
            first = len(self._open.events)
            self._carry_out(c.Book(tuple(found.bookings)), SYSTEM, now_us)
            for recorded in self._open.events[first:]:
                if isinstance(recorded.event, ev.RunsBooked):
                    self.launching.update(recorded.event.run_ids)
            self.counters.booked += len(found.bookings)
            self._open.booked += len(found.bookings)
        return len(found.bookings)

    def sweep(self, now_us: int) -> AgentRequests:
        """What time alone brings about: silent hosts, ended leases, kills to be repeated, pauses that are over.

        A sweep that comes late shows that this server stood still, so nobody's silence is counted from before.
        """
        if now_us - self._swept_us >= self.settings.stood_still_us:
            self._awake_us = Micros(now_us)
        self._swept_us = Micros(now_us)
        self.execute(c.Sweep(), SYSTEM, now_us)
        if self.farm.ready:
            self.plan_wanted = True
        by_host: dict[str, list[Proc]] = {}
        for proc in self.farm.procs.values():
            if not proc.kill_message or proc.id in self._uncommitted_kills:
                continue
            if now_us - proc.kill_sent_us >= self.settings.kill_again_us:
                by_host.setdefault(proc.host_id, []).append(proc)
        return AgentRequests(kills=[self._kills(self.farm.hosts[id], procs, now_us) for id, procs in by_host.items()])

    # --- commits --------------------------------------------------------------------------------------------------

    def has_batch(self) -> bool:
        """There is something to commit, or somebody waits for what is being committed."""
        return bool(self._open.events or self._open.tickets)

    def when_durable(self, done: Callable[[Any], None]) -> None:
        """Have `done` called once all that has happened so far is durable."""
        self._open.tickets.append(PendingReply(None, done))

    def has_bookings_enough(self) -> bool:
        """The open batch holds as many bookings as one commit should launch: more would hold up the loop after it."""
        return self._open.booked >= SLICES_PER_BATCH * self.bounds.bookings_per_slice

    def take(self) -> Batch:
        """Close the open batch and begin another. The batch must be committed before the next one is."""
        batch = Batch(take_dirty(self.farm), self._open.events, self._open.specifications)
        self._closed, self._closed_events = self._open.tickets, self._open.events
        self._open = _Open()
        return batch

    def committed(self, now_us: int) -> tuple[list[PendingReply], AgentRequests]:
        """The batch that was taken is durable: who is answered, and what agents are told besides launches."""
        self.counters.commits += 1
        tickets, events = self._closed, self._closed_events
        self._closed, self._closed_events = [], []
        kills: dict[str, list[Proc]] = {}
        limited: dict[str, None] = {}
        for recorded in events:
            if isinstance(recorded.event, ev.RunsBooked):
                self._to_launch.extend(recorded.event.run_ids)
            elif isinstance(recorded.event, ev.KillRequested):
                self._uncommitted_kills.difference_update(recorded.event.run_ids)
                for run_id in recorded.event.run_ids:
                    proc = self.farm.procs.get(run_id)
                    if proc is not None:
                        kills.setdefault(proc.host_id, []).append(proc)
            elif isinstance(recorded.event, ev.Changed) and _changes_limits(recorded.event):
                limited[recorded.event.id] = None
        orders = AgentRequests(kills=[self._kills(self.farm.hosts[id], procs, now_us) for id, procs in kills.items()])
        orders.limits = self._limits(limited)
        return tickets, orders

    def has_launches(self) -> bool:
        """Runs are durable whose launches wait to be sent."""
        return bool(self._to_launch)

    def launch(self, now_us: int) -> AgentRequests:
        """The next launches: those of a whole batch at once would hold up the loop. Some may be killed by now."""
        procs = []
        for _ in range(min(self.bounds.launches_per_slice, len(self._to_launch))):
            proc = self.farm.procs.get(self._to_launch.popleft())
            if proc is None:
                continue
            if proc.kill_message:
                self.execute(c.RefuseRun(proc.id, "killed before it was launched"), SYSTEM, now_us)
            else:
                proc.sent_us = Micros(now_us)
                procs.append(proc)
        launches: dict[str, list[LaunchRequest]] = {}
        for proc, order in zip(procs, launch_requests(self.farm, procs), strict=True):
            launches.setdefault(proc.host_id, []).append(order)
        return AgentRequests(launches=[(address_of(self.farm.hosts[id]), runs) for id, runs in launches.items()])

    def _limits(self, layer_ids: Iterable[str]) -> list[tuple[Address, list[LimitsRequest]]]:
        """What runs of layers may not exceed from now on, by the hosts that keep it."""
        by_host: dict[str, list[str]] = {}
        for layer_id in layer_ids:
            layer = self.farm.layers.get(layer_id)
            for run_id in layer.runs.values() if layer is not None else ():
                by_host.setdefault(self.farm.procs[run_id].host_id, []).append(run_id)
        return [(address_of(self.farm.hosts[id]), limits_requests(self.farm, runs)) for id, runs in by_host.items()]

    def _kills(self, host: Host, procs: list[Proc], now_us: int) -> tuple[Address, list[KillRequest]]:
        for proc in procs:
            proc.kill_sent_us = Micros(now_us)
        return address_of(host), [kill_request(proc) for proc in procs]


def _changes_limits(event: ev.Changed) -> bool:
    return event.kind == "layer" and not LIMITING_FIELDS.isdisjoint(event.changes)


def _not_startable(farm: Farm, proc: Proc, detail: str) -> c.ReportOutcome:
    """The end of a run that no agent would start as it is: the frame's own, as if its process could not be started."""
    return c.ReportOutcome(
        host_name=farm.hosts[proc.host_id].name,
        run_id=proc.id,
        frame_id=frame_id(proc.layer_id, proc.frame_index),
        exit_status=int(Exit.FAILED_LAUNCH),
        exit_signal=0,
        cause=Cause.LAUNCH_FAILED,
        run_us=Micros(0),
        max_rss=KiB(0),
        message=detail,
    )

"""The engine without its loop: commands in; batches to commit, replies and orders out. No clock, no thread, no socket.

The asyncio engine and the simulator drive the same Core. One batch is open at any time and collects what commands did;
`take` closes it, `committed` releases what waited for it. Nothing is answered, launched or published before that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cuebot.decide import Context, Settings, apply_all, decide
from cuebot.decide.consequences import may_change_the_plan
from cuebot.decide.host_telemetry import hear, hear_rival
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.apply import apply
from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.errors import Exhausted, FarmError, HostConflict
from cuebot.domain.failing_hosts import observe_refusal
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Proc
from cuebot.domain.principals import THE_SERVER
from cuebot.domain.states import Cause, Exit
from cuebot.domain.telemetry import observe_launch, observe_no_answer, observe_reservations
from cuebot.domain.units import KiB, Micros, frame_id
from cuebot.engine.access import Authorize, allow_all, authorize_command
from cuebot.engine.dispatch import AgentRequests, Dispatch
from cuebot.engine.farm_rows import take_dirty
from cuebot.engine.ports import Answer, Batch, Recorded
from cuebot.scheduling.plan.plan import plan
from cuebot.scheduling.rules.policy import Policy

SLICES_PER_BATCH: Final = 4

SYSTEM = c.Envelope(actor="system", origin="engine", principal=THE_SERVER)


@dataclass(slots=True)
class PendingReply:
    """A command that was carried out and waits for its commit."""

    reply: Any
    done: Callable[[Any], None]


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
        self.dispatch = Dispatch(farm, self.settings, bounds)
        self._seq = last_seq
        self._started_us = Micros(started_us)
        self._awake_us = self._swept_us = self._started_us
        self._new_id = new_id
        self._open = _Open()
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
        if isinstance(command, c.ReportHost):
            self._heard(command, reply, now_us)
        if done is not None:
            self._open.tickets.append(PendingReply(reply, done))
        return reply

    def _carry_out(self, command: c.Command, envelope: c.Envelope, now_us: int) -> Any:
        self.counters.commands += 1
        context = self.context(now_us)
        try:
            events, reply = decide(self.farm, command, context)
        except FarmError as error:
            self.counters.refused += 1
            if isinstance(error, HostConflict) and isinstance(command, c.ReportHost):
                hear_rival(self.farm, command, now_us)
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
        self._record(events, envelope, now_us)
        return reply

    def _record(self, events: list[ev.Event], envelope: c.Envelope, now_us: int) -> None:
        """Give events their numbers in history, and their place in the open batch."""
        for event in events:
            self._seq += 1
            self._open.events.append(Recorded(self._seq, now_us, envelope, event))
            self.counters.ended += isinstance(event, ev.RunEnded)
            if self.dispatch.happened(event) or may_change_the_plan(event):
                self.plan_wanted = True
        self.counters.events += len(events)

    def _heard(self, command: c.ReportHost, stale: list[str], now_us: int) -> None:
        """Take in what a report says besides its events. What agents are told of it waits in `dispatch`."""
        heard = hear(self.farm, command, stale, now_us)
        if heard.host is None:
            return
        is_room = [self.dispatch.launch_is_over(run_id) for run_id in heard.known]
        if heard.is_plan_wanted or any(is_room):
            self.plan_wanted = True
        if not self.draining:
            self.dispatch.launch_again(heard.host, heard.missing, now_us)
        self.dispatch.end_strangers(heard.host, heard.strangers)

    def answered(self, run_id: str, answer: Answer, detail: str, now_us: int) -> None:
        """An agent answered a launch. A refusal ends the run, unless another launch of it may be on the way."""
        if self.dispatch.launch_is_over(run_id):
            self.plan_wanted = True
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
        elif answer in (Answer.REFUSED, Answer.NOT_TAKEN_IN):
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
        if proc is None or answer is not Answer.NOT_FOUND or run_id in self.dispatch.launching:
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

    # --- scheduling -----------------------------------------------------------------------------------------------

    def plan(self, now_us: int) -> int:
        """Plan one slice and book it. Returns how many frames were booked; `plan_wanted` says whether to go on."""
        budget = min(self.bounds.bookings_per_slice, self.dispatch.room())
        if self.draining or budget <= 0:
            self.plan_wanted = False
            return 0
        self.counters.plans += 1
        found = plan(self.farm, now_us, budget, self.policies)
        observe_reservations(self.farm, found.reserved)
        self.plan_wanted = found.exhausted
        if found.bookings:
            self._carry_out(c.Book(tuple(found.bookings)), SYSTEM, now_us)
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
        return self.dispatch.kill_again(now_us)

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
        return tickets, self.dispatch.committed((recorded.event for recorded in events), now_us)

    def launch(self, now_us: int) -> AgentRequests:
        """The next launches. A run that is to be killed by now is over without one."""
        requests, killed = self.dispatch.next_launches(now_us)
        for proc in killed:
            self.execute(c.RefuseRun(proc.id, "killed before it was launched"), SYSTEM, now_us)
        return requests


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

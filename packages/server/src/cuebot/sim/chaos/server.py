"""One life of a simulated server: the real core, driven as the asyncio engine drives it, until a crash ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import FarmError, HostConflict
from cuebot.domain.farm import Farm
from cuebot.domain.recount import check
from cuebot.domain.states import Cause, HostState
from cuebot.domain.units import SECOND
from cuebot.engine.core import SYSTEM, Core
from cuebot.engine.dispatch import AgentRequests
from cuebot.engine.ports import Answer, Batch
from cuebot.engine.requests import Address, KillRequest, LaunchRequest
from cuebot.sim.chaos.ground_truth import Violation
from cuebot.sim.chaos.idle_hosts import check_nothing_idle
from cuebot.sim.chaos.network import Reply

if TYPE_CHECKING:
    from cuebot.sim.chaos.world import World

SWEEP_US = 5 * SECOND
LAUNCH_US = 2_000
"""Between launches of one commit: the loop does other things."""
RETRY_US = SECOND // 2
STALL_US = 4 * SECOND
"""As in the engine: a commit that takes so long is a stall, as one that fails."""
GIVE_UP_US = 60 * SECOND
"""As in the engine: a journal that fails or hangs for so long ends the server."""
REFUSAL_US = 5 * SECOND
"""A host that refused a launch is asked for nothing more for so long, at least."""


class Server:
    """A core and what waits to be done for it. Whatever a dead server had planned does not happen."""

    def __init__(self, world: World, farm: Farm, last_seq: int) -> None:
        self.world = world
        now_us = world.clock.now_us
        self.core = Core(
            farm,
            last_seq=last_seq,
            started_us=now_us,
            new_id=world.new_id,
            settings=world.settings,
            bounds=world.bounds,
            policies=[world.policy.as_plug_in()] if world.policy is not None else [],
        )
        self.alive = True
        self.stalled_since_us: int | None = None
        self._stall_us = (0, 0)
        """When the last stall that is over began and ended."""
        self._stalled_at_us = 0
        """When the stall that goes on was noticed."""
        self._tries = 0
        """Commits that were begun, so that one which hangs is told from the next."""
        self._refused_us: dict[str, int] = {}
        """When hosts last refused a launch, since they took one or were started."""
        self._committing: Batch | None = None
        self._planning = False
        self._checked_change = -1
        self._planned_us = 0
        """When the last pass found nothing more to book; 0 since a pass is wanted that has not been made."""
        self._later(SWEEP_US, self._sweep)
        self._settle()

    @property
    def farm(self) -> Farm:
        """The server's books."""
        return self.core.farm

    @property
    def idle(self) -> bool:
        """Nothing waits to be committed, planned or launched."""
        busy = self._planning or self.core.has_batch() or self.core.dispatch.has_launches()
        return self._committing is None and not busy

    def crash(self) -> None:
        """End at once. A commit that was under way may or may not have reached the disk."""
        self.alive = False
        if self._committing is not None and self.world.rng.random() < 0.5:
            self.world.disk.commit(self._committing)

    # --- the door in ----------------------------------------------------------------------------------------------

    def submit(
        self,
        command: c.Command,
        envelope: c.Envelope,
        done: Callable[[Any], None],
        refused: Callable[[FarmError], None] | None = None,
    ) -> None:
        """Carry out a command; `done` gets the reply once it is durable. While commits fail there is no answer."""
        if self._crashes() or self.stalled_since_us is not None:
            return
        last_seq = self.core.last_seq

        def durable(reply: Any) -> None:
            if self.world.disk.last_seq < last_seq:
                raise Violation(f"{type(command).__name__} of {envelope.actor} is acknowledged before it is durable")
            done(reply)

        try:
            self.core.execute(command, envelope, self.world.clock.now_us, self._while_alive(durable))
            last_seq = self.core.last_seq
        except FarmError as error:
            job_id = self.world.disk.job_with(error.missing) if error.missing else None
            if job_id is not None:
                self._with(job_id, lambda: self.submit(command, envelope, done, refused))
                return
            if refused is None:
                raise Violation(f"{type(command).__name__} of {envelope.actor} was refused: {error}") from error
            refused(error)
        self._settle()

    def _with(self, job_id: str, then: Callable[[], None]) -> None:
        """Have an archived job in memory again and go on, once all that has happened so far is durable."""
        if self.core.has_batch() or self._committing is not None:
            self._later(SECOND // 10, lambda: self._with(job_id, then))
            return
        for command in self.world.disk.recalls(self.farm, job_id):
            self.core.execute(command, SYSTEM, self.world.clock.now_us)
            self.world.happened["jobs loaded again"] += 1
        self._settle()
        then()

    def report(self, command: c.ReportHost, reply: Reply) -> None:
        """Take in a host's report."""
        if self._crashes() or self.stalled_since_us is not None:
            return
        envelope = c.Envelope(actor=command.host.name, origin="agent")
        try:
            self.core.execute(command, envelope, self.world.clock.now_us, self._while_alive(reply))
        except HostConflict:
            return  # to whoever has asked, the same as no answer
        self.world.ground_truth.heard(command.host.peer, self.world.clock.now_us)
        if command.host.state is HostState.DOWN:
            self.world.ground_truth.goodbyes_us[command.host.name] = self.world.clock.now_us
        if command.boot:
            self._refused_us.pop(command.host.name, None)
        self._send(self.core.dispatch.take_requests())
        self._settle()

    # --- the loop -------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Look at the books after every step, and go on with what there is to do."""
        if self.farm.change != self._checked_change:
            self._checked_change = self.farm.change
            check(self.farm)
            self._check_nothing_forgotten()
        if self.core.has_batch() and self._committing is None:
            self._committing = self.core.take()
            self._try_to_commit(self._commit_us())
        if self.core.plan_wanted and not self._planning and self.stalled_since_us is None:
            self._planning = True
            self._later(SECOND // 1000, self._plan)

    def _commit_us(self) -> float:
        rng = self.world.rng
        slow = rng.random() < self.world.faults.commit_slow
        return rng.uniform(SECOND // 2, 20 * SECOND) if slow else rng.uniform(200, 5_000)

    def _try_to_commit(self, delay_us: float) -> None:
        self._tries += 1
        began_us, number = self.world.clock.now_us, self._tries

        def hangs() -> None:
            if self._committing is not None and self._tries == number:
                self._stalls(began_us)

        def gives_up() -> None:
            if self._committing is not None and self._tries == number:
                self.world.crash("a commit has not returned for too long")

        self._later(STALL_US, hangs)
        self._later(GIVE_UP_US, gives_up)
        self._later(delay_us, self._commit)

    def _stalls(self, since_us: int) -> None:
        """Commits do not succeed at the moment: who asks is refused."""
        if self.stalled_since_us is None:
            self.stalled_since_us, self._stalled_at_us = since_us, self.world.clock.now_us

    def _goes_on(self) -> None:
        if self.stalled_since_us is not None:
            self._stall_us = self._stalled_at_us, self.world.clock.now_us
            self.stalled_since_us = None

    def _check_stall(self, batch: Batch) -> None:
        """While commits stalled nothing was taken in, booked or concluded; a launch may have been refused."""
        began_us, ended_us = self._stall_us
        for recorded in batch.events:
            if not began_us < recorded.at_us < ended_us:
                continue
            event, actor = recorded.event, recorded.envelope.actor
            refusal = not isinstance(event, (ev.RunsBooked, ev.Changed)) and actor == "system"
            if isinstance(event, ev.RunEnded) and event.cause is not Cause.REFUSED:
                refusal = False
            if not refusal:
                raise Violation(f"{type(event).__name__} of {actor} happened while commits stalled")

    def _commit(self) -> None:
        batch, faults, rng = self._committing, self.world.faults, self.world.rng
        now_us, hangs_until_us = self.world.clock.now_us, self.world.journal_hangs_until_us
        assert batch is not None
        if now_us < hangs_until_us:
            self._later(hangs_until_us - now_us + 1, self._commit)
            return
        although_durable = rng.random() < faults.commit_fails_although_durable
        if although_durable:
            self.world.disk.commit(batch)
        lost = now_us < self.world.journal_lost_until_us
        if although_durable or lost or rng.random() < faults.commit_fails:
            self._stalls(now_us)
            if now_us - (self.stalled_since_us or now_us) > GIVE_UP_US:
                self.world.crash("the journal failed for too long")
            else:
                self._try_to_commit(RETRY_US)
            return
        self._goes_on()
        self._check_stall(batch)
        self.world.disk.commit(batch)
        if rng.random() < faults.crash_after_commit:
            self.world.crash("between commit and launch")
            return
        self._committing = None
        tickets, orders = self.core.committed(self.world.clock.now_us)
        for ticket in tickets:
            ticket.done(ticket.reply)
        self._send(orders)
        self._launch_some()
        self._settle()

    def _launch_some(self) -> None:
        """Send some launches, and the others in a moment."""
        if self.core.dispatch.has_launches():
            self._send(self.core.launch(self.world.clock.now_us))
            self._later(LAUNCH_US, self._launch_some)
            self._settle()

    def _plan(self) -> None:
        self._planning = False
        if self.stalled_since_us is None and self.core.plan_wanted:
            budget = min(self.core.bounds.bookings_per_slice, self.core.dispatch.room())
            if self.world.policy is not None:
                self.world.policy.begin_pass()
            booked = self.core.plan(self.world.clock.now_us)
            self._check_policy()
            self._planned_us = self.world.clock.now_us if booked < budget else 0
            self._check_nothing_forgotten()
        self._settle()

    def _check_nothing_forgotten(self) -> None:
        """No plan is wanted: so nothing fits, as of the last plan and with all that has happened since.

        What time alone has brought about since is not asked for: a sweep wants a plan for it every few seconds.
        """
        if self.core.plan_wanted:
            self._planned_us = 0
        elif self._planned_us:
            check_nothing_idle(self.world.fitting(self.farm, self._planned_us), self.world.failures)

    def _check_policy(self) -> None:
        """No frame was just given a host that the studio's policy forbids."""
        policy, farm = self.world.policy, self.farm
        if policy is None:
            return
        for proc in farm.procs.values():
            layer, host = farm.layers[proc.layer_id], farm.hosts[proc.host_id]
            if proc.booked_us == self.world.clock.now_us and not policy.allows(farm, layer, host):
                raise Violation(f"{layer.name} is booked on {host.name}, against the policy: {policy.rule}")

    def _sweep(self) -> None:
        self._later(SWEEP_US, self._sweep)
        if self.stalled_since_us is None:
            self._send(self.core.sweep(self.world.clock.now_us))
            self._settle()

    def _later(self, delay_us: float, action: Callable[[], None]) -> None:
        def act() -> None:
            if self.alive and not self._crashes():
                action()

        self.world.clock.later(delay_us, act)

    def _while_alive(self, done: Callable[[Any], None]) -> Callable[[Any], None]:
        return lambda reply: done(reply) if self.alive else None

    def _crashes(self) -> bool:
        if self.world.rng.random() < self.world.faults.crash_at_step:
            self.world.crash("at a step")
            return True
        return False

    # --- orders to agents -----------------------------------------------------------------------------------------

    def _send(self, orders: AgentRequests) -> None:
        for address, runs in orders.launches:
            for run in runs:
                self._launch(address, run)
        for address, kills in orders.kills:
            for kill in kills:
                self._kill(address, kill)

    def _launch(self, address: Address, order: LaunchRequest) -> None:
        if order.run_id not in self.world.disk.things["proc"]:
            raise Violation(f"{order.frame_name} is launched before its booking is durable")

        def answered(answer: Answer) -> None:
            if self.alive:
                if order.run_id in self.farm.procs:
                    self._check_pace(address.host_name, answer, self.farm.procs[order.run_id].booked_us)
                self.core.answered(order.run_id, answer, answer.value, self.world.clock.now_us)
                self._check_nothing_forgotten()  # an answer may open a host without an event
                self._settle()

        host = self.world.answering(address)

        def arrives(reply: Reply) -> None:
            host.receive(lambda: reply(host.launch(order) if host.is_meant(address) else Answer.NOT_TAKEN_IN))

        self.world.network.call(
            host,
            upwards=False,
            may_double=False,
            handle=arrives,
            answered=answered,
            failed=lambda: answered(Answer.UNKNOWN),
        )

    def _check_pace(self, host_name: str, answer: Answer, booked_us: int) -> None:
        """A host that refuses launches is left alone for a while each time."""
        now_us = self.world.clock.now_us
        if answer is Answer.ACCEPTED:
            self._refused_us.pop(host_name, None)
        elif answer in (Answer.REFUSED, Answer.NOT_TAKEN_IN):
            self.world.failures.refused(host_name, now_us)
            last_us = self._refused_us.get(host_name)
            if last_us is not None and last_us < booked_us < last_us + REFUSAL_US:
                raise Violation(f"{host_name} has refused a launch, and was asked for another one at once")
            self._refused_us[host_name] = now_us

    def _kill(self, address: Address, order: KillRequest) -> None:
        def answered(answer: Answer) -> None:
            if self.alive:
                self.core.kill_answered(order.run_id, answer, self.world.clock.now_us)
                self._settle()

        host = self.world.answering(address)

        def arrives(reply: Reply) -> None:
            host.receive(lambda: reply(host.kill(order) if host.is_meant(address) else Answer.REFUSED))

        self.world.network.call(
            host,
            upwards=False,
            handle=arrives,
            answered=answered,
            failed=lambda: answered(Answer.UNKNOWN),
        )

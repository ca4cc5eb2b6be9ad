"""One life of a simulated server: the real core, driven as the asyncio engine drives it, until a crash ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cuebot.domain import commands as c
from cuebot.domain.check import check
from cuebot.domain.errors import FarmError, HostConflict
from cuebot.domain.farm import Farm
from cuebot.domain.units import SECOND
from cuebot.engine.core import Core, Orders
from cuebot.engine.orders import Address, KillOrder, RunOrder
from cuebot.engine.ports import Answer, Batch
from cuebot.sim.seeds.idle_hosts import check_nothing_idle
from cuebot.sim.seeds.network import Reply
from cuebot.sim.seeds.truth import Violation

if TYPE_CHECKING:
    from cuebot.sim.seeds.world import World

SWEEP_US = 5 * SECOND
LAUNCH_US = 2_000
"""Between launches of one commit: the loop does other things."""
RETRY_US = SECOND // 2
GIVE_UP_US = 60 * SECOND
"""As in the engine: a journal that fails for so long ends the server."""


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
            limits=world.limits,
            policies=[world.policy.as_plug_in()] if world.policy is not None else [],
        )
        self.alive = True
        self.stalled_since_us: int | None = None
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
        busy = self._planning or self.core.has_batch() or self.core.has_launches()
        return self._committing is None and not busy

    def crash(self) -> None:
        """End at once. A commit that was under way may or may not have reached the disk."""
        self.alive = False
        if self._committing is not None and self.world.luck.random() < 0.5:
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
        try:
            self.core.execute(command, envelope, self.world.clock.now_us, self._while_alive(done))
        except FarmError as error:
            if refused is None:
                raise Violation(f"{type(command).__name__} of {envelope.actor} was refused: {error}") from error
            refused(error)
        self._settle()

    def report(self, command: c.ReportHost, reply: Reply) -> None:
        """Take in a host's report."""
        if self._crashes() or self.stalled_since_us is not None:
            return
        envelope = c.Envelope(actor=command.host.name, origin="agent")
        try:
            orders = self.core.report_host(command, envelope, self.world.clock.now_us, self._while_alive(reply))
        except HostConflict:
            return  # to whoever has asked, the same as no answer
        self.world.truth.heard(command.host.peer, self.world.clock.now_us)
        self._give(orders)
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
            self._later(self._commit_us(), self._commit)
        if self.core.plan_wanted and not self._planning and self.stalled_since_us is None:
            self._planning = True
            self._later(SECOND // 1000, self._plan)

    def _commit_us(self) -> float:
        luck = self.world.luck
        slow = luck.random() < self.world.faults.commit_slow
        return luck.uniform(SECOND // 2, 20 * SECOND) if slow else luck.uniform(200, 5_000)

    def _commit(self) -> None:
        batch, faults, luck = self._committing, self.world.faults, self.world.luck
        assert batch is not None
        although_durable = luck.random() < faults.commit_fails_although_durable
        if although_durable:
            self.world.disk.commit(batch)
        if although_durable or luck.random() < faults.commit_fails:
            now_us = self.world.clock.now_us
            self.stalled_since_us = self.stalled_since_us or now_us
            if now_us - self.stalled_since_us > GIVE_UP_US:
                self.world.crash("the journal failed for too long")
            else:
                self._later(RETRY_US, self._commit)
            return
        self.stalled_since_us = None
        self.world.disk.commit(batch)
        if luck.random() < faults.crash_after_commit:
            self.world.crash("between commit and launch")
            return
        self._committing = None
        tickets, orders = self.core.committed(self.world.clock.now_us)
        for ticket in tickets:
            ticket.done(ticket.reply)
        self._give(orders)
        self._launch_some()
        self._settle()

    def _launch_some(self) -> None:
        """Send some launches, and the others in a moment."""
        if self.core.has_launches():
            self._give(self.core.launch(self.world.clock.now_us))
            self._later(LAUNCH_US, self._launch_some)
            self._settle()

    def _plan(self) -> None:
        self._planning = False
        if self.stalled_since_us is None and self.core.plan_wanted:
            budget = min(
                self.core.limits.bookings_per_slice, self.core.limits.unlaunched_bookings - len(self.core.launching)
            )
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
            self._give(self.core.sweep(self.world.clock.now_us))
            self._settle()

    def _later(self, delay_us: float, action: Callable[[], None]) -> None:
        def act() -> None:
            if self.alive and not self._crashes():
                action()

        self.world.clock.later(delay_us, act)

    def _while_alive(self, done: Callable[[Any], None]) -> Callable[[Any], None]:
        return lambda reply: done(reply) if self.alive else None

    def _crashes(self) -> bool:
        if self.world.luck.random() < self.world.faults.crash_at_step:
            self.world.crash("at a step")
            return True
        return False

    # --- orders to agents -----------------------------------------------------------------------------------------

    def _give(self, orders: Orders) -> None:
        for address, runs in orders.launches:
            for run in runs:
                self._launch(address, run)
        for address, kills in orders.kills:
            for kill in kills:
                self._kill(address, kill)

    def _launch(self, address: Address, order: RunOrder) -> None:
        if order.run_id not in self.world.disk.things["proc"]:
            raise Violation(f"{order.frame_name} is launched before its booking is durable")

        def answered(answer: Answer) -> None:
            if self.alive:
                if answer is Answer.REFUSED and order.run_id in self.farm.procs:
                    self.world.failures.refused(address.host_name, self.world.clock.now_us)
                self.core.answered(order.run_id, answer, answer.value, self.world.clock.now_us)
                self._check_nothing_forgotten()  # an answer may open a host without an event
                self._settle()

        host = self.world.answering(address)

        def arrives(reply: Reply) -> None:
            if host.link_up:
                reply(host.launch(order) if host.is_meant(address) else Answer.REFUSED)

        self.world.network.call(
            host,
            upwards=False,
            may_double=False,
            handle=arrives,
            answered=answered,
            failed=lambda: answered(Answer.UNKNOWN),
        )

    def _kill(self, address: Address, order: KillOrder) -> None:
        def answered(answer: Answer) -> None:
            if self.alive:
                self.core.kill_answered(order.run_id, answer, self.world.clock.now_us)
                self._settle()

        host = self.world.answering(address)

        def arrives(reply: Reply) -> None:
            if host.link_up:
                reply(host.kill(order) if host.is_meant(address) else Answer.REFUSED)

        self.world.network.call(
            host,
            upwards=False,
            handle=arrives,
            answered=answered,
            failed=lambda: answered(Answer.UNKNOWN),
        )

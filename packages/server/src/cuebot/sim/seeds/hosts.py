"""Simulated hosts with our agent, keeping the promises of docs/reference/agent-protocol.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cuebot.domain import commands as c
from cuebot.domain.states import Cause, Exit, HostState
from cuebot.domain.units import HOUR, NO_END, SECOND, KiB, Micros
from cuebot.engine.orders import Address, KillOrder, RunOrder
from cuebot.engine.ports import Answer
from cuebot.sim.seeds.machine import KILL_US, Machine
from cuebot.sim.seeds.truth import Process, ProcessState

if TYPE_CHECKING:
    from cuebot.sim.seeds.world import World

REPORT_US: Final = 10 * SECOND
STOP_US: Final = KILL_US + 4 * SECOND
"""How long an agent that was told to stop waits for its frames, and for the server to take what it has to say."""
REMEMBERED_US: Final = HOUR
"""How long an agent knows the id of a run whose outcome was acknowledged."""


class SimHost(Machine):
    """A machine with our agent. What is in `runs` survives everything but a new disk."""

    ours = True

    def __init__(
        self, world: World, name: str, cores: int, memory_gib: int, lease_us: int, *, called: str = ""
    ) -> None:
        super().__init__(world, name, cores, memory_gib, called)
        self.lease_us = lease_us
        self.goes_on = False
        """Its frames go on without a server, however long: `--on-lost-contact continue`."""
        self.boot_us = self.wall.now_us
        """When this boot was, by the wall clock of that moment: the agent keeps it with the boot's id, so that a clock
        that is set later makes no other boot of it."""
        self.instance = world.new_id()
        self._address = f"{self.called}:1"
        self._stopping = False
        """Its agent was told to stop, and says so."""
        self.forgotten: dict[str, int] = {}
        """Runs whose outcome was acknowledged, and until when their ids are remembered."""
        self._confirmed_us = -lease_us
        """When the last report that was answered had been sent."""
        self._link = 0
        """Number of the link's life, so that what belongs to an old one is ignored."""

    @property
    def address(self) -> str:
        """Where its agent answers."""
        return self._address

    def is_meant(self, address: Address) -> bool:
        """Our agent takes no order that is for another one."""
        return address.instance in ("", self.instance)

    def copy_disk_of(self, other: SimHost) -> None:
        """This machine was made from an image of another one, spool and all."""
        self.instance = other.instance
        self._address = f"{self.name}:1"

    @property
    def in_lease(self) -> bool:
        """A server has answered lately (or ever, where that is enough): frames may run. By the monotonic clock."""
        if self.goes_on:
            return self._confirmed_us > -self.lease_us
        return self.now_us - self._confirmed_us < self.lease_us

    # --- the machine ----------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """The machine comes up and its agent with it."""
        self.alive = True
        self.came_back()
        self.boot_us = self.wall.now_us
        self._confirmed_us = -self.lease_us
        self.start_link()

    def die(self, *, new_disk: bool) -> None:
        """Power off: every process is gone, and with a new disk everything that the agent knew."""
        self.alive = self._stopping = False
        self.stop_link()
        there = self.processes(ProcessState.RUNNING, ProcessState.SUSPENDED)
        self.lose_runner()
        self._went_down(there)
        self._unheard()
        if new_disk:
            self.runs.clear()
            self.forgotten.clear()
            self.instance = self.world.new_id()

    def _unheard(self) -> None:
        """What had ended, and was not acknowledged, may be told to nobody, or too late."""
        for process in self.runs.values():
            process.unheard = not process.with_host

    def stop_agent(self, off_us: float, *, new_spool: bool) -> None:
        """The agent is told to stop: it ends its frames, says so, delivers what it can; later it starts again."""
        self._stopping = True
        for process in self.processes(ProcessState.RUNNING, ProcessState.SUSPENDED):
            self.end(process.order.run_id, Cause.SHUTDOWN)
        self._report(self._link, boot=False)
        self.world.clock.later(STOP_US, lambda: self._stopped(off_us, new_spool=new_spool))

    def _stopped(self, off_us: float, *, new_spool: bool) -> None:
        if not self._stopping:
            return  # the machine went down before
        self.stop_link()
        self.world.clock.later(off_us, lambda: self._start_agent(new_spool=new_spool))

    def _start_agent(self, *, new_spool: bool) -> None:
        if not self._stopping:
            return
        self._stopping = False
        if new_spool:
            self._unheard()
            self.runs.clear()
            self.forgotten.clear()
            self.instance = self.world.new_id()
        self.start_link()

    def lose_runner(self) -> None:
        """The runner died, and the next one ends what is left of the processes."""
        for process in self.processes(ProcessState.RUNNING, ProcessState.SUSPENDED):
            process.with_host = process.host_is_back = True
            self._end(process, int(Exit.ORPHAN), 0, Cause.RUNNER_LOST)

    def owner_returns(self) -> None:
        """Somebody locks all cores: what runs goes on, and nothing is started. Our agent does not watch for people."""
        self.locked = True

    # --- the link -------------------------------------------------------------------------------------------------

    def stop_link(self) -> None:
        """The part of the agent that speaks to the server is gone; processes go on."""
        self.link_up = False
        self._link += 1

    def start_link(self) -> None:
        """The link comes up: first a start-up report, which names no run, then what was not acknowledged."""
        self.link_up = True
        self._link += 1
        self._report(self._link, boot=True)
        for process in self.processes(ProcessState.ENDED):
            self._send_outcome(process)

    def _report(self, link: int, *, boot: bool) -> None:
        if link != self._link:
            return
        sent_us = self.now_us
        named = [] if boot else list(self.runs)
        command = c.ReportHost(self.facts(), tuple(self._run_facts(self.runs[id]) for id in named), boot=boot)

        def answered(stale: list[str]) -> None:
            if link != self._link:
                return
            if boot:
                self._report(link, boot=False)
            else:
                self._answered(sent_us, named, stale)
                self._next_report(link, boot=False)

        self.world.network.call(
            self,
            upwards=True,
            handle=lambda reply: self.world.report(command, reply),
            answered=answered,
            failed=lambda: self._next_report(link, boot=boot),
        )

    def _next_report(self, link: int, *, boot: bool) -> None:
        pause_us = self.luck.uniform(0.8, 1.2) * REPORT_US
        self.world.clock.later(pause_us, lambda: self._report(link, boot=boot))

    def _answered(self, sent_us: int, named: Sequence[str], stale: Sequence[str]) -> None:
        """The server has confirmed the runs that the report named, but for the stale ones."""
        if sent_us > self._confirmed_us:
            self._confirmed_us = sent_us
            self.world.clock.later(sent_us + self.lease_us - self.now_us, self._lease_over)
        for run_id in stale:
            if run_id in self.runs:
                self.end(run_id, Cause.LEASE)
        if self.in_lease:
            for run_id in named:
                process = self.runs.get(run_id)
                if process is not None and process.state is ProcessState.SUSPENDED:
                    self._go(process)

    def _lease_over(self) -> None:
        if not self.in_lease:
            for process in self.processes(ProcessState.RUNNING):
                self._stop(process, ProcessState.SUSPENDED)

    def facts(self) -> c.HostFacts:
        """What the host says of itself."""
        return replace(
            self._facts(self.boot_us),
            address=self.address,
            state=HostState.DOWN if self._stopping else HostState.UP,
            agent="1",
            instance=self.instance,
            lease_us=NO_END if self.goes_on else Micros(self.lease_us),
        )

    def _run_facts(self, process: Process) -> c.RunFacts:
        order, ended = process.order, process.state is ProcessState.ENDED
        return c.RunFacts(
            order.run_id,
            order.frame_id,
            KiB(process.memory // 2),
            KiB(process.memory),
            self.log_written_s(process),
            ended,
            Micros(process.ran_us(self.now_us)),
        )

    # --- runs -----------------------------------------------------------------------------------------------------

    def launch(self, order: RunOrder) -> Answer:
        """Start a run, unless it was started before."""
        if order.run_id in self.runs or self.forgotten.get(order.run_id, 0) > self.now_us:
            return Answer.TAKEN
        if (
            self._stopping
            or not self.in_lease
            or self._refuses_for_room(order)
            or self.luck.random() < self.world.faults.launch_refused
        ):
            return Answer.REFUSED
        self._start(order)
        return Answer.TAKEN

    def kill(self, order: KillOrder) -> Answer:
        """End a run."""
        if order.run_id not in self.runs:
            return Answer.NOT_FOUND
        self.end(order.run_id, Cause.KILLED)
        return Answer.TAKEN

    def end(self, run_id: str, cause: Cause) -> None:
        """Ask a process to end; a suspended one never goes on for it."""
        process = self.runs[run_id]
        status, signal = (1, 15) if cause is Cause.KILLED else (int(Exit.SKIP_RETRY), 0)
        if process.state is ProcessState.SUSPENDED:
            self._end(process, status, signal, cause)
        elif process.state is ProcessState.RUNNING:
            self._after(process, self.luck.uniform(0, KILL_US), lambda: self._end(process, status, signal, cause))

    def _ended(self, process: Process) -> None:
        if self.link_up:
            self._send_outcome(process)

    def _send_outcome(self, process: Process) -> None:
        """Say how a run ended, again and again until the server has it on disk."""
        order, link = process.order, self._link
        if order.run_id not in self.runs or not self.link_up:
            return
        command = c.ReportOutcome(
            host_name=self.called,
            speaker=self.speaker(),
            run_id=order.run_id,
            frame_id=order.frame_id,
            exit_status=process.exit_status,
            exit_signal=process.exit_signal,
            cause=process.cause,
            run_us=Micros(process.run_us),
            max_rss=KiB(process.memory),
            cpu_us=Micros(process.run_us * 3 // 2),
        )

        def answered(_: object) -> None:
            if link == self._link and self.runs.pop(order.run_id, None) is not None:
                self.forgotten[order.run_id] = self.now_us + REMEMBERED_US

        def failed() -> None:
            pause_us = self.luck.uniform(1, 5) * SECOND
            self.world.clock.later(pause_us, lambda: self._send_outcome(process) if link == self._link else None)

        self.world.network.call(
            self,
            upwards=True,
            handle=lambda reply: self.world.outcome(command, reply),
            answered=answered,
            failed=failed,
        )

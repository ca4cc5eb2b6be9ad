"""Simulated hosts: machine, agent and processes, keeping the promises of docs/reference/agent-protocol.md."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from cuebot.domain import commands as c
from cuebot.domain.states import Cause, Exit
from cuebot.domain.units import HOUR, SECOND, CoreUnits, KiB, Micros
from cuebot.engine.orders import KillOrder, RunOrder
from cuebot.engine.ports import Answer
from cuebot.sim.truth import Process, ProcessState

if TYPE_CHECKING:
    from cuebot.sim.world import World

GIB: Final = 1_048_576
REPORT_US: Final = 10 * SECOND
REMEMBERED_US: Final = HOUR
"""How long an agent knows the id of a run whose outcome was acknowledged."""
KILL_US: Final = 6 * SECOND
"""A killed process is gone at the latest after this."""


class SimHost:
    """One machine with an agent. What is in `spool` survives everything but a new disk."""

    def __init__(self, world: World, name: str, cores: int, memory_gib: int, lease_us: int) -> None:
        self.world, self.name = world, name
        self.cores, self.memory_gib, self.lease_us = CoreUnits(cores * 100), memory_gib, lease_us
        self.cut_up = self.cut_down = False
        self.alive = self.link_up = False
        self.boot_us = world.clock.now_us
        self.instance = world.new_id()
        self.spool: dict[str, Process] = {}
        self.forgotten: dict[str, int] = {}
        """Runs whose outcome was acknowledged, and until when their ids are remembered."""
        self._confirmed_us = -lease_us
        """When the last report that was answered had been sent."""
        self._link = 0
        """Number of the link's life, so that what belongs to an old one is ignored."""

    @property
    def luck(self) -> random.Random:
        """The world's luck."""
        return self.world.luck

    @property
    def in_lease(self) -> bool:
        """A server has answered lately: frames may run."""
        return self.world.clock.now_us - self._confirmed_us < self.lease_us

    def processes(self, *states: ProcessState) -> list[Process]:
        """Processes in some states, in the order in which they came."""
        return [process for process in self.spool.values() if process.state in states]

    # --- the machine ----------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """The machine comes up and its agent with it."""
        self.alive = True
        self.boot_us = self.world.clock.now_us
        self._confirmed_us = -self.lease_us
        self.start_link()

    def die(self, *, new_disk: bool) -> None:
        """Power off: every process is gone, and with a new disk everything that the agent knew."""
        self.alive = False
        self.stop_link()
        self.lose_runner()
        if new_disk:
            self.spool.clear()
            self.forgotten.clear()
            self.instance = self.world.new_id()

    def lose_runner(self) -> None:
        """Whatever watched the processes died, and they with it."""
        for process in self.processes(ProcessState.RUNNING, ProcessState.SUSPENDED):
            self._end(process, int(Exit.ORPHAN), 0, Cause.RUNNER_LOST)

    # --- the link -------------------------------------------------------------------------------------------------

    def stop_link(self) -> None:
        """The part of the agent that speaks to the server is gone; processes go on."""
        self.link_up = False
        self._link += 1

    def start_link(self) -> None:
        """The link comes up: first a start-up report, then what was not acknowledged."""
        self.link_up = True
        self._link += 1
        self._report(self._link, boot=True)
        for process in self.processes(ProcessState.ENDED):
            self._send_outcome(process)

    def _report(self, link: int, *, boot: bool) -> None:
        if link != self._link:
            return
        sent_us = self.world.clock.now_us
        named = list(self.spool)
        command = c.ReportHost(self.facts(), tuple(self._run_facts(p) for p in self.spool.values()), boot=boot)

        def answered(stale: list[str]) -> None:
            if link == self._link:
                self._answered(sent_us, named, stale)
                self._next_report(link, boot=False)

        def failed() -> None:
            self._next_report(link, boot=boot)

        self.world.network.call(
            self,
            upwards=True,
            handle=lambda reply: self.world.report(command, reply),
            answered=answered,
            failed=failed,
        )

    def _next_report(self, link: int, *, boot: bool) -> None:
        pause_us = self.luck.uniform(0.8, 1.2) * REPORT_US
        self.world.clock.later(pause_us, lambda: self._report(link, boot=boot))

    def _answered(self, sent_us: int, named: Sequence[str], stale: Sequence[str]) -> None:
        """The server has confirmed the runs that the report named, but for the stale ones."""
        if sent_us > self._confirmed_us:
            self._confirmed_us = sent_us
            self.world.clock.later(sent_us + self.lease_us - self.world.clock.now_us, self._lease_over)
        for run_id in stale:
            if run_id in self.spool:
                self.end(run_id, Cause.LEASE)
        if self.in_lease:
            for run_id in named:
                process = self.spool.get(run_id)
                if process is not None and process.state is ProcessState.SUSPENDED:
                    self._go(process)

    def _lease_over(self) -> None:
        if not self.in_lease:
            for process in self.processes(ProcessState.RUNNING):
                self._stop(process, ProcessState.SUSPENDED)

    def facts(self) -> c.HostFacts:
        """What the host says of itself."""
        total, disk = KiB(self.memory_gib * GIB), KiB(100 * GIB)
        return c.HostFacts(
            name=self.name,
            facility="local",
            cores=self.cores,
            total_memory=total,
            free_memory=total,
            total_swap=KiB(0),
            free_swap=KiB(0),
            total_temp=disk,
            free_temp=disk,
            load=0,
            boot_us=Micros(self.boot_us),
            tags=("64bit",),
            os=("linux",),
            address=f"{self.name}:1",
            agent="1",
            instance=self.instance,
            lease_us=Micros(self.lease_us),
        )

    def _run_facts(self, process: Process) -> c.RunFacts:
        ended = process.state is ProcessState.ENDED
        return c.RunFacts(process.order.run_id, process.order.frame_id, KiB(100_000), KiB(200_000), 0, ended)

    # --- runs -----------------------------------------------------------------------------------------------------

    def launch(self, order: RunOrder) -> Answer:
        """Start a run, unless it was started before."""
        now_us = self.world.clock.now_us
        if order.run_id in self.spool or self.forgotten.get(order.run_id, 0) > now_us:
            return Answer.TAKEN
        if not self.in_lease or self.luck.random() < self.world.faults.launch_refused:
            return Answer.REFUSED
        status, signal, cause = self._fate()
        work_us = int(self.luck.choice((2, 10, 40, 120)) * self.luck.uniform(0.5, 1.5) * SECOND)
        process = Process(order, work_us, status, signal, cause, started_us=now_us)
        self.spool[order.run_id] = process
        self.world.truth.started += 1
        self._go(process)
        return Answer.TAKEN

    def kill(self, order: KillOrder) -> Answer:
        """End a run."""
        if order.run_id not in self.spool:
            return Answer.NOT_FOUND
        self.end(order.run_id, Cause.KILLED)
        return Answer.TAKEN

    def end(self, run_id: str, cause: Cause) -> None:
        """Ask a process to end; a suspended one never goes on for it."""
        process = self.spool[run_id]
        status, signal = (1, 15) if cause is Cause.KILLED else (int(Exit.SKIP_RETRY), 0)
        if process.state is ProcessState.SUSPENDED:
            self._end(process, status, signal, cause)
        elif process.state is ProcessState.RUNNING:
            self._after(process, self.luck.uniform(0, KILL_US), lambda: self._end(process, status, signal, cause))

    def _fate(self) -> tuple[int, int, Cause]:
        if self.luck.random() >= self.world.faults.frame_fails:
            return 0, 0, Cause.EXITED
        return self.luck.choice(
            (
                (1, 0, Cause.EXITED),
                (1, 11, Cause.EXITED),
                (int(Exit.MEMORY), 0, Cause.EXITED),
                (int(Exit.FAILED_LAUNCH), 0, Cause.LAUNCH_FAILED),
                (int(Exit.SKIP_RETRY), 0, Cause.EXITED),
            )
        )

    def _go(self, process: Process) -> None:
        process.turn += 1
        process.since_us = self.world.clock.now_us
        self.world.truth.go(self.name, self.cores, self.memory_gib * GIB, process)
        self._after(
            process,
            process.left_us,
            lambda: self._end(process, process.exit_status, process.exit_signal, process.cause),
        )

    def _after(self, process: Process, delay_us: float, action: Callable[[], None]) -> None:
        """Do something to a process unless it was stopped or ended before."""
        turn = process.turn
        self.world.clock.later(delay_us, lambda: action() if process.turn == turn else None)

    def _stop(self, process: Process, state: ProcessState) -> None:
        if process.state is ProcessState.RUNNING:
            elapsed_us = self.world.clock.now_us - process.since_us
            process.left_us -= elapsed_us
            process.run_us += elapsed_us
        process.turn += 1
        self.world.truth.stop(self.name, process, state)

    def _end(self, process: Process, status: int, signal: int, cause: Cause) -> None:
        process.exit_status, process.exit_signal, process.cause = status, signal, cause
        self._stop(process, ProcessState.ENDED)
        if self.link_up:
            self._send_outcome(process)

    def _send_outcome(self, process: Process) -> None:
        """Say how a run ended, again and again until the server has it on disk."""
        order, link = process.order, self._link
        if order.run_id not in self.spool or not self.link_up:
            return
        command = c.ReportOutcome(
            host_name=self.name,
            run_id=order.run_id,
            frame_id=order.frame_id,
            exit_status=process.exit_status,
            exit_signal=process.exit_signal,
            cause=process.cause,
            run_us=Micros(process.run_us),
            max_rss=KiB(300_000),
            cpu_us=Micros(process.run_us * 3 // 2),
        )

        def answered(_: object) -> None:
            if link == self._link and self.spool.pop(order.run_id, None) is not None:
                self.forgotten[order.run_id] = self.world.clock.now_us + REMEMBERED_US

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

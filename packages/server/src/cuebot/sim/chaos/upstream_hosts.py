"""Simulated hosts with one of upstream's agents: no lease, nothing on disk, and no run that outlives a restart.

Two kinds are about (opencue-behaviour: published-agents). The older one sends each outcome once, ends frames with
SIGKILL, and when its machine's owner returns it ends them before it says so. The newer one keeps an outcome until it is
acknowledged, and says at once that it is locked. Neither reads the answers to its reports: the server ends runs by
kills alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cuebot.domain import commands as c
from cuebot.domain.states import Cause, Exit
from cuebot.domain.units import HOUR, SECOND, KiB, Micros
from cuebot.engine.ports import Answer
from cuebot.engine.requests import AGENT_PORT, KillRequest, LaunchRequest
from cuebot.sim.chaos.ground_truth import Process, ProcessState
from cuebot.sim.chaos.machine import KILL_US, Habit, Machine

if TYPE_CHECKING:
    from cuebot.sim.chaos.world import World

REPORT_US: Final = (5 * SECOND, 30 * SECOND)
STARTUP_AGAIN_US: Final = 15 * SECOND
OUTCOME_AGAIN_US: Final = 5 * SECOND


class UpstreamHost(Machine):
    """A machine with an agent that keeps nothing."""

    def __init__(
        self, world: World, name: str, cores: int, memory_gib: int, *, newer: bool, desk: bool, called: str = ""
    ) -> None:
        super().__init__(world, name, cores, memory_gib, called)
        self._newer, self._desk = newer, desk
        self._forgotten: list[Process] = []
        """What an earlier agent started, and the one that is there now knows nothing of."""
        self._booted_at_us = self._boot_us = 0
        self._life = 0
        """Number of the agent's life, so that what belongs to an old one is ignored."""
        self._memory_most_gib = memory_gib

    @property
    def address(self) -> str:
        """Where its agent answers."""
        return f"{self.name}:{AGENT_PORT}"

    # --- the machine ----------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """The machine comes up and its agent with it."""
        self.alive = True
        self.came_back()
        self._booted_at_us = self.now_us
        self.start_link()

    def die(self, *, new_disk: bool) -> None:
        """Power off: every process is gone. The agent has nothing on its disk, so a new one is no loss."""
        self.alive = False
        self.link_up = False
        self._life += 1
        for process in [*self.runs.values(), *self._forgotten]:
            if process.state is ProcessState.RUNNING:
                self._stop(process, ProcessState.ENDED)
                self._went_down([process])
        self.runs.clear()
        self._forgotten.clear()

    def may_be_taken(self, habit: Habit) -> bool:
        """Not for ever: of such an agent's death nobody is told, and of a boot only where its clock is right."""
        return habit is Habit.TAKES_MACHINE and not self.world.healed

    def lose_runner(self) -> None:
        """The agent itself watches its frames; whatever starts it starts it again."""
        if self.link_up:
            self.stop_link()
            self.start_link()

    def stop_link(self) -> None:
        """The agent ends. Its frames end with it, or go on with nobody who knows of them."""
        self.link_up = False
        self._life += 1
        survive = self.rng.random() < 0.3
        for process in self.processes(ProcessState.RUNNING):
            if survive and process.left_us < HOUR:  # nobody would ever end one that never ends
                process.forgotten = True
                self._forgotten.append(process)
            else:
                self._stop(process, ProcessState.ENDED)
        self.runs.clear()

    def start_link(self) -> None:
        """Another agent comes up: it knows nothing, and reads the boot's time off a clock that may have been set."""
        self.link_up = True
        self._life += 1
        self._boot_us = self.wall.now_us - (self.now_us - self._booted_at_us)
        self._start_up(self._life)

    def resize(self, cores: int, memory_gib: int) -> None:
        """While it is off, somebody takes cores or memory out, or puts some in."""
        super().resize(cores, memory_gib)
        self._memory_most_gib = max(self._memory_most_gib, memory_gib)

    def _lacks_memory(self, order: LaunchRequest, running: list[Process]) -> bool:
        return False  # these agents count cores alone

    def _memory_gib_promised(self) -> int:
        # Before it has reported anew, the server may send more than there is now, and this agent takes it.
        return self._memory_most_gib if self._resized else self.memory_gib

    # --- reports --------------------------------------------------------------------------------------------------

    def _start_up(self, life: int) -> None:
        """Say that there is an agent, until somebody hears it. This names no runs, whatever it has been told to run."""
        if life != self._life:
            return
        command = c.ReportHost(self.facts(), (), boot=True)
        self.world.network.call(
            self,
            upwards=True,
            handle=lambda reply: self.world.report(command, reply),
            answered=lambda _: self._next_report(life, 5 * SECOND),
            failed=lambda: self.world.clock.later(STARTUP_AGAIN_US, lambda: self._start_up(life)),
        )

    def _next_report(self, life: int, pause_us: float) -> None:
        self.world.clock.later(pause_us, lambda: self._report(life, go_on=True))

    def _report(self, life: int, *, go_on: bool) -> None:
        """Say what runs. What has ended is not named, whether or not the server knows of its end."""
        if life != self._life:
            return
        if go_on:
            self._next_report(life, self.rng.uniform(*REPORT_US))
        running = self.processes(ProcessState.RUNNING)
        command = c.ReportHost(self.facts(), tuple(self._run_facts(process) for process in running))
        self.world.network.call(
            self,
            upwards=True,
            handle=lambda reply: self.world.report(command, reply),
            answered=lambda _: None,
            failed=lambda: None,
        )

    def facts(self) -> c.HostFacts:
        """What the host says of itself."""
        return replace(
            self._facts(self._boot_us), address=self.address, nimby_enabled=self._desk, nimby_locked=self.locked
        )

    def _run_facts(self, process: Process) -> c.RunFacts:
        order, used = process.order, process.memory
        return c.RunFacts(order.run_id, order.frame_id, KiB(used // 2), KiB(used), self.log_written_s(process))

    # --- the owner ------------------------------------------------------------------------------------------------

    def owner_returns(self) -> None:
        """Whoever sits down at a desk gets all of it; a machine in a rack has no owner."""
        if not self._desk or not self.link_up:
            return
        life = self._life
        if self._newer:
            self.locked = True
        for process in self.processes(ProcessState.RUNNING):
            self._kill(process)
        self._report(life, go_on=False)
        if not self._newer:  # until here its outcomes did not say why
            self.world.clock.later(SECOND, lambda: self._lock(life))

    def _lock(self, life: int) -> None:
        if life == self._life:
            self.locked = True

    def owner_leaves(self) -> None:
        """The desk is free again."""
        super().owner_leaves()
        if self.link_up:
            self._report(self._life, go_on=False)

    # --- runs -----------------------------------------------------------------------------------------------------

    def launch(self, order: LaunchRequest) -> Answer:
        """Start a run, unless the frame runs already, the owner is there, or there is no room."""
        same = [process for process in self.runs.values() if process.order.frame_id == order.frame_id]
        if same or self._refuses_for_room(order) or self.rng.random() < self.world.faults.launch_refused:
            return Answer.REFUSED
        self._start(order)
        return Answer.ACCEPTED

    def kill(self, order: KillRequest) -> Answer:
        """End whatever runs under a frame's id: these agents do not tell runs of a frame apart."""
        for process in self.processes(ProcessState.RUNNING):
            if process.order.frame_id == order.frame_id:
                self._kill(process)
                return Answer.ACCEPTED
        return Answer.NOT_FOUND

    def _kill(self, process: Process) -> None:
        signal, most_us = (15, KILL_US) if self._newer else (9, SECOND)
        self._after(process, self.rng.uniform(0, most_us), lambda: self._end(process, 1, signal, Cause.EXITED))

    def _out_of_memory(self) -> tuple[int, int, Cause]:
        if self._newer:
            return 1, int(Exit.MEMORY), Cause.EXITED  # it ends frames itself when memory runs low
        return super()._out_of_memory()

    def _go(self, process: Process) -> None:
        actual, self.memory_gib = self.memory_gib, self._memory_gib_promised()
        super()._go(process)
        self.memory_gib = actual

    def _ended(self, process: Process) -> None:
        if process.forgotten:
            self._forgotten.remove(process)
            return
        if self.locked and not self._newer:
            process.exit_status, process.exit_signal = int(Exit.SKIP_RETRY), 0
        if not self._newer:
            del self.runs[process.order.run_id]
        order = process.order
        command = c.ReportOutcome(
            host_name=self.called,
            speaker=self.speaker(),
            run_id=order.run_id,
            frame_id=order.frame_id,
            exit_status=process.exit_status,
            exit_signal=process.exit_signal,
            cause=process.cause,
            run_us=Micros(max(self.wall.now_us - process.started_wall_us, 0)),
            max_rss=KiB(process.memory),
            nimby_locked=self.locked,
        )
        self._send_outcome(self._life, command)
        self._report(self._life, go_on=False)

    def _send_outcome(self, life: int, command: c.ReportOutcome) -> None:
        """Say how a run ended: once, or until somebody has heard it."""
        if life != self._life:
            return

        def answered(_: object) -> None:
            if life == self._life:
                self.runs.pop(command.run_id, None)

        def failed() -> None:
            if self._newer:
                self.world.clock.later(OUTCOME_AGAIN_US, lambda: self._send_outcome(life, command))

        self.world.network.call(
            self,
            upwards=True,
            handle=lambda reply: self.world.outcome(command, reply),
            answered=answered,
            failed=failed,
        )

"""A simulated machine: its size, its clock, its line to the server, and the processes that really run on it.

What its agent makes of them is the matter of `hosts` (ours) and of `upstream_hosts`.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from enum import Enum
from typing import TYPE_CHECKING, Final

from cuebot.domain import commands as c
from cuebot.domain.states import Cause, Exit
from cuebot.domain.units import HOUR, MINUTE, SECOND, CoreUnits, KiB, Micros
from cuebot.engine.ports import Answer
from cuebot.engine.requests import Address, KillRequest, LaunchRequest
from cuebot.sim.chaos.ground_truth import Process, ProcessState
from cuebot.sim.chaos.random_specs import NO_LICENCE
from cuebot.sim.chaos.wall_clock import WallClock

if TYPE_CHECKING:
    from cuebot.sim.chaos.world import World

GIB: Final = 1_048_576
WORK_S: Final = (2, 10, 40, 120)
"""How long most frames take."""
LONG_WORK_S: Final = 700
"""How long others take: they outlast a lease, and the patience with a silent host."""
KILL_US: Final = 6 * SECOND
"""A killed process is gone at the latest after this."""


FOR_EVER_US: Final = 10 * HOUR
"""How long a frame takes that never ends."""


class Habit(Enum):
    """What a frame does each time it runs."""

    NONE = ""
    OUT_OF_MEMORY = "ends with a memory status"
    ASKS_AGAIN = "asks for another start"
    NEVER_ENDS = "never ends"
    SILENT = "falls silent and never ends"
    TAKES_SUPERVISOR = "has what watches it killed"
    TAKES_MACHINE = "makes its machine boot again"


class Machine(ABC):
    """One machine with an agent."""

    ours = False
    """The agent keeps the promises of docs/reference/agent-protocol.md."""
    lease_us: int = 5 * MINUTE
    """How long frames run without an answer; with an agent that has no lease, how long the server has patience."""

    def __init__(self, world: World, name: str, cores: int, memory_gib: int, called: str = "") -> None:
        self.world, self.name = world, name
        self.called = called or name
        self.is_taken_away = False
        """Nobody has it any more: it does not boot again."""
        """What it says that it is called: a clone has the name of another machine."""
        self.cores, self.memory_gib = CoreUnits(cores * 100), memory_gib
        self.gpus = self.gpu_memory_gib = 0
        self.frame_fails = 0.0
        """How often a frame fails here, where that is more than everywhere."""
        self.wall = WallClock(world.clock)
        self.cut_up = self.cut_down = False
        self.cut_until_us = 0
        self.alive = self.link_up = False
        self.locked = False
        """Whoever sits at this machine wants it for himself."""
        self.runs: dict[str, Process] = {}
        """What the agent knows: what runs, and what has ended and the server has not acknowledged."""
        self.logs_lost = self.spawning_lost = 0
        """How many faults go on for which no log can be written here, or no process started."""
        self.refusing = 0
        """How many faults go on for which every launch is refused here."""
        self._lost: list[Process] = []
        """What ended because this machine went down."""
        self._resized = False
        """The server may not know yet how large this machine is."""

    @property
    def rng(self) -> random.Random:
        """The world's random numbers."""
        return self.world.rng

    @property
    def now_us(self) -> int:
        """True time, as a monotonic clock tells it."""
        return self.world.clock.now_us

    def processes(self, *states: ProcessState) -> list[Process]:
        """Processes in some states that the agent knows, in the order in which they came."""
        return [process for process in self.runs.values() if process.state in states]

    @property
    @abstractmethod
    def address(self) -> str:
        """Where its agent answers."""

    def is_meant(self, address: Address) -> bool:
        """Whether an order that has arrived here is for this agent."""
        return True

    def speaker(self) -> c.Speaker:
        """Who it says that it is when it reports an outcome."""
        facts = self.facts()
        return c.Speaker(facts.name, facts.agent, facts.instance, facts.full_name, facts.peer, facts.boot_us)

    def work_left_us(self) -> int:
        """How long the longest of its frames still takes."""
        return max((process.left_us for process in self.processes(ProcessState.RUNNING)), default=0)

    # --- the machine ----------------------------------------------------------------------------------------------

    @abstractmethod
    def boot(self) -> None:
        """The machine comes up and its agent with it."""

    @abstractmethod
    def die(self, *, new_disk: bool) -> None:
        """Power off: every process is gone, and with a new disk everything that the agent knew."""

    @abstractmethod
    def lose_runner(self) -> None:
        """The agent dies, and is started again at once."""

    @abstractmethod
    def stop_link(self) -> None:
        """The part of the agent that speaks to the server is gone."""

    @abstractmethod
    def start_link(self) -> None:
        """The part of the agent that speaks to the server comes up."""

    @abstractmethod
    def owner_returns(self) -> None:
        """Somebody sits down at the machine."""

    def owner_leaves(self) -> None:
        """The machine is free again."""
        self.locked = False

    def resize(self, cores: int, memory_gib: int) -> None:
        """While it is off, somebody takes cores or memory out, or puts some in."""
        self.cores, self.memory_gib, self._resized = CoreUnits(cores * 100), memory_gib, True

    # --- what it is told ------------------------------------------------------------------------------------------

    def receive(self, action: Callable[[], None]) -> None:
        """Something that was sent to its agent arrives."""
        if self.link_up:
            action()

    @abstractmethod
    def launch(self, order: LaunchRequest) -> Answer:
        """Start a run, or refuse to."""

    @abstractmethod
    def kill(self, order: KillRequest) -> Answer:
        """End a run."""

    @abstractmethod
    def facts(self) -> c.HostFacts:
        """What the host says of itself."""

    def _facts(self, boot_us: int) -> c.HostFacts:
        total, disk = KiB(self.memory_gib * GIB), KiB(100 * GIB)
        return c.HostFacts(
            name=self.called,
            full_name=self.name,
            peer=self.name,
            facility="local",
            cores=self.cores,
            total_memory=total,
            free_memory=total,
            total_swap=KiB(0),
            free_swap=KiB(0),
            total_temp=disk,
            free_temp=disk,
            load=0,
            gpus=self.gpus,
            gpu_memory=KiB(self.gpu_memory_gib * GIB),
            boot_us=Micros(max(boot_us, 0)),
            tags=("64bit",),
            os=("linux",),
        )

    def _refuses_for_room(self, order: LaunchRequest) -> bool:
        """Whether a launch is refused for want of cores that the server could not know of.

        An agent refuses whatever does not fit. Here it takes what a server that keeps its books well would not have
        sent, so that no agent saves a server that does not: the truth then tells.
        """
        if self.locked or self.refusing:
            return True
        running = self.processes(ProcessState.RUNNING, ProcessState.SUSPENDED)
        if not self._resized and not any(process.excuse for process in running):
            return False
        cores = order.cores + sum(process.order.cores for process in running)
        return cores > self.cores or self._lacks_memory(order, running)

    def _lacks_memory(self, order: LaunchRequest, running: list[Process]) -> bool:
        return order.memory + sum(process.order.memory for process in running) > self.memory_gib * GIB

    # --- processes ------------------------------------------------------------------------------------------------

    def _start(self, order: LaunchRequest) -> None:
        fault = self._farms_fault(order)
        if fault is not None:
            process = Process(order, int(self.rng.uniform(1_000, 100_000)), int(Exit.FAILED_LAUNCH), 0, fault)
            process.farms_fault = True
        else:
            process = self._begun(order)
        process.upstream, process.called = not self.ours, self.called
        run = self.world.checker.runs.get(order.run_id)
        process.alone = run is not None and run.alone
        process.started_us, process.started_wall_us = self.now_us, self.wall.now_us
        process.log_s = 0 if process.farms_fault else self.wall.now_us // SECOND
        self.runs[order.run_id] = process
        self.world.ground_truth.started += 1
        self._go(process)

    def _farms_fault(self, order: LaunchRequest) -> Cause | None:
        """Why a process cannot be started here now; None where it can. An agent of upstream's does not say why."""
        if self.logs_lost or order.job_id in self.world.jobs_without_logs:
            return Cause.LOG_UNWRITABLE if self.ours else Cause.LAUNCH_FAILED
        if self.spawning_lost:
            return Cause.HOST_FAULT if self.ours else Cause.LAUNCH_FAILED
        return None

    def log_written_s(self, process: Process) -> int:
        """When a log last grew, as this machine tells the time."""
        if process.state is ProcessState.RUNNING and not process.silent and not process.farms_fault:
            process.log_s = self.wall.now_us // SECOND
        return process.log_s

    def _begun(self, order: LaunchRequest) -> Process:
        work_s = LONG_WORK_S if self.rng.random() < self.world.long_frames else self.rng.choice(WORK_S)
        work_us = int(work_s * self.rng.uniform(0.5, 1.5) * SECOND)
        needed = self.world.memory_needed(order)
        if needed > order.memory:
            status, signal, cause = self._out_of_memory()
            work_us = int(work_us * self.rng.uniform(0.1, 1))
        else:
            status, signal, cause = self._fate()
        process = Process(order, work_us, status, signal, cause)
        process.memory = min(needed, order.memory)
        habit = self.world.habit(order)
        if habit is Habit.OUT_OF_MEMORY:
            process.exit_status, process.exit_signal, process.cause = self._out_of_memory()
        elif habit is Habit.ASKS_AGAIN:
            process.exit_status, process.exit_signal, process.cause = int(Exit.SKIP_RETRY), 0, Cause.EXITED
        elif habit in (Habit.NEVER_ENDS, Habit.SILENT):
            process.left_us, process.silent = FOR_EVER_US, habit is Habit.SILENT
        elif habit in (Habit.TAKES_SUPERVISOR, Habit.TAKES_MACHINE) and self.may_be_taken(habit):
            process.left_us = min(process.left_us, int(self.rng.uniform(1, 60) * SECOND))
            process.takes = "supervisor" if habit is Habit.TAKES_SUPERVISOR else "machine"
        return process

    def _fate(self) -> tuple[int, int, Cause]:
        if self.rng.random() >= max(self.world.faults.frame_fails, self.frame_fails):
            return 0, 0, Cause.EXITED
        return self.rng.choice(
            (
                (1, 0, Cause.EXITED),
                (1, 11, Cause.EXITED),
                (int(Exit.FAILED_LAUNCH), 0, Cause.LAUNCH_FAILED),
                (int(Exit.SKIP_RETRY), 0, Cause.EXITED),
                (NO_LICENCE, 0, Cause.EXITED),
            )
        )

    def _out_of_memory(self) -> tuple[int, int, Cause]:
        """The kernel ended the renderer and its shell says so, or the renderer itself saw that there was no more."""
        return (*self.rng.choice(((int(Exit.CONTAINER_MEMORY), 0), (int(Exit.MEMORY), 0))), Cause.EXITED)

    def _go(self, process: Process) -> None:
        process.turn += 1
        process.since_us = self.now_us
        self.world.ground_truth.go(self.name, self.cores, self.memory_gib * GIB, process, self.gpus)
        self._after(process, process.left_us, lambda: self._done(process))

    def _done(self, process: Process) -> None:
        """A process has done its work, or what it does instead."""
        if not process.takes:
            self._end(process, process.exit_status, process.exit_signal, process.cause)
            return
        self.world.tell(f"{self.name}: {process.order.frame_name} takes the machine down")
        self.die(new_disk=False)
        self.world.clock.later(self.rng.uniform(1, 120) * SECOND, self._boot_again)

    def _boot_again(self) -> None:
        if not self.alive and not self.is_taken_away:
            self.boot()

    def may_be_taken(self, habit: Habit) -> bool:
        """A frame may do here what takes agent or machine down."""
        return True

    def _went_down(self, processes: Iterable[Process]) -> None:
        """This machine is off, and so are these."""
        for process in processes:
            process.with_host, process.host_is_back = True, False
            self._lost.append(process)

    def came_back(self) -> None:
        """This machine is up again, or another one in its place that nobody could tell from it."""
        for process in self._lost:
            process.host_is_back = True
        self._lost.clear()

    def _after(self, process: Process, delay_us: float, action: Callable[[], None]) -> None:
        """Do something to a process unless it was stopped or ended before."""
        turn = process.turn
        self.world.clock.later(delay_us, lambda: action() if process.turn == turn else None)

    def _stop(self, process: Process, state: ProcessState) -> None:
        if process.state is ProcessState.RUNNING:
            elapsed_us = self.now_us - process.since_us
            process.left_us -= elapsed_us
            process.run_us += elapsed_us
        process.turn += 1
        self.world.ground_truth.stop(process, state)

    def _end(self, process: Process, status: int, signal: int, cause: Cause) -> None:
        process.exit_status, process.exit_signal, process.cause = status, signal, cause
        self._stop(process, ProcessState.ENDED)
        self._ended(process)

    @abstractmethod
    def _ended(self, process: Process) -> None:
        """A process is over; its agent hears of it."""

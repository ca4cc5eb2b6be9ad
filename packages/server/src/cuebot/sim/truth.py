"""What really runs, whatever the server believes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cuebot.domain.states import Cause
from cuebot.engine.orders import RunOrder


class Violation(AssertionError):
    """The farm broke one of its promises."""


class ProcessState(Enum):
    """What a process is doing."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    ENDED = "ended"


@dataclass(slots=True)
class Process:
    """One run on one host."""

    order: RunOrder
    left_us: int
    """Work that is left to do."""
    exit_status: int
    exit_signal: int
    cause: Cause
    state: ProcessState = ProcessState.ENDED
    since_us: int = 0
    started_us: int = 0
    run_us: int = 0
    turn: int = 0
    """Grows whenever the process goes on or stops, so that an old timer knows that it is old."""


class Truth:
    """Every process that runs, by frame and by host."""

    def __init__(self) -> None:
        self.running: dict[str, Process] = {}
        """Frame id to the process that renders it now; a suspended one does not."""
        self.exits: dict[str, int] = {}
        """Run id to the exit status with which it really ended."""
        self.started = 0
        self._used: dict[str, list[int]] = {}

    def go(self, host: str, cores: int, memory: int, process: Process, gpus: int = 0) -> None:
        """A process starts or goes on. It must be the only one for its frame, and the host must have room."""
        order = process.order
        other = self.running.get(order.frame_id)
        if other is not None:
            raise Violation(
                f"frame {order.frame_name} of {order.job_name} runs twice at once:"
                f" {other.order.run_id} and {order.run_id} on {host}"
            )
        self.running[order.frame_id] = process
        process.state = ProcessState.RUNNING
        used = self._used.setdefault(host, [0, 0, 0])
        used[0] += order.cores
        used[1] += order.memory
        used[2] += order.gpus
        if used[0] > cores or used[1] > memory:
            raise Violation(f"host {host} runs {used[0]} of {cores} core units and {used[1]} of {memory} KiB")
        if used[2] > gpus:
            raise Violation(f"host {host} runs frames with {used[2]} GPUs and has {gpus}")

    def stop(self, host: str, process: Process, state: ProcessState) -> None:
        """A process is suspended or over."""
        if process.state is ProcessState.RUNNING:
            del self.running[process.order.frame_id]
            self._used[host][0] -= process.order.cores
            self._used[host][1] -= process.order.memory
            self._used[host][2] -= process.order.gpus
        process.state = state
        if state is ProcessState.ENDED:
            self.exits[process.order.run_id] = process.exit_status

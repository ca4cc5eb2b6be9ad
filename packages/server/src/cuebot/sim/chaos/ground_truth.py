"""What really runs, whatever the server believes."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cuebot.domain.states import Cause
from cuebot.domain.units import MINUTE
from cuebot.engine.requests import LaunchRequest

SILENCE_US: Final = 5 * MINUTE
"""After so long without a word of a host whose agent has no lease, its frames may run again."""

SILENT: Final = "after five minutes of silence"
FORGOTTEN: Final = "forgotten by a restarted agent"


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

    order: LaunchRequest
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
    memory: int = 0
    """KiB that it takes at most, of what is reserved for it."""
    upstream: bool = False
    """Its agent has no lease."""
    started_wall_us: int = 0
    """When it started, by its machine's own clock."""
    host: str = ""
    called: str = ""
    """What its machine says that it is called."""
    forgotten: bool = False
    """Its agent was restarted, and the one that is there now knows nothing of it."""
    excuse: str = ""
    """Not empty: why its frame may run again although it goes on."""
    farms_fault: bool = False
    """It was not started, because its log could not be made or its host could start nothing."""
    silent: bool = False
    """It wrote no line after the first."""
    log_s: int = 0
    """When its log last grew, in seconds by its machine's own clock."""

    alone: bool = False
    """Its frame is to have the host to itself."""
    takes: str = ""
    """What it takes down when it is done: the `supervisor` that watches it, or its `machine`."""
    is_watched: bool = True
    """Its supervisor lives."""
    book: str = ""
    """The spool in whose book it stands."""
    with_host: bool = False
    """It ended because what watched it died or its machine went down."""
    host_is_back: bool = False
    """And the machine is there again."""
    unheard: bool = False
    """It ended otherwise, and machine or spool were gone before anybody was known to have heard of that."""

    def ran_us(self, now_us: int) -> int:
        """How long it has run so far, without the time for which it was suspended."""
        return self.run_us + (now_us - self.since_us if self.state is ProcessState.RUNNING else 0)


class GroundTruth:
    """Every process that runs, by run and by frame, and what hosts have said."""

    def __init__(self) -> None:
        self.running: dict[str, Process] = {}
        """Run id to the process that renders now; a suspended one does not."""
        self.processes: dict[str, Process] = {}
        """Run id to its process, also when that is over."""
        self.exits: dict[str, int] = {}
        """Run id to the exit status with which it really ended."""
        self.started = 0
        self.twice: Counter[str] = Counter()
        """How often a frame ran while an earlier run of it went on, by the reason that excuses it."""
        self._by_frame: dict[str, list[Process]] = defaultdict(list)
        self._used: dict[str, list[int]] = {}
        self.goodbyes_us: dict[str, int] = {}
        """When the server that lives now last took in that a host's agent was told to stop, by the host's name."""
        self._heard_us: dict[str, list[int]] = defaultdict(list)

    def go(self, host: str, cores: int, memory: int, process: Process, gpus: int = 0) -> None:
        """A process starts or goes on. It must be the only one for its frame, and the host must have room.

        An excused one does not count: the server could not know that it goes on.
        """
        order = process.order
        for other in self._by_frame[order.frame_id]:
            if not other.excuse:
                raise Violation(
                    f"frame {order.frame_name} of {order.job_name} runs twice at once:"
                    f" {other.order.run_id} and {order.run_id} on {host}"
                )
            self.twice[other.excuse] += 1
        beside = [other for other in self.running.values() if other.host == host and not other.excuse]
        if beside and (process.alone or any(other.alone for other in beside)):
            raise Violation(f"{order.frame_name} of {order.job_name} and others run on {host}, and one is to be alone")
        self._by_frame[order.frame_id].append(process)
        self.running[order.run_id] = self.processes[order.run_id] = process
        process.host, process.state = host, ProcessState.RUNNING
        used = self._used.setdefault(host, [0, 0, 0])
        used[0] += order.cores
        used[1] += order.memory
        used[2] += order.gpus
        if used[0] > cores or used[1] > memory:
            raise Violation(f"host {host} runs {used[0]} of {cores} core units and {used[1]} of {memory} KiB")
        if used[2] > gpus:
            raise Violation(f"host {host} runs frames with {used[2]} GPUs and has {gpus}")

    def stop(self, process: Process, state: ProcessState) -> None:
        """A process is suspended or over."""
        if process.state is ProcessState.RUNNING:
            del self.running[process.order.run_id]
            self._by_frame[process.order.frame_id].remove(process)
            if not process.excuse:
                self._release(process)
        process.state = state
        if state is ProcessState.ENDED:
            self.exits[process.order.run_id] = process.exit_status

    def heard(self, host: str, now_us: int) -> None:
        """A report of a host has reached a server."""
        self._heard_us[host].append(now_us)

    def run_lost(self, run_id: str, cause: Cause, at_us: int) -> None:
        """The server ended a run in its books. Where it truly runs, that must be one of the things nobody can know.

        An agent of upstream's has no lease and keeps nothing: its host may be silent for five minutes, or it may have
        been restarted and have forgotten a frame that goes on. Nothing else excuses it, and nothing excuses it with our
        agent. Until it ends, an excused process counts for nothing: its frame may run again, its cores are free.
        """
        process = self.running.get(run_id)
        if process is None:
            return
        if process.upstream and process.forgotten and cause in (Cause.HOST_LOST, Cause.NEVER_RECEIVED):
            process.excuse = FORGOTTEN
        elif process.upstream and cause is Cause.HOST_LOST and self.silence_us(process.host, at_us) >= SILENCE_US:
            process.excuse = SILENT
        else:
            raise Violation(f"run {run_id} is over by {cause.name} in the books, but it truly runs")
        self._release(process)

    def silence_us(self, host: str, at_us: int) -> int:
        """How long a host had not been heard of at a moment."""
        heard_us = self._heard_us[host]
        before = bisect_left(heard_us, at_us)
        return at_us - heard_us[before - 1] if before else at_us

    def _release(self, process: Process) -> None:
        self._used[process.host][0] -= process.order.cores
        self._used[process.host][1] -= process.order.memory
        self._used[process.host][2] -= process.order.gpus

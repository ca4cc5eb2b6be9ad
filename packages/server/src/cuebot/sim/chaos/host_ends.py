"""The checker's own count of runs that ended with their host: what counts, who runs alone, who is dead of it."""

from __future__ import annotations

from collections import Counter

from cuebot.domain import events as ev
from cuebot.domain.states import Cause, FrameState
from cuebot.sim.chaos.farm_rules import Run
from cuebot.sim.chaos.ground_truth import GroundTruth, Process, Violation
from cuebot.sim.chaos.waits import FrameKey

BESIDE_OTHERS = 3
"""A frame of which so many runs ended with their host gets one to itself."""
MOST = BESIDE_OTHERS + 2
"""After so many it is dead."""
BEGIN_ANEW = (0, 500)
"""A success, and a retry by a person."""


class HostEnds:
    """How often runs of each frame ended with their host since it began anew, as the truth has it."""

    def __init__(self, ground_truth: GroundTruth) -> None:
        self.ground_truth = ground_truth
        self._ends: Counter[FrameKey] = Counter()
        self._lost: dict[str, Run] = {}
        """Runs of silent hosts, which may turn out to have ended with them."""

    def is_alone(self, key: FrameKey) -> bool:
        """A frame may run beside no other."""
        return self._ends[key] >= BESIDE_OTHERS

    def begins_anew(self, key: FrameKey) -> None:
        """A person retries a frame, or it succeeded."""
        del self._ends[key]
        self._lost = {id: run for id, run in self._lost.items() if run.key != key}

    def ended(self, event: ev.RunEnded, run: Run, at_us: int) -> None:
        """A run is over in the books. Raises Violation where its frame pays for its host, or is never given up."""
        process = self.ground_truth.processes.get(event.run_id)
        if event.with_host:
            self._count(event.run_id, run, process, event.booked_us, at_us)
        elif event.exit_status in BEGIN_ANEW:
            self.begins_anew(run.key)
        elif event.with_host is None:
            self._lost[event.run_id] = run
        run_lost = event.state in (FrameState.DEAD, FrameState.EATEN)
        lost = event.cause in (Cause.RUNNER_LOST, Cause.HOST_LOST)
        if lost and run_lost and self._ends[run.key] < MOST:
            raise Violation(f"frame {run.key} is given up after {self._ends[run.key]} runs that ended with their host")
        again = event.state is FrameState.WAITING and event.exit_status not in BEGIN_ANEW
        if again and event.with_host and self._ends[run.key] >= MOST:
            raise Violation(f"frame {run.key} took down {self._ends[run.key]} hosts, and is tried again")

    def told(self, event: ev.EndedWithHost, at_us: int) -> None:
        """Of a run that was given up before, it is known now."""
        run = self._lost.pop(event.run_id)
        if run.alone is not event.alone:
            raise Violation(f"run {event.run_id} is said to have been alone, or not, and it was otherwise")
        process = self.ground_truth.processes.get(event.run_id)
        self._count(event.run_id, run, process, run.booked_us, at_us)

    def _count(self, run_id: str, run: Run, process: Process | None, booked_us: int, at_us: int) -> None:
        """The server has decided at `at_us` that a run ended with its host."""
        if process is None or not (process.with_host or process.unheard or process.upstream):
            raise Violation(f"run {run_id} counts as ended with its host, and did not")
        # Of an agent of upstream's, whose clock may be set and whose outcomes may be lost, nobody can know better.
        if process.with_host and not process.host_is_back:
            raise Violation(f"run {run_id} counts as ended with host {process.host}, which never came back")
        if booked_us <= self.ground_truth.goodbyes_us.get(process.called, -1) < at_us:
            raise Violation(f"run {run_id} counts as ended with its host, and its agent had said goodbye")
        ends = self._ends[run.key]
        self._ends[run.key] = ends + 1 if run.alone else max(ends, min(ends + 1, BESIDE_OTHERS))

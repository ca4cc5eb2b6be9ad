"""Waiting for a job on the farm: until it is over, or until nothing in it can go on by itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Callable, List, Optional

from opencue.wording import counted, duration
from outline.exception import JobFailedException, JobKilledException, OutlineException

POLL_SECONDS = 0.2
"""The first pause between two looks at the job; each is longer than the one before."""
POLL_SECONDS_MAX = 5.0
POLL_GROWTH = 1.2
"""So a job's end is noticed within a fifth of the time that it took."""

REPORT_SECONDS = 1.0
"""Lines of progress come no faster than that."""
EXPLAIN_SECONDS = 10.0
"""How often the farm is asked why nothing runs."""
SERVER_AWAY_SECONDS = 300.0
"""A server that is away for longer ends the wait; the job goes on without it."""

LAYERS_TOLD = 5
FAILURES_TOLD = 5
DEAD_FRAMES_MAX = 1000
IN_VAIN = ("WAITS_FOR_DEAD", "WAITS_FOR_EATEN", "WAITS_FOR_DONE", "WAITS_FOR_ENDED")
"""The farm's reasons for which a frame waits that do not pass by themselves."""

Report = Optional[Callable[[str], None]]


class WaitInterrupted(KeyboardInterrupt):
    """Somebody pressed Ctrl-C during a wait; the words say that the job goes on, and how to end it."""


@dataclass(frozen=True)
class Counts:
    """The frames of a job at one moment."""

    total: int
    done: int
    running: int
    waiting: int
    depend: int
    dead: int
    eaten: int

    @classmethod
    def of(cls, job: Any) -> Counts:
        """Return those of a job, as it was fetched."""
        stats = job.data.job_stats
        return cls(
            stats.total_frames,
            stats.succeeded_frames,
            stats.running_frames,
            stats.waiting_frames,
            stats.depend_frames,
            stats.dead_frames,
            stats.eaten_frames,
        )

    @property
    def moving(self) -> int:
        """Frames that run, or run as soon as there is room."""
        return self.left - self.depend - self.dead

    @property
    def left(self) -> int:
        """Frames that are neither done nor given up."""
        return self.total - self.done - self.eaten

    @property
    def progress(self) -> str:
        """How many are done, and apart from them how many were given up."""
        eaten = f", {self.eaten} eaten" if self.eaten else ""
        return f"{self.done} of {frames(self.total)} done{eaten}"

    def __str__(self) -> str:
        held = self.waiting + self.depend
        return f"{self.progress}, {self.running} running, {held} waiting, {self.dead} dead"


def frames(number: int) -> str:
    """Return a number of frames in words."""
    return counted(number, "frame")


def wait(job: Any, report: Report = None) -> None:
    """Wait until a job is over; `report` is given a line of progress now and then, and one at the end.

    Raises:
        JobFailedException: frames are dead, and nothing else can go on.
        JobKilledException: somebody killed the job.
        WaitInterrupted: by Ctrl-C; the job goes on.
    """
    _Watch(job, report).run()


class _Watch:
    """One wait."""

    def __init__(self, job: Any, report: Report) -> None:
        self.job = job
        self.name = job.name()
        self._report = report
        self._started = time.monotonic()
        self._reported_at = 0.0
        self._line = ""
        self._explained_at = 0.0
        self._hint = ""

    def run(self) -> None:
        try:
            pause_s = POLL_SECONDS
            while True:
                self._fetch()
                if self._is_over():
                    return
                self._show_progress()
                time.sleep(pause_s)
                pause_s = min(pause_s * POLL_GROWTH, POLL_SECONDS_MAX)
        except KeyboardInterrupt:
            raise WaitInterrupted(f"{self.name} goes on. To end it: cueadmin -kill {self.name}") from None

    def _fetch(self) -> None:
        """Look at the job as it is now; a server that is away is waited for, for a time."""
        import opencue

        away_since: Optional[float] = None
        while True:
            try:
                self.job = opencue.api.getJob(self.job.id())
                return
            except opencue.exception.EntityNotFoundException:
                raise OutlineException(f"the server does not know the job {self.name} any more") from None
            except opencue.exception.ConnectionException as error:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > SERVER_AWAY_SECONDS:
                    raise
                self._tell(f"{self.name}: {error} The job goes on; asking again")
                time.sleep(POLL_SECONDS_MAX)

    def _is_over(self) -> bool:
        import opencue

        counts = Counts.of(self.job)
        if self.job.state() == opencue.enums.JobState.FINISHED:
            if counts.left:
                raise JobKilledException(f"{self.name} was killed: {counts.progress}")
            what = f"over: {counts.progress}," if counts.eaten else f"done: {frames(counts.total)}"
            self._tell(f"{self.name} is {what} in {clock(self._elapsed())}")
            return True
        if not counts.moving and counts.left and self._is_stuck(counts):
            raise JobFailedException(self._failure(counts))
        return False

    # What stands in the way

    def _is_stuck(self, counts: Counts) -> bool:
        """Say whether what is left waits in vain; nothing of it runs or is ready to."""
        if not counts.depend:
            return counts.dead > 0
        if self._waits_for_living_job():
            return False
        answer = self._explain()
        if answer is None:
            return counts.dead > 0
        held = [layer for layer in answer.layers if layer.depend_frames]
        return all(any(reason.code in IN_VAIN for reason in layer.reasons) for layer in held)

    def _waits_for_living_job(self) -> bool:
        import opencue

        others = {d.dependOnJob() for d in self.job.getDepends() if d.isActive() and not d.isInternal()}
        for name in others:
            try:
                if Counts.of(opencue.api.findJob(name)).moving:
                    return True
            except opencue.exception.EntityNotFoundException:
                continue
        return False

    def _explain(self) -> Any:
        """Return the farm's own words; None from a server that has none."""
        import opencue

        try:
            return opencue.api.explain(self.job.id())
        except opencue.exception.CueException:
            return None

    # What is told

    def _failure(self, counts: Counts) -> str:
        """Return what cannot go on, why, and what to do about it, in lines."""
        left = [f"{frames(counts.dead)} dead"] if counts.dead else []
        if counts.depend:
            left.append(f"{frames(counts.depend)} {'waits' if counts.depend == 1 else 'wait'} in vain")
        lines = [f"{self.name} cannot go on: {' and '.join(left)}; {counts.progress}"]
        layers = [layer for layer in self.job.getLayers() if layer.deadFrames()]
        for layer in layers[:LAYERS_TOLD]:
            lines.extend(self._dead(layer))
        if len(layers) > LAYERS_TOLD:
            lines.append(f"  and {counted(len(layers) - LAYERS_TOLD, 'more layer')}")
        if not layers:
            lines.extend(self._held())
        if len(layers) > 1:
            lines.append(f"To run all dead frames again: cueadmin -retry {self.name}")
        return "\n".join([*lines, f"Why: cueadmin -explain {self.name}", f"To end the job: cueadmin -kill {self.name}"])

    def _dead(self, layer: Any) -> List[str]:
        """Return which frames of a layer are dead, why, and what shows more of it and runs them again."""
        import opencue
        from opencue.causes import failureText, hasLog  # what speaks to a farm is imported where one is

        dead = layer.getFrames(state=[opencue.enums.FrameState.DEAD], page=1, limit=DEAD_FRAMES_MAX)
        numbers = sorted(frame.number() for frame in dead)
        lines = [f"  {layer.name()}: {_numbered(numbers, layer.deadFrames())}"]
        if not dead:
            return lines
        first = min(dead, key=lambda frame: frame.number())
        failures = self._failures(layer)
        if not failures:
            lines.append(f"    exit status {first.exitStatus()} on {first.lastResource() or 'no host'}")
            lines.append(f"    {_log_of(numbers)}: {opencue.util.logPath(self.job, first)}")
            return lines
        with_log = any(hasLog(failure) for failure in failures)
        if len(failures) == 1 and failures[0].frames == layer.deadFrames():
            lines = [f"  {layer.name()}: {failureText(failures.pop())}"]
        lines.extend(f"    {failureText(failure)}" for failure in failures[:FAILURES_TOLD])
        if len(failures) > FAILURES_TOLD:
            lines.append(f"    and {len(failures) - FAILURES_TOLD} more kinds of failure")
        if with_log:
            lines.append(f"    {_log_of(numbers)}: cueadmin -log {self.name} {layer.name()} {first.number()}")
        again = f"{self.name} {layer.name()} {_range(numbers)}"
        if layer.deadFrames() <= len(numbers):
            lines.append(f"    to run {'it' if len(numbers) == 1 else 'them'} again: cueadmin -retry-frames {again}")
        return lines

    def _failures(self, layer: Any) -> List[Any]:
        """Return what dead frames of a layer died of; none from a server that cannot tell."""
        import opencue

        try:
            failures = opencue.api.getFailures(self.job.id(), layer.id())
        except opencue.exception.CueException:
            return []
        return [failure for failure in failures if failure.state == "DEAD"]

    def _held(self) -> List[str]:
        """Return what frames wait for in vain, where none is dead."""
        answer = self._explain()
        layers = [layer for layer in answer.layers if layer.depend_frames] if answer is not None else []
        lines: List[str] = []
        for layer in layers[:LAYERS_TOLD]:
            lines.append(f"  {layer.layer_name}:")
            lines.extend(_words([reason for reason in layer.reasons if reason.code in IN_VAIN]))
        return lines

    def _show_progress(self) -> None:
        if self._report is None:
            return
        counts = Counts.of(self.job)
        if not counts.running:
            self._ask_why(counts)
        else:
            self._hint = ""
        line = f"{counts}{self._left(counts)}{self._hint}"
        now = time.monotonic()
        if line != self._line and now - self._reported_at >= REPORT_SECONDS:
            self._line, self._reported_at = line, now
            self._tell(f"{self.name}: {line} ({clock(self._elapsed())})")

    def _ask_why(self, counts: Counts) -> None:
        """Find words for why nothing runs; the pause of a job needs no question."""
        if self.job.isPaused():
            self._hint = f"; it is paused: cueadmin -unpause {self.name}"
            return
        now = time.monotonic()
        if now - self._started < 2 * REPORT_SECONDS or (
            self._explained_at and now - self._explained_at < EXPLAIN_SECONDS
        ):
            return
        self._explained_at = now
        answer = self._explain()
        reasons = [reason for layer in answer.layers for reason in layer.reasons] if answer is not None else []
        starts = (
            [layer.starts_in_s for layer in answer.layers if layer.HasField("starts_in_s")]
            if answer is not None
            else []
        )
        self._hint = f"; {reasons[0].text}" if reasons else ""
        if starts and min(starts):
            self._hint += f"; it should start in about {duration(min(starts))}"

    def _left(self, counts: Counts) -> str:
        """Return about how long it goes on: what is left at the mean of what is done, as many at once as now."""
        stats = self.job.data.job_stats
        if not counts.running or not stats.avg_frame_sec:
            return ""
        rounds = -(-(counts.running + counts.waiting + counts.depend) // counts.running)
        return f", about {duration(rounds * stats.avg_frame_sec)} left"

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _tell(self, line: str) -> None:
        if self._report is not None:
            self._report(line)


def clock(seconds: float) -> str:
    """Return a time as `M:SS`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _words(reasons: Any) -> List[str]:
    """Return reasons of the farm with what it says would undo them."""
    return [f"    {text}" for reason in reasons for text in (reason.text, reason.remedy) if text]


def _range(numbers: List[int]) -> str:
    from outline.util import compact_frame_range

    return compact_frame_range(numbers)


def _log_of(numbers: List[int]) -> str:
    return "its log" if len(numbers) == 1 else "the log of the first"


def _numbered(numbers: List[int], total: int) -> str:
    shown = _range(numbers[:20]) + (", ..." if total > 20 else "")
    return f"{frames(total)} dead ({shown})"

"""What went wrong with frames, as -explain tells it."""

from __future__ import annotations

from typing import Any

from cue_cli.cueadmin.records import runRecord
from opencue import api
from opencue.causes import causeText, failureText, fullText, hasLog, whyText
from opencue.exception import CueException

SHOWN_MAX = 8  # failures of one layer; --json has all


def failuresOf(job: str, layer: str) -> list[Any]:
    """Return the failures of a job or layer; none from a server that cannot tell: the rest is told all the same."""
    try:
        return api.getFailures(job, layer)
    except CueException:
        return []


def lastRunsOf(frame_id: str) -> list[Any]:
    """Return the last run of a frame; none from a server that cannot tell."""
    try:
        return api.getRuns(frame=frame_id, limit=1)
    except CueException:
        return []


def printFailures(failures: list[Any], before: str, with_log: bool = True, told: int = 0, job: str = "") -> None:
    """Print failures of one layer, each line behind `before`; `with_log`: and how to see a log of each kind.

    `told` frames are spoken of already: a failure of just these is told without their number. `job` is what commands
    are to call the job; by its name otherwise.
    """
    for failure in failures[:SHOWN_MAX]:
        print(f"{before}{whyText(failure) if failure.frames == told else failureText(failure)}")
        if with_log and hasLog(failure):
            print(f"{' ' * len(before)}  {logHint(failure, job)}")
    if len(failures) > SHOWN_MAX:
        print(f"{before}{len(failures) - SHOWN_MAX} more kinds of failure (--json has them)")


def printLastRuns(runs: list[Any]) -> None:
    """Print how the last ended run of a frame went."""
    for run in runs[:1]:
        if run.state != "RUNNING":
            where = f" on {run.host_name}" if run.host_name else ""
            print(f"  - attempt {run.attempt}{where}: {'succeeded' if run.state == 'SUCCEEDED' else fullText(run)}")


def logHint(failure: Any, job: str = "") -> str:
    """Return how to see the log of the latest of these runs."""
    run, whose = failure.example, "its log" if failure.frames == 1 else "the log of one of them"
    return f"{whose}: `cueadmin -log {job or run.job_name} {run.layer_name} {run.number}`"


def failureRecord(failure: Any) -> dict[str, Any]:
    """Return a failure as plain data."""
    return {
        "layer": failure.layer_name,
        "state": failure.state,
        "frames": failure.frames,
        "range": failure.frame_range,
        "cause": failure.cause,
        "exit_status": failure.exit_status,
        "exit_signal": failure.exit_signal,
        "text": causeText(failure),
        "message": failure.message,
        "error_line": failure.error_line,
        "charged": failure.charged,
        "host": failure.host_name,
        "hosts": failure.hosts,
        "example": runRecord(failure.example) if failure.HasField("example") else None,
    }

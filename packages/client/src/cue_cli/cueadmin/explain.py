"""-explain: why the frames of a job wait."""

from __future__ import annotations

import json
import re
from typing import Any, Sequence

from cue_cli.cueadmin.failures import failureRecord, failuresOf, lastRunsOf, printFailures, printLastRuns
from cue_cli.cueadmin.killed import retryCommands, tellKilledFrame, tellKilledFrames
from cue_cli.cueadmin.lookup import jobLayerFrame, ofJob
from cue_cli.cueadmin.records import printJson
from cue_cli.cueadmin.session import Session
from opencue import api
from opencue.exception import EntityNotFoundException
from opencue.wording import counted, duration

KILLED_JOB = "JOB_FINISHED"  # the reason of what is left of a job that is over
COUNTED = (
    ("waiting_frames", "waiting"),
    ("depend_frames", "depend"),
    ("running_frames", "running"),
    ("dead_frames", "dead"),
)


def explain(session: Session, values: list[str]) -> None:
    """Say why a job, one of its layers or one frame waits, with what would change it."""
    job, layer, frame = jobLayerFrame(values)
    answer = ofJob(job, lambda name: _ask(name, layer or None, frame or None))
    word = answer.job_id if answer.job_id.startswith(job.lower()) else answer.job_name
    failures = failuresOf(answer.job_id, answer.layers[0].layer_id if layer and answer.layers else "")
    runs = lastRunsOf(answer.frame.frame_id) if frame else []
    tellKilledFrames(answer, failures)
    killed = tellKilledFrame(answer, runs)
    if session.options.json:
        printJson({**explanationRecord(answer), "failures": [failureRecord(failure) for failure in failures]})
        return
    reasons = answer.frame.reasons if frame else [reason for entry in answer.layers for reason in entry.reasons]
    told_below = {reason.text for reason in reasons}
    detail = answer.summary
    if detail in told_below:
        detail = "KILLED" if any(reason.code == KILLED_JOB for reason in reasons) else ""
    print(f"{answer.job_name}: {detail}" if detail else answer.job_name)
    if frame:
        _print_frame(answer, [] if killed else runs)
        return
    for entry in answer.layers:
        print()
        print(f"{entry.layer_name}  ({_frame_counts(entry)})")
        if entry.summary not in {reason.text for reason in entry.reasons}:
            print(f"  {entry.summary}")
        mine = [failure for failure in failures if failure.layer_id == entry.layer_id]
        of_dead = [reason.code for reason in entry.reasons if reason.code.startswith("FRAMES_")]
        told: list[str] = []
        for reason in entry.reasons:
            _print_reasons([reason], entry.remedies, told)
            told += retryCommands(reason.remedy)
            if reason.code in of_dead[-1:]:
                of_these = [failure for failure in mine if failure.state == "DEAD"]
                with_log = len(of_these) > 1 or "cueadmin -log " not in reason.remedy
                printFailures(of_these, "    ", with_log, told=reason.count, job=word)
        printFailures([failure for failure in mine if failure.state != "DEAD"], "  - ", job=word)
        _print_outlook(entry)


def _ask(job: Any, layer: Any, frame: Any) -> Any:
    try:
        return api.explain(job, layer, frame)
    except EntityNotFoundException:
        kept = layer.lower().replace("-", "_") if layer else layer
        if kept != layer:
            return _ask(job, kept, frame)
        raise


def _print_frame(answer: Any, runs: list[Any]) -> None:
    found = answer.frame
    print()
    over = found.state in ("WAITING", "DEPEND") and _is_over(found)
    print(f"{found.frame_name}  ({'not done' if over else found.state.lower()})")
    waits_for_host = found.state == "WAITING"
    _print_reasons(found.reasons, [remedy for entry in answer.layers for remedy in entry.remedies if waits_for_host])
    printLastRuns(runs)
    if found.state == "WAITING":
        for entry in answer.layers:
            _print_outlook(entry, found)


def _print_reasons(reasons: Any, remedies: Any, told: Sequence[str] = ()) -> None:
    """Print reasons, each with what undoes it unless a remedy below says so as well, or it was told above."""
    for reason in reasons:
        print(f"  - {reason.text}{_amount(reason)}")
        commands = re.findall(r"`([^`]*)`", reason.remedy)
        if commands and all(command in told for command in commands):
            continue
        if reason.remedy and not any(reason.remedy in remedy.text for remedy in remedies):
            print(f"    {reason.remedy}")


def _print_outlook(entry: Any, timed: Any = None) -> None:
    """Print the cheapest remedies of a layer, and when it or one frame of it starts."""
    for place, remedy in enumerate(entry.remedies):
        word = "cheapest remedy" if place == 0 else "or"
        print(f"  {word}: {remedy.text} ({counted(remedy.frames, 'frame')} could start)")
    timed = timed or entry
    if timed.HasField("starts_in_s") and timed.starts_in_s:
        print(f"  it should start in about {duration(timed.starts_in_s)}")


def explanationRecord(answer: Any) -> dict[str, Any]:
    """Return an ExplainResponse as plain data."""
    record = {
        "job_id": answer.job_id,
        "job": answer.job_name,
        "summary": answer.summary,
        "layers": [_layerRecord(entry) for entry in answer.layers],
    }
    if answer.HasField("frame"):
        record["frame"] = _frameRecord(answer.frame)
    return record


def _layerRecord(entry: Any) -> dict[str, Any]:
    ahead = entry.ahead
    return {
        "layer_id": entry.layer_id,
        "layer": entry.layer_name,
        **{field: getattr(entry, field) for field, _ in COUNTED},
        "summary": entry.summary,
        "reasons": [_reasonRecord(reason) for reason in entry.reasons],
        "remedies": [_remedyRecord(remedy) for remedy in entry.remedies],
        "ahead": {
            "jobs": ahead.jobs,
            "for_minimum": ahead.for_minimum,
            "frames": ahead.frames,
            "own_frames": ahead.own_frames,
            "shows": ahead.shows,
            "passing_priority": _given(ahead, "passing_priority"),
            "wait_s": _given(ahead, "wait_s"),
        }
        if entry.HasField("ahead")
        else None,
        "hosts_now": entry.hosts_now,
        "starts_in_s": _given(entry, "starts_in_s"),
    }


def _frameRecord(frame: Any) -> dict[str, Any]:
    return {
        "frame_id": frame.frame_id,
        "frame": frame.frame_name,
        "number": frame.number,
        "state": frame.state,
        "summary": frame.summary,
        "reasons": [_reasonRecord(reason) for reason in frame.reasons],
        "place": frame.place,
        "starts_in_s": _given(frame, "starts_in_s"),
    }


def _reasonRecord(reason: Any) -> dict[str, Any]:
    return {field: getattr(reason, field) for field in ("code", "count", "counts", "text", "remedy")}


def _remedyRecord(remedy: Any) -> dict[str, Any]:
    steps = [
        {"code": step.code, "text": step.text, "action": step.action, "arguments": json.loads(step.arguments or "{}")}
        for step in remedy.steps
    ]
    fields = {field: getattr(remedy, field) for field in ("text", "cost", "hosts", "frames")}
    return {**fields, "steps": steps}


def _given(message: Any, field: str) -> Any:
    return getattr(message, field) if message.HasField(field) else None


def _is_over(entry: Any) -> bool:
    """Say whether the job of a layer or frame was killed: nothing of it waits any more."""
    return any(reason.code == KILLED_JOB for reason in entry.reasons)


def _frame_counts(entry: Any) -> str:
    if _is_over(entry):
        left = entry.waiting_frames + entry.depend_frames
        numbers = ((left, "not done"), (entry.running_frames, "running"), (entry.dead_frames, "dead"))
        return ", ".join(f"{number} {word}" for number, word in numbers if number)
    counts = [f"{getattr(entry, field)} {word}" for field, word in COUNTED if getattr(entry, field)]
    return ", ".join(counts) or "nothing waits"


def _amount(reason: Any) -> str:
    """The count, where the words do not have it."""
    if not reason.counts or reason.count == 1 or re.search(rf"\b{reason.count}\b", reason.text):
        return ""
    return f" ({counted(reason.count, reason.counts.rstrip('s'))})"

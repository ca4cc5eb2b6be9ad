"""-watch: what happens on the farm, a line for each event."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from cue_cli.cueadmin.session import Session
from opencue import api
from opencue.wording import counted

MICROS = 1_000_000
LISTS = ("fields", "done")
"""Of a row, what is several texts."""


def watch(session: Session, values: list[str]) -> None:
    """-watch: what happens from now on, or what of it a query asks for, until somebody stops it."""
    show = printRecord if session.options.json else printLine
    for response in api.followEvents(query=" ".join(values)):
        if response.reset:
            session.warn(f"some events are not known: {response.reason}")
        for event in response.events:
            show(event)
        sys.stdout.flush()


def printRecord(event: Any) -> None:
    """Print an event as one line of JSON."""
    record = {field.name: value for field, value in event.ListFields() if field.name != "row"}
    row = {field.name: list(value) if field.name in LISTS else value for field, value in event.row.ListFields()}
    print(json.dumps({**record, **row}))


def printLine(event: Any) -> None:
    """Print an event for people."""
    at = time.strftime("%H:%M:%S", time.localtime(event.at_us / MICROS))
    words = " ".join(word for word in (_about(event.row), _end(event), _fields(event.row), _actor(event)) if word)
    print(f"{at} {event.type:<18} {words}")


def _about(row: Any) -> str:
    """What it is about."""
    if row.HasField("frame_number"):
        return f"{row.job_name} {row.frame_number:04d}-{row.layer_name} on {row.host_name}"
    if row.layer_name and row.frames_count:
        return f"{row.job_name} {row.layer_name}: {counted(row.frames_count, 'frame')} {row.frame_range}".rstrip()
    if row.subject:
        return f"{row.subject!r} by {row.user}"
    parts = [row.job_name or row.job_id, row.layer_name, row.host_name, row.name or row.id]
    return " ".join(part for part in parts if part)


def _end(event: Any) -> str:
    """How a run or a job ended, and how large a job is."""
    row = event.row
    if event.type == "job.launched":
        return f"({counted(row.frames_count, 'frame')} of {row.user})"
    if event.type == "job.finished":
        return "(killed)" if row.is_killed else ""
    if not row.cause:
        return ""
    failed = event.type == "frame.failed"
    how = f"exit status {row.exit_status}" if failed and not row.exit_signal else ""
    how = f"signal {row.exit_signal}" if failed and row.exit_signal else how
    why = "" if row.cause == "EXITED" else row.cause
    return " ".join(word for word in (how, why, row.message or row.error_line, f"({row.frame_state})") if word)


def _fields(row: Any) -> str:
    """What has another value, or what filters did."""
    return ", ".join(row.fields) or "; ".join(row.done)


def _actor(event: Any) -> str:
    return "" if event.actor in ("", "system", event.row.host_name) else f"[{event.actor}]"

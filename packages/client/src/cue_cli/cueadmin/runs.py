"""-runs, -log and -spec: what happened to frames, what they wrote, and what their job was submitted with."""

from __future__ import annotations

import sys
from typing import Any

from cue_cli.cueadmin import records
from cue_cli.cueadmin.format import formatDuration, formatMem, formatTime
from cue_cli.cueadmin.lookup import jobLayerFrame, ofJob
from cue_cli.cueadmin.session import Session
from opencue import api
from opencue.causes import fullText, outcome

RUNS_MAX = 100  # lines of -runs without -limit
MICROS = 1_000_000
LEFT_BEHIND = "left behind"  # of processes that were ended with a run, as the server says it
WITHOUT_LOG = ("LAUNCH_FAILED", "REFUSED", "NEVER_RECEIVED", "HOST_FAULT")  # nothing ran, and nothing wrote


def list_runs(session: Session, values: list[str]) -> None:
    """-runs: the attempts of a frame, or the latest runs of a layer or job, the newest first."""
    job, layer, frame = jobLayerFrame(values)
    limit = session.options.limit or RUNS_MAX

    def ask(name: str) -> list[Any]:
        return api.getRuns(name, layer, frame or None, attempt=session.options.attempt, limit=limit)

    runs = ofJob(job, ask)
    if session.options.json:
        records.printRecords(runs, records.runRecord)
        return
    _print_table(runs)
    if len(runs) == limit:
        print(f"(the {limit} newest; -limit N shows more)")


def print_log(session: Session, values: list[str]) -> None:
    """-log: a frame's log as it stands, or with -f as it grows until its run is over."""
    job, layer, frame = jobLayerFrame(values, complete=True)
    out = sys.stdout.buffer
    sys.stdout.flush()

    def copy(name: str) -> None:
        follow = session.options.follow
        for piece in api.followLog(name, layer, frame, attempt=session.options.attempt, follow=follow):
            out.write(piece)
            out.flush()

    ofJob(job, copy)


def print_specification(session: Session, values: list[str]) -> None:
    """-spec: what a job was submitted with, to the byte."""
    answer = ofJob(values[0], api.getSpecification)
    if session.options.json:
        records.printJson({"job_id": answer.job_id, "job": answer.job_name, "spec": answer.text})
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(answer.text.encode())
    sys.stdout.buffer.flush()


def _print_table(runs: list[Any]) -> None:
    layout = "%-24s %-4s %-10s %-20s %-6s %-18s %-12s %-10s"
    print(layout % ("Frame", "Try", "Result", "Host", "Cores", "Memory", "Start", "Runtime"))
    for run in runs:
        print(
            (
                layout
                % (
                    run.frame_name,
                    run.attempt or "?",
                    outcome(run) or "-",
                    run.host_name or "-",
                    f"{run.cores:0.2f}",
                    f"{formatMem(run.max_rss_kib) if run.max_rss_kib else '?'} of {formatMem(run.memory_kib)}",
                    formatTime(run.start_us // MICROS),
                    formatDuration(run.run_us // MICROS),
                )
            ).rstrip()
        )
        told = ""
        if run.state not in ("RUNNING", "SUCCEEDED"):
            told = fullText(run)
            print(f"    {told}{'' if run.charged else ' (not charged)'}")
        if LEFT_BEHIND in run.message and run.message not in told:
            print(f"    {run.message}")
        if run.cause not in WITHOUT_LOG:
            print(f"    {run.log_path}")

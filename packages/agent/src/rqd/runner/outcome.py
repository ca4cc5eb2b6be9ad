"""How a run ended, in the words of the protocol, and the end of its log."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from rqd import log
from rqd.runner import frame_log
from rqd.runner.run import Run

FAILED_LAUNCH = 256
SKIP_RETRY = 286
RUNNER_LOST = 301
OUT_OF_MEMORY = 33

WORDS_MAX = 500
"""Characters of a message."""

Outcome = dict[str, Any]


def outcome_of(
    run: Run,
    cause: str,
    exit_status: int,
    exit_signal: int,
    message: str = "",
    kill_message: str = "",
    error_line: str = "",
) -> Outcome:
    """What the book keeps and the server is told of a run that ends now."""
    page = run.page
    end_ms = page["end_ms"] or int(time.time() * 1000)
    return {
        "cause": cause,
        "exit_status": exit_status,
        "exit_signal": exit_signal,
        "start_ms": run.start_ms,
        "end_ms": end_ms,
        "run_ms": run.ran_ms(),
        "user_ms": page["user_us"] // 1000,
        "system_ms": page["system_us"] // 1000,
        "max_rss_kb": max(page["rss_max_kb"], page["largest_kb"]),
        "message": message[:WORDS_MAX],
        "kill_message": kill_message[:WORDS_MAX],
        "error_line": error_line,
        "left_behind": page["left_names"] if page["left_behind"] else "",
    }


def stored(outcome: Outcome) -> str:
    """An outcome as the book keeps it: it always has room for its words."""
    return json.dumps(outcome, ensure_ascii=False, separators=(",", ":"))


_AS_THE_PROCESS = ("killed", "timeout", "silent", "log_limit")


def status_of(cause: str, exit_status: int, exit_signal: int) -> tuple[int, int]:
    """Exit status and signal of a run that was ended: those of the process where somebody's wish or limit ended it."""
    if cause == "memory":
        return OUT_OF_MEMORY, 0
    return (exit_status, exit_signal) if cause in _AS_THE_PROCESS else (SKIP_RETRY, 0)


def told_of(run: Run, error_line: str) -> Outcome:
    """What the server is told of a run whose end its supervisor has written down."""
    page = run.page
    cause, detail = page["end_cause"], page["end_words"]
    if page["start_errno"]:
        return outcome_of(run, cause, FAILED_LAUNCH, 0, message=detail)
    if cause != "exited":
        exit_status, exit_signal = status_of(cause, page["exit_status"], page["exit_signal"])
        return outcome_of(run, cause, exit_status, exit_signal, kill_message=detail)
    outcome = outcome_of(run, cause, page["exit_status"], page["exit_signal"], error_line=error_line)
    if page["log_errno"] and (page["exit_status"] or page["exit_signal"]):
        status = f"exit status {page['exit_status']}, signal {page['exit_signal']}"
        why = os.strerror(page["log_errno"])
        outcome["message"] = f"the log {run.log_path} cannot be written since the frame ran ({status}): {why}"[
            :WORDS_MAX
        ]
        outcome.update(cause="log_unwritable", exit_status=FAILED_LAUNCH, exit_signal=0)
    return outcome


def write_foot(run: Run, outcome: Outcome, host_name: str) -> None:
    """Write the end of a log that has no supervisor to write it."""
    if run.log_fd is None:
        return
    try:
        frame_log.write_all(run.log_fd, frame_log.footer(outcome, host_name))
    except OSError as problem:
        log.warning("log has no footer", run=run.run_id, path=run.log_path, why=problem.strerror)

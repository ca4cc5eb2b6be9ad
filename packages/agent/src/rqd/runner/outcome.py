"""How a run ended, in the words of the protocol, and the end of its log."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import Any, Optional

from rqd import log
from rqd.platform import Ending
from rqd.runner import frame_log
from rqd.runner.run import Run

FAILED_LAUNCH = 256
SKIP_RETRY = 286
RUNNER_LOST = 301

OWN_LOG_BYTES_MAX = 64 << 20
"""A log that is larger may have filled its disk by itself."""

Outcome = dict[str, Any]


def outcome_of(
    run: Run,
    cause: str,
    exit_status: int,
    exit_signal: int,
    ending: Optional[Ending] = None,
    message: str = "",
    kill_message: str = "",
    error_line: str = "",
) -> Outcome:
    """What the spool keeps and the server is told of a run that ends now."""
    return {
        "cause": cause,
        "exit_status": exit_status,
        "exit_signal": exit_signal,
        "start_ms": run.start_ms,
        "end_ms": int(time.time() * 1000),
        "run_ms": int((time.monotonic() - run.started_monotonic) * 1000),
        "user_ms": int(ending.user_seconds * 1000) if ending else 0,
        "system_ms": int(ending.system_seconds * 1000) if ending else 0,
        "max_rss_kb": _peak_kb(run, ending),
        "max_rss_below_kb": _bound_kb(run, ending),
        "message": message,
        "kill_message": kill_message,
        "error_line": error_line,
    }


def status_of(cause: str, exit_status: int, exit_signal: int) -> tuple[int, int]:
    """Exit status and signal of a run that the agent ended: those of the process only where the server asked."""
    return (exit_status, exit_signal) if cause == "killed" else (SKIP_RETRY, 0)


def close_log(run: Run, outcome: Outcome, host_name: str) -> None:
    """Write the footer and close the log. Where it cannot be written any more, that may be why the frame failed."""
    if run.log_fd is None:
        return
    may_explain = _may_have_failed_for_its_log(outcome, run.log_fd)
    problem = os.strerror(errno.ENOSPC) if may_explain and _has_no_room(run.log_fd) else ""
    try:
        frame_log.write_all(run.log_fd, frame_log.footer(outcome, host_name))
    except OSError as fault:
        problem = fault.strerror or str(fault)
        log.warning("log has no footer", run=run.run_id, path=run.log_path, why=problem)
    if problem and may_explain:
        status = f"exit status {outcome['exit_status']}, signal {outcome['exit_signal']}"
        outcome["message"] = f"the log {run.log_path} cannot be written since the frame ran ({status}): {problem}"
        outcome.update(cause="log_unwritable", exit_status=FAILED_LAUNCH, exit_signal=0)
    with contextlib.suppress(OSError):  # a network disk may report here that it is full
        os.close(run.log_fd)
    run.log_fd = None


def _may_have_failed_for_its_log(outcome: Outcome, log_fd: int) -> bool:
    """Say whether a log that cannot be written any more would explain how this run ended.

    A frame that succeeds without a log has succeeded, and one that filled the disk with its log has itself to blame.
    """
    if outcome["cause"] != "exited" or outcome["exit_status"] == 0:
        return False
    try:
        return os.fstat(log_fd).st_size <= OWN_LOG_BYTES_MAX
    except OSError:
        return True


def _has_no_room(log_fd: int) -> bool:
    """Say whether the log's disk is full. The log itself may still grow by what is left of its last block."""
    try:
        disk = os.fstatvfs(log_fd)
    except OSError:
        return False
    return disk.f_blocks > 0 and disk.f_bavail == 0


def _peak_kb(run: Run, ending: Optional[Ending]) -> int:
    """The most that a run was seen to hold. Of its end only what is its own counts; 0 where nobody saw anything."""
    seen_kb = run.max_memory.rss_kb
    return max(seen_kb, ending.max_rss_kb) if ending is not None and ending.is_max_rss_own else seen_kb


def _bound_kb(run: Run, ending: Optional[Ending]) -> int:
    """What a run held at most of which nobody saw how much it held; 0 where that is not known or not needed."""
    return ending.max_rss_kb if ending is not None and not _peak_kb(run, ending) else 0

"""Why a run ended, in words: the server sends codes and numbers, the sentences are made here."""

from __future__ import annotations

import signal
from typing import Any

from cue_cli.cueadmin.format import formatMem

WORDS = {
    "KILLED": "it was killed",
    "LAUNCH_FAILED": "its command could not be started",
    "REFUSED": "the host refused it",
    "RUNNER_LOST": "the agent that watched it was lost",
    "SHUTDOWN": "the agent was stopped",
    "LEASE": "the host was without contact to the server for too long",
    "HOST_LOST": "the host was lost",
    "NEVER_RECEIVED": "the host never got it",
    "TIMEOUT": "it ran longer than its layer allows (timeout)",
    "SILENT": "its log did not grow for longer than its layer allows (timeout_llu)",
    "LOG_UNWRITABLE": "its log could not be written",
    "HOST_FAULT": "the host could not start a process",
}
MEMORY_STATUSES = (33, 137)
BELIEVABLE_PERCENT = 80  # of what was reserved, as the server has it
SHELL_SIGNAL = 128  # a shell whose command was ended by a signal ends with this and the signal's number


def causeText(run: Any) -> str:
    """Return why a Run or the runs of a Failure ended, without the words that came with it."""
    if run.cause not in ("", "EXITED"):
        return WORDS.get(run.cause, run.cause.lower().replace("_", " "))
    if run.exit_signal:
        return f"signal {run.exit_signal}{_signal_name(run.exit_signal)}"
    status = run.exit_status
    if run.cause and status in MEMORY_STATUSES:
        return f"exit status {status} ({_memory_words(run)})"
    if SHELL_SIGNAL < status < SHELL_SIGNAL + signal.NSIG:
        return f"exit status {status} (128 + signal {status - SHELL_SIGNAL})"
    return f"exit status {status}"


def fullText(run: Any) -> str:
    """Return why it ended, with the line of its log that says most, or else the words that came with it."""
    cause = causeText(run)
    said = run.error_line or run.message
    if run.cause == "KILLED" and said.startswith("by "):  # who did it goes on with the sentence
        return f"{cause} {said}"
    return cause if not said or said in cause else f"{cause}: {said}"


def _memory_words(run: Any) -> str:
    """Return what a memory status means: the server takes it for lack of memory only where nearly all was used."""
    run = getattr(run, "example", run)  # the latest run of a Failure
    used, reserved = run.max_rss_kib, run.memory_kib
    if not used or used * 100 >= reserved * BELIEVABLE_PERCENT:
        return "out of memory"
    return f"stands for out of memory, but it used {formatMem(used)} of {formatMem(reserved)}"


def _signal_name(number: int) -> str:
    try:
        return f" ({signal.Signals(number).name})"
    except ValueError:
        return ""

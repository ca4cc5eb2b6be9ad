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
MESSAGE_TELLS = ("TIMEOUT", "SILENT", "SHUTDOWN", "RUNNER_LOST", "LOG_UNWRITABLE")
"""Causes whose message, where there is one, says the same as our words, and more."""
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


def causeParts(run: Any) -> tuple[str, str]:
    """Return why it ended, and the line of its log that says most or else the words that came with it.

    The second is empty where it would only repeat the first.
    """
    if run.cause in MESSAGE_TELLS and run.message:
        return run.message, run.error_line
    cause = causeText(run)
    said = run.error_line or run.message
    return cause, "" if said in cause else said


def fullText(run: Any) -> str:
    """Return why it ended, with what was said about it."""
    cause, said = causeParts(run)
    return f"{cause}: {said}" if said else cause


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

"""Why runs ended and frames failed, in words: the server sends codes and numbers, the sentences are made here."""

from __future__ import annotations

import signal
from typing import Any

from opencue.wording import counted, formatMem

WORDS = {
    "KILLED": "it was killed",
    "LAUNCH_FAILED": "its command could not be started",
    "REFUSED": "the host refused it",
    "RUNNER_LOST": "the agent that watched it was lost",
    "SHUTDOWN": "the agent was stopped",
    "LEASE": "the host was without contact to the server for too long",
    "HOST_LOST": "it was lost with its host",
    "NEVER_RECEIVED": "the host never got it",
    "TIMEOUT": "it ran longer than its layer allows (timeout)",
    "SILENT": "its log did not grow for longer than its layer allows (timeout_llu)",
    "LOG_UNWRITABLE": "its log could not be written",
    "HOST_FAULT": "the host could not start a process",
    "MEMORY": "it held more memory than it may",
    "START_LIMIT": "its command did not become a process in time",
    "LOG_LIMIT": "its log grew beyond what its host allows (rqd's option --log-max-mb there)",
}
OUTCOMES = {
    "LAUNCH_FAILED": "UNSTARTED",
    "REFUSED": "UNSTARTED",
    "NEVER_RECEIVED": "UNSTARTED",
    "LOG_UNWRITABLE": "NO_LOG",
    "HOST_FAULT": "UNSTARTED",
    "START_LIMIT": "UNSTARTED",
    "RUNNER_LOST": "LOST",
    "HOST_LOST": "LOST",
    "LEASE": "LOST",
    "SHUTDOWN": "STOPPED",
}
"""What a run that ended for these causes became; others are called by their cause, or FAILED."""
MESSAGE_TELLS = (
    *("TIMEOUT", "SILENT", "MEMORY", "START_LIMIT", "LOG_LIMIT"),
    *("SHUTDOWN", "RUNNER_LOST", "HOST_LOST", "LEASE", "LOG_UNWRITABLE"),
)
"""Causes whose message, where there is one, says the same as our words, and more."""
STATUS_WORDS = {126: "the command cannot be executed", 127: "command not found"}
MEMORY_STATUSES = (33, 137)
NOT_CHARGED = 286  # no status of a process: a run has it where the server does not count its end against the frame
BELIEVABLE_PERCENT = 80  # of what was reserved, as the server has it
SHELL_SIGNAL = 128  # a shell whose command was ended by a signal ends with this and the signal's number


def causeText(run: Any) -> str:
    """Return why a Run or the runs of a Failure ended, without the words that came with it."""
    if run.cause not in ("", "EXITED"):
        return WORDS.get(run.cause, run.cause.lower().replace("_", " "))
    if run.exit_signal:
        return f"signal {run.exit_signal}{_signal_name(run.exit_signal)}"
    if _has_own_status(run):
        return str(run.message.partition(":")[0])
    status = run.exit_status
    details = _status_words(status)
    if run.cause and status in MEMORY_STATUSES:
        details = [*details, _memory_words(run)]
    return f"exit status {status}" + (f" ({'; '.join(details)})" if details else "")


def outcome(run: Any) -> str:
    """Return what became of a Run, in a word: RUNNING, SUCCEEDED, FAILED, or why else it ended."""
    if run.state in ("RUNNING", "SUCCEEDED") or not (run.state or run.cause):
        return str(run.state)
    return OUTCOMES.get(run.cause, "FAILED" if run.cause in ("", "EXITED") else str(run.cause))


def causeParts(run: Any) -> tuple[str, str]:
    """Return why it ended, and the line of its log that says most or else the words that came with it.

    The second is empty where it would only repeat the first.
    """
    if run.cause in MESSAGE_TELLS and run.message:
        return run.message, run.error_line
    if _has_own_status(run):
        return run.message, run.error_line
    cause = causeText(run)
    said = run.error_line or run.message
    if run.cause == "KILLED" and said.startswith("by "):  # who did it goes on with the sentence
        return f"{cause} {said}", ""
    return cause, "" if said in cause else said


def fullText(run: Any) -> str:
    """Return why it ended, with what was said about it."""
    cause, said = causeParts(run)
    return f"{cause}: {said}" if said else cause


def killedText(run: Any) -> str:
    """Return that a run was killed, by whom, and with which signal, as it goes on after "its last run"."""
    signal_words = f" (signal {run.exit_signal})" if run.exit_signal else ""
    return f"{fullText(run).removeprefix('it ')}{signal_words}"


def whyText(failure: Any) -> str:
    """Return why the frames of a failure failed, which they are, and where they ran."""
    where = f" on {failure.host_name}" if failure.hosts == 1 and failure.host_name else ""
    where = f" on {failure.hosts} hosts" if failure.hosts > 1 else where
    return f"{fullText(failure)} ({failure.frame_range}{where})"


def failureText(failure: Any) -> str:
    """Return a failure as one line: how many frames, what became of them, why, which, and where."""
    return f"{counted(failure.frames, 'frame')} {_state_text(failure)}: {whyText(failure)}"


def hasLog(failure: Any) -> bool:
    """Say whether the command of these frames was started, so that there is a log of it."""
    started = failure.cause not in ("LOG_UNWRITABLE", "HOST_FAULT", "REFUSED", "NEVER_RECEIVED")
    return started and failure.HasField("example")


def _state_text(failure: Any) -> str:
    if failure.state == "DEAD":
        return "dead"
    word, its = ("waits", "its") if failure.frames == 1 else ("wait", "their")
    return f"{word} for another try" if failure.charged else f"{word} again, through no fault of {its} own"


def _has_own_status(run: Any) -> bool:
    """Whether words begin with the status that the command ended with, such as that of a missing licence."""
    return bool(run.cause == "EXITED" and run.exit_status == NOT_CHARGED and run.message.startswith("exit status "))


def _status_words(status: int) -> list[str]:
    if status in STATUS_WORDS:
        return [STATUS_WORDS[status]]
    if SHELL_SIGNAL < status < SHELL_SIGNAL + signal.NSIG:
        number = status - SHELL_SIGNAL
        name = _signal_name(number).strip(" ()")
        return [f"signal {number}{', ' + name if name else ''}"]
    return []


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

"""One-line structured messages on standard error.

Not the `logging` package: the runner stays small, and a full disk behind standard error must never stop a frame.
"""

from __future__ import annotations

import sys
import time

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

_process_name = "rqd"
_threshold = LEVELS["info"]


def configure(process_name: str, level: str) -> None:
    """Name this process in every line, and drop lines below the level."""
    global _process_name, _threshold
    _process_name = process_name
    _threshold = LEVELS[level]


def debug(event: str, **facts: object) -> None:
    """Say something that only a developer wants to read."""
    _write("debug", event, facts)


def info(event: str, **facts: object) -> None:
    """Say that something ordinary happened."""
    _write("info", event, facts)


def warning(event: str, **facts: object) -> None:
    """Say that something went wrong from which the agent recovers by itself."""
    _write("warning", event, facts)


def error(event: str, **facts: object) -> None:
    """Say that something went wrong which somebody must mend."""
    _write("error", event, facts)


def _write(level: str, event: str, facts: dict[str, object]) -> None:
    if LEVELS[level] < _threshold:
        return
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    fields = "".join(f" {key}={_quoted(value)}" for key, value in facts.items())
    line = f"{stamp}.{int(now * 1000) % 1000:03d}Z {level} {_process_name}: {_printable(event)}{fields}\n"
    try:
        sys.stderr.write(line)
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # standard error is full or closed: there is nobody to tell


def _quoted(value: object) -> str:
    text = _printable(str(value))
    if text and not any(character in text for character in ' "='):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _printable(text: str) -> str:
    """Keep one message one line, whatever a frame's name or command contains."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode("ascii") for c in text)

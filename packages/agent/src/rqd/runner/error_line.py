"""The one line of a frame's log that says what went wrong, so that failures can be grouped without reading their logs.

It is looked for in the last piece of the frame's own output only, and costs a successful frame nothing.
"""

from __future__ import annotations

import os
import re
from typing import Optional

TAIL_BYTES = 64 << 10
LINE_BYTES_MAX = 200

_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")

_TRACEBACK = "Traceback (most recent call last):"
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:: |$)")

# What renderers, shells, compilers and libraries begin or fill such lines with.
_TELLING = re.compile(
    r"\berrors?\b|error\b|\berr:|\[err(?:or)?\]|\bfatal\b|\bexception\b|\babort(?:ed|ing)?\b|\bpanic(?:ked)?\b"
    r"|\bcannot\b|\bcan't\b|\bcould ?n[o']t\b|\bunable to\b|\bfail(?:ed|ure)\b|\binvalid\b|\bundefined\b"
    r"|\bunrecognized\b|\bnot found\b|\bno such file\b|\bdoes(?: not|n't) exist\b|\bis missing\b"
    r"|\bmissing\b.*\b(?:file|texture|plugin|license)\b"
    r"|\bpermission denied\b|\bdenied\b|\bno space left\b|\bout of memory\b|\bbad_?alloc\b|\bkilled\b|\btimed out\b"
    r"|\bsegmentation fault\b|\bbus error\b|\billegal instruction\b|\bcore dumped\b|\bsig(?:segv|abrt|bus|ill|fpe)\b"
    r"|\bassert(?:ion)?\b.*\bfailed\b|\blicen[sc]e\b.*\b(?:unavailable|expired|denied|error)\b|\bunbound variable\b"
    r"|\bsyntax error\b|\bconnection refused\b",
    re.IGNORECASE,
)
# The same words where they say that all is well, or belong to no failure by themselves.
_HARMLESS = re.compile(
    r"\b(?:no|0|zero|without) (?:errors?|failures?|warnings?)\b|\b(?:errors?|failures?|failed)\s*[:=]\s*0\b"
    r"|\b0 (?:failed|errors?)\b|^\W*(?:\w+\s+)?(?:warning|debug|info)\b(?!.*\b(?:error|fatal)\b)",
    re.IGNORECASE,
)


def error_line(text: str) -> str:
    """Find the line in the end of a frame's output, at most 200 bytes and printable; empty where it said nothing."""
    lines = [_TERMINAL_CODES.sub("", line).strip() for line in re.split(r"[\r\n]+", text)]
    indented = re.split(r"[\r\n]+", text)
    found = (
        _of_traceback(indented)
        or next((line for line in lines if _TELLING.search(line) and not _HARMLESS.search(line)), None)
        or next((line for line in reversed(lines) if line), "")
    )
    return _short(found)


def read_error_line(path: str, log_fd: int, output_begins_at: int) -> str:
    """Find the line in a log that is still open for writing, whose header ends there; empty where it cannot be read.

    The path may lead elsewhere by now (its folder may be everybody's): only the very file that we write to is read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        status = os.fstat(fd)
        if not os.path.samestat(status, os.fstat(log_fd)):
            return ""
        begin = max(output_begins_at, status.st_size - TAIL_BYTES)
        data = os.pread(fd, TAIL_BYTES, begin)
    except OSError:
        return ""
    finally:
        os.close(fd)
    if begin > output_begins_at:
        data = data.partition(b"\n")[2] or data  # the first line has lost its beginning
    return error_line(data.decode("utf-8", "replace"))


def _of_traceback(lines: list[str]) -> Optional[str]:
    """The last line of the last Python traceback: the exception that nothing caught. It stands as deep as its first."""
    for at in range(len(lines) - 1, -1, -1):
        begin = lines[at].find(_TRACEBACK)
        if begin < 0:
            continue
        for line in lines[at + 1 :]:
            rest = line[begin:] if line[:begin].strip() == lines[at][:begin].strip() else line
            if rest and not rest[0].isspace() and _EXCEPTION.match(rest):
                return rest.strip()
        return None
    return None


def _short(line: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in line)
    words = " ".join(printable.split())
    return words.encode("utf-8", "replace")[:LINE_BYTES_MAX].decode("utf-8", "ignore").rstrip()

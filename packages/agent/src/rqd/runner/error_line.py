"""The one line of a frame's log that says what went wrong, so that failures can be grouped without reading their logs.

It is looked for in the last piece of the frame's own output only, and costs a successful frame nothing.

Programs print notices that no error followed from (a configuration file that nobody made) as well as the error that
ended them, and after that what came of it ("render failed"). So lines are ranked by their words. Of the last block that
has the strongest words it is the first line, or one further down that names a thing where the first names none.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple, Optional

TAIL_BYTES = 64 << 10
LINE_BYTES_MAX = 200

_QUIET_LINES_MAX = 3
"""So many lines that tell of no error may stand within a block of errors; blank ones and stack traces do not count."""

_NOTHING, _CONSEQUENCE, _WEAK, _STRONG, _EXCEPTION = range(5)

_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_LINE_ENDS = re.compile(r"[\r\n]+")

_TRACEBACK = "Traceback (most recent call last):"
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:: |$)")
_CHAINED = re.compile(r"\bDuring handling of the above exception\b|\bThe above exception was the direct cause\b")

# What renderers, shells, compilers and libraries begin or fill such lines with: when they give up ...
_STRONG_WORDS = re.compile(
    r"\berrors?\b|error\b|\berr:|\[err(?:or)?\]|\bfatal\b|\bcritical\b|\bexception\b|\babort(?:ed|ing)?\b"
    r"|\bpanic(?:ked)?\b|\bno space left\b|\bout of memory\b|\bbad_?alloc\b|\bkilled\b|\bsegmentation fault\b"
    r"|\billegal instruction\b|\bcore dumped\b|\bsig(?:segv|abrt|bus|ill|fpe)\b|\bassert(?:ion)?\b.*\bfailed\b"
    r"|\bno licen[sc]es?\b|\blicen[sc]e\b.*\b(?:unavailable|expired|denied)\b",
    re.IGNORECASE,
)
# ... and where some program goes on.
_WEAK_WORDS = re.compile(
    r"\bcannot\b|\bcan't\b|\bcould ?n[o']t\b|\bunable to\b|\bfail(?:ed|ure)\b|\binvalid\b|\bundefined\b"
    r"|\bunrecognized\b|\bnot found\b|\bno such file\b|\bno module named\b|\bdoes(?: not|n't) exist\b|\bis missing\b"
    r"|\bmissing\b.*\b(?:file|texture|plugin|license)\b|\bdenied\b|\btimed out\b|\bunbound variable\b"
    r"|\bconnection refused\b",
    re.IGNORECASE,
)
# The same words where they say that all is well, name a setting, or belong to no failure by themselves.
_HARMLESS = re.compile(
    r"\b(?:no|0|zero|without) (?:errors?|failures?|warnings?)\b|\b(?:errors?|failures?|failed)\s*[:=]\s*0\b"
    r"|\b0 (?:failed|errors?)\b|\b(?:errors?|failures?|fatal)\W+(?:none|no|off|false)\W*$"
    r"|\.{3,}\s*(?:on|off|yes|no|none)\b|\b(?:abort|stop|fail|exit)[ -]on[ -](?:error|failure)\b"
    r"|\berror[ -](?:threshold|bound|tolerance|limit|rate|diffusion|level|margin)\b"
    r"|\b(?:noise|mean|rms|squared|relative|absolute|max|maximum) error\b"
    r"|\buser (?:configuration|config|preferences|settings)\b",
    re.IGNORECASE,
)
# A line that says of itself that it is no error, by its first word, before a colon or bar, or in capitals.
_MILD = re.compile(
    r"^\W*(?i:warning|warn|notice|note|debug|info)\b|\b(?i:warning|warn|notice|debug|info)\s*[:|\]]"
    r"|\b(?:WARNING|WARN|NOTICE|DEBUG|INFO|VERBOSE)\b"
)
_WARNS = re.compile(r"warn", re.IGNORECASE)
_SEVERE = re.compile(r"\b(?:fatal(?: error)?|critical|error)\s*[:|\]]|\b(?:FATAL|CRITICAL|ERROR)\b", re.IGNORECASE)
_POSSIBLE = re.compile(r"\bpossible\b.*\berror\b", re.IGNORECASE)

# What programs, and above all those that start others, say when something has failed before.
_FOLLOWS = re.compile(
    r"\bexit (?:code|status)\b|\bexited with\b|\bnon-zero\b|\b\d+ errors?\b|\berror code\b|\berror \d+$", re.IGNORECASE
)
_FOLLOWS_IF_NAMELESS = re.compile(
    r"\b(?:render(?:ing)?|job|task|frame|command|script|process|build|conversion)\b.{0,20}"
    r"\b(?:failed|aborted|terminated|stopped)\b|^\W*abort(?:ed|ing)\W*$",
    re.IGNORECASE,
)

_NAMES_A_THING = re.compile(r"['\"`]|/\S|\w\.[A-Za-z]\w{1,4}\b|\bline \d|:\d+\b")

_WRAPPED_LENGTH_MIN = 60
_CONTINUED = re.compile(r" \S")


class _Line(NamedTuple):
    text: str
    level: int
    score: int


def error_line(text: str) -> str:
    """Find the line in the end of a frame's output, at most 200 bytes and printable; empty where it said nothing."""
    raw = _unwrapped(_LINE_ENDS.split(_TERMINAL_CODES.sub("", text)))
    lines = _ranked(raw)
    level = max((line.level for line in lines), default=_NOTHING)
    if level == _NOTHING:
        return _short(next((line for line in reversed(raw) if line.strip()), ""))
    block = next(b for b in reversed(_blocks(lines)) if max(line.level for line in b) >= min(level, _STRONG))
    raised = [line.text for line in block if line.level == _EXCEPTION]
    if raised:
        return _short(raised[-1])  # the others were caught
    return _short(max(block, key=lambda line: line.score).text)  # the first of the best


def read_error_line(path: str, log_fd: int, output_begins_at: int, output_ends_at: int) -> str:
    """Find the line in a log that we have open, between its header and its foot; empty where it cannot be read.

    The path may lead elsewhere by now (its folder may be everybody's): only the very file that we write to is read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        if not os.path.samestat(os.fstat(fd), os.fstat(log_fd)):
            return ""
        begin = max(output_begins_at, output_ends_at - TAIL_BYTES)
        data = os.pread(fd, max(0, output_ends_at - begin), begin)
    except OSError:
        return ""
    finally:
        os.close(fd)
    if begin > output_begins_at:
        data = data.partition(b"\n")[2] or data  # the first line has lost its beginning
    return error_line(data.decode("utf-8", "replace"))


def _unwrapped(lines: list[str]) -> list[str]:
    """Put lines together that a program broke to fit a terminal: a long one, and the next behind a single blank."""
    whole: list[str] = []
    last_length = 0
    for line in lines:
        if whole and last_length >= _WRAPPED_LENGTH_MIN and _CONTINUED.match(line):
            whole[-1] += line
        else:
            whole.append(line)
        last_length = len(line)
    return whole


def _ranked(raw: list[str]) -> list[_Line]:
    """Rank all lines that are not blank. Of a traceback of Python there is one line: the exception."""
    lines: list[_Line] = []
    at = 0
    while at < len(raw):
        raised = _raised(raw, at)
        if raised is None:
            if raw[at].strip():
                lines.append(_rank(raw[at].strip()))
            at += 1
            continue
        text, at = raised
        level = _WEAK if _FOLLOWS.search(text) else _EXCEPTION
        lines.append(_Line(text, level, level))
    return lines


def _raised(raw: list[str], at: int) -> Optional[tuple[str, int]]:
    """What the traceback that begins here raised, and where it ends: that line stands as deep as the first."""
    begin = raw[at].find(_TRACEBACK)
    if begin < 0:
        return None
    for below in range(at + 1, len(raw)):
        line = raw[below]
        rest = line[begin:] if line[:begin].strip() == raw[at][:begin].strip() else line
        if rest and not rest[0].isspace():
            return (rest.strip(), below + 1) if _RAISED.match(rest) else None
    return None


def _rank(text: str) -> _Line:
    level = _level(text)
    if level <= _CONSEQUENCE:
        return _Line(text, level, level)
    return _Line(text, level, level + (_NAMES_A_THING.search(text) is not None))


def _level(text: str) -> int:
    strong = _STRONG_WORDS.search(text)
    if (strong is None and not _WEAK_WORDS.search(text)) or _HARMLESS.search(text) or _CHAINED.search(text):
        return _NOTHING
    mild = _MILD.search(text)
    if mild is not None and (strong is None or mild.start() < strong.start()):
        if strong is None:
            return _NOTHING
        # What starts a program may pass on its output as "info"; a warning stays one.
        if _WARNS.search(mild.group()) or not _SEVERE.search(text):
            return _CONSEQUENCE
    if _FOLLOWS.search(text) or (_FOLLOWS_IF_NAMELESS.search(text) and not _NAMES_A_THING.search(text)):
        return _CONSEQUENCE
    return _STRONG if strong is not None and not _POSSIBLE.search(text) else _WEAK


def _blocks(lines: list[_Line]) -> list[list[_Line]]:
    """The lines that tell of errors, apart where too many others stand between them."""
    blocks: list[list[_Line]] = []
    quiet = _QUIET_LINES_MAX + 1
    for line in lines:
        if line.level == _NOTHING:
            quiet += 1
            continue
        if quiet > _QUIET_LINES_MAX:
            blocks.append([])
        blocks[-1].append(line)
        quiet = 0
    return blocks


def _short(line: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in line)
    words = " ".join(printable.split())
    return words.encode("utf-8", "replace")[:LINE_BYTES_MAX].decode("utf-8", "ignore").rstrip()

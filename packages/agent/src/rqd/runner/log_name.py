"""What a frame's log is called, and what becomes of the one before it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from typing import Optional

NAME_BYTES_MAX = 255 - len(".65535")
"""What a file's name may have, and room for the attempt of one that is moved aside."""

EARLIER_LOGS_MAX = 15

_HEADER_BYTES_MAX = 256 << 10  # the command, of at most 128 KiB, stands before the attempt
_ATTEMPT = re.compile(rb"^attempt +(\d{1,5})$", re.MULTILINE)
_JOB_BYTES_MIN = 16
_END = ".rqlog"


def full_name(job_name: str, frame_name: str) -> str:
    """`JOB.FRAME.rqlog`. Names are strangers' input: whatever they hold, this is one component of a path."""
    return _one_component(f"{job_name}.{frame_name}{_END}")


def file_name(job_name: str, frame_name: str) -> str:
    """The same, shortened where no disk could take it: always in the same way, and with a mark of what is left out."""
    whole = full_name(job_name, frame_name)
    if len(_bytes(whole)) <= NAME_BYTES_MAX:
        return whole
    mark = "~" + hashlib.sha256(_bytes(whole)).hexdigest()[:8]
    room = NAME_BYTES_MAX - len(mark) - len("." + _END)
    job = _one_component(job_name)
    frame = _cut(_one_component(frame_name), room - min(_JOB_BYTES_MIN, len(_bytes(job))))
    job = _cut(job, room - len(_bytes(frame)))
    return f"{job}{mark}.{frame}{_END}"


def shortened(path: str, job_name: str, frame_name: str) -> str:
    """The name in a log's path where it is not the full one, else nothing."""
    name = os.path.basename(path)
    could_be = len(_bytes(name)) > NAME_BYTES_MAX - 8  # each of the two cuts leaves up to 3 bytes of room
    return name if could_be and name != full_name(job_name, frame_name) else ""


def move_aside(path: str) -> None:
    """Make room for a new log: the earlier one gets the number of its attempt, and the oldest of too many goes."""
    attempt = _attempt_of(path)
    if attempt is None or os.path.lexists(f"{path}.{attempt}"):
        os.replace(path, _free_name(path))
        return
    os.replace(path, f"{path}.{attempt}")
    if attempt > EARLIER_LOGS_MAX:
        with contextlib.suppress(OSError):
            os.unlink(f"{path}.{attempt - EARLIER_LOGS_MAX}")


def earlier_names(path: str) -> list[str]:
    """What logs that were moved aside from this path are called now, the latest first."""
    folder, prefix = os.path.dirname(path), os.path.basename(path) + "."
    try:
        names = [name for name in os.listdir(folder) if name.startswith(prefix)]
    except OSError:
        return []
    numbers = sorted((int(end) for name in names if (end := name[len(prefix) :]).isdecimal()), reverse=True)
    return [f"{path}.{number}" for number in numbers]


def header_of(fd: int) -> bytes:
    """What stands in a log above its frame's environment; raises OSError where it cannot be read."""
    return os.pread(fd, _HEADER_BYTES_MAX, 0).partition(b"\nenv ")[0]


def _attempt_of(path: str) -> Optional[int]:
    """The attempt in a log's header; nothing where there is none, or what stands there is no log."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = _ATTEMPT.search(header_of(fd))
    except OSError:
        return None
    finally:
        os.close(fd)
    return int(found[1]) if found and int(found[1]) > 0 else None


def _free_name(path: str) -> str:
    """The first number that is free; where all are taken, the oldest goes and the others move up."""
    for number in range(1, EARLIER_LOGS_MAX + 1):
        if not os.path.lexists(f"{path}.{number}"):
            return f"{path}.{number}"
    for number in range(1, EARLIER_LOGS_MAX):
        os.replace(f"{path}.{number + 1}", f"{path}.{number}")
    return f"{path}.{EARLIER_LOGS_MAX}"


def _one_component(name: str) -> str:
    return "".join("_" if character == "/" or not character.isprintable() else character for character in name)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _cut(text: str, most_bytes: int) -> str:
    return _bytes(text)[:most_bytes].decode("utf-8", "ignore")

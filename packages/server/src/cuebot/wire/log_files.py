"""Reading a run's log from disk: which file is the run's, and a piece of it. Plain values, for every kind of client.

Log folders may be writable for everybody. So a name is one component inside of its job's folder, no link is followed,
only regular files are read, and nothing is waited for.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rqd.runner.log_name import EARLIER_LOGS_MAX

HEADER_BYTES: Final = 256 << 10
"""The row with the run's id stands among the first of a log, behind a command of at most 32,000 characters."""


class LogUnreadable(Exception):
    """This machine cannot read the log; the message says why, and which path it is."""


class LogMissing(LogUnreadable):
    """There is no file of that run."""


@dataclass(frozen=True, slots=True)
class WantedLog:
    """The log of one run."""

    run_id: str
    folder: str
    name: str
    """What the log is called while the run is its frame's latest."""
    attempt: int
    """Which run of its frame it is; 0 where nobody knows."""
    latest: bool
    """No later run of the frame was started."""
    names_run: bool
    """The agent that wrote it begins every log with its run's id, as ours do: a file that does not is another's."""

    @property
    def path(self) -> str:
        """Where it should be, in words for people."""
        suffix = "" if self.latest or not self.attempt else f".{self.attempt}"
        return f"{self.folder}/{self.name}{suffix}"


@dataclass(frozen=True, slots=True)
class LogPiece:
    """Some bytes of a log."""

    path: str
    data: bytes
    offset: int
    """Of the first of them."""
    size: int
    """Of the whole file when it was read."""

    @property
    def next_offset(self) -> int:
        """Where to go on."""
        return self.offset + len(self.data)


def read_log(wanted: WantedLog, offset: int, most: int) -> LogPiece:
    """At most `most` bytes from an offset on, a negative one counted from the end. Raises LogUnreadable."""
    if not _is_component(wanted.name):
        raise LogUnreadable(f"{wanted.name!r} is no name of a log")
    try:
        folder = os.open(wanted.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise LogMissing(f"this server cannot see the folder of {wanted.path}") from error
        raise LogUnreadable(f"this server cannot read the folder of {wanted.path}: {error.strerror}") from error
    try:
        with _opened(folder, wanted) as (name, file):
            size = os.fstat(file).st_size
            first = max(size + offset, 0) if offset < 0 else min(offset, size)
            data = os.pread(file, max(most, 0), first)
            return LogPiece(f"{wanted.folder}/{name}", data, first, max(size, first + len(data)))
    except OSError as error:
        raise LogUnreadable(f"this server cannot read {wanted.path}: {error.strerror}") from error
    finally:
        os.close(folder)


@contextlib.contextmanager
def _opened(folder: int, wanted: WantedLog) -> Iterator[tuple[str, int]]:
    """The file whose header names the run; of an agent that names none, the latest file is the latest run's."""
    may_be_unnamed = wanted.latest and not wanted.names_run
    for name in _names(wanted):
        file = _open_regular(folder, name)
        if file is None:
            continue
        try:
            run_id = _run_id(file)
            if run_id == wanted.run_id or (not run_id and may_be_unnamed and name == wanted.name):
                yield name, file
                return
        finally:
            os.close(file)
    raise LogMissing(f"there is no log of this run at {wanted.path}")


def _names(wanted: WantedLog) -> Iterator[str]:
    yield wanted.name
    if wanted.attempt:
        yield f"{wanted.name}.{wanted.attempt}"
    for number in range(1, EARLIER_LOGS_MAX + 1):
        if number != wanted.attempt:
            yield f"{wanted.name}.{number}"


def _open_regular(folder: int, name: str) -> int | None:
    """Open a file of a folder, None where there is none. Raises OSError."""
    try:
        # NONBLOCK: to open a FIFO must not wait for somebody who writes.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
            return None
        raise
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    return None


def _run_id(file: int) -> str:
    """The run that a log's header names, or nothing."""
    for row in os.pread(file, HEADER_BYTES, 0).split(b"\n"):
        label, _, value = row.partition(b" ")
        if label == b"runId":
            return value.strip().decode(errors="replace")
        if label == b"env":
            break
    return ""


def _is_component(name: str) -> bool:
    return bool(name) and "/" not in name and "\0" not in name and name not in (".", "..")

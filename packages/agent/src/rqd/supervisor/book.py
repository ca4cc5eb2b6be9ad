"""What a runner and its supervisors share: one file, mapped by all of them, with a page of its own for each run.

The file lives in the page cache, so it outlives every process that writes it. Each field has one writer (`book.h` says
who); the table here is that file's, in the same order.
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import Any, Union

MAGIC = b"CUEBOOK1"
PAGE_BYTES = 12288
GROUPS_MAX = 64
MEMBERS_MAX = 96

CONTINUE, SUSPEND, KILL = range(3)
"""What happens to runs when the lease is over."""

FREE, PREPARED, RUNNING, ENDING, ENDED = range(5)
"""A run's phases."""

ORDER_END, ORDER_SUSPEND, ORDER_RESUME = 1, 2, 3

_HEAD = (
    ("magic", "8s"),
    ("lease_until_ns", "Q"),
    ("policy", "I"),
    ("pages", "I"),
    ("sample_ns", "Q"),
    ("host_name", "256s"),
)
_RUN = (
    ("run_id", "72s"),
    ("become_user", "I"),
    ("uid", "I"),
    ("gid", "I"),
    ("group_count", "I"),
    ("groups", f"{GROUPS_MAX}I"),
    ("oom_score_adj", "i"),
    ("kill_grace_ms", "I"),
    ("memory_max_kb", "Q"),
    ("timeout_ms", "Q"),
    ("silence_ms", "Q"),
    ("order_grace_ms", "I"),
    ("order", "I"),
    ("order_cause", "32s"),
    ("order_words", "512s"),
    ("order_number", "Q"),
    ("phase", "I"),
    ("suspended", "I"),
    ("order_done", "Q"),
    ("supervisor_pid", "I"),
    ("leader_pid", "I"),
    ("alive_ns", "Q"),
    ("start_ms", "q"),
    ("end_ms", "q"),
    ("started_ns", "Q"),
    ("run_ms", "Q"),
    ("start_errno", "i"),
    ("exit_status", "i"),
    ("exit_signal", "i"),
    ("left_behind", "I"),
    ("unkillable", "I"),
    ("log_errno", "i"),
    ("user_us", "Q"),
    ("system_us", "Q"),
    ("rss_kb", "Q"),
    ("rss_max_kb", "Q"),
    ("virtual_kb", "Q"),
    ("virtual_max_kb", "Q"),
    ("largest_kb", "Q"),
    ("end_cause", "32s"),
    ("end_words", "512s"),
    ("members", f"{2 * MEMBERS_MAX}Q"),
    ("record", "7168s"),
)

Value = Union[int, str, tuple[int, ...]]


def _placed(fields: tuple[tuple[str, str], ...]) -> dict[str, tuple[int, struct.Struct]]:
    """Where each field lies: at the next multiple of its own size, as a C compiler has it."""
    places, at = {}, 0
    for name, kind in fields:
        size = {"Q": 8, "q": 8, "I": 4, "i": 4, "s": 1}[kind[-1]]
        at += -at % size
        places[name] = (at, struct.Struct("=" + kind))
        at += places[name][1].size
    return places


HEAD_PLACES, RUN_PLACES = _placed(_HEAD), _placed(_RUN)


class Page:
    """The first page, or that of one run, by the names of its fields."""

    __slots__ = ("_map", "_places", "_start", "number")

    def __init__(self, file: mmap.mmap, number: int) -> None:
        self.number = number
        self._map = file
        self._start = number * PAGE_BYTES
        self._places = RUN_PLACES if number else HEAD_PLACES

    def __getitem__(self, name: str) -> Any:
        """Return the value of a field; texts end at their first zero byte."""
        at, form = self._places[name]
        values = form.unpack_from(self._map, self._start + at)
        if form.format[-1:] == "s":
            return values[0].partition(b"\0")[0].decode("utf-8", "replace")
        return values[0] if len(values) == 1 else values

    def __setitem__(self, name: str, value: Value) -> None:
        """Write a field; a text that is too long is cut."""
        at, form = self._places[name]
        if isinstance(value, str):
            room = form.size if name == "magic" else form.size - 1
            form.pack_into(self._map, self._start + at, value.encode("utf-8", "replace")[:room])
        elif isinstance(value, tuple):
            count = form.size // (8 if form.format[-1:] == "Q" else 4)
            form.pack_into(self._map, self._start + at, *value[:count], *(0,) * (count - len(value)))
        else:
            form.pack_into(self._map, self._start + at, value)

    def clear(self) -> None:
        """Make every field zero."""
        self._map[self._start : self._start + PAGE_BYTES] = bytes(PAGE_BYTES)


def create(path: str, pages: int) -> tuple[int, mmap.mmap]:
    """Make a book; its room on the disk is taken at once. Raises OSError where there is none."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.posix_fallocate(fd, 0, (pages + 1) * PAGE_BYTES)
    file = mmap.mmap(fd, (pages + 1) * PAGE_BYTES)
    head = Page(file, 0)
    head["magic"] = MAGIC.decode()
    head["pages"] = pages
    return fd, file

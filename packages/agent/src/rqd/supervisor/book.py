"""What a runner and its supervisors share: one file, mapped by all of them, with a page of its own for each run.

The file lives in the page cache, so it outlives every process that writes it. Each field has one writer
(`program/book.h` says who); the table here is that file's, in the same order.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import struct
from typing import Any, NoReturn, Union

MAGIC = b"CUEBOOK1"
PAGE_BYTES = 16384
GROUPS_MAX = 256
MEMBERS_MAX = 96
GROWTH_PAGES = 16
NUMBER_MAX = (1 << 64) - 1
"""What a field of 8 bytes holds."""

CONTINUE, SUSPEND, KILL = range(3)
"""What happens to runs when the lease is over."""

FREE, PREPARED, RUNNING, ENDING, ENDED, TOLD = range(6)
"""A run's phases: the supervisor's word is all but the first two and the last, which says that `outcome` is whole."""

ORDER_END, ORDER_SUSPEND, ORDER_RESUME = 1, 2, 3

_HEAD = (
    ("magic", "8s"),
    ("lease_until_ns", "Q"),
    ("policy", "I"),
    ("pages", "I"),
    ("sample_ns", "Q"),
    ("standing_ns", "Q"),
    ("unkillable_ns", "Q"),
    ("live_runs", "Q"),
    ("oom_kills", "Q"),
    ("oom_kills_at_ns", "Q"),
    ("group_folder", "256s"),
    ("host_name", "256s"),
    ("servers", "1024s"),
    ("told_to_stop_ns", "Q"),
    ("owners", "1024s"),
    ("utc_offset_s", "q"),
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
    ("log_max_bytes", "Q"),
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
    ("left_names", "192s"),
    ("group", "192s"),
    ("log_written_ms", "q"),
    ("output_ends_at", "Q"),
    ("members", f"{2 * MEMBERS_MAX}Q"),
    ("output_begins_at", "Q"),
    ("record", "6144s"),
    ("outcome", "5632s"),
)


class NoBook(ValueError):
    """What a file holds was written by nothing that we know."""


Value = Union[int, str, tuple[int, ...]]


def _placed(fields: tuple[tuple[str, str], ...]) -> dict[str, tuple[int, struct.Struct]]:
    """Where each field lies: at the next multiple of its own size, as a C compiler has it.

    In the machine's own form a number is written at once, so no supervisor reads half of one.
    """
    places, at = {}, 0
    for name, kind in fields:
        size = {"Q": 8, "q": 8, "I": 4, "i": 4, "s": 1}[kind[-1]]
        at += -at % size
        places[name] = (at, struct.Struct("@" + kind))
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
        else:  # at once: `pack_into` would make it zero before
            self._map[self._start + at : self._start + at + form.size] = form.pack(value)

    def has_room(self, name: str, text: str) -> bool:
        """Say whether a field takes a text whole."""
        return len(text.encode("utf-8", "replace")) < self._places[name][1].size

    def move_to(self, file: mmap.mmap) -> None:
        """Be the same page of another mapping."""
        self._map = file

    def clear(self) -> None:
        """Make every field zero."""
        self._map[self._start : self._start + PAGE_BYTES] = bytes(PAGE_BYTES)


class Book:
    """The file, and which of its pages serve a run. It grows by a few pages at a time and never shrinks."""

    def __init__(self, fd: int, path: str = "") -> None:
        """Take a book over. Raises OSError (BlockingIOError where its runner lives), NoBook where it is none."""
        self.fd = fd
        self._path = path
        self.is_read_only = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
        """Its disk takes nothing: what is written is ours alone, and no supervisor sees it."""
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.child_fd = os.open(f"/proc/self/fd/{fd}", (os.O_RDONLY if self.is_read_only else os.O_RDWR) | os.O_CLOEXEC)
        """The same file for supervisors: the lock on `fd` says that its runner lives, and must not live on in them."""
        if os.fstat(fd).st_size < PAGE_BYTES:
            self._refuse()
        self._map = mmap.mmap(fd, 0, access=mmap.ACCESS_COPY if self.is_read_only else mmap.ACCESS_WRITE)
        self.head = Page(self._map, 0)
        has_pages = len(self._map) // PAGE_BYTES > self.head["pages"]
        if self.head["magic"] != MAGIC.decode() or not has_pages:
            self._map.close()
            self._refuse()
        self._pages = {number: Page(self._map, number) for number in range(1, self.head["pages"] + 1)}
        self._free = [number for number, page in self._pages.items() if page["phase"] == FREE]

    @classmethod
    def open(cls, path: str) -> Book:
        """Open the book at this path, or begin it. Raises what making one raises."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as problem:
            if problem.errno != errno.EROFS:
                raise
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if os.fstat(fd).st_size == 0:
                os.posix_fallocate(fd, 0, PAGE_BYTES)
                os.pwrite(fd, MAGIC, 0)
            return cls(fd, path)
        except OSError:
            os.close(fd)
            raise

    def take(self, run_id: str) -> Page:
        """Give a run a page with nothing on it. Raises OSError where the disk has no room for another."""
        if self.is_read_only:
            self._write_again()
        if not self._free:
            self._grow()
        page = self._pages[self._free.pop()]
        page.clear()
        page["run_id"] = run_id
        return page

    def give_back(self, page: Page) -> None:
        """Nothing of its run is needed any more."""
        page["phase"] = FREE
        self._free.append(page.number)

    def has(self, page: Page) -> bool:
        """Say whether a page is of this book."""
        return self._pages.get(page.number) is page

    def in_use(self) -> list[Page]:
        """The pages of runs."""
        return [page for page in self._pages.values() if page["phase"] != FREE]

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
        os.close(self.fd)
        os.close(self.child_fd)

    def _refuse(self) -> NoReturn:
        os.close(self.fd)
        os.close(self.child_fd)
        raise NoBook(f"{self._path or 'the file'} is no book of this version's supervisors")

    def _write_again(self) -> None:
        """See whether the disk takes something again, and give it what it lacks. Raises OSError where it does not."""
        fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        written = self._map[:]
        self.close()  # and with it the lock
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.pwrite(fd, written, 0)
        self.fd, self.child_fd = fd, os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        self._map = mmap.mmap(fd, 0)
        for page in (self.head, *self._pages.values()):
            page.move_to(self._map)
        self.is_read_only = False

    def _grow(self) -> None:
        count = self.head["pages"]
        size = (count + 1 + GROWTH_PAGES) * PAGE_BYTES
        os.posix_fallocate(self.fd, 0, size)  # so that no page lacks its room on the disk when it is written
        self._map.resize(size)
        self.head["pages"] = count + GROWTH_PAGES
        self._pages.update((n, Page(self._map, n)) for n in range(count + 1, count + GROWTH_PAGES + 1))
        self._free += range(count + GROWTH_PAGES, count, -1)


def runs_in(fd: int) -> list[str]:
    """The ids of the runs in the book that somebody else may have open."""
    size = os.fstat(fd).st_size
    if size < PAGE_BYTES:
        return []
    with mmap.mmap(fd, size, access=mmap.ACCESS_READ) as file:
        pages = [Page(file, number) for number in range(1, size // PAGE_BYTES)]
        return [page["run_id"] for page in pages if page["phase"] != FREE]

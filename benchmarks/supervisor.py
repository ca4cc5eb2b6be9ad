"""What a supervisor costs a frame: processor time of 500 starts of `/bin/true` with one and without, in turn."""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.table import Figure
from rqd.supervisor import book, program
from rqd.supervisor.book import Book, Page

STARTS = 500
ROUNDS = 5
COMMAND = "/bin/true"
SECOND_NS = 1_000_000_000


def figures() -> Iterator[Figure]:
    """The median of the rounds' differences, and what one keeps in memory."""
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-", dir=os.environ.get("TMPDIR")) as folder:
        pages = Book.open(f"{folder}/book")
        pages.head["sample_ns"] = 5 * SECOND_NS
        log = os.open(f"{folder}/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        spent_ms = [(_cpu_ms(lambda: _bare(log)), _cpu_ms(lambda: _supervised(pages, log))) for _ in range(ROUNDS)]
        resident_mb = _resident_mb(pages, log)
    yield Figure("a supervisor: CPU a frame", statistics.median(after - bare for bare, after in spent_ms), "ms", 0.7)
    yield Figure("a supervisor: memory of its own", resident_mb, "MB", 1.0)


def _cpu_ms(start: Callable[[], None]) -> float:
    """Processor time of one start, of this process and of what it started."""
    before_s = _used_s()
    for _ in range(STARTS):
        start()
    return (_used_s() - before_s) / STARTS * 1000


def _used_s() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def _bare(log: int) -> None:
    actions = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    os.waitpid(os.posix_spawn(COMMAND, [COMMAND], {}, file_actions=actions), 0)


def _supervised(pages: Book, log: int) -> None:
    page = _prepared(pages)
    os.waitpid(_start(pages, page.number, log, COMMAND), 0)
    assert (page["phase"], page["exit_status"]) == (book.ENDED, 0)
    pages.give_back(page)


def _prepared(pages: Book) -> Page:
    page = pages.take("run")
    page["phase"] = book.PREPARED
    return page


def _start(pages: Book, number: int, log: int, *words: str) -> int:
    command = [*program(), str(number), " ".join(words), *words]
    actions = [(os.POSIX_SPAWN_DUP2, fd, place) for fd, place in ((log, 1), (log, 2), (pages.fd, 3))]
    return os.posix_spawn(command[0], command, {"CUEFARM_RUN_ID": "run"}, file_actions=actions)


def _resident_mb(pages: Book, log: int) -> float:
    """Private memory of a supervisor whose command goes on."""
    page = _prepared(pages)
    pid = _start(pages, page.number, log, "/bin/sleep", "60")
    while page["phase"] != book.RUNNING:
        time.sleep(0.01)
    time.sleep(1)  # it has measured by then
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().split()
    os.kill(page["leader_pid"], 15)
    os.waitpid(pid, 0)
    return sum(int(rollup[rollup.index(field) + 1]) for field in ("Private_Clean:", "Private_Dirty:")) / 1024

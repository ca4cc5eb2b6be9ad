"""What an agent believes of the supervisors that it finds: only those of its own user, with books of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from rqd.platform import this_system
from rqd.supervisor.book import PAGE_BYTES, RUNNING, Book

NOBODY = 65_534
HOLD = """import os, sys, time
os.dup2(os.open(sys.argv[1], os.O_RDWR), 3)
os.setuid(int(sys.argv[2]))
print("holds", flush=True)
time.sleep(60)
"""
Hold = Callable[..., None]


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    """Makes processes that have the name of a supervisor and hold a book."""
    with contextlib.ExitStack() as stack:

        def start(path: Path, uid: int) -> None:
            script = tmp_path / "stand_in.py"
            script.write_text(HOLD)
            words = [sys.executable, str(script), str(path), str(uid)]
            process = stack.enter_context(subprocess.Popen(words, stdout=subprocess.PIPE))
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == b"holds\n"

        yield start


def book_at(path: Path) -> Path:
    """A book of a dead agent that is called as ours and has its server."""
    book = Book.open(str(path))
    book.head["host_name"], book.head["servers"] = "mine", "farm:8443"
    book.take("run-1")["phase"] = RUNNING
    book.close()
    return path


def adopted() -> int:
    """How many books an agent of that name takes over."""
    found = this_system().abandoned_books("mine", "farm:8443")
    for book in found:
        book.close()
    return len(found)


def test_a_dead_agents_book_is_taken_over(hold: Hold, tmp_path: Path) -> None:
    """It is our own, and one of our processes holds it."""
    hold(book_at(tmp_path / "book"), os.geteuid())
    assert adopted() == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_what_a_stranger_holds_is_no_book_of_ours(hold: Hold, tmp_path: Path) -> None:
    """Whoever calls his program a supervisor could say what is to be killed, and how frames have ended."""
    hold(book_at(tmp_path / "book"), NOBODY)
    assert adopted() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_that_a_stranger_may_write_is_none_either(hold: Hold, tmp_path: Path) -> None:
    """It may belong to another, or be open to all."""
    his, open_to_all = book_at(tmp_path / "his"), book_at(tmp_path / "open")
    os.chown(his, NOBODY, NOBODY)
    open_to_all.chmod(0o666)
    hold(his, os.geteuid())
    hold(open_to_all, os.geteuid())
    assert adopted() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_ends_nothing_that_a_strangers_spool_names(hold: Hold, tmp_path: Path) -> None:
    """`rqd stop` leaves it to that user: the book says what is to be killed."""
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "lock").touch()
    book = book_at(spool / "book")
    for path in (spool, spool / "lock", book):
        os.chown(path, NOBODY, NOBODY)
    hold(book, NOBODY)
    words = [sys.executable, "-m", "rqd", "stop", "--spool", str(spool), "--timeout", "5"]
    stopped = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert stopped.returncode == 1
    assert "is another user's" in stopped.stderr
    assert (spool / "lock").read_text() == ""


def test_a_damaged_book_keeps_no_other_agent_from_starting(hold: Hold, tmp_path: Path) -> None:
    """One that says it has more pages than are there is left alone."""
    path = book_at(tmp_path / "book")
    os.truncate(path, PAGE_BYTES * 3 // 2)
    hold(path, os.geteuid())
    assert adopted() == 0


@pytest.mark.parametrize("name", ["book", "lock", "forgotten"])
def test_a_spool_follows_no_links(tmp_path: Path, name: str) -> None:
    """Whoever may write a folder could have an agent write elsewhere."""
    from rqd.runner.spool import Spool

    (tmp_path / "elsewhere").write_text("as it was")
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    with contextlib.suppress(OSError):
        Spool(str(tmp_path), lambda: 0.0).forget("run-1")
    assert (tmp_path / "elsewhere").read_text() == "as it was"

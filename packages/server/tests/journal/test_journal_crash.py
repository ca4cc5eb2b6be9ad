"""A server that is killed in the middle of its commits leaves a journal that ends between two of them."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from journal_farm import Mix, assert_same, commit, reloaded

from cuebot.domain.recount import check
from cuebot.journal import JournalTaken, SqlJournal

Open = Callable[[str], SqlJournal]
CHILD = Path(__file__).with_name("commit_until_killed.py")


def acknowledged_until_killed(url: str, seed: int, after_s: float) -> int:
    """Let a process commit for a while, kill it, and return the last event that it knew to be durable."""
    with subprocess.Popen([sys.executable, str(CHILD), url, str(seed)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        acknowledged = int(child.stdout.readline())
        time.sleep(after_s)
        child.kill()
        lines = [line for line in child.stdout.read().split("\n")[:-1] if line != "0"]
    return int(lines[-1]) if lines else acknowledged


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_server_loses_nothing_that_it_acknowledged(url: str, open_journal: Open, seed: int) -> None:
    """After SIGKILL the journal holds exactly what one of the commits left: the last acknowledged or the next."""
    acknowledged = acknowledged_until_killed(url, seed, random.uniform(0.02, 0.4))
    journal = open_journal_when_free(open_journal, url)
    found, last_seq = reloaded(journal, 0)
    check(found)
    same, durable = Mix(seed), [0]
    while durable[-1] < last_seq:
        if durable[-1]:
            same.release()
        while not same.core.has_batch():
            same.step()
        batch = same.core.take()
        durable += [batch.events[-1].seq] if batch.events else []
    assert durable[-1] == last_seq, "the journal ends within a commit"
    assert acknowledged in durable[-2:], "what was acknowledged is gone, or more than one commit came after it"
    assert_same(found, same.core.farm)
    same.release()
    commit(journal, same.until_batch())


def open_journal_when_free(open_journal: Open, url: str) -> SqlJournal:
    """PostgreSQL takes a moment to notice that its client died."""
    for _ in range(100):
        try:
            return open_journal(url)
        except JournalTaken:
            time.sleep(0.05)
    return open_journal(url)

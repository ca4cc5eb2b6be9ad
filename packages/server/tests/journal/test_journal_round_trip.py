"""What was committed is what a restart loads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from journal_farm import ENVELOPE, Mix, assert_same, commit, host_facts, reloaded

from cuebot.domain import commands as c
from cuebot.domain.recount import check
from cuebot.domain.units import NO_END
from cuebot.engine.farm_rows import Rows
from cuebot.engine.ports import Batch
from cuebot.journal import SqlJournal, load

Open = Callable[[str], SqlJournal]


@pytest.mark.parametrize("seed", range(3))
def test_a_farm_comes_back_as_it_was(url: str, open_journal: Open, seed: int) -> None:
    """After any mix of commands, committed one by one, the loaded farm equals the one in memory, and adds up."""
    journal, mix = open_journal(url), Mix(seed)
    for _ in range(120):
        commit(journal, mix.until_batch())
    found, last_seq = reloaded(journal, mix.now_us)
    check(found)
    assert_same(found, mix.core.farm)
    assert last_seq == mix.core.counters.events


def test_frames_are_read_in_chunks(url: str, open_journal: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers whose rows begin in one chunk and end in another come back whole."""
    monkeypatch.setattr(load, "_CHUNK_ROWS", 5)
    journal, mix = open_journal(url), Mix(31)
    for _ in range(120):
        commit(journal, mix.until_batch())
    found, _ = reloaded(journal, mix.now_us)
    assert max(len(layer.frames) for layer in found.layers.values()) > 5
    assert_same(found, mix.core.farm)


def test_a_farm_goes_on_after_restarts(url: str, open_journal: Open) -> None:
    """A server that is restarted again and again goes on with each loaded farm, and history has no gap."""
    mix, expected = Mix(77), 0
    for _ in range(6):
        journal = open_journal(url)
        if expected:
            farm, last_seq = reloaded(journal, mix.now_us)
            check(farm)
            assert_same(farm, mix.core.farm)
            assert last_seq == expected
            mix.core = mix.core_over(farm, last_seq)
        for _ in range(25):
            batch = mix.until_batch()
            commit(journal, batch)
            expected = batch.events[-1].seq if batch.events else expected
        while mix.core.has_batch():  # what an answered launch left behind
            batch = mix.batch()
            commit(journal, batch)
            expected = batch.events[-1].seq if batch.events else expected
        journal.close()


def test_many_commands_are_one_batch(url: str, open_journal: Open) -> None:
    """Hundreds of commands in one batch, of which some undo others, leave the same rows as if committed singly."""
    journal, mix = open_journal(url), Mix(5)
    commit(journal, mix.batch())
    for _ in range(400):
        mix.step()
    commit(journal, mix.batch())
    found, _ = reloaded(journal, mix.now_us)
    check(found)
    while mix.core.has_batch():
        commit(journal, mix.batch())
    found, _ = reloaded(journal, mix.now_us)
    assert_same(found, mix.core.farm)


def test_an_empty_journal_loads_an_empty_farm(url: str, open_journal: Open) -> None:
    """A new database has no rows and no history."""
    rows, last_seq = open_journal(url).load()
    assert (bool(rows), last_seq) == (False, 0)


def test_a_lease_without_end_is_still_known_after_a_restart(url: str, open_journal: Open) -> None:
    """A server that is started again must not book what goes on without it a second time."""
    journal, mix = open_journal(url), Mix(5)
    while "host0" not in mix.core.farm.host_by_name:
        commit(journal, mix.until_batch())
    facts = replace(host_facts("host0"), lease_us=NO_END)
    mix.core.execute(c.ReportHost(facts, ()), ENVELOPE, mix.now_us)
    commit(journal, mix.batch())
    found, _ = reloaded(journal, mix.now_us)
    assert found.host_named("host0").lease_us == NO_END


def test_text_that_a_database_cannot_hold_stops_nothing(url: str, open_journal: Open) -> None:
    """A NUL in an agent's words is no reason to refuse a batch, whatever becomes of that one character."""
    journal, mix = open_journal(url), Mix(1)
    mix.core.execute(c.AddComment("ann", "a\0b", "c", job_id=launched(mix)), ENVELOPE, mix.now_us)
    commit(journal, mix.batch())
    found, _ = reloaded(journal, mix.now_us)
    assert [remark.subject.replace("\0", "�") for remark in found.comments.values()] == ["a�b"]


def test_a_batch_of_rows_without_events_is_written(url: str, open_journal: Open) -> None:
    """Rows need no event to be durable: history stays where it was."""
    journal, mix = open_journal(url), Mix(2)
    commit(journal, mix.batch())
    show = next(iter(mix.core.farm.shows.values()))
    show.comment_email = "a@b"
    mix.core.farm.dirty.row("show", show.id)
    batch = mix.core.take()
    commit(journal, Batch(Rows(batch.rows.things), []))
    found, last_seq = reloaded(journal, mix.now_us)
    assert found.shows[show.id].comment_email == "a@b"
    assert last_seq == mix.core.counters.events


def launched(mix: Mix) -> str:
    """The id of a job that was just launched."""
    mix.launch()
    return next(iter(mix.core.farm.jobs))

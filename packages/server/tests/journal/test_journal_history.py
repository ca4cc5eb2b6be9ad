"""History can be read page by page, across months, and old months can be dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from journal_farm import START_US, Mix, commit, events_in, reloaded
from run_history import MemoryRunHistory

from cuebot.domain import events as ev
from cuebot.domain.principals import NOBODY
from cuebot.domain.states import FrameState
from cuebot.domain.units import HOUR
from cuebot.engine.ports import Batch, RunQuery
from cuebot.journal import History, SqlJournal

Open = Callable[[str], SqlJournal]


@pytest.fixture
def history(url: str) -> Iterator[History]:
    """A reader of the test's database."""
    reader = History(url)
    yield reader
    reader.close()


def three_months(journal: SqlJournal) -> tuple[Mix, list[Batch]]:
    """A farm that works in October, November and December."""
    mix, batches = Mix(21), []
    for hours in (0, 24 * 20, 24 * 40):
        mix.now_us = START_US + hours * HOUR
        batches += [mix.until_batch() for _ in range(40)]
    for batch in batches:
        commit(journal, batch)
    return mix, batches


def test_events_come_back_as_they_were(url: str, open_journal: Open, history: History) -> None:
    """Every event of every month is read back in order, with its time and envelope, whatever the page's size.

    Of an envelope all is stored but the principal.
    """
    _, batches = three_months(open_journal(url))
    expected, found = events_in(batches), []
    while page := history.events_since(found[-1].seq if found else 0, limit=7):
        assert len(page) <= 7
        found += page
    stored = [(r.seq, r.at_us, replace(r.envelope, principal=NOBODY)) for r in expected]
    assert [(r.seq, r.at_us, r.envelope) for r in found] == stored
    assert [ev.encode(r.event) for r in found] == [ev.encode(r.event) for r in expected]


def test_runs_are_found_by_job_and_by_frame(url: str, open_journal: Open, history: History) -> None:
    """Ended runs of a job, and of one frame, come newest first and page by page."""
    _, batches = three_months(open_journal(url))
    ended = [r for r in reversed(events_in(batches)) if isinstance(r.event, ev.RunEnded)]
    job_id, layer_id, index = ended[-1].event.job_id, ended[-1].event.layer_id, ended[-1].event.index
    of_job = [r.seq for r in ended if r.event.job_id == job_id]
    of_frame = [r.seq for r in ended if (r.event.layer_id, r.event.index) == (layer_id, index)]
    found: list[int] = []
    while page := history.runs(RunQuery(job_id=job_id, before_seq=found[-1] if found else 0), limit=2):
        found += [run.seq for run in page]
    assert found == of_job
    runs = history.runs(RunQuery(job_id=job_id, layer_id=layer_id, frame_index=index))
    assert [run.seq for run in runs] == of_frame
    assert (runs[-1].run_id, runs[-1].cause, runs[-1].state, runs[-1].max_rss) == (
        ended[-1].event.run_id, ended[-1].event.cause, ended[-1].event.state, ended[-1].event.max_rss,
    )  # fmt: skip


def test_history_in_memory_answers_as_the_database_does(url: str, open_journal: Open, history: History) -> None:
    """For every field of a query, and for pages, both keepers of history give the same runs in the same order."""
    _, batches = three_months(open_journal(url))
    recorded = events_in(batches)
    memory = MemoryRunHistory(lambda: recorded)
    ended = [r for r in recorded if isinstance(r.event, ev.RunEnded)]
    first, last = ended[0].event, ended[-1].event
    middle = ended[len(ended) // 2]
    queries = [
        RunQuery(job_id=first.job_id),
        RunQuery(job_id=last.job_id, layer_id=last.layer_id),
        RunQuery(job_id=last.job_id, layer_id=last.layer_id, frame_index=last.index),
        RunQuery(job_id=first.job_id, run_id=first.run_id),
        RunQuery(job_id=first.job_id, run_id=last.run_id + "x"),
        RunQuery(job_id=first.job_id, attempt=first.attempt),
        RunQuery(job_id=first.job_id, causes=frozenset({r.event.cause for r in ended[:3]})),
        RunQuery(job_id=first.job_id, states=frozenset({FrameState.WAITING, FrameState.DEAD})),
        RunQuery(job_id=first.job_id, unsuccessful=True),
        RunQuery(job_id=middle.event.job_id, ended_since_us=middle.at_us),
        RunQuery(job_id=middle.event.job_id, before_seq=middle.seq),
    ]
    for query in queries:
        for limit in (1, 3, 1_000):
            assert history.runs(query, limit) == memory.runs(query, limit), query
    assert memory.runs(queries[0], 1_000)


def test_old_months_are_dropped(url: str, open_journal: Open, history: History) -> None:
    """Dropping months forgets their events and runs, keeps the rest, and the farm does not notice."""
    journal = open_journal(url)
    mix, batches = three_months(journal)
    assert asyncio.run(journal.drop_history_before("2026_12")) == ["2026_10", "2026_11"]
    kept = history.events_since(0, 100_000)
    assert [r.seq for r in kept] == [r.seq for r in events_in(batches[80:])]
    batch = mix.until_batch()
    commit(journal, batch)
    assert reloaded(journal, mix.now_us)[1] == batch.events[-1].seq
    assert asyncio.run(journal.drop_history_before("2026_12")) == []


def test_a_clock_that_goes_back_keeps_history_in_order(url: str, open_journal: Open, history: History) -> None:
    """Events that claim to be older than the newest month go into that month: their numbers stay in order."""
    journal = open_journal(url)
    mix, batches = three_months(journal)
    mix.now_us = START_US
    late = mix.until_batch()
    commit(journal, late)
    expected = [r.seq for r in events_in([*batches, late])]
    assert [r.seq for r in history.events_since(0, 100_000)] == expected
    assert asyncio.run(journal.drop_history_before("2026_12")) == ["2026_10", "2026_11"]


def test_what_became_of_hosts_is_found_by_time(url: str, open_journal: Open, history: History) -> None:
    """Across months, the newest first, as a look at every event finds it; of so many events at most."""
    _, batches = three_months(open_journal(url))
    recorded = events_in(batches)
    of_hosts = [r for r in reversed(recorded) if getattr(r.event, "kind", "") == "host"]
    assert len(of_hosts) > 3
    times = sorted({r.at_us for r in recorded})
    for since_us in (0, times[0], times[len(times) // 3], times[-1], times[-1] + 1):
        for until_us in (0, times[0] - 1, times[len(times) // 2], times[-1]):
            found = history.host_events(since_us, until_us, 1_000_000)
            wanted = [r.seq for r in of_hosts if since_us <= r.at_us <= (until_us or times[-1])]
            assert ([r.seq for r in found.events], found.is_all) == (wanted, True), (since_us, until_us)

    few = history.host_events(0, 0, 50)
    assert [r.seq for r in few.events] == [r.seq for r in of_hosts if r.seq > recorded[-1].seq - 50]
    assert not few.is_all
    assert history.host_events(0, 0, len(recorded)).is_all


def test_of_each_interval_the_last_sums_are_found(url: str, open_journal: Open, history: History) -> None:
    """On both kinds of database: those of a time, oldest first, the last ones where they are many."""
    journal = open_journal(url)
    for at_us in (10, 15, 19, 20, 31, 32):
        asyncio.run(journal.keep_farm_sums(at_us, b"%d" % at_us))
    assert history.farm_sums(0, 100, 10, 9) == [b"19", b"20", b"32"]
    assert history.farm_sums(11, 31, 10, 9) == [b"19", b"20", b"31"]
    assert history.farm_sums(0, 100, 10, 2) == [b"20", b"32"]

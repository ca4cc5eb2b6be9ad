"""A commit that fails, or of which nobody knows whether it failed, is made good by committing the same batch again."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from journal_farm import Mix, assert_same, commit, reloaded
from sqlalchemy import create_engine, text

from cuebot.engine.ports import Batch, JournalError, JournalSuperseded, Recorded
from cuebot.journal import History, SqlJournal, database

Open = Callable[[str], SqlJournal]


def events_of(url: str) -> list[int]:
    """The numbers of all events in a journal."""
    history = History(url)
    try:
        return [recorded.seq for recorded in history.events_since(0, 100_000)]
    finally:
        history.close()


def path_of(url: str) -> str:
    """The file of a SQLite URL."""
    return url.removeprefix("sqlite:///")


def test_the_same_batch_twice_is_written_once(url: str, open_journal: Open) -> None:
    """A batch committed again is no error and changes nothing, also when a later one has been committed since."""
    journal, mix = open_journal(url), Mix(3)
    first = mix.until_batch()
    commit(journal, first)
    second = mix.until_batch()
    for batch in (first, second, second, first):
        commit(journal, batch)
    found, last_seq = reloaded(journal, mix.now_us)
    assert_same(found, mix.core.farm)
    assert events_of(url) == list(range(1, last_seq + 1))


@pytest.mark.parametrize("happened", [True, False])
def test_a_commit_without_an_answer_is_made_good(
    url: str, open_journal: Open, monkeypatch: pytest.MonkeyPatch, happened: bool
) -> None:
    """When the connection breaks in COMMIT, the same batch again is written exactly once, whichever way it went."""
    journal, mix = open_journal(url), Mix(4)
    commit(journal, mix.batch())
    dialect = journal._engine.dialect
    really, lost = dialect.do_commit, dialect.loaded_dbapi.OperationalError("server closed the connection unexpectedly")

    def do_commit(connection: Any) -> None:
        if happened:
            really(connection)
        raise lost

    batches = [mix.until_batch() for _ in range(3)]
    with monkeypatch.context() as patched:
        patched.setattr(dialect, "do_commit", do_commit)
        with pytest.raises(JournalError, match="server closed the connection"):
            commit(journal, batches[0])
    for batch in batches:
        commit(journal, batch)
    found, last_seq = reloaded(journal, mix.now_us)
    assert_same(found, mix.core.farm)
    assert events_of(url) == list(range(1, last_seq + 1))


def test_a_first_commit_of_a_month_without_an_answer_is_made_good(
    url: str, open_journal: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The month's tables that the unanswered commit made are found, and not made again."""
    journal, mix = open_journal(url), Mix(4)
    dialect = journal._engine.dialect
    really = dialect.do_commit

    def do_commit(connection: Any) -> None:
        really(connection)
        raise dialect.loaded_dbapi.OperationalError("gone")

    batches = [mix.until_batch() for _ in range(2)]
    with monkeypatch.context() as patched:
        patched.setattr(dialect, "do_commit", do_commit)
        with pytest.raises(JournalError):
            commit(journal, batches[0])
    for batch in batches:
        commit(journal, batch)
    assert events_of(url) == list(range(1, batches[-1].events[-1].seq + 1))


def test_a_full_database_recovers(new_database: Callable[[str], str], open_journal: Open) -> None:
    """SQLite without room says so and what to do; the same batch succeeds once there is room."""
    url = new_database("sqlite")
    journal, mix = open_journal(url), Mix(6)
    commit(journal, mix.batch())
    with sqlite3.connect(path_of(url)) as reader:
        pages = reader.execute("PRAGMA page_count").fetchone()[0]
    reader.close()
    journal._in_thread(
        lambda: journal._transact(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}"))
    )
    big = big_batch(mix)
    with pytest.raises(JournalError, match="the disk is full; free some space") as raised:
        commit(journal, big)
    assert path_of(url) in str(raised.value)
    commit(journal, big)
    assert_same(reloaded(journal, mix.now_us)[0], mix.core.farm)


def test_a_file_that_may_not_grow_recovers(new_database: Callable[[str], str], open_journal: Open) -> None:
    """A write that the system refuses fails the commit and no more; afterwards the same batch succeeds."""
    url = new_database("sqlite")
    journal, mix = open_journal(url), Mix(6)
    commit(journal, mix.batch())
    big = big_batch(mix)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (32_768, hard))
    try:
        for _ in range(3):
            with pytest.raises(JournalError, match="the disk"):
                commit(journal, big)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    commit(journal, big)
    assert_same(reloaded(journal, mix.now_us)[0], mix.core.farm)


def test_a_file_that_another_process_locks_recovers(
    new_database: Callable[[str], str], open_journal: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody else writes to the file a commit fails and says so; the same batch succeeds afterwards."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 50)
    url = new_database("sqlite")
    journal, mix = open_journal(url), Mix(8)
    batch = mix.until_batch()
    somebody = sqlite3.connect(path_of(url), isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="another process holds the file locked"):
        commit(journal, batch)
    somebody.execute("ROLLBACK")
    somebody.close()
    commit(journal, batch)
    assert_same(reloaded(journal, mix.now_us)[0], mix.core.farm)


def test_a_lost_connection_is_made_anew(new_database: Callable[[str], str], open_journal: Open) -> None:
    """When PostgreSQL ends our connection one commit fails, and the same batch succeeds on the next connection."""
    url = new_database("postgresql")
    journal, mix = open_journal(url), Mix(9)
    commit(journal, mix.until_batch())
    end_connections(url)
    batch = mix.until_batch()
    with pytest.raises(JournalError, match="connection"):
        commit(journal, batch)
    commit(journal, batch)
    assert_same(reloaded(journal, mix.now_us)[0], mix.core.farm)


def test_a_writer_that_lost_its_lock_is_superseded(new_database: Callable[[str], str], open_journal: Open) -> None:
    """When PostgreSQL ended our connection and another server opened the journal, our commits fail for good."""
    url = new_database("postgresql")
    journal, mix = open_journal(url), Mix(10)
    commit(journal, mix.until_batch())
    end_connections(url)
    other = open_journal(url)
    batch = mix.until_batch()
    with pytest.raises(JournalError):
        commit(journal, batch)
    with pytest.raises(JournalSuperseded, match="another server writes"):
        commit(journal, batch)
    assert other.load()[1] == batch.events[0].seq - 1


def test_a_commit_of_an_old_epoch_writes_nothing(url: str, open_journal: Open) -> None:
    """A writer that was superseded without noticing finds out in its next commit, of which nothing is written."""
    journal, mix = open_journal(url), Mix(11)
    commit(journal, mix.until_batch())
    before = reloaded(journal, mix.now_us)
    execute(url, "UPDATE journal SET epoch = epoch + 1, writer = 'somebody else'")
    for batch in (mix.until_batch(), Batch(mix.core.take().rows, [])):
        with pytest.raises(JournalSuperseded, match=r"another server writes .*somebody else"):
            commit(journal, batch)
    after = reloaded(journal, mix.now_us)
    assert_same(after[0], before[0])
    assert after[1] == before[1]


def test_a_database_is_asked_whether_it_is_there_and_ours(url: str, open_journal: Open) -> None:
    """It is told apart from one that another server writes, and nothing is written for it."""
    journal, mix = open_journal(url), Mix(13)
    commit(journal, mix.until_batch())
    before = reloaded(journal, mix.now_us)
    asyncio.run(journal.probe())
    after = reloaded(journal, mix.now_us)
    assert_same(after[0], before[0])
    assert after[1] == before[1]
    execute(url, "UPDATE journal SET epoch = epoch + 1, writer = 'somebody else'")
    with pytest.raises(JournalSuperseded, match="another server writes"):
        asyncio.run(journal.probe())


def test_a_question_to_a_database_that_hung_up_fails_and_the_next_one_does_not(
    new_database: Callable[[str], str], open_journal: Open
) -> None:
    """As with a commit, the connection is made anew."""
    url = new_database("postgresql")
    journal = open_journal(url)
    end_connections(url)
    with pytest.raises(JournalError, match="connection"):
        asyncio.run(journal.probe())
    asyncio.run(journal.probe())


def test_a_gap_in_history_is_refused(url: str, open_journal: Open) -> None:
    """A database whose history does not reach to the batch was replaced; nothing is written to it."""
    journal, mix = open_journal(url), Mix(12)
    commit(journal, mix.until_batch())
    batch = mix.until_batch()
    later = Batch(batch.rows, [Recorded(r.seq + 5, r.at_us, r.envelope, r.event) for r in batch.events])
    with pytest.raises(JournalSuperseded, match="the database was replaced"):
        commit(journal, later)


def big_batch(mix: Mix) -> Batch:
    """A batch that needs many pages."""
    for _ in range(200):
        mix.step()
    batch = mix.core.take()
    assert len(batch.events) > 50
    return batch


def end_connections(url: str) -> None:
    """Let PostgreSQL end every other connection to a database, as an administrator or a restart would."""
    execute(
        url,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def execute(url: str, statement: str) -> None:
    """Run a statement beside the journal."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()

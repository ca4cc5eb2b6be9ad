"""A database has one writer, and anybody may read it meanwhile."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
import threading
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from journal_farm import Mix, commit

from cuebot.engine.ports import JournalError
from cuebot.journal import JournalAway, JournalTaken, JournalUnusable, SqlJournal

Open = Callable[[str], SqlJournal]


def test_a_second_writer_is_refused(url: str, open_journal: Open) -> None:
    """A second server on the same database is told that there is one, and may come when that has gone."""
    journal = open_journal(url)
    with pytest.raises(JournalTaken, match="another server writes"):
        SqlJournal(url)
    journal.close()
    open_journal(url)


def test_a_server_that_comes_while_another_goes_waits_for_it(
    new_database: Callable[[str], str], open_journal: Open
) -> None:
    """PostgreSQL lets a lock go a moment after its server has ended: a restart does not fail for that."""
    url = new_database("postgresql")
    journal = open_journal(url)
    going = threading.Timer(0.5, journal.close)
    going.start()
    open_journal(url)
    going.join()


def test_a_second_process_is_refused_by_the_first_ones_id(
    new_database: Callable[[str], str], open_journal: Open
) -> None:
    """Another process on the same SQLite file, by another path to it, is refused with the process id of the writer."""
    url = new_database("sqlite")
    open_journal(url)
    path = Path(url.removeprefix("sqlite:///"))
    other = path.parent / "link"
    other.symlink_to(path.parent)
    code = f"from cuebot.journal import SqlJournal; SqlJournal('sqlite:///{other / path.name}')"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode == 1
    assert f"process {os.getpid()} on" in child.stderr


def test_a_file_can_be_read_while_it_is_written(new_database: Callable[[str], str], open_journal: Open) -> None:
    """Any SQLite shell reads the rows of a running server, and does not hold up its commits."""
    url = new_database("sqlite")
    journal, mix = open_journal(url), Mix(1)
    commit(journal, mix.batch())
    reader = sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute('SELECT name FROM "show"').fetchall() == [("testing",)]
    commit(journal, mix.until_batch())
    reader.close()


def test_each_writer_has_an_epoch_of_its_own(url: str, open_journal: Open) -> None:
    """Whoever opens the journal counts the epoch up, so that an older writer can be told from a newer one."""
    epochs = []
    for _ in range(3):
        journal = open_journal(url)
        epochs.append(journal._epoch)
        journal.close()
    assert epochs == [1, 2, 3]


def test_a_farm_keeps_its_id_and_its_history(url: str, open_journal: Open) -> None:
    """Who writes it changes neither: a reader's place in history outlives every restart."""
    lines = set()
    for _ in range(3):
        journal = open_journal(url)
        lines.add((journal.farm_id, journal.history_epoch))
        journal.close()
    ((farm_id, history_epoch),) = lines
    assert uuid.UUID(farm_id)
    assert history_epoch == 1


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("farm.sqlite", JournalUnusable, "is no database URL"),
        ("sqlite://", JournalUnusable, "names no file"),
        ("mysql://localhost/farm", JournalUnusable, "not in 'mysql'"),
        ("sqlite:////nowhere/at/all/farm.sqlite", JournalUnusable, "cannot be opened"),
        ("postgresql://nobody@127.0.0.1:port/farm", JournalUnusable, "is no database URL"),
        ("postgresql://nobody@127.0.0.1/farm?nonsense=1", JournalUnusable, "parameter that PostgreSQL does not know"),
        ("postgresql://nobody@127.0.0.1:1/farm", JournalAway, "no database server answers there"),
        ("postgresql://nobody@no.such.host.invalid/farm", JournalAway, "is it spelled right"),
        ("postgresql:///farm?host=/no/such/folder", JournalAway, "no database server answers there"),
    ],
)
def test_a_database_that_cannot_be_is_refused_in_words(url: str, kind: type[JournalError], words: str) -> None:
    """A URL that leads nowhere is refused with what is wrong with it, and whether waiting may mend that."""
    with pytest.raises(kind, match=words):
        SqlJournal(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgres//ann:hush@dbhost/farm",
        "postgresql://ann:hush@dbhost:port/farm",
        "postgresql://ann:hu@sh@dbhost/farm",
        "mysql://ann:hush@dbhost/farm",
        "postgresql://ann:hush@127.0.0.1:1/farm",
        "postgresql://ann@127.0.0.1:1/farm?password=hush",
        "postgresql://ann:hush@127.0.0.1:1/farm?nonsense=1&sslpassword=hush",
    ],
)
def test_no_message_about_a_database_has_its_password(url: str) -> None:
    """However the URL is wrong, what is said of it may stand in a log."""
    with pytest.raises(JournalError) as caught:
        SqlJournal(url)
    words = "".join(traceback.format_exception(caught.value))
    assert "hush" not in words.replace(f"SqlJournal({url!r})", "")
    assert "sh@dbhost" not in words


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_lock_that_cannot_be_made_is_not_another_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A full disk under the lock is told as such; it passes, and a folder that may not be written does not."""
    full = {errno.ENOSPC: sqlite3.SQLITE_FULL, errno.EACCES: sqlite3.SQLITE_READONLY}[number]

    class Refuses:
        def execute(self, statement: str) -> None:
            error = sqlite3.OperationalError("it cannot be")
            error.sqlite_errorcode = full
            raise error

        def close(self) -> None:
            """Nothing was opened."""

    monkeypatch.setattr("cuebot.journal.sole_writer.sqlite3.connect", lambda *_, **__: Refuses())
    kind = JournalAway if number == errno.ENOSPC else JournalUnusable
    with pytest.raises(kind, match=r"farm.sqlite.writer cannot be locked"):
        SqlJournal(f"sqlite:///{tmp_path / 'farm.sqlite'}")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file of something else is left as it is."""
    path = tmp_path / "farm.sqlite"
    path.write_text("my shopping list, which is long enough to be looked at\n" * 100)
    with pytest.raises(JournalUnusable, match="is no SQLite database"):
        SqlJournal(f"sqlite:///{path}")
    assert path.read_text().startswith("my shopping list")


def test_the_file_and_its_companions_are_their_owners_alone(
    new_database: Callable[[str], str], open_journal: Open
) -> None:
    """Whatever the process's mask is, nobody else on the machine reads what a farm knows."""
    before = os.umask(0)
    try:
        url = new_database("sqlite")
        journal, mix = open_journal(url), Mix(1)
        commit(journal, mix.batch())
    finally:
        os.umask(before)
    path = Path(url.removeprefix("sqlite:///"))
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.glob("farm.sqlite*")}
    assert set(modes.values()) == {0o600}
    assert {"farm.sqlite", "farm.sqlite-wal", "farm.sqlite.writer"} <= modes.keys()

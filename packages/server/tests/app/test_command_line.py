"""What `cuefarm` says to who typed it: of what was typed, in the typist's words."""

from __future__ import annotations

import grp
from pathlib import Path

import pytest

from cuebot.app import backup, file_modes, serve
from cuebot.app.cli import main
from cuebot.app.exit_status import CannotStart
from cuebot.app.file_modes import GroupUnusable
from cuebot.journal import JournalUnusable, SqlJournal
from cuebot.journal.database import parse, redacted


@pytest.mark.parametrize("command", ["up", "doctor", "token", "open"])
def test_an_unknown_option_shows_the_usage_of_its_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Not that of all of `cuefarm`."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--bogus"])
    assert ended.value.code == 2
    words = capsys.readouterr().err
    assert words.startswith(f"usage: cuefarm {command} ")
    assert f"cuefarm {command}: error: unrecognized arguments: --bogus" in words


def test_a_database_is_named_as_it_was_typed() -> None:
    """Without a driver that nobody typed, and without a password."""
    assert redacted(parse("postgresql://ann:secret@db/farm")) == "postgresql://ann:***@db/farm"
    with pytest.raises(JournalUnusable, match="a farm is kept in SQLite or PostgreSQL, not in 'mysql'"):
        parse("mysql://ann@db/farm")


def test_a_group_is_named_as_people_know_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name, not its number, where it has one."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(file_modes.os, "chown", refuse)
    file = tmp_path / "file"
    file.touch()
    known = next(group for group in grp.getgrall() if group.gr_gid != file.stat().st_gid)
    with pytest.raises(GroupUnusable, match=f"given to the group {known.gr_name}: "):
        file_modes.share_files([file], known.gr_gid)


@pytest.mark.parametrize(
    ("size_bytes", "words"), [(0, "0 kB"), (28_672, "29 kB"), (2_500_000, "2.5 MB"), (3_100_000_000, "3.1 GB")]
)
def test_a_copy_has_its_size(tmp_path: Path, size_bytes: int, words: str) -> None:
    """In the unit that fits it."""
    with (tmp_path / "copy").open("wb") as file:
        file.truncate(size_bytes)
    assert backup._size(tmp_path / "copy") == words


def test_a_backup_names_what_it_copied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And warns where the environment names a farm that is not the one of its folder."""
    database = tmp_path / "farm.sqlite"
    SqlJournal(f"sqlite:///{database}").close()
    monkeypatch.setenv("CUEBOT_HOSTS", "farm.example:8443")
    options = {"data": tmp_path / "up", "force": False}
    assert backup.run_backup(tmp_path / "copy", database=f"sqlite:///{database}", **options) == 0
    told = capsys.readouterr()
    assert (told.out.startswith(f"{tmp_path / 'copy'}: a copy of {database}, 0 jobs, "), told.err) == (True, "")
    assert backup.run_backup(tmp_path / "other", database=None, **options) == 1
    assert "warning: CUEBOT_HOSTS names farm.example:8443, which the farm in " in capsys.readouterr().err


def test_a_log_root_may_be_made_later(tmp_path: Path) -> None:
    """One that is missing is only warned of; a file in its place stops the server."""
    serve._look_at_log_root(tmp_path / "logs")
    serve._look_at_log_root(tmp_path)
    (tmp_path / "logs").touch()
    for root in (tmp_path / "logs", tmp_path / "logs" / "deeper"):
        with pytest.raises(CannotStart, match=f"the log root {root} "):
            serve._look_at_log_root(root)


def test_a_log_root_that_cannot_be_entered_stops_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is opened, with what to do."""
    monkeypatch.setattr(serve.os, "access", lambda path, mode: False)
    with pytest.raises(CannotStart, match=r"cannot be entered: Permission denied; let the user .* --log-root DIR"):
        serve._look_at_log_root(tmp_path)

"""A farm's files are its owner's alone, or a group's too where one is named; the token never is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuebot.app import file_modes
from cuebot.app.data_folder import DataFolder
from cuebot.app.file_modes import GroupUnusable

GROUP = 20_777 if os.geteuid() == 0 else os.getgroups()[-1] if os.getgroups() else os.getegid()


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """What a test sets does not stay."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def used(path: Path, group: int | None) -> DataFolder:
    """A folder as `up` leaves it."""
    file_modes.set_umask(group)
    folder = DataFolder(path)
    folder.create(group)
    folder.token()
    folder.announce(grpc="127.0.0.1:1", http="127.0.0.1:2")
    folder.lock().close()
    os.close(os.open(folder.database, os.O_CREAT | os.O_WRONLY, 0o600))
    if group is not None:
        folder.share_files(group)
    return folder


def test_all_is_its_owners_alone(tmp_path: Path) -> None:
    """Without a group nobody else can enter a folder or read a file."""
    folder = used(tmp_path / "farm", None)
    assert {mode(path) for path in (folder.path, folder.run, folder.logs)} == {0o700}
    assert {mode(path) for path in folder.path.rglob("*") if path.is_file()} == {0o600}


def test_a_group_reads_all_but_the_token(tmp_path: Path) -> None:
    """With --group folders are 0750 and files 0640, of that group; also of a farm that was its owner's before."""
    used(tmp_path / "farm", None)
    folder = used(tmp_path / "farm", GROUP)
    assert {mode(path) & 0o777 for path in (folder.path, folder.run, folder.logs)} == {0o750}
    files = [path for path in folder.path.rglob("*") if path.is_file() and path != folder.token_file]
    assert {mode(path) for path in files} == {0o640}
    assert {path.stat().st_gid for path in [*files, folder.path, folder.run, folder.logs]} == {GROUP}
    (folder.logs / "later").mkdir()
    assert (folder.logs / "later").stat().st_gid == GROUP
    assert mode(folder.token_file) == 0o600


def test_a_group_that_is_not_is_refused_in_words() -> None:
    """A name that the machine does not know is a mistake to be mended."""
    with pytest.raises(GroupUnusable, match="no group 'nosuchgroup'"):
        file_modes.group_id("nosuchgroup")
    assert file_modes.group_id("20777") == 20_777


@pytest.mark.skipif(os.geteuid() == 0, reason="root may give files to any group")
def test_a_group_of_others_is_refused_in_words(tmp_path: Path) -> None:
    """Who is not a member of a group cannot give files to it."""
    with pytest.raises(GroupUnusable, match="member"):
        used(tmp_path / "farm", 20_777)

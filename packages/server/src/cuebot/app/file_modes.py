"""Who may read a farm's files: its owner alone, or a group too where whoever starts the server names one."""

from __future__ import annotations

import grp
import os
from collections.abc import Iterable
from pathlib import Path

_OWNER_UMASK = 0o077
_GROUP_UMASK = 0o027
_GROUP_FOLDER = 0o2750
"""What is made inside gets the group too."""
_GROUP_FILE = 0o640
_COMPANIONS = ("", "-wal", "-shm", "-journal")
"""Of a SQLite file."""


class GroupUnusable(RuntimeError):
    """Files cannot be given to the group; the message says why and what to do."""


def group_id(name: str) -> int:
    """The id of a group, by its name or number. Raises GroupUnusable."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        pass
    if name.isascii() and name.isdecimal() and int(name) < 2**32 - 1:
        return int(name)
    raise GroupUnusable(f"--group: this machine has no group {name!r}; `getent group` lists them")


def set_umask(group: int | None) -> int:
    """Let what this process makes from now on be closed to others. Returns the mask that was."""
    return os.umask(_OWNER_UMASK if group is None else _GROUP_UMASK)


def share_folders(folders: Iterable[Path], group: int) -> None:
    """Let a group read in folders. Raises GroupUnusable."""
    for folder in folders:
        _share(folder, group, _GROUP_FOLDER)


def share_files(files: Iterable[Path], group: int) -> None:
    """Let a group read files, those of them that are there. Raises GroupUnusable."""
    for file in files:
        if file.exists():
            _share(file, group, _GROUP_FILE)


def sqlite_files(database: Path) -> list[Path]:
    """A SQLite file, and those that it may have beside it."""
    return [database.with_name(database.name + suffix) for suffix in _COMPANIONS]


def _named(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)


def _share(path: Path, group: int, mode: int) -> None:
    try:
        if path.stat().st_gid != group:
            os.chown(path, -1, group)
        path.chmod(mode)
    except PermissionError as error:
        raise GroupUnusable(
            f"{path} cannot be given to the group {_named(group)}: {error.strerror}; its owner can do"
            " that, as a member of the group"
        ) from None

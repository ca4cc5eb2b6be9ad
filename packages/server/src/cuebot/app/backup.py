"""`cuefarm backup` and `cuefarm restore`: a farm's database into a file, and back."""

from __future__ import annotations

import sys
from pathlib import Path

from cuebot.app import doctor_farm
from cuebot.app.data_folder import DataFolder
from cuebot.journal.backup import BackupFailed, Standing, back_up, restore
from cuebot.journal.database import parse, redacted
from opencue import config


def run_backup(target: Path, *, data: Path, database: str | None, force: bool) -> int:
    """Copy a farm's database into a file; the farm may run. Returns the exit status."""
    url = _url(data, database)
    if database is None:
        _warn_of_another_farm(data)
    try:
        standing = back_up(url, target, replace=force)
    except BackupFailed as error:
        print(f"cuefarm backup: {error}", file=sys.stderr)
        return 1
    print(
        f"{target}: a copy of {redacted(parse(url))}, {_told(standing)}, {_size(target)}. Frame logs and the token"
        " are not in it."
    )
    return 0


def _warn_of_another_farm(data: Path) -> None:
    """Say on stderr that the farm that clients use is not the one in this folder, where the environment tells."""
    try:
        used = config.hosts_from_environment()
    except ValueError:
        return
    facts = DataFolder(data).announced()
    if used and not (facts and any(doctor_farm.same(str(facts["grpc"]), address) for address in used)):
        print(
            f"cuefarm backup: warning: CUEBOT_HOSTS names {', '.join(used)}, which the farm in {data} does not serve"
            " now; the database of a farm of `cuefarm serve` is named with --db URL",
            file=sys.stderr,
        )


def run_restore(source: Path, *, data: Path, database: str | None, force: bool) -> int:
    """Put a copy in the place of a farm's database; no server may run on it. Returns the exit status."""
    try:
        if database is None:
            _make(DataFolder(data))
        standing = restore(source, _url(data, database), replace=force)
    except BackupFailed as error:
        print(f"cuefarm restore: {error}", file=sys.stderr)
        return 1
    print(
        f"restored {_told(standing)}. Frames that run by launches after the copy was made are ended when their agents"
        " report, and run again; what finished since then runs again too."
    )
    return 0


def _make(folder: DataFolder) -> None:
    try:
        folder.create()
    except OSError as error:
        raise BackupFailed(folder.problem(error)) from error


def _url(data: Path, database: str | None) -> str:
    return database or f"sqlite:///{DataFolder(data).database}"


def _size(file: Path) -> str:
    size = file.stat().st_size
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def _told(standing: Standing) -> str:
    jobs = "1 job" if standing.jobs == 1 else f"{standing.jobs} jobs"
    return f"{jobs}, {standing.last_seq} events, tables of revision {standing.revision}"

"""-export and -import: jobs are kept in a file, and restored on a farm that does not have them."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import opencue.snapshot
from cue_cli.cueadmin.lookup import findJob
from cue_cli.cueadmin.output import jobProgress, jobState
from cue_cli.cueadmin.session import CommandError, Session
from opencue import api
from opencue.wording import counted

JSON_SUFFIX = ".json"


def export_jobs(session: Session, values: list[str]) -> None:
    """Keep jobs, all pending ones unless some are named, in a file that -import reads."""
    path = Path(values[0])
    jobs = [findJob(name, finished=True) for name in values[1:]] if values[1:] else api.getJobs()
    if not jobs:
        raise CommandError("there is no pending job to export")
    if path.exists():
        session.confirm(f"Overwrite {path}", named=True)
    taken = opencue.snapshot.take(jobs, details=True)
    to_text = opencue.snapshot.to_json if path.suffix == JSON_SUFFIX else opencue.snapshot.to_xml
    _write(path, to_text(taken))
    session.report(f"{path}: {counted(len(taken), 'job')} exported")


def _write(path: Path, text: str) -> None:
    """Write a file that is whole or not there, and for its owner alone: specifications may hold secrets."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None


def import_jobs(session: Session, values: list[str]) -> None:
    """Restore jobs of a file that -export wrote, all unless some are named, in the state that they were in."""
    try:
        text = Path(values[0]).read_bytes()
    except OSError as error:
        raise CommandError(f"{values[0]} cannot be read: {error.strerror}") from None
    try:
        is_json = text.lstrip()[:1] == b"{"
        taken = opencue.snapshot.from_json(text) if is_json else opencue.snapshot.from_xml(text)
        taken = _chosen(values[0], taken, values[1:])
        session.confirm(f"Restore {counted(len(taken), 'job')} of {values[0]}", named=True)
        jobs = opencue.snapshot.restore(taken)
    except ValueError as error:
        raise CommandError(f"{values[0]}: {error}") from None
    except (AttributeError, KeyError, TypeError) as error:
        raise CommandError(f"{values[0]} is damaged: {type(error).__name__} {error}") from None
    for job in jobs:
        session.report(f"{job.name()}: restored, {jobState(job)}, {jobProgress(job)}")


def _chosen(file: str, taken: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the jobs that are named; says how to do without those that are pending before anything happens."""
    absent = [name for name in names if name not in taken]
    if absent:
        raise CommandError(f"{file} has no job {absent[0]!r}; it has {', '.join(taken)}")
    chosen = {name: taken[name] for name in names or taken}
    pending = [name for name in chosen if api.isJobPending(name)]
    if pending:
        are = "are" if len(pending) > 1 else "is"
        rest = [name for name in chosen if name not in pending]
        others = f", or restore the others: cueadmin -import {shlex.join([file, *rest])}" if rest else ""
        raise CommandError(
            f"nothing is restored: {', '.join(pending)} {are} pending on this farm; kill"
            f" {'them' if len(pending) > 1 else 'it'} first{others}"
        )
    return chosen

"""Finished jobs that are on disk and not in memory: found, read, and forgotten at last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, or_, select, true

from cuebot.domain.archive import PackedJob
from cuebot.domain.names import folded
from cuebot.domain.units import ID_LENGTH, is_id, split_frame_id
from cuebot.engine.ports import FoundJob, JobSearch, KeptJobs
from cuebot.journal.tables import ARCHIVED_JOB, ARCHIVED_PART, JOB, SPECIFICATION, folded_name

JOBS_PER_STEP: Final = 500
"""Jobs that one transaction forgets: the writer waits for it."""

TEXT_CHARACTERS: Final = 1_000
"""Of a name or an id, at most; SQLite compares with no pattern of more than 50,000 bytes."""
CONDITIONS: Final = 200
"""Of which one is to hold, that one query asks for."""

_JOB = ARCHIVED_JOB.c
_SUMMARY = (_JOB.id, _JOB.stopped_us, _JOB.summary)


def job_with(connection: Connection, text: str) -> str | None:
    """The id of the job that a text means (`engine.ports.JobHistory.job_with`)."""
    if not _may_be_stored(text):
        return None
    by_id = _one(connection, select(_JOB.id).where(_begins(text.lower())).limit(2)) if is_id(text) else None
    return by_id or _with_part(connection, text) or _with_name(connection, text)


def packed_job(connection: Connection, job_id: str) -> PackedJob | None:
    """An archived job as it was packed."""
    row = connection.execute(select(_JOB.summary, _JOB.rest).where(_JOB.id == job_id)).one_or_none()
    return PackedJob(bytes(row.summary), bytes(row.rest)) if row is not None else None


def has_younger(connection: Connection, name: str, submitted_us: int) -> bool:
    """Whether an archived job of this name was submitted later."""
    query = select(exists().where(_any_spelling(name), _JOB.name == name, _JOB.submitted_us > submitted_us))
    return bool(connection.execute(query).scalar_one())


def find_jobs(connection: Connection, search: JobSearch, limit: int) -> list[FoundJob]:
    """Archived jobs, the one that ended last first.

    They are found by what indexes have, which is little beside the rows, and only those that come are read.
    """
    order = (_JOB.stopped_us.desc(), _JOB.id)
    found = select(_JOB.id).where(*_conditions(connection, search)).order_by(*order).limit(limit).subquery()
    query = select(*_SUMMARY).join(found, found.c.id == _JOB.id).order_by(*order)
    return [FoundJob(row.id, row.stopped_us, bytes(row.summary)) for row in connection.execute(query)]


def kept_jobs(connection: Connection) -> KeptJobs:
    """How many archived jobs there are, and when the first of them ended: the index of ends answers both."""
    count, first_us = connection.execute(
        select(func.count(), func.min(_JOB.stopped_us)).select_from(ARCHIVED_JOB)
    ).one()
    return KeptJobs(int(count), int(first_us or 0))


def specification(connection: Connection, specification_id: str) -> bytes | None:
    """What jobs were submitted with."""
    found = connection.execute(select(SPECIFICATION.c.text).where(SPECIFICATION.c.id == specification_id)).scalar()
    return bytes(found) if found is not None else None


def forget_jobs(connection: Connection, kept: int, ended_before_us: int) -> int:
    """Forget some of those that are too old or too many, the oldest first. Returns how many; 0 when none is left.

    `kept` 0 keeps any number. What they were submitted with goes with the last job that has it.
    """
    conditions: list[ColumnElement[bool]] = [_JOB.stopped_us < ended_before_us]
    if kept:
        first_kept = select(_JOB.stopped_us).order_by(_JOB.stopped_us.desc()).offset(kept).limit(1).scalar_subquery()
        conditions.append(_JOB.stopped_us <= first_kept)
    query = select(_JOB.id, _JOB.specification_id).where(or_(*conditions)).order_by(_JOB.stopped_us)
    found = connection.execute(query.limit(JOBS_PER_STEP)).all()
    ids = [row.id for row in found]
    if ids:
        connection.execute(delete(ARCHIVED_JOB).where(_JOB.id.in_(ids)))
        connection.execute(delete(ARCHIVED_PART).where(ARCHIVED_PART.c.job_id.in_(ids)))
        _forget_specifications(connection, sorted({row.specification_id for row in found} - {""}))
    return len(ids)


def _forget_specifications(connection: Connection, ids: list[str]) -> None:
    is_needed = or_(
        exists().where(_JOB.specification_id == SPECIFICATION.c.id),
        exists().where(JOB.c.specification_id == SPECIFICATION.c.id),
    )
    connection.execute(delete(SPECIFICATION).where(SPECIFICATION.c.id.in_(ids), ~is_needed))


def _begins(text: str) -> ColumnElement[bool]:
    """An id, or the beginning of one: what is after it is a hexadecimal digit or a dash."""
    return and_(_JOB.id >= text, _JOB.id < text + "g", _JOB.id.startswith(text, autoescape=True))


def _one(connection: Connection, query: Select[tuple[str]]) -> str | None:
    found = connection.execute(query).scalars().all()
    return str(found[0]) if len(found) == 1 else None


def _with_part(connection: Connection, text: str) -> str | None:
    frame = split_frame_id(text)
    ids = [text] if frame is None else [text, frame[0]]
    found = connection.execute(select(ARCHIVED_PART.c.job_id).where(ARCHIVED_PART.c.id.in_(ids)).limit(1)).scalar()
    return None if found is None else str(found)


def _with_name(connection: Connection, name: str) -> str | None:
    as_it_is_spelled_first = (_JOB.name == name).desc()
    order = (as_it_is_spelled_first, _JOB.submitted_us.desc(), _JOB.id)
    found = connection.execute(select(_JOB.id).where(_any_spelling(name)).order_by(*order).limit(1)).scalar()
    return None if found is None else str(found)


def _any_spelling(*names: str) -> ColumnElement[bool]:
    return folded_name(_JOB.name).in_([folded(name) for name in names])


def _may_be_stored(text: str) -> bool:
    """PostgreSQL takes no text with a NUL, and nothing that is stored has one; nor is a name or an id so long."""
    return len(text) <= TEXT_CHARACTERS and "\0" not in text


def _stored(words: Iterable[str]) -> list[str]:
    return [word for word in words if _may_be_stored(word)]


def _in_their_case(connection: Connection, users: Sequence[str]) -> list[str]:
    """Those who have archived jobs and are called so, whatever the case. Goes from user to user by the index."""
    wanted = {user.lower() for user in users}
    first = select(func.min(_JOB.user).label("user")).cte("user_of_jobs", recursive=True)
    following = select(func.min(_JOB.user)).where(_JOB.user > first.c.user).scalar_subquery()
    all_users = first.union_all(select(following).where(first.c.user.is_not(None)))
    found = connection.execute(select(all_users.c.user).where(all_users.c.user.is_not(None))).scalars()
    return [user for user in found if user.lower() in wanted]


def _conditions(connection: Connection, search: JobSearch) -> list[ColumnElement[bool]]:
    """What the database can tell: whoever asks looks at what it finds once more."""
    conditions: list[ColumnElement[bool]] = []
    if search.users:
        conditions.append(_JOB.user.in_(_in_their_case(connection, search.users)))
    for column, values in (
        (_JOB.id, search.ids),
        (_JOB.show_id, search.show_ids),
        (_JOB.shot, search.shots),
    ):
        if values:
            conditions.append(column.in_(_stored(values)))
    if search.names:
        names = _stored(search.names)
        conditions.append(_any([_any_spelling(*names)], names))
    if search.parts:
        parts = _stored(search.parts)
        conditions.append(_any([_JOB.name.icontains(part, autoescape=True) for part in parts], parts))
    if search.stopped_since_us:
        conditions.append(_JOB.stopped_us >= search.stopped_since_us)
    if search.before is not None:
        stopped_us, id = search.before
        conditions.append(_JOB.stopped_us <= stopped_us)  # says no more, but it is what an index can go to
        conditions.append(or_(_JOB.stopped_us < stopped_us, and_(_JOB.stopped_us == stopped_us, _JOB.id > id)))
    return conditions


def _any(named: list[ColumnElement[bool]], words: list[str]) -> ColumnElement[bool]:
    """That one of some conditions holds, or that an id is, or begins as, one of some words.

    Of very many conditions none is asked: SQLite nests each in the one before, and no deeper than a thousand.
    """
    ids = [word.lower() for word in words if is_id(word)]
    begun = [_begins(id) for id in ids if len(id) < ID_LENGTH]
    either = [*named, *begun, _JOB.id.in_([id for id in ids if len(id) == ID_LENGTH])]
    return or_(*either) if len(either) <= CONDITIONS else true()

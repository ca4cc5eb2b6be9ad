"""The whiteboard: all groups of a show with their PENDING jobs, nested, put together from rows that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from opencue_proto import job_pb2

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Group, Job
from cuebot.wire.call import Call, rows_of
from cuebot.wire.messages.groups import children, nested_group_message, pending_jobs
from cuebot.wire.rows import as_field, within

INLINE_JOBS: Final = job_pb2.NestedGroup.DESCRIPTOR.fields_by_name["inline_jobs"].number
GROUPS: Final = job_pb2.NestedGroup.DESCRIPTOR.fields_by_name["groups"].number


@dataclass(frozen=True, slots=True)
class _Board:
    """A group, what is in it, and what is below it."""

    own: bytes
    jobs: list[Job]
    below: list[_Board]


async def whiteboard(call: Call, root: Group) -> bytes:
    """A response whose field 1 is the whiteboard of a show."""
    board = _board(call.farm, root)
    jobs = list(_jobs(board))
    rows = await rows_of(call, jobs, call.rows.job)
    return within(1, _parts(board, {job.id: row for job, row in zip(jobs, rows, strict=True)}))


def _board(farm: Farm, group: Group, parent: Group | None = None) -> _Board:
    own = nested_group_message(farm, group, parent).SerializeToString()
    return _Board(own, pending_jobs(farm, group), [_board(farm, child, group) for child in children(farm, group)])


def _jobs(board: _Board) -> Iterator[Job]:
    yield from board.jobs
    for below in board.below:
        yield from _jobs(below)


def _parts(board: _Board, rows: dict[str, bytes]) -> list[bytes]:
    """The bytes of a NestedGroup; the order of its fields does not matter."""
    inline = [as_field(INLINE_JOBS, rows[job.id]) for job in board.jobs]
    nested = [within(1, _parts(below, rows)) for below in board.below]
    return [board.own, *inline, *([within(GROUPS, nested)] if nested else [])]

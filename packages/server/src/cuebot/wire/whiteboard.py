"""The whiteboard: all groups of a show with their PENDING jobs, nested, put together from rows that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from opencue_proto import job_pb2

from cuebot.domain.nouns import Group, Job
from cuebot.queries.groups import GroupRow, GroupTree, group_tree
from cuebot.wire.call import Call, rows_of
from cuebot.wire.messages.groups import nested_group_message
from cuebot.wire.rows import as_field, within

INLINE_JOBS: Final = job_pb2.NestedGroup.DESCRIPTOR.fields_by_name["inline_jobs"].number
GROUPS: Final = job_pb2.NestedGroup.DESCRIPTOR.fields_by_name["groups"].number


async def whiteboard(call: Call, root: Group) -> bytes:
    """A response whose field 1 is the whiteboard of a show."""
    tree = group_tree(call.farm, root)
    jobs = list(_jobs(tree))
    rows = await rows_of(call, jobs, call.rows.job)
    return within(1, _parts(tree, None, {job.id: row for job, row in zip(jobs, rows, strict=True)}))


def _jobs(tree: GroupTree) -> Iterator[Job]:
    yield from tree.jobs
    for below in tree.below:
        yield from _jobs(below)


def _parts(tree: GroupTree, parent: GroupRow | None, rows: dict[str, bytes]) -> list[bytes]:
    """The bytes of a NestedGroup; the order of its fields does not matter."""
    own = nested_group_message(tree, parent).SerializeToString()
    inline = [as_field(INLINE_JOBS, rows[job.id]) for job in tree.jobs]
    nested = [within(1, _parts(below, tree.row, rows)) for below in tree.below]
    return [own, *inline, *([within(GROUPS, nested)] if nested else [])]

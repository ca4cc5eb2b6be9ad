"""Depends as messages: both sides by name."""

from __future__ import annotations

from opencue_proto import depend_pb2

from cuebot.queries.depends import DependRow


def depend_message(row: DependRow) -> depend_pb2.Depend:
    """A depend; names that its type does not use are empty."""
    return depend_pb2.Depend(
        id=row.id,
        type=depend_pb2.DependType.ValueType(row.type),
        target=depend_pb2.INTERNAL if row.internal else depend_pb2.EXTERNAL,
        any_frame=row.any_frame,
        active=row.active,
        depend_er_job=row.er_job,
        depend_er_layer=row.er_layer,
        depend_er_frame=row.er_frame,
        depend_on_job=row.on_job,
        depend_on_layer=row.on_layer,
        depend_on_frame=row.on_frame,
    )

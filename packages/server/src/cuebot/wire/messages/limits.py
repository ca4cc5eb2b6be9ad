"""Limits as messages."""

from __future__ import annotations

from opencue_proto import limit_pb2

from cuebot.queries.limits import LimitRow
from cuebot.wire.values import int32


def limit_message(row: LimitRow) -> limit_pb2.Limit:
    """A limit with what runs under it."""
    return limit_pb2.Limit(
        id=row.id,
        name=row.name,
        max_value=int32(row.max_value),
        current_running=int32(row.running_frames),
        type=limit_pb2.HOST if row.per_host else limit_pb2.FRAME,
        soft_value=-1,
        current_usage=int32(row.used),
        host_count=int32(row.hosts),
    )

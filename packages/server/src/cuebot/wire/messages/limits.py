"""Limits as messages."""

from __future__ import annotations

from opencue_proto import limit_pb2

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Limit
from cuebot.wire.values import int32


def limit_message(farm: Farm, limit: Limit) -> limit_pb2.Limit:
    """A limit with what runs under it."""
    use = farm.limit_use.of(limit.name)
    return limit_pb2.Limit(
        id=limit.id,
        name=limit.name,
        max_value=int32(limit.max_value),
        current_running=int32(use.frames),
        type=limit_pb2.HOST if limit.per_host else limit_pb2.FRAME,
        soft_value=-1,
        current_usage=int32(len(use.by_host) if limit.per_host else use.frames),
        host_count=int32(len(use.by_host)),
    )

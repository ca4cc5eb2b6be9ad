"""Limits as messages."""

from __future__ import annotations

from opencue_proto import limit_pb2

from cuebot.domain.units import SECOND
from cuebot.queries.limits import BindingRow, HoldRow, LimitRow
from cuebot.wire.values import int32


def limit_message(row: LimitRow) -> limit_pb2.Limit:
    """A limit with what is used of it."""
    limit, counts = row.limit, row.counts
    return limit_pb2.Limit(
        id=limit.id,
        name=limit.name,
        max_value=int32(limit.max_value),
        current_running=int32(counts.used),
        type=limit_pb2.HOST if limit.per_host else limit_pb2.FRAME,
        enforcement=limit_pb2.LimitEnforcement.ValueType(limit.enforcement),
        soft_value=limit.soft_value,
        current_usage=int32(counts.used),
        settled_usage=int32(counts.settled),
        pending_usage=int32(counts.pending),
        host_count=int32(counts.hosts),
        last_report_time=limit.captured_us // SECOND,
        report_source=limit.report_source,
        report_ttl=limit.report_ttl_s,
        report_stale=row.is_stale,
        blocking_disabled=not row.blocks,
        exit_status=limit.exit_status,
        delay_minutes=limit.delay_minutes,
        auto_tag=limit.auto_tag,
        spec_layer_count=int32(row.spec_layers),
        auto_layer_count=int32(row.auto_layers),
    )


def hold_message(row: HoldRow) -> limit_pb2.LimitHold:
    """A host that uses a limit."""
    source = limit_pb2.EXTERNAL if row.is_reported else limit_pb2.CUE
    return limit_pb2.LimitHold(
        limit_id=row.limit.id,
        limit_name=row.limit.name,
        host_name=row.host_name,
        host_id=row.host_id,
        tokens=int32(row.tokens),
        user=row.user,
        source=limit_pb2.BOTH if row.is_reported and row.is_running else source,
        report_time=row.limit.captured_us // SECOND if row.is_reported else 0,
    )


def binding_message(limit_id: str, row: BindingRow) -> limit_pb2.LimitBinding:
    """A layer that a limit counts."""
    return limit_pb2.LimitBinding(
        limit_id=limit_id,
        layer_id=row.layer.id,
        layer_name=row.layer.name,
        job_name=row.job_name,
        services=row.layer.services,
        source=limit_pb2.LimitBindSource.ValueType(row.source),
        create_time=row.bound_us // SECOND,
    )

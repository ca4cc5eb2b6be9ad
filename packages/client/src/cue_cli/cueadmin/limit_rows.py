"""Limits, who uses them and what they count: as tables, and as what `--json` prints of each."""

from __future__ import annotations

from typing import Any, Iterable

from cue_cli.cueadmin.format import cutoff, findDuration, formatTime
from opencue.enums import LimitBindSource, LimitEnforcement, LimitHoldSource, LimitType
from opencue.wording import duration

HOST_SHOWN = 30


def displayLimits(limits: Iterable[Any]) -> None:
    """Print limits with what is used of each, and how that is known."""
    layout = "%-24s %-6s %8s %8s %8s %8s %8s %-9s %-20s %s"
    print(
        layout
        % ("Limit", "Counts", "Used", "Max", "Soft", "Reported", "Since", "Blocks", "LastReport", "NoLicenceStatus")
    )
    for limit in limits:
        data = limit.data
        soft = "-" if data.soft_value < 0 or data.type != LimitType.HOST else data.soft_value
        print(
            layout
            % (
                data.name,
                "hosts" if data.type == LimitType.HOST else "frames",
                data.current_usage,
                data.max_value,
                soft,
                data.settled_usage if data.last_report_time else "-",
                data.pending_usage if data.last_report_time else "-",
                _blocks(data),
                _lastReport(data),
                _rule(data),
            )
        )


def _blocks(data: Any) -> str:
    if data.enforcement != LimitEnforcement.ENFORCED:
        return str(LimitEnforcement(data.enforcement).name).lower()
    return "no, stale" if data.report_stale else "yes"


def _lastReport(data: Any) -> str:
    if not data.last_report_time:
        return "-"
    return cutoff(f"{duration(findDuration(data.last_report_time, 0))} ago {data.report_source}", 20)


def _rule(data: Any) -> str:
    if not data.exit_status:
        return "-"
    return f"{data.exit_status}: wait {data.delay_minutes} min{', count' if data.auto_tag else ''}"


def displayHolds(holds: Iterable[Any]) -> None:
    """Print who uses limits, a line for each host."""
    layout = "%-24s %-30s %6s %-9s %-16s %s"
    print(layout % ("Limit", "Host", "Tokens", "Known", "Reported", "User"))
    for hold in holds:
        reported = formatTime(hold.report_time) if hold.report_time else "-"
        name = cutoff(hold.host_name, HOST_SHOWN)
        print(layout % (hold.limit_name, name, hold.tokens, _source(hold), reported, hold.user or "-"))


def _source(hold: Any) -> str:
    return str(LimitHoldSource(hold.source).name).lower()


def displayBindings(bindings: Iterable[Any]) -> None:
    """Print the layers that a limit counts."""
    layout = "%-56s %-30s %-7s %s"
    print(layout % ("Job", "Layer", "Source", "Since"))
    for binding in bindings:
        source = LimitBindSource(binding.source).name.lower()
        print(layout % (binding.job_name, binding.layer_name, source, formatTime(binding.create_time)))


# --- as JSON


def limitRecord(limit: Any) -> dict[str, Any]:
    """Return what a script wants to know of a limit."""
    data = limit.data
    return {
        "id": data.id,
        "name": data.name,
        "counts": "hosts" if data.type == LimitType.HOST else "frames",
        "enforcement": LimitEnforcement(data.enforcement).name,
        "max": data.max_value,
        "soft": None if data.soft_value < 0 else data.soft_value,
        "used": data.current_usage,
        "reported": data.settled_usage,
        "since": data.pending_usage,
        "hosts": data.host_count,
        "blocks": not data.blocking_disabled,
        "reported_at_epoch_s": data.last_report_time or None,
        "report_source": data.report_source,
        "report_ttl_s": data.report_ttl,
        "report_stale": data.report_stale,
        "exit_status": data.exit_status or None,
        "delay_minutes": data.delay_minutes,
        "auto_tag": data.auto_tag,
        "spec_layers": data.spec_layer_count,
        "auto_layers": data.auto_layer_count,
    }


def holdRecord(hold: Any) -> dict[str, Any]:
    """Return a host that uses a limit."""
    return {
        "limit": hold.limit_name,
        "host": hold.host_name,
        "host_id": hold.host_id or None,
        "tokens": hold.tokens,
        "user": hold.user,
        "known": LimitHoldSource(hold.source).name,
        "reported_at_epoch_s": hold.report_time or None,
    }


def bindingRecord(binding: Any) -> dict[str, Any]:
    """Return a layer that a limit counts."""
    return {
        "job": binding.job_name,
        "layer": binding.layer_name,
        "layer_id": binding.layer_id,
        "services": list(binding.services),
        "source": LimitBindSource(binding.source).name,
        "since_epoch_s": binding.create_time,
    }

"""Who uses limits, as it is said from outside: by a licence server's own count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.bounds import INT32_MAX
from cuebot.domain.errors import Invalid, LimitExceeded, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.names import short_host_name
from cuebot.domain.nouns import Holder, Limit
from cuebot.domain.units import SECOND, Micros

RATE_LIMITED = 0
OUT_OF_ORDER = 1
"""Why a report is skipped; numbers are the wire's."""

Reply = list[list[Any]]
"""Ids of limits that were reported; names that no limit has; names that were skipped, each with why."""


def report_usage(farm: Farm, command: c.ReportUsage, context: Context) -> tuple[list[ev.Event], Reply]:
    """Take in who uses limits: all of it, or nothing where a row makes no sense.

    A report that came too early, or is older than the last one, is skipped, and a name without a limit is no mistake:
    whoever reports knows more products than the farm has limits.
    """
    holders = _all_holders(command, context)
    events: list[ev.Event] = []
    unknown: list[str] = []
    skipped: list[list[Any]] = []
    for report, held in zip(command.reports, holders, strict=True):
        limit_id = farm.limit_by_name.get(report.limit_name)
        if limit_id is None:
            unknown.append(report.limit_name)
            continue
        limit = farm.limits[limit_id]
        captured_us = Micros(min(report.captured_us or context.now_us, context.now_us))
        why = _why_skipped(limit, captured_us, context)
        if why is None:
            events.append(_reported(limit, command, report, held, captured_us, context))
        else:
            skipped.append([limit.name, why])
    reported = [event.limit_id for event in events if isinstance(event, ev.UsageReported)]
    return events, [reported, unknown, skipped]


def _why_skipped(limit: Limit, captured_us: int, context: Context) -> int | None:
    if captured_us < limit.captured_us:
        return OUT_OF_ORDER
    early = limit.received_us and context.now_us - limit.received_us < context.settings.limit_report_interval_us
    return RATE_LIMITED if early else None


def _reported(
    limit: Limit,
    command: c.ReportUsage,
    report: c.UsageReport,
    held: dict[str, Holder],
    captured_us: Micros,
    context: Context,
) -> ev.UsageReported:
    return ev.UsageReported(
        limit_id=limit.id,
        captured_us=captured_us,
        since_us=Micros(max(captured_us - context.settings.limit_settle_us, 0)),
        source=command.source,
        licences=report.licences,
        tokens=sum(holder.tokens for holder in held.values()),
        holders=held,
    )


# --- what is taken -------------------------------------------------------------------------------------------------


def _all_holders(command: c.ReportUsage, context: Context) -> list[dict[str, Holder]]:
    """Who holds each limit, by short name. Raises Invalid or LimitExceeded for the first row that makes no sense."""
    bounds = context.bounds
    if len(command.reports) > bounds.commands_per_call:
        raise LimitExceeded(
            "what is reported of limits",
            "reports",
            given=len(command.reports),
            limit="commands_per_call",
            allowed=bounds.commands_per_call,
        )
    _check_text("the source of a report", command.source, context)
    seen: set[str] = set()
    for report in command.reports:
        name = report.limit_name
        if not name or name in seen:
            what = "twice in one request; send all of its hosts in one report" if name else "without a name"
            raise Invalid(f"limit {quoted(name)!r} is reported {what}; nothing was taken")
        seen.add(name)
        _check_report(report, context)
    return [_holders(report, context) for report in command.reports]


def _check_report(report: c.UsageReport, context: Context) -> None:
    name, most = quoted(report.limit_name), context.bounds.limit_report_hosts
    if len(report.hosts) > most:
        raise LimitExceeded(
            f"the report of limit {name!r}",
            "hosts",
            given=len(report.hosts),
            limit="limit_report_hosts",
            allowed=most,
        )
    if not 0 <= report.licences <= INT32_MAX:
        raise Invalid(f"limit {name!r}: there cannot be {report.licences} licences; nothing was taken")
    latest_us = context.now_us + max(context.settings.limit_settle_us, 60 * SECOND)
    if not 0 <= report.captured_us <= latest_us:
        ahead_s = (report.captured_us - context.now_us) // SECOND
        raise Invalid(
            f"limit {name!r}: the report says that it was captured {ahead_s} s from now; send seconds since 1970, by a"
            " clock that is right, or 0 for now; nothing was taken"
        )


def _holders(report: c.UsageReport, context: Context) -> dict[str, Holder]:
    holders: dict[str, Holder] = {}
    for row in report.hosts:
        where = f"limit {quoted(report.limit_name)!r}, host {quoted(row.host_name)!r}"
        short = short_host_name(row.host_name)
        if not short:
            raise Invalid(f"{where}: a host needs a name; nothing was taken")
        _check_text(where, row.host_name, context)
        _check_text(f"{where}: the user", row.user, context)
        known = holders.get(short)
        tokens = row.tokens + (known.tokens if known else 0)
        if row.tokens < 1 or tokens > INT32_MAX:
            raise Invalid(f"{where}: {row.tokens} tokens; a host that uses none is left out; nothing was taken")
        users = dict.fromkeys(_users(known.user if known else "", row.user))
        holders[short] = Holder(known.name if known else row.host_name.strip(), tokens, ", ".join(users))
    return holders


def _users(*texts: str) -> Iterable[str]:
    return (user for text in texts for user in text.split(", ") if user)


def _check_text(what: str, text: str, context: Context) -> None:
    most = context.bounds.listed_name_characters
    if len(text) > most or "\0" in text:
        raise Invalid(f"{what}: a text of at most {most} characters (listed_name_characters); nothing was taken")

"""Commands on limits: how many frames, or hosts, may use a licence at once, who does, and what follows without one."""

from __future__ import annotations

import json
import sys
from typing import Any, Callable, Optional

from cue_cli.cueadmin import limit_rows, records
from cue_cli.cueadmin.lookup import toInteger, toMember, toSwitch
from cue_cli.cueadmin.session import CommandError, Session
from opencue import api
from opencue.changed import Changed
from opencue.enums import LimitBindSource, LimitEnforcement, LimitType
from opencue.exception import EntityNotFoundException
from opencue.wording import counted
from opencue.wrappers.limit import Limit

STDIN = "-"


# --- lists


def list_limits(session: Session, names: list[str]) -> None:
    """-limits: limits, and how much of each is used."""
    limits = [_found(name) for name in names] or api.getLimits()
    if session.options.json:
        records.printRecords(limits, limit_rows.limitRecord)
    else:
        limit_rows.displayLimits(limits)


def list_holds(session: Session, names: list[str]) -> None:
    """-limit-holds: who uses limits, a line for each host; of some limits, and with -host on some hosts."""
    hosts: list[Optional[str]] = [*(session.options.host or [None])]
    chosen: list[Optional[str]] = [*([_found(name).name() for name in names] or [None])]
    holds = [hold for name in chosen for host in hosts for hold in api.getLimitHolds(name, host)]
    if session.options.json:
        records.printRecords(holds, limit_rows.holdRecord)
    else:
        limit_rows.displayHolds(holds)


def list_bindings(session: Session, names: list[str]) -> None:
    """-limit-bindings: the layers that a limit counts, and why."""
    bindings = _found(names[0]).bindings()
    if session.options.json:
        records.printRecords(bindings, limit_rows.bindingRecord)
    else:
        limit_rows.displayBindings(bindings)


# --- changes


def create_limit(session: Session, values: list[str]) -> None:
    """Make a limit of so many frames, or hosts."""
    name, most = values[0], toInteger(values[1], "maximum")
    kind = toMember(LimitType, values[2] if len(values) > 2 else LimitType.FRAME.name, "limit type")
    session.confirm(f"Create limit {name} of {counted(most, kind.name.lower())}", named=True)
    print(f"Created limit: {api.createLimit(name, most, kind).name()}")


def delete_limit(session: Session, values: list[str]) -> None:
    """Remove a limit; layers keep its name."""
    limit = _found(values[0])
    session.confirm(f"Delete limit {limit.name()}")
    session.changed(limit.name(), limit.delete(), "deleted", "it was deleted already")


def rename_limit(session: Session, values: list[str]) -> None:
    """Give a limit another name, also where layers name it."""
    limit, new = _found(values[0]), values[1]
    session.confirm(f"Rename limit {values[0]} to {new}")
    session.changed(values[0], limit.rename(new), f"renamed to {new}", f"it is called {new} already")


def limit_max(session: Session, values: list[str]) -> None:
    """Set how many frames, or hosts, a limit lets run at once."""
    most = toInteger(values[1], "maximum")
    _set(session, values[0], f"maximum {most}", lambda limit: limit.setMaxValue(most))


def limit_type(session: Session, values: list[str]) -> None:
    """Let a limit count frames, or hosts."""
    kind = toMember(LimitType, values[1], "limit type")
    _set(session, values[0], f"type {kind.name}", lambda limit: limit.setLimitType(kind))


def limit_soft(session: Session, values: list[str]) -> None:
    """Set from how many hosts on a limit by host goes to no further one."""
    soft = toInteger(values[1], "number of hosts")
    _set(session, values[0], f"soft value {soft}", lambda limit: limit.setSoftValue(soft))


def limit_enforcement(session: Session, values: list[str]) -> None:
    """Let a limit hold frames back, only choose among hosts, or do nothing."""
    kind = toMember(LimitEnforcement, values[1], "limit enforcement")
    _set(session, values[0], f"enforcement {kind.name}", lambda limit: limit.setEnforcement(kind))


def limit_ttl(session: Session, values: list[str]) -> None:
    """Set how long a report of a limit's use is believed."""
    seconds = toInteger(values[1], "number of seconds")
    told = f"reports believed for {seconds} s" if seconds else "reports believed for ever"
    _set(session, values[0], told, lambda limit: limit.setReportTtl(seconds))


def limit_failure(session: Session, values: list[str]) -> None:
    """Say which exit status means that there was no licence, and what follows from it."""
    status = toInteger(values[1], "exit status")
    minutes = toInteger(values[2], "number of minutes") if len(values) > 2 else 0
    tags = toSwitch(values[3]) if len(values) > 3 else True
    told = f"exit status {status}, the layer waits {minutes} min" + (" and is counted" if tags else "")
    _set(
        session,
        values[0],
        told if status else "no exit status",
        lambda limit: limit.setFailureRule(status, minutes, tags),
    )


def clear_bindings(session: Session, values: list[str]) -> None:
    """Count no longer by a limit what failures or people made it count."""
    name, sources = values[0], [toMember(LimitBindSource, word, "source") for word in values[1:]]
    words = " and ".join(source.name for source in sources)
    session.confirm(f"Clear the {words} bindings of limit {name}", named=True)
    number = _found(name).clearBindings(sources)
    session.changed(name, number, f"{counted(number, 'layer')} no longer counted", f"it has no {words} bindings")


def limit_report(session: Session, values: list[str]) -> None:
    """Report who uses limits, as a file says in JSON, or stdin for `-`."""
    source, reports = _read_report(values[0])
    session.confirm(f"Report who uses {counted(len(reports), 'limit')}", named=True)
    answer = api.reportLimitUsage(reports, source)
    for message in answer.limits:
        limit = Limit(message)
        session.changed(limit.name(), 1, f"{limit.currentUsage()} of {limit.maxValue()} used")
    for name in answer.unknown_limits:
        session.fail(name, CommandError(f"there is no limit {name!r}"))
    for skip in answer.skipped_limits:
        why = "it came too soon after the last one" if skip.reason == 0 else "it is older than the last one"
        session.fail(skip.limit_name, CommandError(f"the report of limit {skip.limit_name!r} was not taken: {why}"))


# --- from words to limits and reports


def _found(name: str) -> Limit:
    try:
        return api.findLimit(name)
    except EntityNotFoundException:
        known = ", ".join(sorted(limit.name() for limit in api.getLimits())) or "none"
        raise CommandError(f"limit {name!r} does not exist; there are: {known}") from None


def _set(session: Session, name: str, told: str, act: Callable[[Limit], Changed]) -> None:
    session.confirm(f"Change limit {name}: {told}", named=True)
    session.set(name, told, act(_found(name)))


def _read_report(path: str) -> tuple[str, list[Any]]:
    """Return a report's source and messages; the shape is in docs/howto/licences-and-limits.md."""
    try:
        if path == STDIN:
            given = json.load(sys.stdin)
        else:
            with open(path, encoding="utf-8") as file:
                given = json.load(file)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise CommandError(f"{path}: no JSON: {error}") from None
    try:
        return str(given.get("source", "cueadmin")), [_report(report) for report in given["reports"]]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise CommandError(
            f'{path}: not {{"source": ..., "reports": [{{"limit": ..., "hosts": [{{"host": ..., "tokens": ...}}]}}]}}'
            f" ({what}); nothing was sent"
        ) from None


def _report(given: dict[str, Any]) -> Any:
    tokens: dict[str, tuple[int, str]] = {}
    for row in given["hosts"]:
        used, user = tokens.get(row["host"], (0, ""))
        users = dict.fromkeys(name for name in (user, row.get("user", "")) if name)
        tokens[row["host"]] = (used + row["tokens"], ", ".join(users))
    return api.buildLimitReport(given["limit"], tokens, given.get("licences", 0), given.get("captured_at_epoch_s", 0))

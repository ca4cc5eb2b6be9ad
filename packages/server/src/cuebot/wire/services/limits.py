"""LimitInterface."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from shlex import quote
from typing import Any, TypeVar

from opencue_proto import limit_pb2

from cuebot.domain import commands as c
from cuebot.domain.errors import Invalid, NotFound, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Limit
from cuebot.domain.states import BindSource, Enforcement
from cuebot.domain.units import SECOND
from cuebot.queries.limits import all_limits, bindings_of, holds_of, limit_row
from cuebot.wire.call import Call
from cuebot.wire.messages.limits import binding_message, hold_message, limit_message
from cuebot.wire.requests import OfName

Member = TypeVar("Member", bound=IntEnum)


class LimitInterface:
    """Limits: how many frames or hosts may use a licence at once."""

    async def Create(self, request: limit_pb2.LimitCreateRequest, call: Call) -> limit_pb2.LimitCreateResponse:
        """Make a limit. A soft value of 0 is what a client sends that says nothing of it: the maximum."""
        command = c.CreateLimit(
            name=request.name,
            max_value=request.max_value,
            per_host=_is_per_host(request.name, request.type),
            enforcement=_member(Enforcement, request.enforcement, f"enforcement of limit {quoted(request.name)!r}"),
            soft_value=request.soft_value or -1,
            exit_status=request.exit_status,
            delay_minutes=request.delay_minutes,
            auto_tag=request.auto_tag,
        )
        id = await call.submit(command)
        made: Limit = call.farm.get("limit", id)
        _warn_of_soft(call, made)
        return limit_pb2.LimitCreateResponse(limit=_message(call, made))

    async def Delete(self, request: limit_pb2.LimitDeleteRequest, call: Call) -> None:
        """Remove a limit; layers keep its name, and nothing counts them by it."""
        await call.submit(c.Delete("limit", _named(call.farm, request.name).id))

    def Find(self, request: limit_pb2.LimitFindRequest, call: Call) -> limit_pb2.LimitFindResponse:
        """A limit by name."""
        return limit_pb2.LimitFindResponse(limit=_message(call, _named(call.farm, request.name)))

    def Get(self, request: limit_pb2.LimitGetRequest, call: Call) -> limit_pb2.LimitGetResponse:
        """A limit by id."""
        return limit_pb2.LimitGetResponse(limit=_message(call, call.farm.get("limit", request.id)))

    def GetAll(self, request: limit_pb2.LimitGetAllRequest, call: Call) -> limit_pb2.LimitGetAllResponse:
        """All limits."""
        return limit_pb2.LimitGetAllResponse(limits=[_message(call, limit) for limit in all_limits(call.farm)])

    async def Rename(self, request: limit_pb2.LimitRenameRequest, call: Call) -> None:
        """Rename a limit, also where layers name it."""
        await call.submit(c.RenameLimit(_named(call.farm, request.old_name).id, request.new_name))

    async def SetMaxValue(self, request: limit_pb2.LimitSetMaxValueRequest, call: Call) -> None:
        """Let more or fewer run at once; what runs goes on."""
        await self._change(request, call, {"max_value": request.max_value})
        _warn_of_soft(call, _named(call.farm, request.name))

    async def SetType(self, request: limit_pb2.LimitSetTypeRequest, call: Call) -> None:
        """Count frames, or hosts."""
        await self._change(request, call, {"per_host": _is_per_host(request.name, request.type)})
        _warn_of_soft(call, _named(call.farm, request.name))

    async def SetEnforcement(self, request: limit_pb2.LimitSetEnforcementRequest, call: Call) -> None:
        """Let a limit hold frames back, only order hosts, or do nothing."""
        enforcement = _member(Enforcement, request.enforcement, f"enforcement of limit {quoted(request.name)!r}")
        await self._change(request, call, {"enforcement": enforcement})

    async def SetSoftValue(self, request: limit_pb2.LimitSetSoftValueRequest, call: Call) -> None:
        """Say from how many hosts on a limit by host goes to no further one: 0 to none at all, -1 for the maximum."""
        await self._change(request, call, {"soft_value": request.soft_value})
        _warn_of_soft(call, _named(call.farm, request.name))

    async def SetReportTtl(self, request: limit_pb2.LimitSetReportTtlRequest, call: Call) -> None:
        """Say how many seconds a report of a limit's use is believed; 0 for ever."""
        await self._change(request, call, {"report_ttl_s": request.report_ttl})

    async def SetFailureRule(self, request: limit_pb2.LimitSetFailureRuleRequest, call: Call) -> None:
        """Say which exit status means that there was no licence; 0 for none."""
        limit = _named(call.farm, request.name)
        rule = c.SetFailureRule(limit.id, request.exit_status, request.delay_minutes, request.auto_tag)
        await call.submit(rule)

    def GetBindings(self, request: limit_pb2.LimitGetBindingsRequest, call: Call) -> limit_pb2.LimitGetBindingsResponse:
        """Layers in memory that a limit counts: all, of some sources, or some of them by id."""
        limit = _named(call.farm, request.limit_name)
        rows = bindings_of(call.farm, limit, _sources(request.sources), frozenset(request.layer_ids))
        return limit_pb2.LimitGetBindingsResponse(bindings=[binding_message(limit.id, row) for row in rows])

    async def ClearBindings(
        self, request: limit_pb2.LimitClearBindingsRequest, call: Call
    ) -> limit_pb2.LimitClearBindingsResponse:
        """Count by a limit no longer what failures or people made it count; never what a specification names."""
        limit = _named(call.farm, request.limit_name)
        removed = await call.submit(c.ClearBindings(limit.id, _sources(request.sources)))
        return limit_pb2.LimitClearBindingsResponse(removed=removed)

    async def ReportUsage(
        self, request: limit_pb2.LimitReportUsageRequest, call: Call
    ) -> limit_pb2.LimitReportUsageResponse:
        """Take in who uses limits, as somebody outside counts it: of each limit that is named, all who do."""
        reported, unknown, skipped = await call.submit(
            c.ReportUsage(tuple(_report(report) for report in request.reports), request.source)
        )
        limits = [call.farm.limits[id] for id in reported if id in call.farm.limits]
        return limit_pb2.LimitReportUsageResponse(
            limits=[_message(call, limit) for limit in limits],
            unknown_limits=unknown,
            skipped_limits=[limit_pb2.LimitReportSkip(limit_name=name, reason=reason) for name, reason in skipped],
        )

    def GetHolds(self, request: limit_pb2.LimitGetHoldsRequest, call: Call) -> limit_pb2.LimitGetHoldsResponse:
        """Hosts that use limits: of one limit or all, on one host or all."""
        limits = [_named(call.farm, request.limit_name)] if request.limit_name else all_limits(call.farm)
        rows = [row for limit in limits for row in holds_of(call.farm, limit, request.host_name)]
        return limit_pb2.LimitGetHoldsResponse(holds=[hold_message(row) for row in rows])

    async def _change(self, request: OfName, call: Call, changes: dict[str, Any]) -> None:
        await call.submit(c.Change("limit", _named(call.farm, request.name).id, changes))


def _warn_of_soft(call: Call, limit: Limit) -> None:
    """Say where a soft value changes nothing."""
    if limit.soft_value < 0:
        return
    if not limit.per_host:
        call.warnings.append(
            f"limit {limit.name!r} counts frames: its soft value {limit.soft_value} has no effect before it counts"
            f" hosts (`cueadmin -limit-type {quote(limit.name)} host`)"
        )
    elif limit.soft_value > limit.max_value:
        call.warnings.append(
            f"the soft value {limit.soft_value} of limit {limit.name!r} is above its maximum, so that the maximum"
            f" {limit.max_value} holds"
        )


def _message(call: Call, limit: Limit) -> limit_pb2.Limit:
    return limit_message(limit_row(call.farm, limit, call.engine.now_us()))


def _report(report: limit_pb2.LimitReport) -> c.UsageReport:
    hosts = tuple(c.HostUsage(host.host_name, host.tokens, host.user) for host in report.hosts)
    return c.UsageReport(report.limit_name, hosts, report.total_licenses, report.capture_time * SECOND)


def _sources(numbers: Iterable[int]) -> tuple[BindSource, ...]:
    return tuple(dict.fromkeys(_member(BindSource, number, "source of bindings") for number in numbers))


def _is_per_host(name: str, number: int) -> bool:
    if number not in (limit_pb2.FRAME, limit_pb2.HOST):
        raise Invalid(f"limit {quoted(name)!r}: a type is FRAME (0) or HOST (1), not {number}")
    return number == limit_pb2.HOST


def _member(kind: type[Member], number: int, what: str) -> Member:
    try:
        return kind(number)
    except ValueError:
        known = ", ".join(f"{member.name} ({member.value})" for member in kind)
        raise Invalid(f"{what}: accepted is {known}, not {number}") from None


def _named(farm: Farm, name: str) -> Limit:
    id = farm.limit_by_name.get(name)
    if id is None:
        known = ", ".join(sorted(farm.limit_by_name)[:20]) or "none yet"
        raise NotFound(f"there is no limit {name!r}; there are {known}")
    return farm.limits[id]

"""Limits: how many frames, or hosts, may use a licence at once, who does, and what a frame without one brings about."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Optional, Union

from opencue_proto import limit_pb2

from opencue import enums
from opencue.changed import Changed
from opencue.rpc import call, change
from opencue.wrappers.entity import Entity, Getter, getter, timeGetter


class Limit(Entity):
    """How many frames of the layers that name it may run at once, or on how many hosts.

    Methods that change it bring `.data` up to date. The server knows a limit by its name.
    """

    _service = "limit"
    _message = limit_pb2.Limit
    LimitType: Any = enums.LimitType
    LimitEnforcement: Any = enums.LimitEnforcement
    LimitBindSource: Any = enums.LimitBindSource
    LimitHoldSource: Any = enums.LimitHoldSource

    def create(self) -> Limit:
        """Make this limit on the farm, with what is in `.data`, and return what the farm has.

        Also its soft value and its rule for failures; a soft value of 0 is the maximum here (see `setSoftValue`).
        """
        return Limit(call("limit", "Create", **{name: getattr(self.data, name) for name in _CREATED}).limit)

    def delete(self) -> Changed:
        """Remove the limit; layers keep its name, and nothing counts them by it."""
        return change("limit", "Delete", name=self.name())

    @staticmethod
    def find(name: str) -> Limit:
        """Return the limit of a name."""
        return Limit(call("limit", "Find", name=name).limit)

    @staticmethod
    def get(limit_id: str) -> Limit:
        """Return the limit of an id."""
        return Limit(call("limit", "Get", id=limit_id).limit)

    def rename(self, newName: str) -> Changed:
        """Give the limit another name, also in the layers that name it."""
        changed = change("limit", "Rename", old_name=self.name(), new_name=newName)
        self._update()
        return changed

    def setMaxValue(self, maxValue: int) -> Changed:
        """Let more or fewer run at once; what runs goes on."""
        return self._set("SetMaxValue", max_value=maxValue)

    def setLimitType(self, limitType: int) -> Changed:
        """Count frames, or hosts (a LimitType)."""
        return self._set("SetType", type=limitType)

    def setEnforcement(self, enforcement: int) -> Changed:
        """Let the limit hold frames back, only choose among hosts, or do nothing (a LimitEnforcement)."""
        return self._set("SetEnforcement", enforcement=enforcement)

    def setSoftValue(self, softValue: int) -> Changed:
        """Say from how many hosts on a limit by host goes to no further one; those that hold it may take more.

        -1 is the maximum; 0 lets only hosts have it that hold it already.
        """
        return self._set("SetSoftValue", soft_value=softValue)

    def setReportTtl(self, reportTtl: int) -> Changed:
        """Say how many seconds a report of its use is believed; after that the limit blocks nothing. 0: for ever."""
        return self._set("SetReportTtl", report_ttl=reportTtl)

    def setFailureRule(self, exitStatus: int, delayMinutes: int = 0, autoTag: bool = True) -> Changed:
        """Say which exit status means that there was no licence: above 1 and no other limit's, or 0 for none.

        With `autoTag` the layer of a frame that ends so is counted by the limit from then on; with a delay it waits for
        so long, and the frame has spent no retry.
        """
        return self._set("SetFailureRule", exit_status=exitStatus, delay_minutes=delayMinutes, auto_tag=autoTag)

    def holds(self, hostName: Optional[str] = None) -> list[limit_pb2.LimitHold]:
        """Return the hosts that use the limit, as messages: all, or one under any spelling."""
        return getLimitHolds(self.name(), hostName)

    def bindings(
        self, sources: Optional[Iterable[int]] = None, layerIds: Optional[Iterable[str]] = None
    ) -> list[limit_pb2.LimitBinding]:
        """Return the layers that the limit counts, as messages: all, of some LimitBindSources, or some of them."""
        return getLimitBindings(self.name(), sources, layerIds)

    def clearBindings(self, sources: Iterable[int]) -> int:
        """Count no longer what failures (AUTO) or people (MANUAL) made it count; return how many layers it was."""
        removed = clearLimitBindings(self.name(), sources)
        self._update()
        return removed

    def _set(self, method: str, **fields: object) -> Changed:
        changed = change("limit", method, name=self.name(), **fields)
        self._update()
        return changed

    def _update(self) -> None:
        self.data = Limit.get(self.id()).data

    id: Getter = getter("id", "UUID of the limit.")
    name: Getter = getter("name", "Name of the limit, by which layers name it.")
    maxValue: Getter = getter("max_value", "How many may run at once.")
    currentRunning: Getter = getter("current_running", "The same as `currentUsage`.")
    limitType: Getter = getter("type", "What it counts.", enums.LimitType)
    enforcement: Getter = getter("enforcement", "Whether it holds frames back.", enums.LimitEnforcement)
    softValue: Getter = getter("soft_value", "From how many hosts on it goes to no further one; -1 for the maximum.")
    currentUsage: Getter = getter("current_usage", "How much of it is used: frames, or hosts where it counts those.")
    settledUsage: Getter = getter("settled_usage", "How much of that was reported from outside.")
    pendingUsage: Getter = getter("pending_usage", "How much of that the farm runs and no report can have seen.")
    hostCount: Getter = getter("host_count", "Hosts that use it.")
    lastReportTime: Getter = timeGetter("last_report_time", "When the last report was true; 0 where there was none.")
    reportSource: Getter = getter("report_source", "Who sent the last report.")
    reportTtl: Getter = getter("report_ttl", "How many seconds a report is believed; 0 for ever.")
    isReportStale: Getter = getter("report_stale", "The last report is too old: the limit blocks nothing.")
    isBlocking: Getter = getter("blocking_disabled", "It may keep frames from starting.", lambda disabled: not disabled)
    exitStatus: Getter = getter("exit_status", "What frames end with that found no licence; 0 for no rule.")
    delayMinutes: Getter = getter("delay_minutes", "How many minutes the layer of such a frame then waits.")
    autoTag: Getter = getter("auto_tag", "The layer of such a frame is counted by the limit from then on.")
    specLayerCount: Getter = getter("spec_layer_count", "Layers that name it in their specification.")
    autoLayerCount: Getter = getter("auto_layer_count", "Layers that a failed frame made it count.")


_CREATED = (
    "name",
    "max_value",
    "type",
    "enforcement",
    "soft_value",
    "exit_status",
    "delay_minutes",
    "auto_tag",
)


def getLimitHolds(limitName: Optional[str] = None, hostName: Optional[str] = None) -> list[limit_pb2.LimitHold]:
    """Return who uses limits, a message for each host: of one limit or all, on one host or all.

    `tokens` is how much is used there, `source` a LimitHoldSource: what the farm runs (CUE), what was reported from
    outside (EXTERNAL), or both.
    """
    return list(call("limit", "GetHolds", limit_name=limitName or "", host_name=hostName or "").holds)


def getLimitBindings(
    limitName: str, sources: Optional[Iterable[int]] = None, layerIds: Optional[Iterable[str]] = None
) -> list[limit_pb2.LimitBinding]:
    """Return the layers that a limit counts, a message for each, and why (`source`, a LimitBindSource)."""
    asked = {"sources": list(sources or ()), "layer_ids": list(layerIds or ())}
    return list(call("limit", "GetBindings", limit_name=limitName, **asked).bindings)


def clearLimitBindings(limitName: str, sources: Iterable[int]) -> int:
    """Count no longer what failures (AUTO) or people (MANUAL) made a limit count; return how many layers it was."""
    return int(call("limit", "ClearBindings", limit_name=limitName, sources=list(sources)).removed)


def buildLimitReport(
    limit_name: str,
    host_tokens: Mapping[str, Union[int, tuple[int, str]]],
    total_licenses: int = 0,
    capture_time: int = 0,
) -> limit_pb2.LimitReport:
    """Return a report of who uses a limit: all hosts that do, with how many tokens, or with (tokens, user).

    `total_licenses` is how many there are, 0 where that is not known; `capture_time` when it was so, in seconds since
    1970, 0 for now.
    """
    hosts = []
    for host, used in host_tokens.items():
        tokens, user = used if isinstance(used, tuple) else (used, "")
        hosts.append(limit_pb2.LimitHostUsage(host_name=host, tokens=tokens, user=user))
    return limit_pb2.LimitReport(
        limit_name=limit_name, hosts=hosts, total_licenses=total_licenses, capture_time=capture_time
    )


def reportLimitUsage(reports: Iterable[limit_pb2.LimitReport], source: str) -> limit_pb2.LimitReportUsageResponse:
    """Say who uses limits, as `source` counts it; each report is all of its limit's use, and replaces the last one.

    The answer has the limits as they are then, the names that no limit has (`unknown_limits`), and the reports that
    were not taken because they came too soon or are older than the last one (`skipped_limits`). A row that makes no
    sense refuses all of them.
    """
    response: limit_pb2.LimitReportUsageResponse = call("limit", "ReportUsage", reports=list(reports), source=source)
    return response

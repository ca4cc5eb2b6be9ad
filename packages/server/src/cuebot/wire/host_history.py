"""What became of hosts, event by event, as messages of the published monitoring interface."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from opencue_proto import host_pb2, monitoring_pb2

from cuebot.domain import events as ev
from cuebot.domain.errors import NotFound
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host
from cuebot.domain.states import HostState, LockState
from cuebot.engine.ports import Recorded
from cuebot.queries.allocations import allocation_ids
from cuebot.queries.hosts import host_row
from cuebot.wire.messages.hosts import host_message
from cuebot.wire.values import member


@dataclass(slots=True)
class _Known:
    """What is known of a host while its events are gone through."""

    state: HostState = HostState.UP
    lock: LockState = LockState.OPEN


@dataclass(frozen=True, slots=True)
class _Happened:
    """One thing that became of a host."""

    recorded: Recorded
    host_id: str
    name: str
    type: monitoring_pb2.EventType.ValueType
    before: _Known
    after: _Known
    what: str = ""


def host_history(
    farm: Farm, newest_first: list[Recorded], request: monitoring_pb2.GetHostHistoryRequest
) -> list[monitoring_pb2.HostEvent]:
    """What a request means of what became of hosts, the newest first. Raises NotFound.

    Facility and allocation are those that a host has now. What a host was before the first of the events is not known,
    and is said to be UP and OPEN.
    """
    names = frozenset(request.host_names)
    states = frozenset(member(HostState, state, "state of a host") for state in request.states)
    allocations = allocation_ids(farm, request.allocations)
    facilities = {_facility_id(farm, name) for name in request.facilities}

    def is_wanted(one: _Happened) -> bool:
        host = farm.hosts.get(one.host_id)
        return bool(
            (not names or one.name in names)
            and (not states or one.after.state in states)
            and (not request.allocations or (host and host.allocation_id in allocations))
            and (not facilities or (host and host.facility_id in facilities))
        )

    found = [one for one in _happened(farm, reversed(newest_first)) if is_wanted(one)]
    return [_message(farm, one) for one in reversed(found)]


def _facility_id(farm: Farm, name: str) -> str:
    id = farm.facility_by_name.get(name)
    if id is None:
        raise NotFound(f"there is no facility {name!r}; there are {', '.join(sorted(farm.facility_by_name))}")
    return id


def _happened(farm: Farm, oldest_first: Iterable[Recorded]) -> Iterator[_Happened]:
    known: dict[str, _Known] = {}
    for recorded in oldest_first:
        event: Any = recorded.event
        id = event.values["id"] if isinstance(event, ev.Added) else event.id
        before = known.get(id, _Known())
        after = _Known(before.state, before.lock)
        values = event.changes if isinstance(event, ev.Changed) else event.values
        if not isinstance(event, ev.Removed):
            after.state = HostState(values.get("state", after.state))
            after.lock = LockState(values.get("lock", after.lock))
        known[id] = after
        host = farm.hosts.get(id)
        name = host.name if host else str(values.get("name", ""))
        for type, what in _types(event, values, before, after):
            yield _Happened(recorded, id, name, type, before, after, what)


def _types(
    event: ev.Event, values: dict[str, Any], before: _Known, after: _Known
) -> Iterator[tuple[monitoring_pb2.EventType.ValueType, str]]:
    if isinstance(event, ev.Added):
        yield monitoring_pb2.HOST_BOOT, "reported for the first time"
    elif isinstance(event, ev.Removed):
        yield monitoring_pb2.HOST_STATE_CHANGED, "deleted"
    else:
        if "boot_us" in values:
            yield monitoring_pb2.HOST_BOOT, ""
        if "state" in values:
            yield monitoring_pb2.HOST_STATE_CHANGED, ""
        if "lock" in values:
            is_open = after.lock is LockState.OPEN
            yield monitoring_pb2.HOST_UNLOCKED if is_open else monitoring_pb2.HOST_LOCKED, ""


def _message(farm: Farm, one: _Happened) -> monitoring_pb2.HostEvent:
    host, recorded = farm.hosts.get(one.host_id), one.recorded
    message = _host(farm, host, one)
    message.state = host_pb2.HardwareState.ValueType(one.after.state)
    message.lock_state = host_pb2.LockState.ValueType(one.after.lock)
    envelope = recorded.envelope
    return monitoring_pb2.HostEvent(
        header=monitoring_pb2.EventHeader(
            event_id=f"{recorded.seq}-{one.type}",
            event_type=one.type,
            timestamp=recorded.at_us // 1_000,
            correlation_id=envelope.request_id,
        ),
        host=message,
        facility=farm.facilities[host.facility_id].name if host else "",
        previous_state=host_pb2.HardwareState.ValueType(one.before.state),
        previous_lock_state=host_pb2.LockState.ValueType(one.before.lock),
        nimby_locked=one.after.lock is LockState.NIMBY_LOCKED,
        reason="; ".join(word for word in (one.what, envelope.reason, f"by {envelope.actor}") if word),
    )


def _host(farm: Farm, host: Host | None, one: _Happened) -> host_pb2.Host:
    """The host as it is now; of one that is gone what is left."""
    if host is None or host.removed:
        return host_pb2.Host(id=one.host_id, name=one.name)
    return host_message(host_row(farm, host))

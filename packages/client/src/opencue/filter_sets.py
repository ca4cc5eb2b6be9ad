"""The filters of a show as plain data, for a file under version control: written, compared, and put back.

`{"filters": [{"name": "hurry", "type": "MATCH_ALL", "enabled": true, "matchers": [{"subject": "JOB_NAME", "type":
"CONTAINS", "input": "comp"}], "actions": [{"type": "SET_JOB_PRIORITY", "value": 80}]}]}`: in their order, groups by
their names, cores in cores, memory in KB.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import grpc
from opencue_proto import filter_pb2

from cuefarm_proto import farm_pb2
from opencue.exception import CueException
from opencue.rpc import call
from opencue.wrappers.filter import Filter, valueType
from opencue.wrappers.show import Show


class FilterChanges(NamedTuple):
    """What an import would do, or has done, by the names of filters."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    moved: bool
    """Their order is another."""

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.moved)


def exportFilters(show: str) -> dict[str, Any]:
    """Return the filters of a show, in their order, as plain data that `json.dump` takes."""
    found = _show(show)
    groups = _groupNames(found)
    return {"filters": [_plain(one, groups) for one in found.getFilters()]}


def compareFilters(show: str, data: dict[str, Any]) -> FilterChanges:
    """Return what an import of this data would change. Raises ValueError, saying where the data make no sense."""
    return _sent("CompareFilters", show, data)


def importFilters(show: str, data: dict[str, Any]) -> FilterChanges:
    """Make the filters of a show what the data say; others are removed, and those that are so already left alone.

    All of it happens at once, or nothing: raises ValueError, saying where the data make no sense, before anything is
    done.
    """
    return _sent("ImportFilters", show, data)


def _sent(method: str, show: str, data: Any) -> FilterChanges:
    wanted = [_message(one) for one in _checked(data)]
    try:
        answer = call("farm", method, show=show, filters=wanted)
    except CueException as error:
        if error.code() is grpc.StatusCode.INVALID_ARGUMENT:  # what only the server can know: groups, patterns, bounds
            raise ValueError(error.details()) from error
        raise
    return FilterChanges(list(answer.added), list(answer.changed), list(answer.removed), answer.moved)


def _message(wanted: dict[str, Any]) -> farm_pb2.WantedFilter:
    return farm_pb2.WantedFilter(
        name=wanted["name"],
        type=filter_pb2.FilterType.Value(wanted["type"]),
        enabled=wanted["enabled"],
        matchers=[
            farm_pb2.WantedMatcher(
                subject=filter_pb2.MatchSubject.Value(matcher["subject"]),
                type=filter_pb2.MatchType.Value(matcher["type"]),
                input=matcher["input"],
            )
            for matcher in wanted["matchers"]
        ],
        actions=[_actionMessage(action) for action in wanted["actions"]],
    )


def _actionMessage(action: dict[str, Any]) -> farm_pb2.WantedAction:
    value = action.get("value")
    message = farm_pb2.WantedAction(type=filter_pb2.ActionType.Value(action["type"]))
    if isinstance(value, bool):
        message.flag = value
    elif isinstance(value, str):
        message.text = value
    elif value is not None:
        message.number = value
    return message


def _show(name: str) -> Show:
    return Show(call("show", "FindShow", name=name).show)


def _groupNames(show: Show) -> dict[str, str]:
    """Names of groups by their ids; where several have one, an id is the only word for each."""
    groups = show.getGroups()
    names = [group.name() for group in groups]
    return {group.id(): group.name() if names.count(group.name()) == 1 else group.id() for group in groups}


def _plain(one: Filter, groups: dict[str, str]) -> dict[str, Any]:
    actions: list[dict[str, Any]] = []
    for action in one.getActions():
        value = action.value()
        if action.data.value_type == filter_pb2.GROUP_TYPE:
            value = groups.get(value, value)
        said = {"type": filter_pb2.ActionType.Name(action.data.type)}
        actions.append(said if value is None else {**said, "value": value})
    return {
        "name": one.name(),
        "type": filter_pb2.FilterType.Name(one.data.type),
        "enabled": one.isEnabled(),
        "matchers": [
            {
                "subject": filter_pb2.MatchSubject.Name(matcher.data.subject),
                "type": filter_pb2.MatchType.Name(matcher.data.type),
                "input": matcher.data.input,
            }
            for matcher in one.getMatchers()
        ],
        "actions": actions,
    }


# --- what the data must be --------------------------------------------------------------------------------------------


def _checked(data: Any) -> list[dict[str, Any]]:
    """The filters of the data, each with all that it has. Raises ValueError."""
    filters = data.get("filters") if isinstance(data, dict) else None
    if not isinstance(filters, list):
        raise ValueError('filters: there is no list "filters"')
    wanted = [_filter(one, f"filters[{place}]") for place, one in enumerate(filters)]
    names = [one["name"] for one in wanted]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"filters: {twice!r} is there twice; names of filters differ")
    return wanted


def _filter(one: Any, where: str) -> dict[str, Any]:
    if not isinstance(one, dict) or not isinstance(one.get("name"), str):
        raise ValueError(f"{where}: a filter is an object with a name")
    parts = {name: one.get(name, []) for name in ("matchers", "actions")}
    for name, given in parts.items():
        if not isinstance(given, list) or not all(isinstance(part, dict) for part in given):
            raise ValueError(f"{where}.{name} is a list of objects")
    enabled = one.get("enabled", True)
    if not isinstance(enabled, bool):
        raise ValueError(f"{where}.enabled is true or false")
    return {
        "name": one["name"],
        "type": _member(filter_pb2.FilterType, one.get("type", "MATCH_ALL"), f"{where}.type"),
        "enabled": enabled,
        "matchers": [_matcher(part, f"{where}.matchers[{n}]") for n, part in enumerate(parts["matchers"])],
        "actions": [_action(part, f"{where}.actions[{n}]") for n, part in enumerate(parts["actions"])],
    }


def _matcher(part: dict[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(part.get("input"), str):
        raise ValueError(f"{where}.input is a text")
    return {
        "subject": _member(filter_pb2.MatchSubject, part.get("subject"), f"{where}.subject"),
        "type": _member(filter_pb2.MatchType, part.get("type"), f"{where}.type"),
        "input": part["input"],
    }


def _action(part: dict[str, Any], where: str) -> dict[str, Any]:
    kind = _member(filter_pb2.ActionType, part.get("type"), f"{where}.type")
    wanted = valueType(filter_pb2.ActionType.Value(kind))
    if wanted == filter_pb2.NONE_TYPE:
        return {"type": kind}
    value, (types, words) = part.get("value"), _VALUES[wanted]
    is_wrong = not isinstance(value, types) or (isinstance(value, bool) and types is not bool)
    if is_wrong or (isinstance(value, (int, float)) and not abs(value) < GREATEST):
        raise ValueError(f"{where}: the value of {kind} is {words}, not {value!r}")
    return {"type": kind, "value": value}


GREATEST = 2**53
"""Numbers beside it are not all sent as they are; no action takes so great a one."""
_VALUES: dict[Any, tuple[Any, str]] = {
    filter_pb2.GROUP_TYPE: (str, "the name of a group"),
    filter_pb2.STRING_TYPE: (str, "a text"),
    filter_pb2.INTEGER_TYPE: (int, "a whole number"),
    filter_pb2.FLOAT_TYPE: ((int, float), "a number"),
    filter_pb2.BOOLEAN_TYPE: (bool, "true or false"),
}
"""What the value of an action may be, and how that is called."""


def _member(enum: Any, name: Optional[Any], where: str) -> str:
    known = list(enum.keys())
    if name not in known:
        raise ValueError(f"{where} is one of {', '.join(known)}, not {name!r}")
    return str(name)

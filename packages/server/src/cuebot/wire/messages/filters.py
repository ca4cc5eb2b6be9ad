"""Filters, their matchers and actions as messages: cores as floats, memory in KiB, on both ways."""

from __future__ import annotations

from typing import Any, Final

from opencue_proto import filter_pb2

from cuebot.domain.errors import Invalid
from cuebot.domain.filtering import TARGETS
from cuebot.domain.nouns import Filter, FilterAction, Matcher
from cuebot.domain.nouns.filters import ActionType
from cuebot.domain.units import UNLIMITED
from cuebot.queries.units import in_cores
from cuebot.wire.values import member, units

_TYPE_OF_FIELD: Final = {
    "group_id": filter_pb2.GROUP_TYPE,
    "tags": filter_pb2.STRING_TYPE,
    "priority": filter_pb2.INTEGER_TYPE,
    "min_memory": filter_pb2.INTEGER_TYPE,
    "min_cores": filter_pb2.FLOAT_TYPE,
    "max_cores": filter_pb2.FLOAT_TYPE,
    "paused": filter_pb2.BOOLEAN_TYPE,
    "memory_optimizer": filter_pb2.BOOLEAN_TYPE,
}
_FIELDS: Final = {
    filter_pb2.GROUP_TYPE: "group_value",
    filter_pb2.STRING_TYPE: "string_value",
    filter_pb2.INTEGER_TYPE: "integer_value",
    filter_pb2.FLOAT_TYPE: "float_value",
    filter_pb2.BOOLEAN_TYPE: "boolean_value",
}


def filter_message(one: Filter) -> filter_pb2.Filter:
    """A filter without its matchers and actions."""
    return filter_pb2.Filter(
        id=one.id,
        name=one.name,
        type=filter_pb2.FilterType.ValueType(one.type),
        order=float(one.order),
        enabled=one.enabled,
    )


def matcher_message(matcher: Matcher) -> filter_pb2.Matcher:
    """A matcher."""
    return filter_pb2.Matcher(
        id=matcher.id,
        subject=filter_pb2.MatchSubject.ValueType(matcher.subject),
        type=filter_pb2.MatchType.ValueType(matcher.type),
        input=matcher.input,
    )


def value_type(kind: ActionType) -> filter_pb2.ActionValueType.ValueType:
    """Which field of the message has the value of an action of this type."""
    target = TARGETS.get(kind)
    return filter_pb2.NONE_TYPE if target is None else _TYPE_OF_FIELD[target.field]


def action_message(action: FilterAction) -> filter_pb2.Action:
    """An action, with its value in the field of its type."""
    kind = value_type(action.type)
    message = filter_pb2.Action(id=action.id, type=filter_pb2.ActionType.ValueType(action.type), value_type=kind)
    if kind != filter_pb2.NONE_TYPE:
        value = action.value
        if kind == filter_pb2.FLOAT_TYPE and value != UNLIMITED:
            value = in_cores(value)
        setattr(message, _FIELDS[kind], value)
    return message


def action_value(message: filter_pb2.Action) -> Any:
    """The value that a message gives to an action, as the farm has it; None where its type takes none.

    Raises Invalid: the type is not known, or takes a value of another kind.
    """
    action_type = member(ActionType, message.type, "the type of an action")
    wanted, given = value_type(action_type), message.value_type
    if wanted == filter_pb2.NONE_TYPE:
        return None
    if wanted == filter_pb2.FLOAT_TYPE and given == filter_pb2.INTEGER_TYPE:
        return units(message.integer_value, action_type.name, unlimited=True)
    if given != wanted:
        names = filter_pb2.ActionValueType.keys()
        said = names[given] if 0 <= given < len(names) else given
        raise Invalid(f"{action_type.name} takes a value of type {names[wanted]}, not {said}")
    value = getattr(message, _FIELDS[wanted])
    return units(value, action_type.name, unlimited=True) if wanted == filter_pb2.FLOAT_TYPE else value

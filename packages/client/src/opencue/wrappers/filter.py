"""Filters of shows: what is done to jobs as they are launched. Their matchers ask, their actions do."""

from __future__ import annotations

from typing import Any, Callable, Iterable

from opencue_proto import filter_pb2, job_pb2
from opencue_proto.filter_pb2 import Action as ActionData
from opencue_proto.filter_pb2 import ActionType, ActionValueType, FilterType, MatchSubject, MatchType
from opencue_proto.filter_pb2 import Filter as FilterData
from opencue_proto.filter_pb2 import Matcher as MatcherData

from opencue import enums
from opencue.changed import Changed
from opencue.wrappers.entity import Entity, Getter, getter

__all__ = [
    "Action",
    "ActionData",
    "ActionType",
    "ActionValueType",
    "Filter",
    "FilterData",
    "FilterType",
    "MatchSubject",
    "MatchType",
    "Matcher",
    "MatcherData",
    "actionData",
    "valueType",
]

_FIELDS = {
    filter_pb2.GROUP_TYPE: "group_value",
    filter_pb2.STRING_TYPE: "string_value",
    filter_pb2.INTEGER_TYPE: "integer_value",
    filter_pb2.FLOAT_TYPE: "float_value",
    filter_pb2.BOOLEAN_TYPE: "boolean_value",
}
"""Where a message has the value of an action, by its type."""


class Filter(Entity):
    """What a show does to jobs that fit: at their launch, or when it is run on them."""

    _service = "filter"
    _message = filter_pb2.Filter
    FilterType: Any = enums.FilterType

    def __eq__(self, other: object) -> bool:
        return self.data == other.data if isinstance(other, Filter) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.data.id)

    def delete(self) -> Changed:
        """Remove the filter with all that it asks and does."""
        return self._change("Delete")

    def createMatcher(self, subject: int, matchType: int, query: str) -> Matcher:
        """Let the filter ask one more question: a MatchSubject, a MatchType, and a text, whose blanks are left out."""
        data = MatcherData(subject=_anEnum(subject), type=_anEnum(matchType), input=query.replace(" ", ""))
        return Matcher(self._call("CreateMatcher", data=data).matcher)

    def createAction(self, actionType: int, value: Any = None) -> Action:
        """Let the filter do one thing more: an ActionType, and a Group, a text, a bool or a number; cores are cores."""
        return Action(self._call("CreateAction", data=_actionOf(actionType, value)).action)

    def getActions(self) -> list[Action]:
        """Return what the filter does, in its order."""
        return [Action(message) for message in self._call("GetActions").actions.actions]

    def getMatchers(self) -> list[Matcher]:
        """Return what the filter asks."""
        return [Matcher(message) for message in self._call("GetMatchers").matchers.matchers]

    def lowerOrder(self) -> Changed:
        """Let the filter act one place later."""
        return self._change("LowerOrder")

    def raiseOrder(self) -> Changed:
        """Let the filter act one place earlier."""
        return self._change("RaiseOrder")

    def orderFirst(self) -> Changed:
        """Let the filter act before the others of its show."""
        return self._change("OrderFirst")

    def orderLast(self) -> Changed:
        """Let the filter act after the others of its show."""
        return self._change("OrderLast")

    def setOrder(self, order: int) -> Changed:
        """Put the filter before the one that has this number."""
        return self._change("SetOrder", order=int(order))

    def runFilterOnGroup(self, group: Any) -> Changed:
        """Have the filter, enabled or not, act on the jobs of a Group, in any state."""
        return self._change("RunFilterOnGroup", group=group.data)

    def runFilterOnJobs(self, jobs: Iterable[Any]) -> Changed:
        """Have the filter, enabled or not, act on jobs."""
        return self._change("RunFilterOnJobs", jobs=job_pb2.JobSeq(jobs=[job.data for job in jobs]))

    def setEnabled(self, value: bool) -> Changed:
        """Let the filter act on jobs that are launched, or no more."""
        return self._change("SetEnabled", enabled=value)

    def setName(self, name: str) -> Changed:
        """Rename the filter."""
        return self._change("SetName", name=name)

    def setType(self, filterType: int) -> Changed:
        """Say whether a job has to fit all that the filter asks, or any of it (a FilterType)."""
        return self._change("SetType", type=filterType)

    id: Getter = getter("id", "UUID of the filter.")
    name: Getter = getter("name", "Name of the filter.")
    type: Getter = getter("type", "Whether a job has to fit all of its matchers or any, a FilterType.")
    order: Getter = getter("order", "Its place among the filters of its show; the first is 1.")
    isEnabled: Getter = getter("enabled", "Whether it acts on jobs that are launched.")


class Action(Entity):
    """One thing that a filter does."""

    _service = "action"
    _message = filter_pb2.Action
    ActionType: Any = enums.ActionType
    ActionValueType: Any = enums.ActionValueType

    def getParentFilter(self) -> Filter:
        """Return the filter whose action it is."""
        return Filter(self._call("GetParentFilter").filter)

    def delete(self) -> Changed:
        """Let the filter do one thing less."""
        return self._change("Delete")

    def commit(self) -> Changed:
        """Send what was set in `.data`."""
        return self._change("Commit")

    def isNew(self) -> bool:
        """Return whether the farm does not have it yet."""
        return not self.data.id

    def name(self) -> str:
        """Return what it does: its type, and its value where it takes one."""
        value = self.value()
        kind = ActionType.Name(self.data.type)
        return kind if value is None else f"{kind} {value}"

    def value(self) -> Any:
        """Return its value: the id of a group, a text, a bool or a number; None where its type takes none."""
        field = _FIELDS.get(self.data.value_type)
        return getattr(self.data, field) if field else None

    def setTypeAndValue(self, actionType: int, value: Any = None) -> Changed:
        """Let it do something else, and send that: the ActionType says in which form the value goes."""
        data = actionData(actionType, value)
        data.id = self.data.id
        self.data.CopyFrom(data)
        return self.commit()

    id: Getter = getter("id", "UUID of the action.")
    type: Getter = getter("type", "What it does, an ActionType.")


class Matcher(Entity):
    """One question that a filter asks of a job."""

    _service = "matcher"
    _message = filter_pb2.Matcher
    MatchSubject: Any = enums.MatchSubject
    MatchType: Any = enums.MatchType

    def getParentFilter(self) -> Filter:
        """Return the filter whose matcher it is."""
        return Filter(self._call("GetParentFilter").filter)

    def delete(self) -> Changed:
        """Let the filter ask one question less."""
        return self._change("Delete")

    def commit(self) -> Changed:
        """Send what was set in `.data`."""
        return self._change("Commit")

    def isNew(self) -> bool:
        """Return whether the farm does not have it yet."""
        return not self.data.id

    def name(self) -> str:
        """Return the question: `JOB_NAME CONTAINS comp`."""
        return f"{MatchSubject.Name(self.data.subject)} {MatchType.Name(self.data.type)} {self.data.input}"

    def setSubject(self, value: int) -> Changed:
        """Ask something else of the job (a MatchSubject), and send that."""
        self.data.subject = value
        return self.commit()

    def setType(self, value: int) -> Changed:
        """Compare in another way (a MatchType), and send that."""
        self.data.type = value
        return self.commit()

    def setInput(self, value: str) -> Changed:
        """Compare with another text, whose blanks are left out, and send that."""
        self.data.input = value.replace(" ", "")
        return self.commit()

    id: Getter = getter("id", "UUID of the matcher.")
    subject: Getter = getter("subject", "What of the job it asks, a MatchSubject.")
    type: Getter = getter("type", "How it compares, a MatchType.")
    input: Getter = getter("input", "What it compares with.")


def _anEnum(number: int) -> Any:
    """A number for an enumeration's field."""
    return int(number)


def _actionOf(actionType: int, value: Any) -> ActionData:
    """A message whose value is in the field of what it is."""
    kind: Any
    if isinstance(value, bool):
        kind = filter_pb2.BOOLEAN_TYPE
    elif isinstance(value, int):
        kind = filter_pb2.INTEGER_TYPE
    elif isinstance(value, float):
        kind = filter_pb2.FLOAT_TYPE
    elif isinstance(value, str):
        kind = filter_pb2.GROUP_TYPE if actionType == filter_pb2.MOVE_JOB_TO_GROUP else filter_pb2.STRING_TYPE
    elif value is None:
        kind = filter_pb2.NONE_TYPE
    else:
        kind, value = filter_pb2.GROUP_TYPE, _groupId(value)
    return _action(actionType, kind, value)


def valueType(actionType: int) -> Any:
    """Return the ActionValueType of what an action of a type takes."""
    name = ActionType.Name(_anEnum(actionType))
    if name == "MOVE_JOB_TO_GROUP":
        return filter_pb2.GROUP_TYPE
    if name in ("PAUSE_JOB", "SET_MEMORY_OPTIMIZER"):
        return filter_pb2.BOOLEAN_TYPE
    if name == "SET_JOB_PRIORITY" or name.endswith("_MEMORY"):
        return filter_pb2.INTEGER_TYPE
    if name.endswith("_CORES") and name != "SET_ALL_RENDER_LAYER_CORES":
        return filter_pb2.FLOAT_TYPE
    return filter_pb2.STRING_TYPE if name.endswith("_TAGS") else filter_pb2.NONE_TYPE


def actionData(actionType: int, value: Any = None) -> ActionData:
    """Return a message whose value is in the field that its type takes. Raises ValueError or TypeError."""
    kind = valueType(actionType)
    return _action(actionType, kind, _MADE[kind](value) if kind in _MADE else None)


def _action(actionType: int, valueType: Any, value: Any) -> ActionData:
    fields = {_FIELDS[valueType]: value} if valueType in _FIELDS else {}
    return ActionData(type=_anEnum(actionType), value_type=valueType, **fields)


def _groupId(group: Any) -> str:
    """The id of a Group, of its message, or as it is."""
    if isinstance(group, str):
        return group
    if isinstance(group, job_pb2.Group):
        return group.id
    id: str = group.data.id
    return id


_MADE: dict[Any, Callable[[Any], Any]] = {
    filter_pb2.GROUP_TYPE: _groupId,
    filter_pb2.STRING_TYPE: str,
    filter_pb2.INTEGER_TYPE: int,
    filter_pb2.FLOAT_TYPE: float,
    filter_pb2.BOOLEAN_TYPE: bool,
}
"""What makes a value of a type."""

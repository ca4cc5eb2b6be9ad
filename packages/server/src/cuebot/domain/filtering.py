"""What filters do to a job: matched and done in their order. At launch, later, or only to see what would be done.

(opencue-behaviour: filters.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from cuebot.domain.bounds import INT32_MAX
from cuebot.domain.errors import Invalid
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Filter, FilterAction, Group, Job, Layer, Matcher
from cuebot.domain.nouns.filters import ActionType, FilterType, MatchSubject, MatchType
from cuebot.domain.patterns import CHOICE_EFFORT, REPEAT_EFFORT, Powers, compile_pattern, powers
from cuebot.domain.states import LayerType
from cuebot.domain.tags import split_tags
from cuebot.domain.units import ONE_CORE, UNLIMITED

ONE_NAME_EFFORT: Final = 2 * REPEAT_EFFORT + CHOICE_EFFORT
"""How hard a pattern for one name may be to fail: 50 ms for the longest name."""
MANY_NAMES_EFFORT: Final = REPEAT_EFFORT + CHOICE_EFFORT
"""The same where a job may have thousands of names: of layers, and of services."""

STEPS_OF_COMPARISON: Final = 50
"""What a comparison without a pattern counts for: it takes as long as so many steps of one."""

_LOWER: Final = frozenset(
    {MatchSubject.JOB_NAME, MatchSubject.SHOW, MatchSubject.SHOT, MatchSubject.USER, MatchSubject.FACILITY}
)
"""What is compared whatever its case."""
_MANY: Final = frozenset({MatchSubject.SERVICE_NAME, MatchSubject.LAYER_NAME})


class Target(NamedTuple):
    """What an action sets."""

    noun: str
    """job or layer."""
    field: str
    layer_type: LayerType | None = None
    """Of the layers that are meant; None for all."""


def _of_layers(prefix: str, layer_type: LayerType) -> dict[ActionType, Target]:
    fields = {"TAGS": "tags", "MEMORY": "min_memory", "MIN_CORES": "min_cores", "MAX_CORES": "max_cores"}
    return {
        ActionType[f"SET_ALL_{prefix}_LAYER_{word}"]: Target("layer", name, layer_type) for word, name in fields.items()
    }


TARGETS: Final[dict[ActionType, Target]] = {
    ActionType.MOVE_JOB_TO_GROUP: Target("job", "group_id"),
    ActionType.PAUSE_JOB: Target("job", "paused"),
    ActionType.SET_JOB_MIN_CORES: Target("job", "min_cores"),
    ActionType.SET_JOB_MAX_CORES: Target("job", "max_cores"),
    ActionType.SET_JOB_PRIORITY: Target("job", "priority"),
    ActionType.SET_MEMORY_OPTIMIZER: Target("layer", "memory_optimizer"),
    **_of_layers("RENDER", LayerType.RENDER),
    **_of_layers("UTIL", LayerType.UTIL),
    **_of_layers("PRE", LayerType.PRE),
}
"""What each type of action sets; STOP_PROCESSING and SET_ALL_RENDER_LAYER_CORES set nothing."""


@dataclass(slots=True)
class Acted:
    """A filter that a job fits, and what it does."""

    filter: Filter
    actions: list[FilterAction]


class Steps:
    """How long may still be asked of one job, whatever filters of its show have been thought up."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, matcher: Matcher, names: tuple[str, ...]) -> bool:
        """Count the steps of a matcher; False where they are too many."""
        if matcher.type is MatchType.REGEX:
            cost = _pattern(matcher.subject, matcher.input, INT32_MAX).powers.steps
            self.left -= sum(cost(len(name)) for name in names)
        else:
            self.left -= STEPS_OF_COMPARISON * len(names)
        return self.left >= 0


@dataclass(slots=True)
class Outcome:
    """What filters do to one job."""

    acted: list[Acted] = field(default_factory=list)
    job: dict[str, Any] = field(default_factory=dict)
    """New values of fields of the job."""
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """New values of fields of its layers, by their ids."""
    missed: Filter | None = None
    """The first one that was not asked, because all of them together take too long on this job."""


def filters_of(farm: Farm, show_id: str, *, enabled: bool = True) -> list[Filter]:
    """The filters of a show in their order; only those that are enabled, or all."""
    found = [farm.filters[id] for id in farm.filters_of_show.get(show_id, ())]
    return sorted((one for one in found if one.enabled or not enabled), key=lambda one: (one.order, one.id))


def run_filters(farm: Farm, filters: Iterable[Filter], job: Job, layers: list[Layer]) -> Outcome:
    """What filters do to a job, one after the other: what one has set, the next one sees. Nothing is changed."""
    outcome = Outcome()
    names: dict[MatchSubject, tuple[str, ...]] = {}
    steps = Steps(farm.bounds.filter_steps)
    for one in filters:
        names = names or _names(farm, job, layers)
        if not all(steps.take(matcher, names[matcher.subject]) for matcher in one.matchers):
            outcome.missed = one
            break
        if not fits(one, names):
            continue
        actions = one.in_order()
        outcome.acted.append(Acted(one, actions))
        for action in actions:
            _do(farm, action, layers, outcome)
        if "priority" in outcome.job:
            names[MatchSubject.PRIORITY] = (str(outcome.job["priority"]),)
        if actions and actions[-1].type is ActionType.STOP_PROCESSING:
            break
    return outcome


def _names(farm: Farm, job: Job, layers: list[Layer]) -> dict[MatchSubject, tuple[str, ...]]:
    """What matchers compare, by subject."""
    return {
        MatchSubject.JOB_NAME: (job.name.lower(),),
        MatchSubject.SHOW: (farm.shows[job.show_id].name.lower(),),
        MatchSubject.SHOT: (job.shot.lower(),),
        MatchSubject.USER: (job.user.lower(),),
        MatchSubject.FACILITY: (farm.facilities[job.facility_id].name.lower(),),
        MatchSubject.PRIORITY: (str(job.priority),),
        MatchSubject.SERVICE_NAME: tuple(dict.fromkeys(name for layer in layers for name in layer.services)),
        MatchSubject.LAYER_NAME: tuple(layer.name for layer in layers),
    }


# --- matching ---------------------------------------------------------------------------------------------------------


def fits(one: Filter, names: dict[MatchSubject, tuple[str, ...]]) -> bool:
    """Whether a job with these names fits a filter; nothing fits one without matchers."""
    answers = (_answer(matcher, names[matcher.subject]) for matcher in one.matchers)
    return bool(one.matchers) and (all(answers) if one.type is FilterType.MATCH_ALL else any(answers))


def _answer(matcher: Matcher, names: tuple[str, ...]) -> bool:
    """Any of several names is enough; of a negative question, none may be there."""
    wanted = matcher.input.lower() if matcher.subject in _LOWER else matcher.input
    match matcher.type:
        case MatchType.REGEX:
            search = _pattern(matcher.subject, matcher.input, INT32_MAX).search
            return any(search(name) for name in names)
        case MatchType.DOES_NOT_CONTAIN:
            return not any(wanted in name for name in names)
        case MatchType.IS_NOT:
            return wanted not in names
        case kind:
            return any(_COMPARED[kind](name, wanted) for name in names)


_COMPARED: Final[dict[MatchType, Callable[[str, str], bool]]] = {
    MatchType.CONTAINS: lambda name, wanted: wanted in name,
    MatchType.IS: lambda name, wanted: wanted == name,
    MatchType.BEGINS_WITH: str.startswith,
    MatchType.ENDS_WITH: str.endswith,
}


def check_pattern(subject: MatchSubject, text: str, most_characters: int) -> None:
    """Refuse what is no regular expression, or one that could hold up a launch. Raises Invalid."""
    _pattern(subject, text, most_characters)


class _Pattern(NamedTuple):
    search: Callable[[str], object]
    powers: Powers


@lru_cache(maxsize=4096)
def _pattern(subject: MatchSubject, text: str, most_characters: int) -> _Pattern:
    effort = MANY_NAMES_EFFORT if subject in _MANY else ONE_NAME_EFFORT
    made = compile_pattern(text, most_characters, effort=effort, ignore_case=subject in _LOWER)
    return _Pattern(made.search, powers(made.pattern))


# --- doing ------------------------------------------------------------------------------------------------------------


def _do(farm: Farm, action: FilterAction, layers: list[Layer], outcome: Outcome) -> None:
    target = TARGETS.get(action.type)
    if target is None:
        return
    if action.type is ActionType.MOVE_JOB_TO_GROUP:
        group = farm.groups.get(action.value)
        if group is not None:
            # What a filter has set, a group's default does not change.
            outcome.job = {**outcome.job, "group_id": group.id, **_missing(group_defaults(group), outcome.job)}
    elif target.noun == "job":
        outcome.job[target.field] = action.value
    else:
        value = split_tags(action.value) if target.field == "tags" else action.value
        for layer in layers:
            if target.layer_type in (None, layer.type):
                outcome.layers.setdefault(layer.id, {})[target.field] = value


def _missing(values: dict[str, int], given: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in values.items() if name not in given}


def group_defaults(group: Group) -> dict[str, int]:
    """The values that a group gives to its jobs."""
    names = ("priority", "min_cores", "max_cores", "min_gpus", "max_gpus")
    values = {name: int(getattr(group, f"default_job_{name}")) for name in names}
    return {name: value for name, value in values.items() if value != UNLIMITED}


# --- in words ---------------------------------------------------------------------------------------------------------


def in_words(farm: Farm, acted: Acted) -> list[str]:
    """What a filter does, an action each."""
    return [action_in_words(farm, action) for action in acted.actions]


def action_in_words(farm: Farm, action: FilterAction) -> str:
    """What an action does: `priority 80`, `memory of render layers 4194304 KiB`."""
    target = TARGETS.get(action.type)
    if target is None:
        return "no further filter" if action.type is ActionType.STOP_PROCESSING else "nothing"
    if target.field == "group_id":
        group = farm.groups.get(action.value)
        return f"group {group.name}" if group else "a group that is gone: nothing"
    if target.field == "paused":
        return "paused" if action.value else "not paused"
    layers = "all layers" if target.layer_type is None else f"{target.layer_type.name.lower()} layers"
    of_whom = f" of {layers}" if target.noun == "layer" else ""
    return f"{_CALLED.get(target.field, target.field)}{of_whom} {_value_in_words(target.field, action.value)}"


_CALLED: Final = {
    "min_cores": "minimum of cores",
    "max_cores": "maximum of cores",
    "min_memory": "memory",
    "memory_optimizer": "memory optimizer",
}


def _value_in_words(name: str, value: Any) -> str:
    if name in ("min_cores", "max_cores"):
        return "-1" if value == UNLIMITED else f"{value / ONE_CORE:g}"
    if name == "min_memory":
        return f"{value} KiB"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def check_group(farm: Farm, one: Filter, group_id: Any) -> str:
    """The id of a group to which a filter may move jobs. Raises Invalid."""
    group = farm.groups.get(group_id)
    if group is None or group.show_id != one.show_id:
        raise Invalid(
            f"filter {one.name!r}: {group_id!r} is no group of its show {farm.shows[one.show_id].name!r}; jobs move"
            " only within their show"
        )
    return group.id

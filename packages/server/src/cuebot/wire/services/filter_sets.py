"""The part of cuefarm.v1 FarmInterface that replaces the filters of a show all at once, or tells what that would do."""

from __future__ import annotations

from typing import Any, Final

from cuebot.decide.filter_sets import replace_filters
from cuebot.domain import commands as c
from cuebot.domain.errors import FarmError, Invalid
from cuebot.domain.farm import Farm
from cuebot.domain.filtering import TARGETS
from cuebot.domain.nouns.filters import ActionType
from cuebot.wire.call import Call
from cuebot.wire.values import units
from cuefarm_proto import farm_pb2

_KINDS: Final = {
    "group_id": ("text", "the name of a group"),
    "tags": ("text", "a text"),
    "priority": ("number", "a whole number"),
    "min_memory": ("number", "a whole number"),
    "min_cores": ("number", "a number"),
    "max_cores": ("number", "a number"),
    "paused": ("flag", "true or false"),
    "memory_optimizer": ("flag", "true or false"),
}
"""Where the value for a field is in a message, and how that is called."""


class FilterSets:
    """Filters of a show that come from a file."""

    async def ImportFilters(self, request: farm_pb2.ImportFiltersRequest, call: Call) -> farm_pb2.ImportFiltersResponse:
        """Make the filters of a show those that are given, all at once or not at all; others are removed."""
        names = await call.submit(_command(request, call.farm))
        response = farm_pb2.ImportFiltersResponse(**names)
        call.count(len(response.added) + len(response.changed) + len(response.removed) + response.moved)
        return response

    def CompareFilters(self, request: farm_pb2.ImportFiltersRequest, call: Call) -> farm_pb2.ImportFiltersResponse:
        """What that would change. It refuses what an import would."""
        context = call.engine.core.context(call.engine.now_us())
        return farm_pb2.ImportFiltersResponse(**replace_filters(call.farm, _command(request, call.farm), context)[1])


def _command(request: farm_pb2.ImportFiltersRequest, farm: Farm) -> c.ReplaceFilters:
    wanted = [_wanted(one, f"filters[{place}]") for place, one in enumerate(request.filters)]
    return c.ReplaceFilters(farm.show_named(request.show).id, tuple(wanted))


def _wanted(one: farm_pb2.WantedFilter, where: str) -> c.WantedFilter:
    return c.WantedFilter(
        one.name,
        one.type,
        one.enabled,
        tuple((asked.subject, asked.type, asked.input) for asked in one.matchers),
        tuple((done.type, _value(done, f"{where}.actions[{place}]")) for place, done in enumerate(one.actions)),
    )


def _value(done: farm_pb2.WantedAction, where: str) -> Any:
    """The value as the farm has it; of a type that is not known nothing, since it is refused for that."""
    try:
        target = TARGETS.get(ActionType(done.type))
    except ValueError:
        return None
    if target is None:
        return None
    field, words = _KINDS[target.field]
    name = ActionType(done.type).name
    value = getattr(done, field)
    is_whole = target.field not in ("priority", "min_memory") or float(value).is_integer()
    if done.WhichOneof("value") != field or not is_whole:
        raise Invalid(f"{where}: the value of {name} is {words}")
    if target.field not in ("min_cores", "max_cores"):
        return int(value) if field == "number" else value
    try:
        return units(value, name, unlimited=True)
    except FarmError as error:
        raise Invalid(f"{where}: {error}") from error

"""The filters of a show replaced by others, all at once: every one of them is checked before any is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from cuebot.decide.changes import checked
from cuebot.decide.context import Context
from cuebot.decide.filters import action, check_count, check_parts, matcher, member, plain
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import FarmError, Invalid, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.filtering import filters_of
from cuebot.domain.nouns import Filter, Show, stored_values
from cuebot.domain.nouns.filters import ActionType, FilterType


def replace_filters(farm: Farm, command: c.ReplaceFilters, context: Context) -> tuple[list[ev.Event], dict[str, Any]]:
    """Make the filters of a show others. Replies with the names of those that are added, changed and removed.

    Raises Invalid, with the place of what makes no sense, before anything is done.
    """
    show: Show = farm.get("show", command.show_id)
    bound = "filters_per_show"
    check_count(f"show {show.name!r}", "filters", len(command.filters), bound, context.bounds)
    there = {one.name: one for one in filters_of(farm, show.id, enabled=False)}
    made: dict[str, Filter] = {}
    for place, wanted in enumerate(command.filters):
        with _at(f"filters[{place}]"):
            one = _made(farm, show, wanted, place + 1, there.get(wanted.name.strip()), context)
            if one.name in made:
                raise Invalid(f"{one.name!r} is there twice; names of filters differ")
        made[one.name] = one

    gone = [one for one in there.values() if one.name not in made]
    kept = [name for name in there if name in made]
    events: list[ev.Event] = [ev.Removed("filter", one.id, stored_values(one)) for one in gone]
    changed = []
    for one in made.values():
        old = there.get(one.name)
        new_values = stored_values(one)
        if old is None:
            events.append(ev.Added("filter", new_values))
            continue
        old_values = stored_values(old)
        changes = {name: value for name, value in new_values.items() if old_values[name] != value}
        if changes:
            events.append(ev.Changed("filter", one.id, changes))
        if changes.keys() - {"order"}:
            changed.append(one.name)
    return events, {
        "added": [name for name in made if name not in there],
        "changed": changed,
        "removed": [one.name for one in gone],
        "moved": kept != [name for name in made if name in there],
    }


def _made(farm: Farm, show: Show, wanted: c.WantedFilter, order: int, old: Filter | None, context: Context) -> Filter:
    """The filter that is wanted; matchers and actions that are so already stay the same ones."""
    bounds = context.bounds
    name = checked("filter", wanted.name, {"name": wanted.name}, bounds)["name"]
    one = Filter(old.id if old else context.new_id(), show.id, name, order, enabled=wanted.enabled)
    one.type = member(FilterType, wanted.type, one, "type of a filter")
    check_parts(one, "matchers", len(wanted.matchers), bounds)
    check_parts(one, "actions", len(wanted.actions), bounds)

    matchers, actions = [], []
    for place, given in enumerate(wanted.matchers):
        with _at(f".matchers[{place}]"):
            matchers.append(matcher(one, "", *given, bounds))
    for place, (kind, value) in enumerate(wanted.actions):
        with _at(f".actions[{place}]"):
            if kind == ActionType.MOVE_JOB_TO_GROUP:
                value = _group_id(farm, show, value)
            actions.append(action(farm, one, "", kind, value, bounds))
    one.matchers = _same_where_alike(tuple(matchers), old.matchers if old else (), context)
    one.actions = _same_where_alike(tuple(actions), old.actions if old else (), context)
    return one


def _same_where_alike(made: tuple[Any, ...], old: tuple[Any, ...], context: Context) -> tuple[Any, ...]:
    if [{**plain(part), "id": ""} for part in old] == [plain(part) for part in made]:
        return old
    return tuple(replace(part, id=context.new_id()) for part in made)


def _group_id(farm: Farm, show: Show, name_or_id: Any) -> str:
    """The id of a group of a show by its name, where only one is called so, or as it is."""
    groups = [group for group in farm.groups.values() if group.show_id == show.id]
    if any(group.id == name_or_id for group in groups):
        return str(name_or_id)
    named = [group for group in groups if group.name == name_or_id]
    if len(named) == 1:
        return named[0].id
    known = ", ".join(sorted(group.name for group in groups))
    said = quoted(str(name_or_id))
    if named:
        raise Invalid(f"{len(named)} groups of show {show.name!r} are called {said!r}; give the id of one")
    raise Invalid(f"show {show.name!r} has no group {said!r}; it has {known}")


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Say where, in the data that were given, a mistake is."""
    try:
        yield
    except FarmError as error:
        text = str(error)
        raise Invalid(place + text if text.startswith(".") else f"{place}: {text}") from error

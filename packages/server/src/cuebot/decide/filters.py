"""Commands on filters: made, put in order, given matchers and actions, and run on jobs that are there already.

What a filter does to a job is `domain.filtering`; how it does so at launch, `submission`.
"""

from __future__ import annotations

from typing import Any, Final

from cuebot.decide.changes import checked
from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import AlreadyExists, Invalid, LimitExceeded, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.filtering import TARGETS, Outcome, check_group, check_pattern, filters_of, in_words, run_filters
from cuebot.domain.nouns import Filter, FilterAction, Job, Matcher, Show, stored_values
from cuebot.domain.nouns.filters import ActionType, MatchSubject, MatchType


def create_filter(farm: Farm, command: c.CreateFilter, context: Context) -> tuple[list[ev.Event], str]:
    """Make a filter, enabled and after the others of its show; it fits nothing yet. Replies with its id."""
    show: Show = farm.get("show", command.show_id)
    name = checked("filter", command.name, {"name": command.name}, context.bounds)["name"]
    if (show.id, name) in farm.filter_by_name:
        raise AlreadyExists(f"show {show.name!r} has a filter {name!r} already")
    count = len(farm.filters_of_show.get(show.id, ()))
    check_count(f"show {show.name!r}", "filters", count + 1, "filters_per_show", context.bounds)
    made = Filter(context.new_id(), show.id, name, order=count + 1)
    return [ev.Added("filter", stored_values(made))], made.id


def place_filter(farm: Farm, command: c.PlaceFilter, context: Context) -> list[ev.Event]:
    """Give a filter another place; those between change theirs."""
    moved: Filter = farm.get("filter", command.filter_id)
    others = [one for one in filters_of(farm, moved.show_id, enabled=False) if one is not moved]
    match command.place:
        case c.Place.FIRST:
            at = 0
        case c.Place.LAST:
            at = len(others)
        case c.Place.EARLIER:
            at = max(moved.order - 2, 0)
        case c.Place.LATER:
            at = min(moved.order, len(others))
        case number:
            at = sum(one.order < number for one in others)
    return renumbered([*others[:at], moved, *others[at:]])


def renumbered(filters: list[Filter]) -> list[ev.Event]:
    """Filters of a show get the numbers from 1 on, in this order."""
    return [
        ev.Changed("filter", one.id, {"order": order})
        for order, one in enumerate(filters, start=1)
        if one.order != order
    ]


# --- matchers ---------------------------------------------------------------------------------------------------------


def add_matcher(farm: Farm, command: c.AddMatcher, context: Context) -> tuple[list[ev.Event], str]:
    """Let a filter ask one more question. Replies with the matcher's id."""
    one: Filter = farm.get("filter", command.filter_id)
    made = matcher(one, context.new_id(), command.subject, command.type, command.input, context.bounds)
    check_parts(one, "matchers", len(one.matchers) + 1, context.bounds)
    return [_with_matchers(one, (*one.matchers, made))], made.id


def change_matcher(farm: Farm, command: c.ChangeMatcher, context: Context) -> list[ev.Event]:
    """Let a matcher ask something else; it keeps its place."""
    one, old = farm.matcher(command.matcher_id)
    made = matcher(one, old.id, command.subject, command.type, command.input, context.bounds)
    return _unless_same(old, made, _with_matchers(one, tuple(made if x is old else x for x in one.matchers)))


def remove_matcher(farm: Farm, command: c.RemoveMatcher, context: Context) -> list[ev.Event]:
    """Let a filter ask one question less; one without any fits nothing."""
    one, old = farm.matcher(command.matcher_id)
    return [_with_matchers(one, tuple(x for x in one.matchers if x is not old))]


def _with_matchers(one: Filter, matchers: tuple[Matcher, ...]) -> ev.Changed:
    return ev.Changed("filter", one.id, {"matchers": [plain(part) for part in matchers]})


def matcher(one: Filter, id: str, subject_number: int, type_number: int, text: str, bounds: Bounds) -> Matcher:
    """A matcher of a filter. Raises Invalid for one that makes no sense, or could hold up a launch."""
    subject = member(MatchSubject, subject_number, one, "subject of a matcher")
    kind = member(MatchType, type_number, one, "type of a matcher")
    most = bounds.matcher_characters
    if len(text) > most or not text.isprintable():
        raise Invalid(
            f"filter {one.name!r}: a matcher compares with at most {most} printable characters (matcher_characters)"
        )
    if kind is MatchType.REGEX:
        try:
            check_pattern(subject, text, bounds.pattern_characters)
        except Invalid as error:
            raise Invalid(f"filter {one.name!r}, {subject.name}: {error}") from error
    return Matcher(id, subject, kind, text)


# --- actions ----------------------------------------------------------------------------------------------------------


def add_action(farm: Farm, command: c.AddFilterAction, context: Context) -> tuple[list[ev.Event], str]:
    """Let a filter do one thing more. Replies with the action's id."""
    one: Filter = farm.get("filter", command.filter_id)
    made = action(farm, one, context.new_id(), command.type, command.value, context.bounds)
    check_parts(one, "actions", len(one.actions) + 1, context.bounds)
    return [_with_actions(one, (*one.actions, made))], made.id


def change_action(farm: Farm, command: c.ChangeFilterAction, context: Context) -> list[ev.Event]:
    """Let a filter do something else; it keeps its place."""
    one, old = farm.filter_action(command.action_id)
    made = action(farm, one, old.id, command.type, command.value, context.bounds)
    return _unless_same(old, made, _with_actions(one, tuple(made if x is old else x for x in one.actions)))


def remove_action(farm: Farm, command: c.RemoveFilterAction, context: Context) -> list[ev.Event]:
    """Let a filter do one thing less."""
    one, old = farm.filter_action(command.action_id)
    return [_with_actions(one, tuple(x for x in one.actions if x is not old))]


def _with_actions(one: Filter, actions: tuple[FilterAction, ...]) -> ev.Changed:
    return ev.Changed("filter", one.id, {"actions": [plain(part) for part in actions]})


def action(farm: Farm, one: Filter, id: str, number: int, given: Any, bounds: Bounds) -> FilterAction:
    """An action with the value that is stored. Raises Invalid for one that its type does not take."""
    kind = member(ActionType, number, one, "type of an action")
    target = TARGETS.get(kind)
    if target is None:
        return FilterAction(id, kind)
    if kind is ActionType.MOVE_JOB_TO_GROUP:
        return FilterAction(id, kind, check_group(farm, one, given))
    value = checked(target.noun, f"that filter {one.name!r} acts on", {target.field: given}, bounds)[target.field]
    return FilterAction(id, kind, ",".join(value) if target.field == "tags" else value)


# --- both -------------------------------------------------------------------------------------------------------------


def plain(part: Matcher | FilterAction) -> dict[str, Any]:
    """A matcher or an action as events have it."""
    return stored_values(part)


def _unless_same(old: object, made: object, changed: ev.Event) -> list[ev.Event]:
    return [] if made == old else [changed]


def member(kind: Any, number: int, one: Filter, what: str) -> Any:
    """A member of an enumeration by its number. Raises Invalid, with those that there are."""
    try:
        return kind(number)
    except ValueError:
        known = ", ".join(f"{item.name} {item.value}" for item in kind)
        raise Invalid(f"filter {one.name!r}: {quoted(str(number))} is no {what}; there are {known}") from None


def check_parts(one: Filter, what: str, count: int, bounds: Bounds) -> None:
    """Refuse more matchers or actions than a filter may have. Raises LimitExceeded."""
    check_count(f"filter {one.name!r}", what, count, "parts_per_filter", bounds)


def check_count(thing: str, what: str, count: int, bound: str, bounds: Bounds) -> None:
    """Refuse more than a bound allows. Raises LimitExceeded."""
    allowed = getattr(bounds, bound)
    if count > allowed:
        raise LimitExceeded(thing, what, given=count, limit=bound, allowed=allowed)


# --- running them -----------------------------------------------------------------------------------------------------


def run(farm: Farm, command: c.RunFilters, context: Context) -> list[ev.Event]:
    """Have filters act on jobs as they would at launch; jobs that none fits stay as they are."""
    only: Filter | None = farm.get("filter", command.filter_id) if command.filter_id else None
    events: list[ev.Event] = []
    for job_id in dict.fromkeys(command.job_ids):
        job: Job = farm.get("job", job_id)
        if only is not None and only.show_id != job.show_id:
            raise Invalid(f"filter {only.name!r} belongs to another show than job {job.name!r}")
        filters = [only] if only is not None else filters_of(farm, job.show_id)
        events += _acted(farm, job, run_filters(farm, filters, job, farm.layers_of(job)))
    return events


def _acted(farm: Farm, job: Job, outcome: Outcome) -> list[ev.Event]:
    events: list[ev.Event] = []
    changes = _new_values(job, outcome.job)
    if changes:
        events.append(ev.Changed("job", job.id, changes))
    for layer_id, values in outcome.layers.items():
        changes = _new_values(farm.layers[layer_id], values)
        if changes:
            events.append(ev.Changed("layer", layer_id, changes))
    return [*events, *applied(farm, job, outcome)]


def _new_values(thing: Any, values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if getattr(thing, name) != value}


def applied(farm: Farm, job: Job, outcome: Outcome) -> list[ev.Event]:
    """That filters have acted on a job, if any did."""
    if not outcome.acted and outcome.missed is None:
        return []
    done = [f"{acted.filter.name}: {', '.join(in_words(farm, acted))}"[:_WORDS_MAX] for acted in outcome.acted]
    if outcome.missed is not None:
        done.append(
            f"{outcome.missed.name}: not asked, nor those behind it: the filters take too long on this job (limit"
            " filter_steps)"
        )
    return [ev.FiltersApplied(job.id, [acted.filter.id for acted in outcome.acted], done)]


_WORDS_MAX: Final = 1_000
"""Characters that are kept of what one filter did."""

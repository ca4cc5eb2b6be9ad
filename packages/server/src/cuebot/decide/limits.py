"""Commands on limits: how many frames, or how many hosts, may use a licence at once.

Bounds on what comes in are another matter: `domain.bounds`. What is said of a limit's use from outside comes in by
`limit_reports`; what a frame without a licence brings about is in `failure_rules`.
"""

from __future__ import annotations

from typing import Any, Final

from cuebot.decide.changes import checked
from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.bindings import layers_of, source_of
from cuebot.domain.bounds import INT32_MAX
from cuebot.domain.errors import AlreadyExists, Invalid, Refused, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.names import plain_name
from cuebot.domain.nouns import Binding, Layer, Limit, stored_values
from cuebot.domain.states import BindSource, Exit

DELAY_MINUTES_MAX: Final = 7 * 24 * 60
"""A layer that waits for longer waits for nothing that a person forgot."""
_TAKEN: Final = {int(status): status.name for status in Exit}
_CLEARED: Final = frozenset({BindSource.AUTO, BindSource.MANUAL})


def create_limit(farm: Farm, command: c.CreateLimit, context: Context) -> tuple[list[ev.Event], str]:
    """Make a limit; layers that name it already are counted from now on. Replies with its id."""
    name = _name_of(command, context)
    if name in farm.limit_by_name:
        raise AlreadyExists(f"there is a limit {name!r} already")
    if command.max_value < 0:
        raise Invalid(f"limit {name!r}: a maximum is at least 0, which lets nothing run")
    given = {field: getattr(command, field) for field in ("max_value", "per_host", "enforcement", "soft_value")}
    values = checked("limit", name, given, context.bounds)
    _refuse_rule(farm, name, command)
    limit = Limit(
        context.new_id(),
        name,
        **values,
        exit_status=command.exit_status,
        delay_minutes=command.delay_minutes,
        auto_tag=command.auto_tag,
    )
    return [ev.Added("limit", stored_values(limit))], limit.id


def rename_limit(farm: Farm, command: c.RenameLimit, context: Context) -> list[ev.Event]:
    """Give a limit another name, also in the layers of jobs that are in memory."""
    limit: Limit = farm.get("limit", command.limit_id)
    name = _name_of(command, context)
    if name == limit.name:
        return []
    if name in farm.limit_by_name:
        raise AlreadyExists(f"there is a limit {name!r} already")
    events: list[ev.Event] = [ev.Changed("limit", limit.id, {"name": name})]
    for layer in layers_of(farm, limit):
        names = dict.fromkeys(name if old == limit.name else old for old in layer.limits)
        bindings = {name if old == limit.name else old: binding for old, binding in layer.bindings.items()}
        events.append(ev.Changed("layer", layer.id, {"limits": tuple(names), "bindings": bindings}))
    return events


def _name_of(command: c.CreateLimit | c.RenameLimit, context: Context) -> str:
    try:
        return plain_name(command.name.strip(), context.bounds)
    except ValueError as error:
        raise Invalid(f"a limit's name cannot be {quoted(command.name)!r}: accepted is {error}") from error


def set_failure_rule(farm: Farm, command: c.SetFailureRule, context: Context) -> list[ev.Event]:
    """Say which exit status means that there was no licence; what was learned by an earlier rule stays."""
    limit: Limit = farm.get("limit", command.limit_id)
    _refuse_rule(farm, limit.name, command, limit.id)
    fields = ("exit_status", "delay_minutes", "auto_tag")
    return [ev.Changed("limit", limit.id, {field: getattr(command, field) for field in fields})]


def _refuse_rule(farm: Farm, name: str, command: c.CreateLimit | c.SetFailureRule, own_id: str = "") -> None:
    status, delay = command.exit_status, command.delay_minutes
    if status and not 1 < status <= INT32_MAX:
        raise Invalid(
            f"limit {name!r}: an exit status of {status} says nothing of a licence; give one above 1, which nothing"
            " else ends with, or 0 for no rule"
        )
    if status and status in _TAKEN:
        raise Invalid(f"limit {name!r}: exit status {status} means {_TAKEN[status]} on this farm; give another one")
    if not 0 <= delay <= DELAY_MINUTES_MAX:
        raise Invalid(f"limit {name!r}: a delay is from 0 to {DELAY_MINUTES_MAX} minutes, not {delay}")
    other_id = farm.limit_use.limit_by_exit.get(status) if status else None
    if other_id and other_id != own_id:
        raise AlreadyExists(
            f"exit status {status} is the rule of limit {farm.limits[other_id].name!r} already; clear it there first"
        )


# --- layers -------------------------------------------------------------------------------------------------------


def add_layer_limit(farm: Farm, command: c.AddLayerLimit, context: Context) -> list[ev.Event]:
    """Count a layer by one more limit; what runs of it already is counted, too."""
    layer: Layer = farm.get("layer", command.layer_id)
    limit: Limit = farm.get("limit", command.limit_id)
    if limit.name in layer.limits:
        return []
    if len(layer.limits) >= context.bounds.names_per_list:
        raise Refused(f"layer {layer.name!r} has {len(layer.limits)} limits already (limit names_per_list)")
    return [ev.Changed("layer", layer.id, bound(layer, limit, Binding(BindSource.MANUAL, context.now_us)))]


def bound(layer: Layer, limit: Limit, binding: Binding) -> dict[str, Any]:
    """A layer's new values when it is counted by one more limit."""
    return {"limits": (*layer.limits, limit.name), "bindings": {**layer.bindings, limit.name: binding}}


def drop_layer_limit(farm: Farm, command: c.DropLayerLimit, context: Context) -> list[ev.Event]:
    """Count a layer no longer by a limit."""
    layer: Layer = farm.get("layer", command.layer_id)
    limit: Limit = farm.get("limit", command.limit_id)
    return [_dropped(layer, limit)] if limit.name in layer.limits else []


def clear_bindings(farm: Farm, command: c.ClearBindings, context: Context) -> list[ev.Event]:
    """Count by a limit no longer what failures, or people, made it count."""
    limit: Limit = farm.get("limit", command.limit_id)
    if not command.sources or not _CLEARED.issuperset(command.sources):
        raise Invalid(
            f"limit {limit.name!r}: say whether AUTO or MANUAL bindings go, or both; what a specification names stays"
            " until it is dropped from its layer"
        )
    return [_dropped(layer, limit) for layer in layers_of(farm, limit) if source_of(layer, limit) in command.sources]


def _dropped(layer: Layer, limit: Limit) -> ev.Changed:
    names = tuple(name for name in layer.limits if name != limit.name)
    bindings = {name: binding for name, binding in layer.bindings.items() if name != limit.name}
    return ev.Changed("layer", layer.id, {"limits": names, "bindings": bindings})

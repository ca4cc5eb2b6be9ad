"""Commands on limits: how many frames, or how many hosts, may use a licence at once.

Bounds on what comes in are another matter: `domain.bounds`.
"""

from __future__ import annotations

from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import AlreadyExists, Invalid, Refused, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.names import plain_name
from cuebot.domain.nouns import Layer, Limit, stored_values


def create_limit(farm: Farm, command: c.CreateLimit, context: Context) -> tuple[list[ev.Event], str]:
    """Make a limit; layers that name it already are counted from now on. Replies with its id."""
    name = _name_of(command, context)
    if name in farm.limit_by_name:
        raise AlreadyExists(f"there is a limit {name!r} already")
    if command.max_value < 0:
        raise Invalid(f"limit {name!r}: a maximum is at least 0, which lets nothing run")
    limit = Limit(context.new_id(), name, command.max_value, command.per_host)
    return [ev.Added("limit", stored_values(limit))], limit.id


def rename_limit(farm: Farm, command: c.RenameLimit, context: Context) -> list[ev.Event]:
    """Give a limit another name, also in the layers of jobs that are not finished."""
    limit: Limit = farm.get("limit", command.limit_id)
    name = _name_of(command, context)
    if name == limit.name:
        return []
    if name in farm.limit_by_name:
        raise AlreadyExists(f"there is a limit {name!r} already")
    events: list[ev.Event] = [ev.Changed("limit", limit.id, {"name": name})]
    for job_id in farm.active_job_by_name.values():
        for layer in farm.layers_of(farm.jobs[job_id]):
            if limit.name in layer.limits:
                names = dict.fromkeys(name if old == limit.name else old for old in layer.limits)
                events.append(ev.Changed("layer", layer.id, {"limits": tuple(names)}))
    return events


def _name_of(command: c.CreateLimit | c.RenameLimit, context: Context) -> str:
    try:
        return plain_name(command.name.strip(), context.bounds)
    except ValueError as error:
        raise Invalid(f"a limit's name cannot be {quoted(command.name)!r}: accepted is {error}") from error


def add_layer_limit(farm: Farm, command: c.AddLayerLimit, context: Context) -> list[ev.Event]:
    """Count a layer by one more limit; what runs of it already is counted, too."""
    layer: Layer = farm.get("layer", command.layer_id)
    limit: Limit = farm.get("limit", command.limit_id)
    if limit.name in layer.limits:
        return []
    if len(layer.limits) >= context.bounds.names_per_list:
        raise Refused(f"layer {layer.name!r} has {len(layer.limits)} limits already (limit names_per_list)")
    return [ev.Changed("layer", layer.id, {"limits": (*layer.limits, limit.name)})]


def drop_layer_limit(farm: Farm, command: c.DropLayerLimit, context: Context) -> list[ev.Event]:
    """Count a layer no longer by a limit."""
    layer: Layer = farm.get("layer", command.layer_id)
    limit: Limit = farm.get("limit", command.limit_id)
    if limit.name not in layer.limits:
        return []
    return [ev.Changed("layer", layer.id, {"limits": tuple(name for name in layer.limits if name != limit.name)})]

"""What follows when a frame ends with the exit status that says: there was no licence for me.

Its layer is counted by the limit from then on, so that fewer are tried at once, and waits for a while. The frame is not
at fault: it waits again, and is charged nothing, however often. An eaten frame is nobody's evidence.
"""

from __future__ import annotations

from typing import Any

from cuebot.decide.context import Context
from cuebot.decide.limits import bound
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Binding, Layer, Limit, Proc
from cuebot.domain.states import BindSource, Cause, FrameState
from cuebot.domain.units import MINUTE, SECOND, Micros


def rule_for(farm: Farm, command: c.ReportOutcome) -> Limit | None:
    """The limit whose rule an end is for: the frame ended by itself, with a status that a limit claims."""
    if command.exit_signal > 0 or command.cause is not Cause.EXITED:
        return None
    id = farm.limit_use.limit_by_exit.get(command.exit_status)
    return farm.limits[id] if id else None


def words(limit: Limit, command: c.ReportOutcome) -> str:
    """What is said of such an end."""
    said = f"exit status {command.exit_status}: there was no licence of {limit.name}"
    return f"{said}; {command.message}" if command.message else said


def layer_after(farm: Farm, proc: Proc, limit: Limit, state: FrameState | None, context: Context) -> list[ev.Event]:
    """Count the layer by the limit, and let it wait; nothing where the frame is none of its evidence any more."""
    if state not in (FrameState.WAITING, FrameState.DEAD):
        return []
    layer = farm.layers[proc.layer_id]
    changes = {**_tagged(layer, limit, context), **_postponed(farm, layer, proc, limit, context)}
    return [ev.Changed("layer", layer.id, changes)] if changes else []


def _tagged(layer: Layer, limit: Limit, context: Context) -> dict[str, Any]:
    is_full = len(layer.limits) >= context.bounds.names_per_list
    if not limit.auto_tag or limit.name in layer.limits or is_full:
        return {}
    return bound(layer, limit, Binding(BindSource.AUTO, context.now_us))


def _postponed(farm: Farm, layer: Layer, proc: Proc, limit: Limit, context: Context) -> dict[str, Any]:
    """A burst of such ends postpones the layer once: those of the same second say nothing new."""
    until_us = Micros(context.now_us + limit.delay_minutes * MINUTE)
    if not limit.delay_minutes or until_us - layer.start_after_us < SECOND:
        return {}
    frame, host = farm.frame_name(layer, proc.frame_index), farm.hosts[proc.host_id].name
    reason = f"frame {frame} found no licence of {limit.name} on {host}"
    return {
        "start_after_us": until_us,
        "start_after_reason": reason[: context.bounds.start_after_reason_characters],
    }

"""What frames, or tools that look after them, say of them: how far a checkpoint is, what clients show for a state."""

from __future__ import annotations

from cuebot.decide.changes import checked
from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import NotFound
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import DisplayOverride, Layer, stored_values
from cuebot.domain.states import CHECKPOINT_UNDER_WAY, CheckpointState, FrameState, JobState


def set_checkpoint(farm: Farm, command: c.SetCheckpoint, context: Context) -> list[ev.Event]:
    """Keep how far a checkpoint is; one that was never begun cannot be complete (opencue-behaviour: checkpoints)."""
    layer = _layer(farm, command.layer_id, command.frame_index)
    now = CheckpointState(int(layer.frames.checkpoint[command.frame_index]))
    if command.state is CheckpointState.COMPLETE:
        accepted = now in CHECKPOINT_UNDER_WAY
    else:
        accepted = now is not command.state
    return [ev.CheckpointChanged(layer.id, command.frame_index, command.state)] if accepted else []


def checkpoints_over(farm: Farm, context: Context) -> list[ev.Event]:
    """Frames whose checkpoint nobody has ended for too long wait for their next run without it."""
    events: list[ev.Event] = []
    before_us = context.now_us - context.settings.checkpoint_us
    for layer in sorted((farm.layers[id] for id in farm.frame_marks.checkpointed), key=lambda layer: layer.key):
        if farm.jobs[layer.job_id].state is not JobState.PENDING or not layer.counts[FrameState.CHECKPOINT]:
            continue
        checkpointed = layer.frames.in_state(FrameState.CHECKPOINT)
        over = checkpointed[layer.frames.stop_us[checkpointed] <= before_us]
        events += [ev.CheckpointChanged(layer.id, index, CheckpointState.DISABLED) for index in over.tolist()]
    return events


def set_display_override(farm: Farm, command: c.SetDisplayOverride, context: Context) -> list[ev.Event]:
    """Keep what is shown for a frame in a state; a second text for the same state replaces the first."""
    layer = _layer(farm, command.layer_id, command.frame_index)
    name = farm.frame_name(layer, command.frame_index)
    values = checked("display_override", name, {"text": command.text, "color": command.color}, context.bounds)
    known = farm.frame_marks.override_of(layer.id, command.frame_index, command.state)
    if known is None:
        override = DisplayOverride(context.new_id(), layer.id, command.frame_index, command.state, **values)
        return [ev.Added("display_override", stored_values(override))]
    changes = {field: value for field, value in values.items() if getattr(known, field) != value}
    return [ev.Changed("display_override", known.id, changes)] if changes else []


def _layer(farm: Farm, layer_id: str, index: int) -> Layer:
    layer: Layer = farm.get("layer", layer_id)
    if not 0 <= index < len(layer.frames):
        raise NotFound(f"layer {layer.name!r} has no frame with the index {index}")
    return layer

"""Depends as messages: both sides by name."""

from __future__ import annotations

from opencue_proto import depend_pb2

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Depend


def depend_message(farm: Farm, depend: Depend) -> depend_pb2.Depend:
    """A depend; names that its type does not use are empty."""
    er_layer, er_frame = _names(farm, depend.er_layer, depend.er_frame)
    on_layer, on_frame = _names(farm, depend.on_layer, depend.on_frame)
    return depend_pb2.Depend(
        id=depend.id,
        type=int(depend.type),
        target=depend_pb2.INTERNAL if depend.internal else depend_pb2.EXTERNAL,
        any_frame=depend.any_frame,
        active=depend.active,
        depend_er_job=farm.jobs[depend.er_job].name,
        depend_er_layer=er_layer,
        depend_er_frame=er_frame,
        depend_on_job=farm.jobs[depend.on_job].name,
        depend_on_layer=on_layer,
        depend_on_frame=on_frame,
    )


def _names(farm: Farm, layer_id: str | None, index: int | None) -> tuple[str, str]:
    if layer_id is None:
        return "", ""
    layer = farm.layers[layer_id]
    return layer.name, "" if index is None else farm.frame_name(layer, index)

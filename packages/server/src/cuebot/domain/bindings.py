"""Which layers a limit counts, and why."""

from __future__ import annotations

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Layer, Limit
from cuebot.domain.states import BindSource


def layers_of(farm: Farm, limit: Limit) -> list[Layer]:
    """The layers in memory that name a limit, in the order in which they came."""
    ids = farm.limit_use.layers_by_limit.get(limit.name, ())
    return sorted((farm.layers[id] for id in ids), key=lambda layer: layer.key)


def source_of(layer: Layer, limit: Limit) -> BindSource:
    """Why a layer is counted by a limit."""
    binding = layer.bindings.get(limit.name)
    return binding.source if binding else BindSource.SPEC

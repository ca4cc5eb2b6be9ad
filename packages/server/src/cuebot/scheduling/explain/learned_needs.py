"""What was learned of a layer's needs, in words: what it asks for, what its frames get, and why."""

from __future__ import annotations

from cuebot.domain.nouns import Layer
from cuebot.domain.ready import Demand
from cuebot.domain.units import cores_from_units

_GIB = 1_048_576


def learned_words(layer: Layer, needs: Demand) -> list[tuple[str, str]]:
    """Code and text for each thing of which a layer's frames get something else than it asks for."""
    learned, found = layer.learned, []
    if needs.memory != layer.min_memory:
        asked, given, used = (f"{x / _GIB:.1f} GiB" for x in (layer.min_memory, needs.memory, learned.memory_used))
        text = f"asks for {asked}, {given} reserved: 95 % of {learned.memory_frames} frames used at most {used}"
        found.append(("MEMORY_LEARNED", text))
    if needs.cores != layer.min_cores:
        asked, given, used = (
            f"{cores_from_units(x):g} cores" for x in (layer.min_cores, needs.cores, learned.cores_used)
        )
        text = f"asks for {asked}, {given} reserved: 95 % of {learned.cores_frames} frames kept at most {used} busy"
        found.append(("CORES_LEARNED", text))
    return found

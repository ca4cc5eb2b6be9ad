"""A frame that ended for want of memory gets more, up to what a host of its job's has.

OpenCue's rule is opencue-behaviour: memory-failures, what is different here decisions: memory-failures-end.
"""

from __future__ import annotations

from typing import Final

from cuebot.domain import events as ev
from cuebot.domain.farm import Farm
from cuebot.domain.learning import service_of
from cuebot.domain.memory import MEMORY_EXITS, is_believable
from cuebot.domain.nouns import Proc
from cuebot.domain.units import KiB
from cuebot.scheduling.rules.most_memory import most_memory

_INCREASE: Final = KiB(2_097_152)


def memory_after(farm: Farm, proc: Proc, status: int, max_rss: KiB) -> KiB | None:
    """What the layer's frames get after this run; None where it is no more, or the run did not lack memory.

    The first time a frame gets what its service adds, the next times at least twice what it had, so that few tries are
    enough.
    """
    if status not in MEMORY_EXITS or not is_believable(max_rss, proc.memory):
        return None
    layer = farm.layers[proc.layer_id]
    service = service_of(farm, layer.services, proc.show_id)
    wanted = proc.memory + (service.min_memory_increase if service else _INCREASE)
    if int(layer.frames.exit_status[proc.frame_index]) in MEMORY_EXITS:
        wanted = max(wanted, proc.memory * 2)
    memory = KiB(max(min(wanted, most_memory(farm, layer)), layer.min_memory))
    return memory if memory > proc.memory else None


def memory_raised(farm: Farm, proc: Proc, memory: KiB | None) -> list[ev.Event]:
    """The layer asks for more from now on, and no more memory is learned for it."""
    if memory is None:
        return []
    return [ev.Changed("layer", proc.layer_id, {"min_memory": memory, "memory_optimizer": False})]

"""What memory a frame of a layer really needs, learned from those that succeeded.

A layer that asks for less than its frames use crowds its hosts, so more is reserved for what is still to run: the 95th
percentile of what its frames used, and a tenth more. Never less than it asks for, and never more than a host has on
which a frame of it went well. Nothing is learned where the layer's memory optimizer is off, as after a memory failure,
when what it asks for is raised instead. Telemetry: after a restart it is learned anew from the frames' columns.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from cuebot.domain.host_table import HostTable
from cuebot.domain.nouns import Layer
from cuebot.domain.states import FrameState
from cuebot.domain.units import KiB

FRAMES_TO_LEARN: Final = 10
PERCENTILE: Final = 95
HEAD_ROOM: Final = 1.1
STEP: Final = KiB(262_144)
"""Rounded up to so much, so that similar layers go on asking for the same."""


def worth_learning(layer: Layer) -> bool:
    """Enough frames have succeeded, and half as many again since the last time."""
    return layer.memory_optimizer and layer.runs_succeeded >= max(FRAMES_TO_LEARN, layer.learned_from * 3 // 2)


def learn_memory(layer: Layer, hosts: HostTable) -> bool:
    """Learn anew. Returns whether something else is to be reserved now."""
    before = layer.learned_memory
    layer.learned_from = layer.runs_succeeded
    done = np.flatnonzero((layer.frames.state == FrameState.SUCCEEDED) & (layer.frames.max_rss_kib > 0))
    if len(done) < FRAMES_TO_LEARN:
        return False
    needed = int(np.percentile(layer.frames.max_rss_kib[done], PERCENTILE) * HEAD_ROOM)
    rounded = -(-needed // STEP) * STEP
    rows = layer.frames.last_host[done]
    most = int(hosts.memory[rows[rows >= 0]].max(initial=0))
    learned = min(rounded, most)
    layer.learned_memory = KiB(learned if learned > layer.min_memory else 0)
    return layer.learned_memory != before

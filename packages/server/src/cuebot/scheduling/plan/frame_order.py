"""Which frames of a job are next: by dispatch order, or one of each layer while the job is only tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import repeat

from cuebot.domain.nouns import Layer
from cuebot.domain.ready import Demand

Part = tuple[str, bool]
"""A layer's id, and whether those of its frames are meant that run alone."""

Candidate = tuple[Layer, Demand, int]
"""A frame that waits for a host, by its index."""


def frames_in_order(layers: list[tuple[Layer, Demand]], taken: Mapping[Part, int], most: int) -> Iterator[Candidate]:
    """Waiting frames of a job by frame dispatch order, then layer order (opencue-behaviour: order-of-frames).

    The first `most` of each layer, because the other layers may have found no host when a layer's turn comes; without
    those that are `taken`.
    """
    waiting: list[tuple[int, int, int]] = []
    for place, (layer, demand) in enumerate(layers):
        skipped = taken.get((layer.id, demand.alone), 0)
        indices = layer.frames.first_waiting(skipped + most, alone=demand.alone)[skipped:]
        orders = layer.frames.dispatch_order[indices].tolist()
        waiting += zip(orders, repeat(place), indices.tolist(), strict=False)

    waiting.sort()
    for _, place, index in waiting:
        layer, demand = layers[place]
        yield layer, demand, index


def frames_to_try(layers: list[tuple[Layer, Demand]], turn: int) -> Iterator[Candidate]:
    """A waiting frame of each layer, others at each turn: one that never can be started keeps no others from it."""
    for place in range(len(layers)):
        layer, demand = layers[(turn + place) % len(layers)]
        waiting = layer.frames.first_waiting(len(layer.frames), alone=demand.alone)
        waiting.sort()
        if len(waiting):
            yield layer, demand, int(waiting[turn % len(waiting)])

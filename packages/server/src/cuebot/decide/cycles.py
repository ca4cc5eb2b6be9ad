"""Depends that wait for each other in a circle: nothing of it could ever run, so they are refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from cuebot.domain.depends import SHAPES, done_of, edges_of
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Depend


def find_cycle(farm: Farm, fresh: Iterable[Depend]) -> str:
    """A circle that new depends would close, in words; empty when there is none.

    Looks at layers first, which settles almost every farm; only where layers wait for each other is it asked frame by
    frame, because frames of two layers may well take turns. Every layer that `fresh` names is in the farm.
    """
    waits = _Waits(farm, fresh)
    open_layers = list(waits.by_layer)
    layers: dict[str, dict[str, None]] = {}
    depends: dict[str, Depend] = {}
    while open_layers:
        layer_id = open_layers.pop()
        if layer_id in layers:
            continue
        layers[layer_id] = {}
        for depend in waits.of(layer_id):
            depends[depend.id] = depend
            on_layers = _on_layers(farm, depend)
            open_layers.extend(on_layers)
            # PREVIOUS_FRAME makes a layer wait for itself, and that alone is no circle.
            layers[layer_id].update(
                dict.fromkeys(x for x in on_layers if x != layer_id or not SHAPES[depend.type].pairs)
            )
    loop = _loop(layers)
    if not loop or not _loop(_frame_graph(farm, depends.values(), layers)):
        return ""
    names = [f"{farm.jobs[farm.layers[id].job_id].name}/{farm.layers[id].name}" for id in loop]
    return " waits for ".join(names)


class _Waits:
    """New and active depends by the layer that waits; those of a job are looked up once, when it is reached."""

    def __init__(self, farm: Farm, fresh: Iterable[Depend]) -> None:
        self.by_layer: dict[str, list[Depend]] = {}
        self._farm = farm
        self._jobs: set[str] = set()
        self._add(fresh)

    def of(self, layer_id: str) -> Sequence[Depend]:
        """Depends by which a layer, or frames of it, wait."""
        job_id = self._farm.layers[layer_id].job_id
        if job_id not in self._jobs:
            self._jobs.add(job_id)
            existing = (self._farm.depends[id] for id in sorted(self._farm.depends_of_job.get(job_id, ())))
            self._add(depend for depend in existing if depend.active)
        return self.by_layer.get(layer_id, ())

    def _add(self, depends: Iterable[Depend]) -> None:
        for depend in depends:
            for layer_id in _er_layers(self._farm, depend):
                self.by_layer.setdefault(layer_id, []).append(depend)


def _er_layers(farm: Farm, depend: Depend) -> list[str]:
    return farm.jobs[depend.er_job].layer_ids if SHAPES[depend.type].er == "job" else [depend.er_layer or ""]


def _on_layers(farm: Farm, depend: Depend) -> list[str]:
    return farm.jobs[depend.on_job].layer_ids if SHAPES[depend.type].on == "job" else [depend.on_layer or ""]


def _frame_graph(farm: Farm, depends: Iterable[Depend], layers: Iterable[str]) -> dict[Any, set[Any]]:
    """A node for each frame, and two for each layer: its `end` waits for its frames, these wait for its `start`."""
    graph: dict[Any, set[Any]] = {}
    for layer_id in layers:
        frames = [(layer_id, index) for index in range(len(farm.layers[layer_id].frames))]
        graph[layer_id, "end"] = set(frames)
        graph.update((frame, {(layer_id, "start")}) for frame in frames)
    for depend in depends:
        shape = SHAPES[depend.type]
        if shape.pairs:
            edges, done = edges_of(farm, depend), done_of(farm, depend)
            for er, on in zip(edges.er[~done].tolist(), edges.on[~done].tolist(), strict=True):
                graph.setdefault((depend.er_layer, er), set()).add((depend.on_layer, "end" if on < 0 else on))
            continue
        if shape.on == "frame":
            targets: set[Any] = {(depend.on_layer, depend.on_frame)}
        else:
            targets = {(id, "end") for id in _on_layers(farm, depend)}
        for er_layer in _er_layers(farm, depend):
            node = (er_layer, depend.er_frame if shape.er == "frame" else "start")
            graph.setdefault(node, set()).update(targets)
    return graph


def _loop(graph: Mapping[Any, Iterable[Any]]) -> list[Any]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []

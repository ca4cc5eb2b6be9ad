"""Depends that wait for each other in a circle: nothing of it could ever run, so they are refused."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from cuebot.domain.depends import SHAPES, edges_of
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Depend


def find_cycle(farm: Farm, fresh: Iterable[Depend]) -> str:
    """A circle that new depends would close, in words; empty when there is none.

    Looks at layers first, which settles almost every farm; only where layers wait for each other is it asked frame by
    frame, because frames of two layers may well take turns. Every layer that `fresh` names is in the farm.
    """
    fresh = list(fresh)
    involved = _layers_reached(farm, fresh)
    depends = {d.id: d for d in fresh}
    for job_id in {farm.layers[id].job_id for id in involved}:
        depends.update({id: farm.depends[id] for id in farm.depends_of_job.get(job_id, ()) if farm.depends[id].active})
    coarse: dict[str, set[str]] = {}
    for depend in depends.values():
        for er in _er_layers(farm, depend):
            coarse.setdefault(er, set()).update(
                _on_layers(farm, depend) - ({er} if SHAPES[depend.type].pairs else set())
            )
    loop = _loop(coarse)
    if not loop:
        return ""
    exact = _loop(_frame_graph(farm, depends.values(), involved))
    if not exact:
        return ""
    names = [f"{farm.jobs[farm.layers[id].job_id].name}/{farm.layers[id].name}" for id in loop]
    return " waits for ".join(names)


def _er_layers(farm: Farm, depend: Depend) -> set[str]:
    if SHAPES[depend.type].er == "job":
        return set(farm.jobs[depend.er_job].layer_ids)
    return {depend.er_layer or ""}


def _on_layers(farm: Farm, depend: Depend) -> set[str]:
    if SHAPES[depend.type].on == "job":
        return set(farm.jobs[depend.on_job].layer_ids)
    return {depend.on_layer or ""}


def _layers_reached(farm: Farm, fresh: list[Depend]) -> set[str]:
    """Layers that a circle through one of the new depends could touch."""
    found: set[str] = set()
    open_layers = [id for depend in fresh for id in _er_layers(farm, depend) | _on_layers(farm, depend)]
    by_er: dict[str, list[Depend]] = {}
    for depend in fresh:
        for id in _er_layers(farm, depend):
            by_er.setdefault(id, []).append(depend)
    while open_layers:
        layer_id = open_layers.pop()
        if layer_id in found:
            continue
        found.add(layer_id)
        existing = farm.depends_of_job.get(farm.layers[layer_id].job_id, ())
        active = [farm.depends[id] for id in existing if farm.depends[id].active]
        for depend in [*active, *by_er.get(layer_id, [])]:
            if layer_id in _er_layers(farm, depend):
                open_layers.extend(_on_layers(farm, depend) - found)
    return found


def _frame_graph(farm: Farm, depends: Iterable[Depend], layers: set[str]) -> dict[object, set[object]]:
    """A node for each frame, and two for each layer: its `end` waits for its frames, these wait for its `start`."""
    graph: dict[object, set[object]] = {}
    for layer_id in layers:
        size = len(farm.layers[layer_id].frames)
        graph.setdefault((layer_id, "end"), set()).update((layer_id, index) for index in range(size))
        for index in range(size):
            graph.setdefault((layer_id, index), set()).add((layer_id, "start"))
    for depend in depends:
        shape = SHAPES[depend.type]
        if shape.pairs:
            edges = edges_of(farm, depend)
            for er, on in zip(edges.er.tolist(), edges.on.tolist(), strict=True):
                waited_for = (depend.on_layer, "end" if on < 0 else on)
                graph.setdefault((depend.er_layer, er), set()).add(waited_for)
            continue
        if shape.on == "frame":
            targets: set[object] = {(depend.on_layer, depend.on_frame)}
        else:
            targets = {(id, "end") for id in _on_layers(farm, depend)}
        for er_layer in _er_layers(farm, depend):
            node = (er_layer, depend.er_frame if shape.er == "frame" else "start")
            graph.setdefault(node, set()).update(targets)
    return graph


def _loop(graph: dict[object, set[object]] | dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []

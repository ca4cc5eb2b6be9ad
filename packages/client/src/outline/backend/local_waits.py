"""Which frames of a local run wait for which."""

from __future__ import annotations

from typing import Any, Dict, List

from outline.backend.local_run import Gate, LocalFrame
from outline.depend import DependType

Frames = Dict[int, List[LocalFrame]]


def connect(outline: Any, by_layer: Frames) -> None:
    """Make frames wait as the depends of an outline's layers say; `by_layer` has the frames by the layer's id."""
    for layer in outline.get_layers():
        for depend in _depends_with_children(layer):
            waiting = by_layer.get(id(_executing(layer)), [])
            target = by_layer.get(id(_executing(depend.get_depend_on_layer())), [])
            if waiting and target and not target[0].is_post and not waiting[0].is_post:
                _connect_layers(waiting, target, depend)


def _connect_layers(waiting: List[LocalFrame], target: List[LocalFrame], depend: Any) -> None:
    type_ = depend.get_type()
    if waiting is target and type_ != DependType.PREVIOUS_FRAME:
        return  # parent and child
    if type_ == DependType.LAYER_ON_LAYER:
        _whole(waiting, target, depend)
    elif type_ == DependType.LAYER_ON_SIM_FRAME:
        Gate(waiting, target[:1], on_failure=depend.is_on_failure())
    elif type_ == DependType.PREVIOUS_FRAME:
        for later, earlier in zip(waiting[1:], target):  # noqa: B905 - the shorter layer ends it
            Gate([later], [earlier], on_failure=depend.is_on_failure())
    else:
        _frame_by_frame(waiting, target, depend)


def _whole(waiting: List[LocalFrame], target: List[LocalFrame], depend: Any) -> None:
    needed = 1 if depend.is_any_frame() else len(target)
    Gate(waiting, target, needed, depend.is_on_failure())


def _frame_by_frame(waiting: List[LocalFrame], target: List[LocalFrame], depend: Any) -> None:
    """Make each frame wait for those with the same numbers, or for the whole layer if one number is not there."""
    by_number = {number: frame for frame in target for number in frame.numbers}
    unmatched = []
    for frame in waiting:
        matches = [by_number.get(number) for number in frame.numbers]
        if None in matches:
            unmatched.append(frame)
        else:
            Gate([frame], list(dict.fromkeys(match for match in matches if match)), on_failure=depend.is_on_failure())
    if unmatched:
        _whole(unmatched, target, depend)


def _executing(layer: Any) -> Any:
    while layer.get_parent() is not None:
        layer = layer.get_parent()
    return layer


def _depends_with_children(layer: Any) -> List[Any]:
    depends = list(layer.get_depends())
    for child in layer.get_children():
        depends.extend(_depends_with_children(child))
    return depends

"""How layers come to wait for each other, and for other jobs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Union

from outline.depend import Depend, DependType, depend_type
from outline.exception import LayerException, OutlineException

if TYPE_CHECKING:
    from outline.layer_base import Layer

logger = logging.getLogger(__name__)


class JobDepend:
    """A wait for another job, or for one layer of it."""

    def __init__(self, job: str, layer: Optional[str] = None, full_name: Optional[bool] = None) -> None:
        self.job = str(job)
        self.layer = str(layer) if layer is not None else None
        self.full_name = looks_like_full_job_name(self.job) if full_name is None else full_name


def looks_like_full_job_name(name: str) -> bool:
    """Say whether a name has the form `show-shot-user_name` that the server gives to jobs."""
    prefix, underscore, rest = name.rpartition("_")
    return bool(underscore and rest) and "-" not in rest and prefix.count("-") >= 2


def depend_on(
    layer: Layer, target: Union[Layer, str], type_: Any, propigate: bool, any_frame: bool, on_failure: bool
) -> None:
    """Have a layer wait for a target; `Layer.depend_on` says how."""
    found = _find(layer, target)
    if found is None:
        return
    given = depend_type(type_) if type_ is not None else None
    if found is layer and given != DependType.PREVIOUS_FRAME:
        logger.warning("layer %s cannot wait for itself, except for its previous frame; ignored", layer.get_name())
        return
    if given == DependType.LAYER_ON_ANY or any_frame:
        _depend_on_any(layer, found, propigate)
    else:
        _record(Depend(layer, found, given, propigate, False, on_failure))
    for own in layer.get_preprocess_layers():
        for other in found.get_preprocess_layers():
            _record(Depend(own, other, DependType.LAYER_ON_LAYER))
    _follow_propagated(layer, found)


def _depend_on_any(layer: Layer, target: Layer, propigate: bool) -> None:
    """Wait for any one frame; where a layer prepares this one, that one does so, and this one goes frame by frame."""
    preprocess_layers = layer.get_preprocess_layers()
    if not preprocess_layers:
        _record(Depend(layer, target, DependType.LAYER_ON_LAYER, propigate, any_frame=True))
        return
    _record(Depend(layer, target, DependType.FRAME_BY_FRAME, propigate))
    for preprocess in preprocess_layers:
        _record(Depend(preprocess, target, DependType.LAYER_ON_LAYER, any_frame=True))


def _follow_propagated(layer: Layer, target: Layer) -> None:
    waited_for = [depend.get_depend_on_layer() for depend in layer.get_depends()]
    for depend in target.get_depends():
        further = depend.get_depend_on_layer()
        if depend.is_propagated() and further is not layer and further not in waited_for:
            _record(Depend(layer, further, DependType.LAYER_ON_LAYER, propigate=True))


def _record(depend: Depend) -> None:
    """Add a depend; one between the same two layers is replaced where it stands."""
    depends = depend.get_dependant_layer().get_depends()
    dependents = depend.get_depend_on_layer().get_dependents()
    for index, other in enumerate(depends):
        if other.get_depend_on_layer() is depend.get_depend_on_layer():
            depends[index] = depend
            dependents[dependents.index(other)] = depend
            return
    depends.append(depend)
    dependents.append(depend)


def _find(layer: Layer, target: Union[Layer, str]) -> Optional[Layer]:
    if not isinstance(target, str):
        if not hasattr(target, "get_depends"):
            raise LayerException(
                f"layer {layer.get_name()} can wait for a layer or the name of one, not for {target!r}"
            )
        return target
    outline = layer.get_outline()
    if outline is None:
        raise LayerException(
            f"layer {layer.get_name()} belongs to no outline, so {target!r} cannot be looked up: add it to one first"
        )
    if not outline.is_layer(target):
        logger.warning("layer %s depends on %s, which is not in the outline; ignored", layer.get_name(), target)
        return None
    return outline.get_layer(target)


def check_cycles(layers: List[Layer]) -> None:
    """Raise an OutlineException that prints the circle if layers wait for each other in one.

    Waits for a previous frame may go in circles: the first frame has none.
    """
    done: Dict[int, bool] = {}
    for start in layers:
        # An explicit stack: a chain may be as long as an outline has layers.
        path: List[Layer] = []
        on_path: Dict[int, int] = {}
        stack: List[Any] = [(start, False)]
        while stack:
            layer, leave = stack.pop()
            if leave:
                path.pop()
                del on_path[id(layer)]
                done[id(layer)] = True
                continue
            if id(layer) in on_path:
                cycle = [*path[on_path[id(layer)] :], layer]
                names = " -> ".join(member.get_name() for member in cycle)
                raise OutlineException(f"layers wait for each other in a circle: {names}")
            if id(layer) in done:
                continue
            on_path[id(layer)] = len(path)
            path.append(layer)
            stack.append((layer, True))
            stack.extend(
                (depend.get_depend_on_layer(), False)
                for depend in layer.get_depends()
                if depend.get_given_type() != DependType.PREVIOUS_FRAME
            )

"""What a layer waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Tuple

from outline.exception import LayerException

if TYPE_CHECKING:
    from outline.layer_base import Layer


class DependType:
    """The ways in which the frames of one layer can wait for those of another."""

    FRAME_BY_FRAME = FrameByFrame = "FRAME_BY_FRAME"
    LAYER_ON_LAYER = LayerOnLayer = all = "LAYER_ON_LAYER"
    PREVIOUS_FRAME = PreviousFrame = prev = "PREVIOUS_FRAME"
    LAYER_ON_SIM_FRAME = LayerOnSimFrame = sim = "LAYER_ON_SIM_FRAME"
    LAYER_ON_ANY = LayerOnAny = any = "LAYER_ON_ANY"


_TYPES_BY_NUMBER = {
    4: DependType.LAYER_ON_LAYER,
    9: DependType.FRAME_BY_FRAME,
    10: DependType.PREVIOUS_FRAME,
    11: DependType.LAYER_ON_SIM_FRAME,
}
"""The numbers that these types have in `opencue.DependType`."""


def depend_type(value: Any) -> str:
    """Return the type that a text, a member of `opencue.DependType` or its number means.

    Raises:
        LayerException: layers cannot depend on each other in this way.
    """
    if isinstance(value, str):
        found = getattr(DependType, value, None) if not value.startswith("_") else None
    else:
        found = _TYPES_BY_NUMBER.get(value)
    if not isinstance(found, str):
        raise LayerException(
            f"layers cannot depend on each other by {value!r}: choose FRAME_BY_FRAME, LAYER_ON_LAYER, LAYER_ON_ANY, "
            "PREVIOUS_FRAME or LAYER_ON_SIM_FRAME"
        )
    return found


def parse_require_str(require: str) -> Tuple[str, str]:
    """Return layer name and type of `name`, `name:all`, `name:LAYER_ON_LAYER` and the like."""
    name, _, type_name = require.partition(":")
    return name, depend_type(type_name or DependType.FRAME_BY_FRAME)


class Depend:
    """One layer waits for another.

    With no type given, frames wait frame by frame, except that a layer of one frame waits for all of a layer of
    several: a contact sheet needs all pictures, not the first one.
    """

    def __init__(
        self,
        depend_er: Layer,
        depend_on: Layer,
        depend_type: Optional[str] = None,
        propigate: bool = False,
        any_frame: bool = False,
        on_failure: bool = False,
    ) -> None:
        self.__depend_er = depend_er
        self.__depend_on = depend_on
        self.__type = depend_type
        self.__propigate = propigate
        self.__any_frame = any_frame
        self.__on_failure = on_failure

    def get_dependant_layer(self) -> Layer:
        """Return the layer that waits."""
        return self.__depend_er

    def get_depend_on_layer(self) -> Layer:
        """Return the layer that is waited for."""
        return self.__depend_on

    get_depend_er = get_dependant_layer
    get_depend_on = get_depend_on_layer

    def get_type(self) -> str:
        """Return the type, as the layers' frame ranges stand now where none was given."""
        if self.__type is not None:
            return self.__type
        if _has_one_frame(self.__depend_er) and not _has_one_frame(self.__depend_on):
            return DependType.LAYER_ON_LAYER
        return DependType.FRAME_BY_FRAME

    def get_given_type(self) -> Optional[str]:
        """Return the type that was asked for, or None."""
        return self.__type

    def is_propagated(self) -> bool:
        """Say whether layers that depend on the waiting one also wait for the other."""
        return self.__propigate

    def is_any_frame(self) -> bool:
        """Say whether any one frame of the other layer is enough."""
        return self.__any_frame

    def is_on_failure(self) -> bool:
        """Say whether frames that failed for good count as done too."""
        return self.__on_failure

    def __repr__(self) -> str:
        return f"<Depend {self.__depend_er.get_name()} on {self.__depend_on.get_name()}, {self.get_type()}>"


def _has_one_frame(layer: Layer) -> bool:
    frame_set = layer.get_frame_set()
    return frame_set is not None and len(set(frame_set)) == 1

"""The kinds of layers that modules are made of."""

from __future__ import annotations

from typing import Any, Optional

from FileSequence import FrameSet
from outline.constants import LayerType
from outline.exception import LayerException, SessionException
from outline.execution import STORED_OUTPUTS
from outline.layer_base import NO_RANGE, Layer

DEFAULT_FRAME_RANGE = NO_RANGE

__all__ = [
    "DEFAULT_FRAME_RANGE",
    "Composite",
    "Frame",
    "Layer",
    "LayerPostProcess",
    "LayerPreProcess",
    "OutlinePostCommand",
    "PostCommand",
    "PostFrame",
    "PostProcess",
    "PreProcess",
]


class Frame(Layer):
    """A layer of a single frame, whatever range the outline has: the first of it."""

    def get_frame_range(self) -> Optional[str]:
        """Return the first frame of the outline's range as a range, or `1000-1000`."""
        outline = self.get_outline()
        frame_range = outline.get_frame_range() if outline is not None else None
        return _first_frame(frame_range) if frame_range else NO_RANGE

    def set_frame_range(self, frame_range: Any) -> None:
        """Do nothing: the range of a frame is not free."""


class LayerPreProcess(Frame):
    """A single frame that prepares the frames of another layer, its creator.

    Outputs that it has after execution become outputs of the creator.
    """

    def __init__(self, creator: Layer, **args: Any) -> None:
        if not isinstance(creator, Layer):
            raise LayerException(f"a preprocess layer prepares a layer, not {creator!r}")
        args = {"type": LayerType.UTIL, "service": "preprocess", **args}
        super().__init__(f"{creator.get_name()}_{args.get('suffix', 'preprocess')}", **args)
        self.__creator = creator
        creator.depend_all(self)
        creator.add_preprocess_layer(self)

    def get_creator(self) -> Layer:
        """Return the layer that this one prepares."""
        return self.__creator

    def get_frame_range(self) -> Optional[str]:
        """Return the first frame of the creator's range, or None where that has none."""
        frame_range = self.__creator.get_frame_range()
        return _first_frame(frame_range) if frame_range else None

    def after_execute(self, frames: Optional[FrameSet] = None) -> None:
        """Tell the layer that execution ended, and hand its outputs to the creator if it ended well."""
        super().after_execute(frames)
        if self.get_failure() is None and self.get_outputs():
            try:
                outputs = self.__creator.get_data(STORED_OUTPUTS)
            except SessionException:
                outputs = {}
            self.__creator.put_data(STORED_OUTPUTS, {**outputs, **self.get_outputs()}, force=True)


class LayerPostProcess(Frame):
    """A single frame that runs when all frames of another layer, its creator, are done."""

    def __init__(self, creator: Layer, propigate: bool = True, **args: Any) -> None:
        if not isinstance(creator, Layer):
            raise LayerException(f"a postprocess layer follows a layer, not {creator!r}")
        super().__init__(f"{creator.get_name()}_postprocess", **{"type": LayerType.UTIL, **args})
        self.__creator = creator
        self.depend_all(creator, propigate=propigate)

    def get_creator(self) -> Layer:
        """Return the layer that this one follows."""
        return self.__creator


class OutlinePostCommand(Frame):
    """A single frame that runs after the job ended, even if the job failed."""

    def __init__(self, name: str, **args: Any) -> None:
        super().__init__(name, **{"service": "postprocess", **args, "type": LayerType.POST})


class Composite(Layer):
    """A layer that does nothing itself and runs its children."""


PreProcess = LayerPreProcess
PostProcess = LayerPostProcess
PostFrame = PostCommand = OutlinePostCommand


def _first_frame(frame_range: str) -> str:
    first = FrameSet(frame_range)[0]
    return f"{first}-{first}"

"""Fixed words of the outline package."""

from __future__ import annotations

from enum import Enum

OUTLINE_MODE_INIT = 1
"""The outline is being built: layers may come, go and be renamed."""

OUTLINE_MODE_SETUP = 2
"""The layers are being set up for launch; a layer added now is set up at once."""

OUTLINE_MODE_READY = 3
"""The outline is stored in its session and can be launched or executed."""

FRAME_RANGE_FIRST = 1
FRAME_RANGE_LAST = 2


class LayerType(str, Enum):  # noqa: UP042 - StrEnum needs Python 3.11
    """What the frames of a layer are for; `POST` layers run after the job, even if it failed."""

    RENDER = "Render"
    UTIL = "Util"
    POST = "Post"

    def __str__(self) -> str:
        return self.value


LAYER_TYPES = tuple(layer_type.value for layer_type in LayerType)

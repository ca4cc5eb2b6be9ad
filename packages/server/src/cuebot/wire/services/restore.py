"""The part of cuefarm.v1 FarmInterface that brings back what was on another farm."""

from __future__ import annotations

from typing import Final

from cuebot.domain import commands as c
from cuebot.domain.errors import Invalid
from cuebot.domain.states import FrameState
from cuebot.queries.lookup import scope_of
from cuebot.wire.call import Call
from cuefarm_proto import farm_pb2

_ENDED: Final = {state.name: state for state in (FrameState.SUCCEEDED, FrameState.DEAD, FrameState.EATEN)}
_RETRIES_MAX: Final = 65_535
"""What a column of frames can hold."""


class Restoring:
    """Frames that ended elsewhere."""

    async def RestoreFrames(self, request: farm_pb2.RestoreFramesRequest, call: Call) -> farm_pb2.RestoreFramesResponse:
        """Put frames that never ran here into the states in which they ended elsewhere."""
        if not request.layer:
            raise Invalid("name the layer whose frames are restored")
        layer = scope_of(call.farm, request.job, request.layer, "").layer
        assert layer is not None, "a layer was named"
        frames = tuple(_ended(frame) for frame in request.frames)
        restored = await call.submit(c.RestoreFrames(layer.id, frames))
        return farm_pb2.RestoreFramesResponse(restored=restored)


def _ended(message: farm_pb2.EndedFrame) -> c.EndedFrame:
    """Raises Invalid where a frame is told of in a way that no frame ends."""
    state = _ENDED.get(message.state)
    if state is None:
        raise Invalid(f"frame {message.number} cannot be restored as {message.state!r}; use one of {', '.join(_ENDED)}")
    if not 0 <= message.retries <= _RETRIES_MAX:
        raise Invalid(f"frame {message.number} has {message.retries} retries; there can be 0 to {_RETRIES_MAX}")
    if min(message.start_us, message.stop_us, message.max_rss_kib) < 0:
        raise Invalid(f"frame {message.number} has a time or an amount of memory below 0")
    return c.EndedFrame(
        message.number,
        state,
        message.exit_status,
        message.retries,
        message.start_us,
        message.stop_us,
        message.max_rss_kib,
    )

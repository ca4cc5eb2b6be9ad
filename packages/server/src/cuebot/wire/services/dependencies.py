"""What jobs, layers and frames share: creating depends, dropping them, and asking for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from opencue_proto import depend_pb2

from cuebot.domain.commands import AddDepend, SatisfyDepends
from cuebot.domain.errors import Invalid
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Depend, Layer
from cuebot.domain.states import DependType
from cuebot.queries.depends import depend_row
from cuebot.wire.call import Call
from cuebot.wire.messages.depends import depend_message
from cuebot.wire.services.held_again import before_depend

LAYER_TYPES: Final = frozenset(
    {
        DependType.LAYER_ON_JOB,
        DependType.LAYER_ON_LAYER,
        DependType.LAYER_ON_FRAME,
        DependType.LAYER_ON_SIM_FRAME,
        DependType.FRAME_BY_FRAME,
    }
)
"""What Layer.DropDepends drops (opencue-behaviour: dropping-depends)."""
FRAME_TYPES: Final = frozenset({DependType.FRAME_ON_JOB, DependType.FRAME_ON_LAYER, DependType.FRAME_ON_FRAME})


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a depend."""

    job_id: str
    layer_id: str | None = None
    frame_index: int | None = None

    @classmethod
    def of_job(cls, farm: Farm, id: str) -> Side:
        """A whole job. Raises NotFound."""
        return cls(farm.get("job", id).id)

    @classmethod
    def of_layer(cls, farm: Farm, id: str) -> Side:
        """A whole layer. Raises NotFound."""
        layer: Layer = farm.get("layer", id)
        return cls(layer.job_id, layer.id)

    @classmethod
    def of_frame(cls, farm: Farm, id: str) -> Side:
        """One frame. Raises NotFound."""
        layer, index = farm.frame(id)
        return cls(layer.job_id, layer.id, index)


async def add_depend(
    call: Call, type: DependType, er: Side, on: Side, *, any_frame: bool = False, on_failure: bool = False
) -> depend_pb2.Depend:
    """Make one side wait for the other, and return the depend."""
    command = AddDepend(
        type=type,
        er_job=er.job_id,
        er_layer=er.layer_id,
        er_frame=er.frame_index,
        on_job=on.job_id,
        on_layer=on.layer_id,
        on_frame=on.frame_index,
        any_frame=any_frame,
        on_failure=on_failure,
    )
    held = before_depend(call.farm, er.job_id, er.layer_id)
    depend_id = await call.submit(command)
    held.warn(call)
    return depend_message(depend_row(call.farm, call.farm.get("depend", depend_id)))


async def drop(call: Call, depends: Iterable[Depend], target: int) -> None:
    """Satisfy those of the depends that are active and inside (INTERNAL) or outside (EXTERNAL) of their job."""
    wanted: dict[int, tuple[bool, ...]] = {
        depend_pb2.INTERNAL: (True,),
        depend_pb2.EXTERNAL: (False,),
        depend_pb2.ANY_TARGET: (True, False),
    }
    if target not in wanted:
        raise Invalid(f"target {target} is not known; there are INTERNAL 0, EXTERNAL 1, ANY_TARGET 2")
    ids = tuple(d.id for d in depends if d.active and d.internal in wanted[target])
    call.count(0)
    if ids:
        await call.submit(SatisfyDepends(ids))


def depend_seq(farm: Farm, depends: Iterable[Depend]) -> depend_pb2.DependSeq:
    """Depends as a message."""
    return depend_pb2.DependSeq(depends=[depend_message(depend_row(farm, depend)) for depend in depends])

"""A plan, as a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from cuebot.domain.commands.base import Command
from cuebot.domain.units import CoreUnits, KiB


class Booking(NamedTuple):
    """A place for one frame: what `plan` returns. A tuple, because thousands are made in a moment."""

    layer_id: str
    frame_index: int
    host_id: str
    cores: CoreUnits
    memory: KiB
    gpus: int = 0
    gpu_memory: KiB = KiB(0)
    partition_id: str = ""


@dataclass(frozen=True, slots=True)
class Book(Command):
    """Carry out a plan. Decided in the same step that the plan was made, so nothing of it can be out of date."""

    bookings: tuple[Booking, ...]

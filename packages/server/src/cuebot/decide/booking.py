"""A plan is carried out here: every booking becomes a run, and one that does not hold is refused."""

from __future__ import annotations

from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import Refused
from cuebot.domain.farm import Farm
from cuebot.domain.frames import IndexArray, as_indices
from cuebot.domain.nouns import Layer
from cuebot.domain.states import FrameState

_WAITING = int(FrameState.WAITING)


def book(farm: Farm, command: c.Book, context: Context) -> list[ev.Event]:
    """Turn bookings into runs, one event a layer. Raises Refused where a booking contradicts the farm."""
    by_layer: dict[str, list[c.Booking]] = {}
    taken: dict[str, list[int]] = {}
    for booking in command.bookings:
        by_layer.setdefault(booking.layer_id, []).append(booking)
        sums = taken.setdefault(booking.host_id, [0, 0, 0])
        sums[0] += booking.cores
        sums[1] += booking.memory
        sums[2] += booking.gpus
    for host_id, (cores, memory, gpus) in taken.items():
        _refuse_unusable(farm, host_id, cores, memory, gpus)
    events: list[ev.Event] = []
    for layer_id, bookings in by_layer.items():
        bookings.sort(key=lambda b: b.index)
        indices = as_indices([b.index for b in bookings])
        _refuse_unready(farm, farm.layers[layer_id], indices)
        events.append(
            ev.RunsBooked(
                layer_id=layer_id,
                indices=indices,
                run_ids=[context.new_id() for _ in bookings],
                host_ids=[b.host_id for b in bookings],
                cores=[b.cores for b in bookings],
                memory=[b.memory for b in bookings],
                gpus=[b.gpus for b in bookings],
            )
        )
    return events


def _refuse_unusable(farm: Farm, host_id: str, cores: int, memory: int, gpus: int) -> None:
    """Raise Refused for a host that takes nothing, or has not what a plan takes from it."""
    host, table = farm.hosts[host_id], farm.hosts_table
    if not table.bookable[host.row]:
        raise Refused(f"host {host.name!r} takes nothing now")
    idle = (table.idle_cores[host.row], table.idle_memory[host.row], table.idle_gpus[host.row])
    if cores > idle[0] or memory > idle[1] or gpus > idle[2]:
        raise Refused(f"host {host.name!r} has not what this plan takes from it")


def _refuse_unready(farm: Farm, layer: Layer, indices: IndexArray) -> None:
    """Raise Refused for frames that may not run now."""
    states = layer.frames.state[indices].tolist()
    for index, state in zip(indices.tolist(), states, strict=True):
        if state != _WAITING:
            raise Refused(f"frame {farm.frame_name(layer, index)} is not waiting")
        if index in layer.runs:
            raise Refused(f"the last run of frame {farm.frame_name(layer, index)} is not known to have ended")

"""A plan is carried out here: every booking becomes a run, and one that does not hold is refused."""

from __future__ import annotations

from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import Refused
from cuebot.domain.farm import Farm
from cuebot.domain.frames import as_indices
from cuebot.domain.states import FrameState


def book(farm: Farm, command: c.Book, context: Context) -> list[ev.Event]:
    """Turn bookings into runs, one event a layer. Raises Refused where a booking contradicts the farm."""
    by_layer: dict[str, list[c.Booking]] = {}
    cores: dict[str, int] = {}
    memory: dict[str, int] = {}
    for booking in command.bookings:
        refuse_unsound(farm, booking)
        cores[booking.host_id] = cores.get(booking.host_id, 0) + booking.cores
        memory[booking.host_id] = memory.get(booking.host_id, 0) + booking.memory
        by_layer.setdefault(booking.layer_id, []).append(booking)
    table = farm.hosts_table
    for host_id in cores:
        row = farm.hosts[host_id].row
        if cores[host_id] > table.idle_cores[row] or memory[host_id] > table.idle_memory[row]:
            raise Refused(f"host {farm.hosts[host_id].name!r} has not what this plan takes from it")
    events: list[ev.Event] = []
    for layer_id, bookings in by_layer.items():
        bookings.sort(key=lambda b: b.index)
        events.append(
            ev.RunsBooked(
                layer_id=layer_id,
                indices=as_indices([b.index for b in bookings]),
                run_ids=[context.new_id() for _ in bookings],
                host_ids=[b.host_id for b in bookings],
                cores=[b.cores for b in bookings],
                memory=[b.memory for b in bookings],
                gpus=[b.gpus for b in bookings],
            )
        )
    return events


def refuse_unsound(farm: Farm, booking: c.Booking) -> None:
    """Raise Refused for a booking of a frame that may not run now or of a host that may not be used."""
    layer = farm.layers[booking.layer_id]
    if int(layer.frames.state[booking.index]) != FrameState.WAITING:
        raise Refused(f"frame {farm.frame_name(layer, booking.index)} is not waiting")
    if booking.index in layer.runs:
        raise Refused(f"the last run of frame {farm.frame_name(layer, booking.index)} is not known to have ended")
    if not farm.hosts_table.bookable[farm.hosts[booking.host_id].row]:
        raise Refused(f"host {farm.hosts[booking.host_id].name!r} takes nothing now")

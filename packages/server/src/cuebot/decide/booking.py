"""A plan is carried out here: every booking becomes a run, and one that does not hold is refused."""

from __future__ import annotations

from cuebot.decide.context import Context
from cuebot.decide.redirects import places_used
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import Refused
from cuebot.domain.farm import Farm
from cuebot.domain.frames import IndexArray, as_indices
from cuebot.domain.nouns import Layer, Redirect, stored_values
from cuebot.domain.resources import amounts
from cuebot.domain.states import FrameState
from cuebot.scheduling.rules.fits import has_left
from cuebot.scheduling.rules.partitions import left_of, takes_local

_WAITING = int(FrameState.WAITING)


def book(farm: Farm, command: c.Book, context: Context) -> list[ev.Event]:
    """Turn bookings into runs, one event a layer. Raises Refused where a booking contradicts the farm."""
    by_layer: dict[tuple[str, str], list[c.Booking]] = {}
    by_host: dict[str, list[c.Booking]] = {}
    for booking in command.bookings:
        by_layer.setdefault((booking.layer_id, booking.partition_id), []).append(booking)
        by_host.setdefault(booking.host_id, []).append(booking)
    events: list[ev.Event] = []
    for host_id, bookings in by_host.items():
        used = places_used(farm, farm.hosts[host_id], [b for b in bookings if not b.partition_id])
        _refuse_unusable(farm, host_id, bookings, used)
        _refuse_beyond(farm, bookings)
        _refuse_company(farm, host_id, bookings)
        events += [ev.Removed("redirect", place.id, stored_values(place)) for place in used]
    for (layer_id, partition_id), bookings in by_layer.items():
        bookings.sort(key=lambda b: b.frame_index)
        indices = as_indices([b.frame_index for b in bookings])
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
                gpu_memory=[b.gpu_memory for b in bookings] if any(b.gpu_memory for b in bookings) else [],
                partition_id=partition_id,
            )
        )
    return events


def _refuse_unusable(farm: Farm, host_id: str, bookings: list[c.Booking], used: list[Redirect]) -> None:
    """Raise Refused for a host that takes nothing, or has not the cores or the resources that a plan takes.

    The places that are `used` up by it are there besides.
    """
    host = farm.hosts[host_id]
    is_local = all(booking.partition_id for booking in bookings)
    if not (takes_local(host) if is_local else farm.hosts_table.bookable[host.row]):
        raise Refused(f"host {host.name!r} takes nothing now")

    cores = sum(booking.cores for booking in bookings) - sum(place.cores for place in used)
    taken: dict[str, int] = {}
    for booking in bookings:
        for name, amount in amounts(booking):
            taken[name] = taken.get(name, 0) + amount
    for place in used:
        for name, amount in amounts(place):
            taken[name] = taken.get(name, 0) - amount
    if not has_left(farm.hosts_table, host.row, cores, tuple(taken.items())):
        raise Refused(f"host {host.name!r} has not what this plan takes from it")


def _refuse_beyond(farm: Farm, bookings: list[c.Booking]) -> None:
    """Raise Refused where more would run in a part of a host than it has left, or in one that there is not."""
    by_partition: dict[str, list[c.Booking]] = {}
    for booking in bookings:
        if booking.partition_id:
            by_partition.setdefault(booking.partition_id, []).append(booking)
    for id, own in by_partition.items():
        partition = farm.get("partition", id)
        left = left_of(farm, partition)
        is_over = any(sum(getattr(b, name) for b in own) > amount for name, amount in left.amounts.items())
        if is_over or sum(b.cores for b in own) > left.cores or any(b.host_id != partition.host_id for b in own):
            host = farm.hosts[partition.host_id]
            raise Refused(f"the partition of {partition.user} on {host.name!r} has no such room")


def _refuse_company(farm: Farm, host_id: str, bookings: list[c.Booking]) -> None:
    """Raise Refused where a frame that runs alone would not be alone on a host."""
    host = farm.hosts[host_id]
    alone = sum(booking.frame_index in farm.layers[booking.layer_id].frames.alone for booking in bookings)
    if farm.hosts_table.alone[host.row] or (alone and (len(bookings) > 1 or host.proc_ids)):
        raise Refused(f"a frame on host {host.name!r} is to run alone there")


def _refuse_unready(farm: Farm, layer: Layer, indices: IndexArray) -> None:
    """Raise Refused for frames that may not run now."""
    states = layer.frames.state[indices].tolist()
    for index, state in zip(indices.tolist(), states, strict=True):
        if state != _WAITING:
            raise Refused(f"frame {farm.frame_name(layer, index)} is not waiting")
        if index in layer.runs:
            raise Refused(f"the last run of frame {farm.frame_name(layer, index)} is not known to have ended")

"""Places that are held for a job or a group are filled first, by those for whom they are.

Everything else holds as ever: tags, limits, the burst of the show, the maximums of job and group. What the next frame
takes it may take from all that is free on the host, beside the place.
"""

from __future__ import annotations

from collections.abc import Iterator

from cuebot.domain.commands import Booking
from cuebot.domain.nouns import Host, Job, Layer
from cuebot.domain.ready import Demand
from cuebot.scheduling.plan.frame_order import frames_in_order
from cuebot.scheduling.plan.placement import suiting
from cuebot.scheduling.plan.state import PlanState
from cuebot.scheduling.rules.eligibility import avoided_rows, may_start
from cuebot.scheduling.rules.places import jobs_for, places_by_target, spent
from cuebot.scheduling.rules.shares import FairShare


def fill_places(state: PlanState) -> None:
    """Book those for whom places are held."""
    farm = state.farm
    for host in [farm.hosts[id] for id in farm.places_of_host]:
        for target, places in places_by_target(farm, host).items():
            if state.is_spent:
                return
            if not state.free.lend(host.row, places):
                continue
            jobs = jobs_for(farm, target)
            taken = _fill(state, host, jobs, sum(place.cores for place in places))
            left = {name: column.item(host.row) for name, column in state.free.amounts.items()}
            used = spent(places, taken, state.free.cores.item(host.row), left) if taken else []
            state.free.take_back(host.row, [place for place in places if place not in used])


def _fill(state: PlanState, host: Host, jobs: list[Job], most: int) -> int:
    """Book frames of jobs on a host until they have as many core units as are held. Returns how many they have."""
    taken = 0
    for job in jobs:
        for booking in _bookings(state, host, job):
            state.bookings.append(booking)
            taken += booking.cores
            if taken >= most or state.is_spent:
                return taken
    return taken


def _bookings(state: PlanState, host: Host, job: Job) -> Iterator[Booking]:
    """Frames of a job that fit on a host, in their order. A job that is held is left to the rest of the plan."""
    farm, row = state.farm, host.row
    fair_share = FairShare.of(farm, job.show_id, farm.allocations[host.allocation_id], state.now_us)
    if fair_share is None or farm.holds.of_job(job) is not None:
        return

    booked_as = (job.show_id, host.allocation_id)
    for layer, demand, index in frames_in_order(_layers(state, row, job), state.taken, state.budget):
        if not state.free.fits(row, demand) or not state.limit_usage.lets(row, demand):
            continue
        if demand.limits and state.limit_usage.full(demand) is not None:
            continue
        group = farm.groups[job.group_id]
        if not (state.caps.let_gpus(job, demand) and state.caps.let_gpus(group, demand)):
            continue
        room = min(state.caps.of_group(group.id), state.caps.of_job(job))
        room = min(room, fair_share.room - state.booked_ahead.get(booked_as, 0))
        if state.free.cores_of(row, demand) > room:
            continue

        state.limit_usage.take(row, demand)
        cores = state.free.take(row, demand)
        state.caps.book(job, demand, cores)
        state.booked_ahead[booked_as] = state.booked_ahead.get(booked_as, 0) + cores
        state.taken[layer.id, demand.alone] = state.taken.get((layer.id, demand.alone), 0) + 1
        key = (job.show_id, job.group_id, demand)
        state.taken_of[key] = state.taken_of.get(key, 0) + 1
        yield Booking(layer.id, index, host.id, cores, demand.memory, demand.gpus, demand.gpu_memory)


def _layers(state: PlanState, row: int, job: Job) -> list[tuple[Layer, Demand]]:
    """The layers of a job that may start and whose frames the host suits, in their order."""
    farm = state.farm
    ready = farm.ready
    layers = [(farm.layers[id], asked) for asked in ready.demands(job.id) for _, id in ready.layers(job.id, asked)]
    found = [
        (layer, demand)
        for layer, demand in layers
        if may_start(farm, layer, state.now_us)
        and suiting(farm, demand, None, state.policies)[row]
        and row not in avoided_rows(farm, layer, demand, state.now_us, state.policies)
    ]
    return sorted(found, key=lambda entry: (entry[0].dispatch_order, entry[0].key))

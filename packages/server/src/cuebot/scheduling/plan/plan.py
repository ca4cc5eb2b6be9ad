"""The plan: which waiting frame runs on which host, in one pass over the farm under a budget of bookings.

A pass begins with the places that redirects hold (`places`) and with hosts that somebody owns, for his show, then fills
one allocation after another (`filling`). In each, the show that is furthest under its share of the allocation books
next (`shares`); within a show the order is that of `order`. Placement: the host with the fewest
idle cores that still fits, so that big holes stay whole (`placement`).
What users render on their own hosts has passes of its own, before (`local`).
The plan is made and booked in one step of the engine, so it can never be out of date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cuebot.domain.commands import Booking
from cuebot.domain.farm import Farm
from cuebot.domain.host_table import Reservation
from cuebot.scheduling.plan.filling import fill, fill_owned
from cuebot.scheduling.plan.local import plan_local
from cuebot.scheduling.plan.places import fill_places
from cuebot.scheduling.plan.reserving import keep_reservations
from cuebot.scheduling.plan.state import PlanState
from cuebot.scheduling.rules.policy import Policy


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass found."""

    bookings: list[Booking]
    exhausted: bool
    """The budget ended before the farm did, or a host was let go: there may be more to book at once."""
    reserved: dict[int, Reservation] = field(default_factory=dict)
    """Hosts that are kept free for wide frames, by row."""


def plan(farm: Farm, now_us: int, budget: int, policies: Sequence[Policy] = ()) -> Plan:
    """Hosts for at most `budget` waiting frames, under the studio's policies."""
    if not farm.ready or budget <= 0:
        return Plan([], exhausted=False, reserved=farm.hosts_table.reservations if farm.ready else {})

    if farm.partitions and (local := plan_local(farm, now_us, budget, policies)):
        return Plan(local, exhausted=True, reserved=farm.hosts_table.reservations)

    state = PlanState(farm, now_us, budget, policies)
    keep_reservations(state)
    if farm.places_of_host:
        fill_places(state)
    if farm.owned_rows:
        fill_owned(state)
    for allocation in sorted(farm.allocations.values(), key=farm.allocation_name):
        fill(state, allocation)

    return Plan(state.bookings, exhausted=state.is_exhausted, reserved=state.reserved)

"""What a host has an amount of and each run holds a part of, besides its cores: one line a resource.

A host, a demand, a booking and a run each have a field of the resource's name. The columns of the host table, what a
plan leaves, what a booking is refused for and what explain says are made from this table. Cores are no line of it: a
frame may ask for all of a host's, whatever that is.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Resource(NamedTuple):
    """One of the things that hosts have and frames take."""

    name: str
    """The field of hosts, demands, bookings and runs that says how much."""
    label: str
    """What people call it after a number; empty where the unit says it."""
    in_kib: bool = False
    """An amount is in KiB, and not a number of things."""


RESOURCES: tuple[Resource, ...] = (
    Resource("memory", "", in_kib=True),
    Resource("gpus", "GPU"),
    Resource("gpu_memory", "GPU memory", in_kib=True),
)

Amounts = tuple[tuple[str, int], ...]
"""Names of resources, and how much of each. What is not named is not asked for."""


def amounts(thing: Any) -> Amounts:
    """What a demand asks for, or a booking or a run takes, besides cores."""
    return tuple([(name, amount) for name, _, _ in RESOURCES if (amount := getattr(thing, name))])

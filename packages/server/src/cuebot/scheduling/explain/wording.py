"""Numbers and frames as people read them."""

from __future__ import annotations

from typing import Final

from cuebot.domain.frame_set import compact
from cuebot.domain.frames import IndexArray
from cuebot.domain.nouns import Layer
from cuebot.domain.resources import Resource
from cuebot.domain.units import ONE_CORE, KiB, cores_from_units

GIB: Final = 1_048_576
RANGE_CHARACTERS: Final = 1_000
"""A longer range of frames is no help to anybody who reads it."""


def counted(count: int, thing: str) -> str:
    """A number of things: `1 frame`, `2 frames`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def plural(count: int, one: str, many: str) -> str:
    """The word that goes with a number."""
    return one if count == 1 else many


_OF_ONE: Final = {"have": "has", "are": "is", "do": "does", "report": "reports", "reboot": "reboots"}
_THEIRS_OF_ONE: Final = {
    "their agents were": "its agent was",
    "their agents are": "its agent is",
    "their agent reports": "its agent reports",
    "their owners leave them": "its owner leaves it",
    "their owners": "its owner",
    "their temporary": "its temporary",
    "of them for": "of it for",
    "they come": "it comes",
    "they are": "it is",
    "by themselves, with one frame each": "by itself, with one frame",
    "in allocations that": "in an allocation that",
    "in allocations where": "in an allocation where",
    "and run the one frame that they may": "and runs the one frame that it may",
}


def agreeing(count: int, text: str) -> str:
    """What is said of several things, said of so many: `have no room` becomes `has no room` for one."""
    if count != 1:
        return text
    adverb, text = ("never ", text.removeprefix("never ")) if text.startswith("never ") else ("", text)
    verb, blank, rest = text.partition(" ")
    text = f"{adverb}{_OF_ONE.get(verb, verb)}{blank}{rest}"
    for several, one in _THEIRS_OF_ONE.items():
        text = text.replace(several, one)
    return text


def range_of(layer: Layer, indices: IndexArray) -> str | None:
    """Frames of a layer as commands take them; None where that would be too long."""
    text = compact(sorted(layer.frames.number[indices].tolist()))
    return text if len(text) <= RANGE_CHARACTERS else None


def duration(seconds: int) -> str:
    """A length of time for people."""
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


def gib(kib: KiB | int) -> str:
    """An amount of memory for people."""
    return f"{kib / GIB:.1f} GB" if kib >= GIB // 2 else f"{kib / 1024:.0f} MB"


def amount_of(resource: Resource, amount: int) -> str:
    """So much of a resource: `2 GPUs`, `4.0 GB of GPU memory`."""
    if not resource.in_kib:
        return counted(amount, resource.label)
    return f"{gib(amount)} of {resource.label}" if resource.label else gib(amount)


def in_cores(units: int) -> str:
    """Cores for people."""
    return f"{cores_from_units(units):g} cores" if units != ONE_CORE else "1 core"


def tenths_of_gib(tenths: int) -> int:
    """So many tenths of a GiB in whole KiB, rounded up as a request for memory is."""
    return -(-tenths * GIB // 10)

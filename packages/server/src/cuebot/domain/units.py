"""Units and identifiers of the farm, so that a bare int never has to be guessed at."""

from __future__ import annotations

from typing import NewType

CoreUnits = NewType("CoreUnits", int)
"""Hundredths of a core: 100 is one core. The wire calls them core units or points."""

KiB = NewType("KiB", int)
"""1,024 bytes. The wire says KB and means this."""

Micros = NewType("Micros", int)
"""Microseconds: since the epoch (UTC) for a time, otherwise a duration. 0 as a time means "never"."""

ONE_CORE = CoreUnits(100)
MIN_CORE_UNITS = CoreUnits(10)
MIN_MEMORY = KiB(262_144)
"""A frame is never reserved less than 256 MiB (upstream's mem_reserved_min)."""

SECOND = Micros(1_000_000)
MINUTE = Micros(60 * SECOND)
HOUR = Micros(60 * MINUTE)
NO_END = Micros(1 << 62)
"""As a time that passes: never. No time is as long, and a column holds it."""
UNLIMITED = -1
ID_LENGTH = 36
ID_PREFIX = 8
"""So many characters of an id stand for it where no other begins so."""

_ID_CHARACTERS = frozenset("0123456789abcdefABCDEF-")


def cores_from_units(units: int) -> float:
    """Cores as people count them; -1 (no limit) stays -1."""
    return -1.0 if units == UNLIMITED else round(units / 100, 2)


def seconds(micros: int) -> int:
    """Whole seconds, rounded down: what the wire carries."""
    return micros // SECOND


def frame_id(layer_id: str, index: int) -> str:
    """A frame's id: its layer's id, which ends in 32 zero bits, with the frame's index + 1 in their place.

    No table of a million strings is needed to find a frame, and a frame's id is never its layer's.
    """
    return f"{layer_id[:-8]}{index + 1:08x}"


def split_frame_id(text: str) -> tuple[str, int] | None:
    """The layer id and frame index inside a frame id, or None where the text is no frame id."""
    try:
        index = int(text[-8:], 16) - 1
    except ValueError:
        return None
    return (text[:-8] + "00000000", index) if len(text) == 36 and index >= 0 else None


def is_id(text: str) -> bool:
    """Whether a text is an id, or enough of its beginning to be taken for it."""
    return ID_PREFIX <= len(text) <= ID_LENGTH and all(character in _ID_CHARACTERS for character in text)


def layer_id_from(uuid: str) -> str:
    """A layer's id made from a fresh UUID: its last 32 bits are cleared for the frames' indices."""
    return uuid[:-8] + "00000000"

"""Units as rows have them: cores, seconds and KiB, and None for "no limit"."""

from __future__ import annotations

from cuebot.domain.units import SECOND


def in_cores(core_units: int) -> float:
    """Hundredths of a core as cores."""
    return round(int(core_units) / 100, 2)


def most_cores(core_units: int) -> float | None:
    """The same of a maximum or a default, of which a negative number says that there is none."""
    return None if core_units < 0 else in_cores(core_units)


def most(count: int) -> int | None:
    """A maximum or a default, of which a negative number says that there is none."""
    return None if count < 0 else int(count)


def in_seconds(micros: int) -> int:
    """Whole seconds; of a time that has not come they are 0."""
    return int(micros) // SECOND

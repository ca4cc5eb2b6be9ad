"""Numbers and names at the border: what clients send is checked here, what they get fits the wire's types."""

from __future__ import annotations

import math
from decimal import Decimal
from enum import IntEnum
from typing import Final, TypeVar

from cuebot.domain.cores import exact, read_cores, read_frame_cores
from cuebot.domain.errors import Invalid
from cuebot.domain.units import SECOND, UNLIMITED, CoreUnits, KiB, Micros

INT32_MAX: Final = 2**31 - 1
INT64_MAX: Final = 2**63 - 1
REPORTED_KIB_MAX: Final = 2**40
"""1 PiB: what a host says of memory or disk beyond this is cut, so that sums of it stay far inside 64 bits."""
REPORTED_CORES_MAX: Final = CoreUnits(10_000_000)
"""100,000 cores on one host."""
REPORTED_SECONDS_MAX: Final = 10**9
"""About 31 years: no run is longer."""

Enum = TypeVar("Enum", bound=IntEnum)
Number = TypeVar("Number", int, float)

# --- in -----------------------------------------------------------------------------------------------------------


def units(cores: float, what: str, *, unlimited: bool = False) -> CoreUnits:
    """Cores from the wire as core units, to the nearest hundredth; with `unlimited` -1 stays -1. Raises Invalid."""
    return read_cores(_exact(cores, what), what, unlimited=unlimited)


def units_or_unlimited(cores: float, what: str) -> CoreUnits:
    """The same, where any negative number stands for "no limit"."""
    return units(UNLIMITED if cores < 0 else cores, what, unlimited=True)


def frame_units(cores: float, what: str, warnings: list[str]) -> CoreUnits:
    """The cores of a frame from the wire as core units; what they became instead goes to the warnings."""
    read, warning = read_frame_cores(_exact(cores, what), what)
    if warning:
        warnings.append(f"{what}: {warning}")
    return read


def _exact(cores: float, what: str) -> Decimal:
    if not math.isfinite(cores):
        raise Invalid(f"{what} is a number of cores, not {cores}")
    return exact(cores)


def unlimited_if_negative(value: int) -> int:
    """Any negative number stands for "no limit"."""
    return value if value >= 0 else UNLIMITED


def member(kind: type[Enum], number: int, what: str) -> Enum:
    """The member of an enumeration with this number. Raises Invalid: the wire lets any number through."""
    try:
        return kind(number)
    except ValueError:
        known = ", ".join(f"{item.name} {item.value}" for item in kind)
        raise Invalid(f"{what} {number} is not known; there are {known}") from None


def kib(value: int) -> KiB:
    """Memory or disk as a host reports it, cut to what can be."""
    return KiB(min(max(value, 0), REPORTED_KIB_MAX))


def duration_us(value_s: int) -> Micros:
    """A duration as a host reports it, in seconds, cut to what can be."""
    return Micros(min(max(value_s, 0), REPORTED_SECONDS_MAX) * SECOND)


# --- out ----------------------------------------------------------------------------------------------------------


def int32(value: int) -> int:
    """A number that fits an int32 field; a larger one becomes the largest."""
    return max(min(int(value), INT32_MAX), -INT32_MAX)


def time32(time_s: int) -> int:
    """A time in whole seconds for an int32 field; 0 is "never"."""
    return min(time_s, INT32_MAX)


def or_unlimited(value: Number | None) -> Number | int:
    """A maximum or a default for a field in which -1 says that there is none."""
    return UNLIMITED if value is None else value

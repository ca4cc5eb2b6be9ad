"""How a number of cores is read, at every door alike: specifications, setters, defaults and services.

Hundredths of a core are kept. A number never becomes 0 by rounding, since 0 has a meaning of its own everywhere: no
maximum, no core at all, or a whole host.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from cuebot.domain.bounds import INT32_MAX
from cuebot.domain.errors import Invalid
from cuebot.domain.units import MIN_CORE_UNITS, ONE_CORE, UNLIMITED, CoreUnits

LEAST: Final = "the least is 0.01, a hundredth of a core"
_FLOAT32_EXACT: Final = 100_000.0
"""Below this, seven digits hold the hundredths of a number that came as a float of 32 bits."""


def exact(cores: float) -> Decimal:
    """Return a number from the wire as it was before 32 bits held it: 2.35 arrives as 2.3499999."""
    return Decimal(f"{cores:.7g}" if abs(cores) < _FLOAT32_EXACT else f"{cores:.2f}")


def read_cores(cores: Decimal, what: str, *, unlimited: bool = False) -> CoreUnits:
    """Return cores as core units, to the nearest hundredth; with `unlimited` -1 stays -1, which is "no limit".

    Raises:
        Invalid: a number below 0, one that would become 0, or an absurd one.
    """
    if unlimited and cores == UNLIMITED:
        return CoreUnits(UNLIMITED)
    units = _nearest(cores, what)
    if units < 0:
        no_limit = ", or -1 for no limit" if unlimited else ""
        raise Invalid(f"{what} is 0 cores or more{no_limit}, not {_shown(cores)}")
    return units


def read_frame_cores(cores: Decimal, what: str) -> tuple[CoreUnits, str]:
    """Return the cores of a frame as core units, and a warning where those are not what was asked for.

    0 is a whole host, a negative number all of it but that much; below a tenth of a core a frame gets a whole one.

    Raises:
        Invalid: a negative number that would become 0, or an absurd one.
    """
    if cores > 0 and cores * 100 < MIN_CORE_UNITS - Decimal("0.5"):
        return ONE_CORE, f"{_shown(cores)} cores is less than a tenth of a core, so one core is used"
    return _nearest(cores, what), ""


def _nearest(cores: Decimal, what: str) -> CoreUnits:
    if abs(cores) * 100 > INT32_MAX:
        raise Invalid(f"{what} is a number of cores up to {INT32_MAX // 100}, not {_shown(cores)}")
    units = int((cores * 100).to_integral_value(ROUND_HALF_UP))
    if cores and not units:
        raise Invalid(f"{what} cannot be {_shown(cores)}: {LEAST}")
    return CoreUnits(units)


def _shown(cores: Decimal) -> str:
    text = f"{cores.normalize():f}"
    return text if len(text) <= 20 else f"{cores:.3g}"

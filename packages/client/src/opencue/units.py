"""Numbers that remember their unit, where the API has both."""

from __future__ import annotations

import math
from typing import Union

KB_PER_MB = 1024


class Megabytes(float):
    """An amount of memory in MB that stays in MB through arithmetic.

    The API mostly counts memory in KB. A `Megabytes` may be given wherever it asks for KB and is then converted, so
    that `layer.setMinMemory(layer.minimumMemory() * 1.5)` does what it says.
    """

    __slots__ = ()

    @classmethod
    def fromKilobytes(cls, kilobytes: float) -> Megabytes:
        """Return the same amount in MB."""
        return cls(kilobytes / KB_PER_MB)

    def __add__(self, other: float) -> Megabytes:
        return Megabytes(float(self) + other)

    __radd__ = __add__

    def __sub__(self, other: float) -> Megabytes:
        return Megabytes(float(self) - other)

    def __rsub__(self, other: float) -> Megabytes:
        return Megabytes(other - float(self))

    def __mul__(self, other: float) -> Megabytes:
        return Megabytes(float(self) * other)

    __rmul__ = __mul__

    def __truediv__(self, other: float) -> Union[Megabytes, float]:
        """Divide; one amount by another is a plain ratio."""
        quotient = float(self) / other
        return quotient if isinstance(other, Megabytes) else Megabytes(quotient)


def toKilobytes(memory: Union[Megabytes, float]) -> int:
    """Return an amount in whole KB, rounded up; a plain number is KB already."""
    return math.ceil(float(memory) * KB_PER_MB if isinstance(memory, Megabytes) else memory)

"""How long things take in a scenario: constant, lognormal from its median and 95th percentile, or heavy-tailed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from cuebot.domain.units import SECOND, Micros

MICROSECONDS = npt.NDArray[np.int64]
Z95: Final = 1.6448536269514722
"""The 95th percentile of the standard normal distribution."""


class Times(Protocol):
    """A distribution of durations."""

    def draw(self, rng: np.random.Generator, count: int) -> MICROSECONDS:
        """Draw some durations, in microseconds, each at least one."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same."""

    value_us: Micros

    def draw(self, rng: np.random.Generator, count: int) -> MICROSECONDS:
        """The same, so often."""
        return np.full(count, max(self.value_us, 1), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Many near the median, some much longer: how the frames of a shot usually are."""

    median_us: Micros
    p95_us: Micros

    def draw(self, rng: np.random.Generator, count: int) -> MICROSECONDS:
        """Durations of which half lie below the median and 95 in 100 below the 95th percentile."""
        sigma = math.log(self.p95_us / self.median_us) / Z95
        return _whole(rng.lognormal(math.log(self.median_us), sigma, count))


@dataclass(frozen=True, slots=True)
class HeavyTail:
    """A Pareto distribution cut off at `most_us`: the smaller the exponent, the longer the longest."""

    median_us: Micros
    exponent: float
    most_us: Micros

    def draw(self, rng: np.random.Generator, count: int) -> MICROSECONDS:
        """Durations from just below the median up to `most_us`."""
        shortest_us = self.median_us / 2 ** (1 / self.exponent)
        return _whole(np.minimum(shortest_us * (1 + rng.pareto(self.exponent, count)), self.most_us))


def _whole(values_us: npt.NDArray[np.float64]) -> MICROSECONDS:
    return np.maximum(values_us, SECOND // 100).astype(np.int64)

"""When the jobs of a scenario are submitted: all at once, at random by the hour, in bursts, or towards a deadline."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from cuebot.domain.units import HOUR, Micros


class Arrivals(Protocol):
    """A way for jobs to arrive."""

    def times(self, rng: np.random.Generator, duration_us: int, start_hour: int) -> list[int]:
        """When jobs come, in microseconds since the start, ascending and all before `duration_us`."""

    def scaled(self, factor: float) -> Arrivals:
        """The same with more or fewer jobs."""


@dataclass(frozen=True, slots=True)
class AtOnce:
    """All jobs at one moment."""

    at_us: Micros
    jobs: int

    def times(self, rng: np.random.Generator, duration_us: int, start_hour: int) -> list[int]:
        """The same moment, so often."""
        return [self.at_us] * self.jobs if self.at_us < duration_us else []

    def scaled(self, factor: float) -> AtOnce:
        """The same with more or fewer jobs, one at least."""
        return replace(self, jobs=scaled_count(self.jobs, factor))


@dataclass(frozen=True, slots=True)
class Poisson:
    """Independent of each other, with a mean number an hour for each hour of the day."""

    per_hour: tuple[float, ...]
    """24 numbers, the first for the hour from midnight to one."""

    def times(self, rng: np.random.Generator, duration_us: int, start_hour: int) -> list[int]:
        """Random moments."""
        return thinned(
            rng,
            duration_us,
            max(self.per_hour),
            lambda at_us: self.per_hour[(start_hour + int(at_us // HOUR)) % 24],
        )

    def scaled(self, factor: float) -> Poisson:
        """The same with other rates."""
        return Poisson(tuple(rate * factor for rate in self.per_hour))


@dataclass(frozen=True, slots=True)
class Bursts:
    """Many jobs every so often, as a script or a whole department submits them."""

    every_us: Micros
    jobs: int
    first_us: Micros
    spread_us: Micros
    """The jobs of a burst come within this."""

    def times(self, rng: np.random.Generator, duration_us: int, start_hour: int) -> list[int]:
        """The moments of all bursts."""
        found: list[int] = []
        for burst_us in range(self.first_us, duration_us, self.every_us):
            offsets = rng.uniform(0, self.spread_us, self.jobs) if self.spread_us else np.zeros(self.jobs)
            found += [burst_us + int(offset) for offset in offsets]
        return sorted(at_us for at_us in found if at_us < duration_us)

    def scaled(self, factor: float) -> Bursts:
        """The same with more or fewer jobs a burst, one at least."""
        return replace(self, jobs=scaled_count(self.jobs, factor))


@dataclass(frozen=True, slots=True)
class Crunch:
    """More and more towards a deadline: the rate grows exponentially until then and is calm at once afterwards."""

    calm_per_hour: float
    peak_per_hour: float
    peak_at_us: Micros

    def times(self, rng: np.random.Generator, duration_us: int, start_hour: int) -> list[int]:
        """Random moments, ever closer together until the peak."""
        growth = math.log(self.peak_per_hour / self.calm_per_hour)

        def rate(at_us: float) -> float:
            if at_us > self.peak_at_us:
                return self.calm_per_hour
            return self.calm_per_hour * math.exp(growth * at_us / self.peak_at_us)

        return thinned(rng, duration_us, self.peak_per_hour, rate)

    def scaled(self, factor: float) -> Crunch:
        """The same with other rates."""
        return replace(self, calm_per_hour=self.calm_per_hour * factor, peak_per_hour=self.peak_per_hour * factor)


def thinned(
    rng: np.random.Generator, duration_us: int, most_per_hour: float, per_hour: Callable[[float], float]
) -> list[int]:
    """Moments of a Poisson process whose rate changes: those of a faster, even one, some of them left out."""
    found: list[int] = []
    at_us = 0.0
    while most_per_hour > 0:
        at_us += rng.exponential(HOUR / most_per_hour)
        if at_us >= duration_us:
            break
        if rng.random() * most_per_hour < per_hour(at_us):
            found.append(int(at_us))
    return found


def scaled_count(count: int, factor: float) -> int:
    """A count times a factor, one at least."""
    return max(1, round(count * factor))

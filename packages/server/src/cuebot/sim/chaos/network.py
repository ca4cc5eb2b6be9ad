"""Calls between server and hosts that may be lost, late, doubled, or cut off in one direction or both."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

from cuebot.domain.units import SECOND
from cuebot.sim.chaos.fault_rates import Faults
from cuebot.sim.clock import Clock

DEADLINE_US = 10 * SECOND
"""A caller without an answer gives up after this."""
LATEST_US = 29 * SECOND
"""A message that is later than this does not arrive at all: connections break. A launch and a report, each so late,
together are within the minute after which the server believes that an agent of upstream's never had a run."""

Reply = Callable[[Any], None]


class Line(Protocol):
    """A host's connection."""

    cut_up: bool
    """Nothing gets from the host to the server."""
    cut_down: bool
    """Nothing gets from the server to the host."""


class Network:
    """Delivers calls."""

    def __init__(self, clock: Clock, rng: random.Random, faults: Faults) -> None:
        self.clock, self.rng, self.faults = clock, rng, faults

    def call(
        self,
        line: Line,
        *,
        upwards: bool,
        may_double: bool = True,
        handle: Callable[[Reply], None],
        answered: Callable[[Any], None],
        failed: Callable[[], None],
    ) -> None:
        """Ask the other side: exactly one of `answered` and `failed` is called, but `handle` never, once or twice.

        A transport does not double messages, whoever asks may: so not a call that the caller never repeats by itself.
        """
        over = [False]

        def cut(up: bool) -> bool:
            return line.cut_up if up else line.cut_down

        def end(outcome: Callable[[], None]) -> None:
            if not over[0]:
                over[0] = True
                outcome()

        def reply(value: Any) -> None:
            def arrive() -> None:
                if not cut(not upwards):
                    end(lambda: answered(value))

            if self.rng.random() >= self.faults.reply_lost:
                self.clock.later(self._delay_us(), arrive)

        def deliver() -> None:
            if not cut(upwards):
                handle(reply)

        if self.rng.random() >= self.faults.request_lost:
            self.clock.later(self._delay_us(), deliver)
        if may_double and self.rng.random() < self.faults.duplicated:
            again_us = self._delay_us() if self.rng.random() < 0.5 else self.rng.uniform(SECOND, LATEST_US)
            self.clock.later(again_us, deliver)  # often after newer ones have arrived
        self.clock.later(DEADLINE_US, lambda: end(failed))

    def _delay_us(self) -> float:
        if self.rng.random() < self.faults.late:
            return self.rng.uniform(SECOND, LATEST_US)
        return self.rng.uniform(200, 5_000)

"""What a machine believes the time to be: somebody sets it, and it may run fast or slow."""

from __future__ import annotations

from cuebot.sim.clock import Clock


class WallClock:
    """A machine's own time of day. The world's clock stands for its monotonic one, which nobody can set."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_us = self._read_us = clock.now_us
        self._rate = 1.0

    @property
    def now_us(self) -> int:
        """Microseconds since the epoch, as this machine tells them."""
        return self._read_us + int((self._clock.now_us - self._since_us) * self._rate)

    def step(self, by_us: int) -> None:
        """Somebody sets the clock forward, or back."""
        self._since_us, self._read_us = self._clock.now_us, self.now_us + by_us

    def run_at(self, rate: float) -> None:
        """Let so many seconds pass here in one true second."""
        self.step(0)
        self._rate = rate

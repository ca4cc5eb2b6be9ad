"""What happens to our agents while their frames live, each fault by its own random numbers: one more changes no other.

The rates and moments of one fault depend on nothing that another one draws; whom it meets depends on what runs then.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from cuebot.domain.units import SECOND
from cuebot.sim.chaos.hosts import SimHost

if TYPE_CHECKING:
    from cuebot.sim.chaos.world import World

CHOSEN: Final = 0.5
"""How many of the faults a seed has."""


class SupervisorMishaps:
    """Faults of one world's agents, supervisors and memory."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._runner = random.Random(f"{world.seed}/runner lost")
        for host in world.hosts.values():
            if isinstance(host, SimHost):
                policy_luck = random.Random(f"{world.seed}/lost contact/{host.name}")
                host.ends_at_lease = not host.goes_on and policy_luck.random() < 0.3

    def begin(self) -> None:
        """Let happen what this seed has of each."""
        for name, (shortest_s, longest_s), mishap in _MISHAPS:
            rng = random.Random(f"{self.world.seed}/{name}")
            if rng.random() < CHOSEN:
                self._again(rng, rng.uniform(shortest_s, longest_s), mishap)

    def _again(self, rng: random.Random, mean_s: float, mishap: Mishap) -> None:
        def happen() -> None:
            if not self.world.healed:
                host = self._some_host(rng)
                if host is not None:
                    mishap(self, rng, host)
                self._again(rng, mean_s, mishap)

        self.world.clock.later(rng.expovariate(1 / mean_s) * SECOND, happen)

    def _some_host(self, rng: random.Random) -> SimHost | None:
        """A host of ours; rather one that has long work to do, since it is frames that faults are for."""
        hosts = [host for host in self.world.hosts.values() if isinstance(host, SimHost)]
        if not hosts:
            return None
        any_host = rng.choice(hosts)
        return any_host if rng.random() < 0.2 else max(hosts, key=SimHost.work_left_us)

    def lose_runner(self, host: SimHost) -> None:
        """The runner dies and is there again soon, within the lease, or long after it."""
        off_us = away_us(self._runner, host)
        self.world.tell(f"{host.name}: the runner dies, for {off_us / SECOND:.1f} s")
        host.lose_runner(off_us)

    def _hang(self, rng: random.Random, host: SimHost) -> None:
        length_s = away_us(rng, host) / SECOND
        self.world.tell(f"{host.name}: the runner hangs for {length_s:.1f} s")
        host.hang(length_s)

    def _take_spool(self, rng: random.Random, host: SimHost) -> None:
        off_us = away_us(rng, host)
        if rng.random() < 0.3:
            self.world.tell(f"{host.name}: the spool is deleted under its agent")
            host.lose_spool(off_us)
        else:
            self.world.tell(f"{host.name}: the runner dies, and the next one in {off_us / SECOND:.1f} s has no spool")
            host.lose_runner(off_us, new_spool=True, why="runners died with their spools")

    def _lose_supervisor(self, rng: random.Random, host: SimHost) -> None:
        host.lose_supervisor(rng)

    def _run_out_of_memory(self, rng: random.Random, host: SimHost) -> None:
        host.run_out_of_memory(rng)

    def _upgrade(self, rng: random.Random, host: SimHost) -> None:
        self.world.tell(f"{host.name}: the agent is restarted in place")
        host.lose_runner(int(rng.uniform(0.1, 3) * SECOND), why="agents were restarted in place")

    def _leave_frames(self, rng: random.Random, host: SimHost) -> None:
        off_us = away_us(rng, host)
        self.world.tell(f"{host.name}: the agent is ended by SIGTERM, for {off_us / SECOND:.1f} s")
        host.leave_frames(off_us)

    def mend(self) -> None:
        """Agents are there, and go on."""
        for host in self.world.hosts.values():
            if isinstance(host, SimHost):
                host.come_back()


def away_us(rng: random.Random, host: SimHost) -> int:
    """How long a runner is away: for a moment, for most of the lease, about as long as it, or far longer."""
    lease_s = host.lease_us / SECOND
    return int(rng.choice((2, 20, 0.8 * lease_s, 1.1 * lease_s, 700)) * rng.uniform(0.7, 1.3) * SECOND)


Mishap = Callable[[SupervisorMishaps, random.Random, SimHost], None]

_MISHAPS: tuple[tuple[str, tuple[float, float], Mishap], ...] = (
    ("runner hangs", (100, 600), SupervisorMishaps._hang),
    ("spool lost", (150, 900), SupervisorMishaps._take_spool),
    ("supervisor lost", (60, 400), SupervisorMishaps._lose_supervisor),
    ("machine out of memory", (100, 600), SupervisorMishaps._run_out_of_memory),
    ("agent restarted in place", (60, 400), SupervisorMishaps._upgrade),
    ("agent leaves its frames", (100, 600), SupervisorMishaps._leave_frames),
)

"""What happens to machines: they are cut off, switched off, taken apart, sat down at, and their clocks are set.

The server's own machine is one of them: its disk fails and hangs. Rates: `fault_rates`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cuebot.domain.units import HOUR, SECOND
from cuebot.sim.chaos.hosts import SimHost
from cuebot.sim.chaos.machine import Machine
from cuebot.sim.chaos.upstream_hosts import UpstreamHost

if TYPE_CHECKING:
    from cuebot.sim.chaos.world import World

SIZES_CORES = (2, 4, 8)
SIZES_GIB = (8, 16, 32)


def machine(world: World, name: str, *, upstream: bool, lease_us: int) -> Machine:
    """A machine of some size, with our agent or one of upstream's."""
    cores, memory_gib = world.rng.choice(SIZES_CORES), world.rng.choice(SIZES_GIB)
    if upstream:
        newer, desk = world.rng.random() < 0.5, world.rng.random() < 0.5
        return UpstreamHost(world, name, cores, memory_gib, newer=newer, desk=desk)
    return SimHost(world, name, cores, memory_gib, lease_us)


class HostFaults:
    """Things that go wrong with a world's machines, one machine at a time."""

    def __init__(self, world: World) -> None:
        self.world, self.rng = world, world.rng
        self._taken_away: dict[str, Machine] = {}
        """The last twin of a name that is there no more."""

    def by_rate(self) -> list[tuple[float, Callable[[], None]]]:
        """Each mishap and the mean seconds between two of it."""
        faults = self.world.faults
        return [
            (faults.link_restart_every_s, self.link_restart),
            (faults.runner_lost_every_s, self.runner_lost),
            (faults.reboot_every_s, self.reboot),
            (faults.vanish_every_s, self.vanish),
            (faults.agent_stopped_every_s, self.agent_stopped),
            (faults.clone_every_s, self.clone),
            (faults.partition_every_s, self.partition),
            (faults.clock_set_every_s, self.clock_set),
            (faults.owner_every_s, self.owner),
            (faults.logs_lost_every_s, self.logs_lost),
            (faults.spawning_lost_every_s, self.spawning_lost),
            (faults.refusing_every_s, self.refusing),
            (faults.journal_lost_every_s, self.journal_lost),
            (faults.journal_hangs_every_s, self.journal_hangs),
        ]

    def _some_machine(self) -> Machine:
        return self.rng.choice(list(self.world.hosts.values()))

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        self.world.clock.later(seconds * SECOND, action)

    def runner_lost(self) -> None:
        """An agent dies: one of upstream's is there again at once."""
        machine = self._some_machine()
        if isinstance(machine, SimHost):
            self.world.supervisor_mishaps.lose_runner(machine)
        else:
            machine.lose_runner()

    def link_restart(self) -> None:
        """The agent, or the part of it that speaks to the server, is restarted."""
        machine = self._some_machine()
        if machine.link_up:
            self.world.tell(f"{machine.name}: the link restarts")
            machine.stop_link()
            self._after(self.rng.uniform(0.1, 20), lambda: machine.start_link() if machine.alive else None)

    def reboot(self) -> None:
        """A machine goes down and comes up again, perhaps as another under the same name."""
        machine = self._some_machine()
        if machine.alive:
            self.world.tell(f"{machine.name} reboots")
            machine.die(new_disk=self.rng.random() < 0.2)
            self._after(self.rng.uniform(1, 120), lambda: None if machine.alive else self.boot(machine))

    def boot(self, machine: Machine) -> None:
        """A machine comes up, and may have been taken apart in the meantime."""
        if self.rng.random() < self.world.faults.resized:
            machine.resize(self.rng.choice((1, *SIZES_CORES)), self.rng.choice((4, *SIZES_GIB)))
            self.world.tell(f"{machine.name} comes up with {machine.cores} core units, {machine.memory_gib} GiB")
        machine.boot()

    def vanish(self) -> None:
        """A machine is gone."""
        machine = self._some_machine()
        if machine.alive:
            self.world.tell(f"{machine.name} vanishes")
            machine.die(new_disk=True)

    def agent_stopped(self) -> None:
        """An agent is told to stop, says goodbye, and is started again, perhaps with another spool."""
        machine = self._some_machine()
        if isinstance(machine, SimHost) and machine.link_up:
            new_spool = self.rng.random() < 0.3
            self.world.tell(f"{machine.name}: its agent is stopped{', and its spool deleted' if new_spool else ''}")
            machine.stop_agent(int(self.rng.choice((0.1, 5, 40, 500)) * SECOND), new_spool=new_spool)

    def clone(self) -> None:
        """For a while a second machine has the name of another, perhaps as a copy of its disk.

        A server that has just started can tell neither a copy from the machine itself booted again, nor two agents of
        upstream's from one, while the right one is cut off: see docs/explanation/exactly-once.md.
        """
        original, twins = self._some_machine(), self.world.twins
        name = f"{original.name}-twin"
        if name in twins or (self.world.faults.server_ends and not isinstance(original, SimHost)):
            return
        twin: Machine
        cores, gib = original.cores // 100, original.memory_gib
        if isinstance(original, SimHost):
            twin = SimHost(self.world, name, cores, gib, original.lease_us, called=original.name)
            twin.goes_on, twin.ends_at_lease = original.goes_on, original.ends_at_lease
            if self.rng.random() < 0.4 and not self.world.faults.server_ends:
                twin.copy_disk_of(original)
        else:
            twin = UpstreamHost(self.world, name, cores, gib, newer=True, desk=False, called=original.name)
        self.world.tell(f"{twin.name} boots")
        if name in self._taken_away:
            self._taken_away.pop(name).came_back()
        twins[name] = twin
        twin.boot()
        self._after(self.rng.choice((20, 100, 400)) * self.rng.uniform(0.5, 1.5), lambda: self._take_away(twin))

    def _take_away(self, twin: Machine) -> None:
        if self.world.twins.pop(twin.name, None) is not None:
            self.world.tell(f"{twin.name} is taken away")
            twin.is_taken_away = True
            twin.die(new_disk=True)
            self._taken_away[twin.name] = twin

    def partition(self) -> None:
        """A machine is cut off from the server, in one direction or both; rather one that has long work to do."""
        machine = self._some_machine()
        if self.rng.random() < 0.5:
            machine = max(self.world.hosts.values(), key=Machine.work_left_us)
        lease_s = machine.lease_us / SECOND
        length_s = self.rng.choice((10, 60, 0.9 * lease_s, 1.5 * lease_s, 700, 700)) * self.rng.uniform(0.7, 1.3)
        up, down = self.rng.choice(((True, True), (True, True), (True, False), (False, True)))
        self.world.tell(f"{machine.name} is cut off for {length_s:.0f} s (up {up}, down {down})")
        machine.cut_up, machine.cut_down = up, down

        machine.cut_until_us = self.world.clock.now_us + int(length_s * SECOND)

        def mend() -> None:
            if self.world.clock.now_us >= machine.cut_until_us:  # else it was cut off again, for longer
                machine.cut_up = machine.cut_down = False

        self._after(length_s, mend)

    def clock_set(self) -> None:
        """A machine's wall clock jumps, or begins to run fast or slow."""
        machine = self._some_machine()
        if self.rng.random() < 0.3:
            rate = self.rng.choice((0.5, 0.99, 1.0, 1.01, 3.0))
            self.world.tell(f"{machine.name}: the clock runs at {rate}")
            machine.wall.run_at(rate)
        else:
            step_s = self.rng.choice((-1, 1)) * self.rng.choice((5, 90, 400, 2 * HOUR / SECOND, 24 * HOUR / SECOND))
            self.world.tell(f"{machine.name}: the clock is set by {step_s:.0f} s")
            machine.wall.step(int(step_s * SECOND))

    def owner(self) -> None:
        """Somebody wants a machine for himself for a while."""
        machine = self._some_machine()
        if machine.alive:
            self.world.tell(f"{machine.name}: its owner returns")
            machine.owner_returns()
            self._after(self.rng.uniform(20, 300), machine.owner_leaves)

    def logs_lost(self) -> None:
        """A disk for logs is full or gone, for one host, several or all of them; or the folder of one job is."""
        length_s = self.rng.choice((10, 60, 300)) * self.rng.uniform(0.7, 1.3)
        machines, jobs = list(self.world.hosts.values()), sorted(self.world.checker.jobs)
        if jobs and self.rng.random() < 0.3:
            job_id = self.rng.choice(jobs)
            self.world.tell(f"logs of job {job_id} cannot be written for {length_s:.0f} s")
            self.world.jobs_without_logs.add(job_id)
            self._after(length_s, lambda: self.world.jobs_without_logs.discard(job_id))
            return
        some = self.rng.sample(machines, self.rng.choice((1, 1, len(machines) // 2, len(machines))))
        self.world.tell(f"{', '.join(one.name for one in some)}: no log can be written for {length_s:.0f} s")
        for one in some:
            one.logs_lost += 1

        def mend() -> None:
            for one in some:
                one.logs_lost = max(one.logs_lost - 1, 0)

        self._after(length_s, mend)

    def spawning_lost(self) -> None:
        """A machine has no room for another process for a while."""
        machine = self._some_machine()
        length_s = self.rng.choice((10, 60, 300)) * self.rng.uniform(0.7, 1.3)
        self.world.tell(f"{machine.name} can start no process for {length_s:.0f} s")
        machine.spawning_lost += 1

        def mend() -> None:
            machine.spawning_lost = max(machine.spawning_lost - 1, 0)

        self._after(length_s, mend)

    def refusing(self) -> None:
        """A machine refuses whatever it is asked to run, for minutes."""
        machine = self._some_machine()
        length_s = self.rng.choice((60, 200, 400)) * self.rng.uniform(0.7, 1.3)
        self.world.tell(f"{machine.name} refuses every launch for {length_s:.0f} s")
        machine.refusing += 1

        def mend() -> None:
            machine.refusing = max(machine.refusing - 1, 0)

        self._after(length_s, mend)

    def journal_lost(self) -> None:
        """Every commit fails for a while: a full disk, a database that is restarted. It may take the server with it."""
        length_s = self.rng.choice((2, 20, 40, 90)) * self.rng.uniform(0.7, 1.3)
        self.world.tell(f"commits fail for {length_s:.0f} s")
        self.world.journal_lost_until_us = self.world.clock.now_us + int(length_s * SECOND)

    def journal_hangs(self) -> None:
        """No commit returns for a while: a lock in the database, a disk that is away. A long while ends the server."""
        length_s = self.rng.choice((2, 10, 40, 90)) * self.rng.uniform(0.7, 1.3)
        self.world.tell(f"no commit returns for {length_s:.0f} s")
        self.world.journal_hangs_until_us = self.world.clock.now_us + int(length_s * SECOND)

    def mend(self) -> None:
        """Everything is whole again: lines, disks, people, and machines that were off."""
        self.world.jobs_without_logs.clear()
        self.world.journal_lost_until_us = self.world.journal_hangs_until_us = 0
        for twin in list(self.world.twins.values()):
            self._take_away(twin)
        for machine in self.world.hosts.values():
            machine.cut_up = machine.cut_down = False
            machine.frame_fails = 0.0
            machine.logs_lost = machine.spawning_lost = machine.refusing = 0
            machine.owner_leaves()
            if not machine.alive:
                machine.boot()

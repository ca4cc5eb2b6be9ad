"""A simulated machine where each process has a supervisor: what goes on there whether or not an agent is there."""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import TYPE_CHECKING

from cuebot.domain.states import Cause, Exit
from cuebot.domain.units import SECOND
from cuebot.sim.chaos.ground_truth import Process, ProcessState
from cuebot.sim.chaos.machine import KILL_US, Machine

if TYPE_CHECKING:
    from cuebot.sim.chaos.world import World

BURIED_US = 2 * SECOND
"""So long after a supervisor's death the runner has ended what that left, at the latest."""
LIVE = (ProcessState.RUNNING, ProcessState.SUSPENDED)


class SupervisedMachine(Machine):
    """What supervisors do by themselves. `runs` is what stands in the books, which outlive every process."""

    ours = True

    def __init__(self, world: World, name: str, cores: int, memory_gib: int, lease_us: int, called: str) -> None:
        super().__init__(world, name, cores, memory_gib, called)
        self.lease_us = lease_us
        self.goes_on = False
        """Its frames go on without a server, however long: `--on-lost-contact continue`."""
        self.ends_at_lease = False
        """Its frames are ended when the lease is over, and do not stand still: `--on-lost-contact kill`."""
        self._confirmed_us = -lease_us
        """When the last report that was answered had been sent, as it stands in the books."""

    def lives(self, run_ids: Collection[str]) -> bool:
        """One of some runs goes on or stands still here."""
        return any(process.order.run_id in run_ids for process in self.processes(*LIVE))

    def tally(self, what: str, count: int = 1) -> None:
        """Count what happened to frames, for the report."""
        if count:
            self.world.happened[what] += count

    # --- the lease ------------------------------------------------------------------------------------------------

    @property
    def in_lease(self) -> bool:
        """A server has answered lately (or ever, where that is enough): frames may run. By the monotonic clock."""
        if self.goes_on:
            return self._confirmed_us > -self.lease_us
        return self.now_us < self.lease_until_us

    @property
    def lease_until_us(self) -> int:
        """When supervisors act, unless a runner writes another time into the book before."""
        return self._confirmed_us + self.lease_us

    def renew_lease(self, sent_us: int) -> None:
        """A report that was sent then has been answered."""
        if sent_us > self._confirmed_us:
            self._confirmed_us = sent_us
            self.world.clock.later(self.lease_until_us - self.now_us, self._lease_over)

    def _lease_over(self) -> None:
        if not self.in_lease:
            for process in self.processes(ProcessState.RUNNING):
                if process.is_watched:
                    self._outlast_lease(process)

    def _outlast_lease(self, process: Process) -> None:
        """What a supervisor does to a process that has no lease any more."""
        if self.ends_at_lease:
            self.tally("frames ended with their lease")
            self.end(process.order.run_id, Cause.LEASE)
        else:
            self.tally("frames stood still")
            self._stop(process, ProcessState.SUSPENDED)

    # --- how runs end ---------------------------------------------------------------------------------------------

    def end(self, run_id: str, cause: Cause) -> None:
        """Have a process end. A suspended one never goes on for it; what is left of a lost one the runner ends."""
        process = self.runs[run_id]
        status, signal = (1, 15) if cause is Cause.KILLED else (int(Exit.SKIP_RETRY), 0)
        if process.state is ProcessState.SUSPENDED:
            self._end(process, status, signal, cause)
        elif process.state is ProcessState.RUNNING and process.is_watched:
            self._after(process, self.rng.uniform(0, KILL_US), lambda: self._end(process, status, signal, cause))

    def _done(self, process: Process) -> None:
        if process.takes == "supervisor":
            self.world.tell(f"{self.name}: {process.order.frame_name} takes its supervisor down")
            self._lose(process)
        else:
            super()._done(process)

    def lose_supervisor(self, rng: random.Random) -> None:
        """The supervisor of one of its processes is killed."""
        there = [process for process in self.processes(*LIVE) if process.is_watched]
        if there:
            process = rng.choice(there)
            self.world.tell(f"{self.name}: the supervisor of {process.order.frame_name} is killed")
            self._lose(process)

    def _lose(self, process: Process) -> None:
        """Its command dies with it. What that had started is left to the runner, or to the next one.

        Nobody could end what outlives the lease, so a runner that is away comes back before, or nothing was left: see
        docs/explanation/exactly-once.md.
        """
        self.tally("supervisors killed")
        process.is_watched, process.with_host, process.host_is_back = False, True, True
        process.turn += 1  # it does not go on to its end
        if self.watches:
            self._after(process, self.rng.uniform(0, BURIED_US), lambda: self._bury(process))
        elif self.is_away_too_long:
            self._bury(process)

    @property
    def is_away_too_long(self) -> bool:
        """No runner comes before the lease is over."""
        return self.watched_again_us > self.lease_until_us - BURIED_US and not self.goes_on

    def bury_lost(self) -> None:
        """A runner ends what supervisors left that were killed before it came."""
        for process in self.processes(*LIVE):
            if not process.is_watched:
                self._bury(process)

    def _bury(self, process: Process) -> None:
        self._end(process, int(Exit.ORPHAN), 0, Cause.RUNNER_LOST)

    @property
    def watches(self) -> bool:
        """A runner is there and sees what becomes of supervisors."""
        return True

    @property
    def watched_again_us(self) -> int:
        """When a runner is there again."""
        return self.now_us

    def run_out_of_memory(self, rng: random.Random) -> None:
        """The machine has no memory left: the kernel takes some runs, or a supervisor its own before that."""
        there = [process for process in self.processes(ProcessState.RUNNING) if process.is_watched]
        if not there:
            return
        if rng.random() < 0.5:
            victims = rng.sample(there, rng.randint(1, len(there)))
            ends = [(1, 9), (int(Exit.CONTAINER_MEMORY), 0)]  # a signal, or a shell that tells of one
        else:
            held = {process.order.run_id: rng.uniform(1.05, 2) for process in there}
            for process in there:
                process.memory = int(process.order.memory * held[process.order.run_id])
            victims = [max(there, key=lambda process: held[process.order.run_id])]
            ends = [(int(Exit.MEMORY), 0)]
        self.world.tell(f"{self.name} is out of memory: {len(victims)} runs are ended")
        self.tally("frames ended because a machine was out of memory", len(victims))
        for process in victims:
            status, signal = rng.choice(ends)
            self._end(process, status, signal, Cause.EXITED)

    def _power_off(self) -> None:
        """Nothing goes on; the next runner finds runs of an earlier boot in the book, and calls them lost."""
        there = self.processes(*LIVE)
        for process in there:
            self._bury(process)
        self._went_down(there)

"""A world from a seed: hosts, network, disk, people and a server, with faults at first and without them later."""

from __future__ import annotations

import random
import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import FarmError, HostConflict
from cuebot.domain.farm import Farm
from cuebot.domain.recount import check
from cuebot.domain.states import Cause, FrameState, JobState, OnEnd
from cuebot.domain.units import HOUR, MINUTE, SECOND, Micros
from cuebot.engine.requests import Address, LaunchRequest
from cuebot.sim.chaos.disk import Disk, compare_farms
from cuebot.sim.chaos.failures import Failures
from cuebot.sim.chaos.fault_rates import CALM, Faults
from cuebot.sim.chaos.fitting import Fitting
from cuebot.sim.chaos.ground_truth import GroundTruth, Violation
from cuebot.sim.chaos.host_faults import HostFaults, machine
from cuebot.sim.chaos.hosts import SimHost
from cuebot.sim.chaos.house_policy import HousePolicy
from cuebot.sim.chaos.idle_hosts import check_nothing_idle
from cuebot.sim.chaos.invariants import InvariantChecker
from cuebot.sim.chaos.machine import Habit, Machine
from cuebot.sim.chaos.network import Network, Reply
from cuebot.sim.chaos.operators import Operators
from cuebot.sim.chaos.server import Server
from cuebot.sim.chaos.supervisor_faults import SupervisorMishaps
from cuebot.sim.clock import Clock

FAULTS_US: Final = 14 * MINUTE
"""How long things go wrong."""
HEALED_AT_MOST_US: Final = 6 * HOUR
"""After healing, all that can be done is done within this."""
COMPARE_EVERY_COMMITS: Final = 40
LOOK_US: Final = Micros(9_700_000)
"""How often it is asked whether the farm is at rest; not in step with anything that the farm does."""


HEALED_AFTER_US: Final = 8 * MINUTE
"""So long after healing there is a server, in contact with every host."""
ENDED_AFTER_US: Final = 2 * MINUTE
"""A run whose time is up is over within this."""
FREE_RETRIES: Final = 5
"""So often a frame may ask for another start."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one seed."""

    seed: int
    problem: str
    """Empty: every promise was kept."""
    hash: str
    steps: int
    events: int
    runs: int
    simulated_s: int
    twice: dict[str, int] = field(default_factory=dict)
    """How often a frame of a host with upstream's agent ran while an earlier run of it went on, by the reason."""
    happened: dict[str, int] = field(default_factory=dict)
    """How often something happened to our agents while frames lived, and what became of these, in words."""
    story: tuple[str, ...] = ()

    @property
    def replay(self) -> str:
        """The command that does exactly this again."""
        return f"cuefarm sim --seeds 1 --first {self.seed} --verbose"


class World:
    """Everything outside the core, and the core in it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(f"{seed}/world")
        self._ids = random.Random(f"{seed}/ids")
        self.clock = Clock()
        self.faults = Faults.draw(self.rng)
        archive_luck = random.Random(f"{seed}/archive")
        self.settings = Settings(
            finished_in_memory_us=Micros(archive_luck.choice((0, 20 * SECOND, 60 * MINUTE))),
            finished_jobs_in_memory=archive_luck.choice((0, 2, 2_000)),
        )
        self.bounds = Bounds(
            unlaunched_bookings=self.rng.choice((4, 20, 2_000)),
            bookings_per_slice=5,
            launches_per_slice=2,
            free_retries=FREE_RETRIES,
        )
        self.ground_truth = GroundTruth()
        self.checker = InvariantChecker(self.ground_truth)
        self.failures = Failures()
        studio_luck = random.Random(f"{seed}/studio")
        self.policy = HousePolicy(studio_luck) if studio_luck.random() < 0.3 else None
        self.disk = Disk(self.checker)
        self.network = Network(self.clock, self.rng, self.faults)
        self.operators = Operators(self, random.Random(f"{seed}/people"))
        self.jobs_launched = 0
        self.crashes = 0
        self.happened: Counter[str] = Counter()
        """What happened to agents while frames lived, and what became of these."""
        self.story: deque[str] = deque(maxlen=300)
        self.server: Server | None = None
        self.healed = False
        """Everything was mended."""
        lease_us = self.rng.choice((60, 120, 300)) * SECOND
        self.long_frames = self.rng.choice((0.0, 0.2, 0.6))
        """How many of the frames take many minutes."""
        upstream = self.rng.choice((0, 0, 0.5, 0.5, 1))
        self.hosts = {
            name: machine(self, name, upstream=self.rng.random() < upstream, lease_us=lease_us)
            for name in (f"host{number}" for number in range(self.rng.randint(2, 6)))
        }
        for host in self.hosts.values():
            if studio_luck.random() < 0.4:
                host.gpus, host.gpu_memory_gib = studio_luck.choice((1, 2, 4)), studio_luck.choice((4, 16))
        if studio_luck.random() < 0.3:
            self.hosts["host1"].frame_fails = studio_luck.choice((0.7, 1.0))
        agents_luck = random.Random(f"{seed}/agents")
        if agents_luck.random() < 0.5:
            for host in self.hosts.values():
                if isinstance(host, SimHost):
                    host.goes_on = agents_luck.random() < 0.6
        self.twins: dict[str, Machine] = {}
        """Machines that have the name of another one, by a name of their own."""
        self.host_faults = HostFaults(self)
        self.supervisor_mishaps = SupervisorMishaps(self)
        self.journal_lost_until_us = self.journal_hangs_until_us = 0
        """Until when every commit fails, and until when none returns."""
        self.jobs_without_logs: set[str] = set()
        """Jobs whose logs can be written nowhere."""
        self._memory_needed: dict[str, int] = {}
        self._habits: dict[str, Habit] = {}
        self._healed_us = 0

    def called(self, name: str) -> list[Machine]:
        """The machines that say that they are called so."""
        return [self.hosts[name], *(twin for twin in self.twins.values() if twin.called == name)]

    def answering(self, address: Address) -> Machine:
        """The machine that an order to this address reaches: any of those that have it."""
        there = [machine for machine in self.called(address.host_name) if machine.address == address.target]
        return self.rng.choice(there) if len(there) > 1 else (there or [self.hosts[address.host_name]])[0]

    def new_id(self) -> str:
        """A fresh UUID, from the seed."""
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

    def memory_needed(self, order: LaunchRequest) -> int:
        """KiB that a frame really needs, whatever was asked for it: the same for each of its runs."""
        if order.frame_id not in self._memory_needed:
            rng, short = self.rng, self.rng.random() < self.faults.out_of_memory
            share = rng.choice((1.2, 1.5, 2, 3)) if short else rng.uniform(0.2, 1)
            self._memory_needed[order.frame_id] = int(share * order.memory)
        return self._memory_needed[order.frame_id]

    def habit(self, order: LaunchRequest) -> Habit:
        """What a frame does each time it runs; it never ends only where its layer has a time-out that ends it."""
        if order.frame_id not in self._habits:
            layer, faults = self.checker.layer_values[order.layer_id], self.faults
            found = [
                habit
                for habit, share, possible in (
                    (Habit.OUT_OF_MEMORY, faults.always_out_of_memory, True),
                    (Habit.ASKS_AGAIN, faults.asks_for_ever, True),
                    (Habit.NEVER_ENDS, faults.never_ends, layer["timeout_minutes"]),
                    (Habit.SILENT, faults.falls_silent, layer["timeout_llu_minutes"]),
                    (Habit.TAKES_SUPERVISOR, faults.takes_supervisor, True),
                    (Habit.TAKES_MACHINE, faults.takes_machine, True),
                )
                if share and self.rng.random() < share and possible
            ]
            self._habits[order.frame_id] = found[0] if found else Habit.NONE
        return self._habits[order.frame_id]

    def tell(self, text: str) -> None:
        """Add a line to the story that a failure is told with."""
        self.story.append(f"{self.clock.now_us / SECOND % 100_000:10.3f} {text}")

    # --- the run --------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Live through faults, healing and rest. Raises an AssertionError where a promise is broken."""
        self._start_server()
        self._ask_first(c.Seed())
        self.clock.later(SECOND, self.operators.set_up)
        for host in self.hosts.values():
            self.clock.later(self.rng.uniform(0, 5 * SECOND), host.boot)
        for number in range(self.rng.randint(2, 4)):
            self.clock.later(number * self.rng.uniform(0, 60 * SECOND) + SECOND, self.operators.launch)
        for mean_s, mishap in [
            *self.host_faults.by_rate(),
            (self.faults.operator_every_s, self.operators.random_action),
        ]:
            if mean_s:
                self._every(mean_s, mishap)
        self.supervisor_mishaps.begin()
        self._run_until(self.clock.now_us + FAULTS_US, lambda: False)
        self._heal()
        if not self._run_until(self.clock.now_us + HEALED_AT_MOST_US, self._at_rest):
            raise Violation(f"not at rest {HEALED_AT_MOST_US // HOUR} hours after healing: {self._unrest()}")
        self._check_rest()

    def _run_until(self, end_us: int, done: Callable[[], bool]) -> bool:
        look_us = self.clock.now_us
        compared = self.disk.commits
        while self.clock.now_us < end_us:
            self.clock.step()
            if self.disk.commits - compared >= COMPARE_EVERY_COMMITS:
                compared = self.disk.commits
                self.disk.load(self.clock.now_us)
            if self.clock.now_us >= look_us:
                look_us = self.clock.now_us + LOOK_US
                self._check_times()
                if done():
                    return True
        return False

    def _check_times(self) -> None:
        """After healing no process goes on long after its time."""
        if self.clock.now_us < self._healed_us + HEALED_AFTER_US or not self._healed_us:
            return
        for process in self.ground_truth.running.values():
            layer, order = self.checker.layer_values[process.order.layer_id], process.order
            over_us = process.ran_us(self.clock.now_us) - layer["timeout_minutes"] * MINUTE
            if layer["timeout_minutes"] and not process.forgotten and over_us > ENDED_AFTER_US:
                raise Violation(f"{order.frame_name} of {order.job_name} runs {over_us // SECOND} s beyond its time")

    def _every(self, mean_s: float, mishap: Callable[[], None]) -> None:
        def happen() -> None:
            if not self.healed:
                mishap()
                self._every(mean_s, mishap)

        self.clock.later(self.rng.expovariate(1 / mean_s) * SECOND, happen)

    # --- server ---------------------------------------------------------------------------------------------------

    def _start_server(self) -> None:
        farm = self.disk.load(self.clock.now_us)
        check(farm)
        self.server = Server(self, farm, self.disk.last_seq)

    def _ask_first(self, command: c.Command) -> None:
        """Submit what makes an empty farm usable, until it is durable."""
        if not self.disk.things["facility"]:
            if self.server is not None:
                self.server.submit(command, c.Envelope(), lambda reply: None)
            self.clock.later(SECOND, lambda: self._ask_first(command))

    def crash(self, when: str) -> None:
        """The server dies and comes back after a while."""
        assert self.server is not None
        self.tell(f"the server crashes {when}")
        self.server.crash()
        self.server = None
        self.ground_truth.goodbyes_us.clear()
        self.crashes += 1
        down_us = self.rng.choice((1, 5, 30, 200)) * self.rng.uniform(0.5, 1.5) * SECOND
        self.clock.later(down_us, self._start_server)

    def report(self, command: c.ReportHost, reply: Reply) -> None:
        """A host's report reaches the server, if there is one."""
        if self.server is not None and self.disk.things["facility"]:
            self.server.report(command, reply)

    def outcome(self, command: c.ReportOutcome, reply: Reply) -> None:
        """A run's outcome reaches the server, if there is one."""

        def durable(nothing: object) -> None:
            if command.run_id in self.disk.things["proc"]:
                raise Violation(f"the outcome of {command.run_id} is acknowledged before it is durable")
            reply(nothing)

        server = self.server
        if server is not None:
            run = server.farm.procs.get(command.run_id)
            envelope = c.Envelope(actor=command.host_name, origin="agent")
            server.submit(command, envelope, durable, self._conflict)
            if run is not None and command.run_id not in server.farm.procs:
                self.failures.ended(
                    command.host_name,
                    run.layer_id,
                    run.job_id,
                    command.exit_signal or command.exit_status,
                    Cause.KILLED if run.kill_message and command.exit_signal in (9, 15) else command.cause,
                    retried=run.on_end is OnEnd.RETRY,
                    at_us=self.clock.now_us,
                )

    def _conflict(self, error: FarmError) -> None:
        """An agent under the name of another machine is not heard."""
        if not isinstance(error, HostConflict):
            raise Violation(f"an agent was refused: {error}") from error

    # --- healing ------------------------------------------------------------------------------------------------------

    def _heal(self) -> None:
        self.tell("healing")
        self.healed, self._healed_us = True, self.clock.now_us
        self.faults = self.network.faults = CALM
        if self.policy is not None:
            self.policy.mend()
        self.host_faults.mend()
        self.supervisor_mishaps.mend()
        self._heal_farm()

    def _heal_farm(self) -> None:
        """People clean up once there is a server again and commits succeed."""
        if self.server is None or self.server.stalled_since_us is not None:
            self.clock.later(SECOND, self._heal_farm)
        else:
            self.operators.heal()

    # --- at the end -----------------------------------------------------------------------------------------------

    def _unrest(self) -> str:
        """What is still going on, or what stands still although it need not."""
        server = self.server
        if server is None or not server.idle:
            return "the server is busy"
        farm = server.farm
        launching = server.core.dispatch.launching
        if farm.procs or launching:
            return f"{len(farm.procs)} runs, {len(launching)} of them without an answer to their launch"
        for host in self.hosts.values():
            if host.runs:
                return f"{host.name} has {len(host.runs)} runs that the server has not acknowledged"
            id = farm.host_by_name.get(host.name)
            if id is None or farm.hosts[id].cores != host.cores:
                return f"{host.name} has {host.cores} core units, and other or none in the books"
        if self.ground_truth.running:
            return f"{len(self.ground_truth.running)} processes run that no agent knows"
        for job in farm.jobs.values():
            if job.state is JobState.PENDING:
                for layer in farm.layers_of(job):
                    waiting = int((layer.frames.state == FrameState.WAITING).sum())
                    if waiting and not self.fitting(farm).why_never(layer):
                        return f"{waiting} frames of {job.name}/{layer.name} wait"
        return ""

    def fitting(self, farm: Farm, at_us: int | None = None) -> Fitting:
        """A farm as it is, now or as if it were another time, for checks that look for places."""
        return Fitting(farm, self.clock.now_us if at_us is None else at_us, self.policy)

    def stranded(self) -> dict[str, str]:
        """Why frames that wait at rest will never run, by job and layer."""
        assert self.server is not None
        farm = self.server.farm
        return {
            f"{job.name}/{layer.name}": self.fitting(farm).why_never(layer)
            for job in farm.jobs.values()
            for layer in farm.layers_of(job)
            if job.state is JobState.PENDING and (layer.frames.state == FrameState.WAITING).any()
        }

    def _at_rest(self) -> bool:
        return not self._unrest() and self.clock.now_us > 0

    def _check_rest(self) -> None:
        assert self.server is not None
        farm = self.server.farm
        if self.ground_truth.running:
            raise Violation(f"{len(self.ground_truth.running)} processes run although the farm is at rest")
        for job in farm.jobs.values():
            if job.state is JobState.PENDING and job.complete:
                raise Violation(f"job {job.name} is complete and not finished")
            parent = farm.jobs.get(job.parent_id or "")
            if job.state is JobState.POSTED and parent is not None and parent.state is JobState.FINISHED:
                raise Violation(f"post job {job.name} does not start although {parent.name} has finished")
            for layer in farm.layers_of(job):
                if job.state is JobState.PENDING and np.any(layer.frames.state == FrameState.RUNNING):
                    raise Violation(f"frames of {job.name}/{layer.name} run in the books although nothing does")
        self.checker.check_held(farm)
        check_nothing_idle(self.fitting(farm), self.failures)
        for what, reason in self.stranded().items():
            self.tell(f"{what} never runs: {reason}")
        compare_farms("memory", farm, "events", self.disk.folded)
        self.disk.load(self.clock.now_us)


def run_seed(seed: int) -> Outcome:
    """Simulate the world of a seed. A broken promise, or a crash of the core, is the outcome's `problem`."""
    world = World(seed)
    problem = ""
    try:
        world.run()
    except Exception as error:  # noqa: BLE001 - a border: whatever goes wrong in the core is what a seed is run for
        world.tell(f"{type(error).__name__}: {error}")
        problem = f"{type(error).__name__}: {error}"
    end_us = world.clock.now_us
    world.disk.hash.update(f"{end_us} {world.clock.steps} {problem}".encode())
    return Outcome(
        seed=seed,
        problem=problem,
        hash=world.disk.hash.hexdigest(),
        steps=world.clock.steps,
        events=world.disk.last_seq,
        runs=world.ground_truth.started,
        simulated_s=(end_us - Clock().now_us) // SECOND,
        twice=dict(world.ground_truth.twice),
        happened=dict(world.happened),
        story=tuple(world.story) if problem else (),
    )

"""A small world in which a search and no random number decides what happens next, with the invariants all along.

Seeds (`test_sim`) try many things at once; here each step is one thing, so a failure shrinks to the few that it takes.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from cuebot.domain import commands as c
from cuebot.domain.units import SECOND
from cuebot.sim.chaos.fault_rates import CALM
from cuebot.sim.chaos.ground_truth import Violation
from cuebot.sim.chaos.machine import Machine
from cuebot.sim.chaos.random_specs import LIMITS, random_spec
from cuebot.sim.chaos.world import HEALED_AT_MOST_US, World

JOBS_AT_MOST: Final = 4
ASKED_FOR_S: Final = 330
"""People ask for so long until they are answered."""


class DrivenWorld(World):
    """A world in which nothing goes wrong of itself. After every event the invariants of the simulator are checked."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.faults = self.network.faults = CALM
        self._start_server()
        self._ask_first(c.Seed())
        self.clock.later(SECOND, self.operators.set_up)
        for host in self.hosts.values():
            self.clock.later(0, host.boot)

    def pass_time(self, seconds: float) -> None:
        """Let happen what happens of itself."""
        self._run_until(self.clock.now_us + int(seconds * SECOND), lambda: False)

    def come_to_rest(self) -> None:
        """Mend everything, and see that all work ends."""
        self.faults = self.network.faults = CALM
        self.pass_time(ASKED_FOR_S)  # whatever was asked for is answered by now, so healing finds every obstacle
        self._heal()
        if not self._run_until(self.clock.now_us + HEALED_AT_MOST_US, self._at_rest):
            raise Violation(f"not at rest long after healing: {self._unrest()}")
        self._check_rest()


hosts = st.integers(0, 3)
seeds = st.integers(0, 2**16)


class Farm(RuleBasedStateMachine):
    """Hosts that come and go, people that meddle, a server that crashes."""

    world: DrivenWorld
    jobs: int

    @initialize(seed=seeds)
    def begin(self, seed: int) -> None:
        """A world with two to four hosts and one job."""
        self.world, self.jobs = DrivenWorld(seed), 0
        self.world.pass_time(15)
        self.launch(seed, show="testing")
        self.world.pass_time(2)

    def host(self, number: int) -> Machine:
        """One of the hosts."""
        names = list(self.world.hosts)
        return self.world.hosts[names[number % len(names)]]

    @rule(seconds=st.sampled_from((0.001, 1, 6, 30, 70, 200)))
    def pass_time(self, seconds: float) -> None:
        """Nothing but time."""
        self.world.pass_time(seconds)

    @precondition(lambda self: self.jobs < JOBS_AT_MOST)
    @rule(seed=seeds, show=st.sampled_from(("testing", "feature")))
    def launch(self, seed: int, show: str) -> None:
        """Somebody submits a job."""
        self.jobs += 1
        self.world.operators.ask(c.SubmitJobs(random_spec(random.Random(seed), f"job{self.jobs}", show)))

    @rule(seed=seeds)
    def random_action(self, seed: int) -> None:
        """Somebody kills, eats, retries, pauses, locks or changes something."""
        self.world.operators.rng = random.Random(seed)
        self.world.operators.random_action()

    @precondition(lambda self: self.world.server is not None)
    @rule(name=st.sampled_from(LIMITS), most=st.integers(0, 3), per_host=st.booleans())
    def set_limit(self, name: str, most: int, per_host: bool) -> None:
        """Somebody says how many frames, or hosts, a limit allows."""
        assert self.world.server is not None
        limit_id = self.world.server.farm.limit_by_name.get(name)
        if limit_id is not None:
            self.world.operators.ask(c.Change("limit", limit_id, {"max_value": most, "per_host": per_host}))

    @precondition(lambda self: self.world.server is not None)
    @rule(number=st.integers(0, 5), most=st.sampled_from((-1, 0, 100, 400)), least=st.sampled_from((0, 300)))
    def set_group(self, number: int, most: int, least: int) -> None:
        """Somebody says how many cores a department may have, and should."""
        assert self.world.server is not None
        groups = list(self.world.server.farm.groups)
        if groups:
            changes = {"max_cores": most, "min_cores": least}
            self.world.operators.ask(c.Change("group", groups[number % len(groups)], changes))

    @precondition(lambda self: self.world.server is not None)
    @rule(number=st.integers(0, 5), job=st.integers(0, 3))
    def move_job(self, number: int, job: int) -> None:
        """Somebody puts a job into another department, perhaps one of another show, which is refused."""
        assert self.world.server is not None
        farm = self.world.server.farm
        jobs, groups = list(farm.jobs), list(farm.groups)
        if jobs:
            self.world.operators.ask(c.MoveJob(jobs[job % len(jobs)], groups[number % len(groups)]))

    @precondition(lambda self: self.world.policy is not None)
    @rule(breaks=st.sampled_from((0.0, 1.0)))
    def break_policy(self, breaks: float) -> None:
        """The studio's policy raises whenever it is asked, or works again."""
        assert self.world.policy is not None
        self.world.policy.breaks = breaks

    @rule(number=hosts, new_disk=st.booleans())
    def power_off(self, number: int, new_disk: bool) -> None:
        """A host goes down, with or without what its agent has kept."""
        if self.host(number).alive:
            self.host(number).die(new_disk=new_disk)

    @rule(number=hosts)
    def power_on(self, number: int) -> None:
        """A host that is down comes up."""
        if not self.host(number).alive:
            self.host(number).boot()

    @rule(number=hosts, up=st.booleans(), down=st.booleans())
    def cut(self, number: int, up: bool, down: bool) -> None:
        """A host's line to the server is cut, in one direction or both, or mended."""
        self.host(number).cut_up, self.host(number).cut_down = up, down

    @rule(number=hosts)
    def restart_link(self, number: int) -> None:
        """The part of an agent that speaks to the server is restarted; frames go on."""
        if self.host(number).alive:
            self.host(number).stop_link()
            self.host(number).start_link()

    @rule(number=hosts)
    def lose_runner(self, number: int) -> None:
        """An agent dies and another one is there: one of ours takes its frames over."""
        if self.host(number).alive:
            self.host(number).lose_runner()

    @rule(number=hosts, hours=st.sampled_from((-24, -0.1, 0.1, 24)))
    def set_clock(self, number: int, hours: float) -> None:
        """A host's wall clock is set."""
        self.host(number).wall.step(int(hours * 3_600 * SECOND))

    @rule(number=hosts, leaves=st.booleans())
    def owner(self, number: int, leaves: bool) -> None:
        """Somebody sits down at a machine, or has left it."""
        if self.host(number).alive:
            self.host(number).owner_leaves() if leaves else self.host(number).owner_returns()

    @rule(number=hosts, cores=st.sampled_from((1, 4, 8)), memory_gib=st.sampled_from((4, 16)))
    def come_back_as_another(self, number: int, cores: int, memory_gib: int) -> None:
        """A host that is down comes up with other cores and memory."""
        if not self.host(number).alive:
            self.host(number).resize(cores, memory_gib)
            self.host(number).boot()

    @rule(fails=st.sampled_from((0.0, 0.4)), although_durable=st.sampled_from((0.0, 0.4)))
    def disk(self, fails: float, although_durable: float) -> None:
        """Commits fail now and then, some of them although they are durable; or they succeed again."""
        faults = replace(CALM, commit_fails=fails, commit_fails_although_durable=although_durable)
        self.world.faults = self.world.network.faults = faults

    @rule(loss=st.sampled_from((0.0, 0.3)), late=st.sampled_from((0.0, 0.3)))
    def network(self, loss: float, late: float) -> None:
        """Messages are lost, repeated or late; or they arrive again."""
        faults = replace(CALM, request_lost=loss, reply_lost=loss, duplicated=loss, late=late)
        self.world.faults = self.world.network.faults = faults

    @precondition(lambda self: self.world.server is not None)
    @rule()
    def crash(self) -> None:
        """The server dies and comes back."""
        self.world.crash("because it was told to")

    def teardown(self) -> None:
        """Whatever happened: once all is mended, everything that can end, ends."""
        if hasattr(self, "world"):
            self.world.come_to_rest()


TestFarm = Farm.TestCase
TestFarm.settings = settings(
    max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

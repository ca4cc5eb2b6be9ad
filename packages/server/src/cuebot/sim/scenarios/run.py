"""A scenario is run here: the real core and the real plan, simulated hosts, and time that jumps from event to event.

Nothing goes wrong but what the scenario asks for: frames that fail and hosts that vanish. Messages take no time and
commits succeed at once, so what is measured is the scheduling alone; seeds (`world`) are for everything else.

How a frame goes (its duration, its failures) is drawn when its job arrives and from the scenario's seed alone. Two
runs that differ only in the plan, or in a subscription, are therefore about the very same frames.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.farm import Farm
from cuebot.domain.states import Cause, Exit, FrameState, JobState
from cuebot.domain.units import SECOND, KiB, Micros, split_frame_id
from cuebot.engine.core import Core
from cuebot.engine.dispatch import AgentRequests
from cuebot.engine.ports import Answer
from cuebot.engine.requests import LaunchRequest
from cuebot.sim.clock import START_US, Clock
from cuebot.sim.scenarios.actions import Action, SetLimit, host_name
from cuebot.sim.scenarios.hosts import LayerLoad, PlannedHost, Run
from cuebot.sim.scenarios.measures import Measures
from cuebot.sim.scenarios.scenario import JobKind, LayerPlan, Scenario, ShowPlan
from cuebot.sim.scenarios.specs import spec_for

SWEEP_US: Final = 15 * SECOND
"""How often the server looks for silent hosts. The engine does it every 5 s; here it changes nothing but the speed."""
PROGRESS_STEPS: Final = 2_048

Progress = Callable[["ScenarioRun"], None]
"""Told now and then how far a run is."""


class ScenarioRun:
    """One run of a scenario."""

    def __init__(self, scenario: Scenario, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        self.scenario = scenario
        self.clock = Clock()
        self.end_us = START_US + scenario.duration_us
        self._ids = random.Random(f"{scenario.seed}/ids")
        self.core = Core(
            Farm(),
            last_seq=0,
            started_us=self.clock.now_us,
            new_id=self._new_id,
            settings=Settings(log_root="/shots"),
            bounds=bounds,
        )
        self.measures = Measures(scenario, START_US)
        self.running = 0
        self._loads: dict[str, LayerLoad] = {}
        self._open_jobs: dict[str, tuple[JobKind, str, int]] = {}
        """Kind, show and arrival of jobs that are not complete, by id."""
        self._groups: dict[tuple[str, str], str] = {}
        """Ids of departments, by show and department."""
        self._arrivals_left = 0
        self._beat_due = False
        self._last_beat_us = 0
        self._over = False
        self.hosts: dict[str, PlannedHost] = {}

    def run(self, progress: Progress | None = None) -> Measures:
        """Live through all of it: until nothing is left to do, or the time is over."""
        self._furnish()
        self.clock.later(self.scenario.report_interval_us, self._sample)
        self.clock.later(SWEEP_US, self._sweep)
        clock = self.clock
        while not self._over and clock.next_us is not None and clock.next_us < self.end_us:
            clock.step()
            if progress is not None and not clock.steps % PROGRESS_STEPS:
                progress(self)
        if not self._over:
            clock.now_us = self.end_us
        self.measures.sample(clock.now_us, self._waiting())
        for layer_id, load in self._loads.items():
            waits = self.core.farm.layers[layer_id].frames.in_state(FrameState.WAITING)
            never = self.measures.never_started
            never[load.width] = never.get(load.width, 0) + sum(not load.started[index] for index in waits.tolist())
        return self.measures

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

    def _rng(self, *stream: str | int) -> np.random.Generator:
        """Random numbers for one purpose, so that a change to one part of a scenario leaves the others' alone."""
        return np.random.default_rng(random.Random(f"{self.scenario.seed}/{stream}").getrandbits(128))

    # --- before anything happens ----------------------------------------------------------------------------------

    def _furnish(self) -> None:
        self._do(c.Seed())
        facility = self.core.farm.facility_by_name["local"]
        for name in dict.fromkeys(kind.allocation for kind in self.scenario.hosts):
            if (facility, name) not in self.core.farm.allocation_by_name:
                self._do(c.CreateAllocation(name, name, facility))
        for limit in self.scenario.limits:
            self._do(c.CreateLimit(limit.name, limit.most, limit.per_host))
        for show in self.scenario.shows:
            self._furnish_show(show)
        for kind in self.scenario.hosts:
            for number in range(kind.count):
                host = PlannedHost(host_name(kind.name, number), kind, self._rng("host", kind.name, number))
                self.hosts[host.name] = host
                self._boot_later(host, 0)
        for job in self.scenario.jobs:
            for show_name in job.shows:
                rng = self._rng("arrivals", job.name, show_name)
                times = job.arrivals.times(rng, self.scenario.duration_us, self.scenario.start_hour)
                self._arrivals_left += len(times)
                for number, at_us in enumerate(times, start=1):
                    self.clock.later(at_us, self._arrival(job, show_name, number))
        for action in self.scenario.actions:
            self.clock.later(action.at_us, partial(self._act, action))

    def _furnish_show(self, show: ShowPlan) -> None:
        farm = self.core.farm
        show_id = farm.show_by_name.get(show.name) or self._do(c.CreateShow(show.name))
        for share in show.shares:
            allocation = farm.allocation_named(share.allocation)
            known = farm.subscription_of.get((show_id, allocation.id))
            if known:  # the first show of a new farm has one
                self._do(c.Change("subscription", known, {"size": share.size, "burst": share.burst}))
            else:
                self._do(c.CreateSubscription(show_id, allocation.id, share.size, share.burst))
        for group in show.groups:
            group_id = self._do(c.CreateGroup(group.name, farm.shows[show_id].root_group_id))
            self._do(c.Change("group", group_id, {"min_cores": group.min_cores, "max_cores": group.max_cores}))
            self._groups[show.name, group.name] = group_id

    def _act(self, action: Action) -> None:
        """An operator does something."""
        now_us = self.clock.now_us
        jobs = {id: (kind.name, show) for id, (kind, show, _) in self._open_jobs.items()}
        for command in action.commands(self.core.farm, jobs):
            self._do(command)
        if isinstance(action, SetLimit):
            self.measures.limits[action.limit].set_maximum(action.most, now_us)
        self.measures.actions.append((now_us, action.text))
        self._settle()

    def _do(self, command: c.Command) -> Any:
        return self.core.execute(command, c.Envelope(actor="wrangler"), self.clock.now_us)

    # --- hosts ----------------------------------------------------------------------------------------------------

    def _boot_later(self, host: PlannedHost, pause_us: int) -> None:
        delay = host.kind.boot_delay
        self.clock.later(pause_us + (int(delay.draw(host.rng, 1)[0]) if delay else 0), lambda: self._boot(host))

    def _boot(self, host: PlannedHost) -> None:
        host.boot(self.clock.now_us)
        self.measures.bookable.change(host.facts.cores, self.clock.now_us)
        self._hear(host, boot=True)
        life = host.life

        def report() -> None:
            if host.life == life:
                self._hear(host, boot=False)
                self.clock.later(self.scenario.host_report_us, report)

        self.clock.later(host.rng.uniform(0, 1) * self.scenario.host_report_us, report)
        if host.kind.lifetime:
            self.clock.later(int(host.kind.lifetime.draw(host.rng, 1)[0]), lambda: self._vanish(host))

    def _hear(self, host: PlannedHost, *, boot: bool) -> None:
        """A host's report reaches the server."""
        self.core.execute(host.report(boot=boot), host.envelope, self.clock.now_us)
        self._send(self.core.dispatch.take_requests())
        self._settle()

    def _vanish(self, host: PlannedHost) -> None:
        """A host is gone with all that it ran. Nobody tells the server."""
        now_us = self.clock.now_us
        host.up = False
        host.life += 1
        self.measures.hosts_vanished += 1
        self.measures.bookable.change(-host.facts.cores, now_us)
        for run in host.runs.values():
            self._count_end(host, run)
            tally = self.measures.tallies[run.load.show]
            tally.lost += 1
            tally.core_us_lost += (now_us - run.started_us) * run.order.cores // 100
        host.runs.clear()
        if host.kind.returns_after:
            self._boot_later(host, int(host.kind.returns_after.draw(host.rng, 1)[0]))

    # --- jobs and runs --------------------------------------------------------------------------------------------

    def _arrival(self, kind: JobKind, show: str, number: int) -> Callable[[], None]:
        return lambda: self._submit(kind, show, number)

    def _submit(self, kind: JobKind, show: str, number: int) -> None:
        now_us = self.clock.now_us
        (job_id,) = self.core.execute(c.SubmitJobs(spec_for(kind, show, number)), c.Envelope(actor="artist"), now_us)
        if kind.group:
            self._do(c.MoveJob(job_id, self._groups[show, kind.group]))
        layers = self.core.farm.layers_of(self.core.farm.jobs[job_id])
        for layer, plan in zip(layers, kind.layers, strict=True):
            rng = self._rng("frames", kind.name, show, number, plan.name)
            self._loads[layer.id] = LayerLoad(
                show=show,
                group=kind.group,
                priority=kind.priority,
                width=self.scenario.width_of(plan),
                plan=plan,
                durations_us=plan.time.draw(rng, plan.frames),
                failures_left=rng.geometric(1 - plan.failure_rate, plan.frames) - 1 if plan.failure_rate else None,
                fraction=float(rng.uniform(0.1, 1)),
                greedy=self._greedy(plan, kind.name, show, number),
                started=bytearray(plan.frames),
            )
        self._open_jobs[job_id] = (kind, show, now_us)
        self.measures.jobs[kind.name] += 1
        self.measures.shares.came(show, self.measures.busy[show].value, now_us)
        self._arrivals_left -= 1
        self._settle()

    def _greedy(self, plan: LayerPlan, *job: str | int) -> npt.NDArray[np.bool_] | None:
        """Frames of a job's layer that need more memory than it asks for."""
        if plan.out_of_memory is None:
            return None
        return self._rng("memory", *job, plan.name).random(plan.frames) < plan.out_of_memory.part

    def _start(self, host: PlannedHost, order: LaunchRequest) -> None:
        """A host takes a run."""
        now_us = self.clock.now_us
        layer_id, index = split_frame_id(order.frame_id) or ("", 0)
        load = self._loads[layer_id]
        work_us = int(load.durations_us[index])
        memory = load.plan.memory
        used, most = KiB(memory * 7 // 10), KiB(memory * 8 // 10)
        exit_status = 1 if load.failures_left is not None and load.failures_left[index] else 0
        if load.plan.out_of_memory is not None and load.greedy is not None and load.greedy[index]:
            most = load.plan.out_of_memory.memory
            if most > order.memory:
                used, most, exit_status = order.memory, order.memory, int(Exit.MEMORY)
        if exit_status:
            work_us = max(int(work_us * load.fraction), 1)
        if not load.started[index]:
            load.started[index] = 1
            eligible_us = int(self.core.farm.layers[layer_id].frames.eligible_us[index])
            self.measures.waited(load.show, load.priority, load.width, now_us - eligible_us)
        facts = c.RunFacts(order.run_id, order.frame_id, used, most, llu_s=now_us // SECOND)
        run = Run(order, load, index, now_us, work_us, exit_status, facts)
        host.runs[order.run_id] = run
        self.running += 1
        self._count(host, run, 1)
        self.measures.tallies[load.show].started += 1
        self.clock.later(work_us, lambda: self._end(host, run))

    def _end(self, host: PlannedHost, run: Run) -> None:
        """A run ends by itself, unless it ended with its host, and the server hears of it."""
        if host.runs.pop(run.order.run_id, None) is None:
            return
        self._count_end(host, run)
        tally = self.measures.tallies[run.load.show]
        core_us = run.work_us * run.order.cores // 100
        tally.cores_ended += run.order.cores
        if run.exit_status:
            if run.exit_status == Exit.MEMORY:
                tally.out_of_memory += 1
            elif run.load.failures_left is not None:
                run.load.failures_left[run.index] -= 1
            tally.failed += 1
            tally.core_us_failed += core_us
        else:
            tally.succeeded += 1
            tally.core_us_succeeded += core_us
        outcome = c.ReportOutcome(
            host_name=host.name,
            run_id=run.order.run_id,
            frame_id=run.order.frame_id,
            exit_status=run.exit_status,
            exit_signal=0,
            cause=Cause.EXITED,
            run_us=Micros(run.work_us),
            max_rss=run.facts.max_rss,
        )
        self.core.execute(outcome, host.envelope, self.clock.now_us)
        self._look_at_job(run)
        self._settle()

    def _count_end(self, host: PlannedHost, run: Run) -> None:
        self.running -= 1
        self._count(host, run, -1)

    def _count(self, host: PlannedHost, run: Run, by: int) -> None:
        """A run starts (1) or ends (-1)."""
        now_us, measures, load = self.clock.now_us, self.measures, run.load
        measures.busy[load.show].change(by * run.order.cores, now_us)
        if by > 0:
            measures.shares.started(load.show, now_us)
        if load.group:
            measures.groups[load.show, load.group].change(by * run.order.cores, now_us)
        for name in load.plan.limits:
            measures.limits[name].change(host.name, by, now_us)

    def _look_at_job(self, run: Run) -> None:
        """Was that the last of its job, or of everything?"""
        job = self.core.farm.jobs[run.order.job_id]
        if job.state is JobState.FINISHED and job.id in self._open_jobs:
            kind, _, arrived_us = self._open_jobs.pop(job.id)
            self.measures.makespans[kind.name].append(self.clock.now_us - arrived_us)
            for layer_id in job.layer_ids:
                del self._loads[layer_id]
        elif run.exit_status:
            layer_id, index = split_frame_id(run.order.frame_id) or ("", 0)
            if self.core.farm.layers[layer_id].frames.state[index] == FrameState.DEAD:
                self.measures.tallies[run.load.show].dead += 1
        if not self.running and not self._arrivals_left:
            farm = self.core.farm
            self._over = not farm.procs and not any(self._waiting().values())

    def _waiting(self) -> dict[str, int]:
        """Frames that wait for nothing but a host, by show."""
        waiting = {show.name: 0 for show in self.scenario.shows}
        jobs = self.core.farm.jobs
        for job_id, (_, show, _) in self._open_jobs.items():
            waiting[show] += jobs[job_id].counts[FrameState.WAITING]
        return waiting

    # --- the server's loop ----------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Let the server plan and commit, once everything else of this moment has happened, and not all the time."""
        if not self._beat_due and (self.core.plan_wanted or self.core.has_batch()):
            self._beat_due = True
            self.clock.later(self._last_beat_us + self.scenario.plan_interval_us - self.clock.now_us, self._beat)

    def _beat(self) -> None:
        """Plan slice after slice and commit, until there is nothing more to do now."""
        self._beat_due = False
        core, now_us = self.core, self.clock.now_us
        self._last_beat_us = now_us
        while core.plan_wanted or core.has_batch():
            if core.plan_wanted:
                core.plan(now_us)
            if core.has_batch():
                core.take()
                self._send(core.committed(now_us)[1])
            while core.dispatch.has_launches():
                self._send(core.launch(now_us))

    def _sweep(self) -> None:
        self.measures.look_at_shares(self.clock.now_us, self._waiting())
        self._send(self.core.sweep(self.clock.now_us))
        self._settle()
        self.clock.later(SWEEP_US, self._sweep)

    def _sample(self) -> None:
        self.measures.sample(self.clock.now_us, self._waiting())
        self.clock.later(self.scenario.report_interval_us, self._sample)

    def _send(self, orders: AgentRequests) -> None:
        """Launches reach the hosts that are up. Nobody asks for kills in a scenario."""
        now_us = self.clock.now_us
        for address, runs in orders.launches:
            host = self.hosts[address.host_name]
            for order in runs:
                if host.up:
                    self._start(host, order)
                self.core.answered(order.run_id, Answer.ACCEPTED if host.up else Answer.UNKNOWN, "", now_us)

    @property
    def simulated_us(self) -> int:
        """How far the simulation is."""
        return self.clock.now_us - START_US

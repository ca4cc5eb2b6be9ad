"""Simulated people: they launch, kill, eat, retry, pause, lock and change things at random."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cuebot.domain import commands as c
from cuebot.domain.archive import unpack
from cuebot.domain.errors import FarmError
from cuebot.domain.farm import Farm
from cuebot.domain.frames import as_indices
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.states import DependType, HostState, JobState, LockState
from cuebot.domain.units import MINUTE, NO_END, SECOND
from cuebot.sim.chaos.ground_truth import Violation
from cuebot.sim.chaos.hosts import SimHost
from cuebot.sim.chaos.invariants import OPERATOR
from cuebot.sim.chaos.random_specs import random_spec
from cuebot.sim.chaos.wranglers import WRANGLINGS, furnishing, tidy

if TYPE_CHECKING:
    from cuebot.sim.chaos.world import World

JOBS_AT_MOST = 7
ASK_AGAIN_US = 8 * SECOND


class Operators:
    """People, with random numbers of their own."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world, self.rng = world, rng
        self.commands = 0
        self.refused = 0
        self._replies: dict[str, Any] = {}
        self._last: c.Selection = {}
        self._healing = False

    # --- asking ---------------------------------------------------------------------------------------------------

    def ask(self, command: c.Command, tries: int = 40) -> None:
        """Submit a command again and again, under one request id, until it is answered or refused."""
        self.commands += 1
        self._ask(command, f"request-{self.commands}", tries, healing=self._healing)

    def _ask(self, command: c.Command, request_id: str, tries: int, healing: bool) -> None:
        if request_id in self._replies or not tries or healing is not self._healing:
            return
        server = self.world.server
        if server is not None:
            envelope = c.Envelope(actor=OPERATOR, origin="sim", request_id=request_id)
            server.submit(command, envelope, lambda reply: self._answered(request_id, reply), self._refused(request_id))
            if self.rng.random() < 0.1 and self.world.server is server:
                server.submit(
                    command, envelope, lambda reply: self._answered(request_id, reply), self._refused(request_id)
                )
        self.world.clock.later(ASK_AGAIN_US, lambda: self._ask(command, request_id, tries - 1, healing))

    def _answered(self, request_id: str, reply: Any) -> None:
        known = self._replies.setdefault(request_id, reply)
        if known != reply:
            raise Violation(f"{request_id} was answered {known!r} and then {reply!r}")

    def _refused(self, request_id: str) -> Callable[[FarmError], None]:
        def refused(error: FarmError) -> None:
            self.refused += 1
            self._replies.setdefault(request_id, None)

        return refused

    # --- meddling -------------------------------------------------------------------------------------------------

    def random_action(self) -> None:
        """Do one thing, if there is something to do it to."""
        server = self.world.server
        if server is None or self._healing:
            return
        if self.rng.random() < 0.4 and server.farm.facilities:
            command = self.rng.choice(WRANGLINGS)(server.farm, self.rng)
        else:
            command = self.rng.choice(_MEDDLINGS)(self, server.farm)
        if command is not None:
            self.ask(command)
        if self.rng.random() < 0.4:  # and a moment later the next one, often about the same frames
            self.world.clock.later(self.rng.uniform(0, 4 * SECOND), self.random_action)

    def heal(self) -> None:
        """Take every obstacle away that people have put up."""
        server = self.world.server
        assert server is not None
        self._healing = True  # whatever they wanted before and was not answered, they want no more
        farm = server.farm
        for job in farm.jobs.values():
            self.ask(c.Change("job", job.id, {"paused": False, "max_cores": -1, "max_gpus": -1}))
        for command in tidy(farm, self.rng):
            self.ask(command)
        for host in farm.hosts.values():
            if not host.removed:
                if host.lock is LockState.LOCKED:  # a host opens by itself once its owner has left
                    self.ask(c.LockHost(host.id, LockState.OPEN))
                if host.state is HostState.REPAIR:
                    self.ask(c.SetHostState(host.id, HostState.UP))
        self._forget_lost()

    def _forget_lost(self) -> None:
        """Machines that came back with an empty disk, and whose runs would be waited for in vain, are deleted.

        Their agent goes on without the server and so never gives a run up by itself. A server that was restarted
        meanwhile cannot know that the machine is the same one. Where only the spool was lost, supervisors may still
        be there with their runs, which the next agent takes over.
        """
        server = self.world.server
        for host in list(server.farm.hosts.values()) if server is not None else ():
            machine = self.world.hosts.get(host.name)
            if not isinstance(machine, SimHost) or host.removed or not host.rival or host.lease_us != NO_END:
                continue
            if machine.instance != host.instance and not machine.lives(host.proc_ids):
                self.ask(c.DropHost(host.id), tries=1)
        self.world.clock.later(MINUTE, self._forget_lost)

    def launch(self) -> None:
        """Submit a job."""
        number = self.world.jobs_launched
        if number < JOBS_AT_MOST:
            self.world.jobs_launched += 1
            self.ask(c.SubmitJobs(random_spec(self.rng, f"job{number}", self._show())))

    def set_up(self) -> None:
        """Give the farm a second show and allocation, groups and limits, one after another, until it has them all."""
        server = self.world.server
        step: c.Command | None = None
        if server is not None and server.farm.facilities:
            step = furnishing(server.farm)
            if step is None:
                return
            self.ask(step)
        if not self._healing:
            self.world.clock.later(SECOND, self.set_up)

    def _show(self) -> str:
        """Where the next job goes: a show that can render, as far as anybody knows."""
        server = self.world.server
        shows = [show.name for show in server.farm.shows.values()] if server is not None else []
        return self.rng.choice(shows or ["testing"])

    def _job(self, farm: Farm) -> Job | None:
        return self.rng.choice(list(farm.jobs.values())) if farm.jobs else None

    def _layer(self, farm: Farm) -> Layer | None:
        return self.rng.choice(list(farm.layers.values())) if farm.layers else None

    def _some_frames(self, farm: Farm) -> c.Selection | None:
        layer = self._layer(farm)
        if layer is None:
            return None
        if self._last and self.rng.random() < 0.4 and all(id in farm.layers for id in self._last):
            return self._last
        count = len(layer.frames)
        size = self.rng.choice((1, 1, 2, count))
        selection = {layer.id: as_indices(sorted(self.rng.sample(range(count), min(size, count))))}
        if self.rng.random() < 0.2:
            job = farm.jobs[layer.job_id]
            selection = {x.id: as_indices(range(len(x.frames))) for x in farm.layers_of(job)}
        self._last = selection
        return selection

    def _launch(self, farm: Farm) -> c.Command | None:
        self.launch()
        return None

    def _retry(self, farm: Farm) -> c.Command | None:
        frames = self._some_frames(farm)
        return c.RetryFrames(frames) if frames else None

    def _retry_past(self, farm: Farm) -> c.Command | None:
        """Let a frame run again of a job that may have left memory."""
        archive = self.world.disk.archive
        if not archive:
            return None
        archived = unpack(archive[self.rng.choice(sorted(archive))])
        layer = self.rng.choice(archived.layers)
        frames = {layer.id: as_indices([self.rng.randrange(len(layer.frames))])}
        return self.rng.choice((c.RetryFrames, c.RetryFrames, c.EatFrames))(frames)

    def _wait_for_past(self, farm: Farm) -> c.Command | None:
        """Have a job wait for one that may have left memory."""
        pending = [job.id for job in farm.jobs.values() if job.state is JobState.PENDING]
        archive = sorted(self.world.disk.archive)
        if not pending or not archive:
            return None
        return c.AddDepend(DependType.JOB_ON_JOB, self.rng.choice(pending), self.rng.choice(archive))

    def _eat(self, farm: Farm) -> c.Command | None:
        frames = self._some_frames(farm) if self.rng.random() < 0.5 else None
        return c.EatFrames(frames) if frames else None

    def _kill(self, farm: Farm) -> c.Command | None:
        frames = self._some_frames(farm)
        return c.KillFrames(frames) if frames else None

    def _change_mind(self, farm: Farm) -> c.Command | None:
        """Want one thing of a running frame, and another before its run can have ended."""
        if not farm.procs:
            return None
        proc = self.rng.choice(list(farm.procs.values()))
        frames = {proc.layer_id: as_indices([proc.frame_index])}
        first, second = self.rng.choice(_CHANGES_OF_MIND)
        self.ask(first(frames))
        self.world.clock.later(self.rng.uniform(0, 3 * SECOND), lambda: self.ask(second(frames)))
        return None

    def _kill_job(self, farm: Farm) -> c.Command | None:
        job = self._job(farm)
        return c.KillJob(job.id) if job and self.rng.random() < 0.3 else None

    def _change_job(self, farm: Farm) -> c.Command | None:
        job = self._job(farm)
        if job is None:
            return None
        changes: dict[str, Any] = self.rng.choice(
            (
                {"paused": True},
                {"paused": False},
                {"paused": False},
                {"priority": self.rng.randint(1, 200)},
                {"max_cores": self.rng.choice((-1, 0, 100, 300, 1_000))},
                {"max_gpus": self.rng.choice((-1, 0, 1, 3))},
                {"max_retries": self.rng.randint(0, 3)},
                {"auto_eat": self.rng.random() < 0.2},
            )
        )
        return c.Change("job", job.id, changes)

    def _change_layer(self, farm: Farm) -> c.Command | None:
        layer = self._layer(farm)
        if layer is None:
            return None
        start_us = self.world.clock.now_us + self.rng.randint(1, 5) * MINUTE
        changes: dict[str, Any] = self.rng.choice(({"start_after_us": start_us}, {"min_cores": 200}))
        return c.Change("layer", layer.id, changes)

    def _lock_host(self, farm: Farm) -> c.Command | None:
        hosts = [host for host in farm.hosts.values() if not host.removed]
        if not hosts:
            return None
        host = self.rng.choice(hosts)
        if self.rng.random() < 0.3:
            return c.SetHostState(host.id, self.rng.choice((HostState.REPAIR, HostState.UP)))
        return c.LockHost(host.id, self.rng.choice((LockState.LOCKED, LockState.OPEN, LockState.OPEN)))

    def _drop_host(self, farm: Farm) -> c.Command | None:
        """Nobody but a dead host may be dropped: that nothing runs there is an operator's word, true only now."""
        dead = [
            host.id
            for host in farm.hosts.values()
            if not host.removed and not any(m.alive for m in self.world.called(host.name))
        ]
        if dead:
            self.ask(c.DropHost(self.rng.choice(dead)), tries=1)
        return None

    def _add_depend(self, farm: Farm) -> c.Command | None:
        er, on = self._layer(farm), self._layer(farm)
        if er is None or on is None:
            return None
        return c.AddDepend(
            type=self.rng.choice(list(DependType)),
            er_job=er.job_id,
            on_job=on.job_id,
            er_layer=er.id,
            er_frame=self.rng.randrange(len(er.frames)),
            on_layer=on.id,
            on_frame=self.rng.randrange(len(on.frames)),
        )

    def _satisfy(self, farm: Farm) -> c.Command | None:
        active = [depend.id for depend in farm.depends.values() if depend.active]
        return c.SatisfyDepends((self.rng.choice(active),)) if active else None

    def _unsatisfy(self, farm: Farm) -> c.Command | None:
        depends = list(farm.depends)
        return c.UnsatisfyDepend(self.rng.choice(depends)) if depends and self.rng.random() < 0.3 else None

    def _release(self, farm: Farm) -> c.Command | None:
        frames = self._some_frames(farm)
        return c.ReleaseFrames(frames) if frames else None

    def _mark_done(self, farm: Farm) -> c.Command | None:
        frames = self._some_frames(farm)
        return c.MarkDone(frames, tuple(frames)) if frames and self.rng.random() < 0.5 else None

    def _reorder(self, farm: Farm) -> c.Command | None:
        layer = self._layer(farm)
        if layer is None:
            return None
        numbers = tuple(layer.frames.number[-2:].tolist())
        return c.ReorderFrames(layer.id, numbers, self.rng.choice(("FIRST", "LAST", "REVERSE")))

    def _kill_again(self, farm: Farm) -> c.Command | None:
        return c.KillProcs((self.rng.choice(list(farm.procs)),)) if farm.procs else None

    def _finish(self, farm: Farm) -> c.Command | None:
        pending = [job.id for job in farm.jobs.values() if job.state is JobState.PENDING]
        return c.FinishIfComplete(self.rng.choice(pending)) if pending else None


_CHANGES_OF_MIND: tuple[tuple[type[Any], type[Any]], ...] = (
    (c.EatFrames, c.RetryFrames),
    (c.RetryFrames, c.EatFrames),
    (c.KillFrames, c.RetryFrames),
    (c.RetryFrames, c.RetryFrames),
)

_MEDDLINGS: tuple[Callable[[Operators, Farm], c.Command | None], ...] = (
    Operators._launch,
    Operators._retry,
    Operators._retry,
    Operators._retry_past,
    Operators._wait_for_past,
    Operators._eat,
    Operators._kill,
    Operators._kill_again,
    Operators._change_mind,
    Operators._change_mind,
    Operators._kill_job,
    Operators._change_job,
    Operators._change_job,
    Operators._change_layer,
    Operators._lock_host,
    Operators._drop_host,
    Operators._add_depend,
    Operators._add_depend,
    Operators._satisfy,
    Operators._unsatisfy,
    Operators._release,
    Operators._mark_done,
    Operators._reorder,
    Operators._finish,
)

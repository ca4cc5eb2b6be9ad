"""A small farm driven by hand: what tests use to say in a few words what happens, and to look at what comes of it."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.farm import Farm
from cuebot.domain.frames import as_indices
from cuebot.domain.nouns import Host, Job, Layer, Proc
from cuebot.domain.recount import check
from cuebot.domain.states import Cause
from cuebot.domain.units import MINUTE, SECOND, CoreUnits, KiB, Micros, frame_id
from cuebot.engine.core import Core
from cuebot.engine.dispatch import AgentRequests
from cuebot.engine.ports import Batch
from cuebot.sim.clock import START_US
from cuebot.sim.specs import full_name, spec_of
from cuebot.spec import DependSpec, JobSpec

LETTERS = "W?RSDXEC"
"""One letter a frame state, by its number: Waiting, (setup), Running, Succeeded, Depend, dead X, Eaten, Checkpoint."""

GIB = 1_048_576


class SmallFarm:
    """A core on an empty disk with the seed's show `testing`. Every step is checked and committed at once."""

    def __init__(self, *, settings: Settings | None = None, bounds: Bounds = DEFAULT_BOUNDS, farm: Farm | None = None):
        self.now_us = START_US
        self._ids = random.Random(1)
        self.core = Core(
            farm or Farm(), last_seq=0, started_us=self.now_us, new_id=self.new_id, settings=settings, bounds=bounds
        )
        self.batches: list[Batch] = []
        self.orders = AgentRequests()
        """What agents were told since this was last looked at."""
        self.do(c.Seed())

    @property
    def farm(self) -> Farm:
        """The books."""
        return self.core.farm

    def new_id(self) -> str:
        """A fresh UUID."""
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

    # --- doing ----------------------------------------------------------------------------------------------------

    def do(self, command: c.Command, envelope: c.Envelope | None = None) -> Any:
        """Carry out a command, a millisecond after the last, and return its reply. Raises FarmError to refuse."""
        self.wait(0.001)
        reply = self.core.execute(command, envelope or c.Envelope(actor="test"), self.now_us)
        self.commit()
        return reply

    def commit(self) -> None:
        """Make everything durable and keep the orders that follow."""
        check(self.farm)
        while self.core.has_batch():
            self.batches.append(self.core.take())
            self._committed()
        check(self.farm)

    def _committed(self) -> None:
        """What was taken is durable."""
        tickets, orders = self.core.committed(self.now_us)
        for ticket in tickets:
            ticket.done(ticket.reply)
        self.keep(orders)
        while self.core.dispatch.has_launches():
            self.keep(self.core.launch(self.now_us))

    def keep(self, orders: AgentRequests) -> None:
        """Add orders to those that wait to be looked at."""
        self.orders.launches += orders.launches
        self.orders.kills += orders.kills
        self.orders.limits += orders.limits

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now_us += int(seconds * SECOND)

    def events(self, *types: type) -> list[Any]:
        """Committed events, all or those of some types."""
        found = [recorded.event for batch in self.batches for recorded in batch.events]
        return [event for event in found if not types or isinstance(event, types)]

    # --- hosts ----------------------------------------------------------------------------------------------------

    def facts(self, name: str = "host0", **fields: Any) -> c.HostFacts:
        """What a host with our agent says of itself: 4 cores and 16 GiB unless said otherwise."""
        facts = c.HostFacts(
            name=name,
            facility="local",
            cores=CoreUnits(400),
            total_memory=KiB(16 * GIB),
            free_memory=KiB(16 * GIB),
            total_swap=KiB(0),
            free_swap=KiB(0),
            total_temp=KiB(100 * GIB),
            free_temp=KiB(100 * GIB),
            load=0,
            boot_us=Micros(START_US),
            tags=("64bit",),
            os=("linux",),
            address=f"{name}:1",
            agent="1",
            instance=f"spool of {name}",
            lease_us=Micros(5 * MINUTE),
        )
        return replace(facts, **fields)

    def report(
        self, name: str = "host0", runs: Iterable[Proc | str | c.RunFacts] = (), *, boot: bool = False, **fields: Any
    ) -> Any:
        """A host reports. Returns the runs that it is to end; orders are kept."""
        told: list[Any] = []
        named = tuple(self._run_facts(run) for run in runs)
        command = c.ReportHost(self.facts(name, **fields), named, boot=boot)
        self.core.execute(command, c.Envelope(actor=name), self.now_us, told.append)
        self.keep(self.core.dispatch.take_requests())
        while self.core.has_batch():
            self.batches.append(self.core.take())
            self._committed()
        check(self.farm)
        return told[0]

    def _run_facts(self, run: Proc | str | c.RunFacts) -> c.RunFacts:
        if isinstance(run, c.RunFacts):
            return run
        if isinstance(run, str):
            return c.RunFacts(run, run)
        return c.RunFacts(run.id, frame_id(run.layer_id, run.frame_index))

    def host(self, name: str = "host0", **fields: Any) -> Host:
        """A host that has reported."""
        self.report(name, boot=True, **fields)
        return self.farm.host_named(name)

    # --- jobs and frames ------------------------------------------------------------------------------------------

    def launch(self, *jobs: JobSpec, depends: Sequence[DependSpec] = (), **fields: Any) -> list[Job]:
        """Launch jobs."""
        ids = self.do(c.SubmitJobs(spec_of(*jobs, depends=depends, **fields)))
        return [self.farm.jobs[id] for id in ids]

    def job(self, short_name: str) -> Job:
        """A job, finished or not, by its short name; the newest of that name."""
        found = [job for job in self.farm.jobs.values() if job.name == full_name(short_name)]
        return found[-1]

    def layer(self, path: str) -> Layer:
        """A layer by `job/layer`."""
        job_name, _, layer_name = path.partition("/")
        return self.farm.layer_named(self.job(job_name), layer_name)

    def states(self, path: str) -> str:
        """One letter a frame of `job/layer`, see LETTERS."""
        return "".join(LETTERS[state] for state in self.layer(path).frames.state.tolist())

    def frames(self, path: str, *indices: int) -> c.Selection:
        """Frames of `job/layer` as commands name them; all of them where no index is given."""
        layer = self.layer(path)
        return {layer.id: as_indices(indices or range(len(layer.frames)))}

    def plan(self) -> list[Proc]:
        """Book what can be booked. Returns the new runs; their agents are said to have taken them."""
        before = set(self.farm.procs)
        self.core.plan_wanted = True
        while self.core.plan_wanted:
            self.core.plan(self.now_us)
            self.commit()
        return [proc for id, proc in self.farm.procs.items() if id not in before]

    def run_of(self, path: str, index: int = 0) -> Proc:
        """The run of a frame."""
        proc = self.farm.proc_of(self.layer(path), index)
        assert proc is not None, f"frame {index} of {path} does not run: {self.states(path)}"
        return proc

    def end(
        self,
        run: Proc,
        exit_status: int = 0,
        *,
        exit_signal: int = 0,
        cause: Cause = Cause.EXITED,
        run_s: float = 1,
        nimby_locked: bool = False,
        max_rss: int = 100_000,
        message: str = "",
    ) -> None:
        """A run's host reports its outcome."""
        self.do(
            c.ReportOutcome(
                host_name=self.farm.hosts[run.host_id].name,
                run_id=run.id,
                frame_id=frame_id(run.layer_id, run.frame_index),
                exit_status=exit_status,
                exit_signal=exit_signal,
                cause=cause,
                run_us=Micros(int(run_s * SECOND)),
                max_rss=KiB(max_rss),
                message=message,
                nimby_locked=nimby_locked,
            )
        )

    def finish(self, path: str, *indices: int, exit_status: int = 0) -> None:
        """Runs of frames of `job/layer` end, all of them where no index is given."""
        layer = self.layer(path)
        for index in indices or sorted(layer.runs):
            self.end(self.run_of(path, index), exit_status)

    def take_launches(self) -> list[str]:
        """Run ids that agents were told to start since the last look."""
        found = [order.run_id for _, orders in self.orders.launches for order in orders]
        self.orders.launches = []
        return found

    def take_kills(self) -> list[str]:
        """Run ids that agents were told to end since the last look."""
        found = [order.run_id for _, orders in self.orders.kills for order in orders]
        self.orders.kills = []
        return found

"""A farm to keep a journal of: a seeded mix of commands, and two farms compared by all that a journal keeps."""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import Any

import msgspec
import numpy as np

from cuebot.domain import commands as c
from cuebot.domain.errors import FarmError
from cuebot.domain.farm import Farm
from cuebot.domain.frames import COLUMNS
from cuebot.domain.nouns import NOUNS, stored_values
from cuebot.domain.states import Cause, DependType, FrameState, HostState, LockState
from cuebot.domain.units import SECOND, CoreUnits, KiB, Micros
from cuebot.engine.core import Core
from cuebot.engine.farm_rows import load_farm
from cuebot.engine.ports import Answer, Batch, Recorded
from cuebot.journal import SqlJournal
from cuebot.spec import parse_spec

START_US = 1_793_400_000_000_000
"""2026-10-30: a few days before a month ends."""
ENVELOPE = c.Envelope("ann", "test", "because")
SOFT = {"eligible_us", "updated_us", "max_rss_kib"}
"""May differ after a restart: two that are not written for their own sake, and one that telemetry raises."""


def commit(journal: SqlJournal, batch: Batch) -> None:
    """Commit a batch from a test that has no event loop."""
    asyncio.run(journal.commit(batch))


def spec_text(name: str, layers: list[tuple[str, str, int]], depends: str = "", post: bool = False) -> str:
    """A specification of one job with layers of (name, range, chunk)."""
    parts = [
        f'<layer name="{layer}" type="Render"><cmd>render #IFRAME#</cmd><range>{frames}</range><chunk>{chunk}</chunk>'
        f"<memory>1g</memory><env><key name='A'>1</key></env></layer>"
        for layer, frames, chunk in layers
    ]
    if post:
        parts.append('<layer name="clean" type="Post"><cmd>rm</cmd><range>1</range><chunk>1</chunk></layer>')
    job = f'<job name="{name}"><paused>False</paused><env/><layers>{"".join(parts)}</layers></job>'
    head = "<facility>local</facility><show>testing</show><shot>sh010</shot><user>ann</user>"
    return f"<spec>{head}{job}<depends>{depends}</depends></spec>"


def depend_text(type_: DependType, job: str, er_layer: str, on_layer: str) -> str:
    """A depend between two layers of one job."""
    return (
        f'<depend type="{type_.name}" anyframe="False"><depjob>{job}</depjob><deplayer>{er_layer}</deplayer>'
        f"<onjob>{job}</onjob><onlayer>{on_layer}</onlayer></depend>"
    )


def host_facts(name: str, cores: int = 800) -> c.HostFacts:
    """A Linux host with much memory and our agent."""
    return c.HostFacts(
        name=name,
        facility="local",
        cores=CoreUnits(cores),
        total_memory=KiB(64 << 20),
        free_memory=KiB(60 << 20),
        total_swap=KiB(0),
        free_swap=KiB(0),
        total_temp=KiB(1 << 28),
        free_temp=KiB(1 << 28),
        load=0,
        boot_us=Micros(1),
        tags=("64bit",),
        os=("linux",),
        agent="1.0",
        lease_us=Micros(300 * SECOND),
    )


class Mix:
    """Drives a Core with random commands; the same seed gives the same farm, step by step."""

    def __init__(self, seed: int, core: Core | None = None) -> None:
        self.random = random.Random(seed)
        self.now_us = START_US
        self.core = core or self.core_over(Farm(), 0)
        self.names = 0
        if not self.core.farm.shows:
            self.core.execute(c.Seed(), ENVELOPE, self.now_us)

    def core_over(self, farm: Farm, last_seq: int) -> Core:
        """A core that goes on with a farm, with this mix's ids."""
        return Core(farm, last_seq=last_seq, started_us=self.now_us, new_id=self.new_id)

    def new_id(self) -> str:
        """A UUID from the seed."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def step(self) -> None:
        """Carry out one random command; some are refused, as people's are."""
        self.now_us += self.random.randrange(1, 20 * SECOND)
        act = self.random.choice(self.ACTS)
        try:
            act(self)
        except FarmError:
            return

    def batch(self) -> Batch:
        """Take what the next commit writes, as if it were durable at once."""
        batch = self.core.take()
        self.release()
        return batch

    def release(self) -> None:
        """What was taken is durable: agents get their launches, and take every one at once."""
        self.core.committed(self.now_us)
        while self.core.dispatch.has_launches():
            for _, runs in self.core.launch(self.now_us).launches:
                for run in runs:
                    self.core.answered(run.run_id, Answer.ACCEPTED, "", self.now_us)

    def until_batch(self) -> Batch:
        """Step until there is something to commit."""
        while not self.core.has_batch():
            self.step()
        return self.batch()

    # --- acts -----------------------------------------------------------------------------------------------------

    def do(self, command: c.Command, request_id: str = "") -> Any:
        """Carry out a command as somebody."""
        envelope = c.Envelope("ann", "test", "because", request_id)
        return self.core.execute(command, envelope, self.now_us)

    def submit(self, name: str) -> str:
        """Launch a job of one frame, whose specification is kept; returns its id."""
        text = spec_text(name, [("only", "1", 1)])
        return str(self.do(c.SubmitJobs(parse_spec(text), f"what {name} was submitted with".encode()))[0])

    def launch(self) -> None:
        self.names += 1
        name, rng = f"job{self.names}", self.random
        layers = [(f"layer{n}", f"1-{rng.randrange(1, 9)}", rng.choice((1, 1, 3))) for n in range(rng.randrange(1, 4))]
        kind = rng.choice((DependType.FRAME_BY_FRAME, DependType.PREVIOUS_FRAME, DependType.LAYER_ON_LAYER))
        depends = depend_text(kind, name, "layer1", "layer0") if len(layers) > 1 else ""
        text = spec_text(name, layers, depends, post=rng.random() < 0.3)
        self.do(c.SubmitJobs(parse_spec(text)), rng.choice(("", self.new_id())))

    def report(self) -> None:
        name = f"host{self.random.randrange(4)}"
        farm = self.core.farm
        host = farm.hosts.get(farm.host_by_name.get(name, ""))
        runs = tuple(
            c.RunFacts(id, "", KiB(self.random.randrange(1 << 20)), KiB(1 << 20))
            for id in sorted(host.proc_ids if host else ())
        )
        command = c.ReportHost(host_facts(name, self.random.choice((800, 1600))), runs, boot=self.random.random() < 0.2)
        self.core.execute(command, ENVELOPE, self.now_us)

    def plan(self) -> None:
        self.core.plan(self.now_us)

    def end(self) -> None:
        for id in self.some(self.core.farm.procs, 4):
            proc = self.core.farm.procs[id]
            failed = self.random.random() < 0.4
            self.do(
                c.ReportOutcome(
                    host_name=self.core.farm.hosts[proc.host_id].name,
                    run_id=id,
                    frame_id="",
                    exit_status=self.random.choice((1, 256, 299)) if failed else 0,
                    exit_signal=self.random.choice((0, 0, 9)) if failed else 0,
                    cause=Cause.EXITED,
                    run_us=Micros(self.random.randrange(60 * SECOND)),
                    max_rss=KiB(self.random.randrange(1 << 22)),
                    message="it said “no”\n" if failed else "",
                )
            )

    def frames(self) -> None:
        layers = self.some(self.core.farm.layers, 1)
        if not layers:
            return
        count = len(self.core.farm.layers[layers[0]].frames)
        some = sorted(self.random.sample(range(count), self.random.randrange(1, count + 1)))
        selection = {layers[0]: np.array(some, dtype=np.int32)}
        verb = self.random.choice((c.RetryFrames, c.EatFrames, c.KillFrames, c.MarkDone, c.ReleaseFrames))
        self.do(verb(selection))

    def reorder(self) -> None:
        for id in self.some(self.core.farm.layers, 1):
            numbers = tuple(self.core.farm.layers[id].frames.number.tolist()[:3])
            self.do(c.ReorderFrames(id, numbers, self.random.choice(("FIRST", "LAST", "REVERSE"))))

    def change(self) -> None:
        for id in self.some(self.core.farm.jobs, 1):
            changes = self.random.choice(({"priority": self.random.randrange(99)}, {"paused": True}, {"paused": False}))
            self.do(c.Change("job", id, dict(changes)))

    def kill_job(self) -> None:
        for id in self.some(self.core.farm.jobs, 1):
            self.do(c.KillJob(id, "enough"))

    def depend(self) -> None:
        jobs = self.some(self.core.farm.jobs, 2)
        if len(jobs) == 2:
            self.do(c.AddDepend(DependType.JOB_ON_JOB, jobs[0], jobs[1]))

    def satisfy(self) -> None:
        for id in self.some(self.core.farm.depends, 1):
            self.do(self.random.choice((c.SatisfyDepends((id,)), c.UnsatisfyDepend(id))))

    def remark(self) -> None:
        for id in self.some(self.core.farm.jobs, 1):
            self.do(c.AddComment("ann", "look", "here ↗", job_id=id))
        for id in self.some(self.core.farm.comments, 1):
            self.do(c.Delete("comment", id))

    def hosts(self) -> None:
        for id in self.some(self.core.farm.hosts, 1):
            self.do(
                self.random.choice(
                    (
                        c.AddHostTags(id, ("big", "ssd")),
                        c.RemoveHostTags(id, ("ssd",)),
                        c.LockHost(id, self.random.choice((LockState.OPEN, LockState.LOCKED))),
                        c.SetHostState(id, self.random.choice((HostState.UP, HostState.REPAIR))),
                        c.DropHost(id),
                    )
                )
            )

    def shows(self) -> None:
        self.names += 1
        show_id = self.do(c.CreateShow(f"show{self.names}"))
        show = self.core.farm.shows.get(show_id) if isinstance(show_id, str) else None
        if show is not None:
            self.do(c.CreateGroup("seq", show.root_group_id))

    def sweep(self) -> None:
        self.core.sweep(self.now_us)

    ACTS = (
        launch, report, report, report, plan, plan, plan, end, end, end, frames, frames, reorder, change, kill_job,
        depend, satisfy, remark, hosts, shows, sweep,
    )  # fmt: skip

    def some(self, table: dict[str, Any], most: int) -> list[str]:
        """Up to so many ids of a table."""
        ids = sorted(table)
        return self.random.sample(ids, min(len(ids), most))


def stored(farm: Farm) -> dict[str, Any]:
    """All that a journal keeps of a farm, as plain values."""
    kept: dict[str, Any] = {
        kind: {id: msgspec.to_builtins(stored_values(thing)) for id, thing in farm.table(kind).items()}
        for kind in NOUNS
    }
    names = ["dispatch_order", "depend_count", *(name for name in COLUMNS if name not in SOFT)]
    kept["frame"] = {
        layer.id: {name: getattr(layer.frames, name).tolist() for name in names} for layer in farm.layers.values()
    }
    kept["derived"] = {
        "ready": sorted(farm.ready),
        "jobs by name": farm.active_job_by_name,
        "layers of jobs": {job.id: job.layer_ids for job in farm.jobs.values()},
        "requests by age": list(farm.requests),
    }
    return kept


def assert_same(found: Farm, expected: Farm) -> None:
    """Fail at the first row in which two farms differ."""
    left, right = stored(found), stored(expected)
    for kind, rows in right.items():
        assert list(left[kind]) == list(rows) or kind != "derived"
        assert sorted(left[kind]) == sorted(rows), f"there are other {kind} rows"
        for id, row in rows.items():
            assert left[kind][id] == row, f"{kind} {id} differs"


def reloaded(journal: SqlJournal, now_us: int) -> tuple[Farm, int]:
    """The farm that a restart would make of a journal, and its last event's number."""
    rows, last_seq = journal.load()
    return load_farm(rows, now_us), last_seq


def summary(farm: Farm) -> dict[str, Any]:
    """A farm in names and counts that every later version must find again in a stored database."""
    names = {layer.id: f"{farm.jobs[layer.job_id].name}/{layer.name}" for layer in farm.layers.values()}
    return {
        "jobs": {job.name: [job.state.name, job.paused, job.priority] for job in farm.jobs.values()},
        "frames": {
            names[layer.id]: {FrameState(state).name: n for state, n in enumerate(layer.counts) if n}
            for layer in farm.layers.values()
        },
        "retries": {names[layer.id]: layer.frames.retries.tolist() for layer in farm.layers.values()},
        "statistics": {
            names[layer.id]: [layer.runs_succeeded, layer.runs_failed, layer.core_us_succeeded, layer.max_rss]
            for layer in farm.layers.values()
        },
        "depends": sorted(
            [
                d.type.name,
                farm.jobs[d.er_job].name,
                farm.jobs[d.on_job].name,
                d.active,
                d.satisfied.hex(),
                len(d.waived),
            ]
            for d in farm.depends.values()
        ),
        "hosts": {
            host.name: [host.state.name, host.lock.name, host.cores, list(host.manual_tags), host.removed]
            for host in farm.hosts.values()
        },
        "runs": sorted(
            [names[proc.layer_id], proc.frame_index, farm.hosts[proc.host_id].name, proc.cores, proc.kill_message]
            for proc in farm.procs.values()
        ),
        "gpu_memory": {names[proc.layer_id]: proc.gpu_memory for proc in farm.procs.values() if proc.gpu_memory},
        "shows": {s.name: [s.jobs_created, s.frames_created, s.runs_succeeded] for s in farm.shows.values()},
        "groups": sorted(group.name for group in farm.groups.values()),
        "allocations": sorted(farm.allocation_name(a) for a in farm.allocations.values()),
        "subscriptions": sorted([s.size, s.burst] for s in farm.subscriptions.values()),
        "services": sorted(service.name for service in farm.services.values()),
        "comments": sorted([remark.subject, remark.message] for remark in farm.comments.values()),
        "requests": sorted(farm.requests),
    }


def events_in(batches: list[Batch]) -> list[Recorded]:
    """All events of some batches."""
    return [recorded for batch in batches for recorded in batch.events]

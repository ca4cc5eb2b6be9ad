"""Farms that laws of the scheduler are tried on: a few hosts and jobs, drawn at random."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, replace

from hypothesis import strategies as st
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.nouns import Group
from cuebot.domain.units import CoreUnits, KiB
from cuebot.sim.specs import job_spec, layer_spec, spec_of

NO_CAP = -1
SHOWS = ("first", "second")


@dataclass(frozen=True)
class HostCase:
    """A host, and how many one-core frames keep it busy."""

    cores: int
    memory_gib: int
    busy: int = 0
    gpus: int = 0


@dataclass(frozen=True)
class JobCase:
    """A job of one layer, or of two that are alike. Cores in whole cores."""

    show: int
    group: int
    priority: int
    frames: int
    cores: int
    memory_gib: int
    max_cores: int
    layers: int = 1
    gpus: int = 0


@dataclass(frozen=True)
class FarmCase:
    """A farm in which some work runs and some waits. Caps in whole cores."""

    hosts: tuple[HostCase, ...]
    jobs: tuple[JobCase, ...]
    bursts: tuple[int, int]
    group_caps: tuple[int, int]
    """Of the second group of each show; the jobs of the first group have none."""
    limits: tuple[int, int] = (NO_CAP, NO_CAP)
    """The frames that a limit allows, which the jobs of the second group of each show name."""
    per_host: bool = False
    """The limits count hosts."""


class RenamedFarm(SmallFarm):
    """A small farm whose ids come from another seed, so that no two of them sort alike."""

    def __init__(self, seed: int) -> None:
        self._names = random.Random(seed)
        super().__init__()

    def new_id(self) -> str:
        """A fresh UUID."""
        return str(uuid.UUID(int=self._names.getrandbits(128), version=4))


def build(case: FarmCase, seed: int = 1) -> SmallFarm:
    """The farm of a case, its work waiting."""
    farm = RenamedFarm(seed)
    for number, host in enumerate(case.hosts):
        farm.report(
            f"host{number}",
            boot=True,
            cores=CoreUnits(host.cores * 100),
            gpus=host.gpus,
            total_memory=KiB(host.memory_gib * GIB),
            free_memory=KiB(host.memory_gib * GIB),
        )
        if host.busy:  # only a host's own name is a tag that no other host has
            filler = layer_spec(range_text=f"1-{host.busy}", tags=(f"host{number}",), memory_kib=GIB // 4)
            farm.launch(job_spec(f"busy{number}", filler, max_cores=NO_CAP))
    farm.plan()
    allocation = next(iter(farm.farm.allocations))
    groups: dict[tuple[int, int], str] = {}
    for show, name in enumerate(SHOWS):
        show_id = farm.do(c.CreateShow(name))
        size = CoreUnits(1_000)
        farm.do(c.CreateSubscription(show_id, allocation, size, CoreUnits(case.bursts[show] * 100)))
        root: Group = farm.farm.groups[farm.farm.shows[show_id].root_group_id]
        groups[show, 0] = root.id
        groups[show, 1] = farm.do(c.CreateGroup("department", root.id))
        cap = case.group_caps[show]
        farm.do(c.Change("group", groups[show, 1], {"max_cores": cap * 100 if cap >= 0 else cap}))
        if case.limits[show] != NO_CAP:
            farm.do(c.CreateLimit(f"licence{show}", case.limits[show], per_host=case.per_host))
    for number, job in enumerate(case.jobs):
        layers = [
            layer_spec(
                f"layer{place}",
                f"1-{job.frames}",
                cores=job.cores * 100,
                memory_kib=job.memory_gib * GIB,
                gpus=job.gpus,
                limits=(f"licence{job.show}",) if job.group else (),
            )
            for place in range(job.layers)
        ]
        cap = job.max_cores * 100 if job.max_cores >= 0 else job.max_cores
        name = f"{SHOWS[job.show]}-sh1-ann_job{number}"
        spec = replace(job_spec(f"job{number}", *layers, priority=job.priority, max_cores=cap), name=name)
        (job_id,) = farm.do(c.SubmitJobs(spec_of(spec, show=SHOWS[job.show])))
        if job.group:
            farm.do(c.MoveJob(job_id, groups[job.show, job.group]))
    return farm


caps = st.one_of(st.just(NO_CAP), st.integers(0, 12))
hosts = st.builds(
    HostCase,
    cores=st.integers(1, 8),
    memory_gib=st.integers(2, 32),
    busy=st.integers(0, 2),
    gpus=st.sampled_from((0, 0, 1, 4)),
).map(lambda host: replace(host, busy=min(host.busy, host.cores)))


def jobs(sizes: st.SearchStrategy[tuple[int, int, int]], *, shows: int = 2) -> st.SearchStrategy[JobCase]:
    """Jobs whose frames take the given cores, GiB and GPUs."""
    return st.builds(
        lambda size, **fields: JobCase(cores=size[0], memory_gib=size[1], gpus=size[2], **fields),
        sizes,
        show=st.integers(0, shows - 1),
        group=st.integers(0, 1),
        priority=st.integers(0, 200),
        frames=st.integers(1, 8),
        max_cores=caps,
        layers=st.integers(1, 2),
    )


@st.composite
def farms(draw: st.DrawFn, *, uniform: bool, shows: int = 2, capped: bool = True) -> FarmCase:
    """Farms of a few hosts and jobs; uniform ones have frames of one size."""
    one = st.tuples(st.integers(1, 3), st.integers(1, 6), st.sampled_from((0, 0, 0, 1, 2)))
    sizes = st.just(draw(one)) if uniform else one
    cap = caps if capped else st.just(NO_CAP)
    burst = st.integers(0, 30) if capped else st.just(1_000)
    found = draw(st.lists(jobs(sizes, shows=shows), min_size=1, max_size=5))
    return FarmCase(
        hosts=tuple(draw(st.lists(hosts, min_size=1, max_size=5))),
        jobs=tuple(found if capped else [replace(job, max_cores=NO_CAP) for job in found]),
        bursts=(draw(burst), draw(burst)),
        group_caps=(draw(cap), draw(cap)),
        limits=(draw(cap), draw(cap)),
    )

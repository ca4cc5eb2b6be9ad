"""Laws of the plan: how its outcome may change when the farm does, whatever the plan's policy is.

Packing things of different sizes greedily has anomalies that no policy is free of: with a cap on a show, a wide frame
that fits only because there is a host more may keep two small ones from being booked. So where a law counts bookings,
all frames are of one size and caps lie within each other (job in group in show; a limit is as wide as a group);
whatever plans then without waste books the same number, and that number obeys the law. Where a law is about one job,
sizes differ.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.nouns import Group
from cuebot.domain.units import CoreUnits, KiB
from cuebot.sim.specs import job_spec, layer_spec, spec_of

NO_CAP = -1
SHOWS = ("first", "second")
quickly = settings(max_examples=60, deadline=None)


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


def booked(case: FarmCase, seed: int = 1) -> dict[tuple[str, str, int], str]:
    """The host of each frame that the plan books, by names."""
    farm = build(case, seed)
    return {
        (farm.farm.jobs[proc.job_id].name, farm.farm.layers[proc.layer_id].name, proc.frame_index): farm.farm.hosts[
            proc.host_id
        ].name
        for proc in farm.plan()
    }


def booked_by_job(case: FarmCase) -> Counter[str]:
    """How many frames of each job the plan books."""
    return Counter(job.rpartition("_")[2] for job, _, _ in booked(case))


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


@quickly
@given(farms(uniform=True), hosts)
def test_an_idle_host_more_never_books_less(case: FarmCase, another: HostCase) -> None:
    """Whatever was booked without it is booked with it."""
    more = replace(case, hosts=(*case.hosts, replace(another, busy=0)))
    assert len(booked(more)) >= len(booked(case))


@quickly
@given(farms(uniform=False, shows=1, capped=False), st.integers(0, 4), st.integers(1, 200))
def test_a_higher_priority_never_delays_that_job(case: FarmCase, which: int, by: int) -> None:
    """A job books as many frames as before, or more, after its priority went up."""
    which %= len(case.jobs)
    raised = [replace(job, priority=job.priority + by) if n == which else job for n, job in enumerate(case.jobs)]
    name = f"job{which}"
    assert booked_by_job(replace(case, jobs=tuple(raised)))[name] >= booked_by_job(case)[name]


@quickly
@given(farms(uniform=True), st.integers(0, 4), st.integers(1, 4))
def test_more_gpus_never_book_less(case: FarmCase, which: int, by: int) -> None:
    """Whatever was booked before a host got more GPUs is booked with them."""
    which %= len(case.hosts)
    more = [replace(host, gpus=host.gpus + by) if n == which else host for n, host in enumerate(case.hosts)]
    assert len(booked(replace(case, hosts=tuple(more)))) >= len(booked(case))


@quickly
@given(farms(uniform=False), st.booleans(), st.integers(2, 2**32))
def test_renaming_ids_changes_nothing(case: FarmCase, per_host: bool, seed: int) -> None:
    """The same frames go to the same hosts whatever their ids are: no policy depends on how ids sort."""
    case = replace(case, per_host=per_host)
    assert booked(case, seed) == booked(case)


@quickly
@given(farms(uniform=False), st.booleans())
def test_limits_and_gpus_are_never_exceeded(case: FarmCase, per_host: bool) -> None:
    """The frames of the jobs that name a limit stay within it, and those on a host within the host's GPUs."""
    gpus: Counter[str] = Counter()
    licensed: dict[int, list[str]] = {0: [], 1: []}
    for (job_name, _, _), host in booked(replace(case, per_host=per_host)).items():
        job = case.jobs[int(job_name.rpartition("_job")[2])]
        gpus[host] += job.gpus
        if job.group:
            licensed[job.show].append(host)
    for show, limit in enumerate(case.limits):
        used = len(set(licensed[show])) if per_host else len(licensed[show])
        assert limit == NO_CAP or used <= limit
    assert all(used <= case.hosts[int(host.removeprefix("host"))].gpus for host, used in gpus.items())


@quickly
@given(farms(uniform=True), st.data())
def test_lifting_a_cap_never_books_less(case: FarmCase, data: st.DataObject) -> None:
    """A job's maximum, a department's, a limit or a show's burst: whichever is lifted, at least as much is booked."""
    which = data.draw(st.integers(0, len(case.jobs) - 1))
    show = data.draw(st.integers(0, 1))
    lifted = data.draw(
        st.sampled_from(
            (
                replace(
                    case, jobs=tuple(replace(j, max_cores=NO_CAP) if n == which else j for n, j in enumerate(case.jobs))
                ),
                replace(case, group_caps=tuple(NO_CAP if n == show else cap for n, cap in enumerate(case.group_caps))),
                replace(case, limits=tuple(NO_CAP if n == show else most for n, most in enumerate(case.limits))),
                replace(case, bursts=tuple(1_000 if n == show else burst for n, burst in enumerate(case.bursts))),
            )
        )
    )
    assert len(booked(lifted)) >= len(booked(case))


def test_the_laws_are_about_farms_on_which_something_is_booked() -> None:
    """A farm of the kind that the laws are tried on books frames of both shows and leaves others waiting."""
    job = JobCase(show=0, group=1, priority=5, frames=4, cores=2, memory_gib=2, max_cores=4)
    case = FarmCase(
        hosts=(HostCase(8, 16, busy=2), HostCase(2, 8)),
        jobs=(job, replace(job, show=1, group=0, max_cores=NO_CAP)),
        bursts=(20, 4),
        group_caps=(NO_CAP, NO_CAP),
    )
    assert booked_by_job(case) == {"job0": 2, "job1": 2}

"""Laws of the plan: how its outcome may change when the farm does, whatever the plan's policy is.

Packing things of different sizes greedily has anomalies that no policy is free of: with a cap on a show, a wide frame
that fits only because there is a host more may keep two small ones from being booked. So where a law counts bookings,
all frames are of one size and caps lie within each other (job in group in show; a limit is as wide as a group);
whatever plans then without waste books the same number, and that number obeys the law. Where a law is about one job,
sizes differ.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from farm_cases import NO_CAP, FarmCase, HostCase, JobCase, build, farms, hosts
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

quickly = settings(max_examples=60, deadline=None)


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

"""A search of many words, or of costly ones, holds up nobody else."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from opencue_proto import facility_pb2, host_pb2, job_pb2

from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.errors import Invalid
from cuebot.domain.farm import Farm
from cuebot.queries.jobs import JobCriteria, job_filter
from cuebot.wire.call import Call, those
from cuefarm_proto import farm_pb2

WORDS = [f"w{number}" for number in range(DEFAULT_BOUNDS.search_words)]
LONG_NAME = "a" * DEFAULT_BOUNDS.job_name_bytes


def job_named(name: str) -> Any:
    """As much of a job as a search by its name looks at."""
    return SimpleNamespace(name=name, id="")


def found(pattern: str, name: str) -> bool:
    """Whether a pattern finds a name."""
    return job_filter(Farm(), JobCriteria(patterns=[pattern]), DEFAULT_BOUNDS, time.monotonic)(job_named(name))


@pytest.mark.parametrize("field", ["ids", "jobs", "users", "shots", "shows", "substr"])
async def test_a_search_for_jobs_has_a_bounded_number_of_words(site: Any, field: str) -> None:
    """The largest number is taken; one more word, in whichever other list, is refused with the limit's name."""
    most = job_pb2.JobSearchCriteria(**{field: WORDS})
    assert not (await site.job.GetJobs(job_pb2.JobGetJobsRequest(r=most))).jobs.jobs
    most.users.append("ann")
    for call in (
        site.job.GetJobs(job_pb2.JobGetJobsRequest(r=most)),
        site.job.GetJobNames(job_pb2.JobGetJobNamesRequest(r=most)),
    ):
        code, words = await site.refused(call)
        assert (code, "search_words" in words) == ("INVALID_ARGUMENT", True)


async def test_searches_for_anything_else_have_the_same_bound(site: Any) -> None:
    """Hosts, also by state and of an allocation, procs, also to unbook them, and finished jobs."""
    many = [*WORDS, "one more"]
    procs = host_pb2.ProcSearchCriteria(layers=many)
    by_state = host_pb2.HostSearchCriteria()
    by_state.states.state.extend([host_pb2.UP] * len(many))
    allocation = (await site.allocation.GetAll(facility_pb2.AllocGetAllRequest())).allocations.allocations[0]
    for call in (
        site.host.GetHosts(host_pb2.HostGetHostsRequest(r=host_pb2.HostSearchCriteria(substr=many))),
        site.host.GetHosts(host_pb2.HostGetHostsRequest(r=by_state)),
        site.allocation.FindHosts(
            facility_pb2.AllocFindHostsRequest(allocation=allocation, r=host_pb2.HostSearchCriteria(hosts=many))
        ),
        site.proc.GetProcs(host_pb2.ProcGetProcsRequest(r=procs)),
        site.proc.UnbookProcs(host_pb2.ProcUnbookProcsRequest(r=procs, kill=True)),
        site.farm_interface.FindFinishedJobs(farm_pb2.FindFinishedJobsRequest(parts=many)),
    ):
        code, words = await site.refused(call)
        assert (code, "search_words" in words) == ("INVALID_ARGUMENT", True)


async def test_costly_filters_let_others_have_the_loop_between_two_things(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where each thing takes as long as a slice, no two are looked at without a pause."""
    slice_s = 0.003  # longer than its own, so that a busy machine changes nothing
    monkeypatch.setattr("cuebot.wire.call.SLICE_SECONDS", slice_s)
    seen: list[int] = []
    most = before = 0

    async def others() -> None:
        nonlocal most, before
        while True:
            most, before = max(most, len(seen) - before), len(seen)
            await asyncio.sleep(0)

    def costly(thing: int) -> bool:
        seen.append(thing)
        time.sleep(slice_s)
        return bool(thing % 2)

    beside = asyncio.create_task(others())
    call: Any = Call(site.engine, SimpleNamespace(), "a search")
    odd = await those(call, range(40), costly)
    beside.cancel()
    assert seen == list(range(40))
    assert odd == list(range(1, 40, 2))
    assert most == 1


@pytest.mark.parametrize(
    "pattern",
    ["a.*a.*a.*b", "a*a*a*b", ".*a.*a.*a.*b", "(a|a)a?a*(a|a)(a|a)b", "(a|a)" * 6 + "a*b", "a?" * 9 + "b", "a{0,200}b"],
)
def test_the_hardest_pattern_that_is_taken_fails_soon(pattern: str) -> None:
    """Also in the longest name that there is."""
    began = time.perf_counter()
    assert not found(pattern, LONG_NAME)
    assert time.perf_counter() - began < 8 * DEFAULT_BOUNDS.pattern_ms / 1_000


@pytest.mark.parametrize(
    "pattern",
    [
        "a.*a.*a.*a.*b",
        "a{0,200}" * 4 + "b",
        "(a|a)" * 30 + "b",
        "a?" * 40 + "a" * 40 + "b",
        "(a{1,9}){1,9}b",
        r"(\)a+)+b",
        "([)]a+)+b",
    ],
)
def test_a_pattern_that_takes_long_to_fail_is_refused(pattern: str) -> None:
    """Whatever it multiplies its ways by: repeats, bounded ones too, choices, repeated groups."""
    with pytest.raises(Invalid, match="pattern"):
        found(pattern, "a")


@pytest.mark.parametrize(
    ("pattern", "name", "is_found"),
    [
        (".*comp.*v2.*", "show-comp-v2-x", True),
        ("^.*comp.*$", "show-comp", True),
        ("^comp", "show-comp", False),
        (r"x\.*$", "x..", True),
        (".*?comp", "show-comp", True),
        (r"^[a-z*+?|()]+-\*", "show-*", True),
        ("^(show1|show2|show3)-.*-(comp|light)_v\\d+", "show2-sh010-light_v12", True),
        ("|".join(f"show{number}" for number in range(20)), "show19", True),
    ],
)
def test_patterns_that_people_write_are_taken(pattern: str, name: str, is_found: bool) -> None:
    """And mean what they say."""
    assert found(pattern, name) is is_found


async def test_a_search_has_few_patterns(site: Any) -> None:
    """Each is read and tried for itself."""
    most = job_pb2.JobSearchCriteria(regex=WORDS[: DEFAULT_BOUNDS.search_patterns])
    await site.job.GetJobs(job_pb2.JobGetJobsRequest(r=most))
    most.regex.append("x")
    code, words = await site.refused(site.job.GetJobs(job_pb2.JobGetJobsRequest(r=most)))
    assert (code, "search_patterns" in words) == ("INVALID_ARGUMENT", True)

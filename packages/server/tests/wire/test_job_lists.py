"""Lists of jobs with finished ones among them: how far back they go, how large they get, and what they say of that."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from opencue_proto import job_pb2

from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.units import HOUR, SECOND, Micros


async def listed(site: Any, **criteria: Any) -> tuple[list[str], list[str]]:
    """The ids of the jobs that match, and what the server warned of."""
    request = job_pb2.JobGetJobsRequest(r=job_pb2.JobSearchCriteria(include_finished=True, **criteria))
    call = site.job.GetJobs(request)
    reply = await call
    trailers = await call.trailing_metadata() or ()
    return [job.id for job in reply.jobs.jobs], [unquote(str(v)) for k, v in trailers if k == "cuefarm-warning"]


async def finished(site: Any, name: str, *, hours_ago: float = 0) -> Any:
    """A job that was killed so long ago."""
    job = await site.launch(name=name, paused=True)
    await site.job.Kill(job_pb2.JobKillRequest(job=job, username="ann", reason="a test"))
    site.farm.jobs[job.id].stopped_us = Micros(site.engine.now_us() - int(hours_ago * HOUR))
    return job


async def test_finished_jobs_of_the_last_days_are_listed_and_others_are_told_of(site: Any) -> None:
    """72 hours back, with the number of those that ended earlier and how to ask for them; living ones always."""
    living = await site.launch(name="living", paused=True)
    late = await finished(site, "late", hours_ago=71.9)
    early = await finished(site, "early", hours_ago=72.1)
    ids, warnings = await listed(site)
    assert set(ids) == {living.id, late.id}
    assert len(warnings) == 1
    assert warnings[0].startswith("1 finished job is left out: it ended more than 72 hours ago; by name or id ")
    assert early.id not in ids


async def test_a_list_that_has_everything_warns_of_nothing(site: Any) -> None:
    """Where no finished job is left out, nothing is said."""
    job = await finished(site, "late")
    assert await listed(site) == ([job.id], [])


async def test_whoever_names_a_job_or_has_its_id_finds_it_for_ever(site: Any) -> None:
    """By exact name, by id in either field, however long ago it ended, and without a warning."""
    early = await finished(site, "early", hours_ago=10_000)
    assert await listed(site, jobs=[early.name]) == ([early.id], [])
    assert await listed(site, ids=[early.id]) == ([early.id], [])
    assert await listed(site, jobs=[early.id]) == ([early.id], [])
    assert (await listed(site, users=["ada"]))[0] == []


async def test_a_list_stays_as_small_as_clients_take_and_has_what_ended_last(start_site: Any) -> None:
    """Finished jobs fill what living ones leave of the limit; those left out are counted, with what to do."""
    site = await start_site(bounds=Bounds(list_reply_bytes=1_500))
    living = [await site.launch(name=f"living{n}", paused=True) for n in range(3)]
    over = [await finished(site, f"over{n}", hours_ago=n) for n in range(6)]
    ids, warnings = await listed(site)
    shown = [job.id for job in over if job.id in ids]
    assert {job.id for job in living} < set(ids)
    assert 0 < len(shown) < 6
    assert shown == [job.id for job in over[: len(shown)]]
    left_out = 6 - len(shown)
    jobs = "job is" if left_out == 1 else "jobs are"
    assert warnings[0].startswith(f"{left_out} older finished {jobs} left out: a list has at most 0 MiB; ask for fewer")
    reply = await site.job.GetJobs(job_pb2.JobGetJobsRequest(r=job_pb2.JobSearchCriteria(include_finished=True)))
    assert reply.ByteSize() <= 1_500


async def test_jobs_of_one_name_are_listed_as_they_were_launched(site: Any) -> None:
    """The last one last, whether it lives or not: clients take it for the one that is meant."""
    launched = [await finished(site, "same") for _ in range(3)]
    launched.append(await site.launch(name="same", paused=True))
    assert await listed(site) == ([job.id for job in launched], [])


async def test_living_jobs_are_never_left_out(start_site: Any) -> None:
    """A list of living jobs is complete, however long it is."""
    site = await start_site(bounds=Bounds(list_reply_bytes=300))
    jobs = [await site.launch(name=f"living{n}", paused=True) for n in range(5)]
    await finished(site, "over")
    ids, warnings = await listed(site)
    assert sorted(ids) == sorted(job.id for job in jobs)
    assert "1 older finished job is left out" in warnings[0]


def test_the_limits_are_what_the_documentation_says() -> None:
    """72 hours, and the 10 MiB of published clients."""
    assert DEFAULT_BOUNDS.finished_jobs_hours * HOUR == 72 * 3_600 * SECOND
    assert DEFAULT_BOUNDS.list_reply_bytes == 10 * 1024 * 1024

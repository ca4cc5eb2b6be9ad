"""Finished jobs leave memory, and are found, shown, retried and waited for as if they were there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opencue_proto import comment_pb2, depend_pb2, job_pb2

from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain.recount import check
from cuebot.domain.states import JobState
from cuebot.domain.units import HOUR, MINUTE, Micros
from cuebot.engine.core import SYSTEM
from cuebot.engine.ports import FoundJob, JobSearch
from cuebot.journal import History
from cuefarm_proto import farm_pb2

AT_ONCE = Settings(finished_jobs_in_memory=0)


class Past:
    """A server whose finished jobs leave memory whenever it looks."""

    def __init__(self, site: Any, agent: Any, tools: Any) -> None:
        self.site, self.agent, self.tools = site, agent, tools

    async def finished(self, name: str = "comp", **options: Any) -> Any:
        """Launch a job and wait until its frames have succeeded; returns its message."""
        job = await self.site.launch(name=name, **options)
        await self.tools.until(lambda: self.site.farm.jobs[job.id].state is JobState.FINISHED, 20.0)
        return job

    async def look(self) -> None:
        """Have the server look what may leave."""
        await self.site.engine.submit(c.Sweep(), SYSTEM)

    async def left(self, name: str = "comp", **options: Any) -> Any:
        """A finished job that has left memory."""
        job = await self.finished(name, **options)
        await self.look()
        assert job.id not in self.site.farm.jobs
        return job

    async def listed(self, **criteria: Any) -> list[Any]:
        """Jobs in any state that the published search finds."""
        request = job_pb2.JobGetJobsRequest(r=job_pb2.JobSearchCriteria(include_finished=True, **criteria))
        return list((await self.site.job.GetJobs(request)).jobs.jobs)

    async def get(self, id: str) -> Any:
        """A job by its id."""
        return (await self.site.job.GetJob(job_pb2.JobGetJobRequest(id=id))).job


StartPast = Callable[..., Awaitable[Past]]


@pytest.fixture
async def start_past(start_site: Any, start_agent_of: Any, tools: Any, tmp_path: Path) -> StartPast:
    """Start a server on this test's database, again where one was there."""

    async def start(settings: Settings = AT_ONCE) -> Past:
        site = await start_site(database=f"sqlite:///{tmp_path}/farm.sqlite", settings=settings)
        return Past(site, await start_agent_of(site), tools)

    return start


@pytest.fixture
async def past(start_past: StartPast) -> Past:
    """A server whose finished jobs leave memory at once."""
    return await start_past()


async def test_a_job_that_left_memory_is_listed_as_before(past: Past) -> None:
    """The same message, by name, by user, by show, by a part of its name and in all; the list loads nothing."""
    job = await past.finished()
    (before,) = await past.listed()
    await past.look()
    assert job.id not in past.site.farm.jobs
    for criteria in ({}, {"jobs": [job.name]}, {"users": ["ada"]}, {"shows": ["testing"]}, {"substr": ["comp"]}):
        assert await past.listed(**criteria) == [before], criteria
    assert await past.listed(ids=[job.id]) == [before]
    assert await past.listed(users=["bob"]) == []
    assert not past.site.farm.jobs


async def test_a_job_that_left_memory_is_shown_as_before(past: Past) -> None:
    """Job, layers and frames by id: it is loaded again, and nothing of it has changed."""
    job = await past.finished()
    before = (await past.get(job.id), await past.site.layers_of(job), await past.site.frames_of(job))
    await past.look()
    assert (await past.get(job.id), await past.site.layers_of(job), await past.site.frames_of(job)) == before
    await past.look()
    layer, frame = before[1][0], before[2][0]
    assert (await past.site.layer.GetLayer(job_pb2.LayerGetLayerRequest(id=layer.id))).layer == layer
    await past.look()
    assert (await past.site.frame.GetFrame(job_pb2.FrameGetFrameRequest(id=frame.id))).frame == frame


async def test_a_frame_of_a_job_that_left_memory_runs_again(past: Past) -> None:
    """A retry loads it, its job is pending again, and leaves once more when it is done."""
    job = await past.left()
    launched = len(past.agent.launched)
    past.agent.finish = False
    frame = (await past.site.frames_of(job))[0]
    await past.look()
    await past.site.frame.Retry(job_pb2.FrameRetryRequest(frame=frame))
    assert past.site.farm.jobs[job.id].state is JobState.PENDING
    await past.tools.until(lambda: len(past.agent.launched) > launched)
    await past.look()
    assert job.id in past.site.farm.jobs
    await past.agent.complete(past.agent.launched[-1])
    await past.tools.until(lambda: past.site.farm.jobs[job.id].state is JobState.FINISHED)
    await past.look()
    assert job.id not in past.site.farm.jobs
    assert [found.job_stats.succeeded_frames for found in await past.listed()] == [10]


async def test_jobs_on_disk_survive_a_restart(start_past: StartPast) -> None:
    """Another server on the same database finds them and loads none of them by itself."""
    first = await start_past()
    job = await first.left()
    before = await first.listed()
    await first.site.stop()
    second = await start_past()
    assert job.id not in second.site.farm.jobs
    assert await second.listed() == before
    assert (await second.get(job.id)).name == job.name


async def test_what_a_job_was_submitted_with_is_kept(past: Past) -> None:
    """The text of its specification, as it came, also where the job is on disk."""
    job = await past.left()
    await past.get(job.id)
    for word in (job.id, job.name, job.id[:8]):
        await past.look()
        answer = await past.site.farm_interface.GetSpecification(farm_pb2.GetSpecificationRequest(job=word))
        assert answer.text == past.tools.spec(past.tools.layer("beauty", "1-10"))
        assert (answer.job_id, answer.job_name) == (job.id, job.name)


async def test_how_many_jobs_are_kept_is_told(past: Past) -> None:
    """On disk and in memory, since when, and what the settings keep."""
    ask = past.site.farm_interface.GetRetention
    assert await ask(farm_pb2.GetRetentionRequest()) == farm_pb2.GetRetentionResponse()
    first = await past.finished("first")
    stopped_us = past.site.farm.jobs[first.id].stopped_us
    await past.look()
    await past.left("second")
    await past.finished("third")
    told = await ask(farm_pb2.GetRetentionRequest())
    assert told == farm_pb2.GetRetentionResponse(jobs_on_disk=2, first_stopped_us=stopped_us, jobs_in_memory=1)


async def test_what_an_older_version_launched_has_no_specification(past: Past) -> None:
    """It is told so, not that there is no job; and a request that names no job is told what it lacks."""
    job = await past.site.launch()
    past.site.farm.jobs[job.id].specification_id = ""
    ask = past.site.farm_interface.GetSpecification
    code, detail = await past.site.refused(ask(farm_pb2.GetSpecificationRequest(job=job.name)))
    assert (code, "an older version of this server launched it" in detail) == ("NOT_FOUND", True)
    code, detail = await past.site.refused(ask(farm_pb2.GetSpecificationRequest()))
    assert (code, "name the job" in detail) == ("INVALID_ARGUMENT", True)


async def test_a_job_stays_in_memory_as_long_as_one_waits_for_it(past: Past) -> None:
    """They leave in the order of their depends, and the one that waited brings the other one back."""
    past.agent.finish = False
    first, second = await past.site.launch(name="first"), await past.site.launch(name="second")
    request = job_pb2.JobCreateDependencyOnJobRequest(job=second, on_job=first)
    depend = (await past.site.job.CreateDependencyOnJob(request)).depend
    past.agent.finish = True
    for run in list(past.agent.runs.values()):
        await past.agent.complete(run)
    jobs = past.site.farm.jobs
    await past.tools.until(lambda: jobs[first.id].state is JobState.FINISHED)
    if jobs[second.id].state is not JobState.FINISHED:
        await past.look()
        assert first.id in jobs
    await past.tools.until(lambda: jobs[second.id].state is JobState.FINISHED)
    await past.look()
    await past.look()
    assert not jobs
    assert (await past.site.depend.GetDepend(depend_pb2.DependGetDependRequest(id=depend.id))).depend.id == depend.id
    assert set(jobs) == {first.id, second.id}


async def test_a_submission_may_wait_for_a_job_that_left_memory(past: Past) -> None:
    """By its name: it is complete, so nothing waits."""
    await past.left(name="first")
    depend = "<depend type='JOB_ON_JOB' anyframe='False'><depjob>second</depjob><onjob>first</onjob></depend>"
    await past.finished(name="second", extra=f"<depends>{depend}</depends>")


async def test_comments_leave_and_come_back_with_their_job(past: Past) -> None:
    """Its list row says that it has one, and the comment is found by its own id."""
    job = await past.finished()
    comment = comment_pb2.Comment(user="ada", subject="why", message="because")
    await past.site.job.AddComment(job_pb2.JobAddCommentRequest(job=job, new_comment=comment))
    (kept,) = (await past.site.job.GetComments(job_pb2.JobGetCommentsRequest(job=job))).comments.comments
    await past.look()
    assert not past.site.farm.comments
    assert [found.has_comment for found in await past.listed()] == [True]
    await past.site.comment.Delete(comment_pb2.CommentDeleteRequest(comment=kept))
    assert [found.has_comment for found in await past.listed()] == [False]


async def test_runs_and_explanations_are_found_by_the_name_of_a_job_on_disk(past: Past) -> None:
    """A name means the last job of that name, also when an older one has been loaded again."""
    old = await past.left()
    new = await past.left()
    await past.get(old.id)
    runs = await past.site.farm_interface.GetRuns(farm_pb2.GetRunsRequest(job=new.name))
    assert {run.job_id for run in runs.runs} == {new.id}
    await past.look()
    why = await past.site.farm_interface.Explain(farm_pb2.ExplainRequest(job=new.name))
    assert why.job_id == new.id


async def test_a_name_means_the_last_job_also_once_that_has_left_memory(start_past: StartPast) -> None:
    """An older one of the name is in memory, because somebody asked for it, when the last one leaves."""
    past = await start_past(Settings(finished_jobs_in_memory=1))
    old = await past.finished()
    new = await past.finished()
    await past.look()
    await past.get(old.id)
    await past.look()
    assert set(past.site.farm.jobs) == {old.id}
    why = await past.site.farm_interface.Explain(farm_pb2.ExplainRequest(job=new.name))
    assert why.job_id == new.id


async def test_many_clients_ask_for_as_many_jobs_at_once(past: Past) -> None:
    """Each gets its own, whoever's is loaded first."""
    jobs = [await past.finished(name=f"job{number}") for number in range(12)]
    await past.look()
    assert not past.site.farm.jobs
    answers = await asyncio.gather(*(past.get(job.id) for job in jobs))
    assert [job.id for job in answers] == [job.id for job in jobs]


async def test_clients_that_retry_the_same_job_at_once_are_all_answered(past: Past) -> None:
    """It is loaded once, and its frame runs once more."""
    job = await past.finished()
    frame = (await past.site.frames_of(job))[0]
    await past.look()
    past.agent.finish = False
    again = job_pb2.FrameRetryRequest(frame=frame)
    await asyncio.gather(*(past.site.frame.Retry(again) for _ in range(6)))
    check(past.site.farm)
    await past.tools.until(lambda: len(past.agent.runs) == 1)


async def test_a_submission_may_name_many_jobs_on_disk_but_not_any_number(past: Past) -> None:
    """As many as `recalls_per_call` says; what is more is refused by that name, and changes nothing."""
    depends = ""
    for number in range(10):
        await past.finished(name=f"job{number}")
        depends += f"<depend type='JOB_ON_JOB'><depjob>last</depjob><onjob>job{number}</onjob></depend>"
    await past.look()
    assert not past.site.farm.jobs

    core = past.site.engine.core
    core.bounds = replace(core.bounds, recalls_per_call=4)
    code, detail = await past.site.refused(past.site.launch(name="last", extra=f"<depends>{depends}</depends>"))
    assert (code, "limit recalls_per_call" in detail) == ("RESOURCE_EXHAUSTED", True)
    core.bounds = replace(core.bounds, recalls_per_call=10)
    await past.look()
    await past.finished(name="last", extra=f"<depends>{depends}</depends>")


async def test_a_query_finds_jobs_on_disk(past: Past) -> None:
    """Whenever states or ends are asked for; fields of their layers too."""
    job = await past.left()
    other = await past.left(name="other")
    find = past.site.farm_interface.Find
    for query in (
        "state:finished",
        "state:finished show:testing user:ada",
        "ended<1h comp,other",
        "state:finished tag:general",
    ):
        found = await find(farm_pb2.FindRequest(noun="job", query=query, order="-name"))
        assert list(found.ids) == [other.id, job.id], query
    assert not (await find(farm_pb2.FindRequest(noun="job", query="state:finished service:nuke"))).ids
    assert not (await find(farm_pb2.FindRequest(noun="job", query="user:ada"))).ids


async def test_a_query_leaves_to_the_disk_what_that_can_choose_by(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that of a million jobs those of a user, a show or a day are looked at, and not those that ended last."""
    job = await past.left()
    searches: list[JobSearch] = []

    def find_jobs(history: History, search: JobSearch, limit: int) -> list[FoundJob]:
        searches.append(search)
        return on_disk(history, search, limit)

    on_disk = History.find_jobs
    monkeypatch.setattr(History, "find_jobs", find_jobs)
    request = farm_pb2.FindRequest(noun="job", query="state:finished user:ADA show:testing ended<2h comp")
    found = await past.site.farm_interface.Find(request)
    assert list(found.ids) == [job.id]
    [search] = searches
    assert (list(search.users), list(search.parts)) == (["ADA"], ["comp"])
    assert list(search.show_ids) == [past.site.farm.show_by_name["testing"]]
    assert abs(search.stopped_since_us - (past.site.engine.now_us() - 2 * HOUR)) < MINUTE


async def test_finished_jobs_are_found_on_disk_by_name(past: Past) -> None:
    """As `cueadmin -lj -finished` asks for them, the one that ended last first."""
    jobs = [await past.left(name=name) for name in ("one", "two")]
    reply = await past.site.farm_interface.FindFinishedJobs(farm_pb2.FindFinishedJobsRequest())
    assert list(reply.job_ids) == [job.id for job in reversed(jobs)]
    reply = await past.site.farm_interface.FindFinishedJobs(farm_pb2.FindFinishedJobsRequest(names=[jobs[0].name]))
    assert (list(reply.job_ids), reply.found) == ([jobs[0].id], 1)


async def test_a_job_that_is_nowhere_is_refused_as_ever(past: Past) -> None:
    """With the same words, and the status NOT_FOUND."""
    code, detail = await past.site.refused(past.get("0" * 36))
    assert code == "NOT_FOUND"
    assert "there is no job" in detail


async def test_a_job_stays_for_a_time_and_the_oldest_of_too_many_leave(start_past: StartPast) -> None:
    """By age and by number, whichever comes first."""
    past = await start_past(Settings(finished_jobs_in_memory=1, finished_in_memory_us=Micros(60 * MINUTE)))
    first = await past.finished(name="first")
    await past.look()
    assert first.id in past.site.farm.jobs
    second = await past.finished(name="second")
    await past.look()
    assert set(past.site.farm.jobs) == {second.id}

"""Redirects over gRPC: the place of what runs goes to a job or a group."""

from __future__ import annotations

from typing import Any

import pytest
from opencue_proto import host_pb2, job_pb2

GONE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def busy(site: Any, start_agent: Any, tools: Any) -> Any:
    """A job that fills a host, another that waits for it, and the agent."""
    agent = await start_agent(cores=2)
    agent.finish = False
    first = await site.launch(name="first")
    await tools.until(lambda: len(agent.runs) == 2)
    second = await site.launch(name="second")
    return first, second, agent


async def procs_of(site: Any, job: Any) -> list[Any]:
    """What runs of a job."""
    request = host_pb2.ProcGetProcsRequest(r=host_pb2.ProcSearchCriteria(jobs=[job.name]))
    return list((await site.proc.GetProcs(request)).procs.procs)


async def test_a_proc_is_redirected_to_a_job(site: Any, busy: Any, tools: Any) -> None:
    """It says to whom; after its end the job runs there, before others."""
    first, second, agent = busy
    proc = (await procs_of(site, first))[0]
    call = site.proc.RedirectToJob(host_pb2.ProcRedirectToJobRequest(proc=proc, job_id=second.id))
    assert (await call).value
    assert dict(await call.trailing_metadata())["cuefarm-changed"] == "1"
    (told,) = [one for one in await procs_of(site, first) if one.id == proc.id]
    assert (told.redirect_target, told.unbooked) == (second.name, True)

    await agent.complete(agent.runs[proc.id])
    await tools.until(lambda: len(agent.runs) == 2)
    assert len(await procs_of(site, second)) == 1


async def test_a_redirect_with_kill_gives_the_place_at_once(site: Any, busy: Any, tools: Any) -> None:
    """The frame that ran there waits again."""
    first, second, _ = busy
    proc = (await procs_of(site, first))[0]
    request = host_pb2.ProcRedirectToJobRequest(proc=proc, job_id=second.id, kill=True)
    assert (await site.proc.RedirectToJob(request)).value
    await tools.until(lambda: any(one.job_id == second.id for one in site.farm.procs.values()))
    (frame,) = [frame for frame in await site.frames_of(first) if frame.name == proc.frame_name]
    assert (frame.state, frame.retry_count) == (job_pb2.WAITING, 0)


async def test_a_redirect_of_no_use_says_why(site: Any, busy: Any) -> None:
    """False, nothing changed, and a warning."""
    first, _, _ = busy
    proc = (await procs_of(site, first))[0]
    call = site.proc.RedirectToJob(host_pb2.ProcRedirectToJobRequest(proc=proc, job_id=first.id))
    assert not (await call).value
    trailers = dict(await call.trailing_metadata())
    assert trailers["cuefarm-changed"] == "0"
    assert "nothing was changed" in trailers["cuefarm-warning"]


async def test_procs_by_criteria_go_to_jobs_and_groups(site: Any, busy: Any) -> None:
    """UnbookToJob and UnbookToGroup act on all that matches, and say how many that was."""
    first, second, _ = busy
    criteria = host_pb2.ProcSearchCriteria(jobs=[first.name])
    jobs = job_pb2.JobSeq(jobs=[second])
    reply = await site.proc.UnbookToJob(host_pb2.ProcUnbookToJobRequest(r=criteria, jobs=jobs))
    assert reply.num_procs == 2

    root = site.farm.groups[site.farm.jobs[second.id].group_id]
    subgroup = (
        await site.group.CreateSubGroup(
            job_pb2.GroupCreateSubGroupRequest(group=job_pb2.Group(id=root.id), name="urgent")
        )
    ).group
    await site.job.SetGroup(job_pb2.JobSetGroupRequest(job=second, group_id=subgroup.id))
    reply = await site.proc.UnbookToGroup(host_pb2.ProcUnbookToGroupRequest(r=criteria, group=subgroup))
    assert reply.num_procs == 2
    assert {proc.redirect_target for proc in await procs_of(site, first)} == {"urgent"}

    request = host_pb2.ProcRedirectToGroupRequest(proc=(await procs_of(site, first))[0], group_id=subgroup.id)
    assert (await site.proc.RedirectToGroup(request)).value


async def test_a_redirect_is_taken_back(site: Any, busy: Any) -> None:
    """ClearRedirect says whether there was one."""
    first, second, _ = busy
    proc = (await procs_of(site, first))[0]
    await site.proc.RedirectToJob(host_pb2.ProcRedirectToJobRequest(proc=proc, job_id=second.id))
    request = host_pb2.ProcClearRedirectRequest(proc=proc)
    assert (await site.proc.ClearRedirect(request)).value
    assert not (await site.proc.ClearRedirect(request)).value


async def test_a_host_is_redirected_to_a_job(site: Any, busy: Any, tools: Any) -> None:
    """By ids or names of what runs there; a name of nothing that runs there is refused, and nothing is done."""
    first, second, _ = busy
    host = (await site.host.FindHost(host_pb2.HostFindHostRequest(name="host1"))).host
    procs = await procs_of(site, first)
    wrong = host_pb2.HostRedirectToJobRequest(host=host, proc_names=[procs[0].id, "nothing"], job_id=second.id)
    code, words = await site.refused(site.host.RedirectToJob(wrong))
    assert (code, "'nothing' runs on host 'host1'" in words) == ("NOT_FOUND", True)

    request = host_pb2.HostRedirectToJobRequest(host=host, proc_names=[one.id for one in procs], job_id=second.id)
    assert (await site.host.RedirectToJob(request)).value
    await tools.until(lambda: [one.job_id for one in site.farm.procs.values()] == [second.id] * 2)


async def test_a_redirect_to_what_there_is_not_names_it(site: Any, busy: Any) -> None:
    """A job or a group by an id that nothing has."""
    first, _, _ = busy
    proc = (await procs_of(site, first))[0]
    to_job = site.proc.RedirectToJob(host_pb2.ProcRedirectToJobRequest(proc=proc, job_id=GONE))
    to_group = site.proc.RedirectToGroup(host_pb2.ProcRedirectToGroupRequest(proc=proc, group_id=GONE))
    to_nobody = site.proc.UnbookToJob(host_pb2.ProcUnbookToJobRequest(r=host_pb2.ProcSearchCriteria()))
    for call, code in ((to_job, "NOT_FOUND"), (to_group, "NOT_FOUND"), (to_nobody, "INVALID_ARGUMENT")):
        assert (await site.refused(call))[0] == code

"""From a launched specification to a finished job, and what may go wrong between, over real gRPC."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from opencue_proto import job_pb2, report_pb2
from structlog.testing import capture_logs

from cuebot.domain.states import FrameState, JobState
from cuebot.engine.requests import address_of


async def test_a_job_runs_from_its_specification_to_its_end(site: Any, start_agent: Any, tools: Any) -> None:
    """Every frame is launched once on the agent, with the order's contents, and the job finishes."""
    agent = await start_agent()
    job = await site.launch(tools.layer("beauty", "1-20", command="render -f #IFRAME#"))
    await tools.until(lambda: site.farm.jobs[job.id].state is JobState.FINISHED)
    assert sorted(run.frame_name for run in agent.launched) == [f"{n:04d}-beauty" for n in range(1, 21)]
    run = next(run for run in agent.launched if run.frame_name == "0007-beauty")
    assert (run.command, run.num_cores, run.environment["CUE_FRAME"]) == ("render -f 7", 100, "0007-beauty")
    assert not run.HasField("uid")
    assert {m["cuefarm-token"] for m in agent.launch_metadata} == {tools.token}
    assert [m["cuefarm-run-id"] for m in agent.launch_metadata] == [run.resource_id for run in agent.launched]
    finished = (await site.job.GetJob(job_pb2.JobGetJobRequest(id=job.id))).job
    assert (finished.state, finished.job_stats.succeeded_frames) == (job_pb2.FINISHED, 20)
    frame = (await site.frames_of(job))[0]
    assert frame.last_resource == "host1/1.00/0"
    assert frame.exit_status == 0


async def test_an_outcome_is_answered_only_when_it_is_durable(site: Any, start_agent: Any, tools: Any) -> None:
    """While the journal fails a completion gets no OK, and once it works again the same report does."""
    agent = await start_agent()
    agent.finish = False
    await site.launch(tools.layer("sim", "1"))
    await tools.until(lambda: bool(agent.launched))
    await site.engine.drained()
    site.journal.broken = True
    waiting = asyncio.ensure_future(agent.complete(agent.launched[0]))
    await tools.until(lambda: site.engine.stalled_since is not None)
    assert not waiting.done()
    code, _ = await site.refused(agent.complete(agent.launched[0]))
    assert code == "UNAVAILABLE"
    site.journal.broken = False
    await waiting
    assert any(row["runs_succeeded"] == 1 for row in site.journal.rows["layer"].values())


async def test_a_launch_where_nobody_answers_goes_to_another_host(site: Any, start_agent: Any, tools: Any) -> None:
    """Connection refused: the launch never left, and the frame is done elsewhere within seconds."""
    there = await start_agent("there", cores=1)
    gone = tools.render_host("gone", **{"cuefarm.address": "127.0.0.1:1", "cuefarm.agent": "1"})
    request = report_pb2.RqdReportRqdStartupRequest(boot_report=report_pb2.BootReport(host=gone))
    await site.report.ReportRqdStartup(request, metadata=there.metadata())
    job = await site.launch(tools.layer("beauty", "1-3"))
    await tools.until(lambda: site.farm.jobs[job.id].state is JobState.FINISHED)
    assert len(there.launched) == 3


async def test_an_order_names_the_agent_that_is_meant(site: Any, start_agent: Any, tools: Any) -> None:
    """Where several answer under a host's name, the one whose spool is not named refuses the order."""
    agent = await start_agent(instance="spool-7")
    await site.launch(tools.layer("beauty", "1"))
    await tools.until(lambda: bool(agent.launched))
    assert agent.launch_metadata[0]["cuefarm-instance"] == "spool-7"


async def test_a_second_agent_under_a_name_is_refused_in_words(site: Any, start_agent: Any) -> None:
    """The later one is answered with the address of the first and what to do; the server's log says so once."""
    first = await start_agent(instance="one")
    with capture_logs() as logs:
        for _ in range(3):
            code, words = await site.refused(start_agent(instance="two"))
    assert (code, f"answers at {first.address}" in words, "rqd --name" in words) == ("FAILED_PRECONDITION", True, True)
    told = [entry["why"] for entry in logs if entry["event"] == "a report was refused"]
    assert len(told) == 1
    assert "another agent is called 'host1' too" in told[0]
    host = site.farm.host_named("host1")
    assert (host.address, host.peer) == (first.address, "127.0.0.1")


async def test_a_killed_job_ends_its_runs_with_the_words_given(site: Any, start_agent: Any, tools: Any) -> None:
    """Who killed and why travels to the agent; a kill without a reason works too."""
    agent = await start_agent()
    agent.finish = False
    job = await site.launch(tools.layer("sim", "1-2"))
    await tools.until(lambda: len(agent.launched) == 2)
    await site.job.Kill(job_pb2.JobKillRequest(job=job, username="ada", pid="7", host_kill="desk"))
    await tools.until(lambda: len(agent.killed) == 2)
    assert agent.killed[0] == "by ada on desk (pid 7): job killed"
    await tools.until(lambda: not site.farm.procs)
    assert site.farm.jobs[job.id].state is JobState.FINISHED


async def test_a_definite_refusal_lets_the_frame_wait_again(site: Any, start_agent: Any, tools: Any) -> None:
    """The frame of a refused launch is WAITING, uncharged, and its host is left alone for a while."""
    agent = await start_agent()
    agent.refuse = grpc.StatusCode.RESOURCE_EXHAUSTED
    job = await site.launch(tools.layer("sim", "1"))
    await tools.until(lambda: site.engine.core.counters.launches_refused == 1)
    [frame] = await site.frames_of(job)
    assert (frame.state, frame.retry_count, frame.exit_status) == (job_pb2.WAITING, 0, 299)
    assert site.farm.host_named("host1").refused_until_us > 0


@pytest.mark.parametrize(("ours", "refused"), [(False, 1), (True, 0)])
async def test_a_python_exception_of_an_agent_is_a_refusal_unless_it_is_ours(
    site: Any, start_agent: Any, tools: Any, ours: bool, refused: int
) -> None:
    """Upstream's agent refuses by an exception; from ours that says nothing, and the run stays booked."""
    agent = await start_agent(ours=ours)
    agent.raises = True
    await site.launch(tools.layer("sim", "1"))
    await tools.until(lambda: not site.engine.core.dispatch.launching and site.engine.core.counters.booked > 0)
    assert site.engine.core.counters.launches_refused == refused
    assert len(site.farm.procs) == 1 - refused


async def test_our_agent_gets_an_unanswered_launch_again(site: Any, start_agent: Any, tools: Any) -> None:
    """A run whose launch had no clear answer is launched once more after the host's next report."""
    agent = await start_agent()
    agent.raises = True
    job = await site.launch(tools.layer("sim", "1"))
    await tools.until(lambda: len(site.farm.procs) == 1 and not site.engine.core.dispatch.launching)
    agent.raises = False
    await agent.report()
    await tools.until(lambda: site.farm.jobs[job.id].state is JobState.FINISHED)
    assert len(agent.launched) == 1


async def test_launches_for_an_agent_that_is_gone_are_not_all_waited_for(
    site: Any, start_agent: Any, tools: Any
) -> None:
    """When an agent cannot be reached, what was not sent is refused at once and can be booked elsewhere."""
    agent = await start_agent(cores=30)
    await agent.stop()
    await site.launch(tools.layer("sim", "1-14"))
    await tools.until(lambda: site.engine.core.counters.booked > 8 and not site.engine.core.dispatch.launching)
    counts = site.engine.core.counters
    assert counts.launches_refused > 0
    assert len(site.farm.procs) <= 8


async def test_a_reported_run_that_is_not_current_is_named_for_its_end(site: Any, start_agent: Any, tools: Any) -> None:
    """The trailing metadata names exactly the runs that the server does not know."""
    agent = await start_agent()
    agent.finish = False
    await site.launch(tools.layer("sim", "1"))
    await tools.until(lambda: len(agent.launched) == 1)
    assert await agent.report() == []
    stranger = type(agent.launched[0])(resource_id="11111111-2222-4333-8444-555555555555", frame_id="x")
    agent.runs[stranger.resource_id] = stranger
    assert await agent.report() == [stranger.resource_id]


async def test_a_frame_that_fails_too_often_is_dead_and_can_be_retried_and_eaten(
    site: Any, start_agent: Any, tools: Any
) -> None:
    """Exit status and retries are shown; retrying makes it wait, eating ends the job."""
    agent = await start_agent()
    agent.finish = False
    job = await site.launch(tools.layer("sim", "1"))
    for attempt in (1, 2):
        await tools.until(lambda n=attempt: len(agent.launched) == n)
        await agent.complete(agent.launched[-1], exit_status=7)
    [frame] = await site.frames_of(job)
    assert (frame.state, frame.exit_status, frame.retry_count) == (job_pb2.DEAD, 7, 1)
    await site.frame.Retry(job_pb2.FrameRetryRequest(frame=frame))
    await tools.until(lambda: len(agent.launched) == 3)
    await agent.complete(agent.launched[-1], exit_status=7)
    await tools.until(lambda: site.farm.jobs[job.id].counts[FrameState.DEAD] == 1)
    await site.job.EatFrames(job_pb2.JobEatFramesRequest(job=job))
    assert site.farm.jobs[job.id].state is JobState.FINISHED


async def test_an_agent_is_told_to_stop(site: Any, start_agent: Any) -> None:
    """The shutdown order reaches the agent; of one that is gone it is said that it was not taken."""
    agent = await start_agent()
    address = address_of(site.farm.host_named("host1"))
    assert await site.agents.shutdown(address)
    assert agent.stopped
    await agent.stop()
    assert not await site.agents.shutdown(address)

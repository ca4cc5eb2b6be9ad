"""What was can be asked for: runs, failures, logs and finished jobs, through real stubs."""

from __future__ import annotations

import asyncio
import threading
from typing import Any
from urllib.parse import unquote

from opencue_proto import job_pb2

from cuebot.domain import commands as c
from cuebot.domain.bounds import Bounds
from cuebot.domain.frames import as_indices
from cuebot.domain.states import FrameState, JobState
from cuebot.engine.core import SYSTEM
from cuebot.engine.ports import EndedRun, JournalError, RunQuery
from cuefarm_proto import farm_pb2

# --- runs


async def test_a_run_tells_what_it_is_while_it_is_under_way(make_scene: Any) -> None:
    """A run under way has its host, attempt, log and start, no cause and no end."""
    scene = await make_scene("1")
    run = (await scene.launched())[0]
    reply = await scene.runs(layer="beauty", frame="1")
    found = reply.runs[0]
    assert (len(reply.runs), reply.running, reply.next_before_seq) == (1, 1, 0)
    assert (found.run_id, found.state, found.cause, found.attempt) == (run.resource_id, "RUNNING", "", 1)
    assert (found.host_name, found.frame_name, found.number) == ("host-comp", "0001-beauty", 1)
    assert found.log_path == f"{run.log_dir}/{scene.job.name}.0001-beauty.rqlog"
    assert found.start_us > 0 == found.stop_us
    assert found.cores == 1.0


async def test_attempts_are_kept_with_their_cause_and_words(make_scene: Any) -> None:
    """Ended attempts come newest first, each with status, cause, words, memory, and whether it counted."""
    scene = await make_scene("1")
    first = (await scene.launched())[0]
    await scene.fail(first, cause="log_unwritable", message="/logs: No space left on device")
    second = (await scene.launched())[0]
    await scene.fail(second, exit_status=3, message="exit status 3", error_line="Error: no texture wood.tx")
    third = (await scene.launched())[0]
    reply = await scene.runs(frame=(await scene.site.frames_of(scene.job))[0].id, job="")
    assert [run.run_id for run in reply.runs] == [third.resource_id, second.resource_id, first.resource_id]
    assert [run.attempt for run in reply.runs] == [3, 2, 1]
    assert [run.environment["CUE_ATTEMPT"] for run in (third, second, first)] == ["3", "2", "1"]
    assert [run.charged for run in reply.runs] == [False, True, False]
    assert (reply.runs[1].exit_status, reply.runs[1].cause, reply.runs[1].state) == (3, "EXITED", "WAITING")
    assert (reply.runs[1].message, reply.runs[1].error_line) == ("exit status 3", "Error: no texture wood.tx")
    assert (reply.runs[2].cause, reply.runs[2].message) == ("LOG_UNWRITABLE", "/logs: No space left on device")
    assert reply.runs[1].max_rss_kib == 2_000
    assert reply.runs[1].stop_us >= reply.runs[1].start_us > 0
    assert reply.runs[2].log_path.endswith("0001-beauty.rqlog.1")


async def test_what_a_frame_left_behind_stands_in_its_record(make_scene: Any) -> None:
    """Where its agent says nothing else of its end."""
    scene = await make_scene("1")
    await scene.agent.complete((await scene.launched())[0], left_behind="12 (sleep)")
    (ended,) = (await scene.runs()).runs
    assert ended.message == "it left behind, which was ended with it: 12 (sleep)"


async def test_a_log_that_grew_too_long_is_a_cause(make_scene: Any) -> None:
    """As the agent tells it, and charged."""
    scene = await make_scene("1")
    run = (await scene.launched())[0]
    await scene.fail(run, exit_signal=15, cause="log_limit", kill_message="its log grew to 9 MB")
    (ended, *_) = (run for run in (await scene.runs()).runs if run.cause)
    assert (ended.cause, ended.message, ended.charged) == ("LOG_LIMIT", "its log grew to 9 MB", True)


async def test_a_run_that_was_ended_for_another_request_names_who_asked(make_scene: Any) -> None:
    """Whoever ate or retried its frame: those requests have no field for it, the call has."""
    scene = await make_scene("1")
    run = (await scene.launched())[0]
    criteria = job_pb2.FrameSearchCriteria(frame_range="1")
    request = job_pb2.JobEatFramesRequest(job=scene.job, req=criteria)
    await scene.site.job.EatFrames(request, metadata=(("cuefarm-user", "ann%20b"),))
    await scene.fail(run, exit_signal=15, cause="killed")
    (ended,) = (await scene.runs()).runs
    assert (ended.cause, ended.message) == ("KILLED", "by ann b: eaten")


async def test_runs_come_in_pages(make_scene: Any) -> None:
    """Pages of any size together give every run once, those under way first."""
    scene = await make_scene("1-5")
    await scene.launched(4)
    await scene.fail_all()
    whole = [run.run_id for run in (await scene.runs()).runs]
    assert len(whole) == 10
    for limit in (1, 3, 10):
        found, before = [], 0
        while True:
            reply = await scene.runs(limit=limit, before_seq=before)
            found += [run.run_id for run in reply.runs]
            before = reply.next_before_seq
            if not before:
                break
        assert found == whole


async def test_runs_are_chosen_by_cause_state_and_attempt(make_scene: Any) -> None:
    """Causes, states and attempts narrow what is returned; names that are none are refused with those there are."""
    scene = await make_scene("1-2")
    for run in await scene.launched(2):
        await scene.fail(run, cause="runner_lost" if run.frame_name.startswith("0001") else "exited")
    await scene.launched(2)
    assert {run.number for run in (await scene.runs(causes=["runner_lost"])).runs} == {1}
    assert {run.attempt for run in (await scene.runs(states=["RUNNING"])).runs} == {2}
    assert {run.attempt for run in (await scene.runs(states=["WAITING"])).runs} == {1}
    assert {run.attempt for run in (await scene.runs(attempt=2)).runs} == {2}
    code, words = await scene.site.refused(scene.runs(causes=["tired"]))
    assert (code, "LOG_UNWRITABLE" in words) == ("INVALID_ARGUMENT", True)


async def test_a_history_that_cannot_be_read_is_told(start_site: Any, tools: Any) -> None:
    """A database that fails or hangs makes an answer in words, and the loop goes on."""

    class Failing:
        def runs(self, query: RunQuery, limit: int) -> list[EndedRun]:
            raise JournalError("farm.sqlite: the disk reports an error")

    site = await start_site(history=Failing())
    job = await site.launch()
    code, words = await site.refused(site.farm_interface.GetRuns(farm_pb2.GetRunsRequest(job=job.name)))
    assert (code, "the disk reports an error" in words) == ("UNAVAILABLE", True)


async def test_a_history_that_hangs_holds_up_nobody_else(start_site: Any) -> None:
    """Who reads it is told after a time, and others are answered meanwhile."""
    end = threading.Event()

    class Hanging:
        def runs(self, query: RunQuery, limit: int) -> list[EndedRun]:
            end.wait(20)
            return []

    site = await start_site(history=Hanging(), bounds=Bounds(read_seconds=0.2))
    job = await site.launch()
    try:
        refused = asyncio.create_task(site.refused(site.farm_interface.GetRuns(farm_pb2.GetRunsRequest(job=job.name))))
        assert (await site.job.GetJob(job_pb2.JobGetJobRequest(id=job.id))).job.name == job.name
        code, words = await refused
        assert (code, "did not answer" in words) == ("UNAVAILABLE", True)
    finally:
        end.set()


# --- failures


async def test_frames_that_died_alike_are_one_failure(make_scene: Any) -> None:
    """Dead frames are grouped by cause, status and words, numbers in the words aside, with ranges and an example."""
    scene = await make_scene("1-6")
    await scene.launched(4)
    while sum(scene.layer.counts[state] for state in (FrameState.WAITING, FrameState.RUNNING)):
        for run in list(scene.agent.runs.values()):
            number = int(run.frame_name[:4])
            if number == 5:
                await scene.fail(run, exit_status=0, exit_signal=11, message="signal 11")
            else:
                await scene.fail(run, error_line=f"Error: no texture {number}.tx")
        await asyncio.sleep(0.01)
    reply = await scene.failures()
    assert reply.complete
    assert [(f.state, f.frames, f.frame_range) for f in reply.failures] == [("DEAD", 5, "1-4,6"), ("DEAD", 1, "5")]
    texture, crash = reply.failures
    assert (texture.cause, texture.exit_status, texture.hosts, texture.charged) == ("EXITED", 1, 1, True)
    assert texture.error_line.startswith("Error: no texture ")
    assert texture.example.log_path.endswith(".rqlog")
    assert (crash.exit_signal, crash.message) == (11, "signal 11")


async def test_the_farms_fault_is_told_of_frames_that_wait_again(make_scene: Any) -> None:
    """Frames that wait again since their log could not be written say so; those that a person retried say nothing."""
    scene = await make_scene("1-2")
    runs = await scene.launched(2)
    scene.site.engine.core.draining = True
    await scene.fail(runs[0], cause="log_unwritable", message="/logs/x: No space left on device")
    await scene.site.frame.Retry(
        job_pb2.FrameRetryRequest(
            frame=next(f for f in await scene.site.frames_of(scene.job) if f.id == runs[1].frame_id)
        )
    )
    await scene.tools.until(lambda: not scene.agent.runs)
    await scene.tools.until(lambda: scene.layer.counts[FrameState.WAITING] == 2)
    failures = (await scene.failures()).failures
    assert [(f.state, f.cause, f.frames, f.charged) for f in failures] == [("WAITING", "LOG_UNWRITABLE", 1, False)]
    assert failures[0].message == "/logs/x: No space left on device"


async def test_a_frame_of_a_killed_job_waits_for_no_try(make_scene: Any) -> None:
    """What waited for another try waits no more once its job is killed."""
    scene = await make_scene("1-2")
    runs = await scene.launched(2)
    scene.site.engine.core.draining = True
    await scene.fail(runs[0])
    await scene.tools.until(lambda: scene.layer.counts[FrameState.WAITING] == 1)
    assert [f.state for f in (await scene.failures()).failures] == ["WAITING"]
    await scene.site.job.Kill(job_pb2.JobKillRequest(job=scene.job))
    await scene.tools.until(lambda: not scene.agent.runs)
    assert not (await scene.failures()).failures


async def test_a_frame_that_runs_again_has_no_failure(make_scene: Any) -> None:
    """What went wrong before is history once a frame runs again or has succeeded."""
    scene = await make_scene("1")
    await scene.fail((await scene.launched())[0])
    run = (await scene.launched())[0]
    assert not (await scene.failures()).failures
    await scene.agent.complete(run)
    assert not (await scene.failures()).failures


async def test_dead_frames_without_a_record_are_told_by_their_status(
    start_site: Any, tools: Any, make_scene: Any
) -> None:
    """Where no record is left, the frame's exit status still is."""
    scene = await make_scene("1-3")
    await scene.launched(3)
    await scene.fail_all(exit_status=7)
    scene.site.journal.events.clear()
    failures = (await scene.failures()).failures
    assert [(f.cause, f.exit_status, f.frames, f.frame_range) for f in failures] == [("", 7, 3, "1-3")]


# --- finished jobs


async def test_a_finished_job_is_found_by_its_name(make_scene: Any) -> None:
    """Explain, runs and failures of a name mean the active job, or else the finished one that was submitted last."""
    scene = await make_scene("1")
    await scene.agent.complete((await scene.launched())[0])
    await scene.tools.until(lambda: scene.site.farm.jobs[scene.job.id].state is JobState.FINISHED)
    explained = await scene.site.farm_interface.Explain(farm_pb2.ExplainRequest(job=scene.job.name))
    assert explained.job_id == scene.job.id
    assert [run.state for run in (await scene.runs()).runs] == ["SUCCEEDED"]
    again = await scene.site.launch(scene.tools.layer("beauty", "1-2"), name="comp", paused=True)
    assert (await scene.failures()).job_id == again.id
    code, words = await scene.site.refused(scene.runs(job="nothing-like-that"))
    assert (code, "-lj -finished" in words) == ("NOT_FOUND", True)


async def test_finished_jobs_are_listed_the_last_first(site: Any, tools: Any) -> None:
    """Finished jobs come by name, part, show and user, newest first, at most as many as asked, with their number."""
    jobs = [await site.launch(name=name) for name in ("one", "two", "three")]
    for job in jobs[:2]:
        await site.engine.submit(c.KillJob(job.id, ""), SYSTEM)

    async def ids(**criteria: Any) -> Any:
        return await site.farm_interface.FindFinishedJobs(farm_pb2.FindFinishedJobsRequest(**criteria))

    reply = await ids()
    assert (list(reply.job_ids), reply.found) == ([jobs[1].id, jobs[0].id], 2)
    assert (await ids(limit=1)).found == 2
    assert list((await ids(limit=1)).job_ids) == [jobs[1].id]
    assert list((await ids(parts=["_one"])).job_ids) == [jobs[0].id]
    assert list((await ids(names=[jobs[2].name])).job_ids) == []
    assert list((await ids(users=["nobody"])).job_ids) == []
    assert len((await ids(shows=["testing"], users=["ada"])).job_ids) == 2


async def test_a_page_of_finished_jobs_tells_that_it_is_no_more(start_site: Any) -> None:
    """Asked for more than a page has, the server says how many there are; a page with all of them says nothing."""
    site = await start_site(bounds=Bounds(page_rows=2))

    async def warned(limit: int) -> list[str]:
        request = farm_pb2.FindFinishedJobsRequest(limit=limit)
        call = site.farm_interface.FindFinishedJobs(request)
        assert len((await call).job_ids) <= 2
        trailers = await call.trailing_metadata() or ()
        return [unquote(str(value)) for key, value in trailers if key == "cuefarm-warning"]

    for name in ("one", "two"):
        await site.engine.submit(c.KillJob((await site.launch(name=name)).id, ""), SYSTEM)
    assert await warned(5_000) == []
    await site.engine.submit(c.KillJob((await site.launch(name="three")).id, ""), SYSTEM)
    (words,) = await warned(5_000)
    assert words.startswith("these are the 2 finished jobs that ended last, of 3: a list has at most 2;")
    assert await warned(2) == []  # as many as were asked for


async def test_frames_of_a_finished_job_are_retried_and_eaten(site: Any) -> None:
    """A job that was killed goes on when its frames are retried."""
    job = await site.launch(paused=True)
    await site.engine.submit(c.EatFrames({next(iter(site.farm.jobs[job.id].layer_ids)): as_indices(range(10))}), SYSTEM)
    assert site.farm.jobs[job.id].state is JobState.FINISHED
    criteria = job_pb2.FrameSearchCriteria(frame_range="1-3")
    await site.job.RetryFrames(job_pb2.JobRetryFramesRequest(job=job, req=criteria))
    assert site.farm.jobs[job.id].state is JobState.PENDING

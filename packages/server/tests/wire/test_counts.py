"""An answer says in its trailing metadata how many things were changed."""

from __future__ import annotations

from typing import Any

from opencue_proto import depend_pb2, host_pb2, job_pb2, show_pb2


async def changed(call: Any) -> str | None:
    """Return what an answer says of how much was changed, None where it says nothing."""
    await call
    return dict(await call.trailing_metadata() or ()).get("cuefarm-changed")


async def test_actions_on_frames_say_how_many(site: Any, tools: Any) -> None:
    """Those that are not there, or not in the state for it, do not count."""
    job = await site.launch(tools.layer("beauty", "1-10"), paused=True)

    def some(range_text: str) -> Any:
        return job_pb2.FrameSearchCriteria(frame_range=range_text)

    assert await changed(site.job.EatFrames(job_pb2.JobEatFramesRequest(job=job, req=some("9-20")))) == "2"
    assert await changed(site.job.EatFrames(job_pb2.JobEatFramesRequest(job=job, req=some("11-20")))) == "0"
    assert await changed(site.job.RetryFrames(job_pb2.JobRetryFramesRequest(job=job, req=some("1-10")))) == "2"
    assert await changed(site.job.KillFrames(job_pb2.JobKillFramesRequest(job=job, req=some("1-3")))) == "0"


async def test_doing_it_again_changes_nothing(site: Any) -> None:
    """Pausing what is paused, or killing what is over, is no change."""
    job = await site.launch()
    assert await changed(site.job.Pause(job_pb2.JobPauseRequest(job=job))) == "1"
    assert await changed(site.job.Pause(job_pb2.JobPauseRequest(job=job))) == "0"
    assert await changed(site.job.Kill(job_pb2.JobKillRequest(job=job))) == "1"
    assert await changed(site.job.Kill(job_pb2.JobKillRequest(job=job))) == "0"


async def test_without_a_command_it_is_zero(site: Any) -> None:
    """A job that waits for nothing has no depend to drop, and says so."""
    job = await site.launch()
    request = job_pb2.JobDropDependsRequest(job=job, target=depend_pb2.ANY_TARGET)
    assert await changed(site.job.DropDepends(request)) == "0"


async def test_a_renamed_tag_is_one_host(site: Any, start_agent: Any) -> None:
    """Two commands on one host change one host."""
    await start_agent("host1")
    host = (await site.host.FindHost(host_pb2.HostFindHostRequest(name="host1"))).host
    assert await changed(site.host.AddTags(host_pb2.HostAddTagsRequest(host=host, tags=["gpu"]))) == "1"
    rename = host_pb2.HostRenameTagRequest(host=host, old_tag="gpu", new_tag="cuda")
    assert await changed(site.host.RenameTag(rename)) == "1"


async def test_what_only_looks_says_nothing(site: Any) -> None:
    """A read has no such number, and neither has what makes a thing and returns it."""
    job = await site.launch()
    assert await changed(site.job.FindJob(job_pb2.JobFindJobRequest(name=job.name))) is None
    assert await changed(site.show.CreateShow(show_pb2.ShowCreateShowRequest(name="other"))) is None

"""Owners, time limits and a layer's own retries, over real gRPC and a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from opencue_proto import job_pb2

from cuefarm_proto import farm_pb2


async def settings_of(site: Any, job: Any) -> Any:
    """What published messages have no field for."""
    return await site.farm_interface.GetJobSettings(farm_pb2.GetJobSettingsRequest(job=job.name))


async def test_a_job_keeps_its_owner_its_time_and_its_retries_over_a_restart(
    start_site: Any, tmp_path: Path, tools: Any
) -> None:
    """By name and by id; the published messages have the new owner, too, and the job is found as his."""
    database = f"sqlite:///{tmp_path}/farm.sqlite"
    site = await start_site(database)
    job = await site.launch(tools.layer("aaa", "1-2") + tools.layer("bbb", "1-2"), paused=True)
    first = (await site.layers_of(job))[0]
    await site.farm_interface.SetJobOwner(farm_pb2.SetJobOwnerRequest(job=job.name, user="bob", uid=4711))
    await site.farm_interface.SetJobTimeLimit(farm_pb2.SetJobTimeLimitRequest(job=job.id, minutes=90))
    await site.farm_interface.SetLayerMaxRetries(farm_pb2.SetLayerMaxRetriesRequest(layer=first.id, max_retries=0))
    await site.stop()

    site = await start_site(database)
    kept = await settings_of(site, job)
    assert (kept.job_id, kept.user, kept.uid, kept.time_limit_minutes) == (job.id, "bob", 4711, 90)
    assert [layer.HasField("max_retries") for layer in kept.layers] == [True, False]
    criteria = job_pb2.JobSearchCriteria(users=["bob"])
    (found,) = (await site.job.GetJobs(job_pb2.JobGetJobsRequest(r=criteria))).jobs.jobs
    assert (found.name, found.user, found.uid) == (job.name, "bob", 4711)


async def test_frames_that_start_are_the_new_owners(make_scene: Any) -> None:
    """Those that run go on as they are."""
    scene = await make_scene("1-8")
    await scene.launched(4)
    assert {run.user_name for run in scene.agent.launched} == {"ada"}
    await scene.site.farm_interface.SetJobOwner(farm_pb2.SetJobOwnerRequest(job=scene.job.name, user="bob"))
    scene.agent.launched.clear()
    for run in list(scene.agent.runs.values()):
        await scene.agent.complete(run)
    await scene.tools.until(lambda: len(scene.agent.launched) == 4)
    assert {run.user_name for run in scene.agent.launched} == {"bob"}


async def test_a_depend_that_failure_satisfies_survives_a_restart(
    start_site: Any, start_agent_of: Any, tmp_path: Path, tools: Any
) -> None:
    """It holds until every frame has ended, and lets go of what waits although one has died."""
    database = f"sqlite:///{tmp_path}/farm.sqlite"
    site = await start_site(database)
    job = await site.launch(tools.layer("aaa", "1-2") + tools.layer("bbb", "1"), paused=True)
    request = farm_pb2.AddDependRequest(job=job.name, layer="bbb", on_job=job.name, on_layer="aaa", on_failure=True)
    depend_id = (await site.farm_interface.AddDepend(request)).depend_id
    await site.job.SetMaxRetries(job_pb2.JobSetMaxRetriesRequest(job=job, max_retries=0))
    await site.stop()

    site = await start_site(database)
    agent = await start_agent_of(site)
    agent.finish = False
    await site.job.Resume(job_pb2.JobResumeRequest(job=job))
    await tools.until(lambda: len(agent.runs) == 2)
    for run in list(agent.runs.values()):
        await agent.complete(run, exit_status=1)
    await tools.until(lambda: [run.frame_name for run in agent.runs.values()] == ["0001-bbb"])
    assert not site.farm.depends[depend_id].active


async def test_settings_name_every_depend_of_a_job_and_the_frames_that_are_shown_otherwise(
    site: Any, tools: Any
) -> None:
    """Frames that wait for frames, too, which the published list leaves out, and what failure satisfies."""
    job = await site.launch(tools.layer("aaa", "1-2") + tools.layer("bbb", "1"), paused=True)
    ours = site.farm_interface
    names = {"job": job.name, "layer": "bbb", "on_job": job.name, "on_layer": "aaa"}
    await ours.AddDepend(farm_pb2.AddDependRequest(**names, frame="1", on_frame="2"))
    await ours.AddDepend(farm_pb2.AddDependRequest(**names, on_failure=True))
    request = job_pb2.JobGetFramesRequest(job=job, req=job_pb2.FrameSearchCriteria(limit=1))
    (frame,) = (await site.job.GetFrames(request)).frames.frames
    override = job_pb2.FrameStateDisplayOverride(state=job_pb2.WAITING, text="held")
    shown = job_pb2.FrameStateDisplayOverrideRequest(frame=frame, override=override)
    await site.frame.SetFrameStateDisplayOverride(shown)
    kept = await settings_of(site, job)
    seen = [(one.type, one.frame, one.on_layer, one.on_frame, one.on_failure, one.active) for one in kept.depends]
    assert seen == [
        ("FRAME_ON_FRAME", "0001-bbb", "aaa", "0002-aaa", False, True),
        ("LAYER_ON_LAYER", "", "aaa", "", True, True),
    ]
    assert [list(layer.displays) for layer in kept.layers] == [[1], []]


async def test_what_is_not_there_or_not_named_is_refused(site: Any) -> None:
    """With the field's codes, and words that name it."""
    job = await site.launch(paused=True)
    ours = site.farm_interface
    for status, call in (
        ("NOT_FOUND", ours.SetJobOwner(farm_pb2.SetJobOwnerRequest(job="nope", user="bob"))),
        ("INVALID_ARGUMENT", ours.SetJobOwner(farm_pb2.SetJobOwnerRequest(user="bob"))),
        ("INVALID_ARGUMENT", ours.SetJobOwner(farm_pb2.SetJobOwnerRequest(job=job.id, user="root"))),
        ("INVALID_ARGUMENT", ours.SetJobTimeLimit(farm_pb2.SetJobTimeLimitRequest(job=job.id, minutes=-1))),
        ("INVALID_ARGUMENT", ours.SetLayerMaxRetries(farm_pb2.SetLayerMaxRetriesRequest(job=job.id, max_retries=1))),
        ("NOT_FOUND", ours.SetLayerMaxRetries(farm_pb2.SetLayerMaxRetriesRequest(job=job.id, layer="nope"))),
        ("INVALID_ARGUMENT", ours.GetJobSettings(farm_pb2.GetJobSettingsRequest())),
    ):
        assert (await site.refused(call))[0] == status


async def test_an_address_that_is_kept_in_vain_is_warned_of(start_site: Any, tools: Any) -> None:
    """A launch with an address on a server that sends no mail; one that `outline` makes up is no address."""
    site = await start_site()
    for email, words in (("ada@studio.example", ["mail_host"]), ("ada@example.com", [])):
        text = tools.spec(tools.layer("aaa", "1"), name=email[4:7]).replace("<job ", f"<email>{email}</email><job ", 1)
        call = site.job.LaunchSpecAndWait(job_pb2.JobLaunchSpecAndWaitRequest(spec=text))
        await call
        told = [str(value) for key, value in await call.trailing_metadata() or () if key == "cuefarm-warning"]
        assert [word for word in words if any(word in line for line in told)] == words
        assert len(told) == len(words)

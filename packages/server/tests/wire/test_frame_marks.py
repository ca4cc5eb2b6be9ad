"""Frames staggered and held again, checkpoints and display overrides, over real gRPC and a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from opencue_proto import job_pb2


def override(text: str, state: int = job_pb2.WAITING, **color: int) -> Any:
    """What a frame is to look like in a state."""
    rgb = job_pb2.FrameStateDisplayOverride.RGB(**({"red": 1, "green": 2, "blue": 3} | color))
    return job_pb2.FrameStateDisplayOverride(state=state, text=text, color=rgb)


async def test_a_layer_is_staggered_alone_and_a_job_with_all_its_layers(site: Any, tools: Any) -> None:
    """Frames run every third first; a layer's RPC leaves the job's other layers as they are."""
    job = await site.launch(tools.layer("aaa", "1-6") + tools.layer("bbb", "1-6"), paused=True)
    a, b = await site.layers_of(job)
    await site.layer.StaggerFrames(job_pb2.LayerStaggerFramesRequest(layer=a, range="1-6", stagger=3))
    assert [frame.number for frame in await site.frames_of(job, layers=["aaa"])] == [1, 4, 2, 3, 5, 6]
    assert [frame.number for frame in await site.frames_of(job, layers=["bbb"])] == [1, 2, 3, 4, 5, 6]
    await site.job.StaggerFrames(job_pb2.JobStaggerFramesRequest(job=job, range="1-6", stagger=2))
    assert [frame.number for frame in await site.frames_of(job, layers=["bbb"])] == [1, 3, 5, 2, 4, 6]
    bad = job_pb2.LayerStaggerFramesRequest(layer=b, range="1-6", stagger=0)
    status, words = await site.refused(site.layer.StaggerFrames(bad))
    assert status == "INVALID_ARGUMENT"
    assert "1 or more" in words


async def test_a_frame_that_was_let_go_can_be_made_to_wait_again(site: Any, tools: Any) -> None:
    """MarkAsDepend is the way back from MarkAsWaiting."""
    job = await site.launch(tools.layer("aaa", "1-2") + tools.layer("bbb", "1-2"), paused=True)
    a, b = await site.layers_of(job)
    await site.layer.CreateDependencyOnLayer(job_pb2.LayerCreateDependOnLayerRequest(layer=b, depend_on_layer=a))
    frame = (await site.frames_of(job, layers=["bbb"]))[0]
    await site.frame.MarkAsWaiting(job_pb2.FrameMarkAsWaitingRequest(frame=frame))
    assert (await site.frames_of(job, ids=[frame.id]))[0].state == job_pb2.WAITING
    await site.frame.MarkAsDepend(job_pb2.FrameMarkAsDependRequest(frame=frame))
    assert (await site.frames_of(job, ids=[frame.id]))[0].state == job_pb2.DEPEND


async def test_a_checkpoint_is_shown_with_its_frame(make_scene: Any) -> None:
    """ENABLED, then COMPLETE, which is counted; an unknown state is refused."""
    scene = await make_scene("1")
    site, job = scene.site, scene.job
    (frame,) = await site.frames_of(job)
    for state in (job_pb2.ENABLED, job_pb2.COMPLETE):
        await site.frame.SetCheckpointState(job_pb2.FrameSetCheckpointStateRequest(frame=frame, state=state))
    (frame,) = await site.frames_of(job)
    assert (frame.checkpoint_state, frame.checkpoint_count) == (job_pb2.COMPLETE, 1)
    unknown = job_pb2.FrameSetCheckpointStateRequest(frame=frame, state=9)  # type: ignore[arg-type]
    assert (await site.refused(site.frame.SetCheckpointState(unknown)))[0] == "INVALID_ARGUMENT"


async def test_a_frame_looks_as_it_says_while_it_is_in_the_state(site: Any) -> None:
    """All that were set are listed; the frame and what changed of it carry the one of their state."""
    job = await site.launch(paused=True)
    frame = (await site.frames_of(job))[0]
    asked = int(job.start_time) - 60
    for one in (override("in the queue"), override("cooked", job_pb2.SUCCEEDED)):
        await site.frame.SetFrameStateDisplayOverride(
            job_pb2.FrameStateDisplayOverrideRequest(frame=frame, override=one)
        )
    reply = await site.frame.GetFrameStateDisplayOverrides(job_pb2.GetFrameStateDisplayOverridesRequest(frame=frame))
    assert [(one.state, one.text) for one in reply.overrides.overrides] == [
        (job_pb2.WAITING, "in the queue"),
        (job_pb2.SUCCEEDED, "cooked"),
    ]
    (shown,) = await site.frames_of(job, ids=[frame.id])
    assert shown.frame_state_display_override == override("in the queue")
    updated = await site.job.GetUpdatedFrames(job_pb2.JobGetUpdatedFramesRequest(job=job, last_check=asked))
    told = {one.id: one.frame_state_display_override.text for one in updated.updated_frames.updated_frames}
    assert told[frame.id] == "in the queue"


@pytest.mark.parametrize("color", [{"red": -1}, {"blue": 256}])
async def test_a_colour_that_is_none_is_refused(site: Any, color: dict[str, int]) -> None:
    """Each part is from 0 to 255."""
    frame = (await site.frames_of(await site.launch(paused=True)))[0]
    request = job_pb2.FrameStateDisplayOverrideRequest(frame=frame, override=override("x", **color))
    status, words = await site.refused(site.frame.SetFrameStateDisplayOverride(request))
    assert (status, "0 to 255" in words) == ("INVALID_ARGUMENT", True)


async def test_marks_and_order_survive_a_restart(start_site: Any, tmp_path: Path, tools: Any) -> None:
    """Texts, checkpoints and the frames' order are loaded with the farm."""
    database = f"sqlite:///{tmp_path}/farm.sqlite"
    site = await start_site(database)
    job = await site.launch(tools.layer("aaa", "1-4"), paused=True)
    frame = (await site.frames_of(job))[0]
    request = job_pb2.FrameStateDisplayOverrideRequest(frame=frame, override=override("queued"))
    await site.frame.SetFrameStateDisplayOverride(request)
    await site.frame.SetCheckpointState(job_pb2.FrameSetCheckpointStateRequest(frame=frame, state=job_pb2.COPYING))
    await site.job.StaggerFrames(job_pb2.JobStaggerFramesRequest(job=job, range="1-4", stagger=3))
    await site.stop()

    site = await start_site(database)
    frames = await site.frames_of(job)
    assert [frame.number for frame in frames] == [1, 4, 2, 3]
    assert frames[0].frame_state_display_override == override("queued")
    assert frames[0].checkpoint_state == job_pb2.COPYING

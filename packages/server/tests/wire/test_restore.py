"""RestoreFrames over gRPC: what it takes, what it refuses, and what clients see of it."""

from __future__ import annotations

from typing import Any

import pytest
from opencue_proto import job_pb2

from cuefarm_proto import farm_pb2


def wanted(job: Any, *frames: dict[str, Any], layer: str = "work") -> farm_pb2.RestoreFramesRequest:
    """A request for frames of a job."""
    ended = [farm_pb2.EndedFrame(**frame) for frame in frames]
    return farm_pb2.RestoreFramesRequest(job=job.name, layer=layer, frames=ended)


async def paused_job(site: Any) -> Any:
    """A job that waits to be restored."""
    job = await site.launch(name="back")
    await site.job.Pause(job_pb2.JobPauseRequest(job=job))
    return job


async def test_frames_are_seen_as_they_ended_elsewhere(site: Any) -> None:
    """State, exit status, retries, times and memory come back as they were sent."""
    job = await paused_job(site)
    layer = (await site.layers_of(job))[0]
    ended = {"number": 1, "state": "DEAD", "exit_status": 3, "retries": 2, "max_rss_kib": 77}
    times = {"start_us": 1_000_000_000, "stop_us": 2_000_000_000}
    request = wanted(job, {**ended, **times}, layer=layer.name)
    assert (await site.farm_interface.RestoreFrames(request)).restored == 1
    assert (await site.farm_interface.RestoreFrames(request)).restored == 0
    found = await site.job.GetFrames(job_pb2.JobGetFramesRequest(job=job, req=job_pb2.FrameSearchCriteria(limit=1)))
    (frame,) = found.frames.frames
    assert (frame.state, frame.exit_status, frame.retry_count) == (job_pb2.DEAD, 3, 2)
    assert (frame.start_time, frame.stop_time, frame.max_rss) == (1_000, 2_000, 77)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"number": 1, "state": "RUNNING"}, "INVALID_ARGUMENT"),
        ({"number": 1, "state": "DEAD", "retries": -1}, "INVALID_ARGUMENT"),
        ({"number": 1, "state": "DEAD", "start_us": -1}, "INVALID_ARGUMENT"),
        ({"number": 99_999, "state": "DEAD"}, "INVALID_ARGUMENT"),
    ],
)
async def test_what_no_frame_ends_in_is_refused(site: Any, frame: dict[str, Any], code: str) -> None:
    """The words name the frame."""
    job = await paused_job(site)
    layer = (await site.layers_of(job))[0]
    refused, detail = await site.refused(site.farm_interface.RestoreFrames(wanted(job, frame, layer=layer.name)))
    assert (refused, f"{frame['number']}" in detail) == (code, True)


async def test_a_job_that_goes_on_and_a_layer_that_is_not_there_are_refused(site: Any) -> None:
    """Nothing is restored where it could run meanwhile."""
    job = await site.launch(name="goes")
    layer = (await site.layers_of(job))[0]
    frame = {"number": 1, "state": "DEAD"}
    refused, detail = await site.refused(site.farm_interface.RestoreFrames(wanted(job, frame, layer=layer.name)))
    assert (refused, "is not paused" in detail) == ("FAILED_PRECONDITION", True)
    refused, _ = await site.refused(site.farm_interface.RestoreFrames(wanted(job, frame, layer="nothing")))
    assert refused == "NOT_FOUND"
    refused, detail = await site.refused(site.farm_interface.RestoreFrames(wanted(job, frame, layer="")))
    assert (refused, "layer" in detail) == ("INVALID_ARGUMENT", True)

"""The scripts of the tutorials on managing jobs, as they are written there."""

from __future__ import annotations

import time

from builders import GB, a_dead_frame, a_depend, a_frame, a_job, a_layer
from opencue_proto import job_pb2

import opencue


def a_farm_with_failures(farm):
    """Fill the farm with one job: a dead frame of signal 9, a done frame and a waiting one."""
    farm.jobs["show-shot-ann_job"] = a_job("show-shot-ann_job", start_time=int(time.time()) - 7200)
    farm.layers["show-shot-ann_job"] = [a_layer(min_memory=2 * GB)]
    farm.frames["show-shot-ann_job"] = [
        a_dead_frame(1, exit_status=9, retry_count=1),
        a_frame(2, state=job_pb2.SUCCEEDED, last_resource="render02/4.00/0", max_rss=GB, start_time=1, stop_time=3601),
        a_frame(3),
    ]


def test_priorities_rise_with_the_wait(farm):
    """A pending job that waited over an hour gets ten more, up to 200."""
    a_farm_with_failures(farm)
    jobs = opencue.api.getJobs()
    for job in jobs:
        if job.state() == opencue.compiled_proto.job_pb2.PENDING:
            wait_time = time.time() - job.date_submitted()
            if wait_time > 3600:
                new_priority = min(job.priority() + 10, 200)
                job.setPriority(new_priority)
    assert farm.jobs["show-shot-ann_job"].priority == 60


def test_the_dependency_report(farm):
    """Each blocking layer is listed with what waits for it."""
    a_farm_with_failures(farm)
    farm.depends["show-shot-ann_job"] = [a_depend()]
    job = opencue.api.findJob("show-shot-ann_job")
    lines = []
    for layer in job.getLayers():
        deps = layer.getWhatDependsOnThis()
        if deps:
            lines.append(f"Layer {layer.name()} is blocking:")
            lines.extend(f"  - {dep.dependentJob().name()}/{dep.dependentLayer().name()}" for dep in deps)
    assert lines == ["Layer beauty is blocking:", "  - demo-sh010-ann_comp/comp"]


def test_failures_are_grouped_by_host(farm):
    """Dead frames give number, layer, host and exit code."""
    a_farm_with_failures(farm)
    failed = [
        (frame.number(), layer.name(), frame.lastResource(), frame.exitStatus())
        for layer in opencue.api.findJob("show-shot-ann_job").getLayers()
        for frame in layer.getFrames()
        if frame.state() == opencue.compiled_proto.job_pb2.DEAD
    ]
    assert failed == [(1, "beauty", "render01", 9)]


def test_the_smart_retry(farm):
    """A frame that was killed for memory is retried with half as much again."""
    a_farm_with_failures(farm)
    for layer in opencue.api.findJob("show-shot-ann_job").getLayers():
        dead_frames = [f for f in layer.getFrames() if f.state() == opencue.compiled_proto.job_pb2.DEAD]
        for frame in dead_frames:
            if frame.retryCount() < 3:
                if frame.exitStatus() == 9:
                    layer.setMinMemory(layer.minimumMemory() * 1.5)
                frame.retry()
    assert farm.only("LayerInterface.SetMinMemory").memory == 3 * GB
    assert farm.only("FrameInterface.Retry").frame.number == 1


def test_the_usage_report(farm):
    """Run time, cores and memory of finished frames add up; frames that never ran count nothing."""
    a_farm_with_failures(farm)
    frames = opencue.api.findJob("show-shot-ann_job").getFrames()
    done = [f for f in frames if f.state() == opencue.compiled_proto.job_pb2.SUCCEEDED]
    assert sum(f.runTime() * f.usedCores() for f in done) / 3600 == 4.0
    assert sum(f.usedMemory() for f in done) == 1024
    assert sum(f.usedCores() for f in frames) == 6.0


def test_a_user_kills_their_jobs(farm):
    """Jobs of a user that are pending or running are killed one by one."""
    a_farm_with_failures(farm)
    for job in opencue.api.getJobs(user=["ann"]):
        if job.state() in [opencue.compiled_proto.job_pb2.PENDING, opencue.compiled_proto.job_pb2.RUNNING]:
            job.kill()
    assert farm.only("JobInterface.Kill").job.name == "show-shot-ann_job"

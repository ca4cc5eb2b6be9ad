"""Wrappers of what a whiteboard has, and the names under which scripts make wrappers."""

from __future__ import annotations

import pytest
from builders import a_job
from opencue_proto import host_pb2, job_pb2

import opencue
from opencue.wrappers.group import NestedGroup
from opencue.wrappers.host import Host, NestedHost
from opencue.wrappers.job import Job, NestedJob
from opencue.wrappers.proc import NestedProc


def a_nested_job() -> job_pb2.NestedJob:
    """Return a job of ten frames of which four are done, as a whiteboard has it."""
    stats = job_pb2.JobStats(total_frames=10, succeeded_frames=4, dead_frames=1)
    return job_pb2.NestedJob(id="id-1", name="demo-sh010-ann_comp", priority=50, uid=7, stats=stats)


def test_a_nested_job_reads_like_a_job():
    """Counters, which its message calls otherwise, are read too."""
    job = NestedJob(a_nested_job())
    assert (job.totalFrames(), job.percentCompleted(), job.priority(), job.lokiURL()) == (10, 40.0, 50, "")
    assert job.frameStateTotals()[opencue.wrappers.frame.Frame.FrameState.DEAD] == 1
    assert (job.asJob().totalFrames(), job.asJob().uid()) == (10, 7)


def test_a_nested_job_calls_for_the_job(farm):
    """What the server is asked for is the plain job."""
    NestedJob(a_nested_job()).pause()
    assert farm.only("JobInterface.Pause").job.id == "id-1"


def test_a_nested_group_knows_what_is_in_it(farm):
    """Its children are the groups in it and the ids of its jobs, which are fetched where they are not there."""
    farm.jobs["demo-sh010-ann_comp"] = a_job("demo-sh010-ann_comp", id="id-1")
    inner = job_pb2.NestedGroup(name="inner")
    message = job_pb2.NestedGroup(id="id-g", name="outer", jobs=["id-1"], parent=job_pb2.NestedGroup(id="id-root"))
    message.groups.nested_groups.append(inner)
    group = NestedGroup(message)
    assert group.children() == [inner, "id-1"]
    assert [job.name() for job in group.inlineJobs()] == ["demo-sh010-ann_comp"]
    assert (group.hasParent(), group.asGroup().data.parent_id) == (True, "id-root")


def test_jobs_that_a_whiteboard_has_are_not_fetched():
    """Jobs inside a nested group cost no call."""
    group = NestedGroup(job_pb2.NestedGroup(jobs=["id-1"], inline_jobs=[a_job()]))
    assert [job.name() for job in group.inlineJobs()] == ["demo-sh010-ann_comp"]


def test_the_host_whiteboard_gives_hosts_with_their_procs(farm, monkeypatch):
    """Each host comes with what runs on it, and can be told what to do."""
    procs = host_pb2.NestedProcSeq(nested_procs=[host_pb2.NestedProc(id="p", job_name="a", reserved_cores=2)])
    nested = host_pb2.NestedHost(id="h", name="render01", tags=["general"], cores=4, procs=procs)
    board = host_pb2.HostGetHostWhiteboardResponse(nested_hosts=host_pb2.NestedHostSeq(nested_hosts=[nested]))
    monkeypatch.setattr(farm, "HostInterface_GetHostWhiteboard", lambda request, context: board, raising=False)
    host = opencue.api.getHostWhiteboard()[0]
    assert isinstance(host, NestedHost)
    assert [NestedProc(proc).jobName() for proc in host.children().nested_procs] == ["a"]
    host.addTags(["gpu"])
    assert list(farm.only("HostInterface.AddTags").host.tags) == ["general"]


def test_a_wrapper_is_made_with_the_name_of_its_kind():
    """`Job(job=message)` and `NestedJob(nestedJob=message)` are taken; another name is refused."""
    assert Job(job=a_job()).name() == "demo-sh010-ann_comp"
    assert NestedJob(nestedJob=a_nested_job()).id() == "id-1"
    with pytest.raises(TypeError, match="Host\\(\\) takes one message, also as host=, not job="):
        Host(job=a_job())


def test_interfaces_are_found_by_name_in_the_maps():
    """PROTO_MAP has the messages of each interface, SERVICE_MAP its stub class; criteria have messages only."""
    assert opencue.Cuebot.PROTO_MAP["job"] is opencue.api.job_pb2
    assert opencue.Cuebot.SERVICE_MAP["deed"].__name__ == "DeedInterfaceStub"
    assert "criterion" in opencue.Cuebot.PROTO_MAP
    assert "criterion" not in opencue.Cuebot.SERVICE_MAP
    with pytest.raises(KeyError):
        opencue.Cuebot.SERVICE_MAP["nothing"]

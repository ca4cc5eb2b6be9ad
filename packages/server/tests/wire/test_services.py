"""Each service's main calls, and their units."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest
from opencue_proto import (
    comment_pb2,
    cue_pb2,
    depend_pb2,
    facility_pb2,
    host_pb2,
    job_pb2,
    report_pb2,
    service_pb2,
    show_pb2,
    subscription_pb2,
)

from cuebot.domain.states import FrameState, JobState
from cuebot.wire.doors import Door, Doors
from cuebot.wire.server import serve
from cuefarm_proto import farm_pb2


async def the_show(site: Any) -> Any:
    """Return the first show."""
    return (await site.show.FindShow(show_pb2.ShowFindShowRequest(name="testing"))).show


async def the_allocation(site: Any) -> Any:
    """Return the first allocation."""
    return (await site.allocation.Find(facility_pb2.AllocFindRequest(name="local.general"))).allocation


async def current(site: Any, job: Any) -> Any:
    """Return a job as it is now."""
    return (await site.job.GetCurrent(job_pb2.JobGetCurrentRequest(job=job))).job


# --- jobs ---------------------------------------------------------------------------------------------------------


async def test_jobs_are_found_by_name_id_and_criteria(site: Any) -> None:
    """All ways lead to the same job; finished ones are found only when asked for."""
    job = await site.launch(name="comp")
    other = await site.launch(name="anim")
    assert (await site.job.FindJob(job_pb2.JobFindJobRequest(name=job.name))).job.id == job.id
    assert (await site.job.GetJob(job_pb2.JobGetJobRequest(id=other.id))).job.name == other.name
    await site.job.Kill(job_pb2.JobKillRequest(job=other))

    async def names(**criteria: Any) -> list[str]:
        request = job_pb2.JobGetJobsRequest(r=job_pb2.JobSearchCriteria(**criteria))
        return [found.name for found in (await site.job.GetJobs(request)).jobs.jobs]

    assert await names() == [job.name]
    assert await names(include_finished=True) == [other.name, job.name]
    assert await names(shows=["testing"], users=["ada"], shots=["sh1"], substr=["comp"]) == [job.name]
    assert await names(regex=["^testing.*comp$"]) == [job.name]
    assert await names(shows=["nowhere"]) == []
    assert await names(ids=[job.id], jobs=["something else"]) == []
    pending = job_pb2.JobIsJobPendingRequest(name=other.name)
    assert not (await site.job.IsJobPending(pending)).value
    code, _ = await site.refused(site.job.FindJob(job_pb2.JobFindJobRequest(name=other.name)))
    assert code == "NOT_FOUND"


async def test_a_new_job_says_what_it_is(site: Any, tools: Any) -> None:
    """Names, counters, times in seconds and cores as floats are all there."""
    job = await site.launch(tools.layer("beauty", "1-10") + tools.layer("comp", "1-5"))
    assert (job.name, job.show, job.shot, job.user) == ("testing-sh1-ada_comp", "testing", "sh1", "ada")
    assert (job.group, job.facility, job.priority, job.state) == ("testing", "local", 1, job_pb2.PENDING)
    assert (job.min_cores, job.max_cores) == (1.0, 100.0)
    assert (job.job_stats.total_layers, job.job_stats.total_frames, job.job_stats.waiting_frames) == (2, 15, 15)
    assert abs(job.start_time - time.time()) < 60
    assert job.log_dir.endswith(f"/testing/sh1/logs/{job.name}--{job.id}")
    assert not job.HasField("uid")


async def test_a_job_is_changed_in_cores_to_a_hundredth(site: Any) -> None:
    """Fractions of cores stay; so does -1, which is "no limit"."""
    job = await site.launch()
    await site.job.SetMinCores(job_pb2.JobSetMinCoresRequest(job=job, val=2.9))
    await site.job.SetMaxCores(job_pb2.JobSetMaxCoresRequest(job=job, val=7.9999))
    await site.job.SetPriority(job_pb2.JobSetPriorityRequest(job=job, val=120))
    await site.job.Pause(job_pb2.JobPauseRequest(job=job))
    await site.job.SetAutoEat(job_pb2.JobSetAutoEatRequest(job=job, value=True))
    now = await current(site, job)
    assert (now.max_cores, now.priority, now.is_paused, now.auto_eat) == (8.0, 120, True, True)
    assert now.min_cores == pytest.approx(2.9)
    code, words = await site.refused(site.job.SetMaxCores(job_pb2.JobSetMaxCoresRequest(job=job, val=-5)))
    assert (code, "-1 for no limit, not -5" in words) == ("INVALID_ARGUMENT", True)
    await site.job.SetMaxCores(job_pb2.JobSetMaxCoresRequest(job=job, val=-1))
    await site.job.Resume(job_pb2.JobResumeRequest(job=job))
    now = await current(site, job)
    assert (now.max_cores, now.is_paused) == (-1.0, False)
    code, words = await site.refused(site.job.SetMaxRetries(job_pb2.JobSetMaxRetriesRequest(job=job, max_retries=17)))
    assert (code, "from 0 to 16" in words) == ("INVALID_ARGUMENT", True)


async def test_frames_come_in_pages_in_dispatch_order(site: Any, tools: Any) -> None:
    """A limit of 0 means 1,000, more is never given, and reordering changes what comes first."""
    job = await site.launch(tools.layer("beauty", "1-1200"))
    assert len(await site.frames_of(job)) == 1000
    assert len(await site.frames_of(job, limit=5_000)) == 1000
    assert len(await site.frames_of(job, page=2)) == 200
    assert [f.number for f in await site.frames_of(job, page=3, limit=2)] == [5, 6]
    assert await site.frames_of(job, page=9, limit=1000) == []
    await site.job.ReorderFrames(job_pb2.JobReorderFramesRequest(job=job, range="1198-1200", order=job_pb2.FIRST))
    assert [f.number for f in await site.frames_of(job, limit=4)] == [1198, 1199, 1200, 1]


async def test_frames_are_found_by_every_criterion(site: Any, tools: Any) -> None:
    """Names, ids, layers, states and ranges select; what matches nothing gives nothing."""
    job = await site.launch(tools.layer("beauty", "1-20") + tools.layer("comp", "1-20"))

    async def names(**criteria: Any) -> list[str]:
        return [frame.name for frame in await site.frames_of(job, **criteria)]

    assert await names(frame_range="3-4", layers=["comp"]) == ["0003-comp", "0004-comp"]
    assert await names(frame_range="1-9x4", layers=["beauty"]) == ["0001-beauty", "0005-beauty", "0009-beauty"]
    assert await names(frame_range="7") == ["0007-beauty", "0007-comp"]
    assert await names(frame_range="5-1") == []
    assert await names(frames=["0002-comp", "0009-nowhere"]) == ["0002-comp"]
    [frame] = await site.frames_of(job, frames=["0002-comp"])
    assert await names(ids=[frame.id, "rubbish"]) == ["0002-comp"]
    assert await names(ids=["rubbish"]) == []
    running = job_pb2.FrameStateSeq(frame_states=[job_pb2.RUNNING])
    assert await names(states=running) == []
    assert await names(memory_range="1") == []
    found = await site.frame.FindFrame(job_pb2.FrameFindFrameRequest(job=job.name, layer="comp", frame=2))
    assert found.frame.id == frame.id
    code, words = await site.refused(
        site.frame.FindFrame(job_pb2.FrameFindFrameRequest(job=job.name, layer="comp", frame=99))
    )
    assert (code, "1-20" in words) == ("NOT_FOUND", True)


async def test_changed_frames_are_told_since_a_time(site: Any) -> None:
    """A watcher gets what changed, and a server time to ask with next."""
    job = await site.launch()
    [frame] = await site.frames_of(job, frame_range="3")
    ask = job_pb2.JobGetUpdatedFramesRequest(job=job, last_check=int(time.time()) - 5)
    assert len((await site.job.GetUpdatedFrames(ask)).updated_frames.updated_frames) == 0
    await site.frame.Eat(job_pb2.FrameEatRequest(frame=frame))
    reply = await site.job.GetUpdatedFrames(ask)
    [updated] = reply.updated_frames.updated_frames
    assert (updated.id, updated.state, reply.state) == (frame.id, job_pb2.EATEN, job_pb2.PENDING)
    assert abs(reply.server_time - time.time()) < 5


async def test_more_changes_than_a_page_holds_come_with_the_next_question(site: Any, tools: Any) -> None:
    """The oldest changes come first, and the server time leads to the rest."""
    job = await site.launch(tools.layer("beauty", "1-1500"))
    [layer] = site.farm.layers_of(site.farm.jobs[job.id])
    now_s = int(time.time())
    layer.frames.updated_us[:] = (now_s - 40 + np.arange(1500) // 50) * 1_000_000
    seen: set[str] = set()
    last_check = now_s - 50
    for _ in range(2):
        reply = await site.job.GetUpdatedFrames(job_pb2.JobGetUpdatedFramesRequest(job=job, last_check=last_check))
        assert len(reply.updated_frames.updated_frames) <= 1_000
        seen |= {frame.id for frame in reply.updated_frames.updated_frames}
        last_check = reply.server_time
    assert len(seen) == 1_500


async def test_a_removal_that_is_asked_for_again_is_answered_as_done(site: Any) -> None:
    """Its first answer was lost: the thing is gone because of this request; another request finds nothing."""
    show = (await site.show.CreateShow(show_pb2.ShowCreateShowRequest(name="brief"))).show
    request = show_pb2.ShowDeleteRequest(show=show)
    metadata = (("cuefarm-request-id", "r-7"),)
    for _ in range(2):
        call = site.show.Delete(request, metadata=metadata)
        await call
        assert ("cuefarm-changed", "1") in tuple(await call.trailing_metadata())
    assert (await site.refused(site.show.Delete(request, metadata=(("cuefarm-request-id", "r-8"),))))[0] == "NOT_FOUND"


async def test_a_renaming_that_is_asked_for_again_is_answered_as_done(site: Any) -> None:
    """The old name leads nowhere by then."""
    await site.facility.Create(facility_pb2.FacilityCreateRequest(name="east"))
    request = facility_pb2.FacilityRenameRequest(facility=facility_pb2.Facility(name="east"), new_name="west")
    for _ in range(2):
        await site.facility.Rename(request, metadata=(("cuefarm-request-id", "r-9"),))


async def test_a_repeated_request_id_gets_the_first_answer(site: Any, tools: Any) -> None:
    """A submission that is sent again under its id is no second job."""
    request = job_pb2.JobLaunchSpecRequest(spec=tools.spec(tools.layer("beauty", "1")))
    metadata = (("cuefarm-request-id", "r-1"), ("cuefarm-user", "ada"))
    first = await site.job.LaunchSpec(request, metadata=metadata)
    assert (await site.job.LaunchSpec(request, metadata=metadata)).names == first.names
    assert len(site.farm.jobs) == 1


async def test_events_keep_who_asked_and_from_where(site: Any) -> None:
    """The envelope has the user of the metadata, the peer and its program."""
    job = await site.launch()
    await site.job.Pause(job_pb2.JobPauseRequest(job=job), metadata=(("cuefarm-user", "grace"),))
    envelope = site.journal.events[max(site.journal.events)].envelope
    assert envelope.actor == "grace"
    assert envelope.origin.startswith("ipv4:127.0.0.1:")
    assert "grpc" in envelope.origin


async def test_root_may_launch_only_where_that_is_allowed(start_site: Any, tools: Any) -> None:
    """With the option, root's job has no user id, so that the agent runs it as itself."""
    site = await start_site(allow_root=True)
    text = tools.spec(tools.layer("beauty", "1"), user="root").replace("<job", "<uid>0</uid><job", 1)
    reply = await site.job.LaunchSpecAndWait(job_pb2.JobLaunchSpecAndWaitRequest(spec=text))
    assert not reply.jobs.jobs[0].HasField("uid")


# --- layers and depends -------------------------------------------------------------------------------------------


async def test_a_layer_is_changed_in_its_own_units(site: Any) -> None:
    """Minimum cores to a hundredth, maximum, too, memory in KiB, timeouts in minutes."""
    [layer] = await site.layers_of(await site.launch())
    await site.layer.SetMinCores(job_pb2.LayerSetMinCoresRequest(layer=layer, cores=2.35))
    await site.layer.SetMaxCores(job_pb2.LayerSetMaxCoresRequest(layer=layer, cores=4.7))
    await site.layer.SetMinMemory(job_pb2.LayerSetMinMemoryRequest(layer=layer, memory=1))
    await site.layer.SetTimeout(job_pb2.LayerSetTimeoutRequest(layer=layer, timeout=90))
    await site.layer.SetTags(job_pb2.LayerSetTagsRequest(layer=layer, tags=["desktop", "gpu"]))
    await site.layer.RegisterOutputPath(job_pb2.LayerRegisterOutputPathRequest(layer=layer, spec="/a/b.#.exr"))
    now = (await site.layer.GetLayer(job_pb2.LayerGetLayerRequest(id=layer.id))).layer
    assert now.min_cores == pytest.approx(2.35)
    assert (now.min_memory, now.timeout, list(now.tags)) == (262_144, 90, ["desktop", "gpu"])
    assert now.max_cores == pytest.approx(4.7)
    paths = await site.layer.GetOutputPaths(job_pb2.LayerGetOutputPathsRequest(layer=layer))
    assert list(paths.output_paths) == ["/a/b.#.exr"]
    await site.layer.SetMinCores(job_pb2.LayerSetMinCoresRequest(layer=layer, cores=0.05))
    assert site.farm.layers[layer.id].min_cores == 100


async def test_a_start_time_is_kept_with_who_set_it_and_cleared_by_zero(site: Any) -> None:
    """SetStartAfter is in seconds; more than five years ahead is refused."""
    [layer] = await site.layers_of(await site.launch())
    soon = int(time.time()) + 3_600
    await site.layer.SetStartAfter(job_pb2.LayerSetStartAfterRequest(layer=layer, start_after=soon, username="ada"))
    now = (await site.layer.GetLayer(job_pb2.LayerGetLayerRequest(id=layer.id))).layer
    assert (now.start_after, now.start_after_reason) == (soon, "Set by ada")
    await site.layer.SetStartAfter(job_pb2.LayerSetStartAfterRequest(layer=layer, start_after=0))
    now = (await site.layer.GetLayer(job_pb2.LayerGetLayerRequest(id=layer.id))).layer
    assert (now.start_after, now.start_after_reason) == (0, "")


async def test_depends_are_made_listed_satisfied_and_dropped(site: Any, tools: Any) -> None:
    """Both sides are named, frames wait while one holds, and dropping lets them go."""
    job = await site.launch(tools.layer("beauty", "1-10") + tools.layer("comp", "1-10"))
    beauty, comp = await site.layers_of(job)
    request = job_pb2.LayerCreateFrameByFrameDependRequest(layer=comp, depend_layer=beauty)
    depend = (await site.layer.CreateFrameByFrameDependency(request)).depend
    assert (depend.type, depend.target, depend.active) == (depend_pb2.FRAME_BY_FRAME, depend_pb2.INTERNAL, True)
    assert (depend.depend_er_layer, depend.depend_on_layer, depend.depend_on_job) == ("comp", "beauty", job.name)
    assert site.farm.jobs[job.id].counts[FrameState.DEPEND] == 10
    [frame] = await site.frames_of(job, frames=["0004-comp"])
    waits = await site.frame.GetWhatThisDependsOn(job_pb2.FrameGetWhatThisDependsOnRequest(frame=frame))
    assert [d.id for d in waits.depends.depends] == [depend.id]
    await site.frame.MarkAsWaiting(job_pb2.FrameMarkAsWaitingRequest(frame=frame))
    assert site.farm.jobs[job.id].counts[FrameState.DEPEND] == 9
    drop = job_pb2.LayerDropDependsRequest(layer=comp, target=depend_pb2.EXTERNAL)
    await site.layer.DropDepends(drop)
    assert site.farm.jobs[job.id].counts[FrameState.DEPEND] == 9
    drop.target = depend_pb2.ANY_TARGET
    await site.layer.DropDepends(drop)
    assert site.farm.jobs[job.id].counts[FrameState.DEPEND] == 0
    again = (await site.depend.GetDepend(depend_pb2.DependGetDependRequest(id=depend.id))).depend
    assert not again.active
    await site.depend.Unsatisfy(depend_pb2.DependUnsatisfyRequest(depend=depend))
    await site.depend.Satisfy(depend_pb2.DependSatisfyRequest(depend=depend))
    listed = await site.job.GetDepends(job_pb2.JobGetDependsRequest(job=job))
    assert [d.id for d in listed.depends.depends] == [depend.id]


async def test_a_job_waits_for_a_job_and_never_for_itself(site: Any) -> None:
    """The whole job is held; itself, a circle and an unknown job are refused each with its status."""
    first, second = await site.launch(name="anim"), await site.launch(name="comp")
    request = job_pb2.JobCreateDependencyOnJobRequest(job=second, on_job=first)
    depend = (await site.job.CreateDependencyOnJob(request)).depend
    assert (depend.type, depend.target) == (depend_pb2.JOB_ON_JOB, depend_pb2.EXTERNAL)
    assert site.farm.jobs[second.id].counts[FrameState.DEPEND] == 10
    for er, on, status in (
        (second, second, "FAILED_PRECONDITION"),
        (first, second, "FAILED_PRECONDITION"),
        (second, first, "ALREADY_EXISTS"),
        (second, job_pb2.Job(id="nobody"), "NOT_FOUND"),
    ):
        request = job_pb2.JobCreateDependencyOnJobRequest(job=er, on_job=on)
        assert (await site.refused(site.job.CreateDependencyOnJob(request)))[0] == status
    on_this = await site.job.GetWhatDependsOnThis(job_pb2.JobGetWhatDependsOnThisRequest(job=first))
    assert [d.depend_er_job for d in on_this.depends.depends] == [second.name]


# --- shows, groups, subscriptions ---------------------------------------------------------------------------------


async def test_subscriptions_are_made_in_cores_and_changed_in_core_units(site: Any) -> None:
    """CreateSubscription takes cores; size and burst are hundredths ever after."""
    show = (await site.show.CreateShow(show_pb2.ShowCreateShowRequest(name="dragon"))).show
    allocation = await the_allocation(site)
    made = await site.show.CreateSubscription(
        show_pb2.ShowCreateSubscriptionRequest(show=show, allocation_id=allocation.id, size=10.5, burst=20)
    )
    assert (made.subscription.name, made.subscription.size, made.subscription.burst) == (
        "local.general.dragon",
        1050,
        2000,
    )
    await site.subscription.SetSize(
        subscription_pb2.SubscriptionSetSizeRequest(subscription=made.subscription, new_size=10)
    )
    await site.subscription.SetBurst(
        subscription_pb2.SubscriptionSetBurstRequest(subscription=made.subscription, burst=300)
    )
    find = subscription_pb2.SubscriptionFindRequest(name="local.general.dragon")
    found = (await site.subscription.Find(find)).subscription
    assert (found.size, found.burst, found.show_name, found.allocation_name) == (10, 300, "dragon", "local.general")
    code, _ = await site.refused(site.subscription.Find(subscription_pb2.SubscriptionFindRequest(name="dragon")))
    assert code == "NOT_FOUND"
    listed = await site.show.GetSubscriptions(show_pb2.ShowGetSubscriptionRequest(show=show))
    assert [s.id for s in listed.subscriptions.subscriptions] == [found.id]
    await site.subscription.Delete(subscription_pb2.SubscriptionDeleteRequest(subscription=found))
    assert found.id not in site.farm.subscriptions


async def test_a_show_counts_its_jobs_and_can_be_switched_off(site: Any) -> None:
    """Statistics cover pending jobs; an inactive show takes no job."""
    await site.launch()
    show = await the_show(site)
    assert (show.show_stats.pending_jobs, show.show_stats.pending_frames) == (1, 10)
    assert (show.default_min_cores, show.default_max_cores) == (1.0, 100.0)
    await site.show.EnableBooking(show_pb2.ShowEnableBookingRequest(show=show, enabled=False))
    await site.show.SetActive(show_pb2.ShowSetActiveRequest(show=show, value=False))
    assert (await site.refused(site.launch(name="next")))[0] == "FAILED_PRECONDITION"
    active = await site.show.GetActiveShows(show_pb2.ShowGetActiveShowsRequest())
    assert not active.shows.shows
    assert (await site.refused(site.show.Delete(show_pb2.ShowDeleteRequest(show=show))))[0] == "FAILED_PRECONDITION"
    duplicate = site.show.CreateShow(show_pb2.ShowCreateShowRequest(name="testing"))
    assert (await site.refused(duplicate))[0] == "ALREADY_EXISTS"


async def test_groups_nest_and_give_their_jobs_defaults(site: Any) -> None:
    """A job takes its group's defaults, at its move and when they change; the whiteboard shows all of it."""
    job, show = await site.launch(), await the_show(site)
    root = (await site.show.GetRootGroup(show_pb2.ShowGetRootGroupRequest(show=show))).group
    lighting = (await site.group.CreateSubGroup(job_pb2.GroupCreateSubGroupRequest(group=root, name="light"))).group
    assert (lighting.level, lighting.parent_id, lighting.max_cores, lighting.default_job_priority) == (
        1,
        root.id,
        -1.0,
        -1,
    )
    await site.group.SetDefaultJobPriority(job_pb2.GroupSetDefJobPriorityRequest(group=lighting, priority=70))
    await site.job.SetGroup(job_pb2.JobSetGroupRequest(job=job, group_id=lighting.id))
    assert (await current(site, job)).priority == 70
    await site.group.SetDefaultJobPriority(job_pb2.GroupSetDefJobPriorityRequest(group=lighting, priority=80))
    await site.group.SetDefaultJobMaxCores(job_pb2.GroupSetDefJobMaxCoresRequest(group=lighting, max_cores=5.5))
    now = await current(site, job)
    assert (now.priority, now.max_cores, now.group) == (80, 5.5, "light")
    await site.group.SetDefaultJobPriority(job_pb2.GroupSetDefJobPriorityRequest(group=lighting, priority=-9))
    assert (await current(site, job)).priority == 80
    board = (await site.show.GetJobWhiteboard(show_pb2.ShowGetJobWhiteboardRequest(show=show))).whiteboard
    [nested] = board.groups.nested_groups
    assert ([j.name for j in nested.inline_jobs], nested.parent.id, nested.stats.pending_jobs) == (
        [job.name],
        root.id,
        1,
    )
    code, _ = await site.refused(site.group.SetGroup(job_pb2.GroupSetGroupRequest(group=root, parent_group=lighting)))
    assert code == "FAILED_PRECONDITION"
    code, _ = await site.refused(site.group.SetMaxCores(job_pb2.GroupSetMaxCoresRequest(group=lighting, max_cores=0)))
    assert code == "INVALID_ARGUMENT"


# --- hosts, procs, allocations, facilities ------------------------------------------------------------------------


async def test_hosts_are_found_locked_tagged_and_remarked_on(site: Any, start_agent: Any) -> None:
    """A host shows what it is, and every small change is seen in its message."""
    await start_agent("host1.example.com", cores=8)
    await start_agent("host2", cores=2)
    host = (await site.host.FindHost(host_pb2.HostFindHostRequest(name="host1"))).host
    assert (host.cores, host.idle_cores, host.alloc_name, host.os) == (8.0, 8.0, "local.general", "linux")
    assert host.total_memory == 8_388_608
    assert host.memory == 8_388_608 - 524_288
    assert (host.state, host.lock_state, set(host.tags)) == (
        host_pb2.UP,
        host_pb2.OPEN,
        {"general", "64bit", "host1"},
    )
    await site.host.Lock(host_pb2.HostLockRequest(host=host))
    await site.host.AddTags(host_pb2.HostAddTagsRequest(host=host, tags=["gpu", "big"]))
    await site.host.RenameTag(host_pb2.HostRenameTagRequest(host=host, old_tag="big", new_tag="huge"))
    await site.host.RemoveTags(host_pb2.HostRemoveTagsRequest(host=host, tags=["gpu"]))
    await site.host.SetThreadMode(host_pb2.HostSetThreadModeRequest(host=host, mode=host_pb2.ALL))
    remark = comment_pb2.Comment(user="ada", subject="fan", message="is loud")
    await site.host.AddComment(host_pb2.HostAddCommentRequest(host=host, new_comment=remark))
    criteria = host_pb2.HostSearchCriteria(lock_states=host_pb2.LockStateSeq(state=[host_pb2.LOCKED]))
    [found] = (await site.host.GetHosts(host_pb2.HostGetHostsRequest(r=criteria))).hosts.hosts
    assert (found.name, found.lock_state, found.thread_mode, found.has_comment) == (
        "host1",
        host_pb2.LOCKED,
        host_pb2.ALL,
        True,
    )
    assert "huge" in found.tags
    assert not {"big", "gpu"} & set(found.tags)
    [comment] = (await site.host.GetComments(host_pb2.HostGetCommentsRequest(host=host))).comments.comments
    comment.message = "is quiet"
    await site.comment.Save(comment_pb2.CommentSaveRequest(comment=comment))
    assert site.farm.comments[comment.id].message == "is quiet"
    await site.comment.Delete(comment_pb2.CommentDeleteRequest(comment=comment))
    assert not site.farm.comments
    await site.host.Unlock(host_pb2.HostUnlockRequest(host=host))
    await site.host.SetHardwareState(host_pb2.HostSetHardwareStateRequest(host=host, state=host_pb2.REPAIR))
    assert (await site.host.GetHost(host_pb2.HostGetHostRequest(id=host.id))).host.state == host_pb2.REPAIR
    await site.host.Delete(host_pb2.HostDeleteRequest(host=host))
    assert (await site.refused(site.host.GetHost(host_pb2.HostGetHostRequest(id=host.id))))[0] == "NOT_FOUND"


async def test_procs_are_found_by_criteria_and_killed(site: Any, start_agent: Any, tools: Any) -> None:
    """A running frame is a proc with its resources; killing it asks the agent."""
    agent = await start_agent()
    agent.finish = False
    job = await site.launch(tools.layer("beauty", "1-2", cores="2.0", memory="1g"))
    await tools.until(lambda: len(agent.launched) == 2)
    await agent.report()

    async def found(**criteria: Any) -> list[Any]:
        request = host_pb2.ProcGetProcsRequest(r=host_pb2.ProcSearchCriteria(**criteria))
        return list((await site.proc.GetProcs(request)).procs.procs)

    procs = await found(hosts=["host1"], jobs=[job.name], layers=["beauty"], shows=["testing"])
    assert len(procs) == 2
    assert (procs[0].name, procs[0].reserved_cores, procs[0].reserved_memory) == ("host1/2.00/0", 2.0, 1_048_576)
    assert procs[0].used_memory == 1_000
    assert procs[0].log_path == f"{job.log_dir}/{job.name}.{procs[0].frame_name}.rqlog"
    assert await found(allocs=["local.other"]) == []
    assert len(await found(max_results=[1])) == 1
    assert await found(memory_greater_than=[{"value": 2_000_000}]) == []
    nested = (await site.host.GetHostWhiteboard(host_pb2.HostGetHostWhiteboardRequest())).nested_hosts.nested_hosts
    assert len(nested[0].procs.nested_procs) == 2
    assert nested[0].idle_cores == 0.0
    frame = (await site.proc.GetFrame(host_pb2.ProcGetFrameRequest(proc=procs[0]))).frame
    assert (frame.state, frame.name) == (job_pb2.RUNNING, procs[0].frame_name)
    await site.job.Pause(job_pb2.JobPauseRequest(job=job))
    await site.proc.Kill(host_pb2.ProcKillRequest(proc=procs[0]))
    await tools.until(lambda: len(site.farm.procs) == 1)
    unbook = host_pb2.ProcUnbookProcsRequest(r=host_pb2.ProcSearchCriteria(jobs=[job.name]), kill=True)
    assert (await site.proc.UnbookProcs(unbook)).num_procs == 1
    await tools.until(lambda: not site.farm.procs)
    assert (await site.refused(site.proc.Kill(host_pb2.ProcKillRequest(proc=procs[0]))))[0] == "NOT_FOUND"


async def test_allocations_count_their_hosts_and_take_new_ones(site: Any, start_agent: Any) -> None:
    """Statistics are in cores; hosts move by id; what is in use is not deleted."""
    await start_agent(cores=8)
    facility = (await site.facility.Get(facility_pb2.FacilityGetRequest(name="local"))).facility
    create = facility_pb2.AllocCreateRequest(name="night", tag="night", facility=facility)
    night = (await site.allocation.Create(create)).allocation
    assert (night.name, night.facility, night.stats.hosts) == ("local.night", "local", 0)
    general = await the_allocation(site)
    assert (general.stats.hosts, general.stats.cores, general.stats.available_cores) == (1, 8.0, 8.0)
    hosts = (await site.allocation.GetHosts(facility_pb2.AllocGetHostsRequest(allocation=general))).hosts
    move = facility_pb2.AllocReparentHostsRequest(allocation=night, hosts=hosts)
    await site.allocation.ReparentHosts(move)
    assert site.farm.host_named("host1").allocation_id == night.id
    delete = facility_pb2.AllocDeleteRequest(allocation=night)
    assert (await site.refused(site.allocation.Delete(delete)))[0] == "FAILED_PRECONDITION"
    await site.allocation.SetDefault(facility_pb2.AllocSetDefaultRequest(allocation=night))
    default = (await site.allocation.GetDefault(facility_pb2.AllocGetDefaultRequest())).allocation
    assert default.id == night.id
    await site.allocation.SetName(facility_pb2.AllocSetNameRequest(allocation=night, name="local.late"))
    by_name = await site.allocation.Get(facility_pb2.AllocGetRequest(id="late"))
    assert by_name.allocation.name == "local.late"
    everything = (await site.allocation.GetAll(facility_pb2.AllocGetAllRequest())).allocations.allocations
    assert [a.name for a in everything] == ["local.general", "local.late"]


async def test_facilities_are_made_renamed_and_removed(site: Any) -> None:
    """By name or id; one in use stays."""
    made = (await site.facility.Create(facility_pb2.FacilityCreateRequest(name="Cloud"))).facility
    assert made.name == "cloud"
    await site.facility.Rename(facility_pb2.FacilityRenameRequest(facility=made, new_name="sky"))
    assert (await site.facility.Get(facility_pb2.FacilityGetRequest(name=made.id))).facility.name == "sky"
    await site.facility.Delete(facility_pb2.FacilityDeleteRequest(name="sky"))
    code, _ = await site.refused(site.facility.Delete(facility_pb2.FacilityDeleteRequest(name="local")))
    assert code == "FAILED_PRECONDITION"


async def test_services_keep_raw_units(site: Any) -> None:
    """Cores of a service are core units on the wire, both ways; an unknown one is not found."""
    data = service_pb2.Service(name="blender", min_cores=250, min_memory=4_194_304, tags=["gpu"], threadable=True)
    made = (await site.service.CreateService(service_pb2.ServiceCreateServiceRequest(data=data))).service
    assert (made.min_cores, made.min_memory, made.min_memory_increase) == (250, 4_194_304, 2_097_152)
    made.timeout = 30
    await site.service.Update(service_pb2.ServiceUpdateRequest(service=made))
    got = (await site.service.GetService(service_pb2.ServiceGetServiceRequest(name="blender"))).service
    assert (got.id, got.timeout, list(got.tags)) == (made.id, 30, ["gpu"])
    await site.service.Delete(service_pb2.ServiceDeleteRequest(service=made))
    gone = site.service.GetService(service_pb2.ServiceGetServiceRequest(name="blender"))
    assert (await site.refused(gone))[0] == "NOT_FOUND"


# --- the rest -----------------------------------------------------------------------------------------------------


async def test_explain_says_why_a_job_waits(site: Any) -> None:
    """By name or id, for the job or one layer; a farm without hosts is the reason."""
    job = await site.launch()
    reply = await site.farm_interface.Explain(farm_pb2.ExplainRequest(job=job.name))
    assert [reason.code for reason in reply.layers[0].reasons] == ["NO_HOSTS"]
    one = await site.farm_interface.Explain(farm_pb2.ExplainRequest(job=job.id, layer="beauty"))
    assert (one.layers[0].waiting_frames, one.job_name) == (10, job.name)
    missing = site.farm_interface.Explain(farm_pb2.ExplainRequest(job=job.id, layer="nothing"))
    assert (await site.refused(missing))[0] == "NOT_FOUND"


async def test_explain_of_a_frame_takes_its_number_its_name_or_its_id(site: Any) -> None:
    """The third of ten frames waits behind two; one that is not there is refused, and a number without a layer too."""
    job = await site.launch()
    frame = (await site.frames_of(job))[2]
    for layer_name, text in (("beauty", "3"), ("", "0003-beauty"), ("", frame.id)):
        request = farm_pb2.ExplainRequest(job=job.name, layer=layer_name, frame=text)
        reply = await site.farm_interface.Explain(request)
        assert (reply.frame.frame_id, reply.frame.state, reply.frame.place) == (frame.id, "WAITING", 2)
        assert reply.layers[0].layer_name == "beauty"
    for layer_name, text in (("beauty", "11"), ("", "3"), ("", "0099-beauty"), ("", job.id)):
        missing = site.farm_interface.Explain(farm_pb2.ExplainRequest(job=job.id, layer=layer_name, frame=text))
        assert (await site.refused(missing))[0] == "NOT_FOUND"


async def test_explain_names_remedies_with_the_action_that_carries_them_out(
    site: Any, start_agent: Any, tools: Any
) -> None:
    """A paused job's remedy is to resume it: an action by its public name, with its arguments in JSON."""
    await start_agent()
    await tools.until(lambda: bool(site.farm.hosts_table.bookable.any()))
    job = await site.launch(paused=True)
    reply = await site.farm_interface.Explain(farm_pb2.ExplainRequest(job=job.name))
    (remedy,) = reply.layers[0].remedies
    (step,) = remedy.steps
    assert (step.code, step.action, remedy.hosts, remedy.frames) == ("UNPAUSE", "job.resume", 1, 4)
    assert json.loads(step.arguments) == {"job": job.id}
    assert reply.layers[0].HasField("ahead")


async def test_the_server_counts_what_it_does(site: Any, start_agent: Any, tools: Any) -> None:
    """Clients probe with GetSystemStats, and its counters move."""
    await start_agent()
    job = await site.launch()
    await tools.until(lambda: site.farm.jobs[job.id].state is JobState.FINISHED)
    stats = (await site.cue.GetSystemStats(cue_pb2.CueGetSystemStatsRequest())).stats
    assert (stats.booked_procs, stats.unbooked_procs) == (10, 10)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [((), "or start the server with --open agents"), ((("cuefarm-token", "wrong"),), "a copy of the")],
    ids=["none", "wrong"],
)
async def test_reports_need_the_token(site: Any, tools: Any, metadata: Any, words: str) -> None:
    """Neither a host without the token nor one with another becomes part of the farm, and each is told what helps."""
    report = report_pb2.HostReport(host=tools.render_host("thief"))
    call = site.report.ReportStatus(report_pb2.RqdReportStatusRequest(host_report=report), metadata=metadata)
    status, told = await site.refused(call)
    assert status == "UNAUTHENTICATED"
    assert words in told
    assert ("--open agents" in told) == (not metadata), "an agent with a wrong token does not need that"
    assert not site.farm.hosts


async def test_agents_without_a_token_are_let_in_where_that_is_allowed(start_site: Any, tools: Any) -> None:
    """With the option none is needed, and a wrong one is still refused."""
    site = await start_site(doors=Doors(tools.token, opened=frozenset({Door.AGENTS})))
    report = report_pb2.RqdReportStatusRequest(host_report=report_pb2.HostReport(host=tools.render_host("old")))
    await site.report.ReportStatus(report)
    assert site.farm.host_named("old").agent == ""
    assert site.farm.host_named("old").address == "old:8444"
    call = site.report.ReportStatus(report, metadata=(("cuefarm-token", "wrong"),))
    assert (await site.refused(call))[0] == "UNAUTHENTICATED"


async def test_a_second_server_on_the_port_is_refused(start_site: Any) -> None:
    """Two servers never share a port: the second says that it cannot listen there."""
    site = await start_site()
    with pytest.raises(OSError, match="cannot listen"):
        await serve(
            site.engine,
            address=f"127.0.0.1:{site.port}",
            streams=site.agents.streams,
            doors=Doors(None),
            allow_root=False,
        )

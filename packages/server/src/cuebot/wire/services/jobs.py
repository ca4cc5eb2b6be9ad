"""JobInterface."""

from __future__ import annotations

import asyncio
import time
import zlib
from functools import partial
from typing import Any, Final

from opencue_proto import depend_pb2, job_pb2

from cuebot.domain import commands as c
from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import NotFound
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.states import DependType, JobState
from cuebot.domain.units import SECOND
from cuebot.queries.comments import commented, comments_of
from cuebot.queries.depends import waiting_for, waiting_in
from cuebot.queries.frames import (
    changed_frames,
    find_frames,
    frame_change_row,
    frame_row,
    number_of,
    numbers_of,
    page_of,
)
from cuebot.queries.jobs import job_row, pending_jobs
from cuebot.queries.layers import in_dispatch_order, layer_row
from cuebot.spec import Spec, parse_spec
from cuebot.wire.call import Call, Messages, fill, rows_of, shared
from cuebot.wire.criteria import find_jobs, frame_criteria
from cuebot.wire.job_lists import list_jobs
from cuebot.wire.messages.comments import comment_seq
from cuebot.wire.messages.frames import frame_message, updated_frame_message
from cuebot.wire.messages.jobs import job_message
from cuebot.wire.messages.layers import layer_message
from cuebot.wire.requests import OfFramesOfJob, OfJob, OfSpec
from cuebot.wire.rows import list_of, row_of
from cuebot.wire.services.dependencies import Side, add_depend, depend_seq, drop
from cuebot.wire.services.partitions import add_local, add_partition
from cuebot.wire.services.wording import change_message, kill_message
from cuebot.wire.values import int32, units
from cuebot.wire.without_effect import spec_warnings

SMALL_SPEC_CHARACTERS: Final = 4_096
ORDERS: Final = {job_pb2.FIRST: "FIRST", job_pb2.LAST: "LAST", job_pb2.REVERSE: "REVERSE"}


async def fill_frames(
    messages: Messages[job_pb2.Frame], layers: list[Layer], criteria: job_pb2.FrameSearchCriteria, call: Call
) -> None:
    """Append one page of the frames that match."""
    began = time.perf_counter()
    farm, now_us = call.farm, call.engine.now_us()
    found = find_frames(layers, frame_criteria(criteria), call.engine.core.bounds, now_us)
    most = call.engine.core.bounds.page_rows
    rows = page_of(layers, found, criteria.page, criteria.limit, most)
    total = number_of(found)
    if criteria.limit > most < total:
        call.warnings.append(f"this is one page of {total} frames: a page has at most {most}; `page` chooses another")
    await call.pause(time.perf_counter() - began, is_last=not rows)  # the search looks at every frame
    await fill(call, messages, rows, lambda found: frame_message(frame_row(farm, *found, now_us)))


class JobInterface:
    """Jobs: find, launch, change, end, and their frames by criteria."""

    def __init__(self, *, allow_root: bool) -> None:
        self._allow_root = allow_root

    # --- finding --------------------------------------------------------------------------------------------------

    def FindJob(self, request: job_pb2.JobFindJobRequest, call: Call) -> job_pb2.JobFindJobResponse:
        """The active job of that name, or the job with that id in any state."""
        job = call.farm.job_named(request.name)
        return job_pb2.JobFindJobResponse(job=_message(call, job))

    def GetJob(self, request: job_pb2.JobGetJobRequest, call: Call) -> job_pb2.JobGetJobResponse:
        """The job with that id, in any state."""
        job = call.farm.get("job", request.id)
        return job_pb2.JobGetJobResponse(job=_message(call, job))

    def GetCurrent(self, request: job_pb2.JobGetCurrentRequest, call: Call) -> job_pb2.JobGetCurrentResponse:
        """The job as it is now."""
        job = _job(request, call)
        return job_pb2.JobGetCurrentResponse(job=_message(call, job))

    @shared
    async def GetJobs(self, request: job_pb2.JobGetJobsRequest, call: Call) -> bytes:
        """Jobs by criteria."""
        return await list_jobs(call, request.r)

    @shared
    async def GetJobNames(self, request: job_pb2.JobGetJobNamesRequest, call: Call) -> job_pb2.JobGetJobNamesResponse:
        """Names of PENDING jobs by criteria."""
        jobs = await find_jobs(call, request.r, pending_jobs(call.farm))
        return job_pb2.JobGetJobNamesResponse(names=sorted(job.name for job in jobs))

    def IsJobPending(self, request: job_pb2.JobIsJobPendingRequest, call: Call) -> job_pb2.JobIsJobPendingResponse:
        """Whether the job of that name, or with that id, is PENDING."""
        job = call.farm.jobs.get(call.farm.active_job_id(request.name) or request.name)
        return job_pb2.JobIsJobPendingResponse(value=job is not None and job.state is JobState.PENDING)

    @shared
    async def GetLayers(self, request: job_pb2.JobGetLayersRequest, call: Call) -> bytes:
        """A job's layers in dispatch order."""
        farm = call.farm
        layers = in_dispatch_order(farm, _job(request, call))
        return list_of(await rows_of(call, layers, lambda layer: row_of(layer_message(layer_row(farm, layer)))))

    async def GetFrames(self, request: job_pb2.JobGetFramesRequest, call: Call) -> job_pb2.JobGetFramesResponse:
        """One page of a job's frames by criteria."""
        layers = in_dispatch_order(call.farm, _job(request, call))
        response = job_pb2.JobGetFramesResponse()
        await fill_frames(response.frames.frames, layers, request.req, call)
        return response

    async def GetUpdatedFrames(
        self, request: job_pb2.JobGetUpdatedFramesRequest, call: Call
    ) -> job_pb2.JobGetUpdatedFramesResponse:
        """Frames that changed since a time in seconds, the oldest change first, one page at most.

        `server_time` is what to ask with next time. Where the page is full it is set back to the last change sent, so
        that the rest follows.
        """
        farm, job = call.farm, _job(request, call)
        wanted = {layer.id for layer in request.layer_filter.layers}
        layers = [layer for layer in farm.layers_of(job) if not wanted or layer.id in wanted]
        most = call.engine.core.bounds.page_rows
        changed, is_all = changed_frames(layers, request.last_check * SECOND, most)
        server_time_s = call.engine.now_us() // SECOND - 1
        if not is_all:
            layer, index = changed[-1]
            last_change_s = int(layer.frames.updated_us[index]) // SECOND - 1
            server_time_s = last_change_s if last_change_s > request.last_check else server_time_s
        state = job_pb2.JobState.ValueType(job.state)
        response = job_pb2.JobGetUpdatedFramesResponse(state=state, server_time=int32(server_time_s))
        messages = response.updated_frames.updated_frames
        await fill(call, messages, changed, lambda found: updated_frame_message(frame_change_row(farm, *found)))
        return response

    # --- launching and ending -------------------------------------------------------------------------------------

    async def LaunchSpec(self, request: job_pb2.JobLaunchSpecRequest, call: Call) -> job_pb2.JobLaunchSpecResponse:
        """Launch a specification; returns the names of its jobs once they are durable."""
        jobs = await self._launch(request, call)
        return job_pb2.JobLaunchSpecResponse(names=[job.name for job in jobs])

    async def LaunchSpecAndWait(
        self, request: job_pb2.JobLaunchSpecAndWaitRequest, call: Call
    ) -> job_pb2.JobLaunchSpecAndWaitResponse:
        """Launch a specification; returns its jobs."""
        farm = call.farm
        jobs = [job_message(job_row(farm, job)) for job in await self._launch(request, call)]
        return job_pb2.JobLaunchSpecAndWaitResponse(jobs=job_pb2.JobSeq(jobs=jobs))

    async def _launch(self, request: OfSpec, call: Call) -> list[Job]:
        bounds = call.engine.core.bounds
        understand = partial(_understood, request.spec, bounds, allow_root=self._allow_root)
        # Another thread costs a small specification more than reading it does.
        is_small = len(request.spec) <= SMALL_SPEC_CHARACTERS
        spec, text = understand() if is_small else await asyncio.to_thread(understand)
        job_ids = await call.submit(c.SubmitJobs(spec, text), actor=spec.user)
        call.warnings += spec_warnings(spec, call.farm)
        jobs = [call.farm.jobs[id] for id in job_ids]
        for job, job_spec in zip(jobs, spec.jobs, strict=False):
            if job_spec.local is not None:
                await add_local(call, job, job_spec.local)
        return jobs

    async def Kill(self, request: job_pb2.JobKillRequest, call: Call) -> None:
        """End a job, with or without a reason."""
        message = kill_message(request, "job killed")
        command = c.KillJob(_job(request, call).id, message)
        await call.submit(command, actor=request.username, reason=request.reason)

    async def ShutdownIfCompleted(self, request: job_pb2.JobShutdownIfCompletedRequest, call: Call) -> None:
        """End a job that has nothing left to do."""
        await call.submit(c.FinishIfComplete(_job(request, call).id))

    # --- frames ---------------------------------------------------------------------------------------------------

    async def KillFrames(self, request: job_pb2.JobKillFramesRequest, call: Call) -> None:
        """End the runs of frames by criteria."""
        command = c.KillFrames(_frames(request, call), kill_message(request, "frames killed"))
        await call.submit(command, actor=request.username, reason=request.reason)

    async def EatFrames(self, request: job_pb2.JobEatFramesRequest, call: Call) -> None:
        """Give frames up by criteria."""
        await call.submit(c.EatFrames(_frames(request, call), change_message(call, "eaten")))

    async def RetryFrames(self, request: job_pb2.JobRetryFramesRequest, call: Call) -> None:
        """Let frames run again by criteria."""
        await call.submit(c.RetryFrames(_frames(request, call), change_message(call, "retried")))

    async def MarkDoneFrames(self, request: job_pb2.JobMarkDoneFramesRequest, call: Call) -> None:
        """Satisfy what waits for frames by criteria."""
        await call.submit(c.MarkDone(_frames(request, call)))

    async def MarkAsWaiting(self, request: job_pb2.JobMarkAsWaitingRequest, call: Call) -> None:
        """Let DEPEND frames go by criteria."""
        await call.submit(c.ReleaseFrames(_frames(request, call)))

    async def ReorderFrames(self, request: job_pb2.JobReorderFramesRequest, call: Call) -> None:
        """Give a range of frames another place in the order of every layer."""
        layers = call.farm.layers_of(_job(request, call))
        numbers = numbers_of(layers, request.range, call.engine.core.bounds)
        order = ORDERS.get(request.order, str(request.order))
        await call.submit_all([c.ReorderFrames(layer.id, numbers, order) for layer in layers])

    async def StaggerFrames(self, request: job_pb2.JobStaggerFramesRequest, call: Call) -> None:
        """Run every `stagger`-th frame of a range first, then those between, in every layer."""
        layers = call.farm.layers_of(_job(request, call))
        numbers = numbers_of(layers, request.range, call.engine.core.bounds)
        await call.submit_all([c.StaggerFrames(layer.id, numbers, request.stagger) for layer in layers])

    # --- changing -------------------------------------------------------------------------------------------------

    async def Pause(self, request: job_pb2.JobPauseRequest, call: Call) -> None:
        """Book no more frames of a job."""
        await _change(request, call, paused=True)

    async def Resume(self, request: job_pb2.JobResumeRequest, call: Call) -> None:
        """Book frames of a job again."""
        await _change(request, call, paused=False)

    async def SetPriority(self, request: job_pb2.JobSetPriorityRequest, call: Call) -> None:
        """Set a job's priority."""
        await _change(request, call, priority=request.val)

    async def SetMinCores(self, request: job_pb2.JobSetMinCoresRequest, call: Call) -> None:
        """Set the cores that a job should have, to a hundredth."""
        await _change(request, call, min_cores=units(request.val, "the minimum of cores"))

    async def SetMaxCores(self, request: job_pb2.JobSetMaxCoresRequest, call: Call) -> None:
        """Set the cores that a job may have, to a hundredth; -1 is no limit."""
        await _change(request, call, max_cores=units(request.val, "the maximum of cores", unlimited=True))

    async def SetMinGpus(self, request: job_pb2.JobSetMinGpusRequest, call: Call) -> None:
        """Set the GPUs that a job should have."""
        await _change(request, call, min_gpus=request.val)

    async def SetMaxGpus(self, request: job_pb2.JobSetMaxGpusRequest, call: Call) -> None:
        """Set the GPUs that a job may have."""
        await _change(request, call, max_gpus=request.val)

    async def SetMaxRetries(self, request: job_pb2.JobSetMaxRetriesRequest, call: Call) -> None:
        """Set how often a frame is tried again."""
        await _change(request, call, max_retries=request.max_retries)

    async def SetAutoEat(self, request: job_pb2.JobSetAutoEatRequest, call: Call) -> None:
        """Say whether frames that fail are eaten at once."""
        await _change(request, call, auto_eat=request.value)

    async def SetGroup(self, request: job_pb2.JobSetGroupRequest, call: Call) -> None:
        """Move a job to another group of its show."""
        group = call.farm.get("group", request.group_id)
        await call.submit(c.MoveJob(_job(request, call).id, group.id))

    async def AddRenderPartition(
        self, request: job_pb2.JobAddRenderPartRequest, call: Call
    ) -> job_pb2.JobAddRenderPartResponse:
        """Render a job on a part of its user's host."""
        partition = await add_partition(call, request, _job(request, call))
        return job_pb2.JobAddRenderPartResponse(render_partition=partition)

    async def RunFilters(self, request: job_pb2.JobRunFiltersRequest, call: Call) -> None:
        """Have the filters of a job's show act on it, as at its launch."""
        await call.submit(c.RunFilters((_job(request, call).id,)))

    async def AddSubscriber(self, request: job_pb2.JobAddSubscriberRequest, call: Call) -> None:
        """Send mail to an address when a job ends."""
        await call.submit(c.AddSubscriber(_job(request, call).id, request.subscriber))

    async def AddComment(self, request: job_pb2.JobAddCommentRequest, call: Call) -> None:
        """Comment on a job."""
        comment = request.new_comment
        command = c.AddComment(comment.user, comment.subject, comment.message, job_id=_job(request, call).id)
        await call.submit(command, actor=comment.user)

    def GetComments(self, request: job_pb2.JobGetCommentsRequest, call: Call) -> job_pb2.JobGetCommentsResponse:
        """The comments on a job."""
        comments = comments_of(call.farm, _job(request, call).id)
        return job_pb2.JobGetCommentsResponse(comments=comment_seq(comments))

    # --- depends --------------------------------------------------------------------------------------------------

    async def CreateDependencyOnJob(
        self, request: job_pb2.JobCreateDependencyOnJobRequest, call: Call
    ) -> job_pb2.JobCreateDependencyOnJobResponse:
        """Make a job wait for another."""
        er, on = Side.of_job(call.farm, request.job.id), Side.of_job(call.farm, request.on_job.id)
        depend = await add_depend(call, DependType.JOB_ON_JOB, er, on)
        return job_pb2.JobCreateDependencyOnJobResponse(depend=depend)

    async def CreateDependencyOnLayer(
        self, request: job_pb2.JobCreateDependencyOnLayerRequest, call: Call
    ) -> job_pb2.JobCreateDependencyOnLayerResponse:
        """Make a job wait for a layer of another."""
        er, on = Side.of_job(call.farm, request.job.id), Side.of_layer(call.farm, request.layer.id)
        depend = await add_depend(call, DependType.JOB_ON_LAYER, er, on)
        return job_pb2.JobCreateDependencyOnLayerResponse(depend=depend)

    async def CreateDependencyOnFrame(
        self, request: job_pb2.JobCreateDependencyOnFrameRequest, call: Call
    ) -> job_pb2.JobCreateDependencyOnFrameResponse:
        """Make a job wait for a frame of another."""
        er, on = Side.of_job(call.farm, request.job.id), Side.of_frame(call.farm, request.frame.id)
        depend = await add_depend(call, DependType.JOB_ON_FRAME, er, on)
        return job_pb2.JobCreateDependencyOnFrameResponse(depend=depend)

    async def DropDepends(self, request: job_pb2.JobDropDependsRequest, call: Call) -> None:
        """Let everything in a job go that waits, for things in it, outside of it, or both."""
        await drop(call, waiting_in(call.farm, _job(request, call)), request.target)

    def GetDepends(self, request: job_pb2.JobGetDependsRequest, call: Call) -> job_pb2.JobGetDependsResponse:
        """Everything that something in a job waits by, but frames waiting for frames."""
        depends = waiting_in(call.farm, _job(request, call))
        shown = [depend for depend in depends if depend.type is not DependType.FRAME_ON_FRAME]
        return job_pb2.JobGetDependsResponse(depends=depend_seq(call.farm, shown))

    def GetWhatDependsOnThis(
        self, request: job_pb2.JobGetWhatDependsOnThisRequest, call: Call
    ) -> job_pb2.JobGetWhatDependsOnThisResponse:
        """Everything that waits for something in a job."""
        depends: depend_pb2.DependSeq = depend_seq(call.farm, waiting_for(call.farm, _job(request, call)))
        return job_pb2.JobGetWhatDependsOnThisResponse(depends=depends)

    def GetWhatThisDependsOn(
        self, request: job_pb2.JobGetWhatThisDependsOnRequest, call: Call
    ) -> job_pb2.JobGetWhatThisDependsOnResponse:
        """What a job as a whole waits for."""
        depends = [d for d in waiting_in(call.farm, _job(request, call)) if d.er_layer is None]
        return job_pb2.JobGetWhatThisDependsOnResponse(depends=depend_seq(call.farm, depends))


def _understood(text: str, bounds: Bounds, *, allow_root: bool) -> tuple[Spec, bytes]:
    """A specification, and its text as it is kept."""
    return parse_spec(text, bounds, allow_root=allow_root), zlib.compress(text.encode())


def _message(call: Call, job: Job) -> job_pb2.Job:
    return job_message(job_row(call.farm, job, commented(call.farm)))


def _job(request: OfJob, call: Call) -> Job:
    if not request.job.id:
        raise NotFound("the request names no job: its field job has no id")
    job: Job = call.farm.get("job", request.job.id)
    return job


def _frames(request: OfFramesOfJob, call: Call) -> c.Selection:
    criteria = frame_criteria(request.req)
    return find_frames(
        call.farm.layers_of(_job(request, call)), criteria, call.engine.core.bounds, call.engine.now_us()
    )


async def _change(request: OfJob, call: Call, **changes: Any) -> None:
    await call.submit(c.Change("job", _job(request, call).id, changes))

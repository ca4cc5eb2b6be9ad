"""ProcInterface."""

from __future__ import annotations

from opencue_proto import host_pb2

from cuebot.domain import commands as c
from cuebot.domain.errors import Invalid
from cuebot.domain.nouns import Proc
from cuebot.queries.comments import commented
from cuebot.queries.frames import frame_row
from cuebot.queries.hosts import host_row
from cuebot.queries.jobs import job_row
from cuebot.queries.layers import layer_row
from cuebot.queries.procs import proc_row
from cuebot.wire.call import Call, rows_of, shared
from cuebot.wire.criteria import find_procs
from cuebot.wire.messages.frames import frame_message
from cuebot.wire.messages.hosts import host_message
from cuebot.wire.messages.jobs import job_message
from cuebot.wire.messages.layers import layer_message
from cuebot.wire.messages.procs import proc_message
from cuebot.wire.requests import OfProc
from cuebot.wire.rows import list_of, row_of
from cuebot.wire.values import int32
from cuebot.wire.without_effect import NOT_REDIRECTED, UNBOOK


class ProcInterface:
    """Procs: what runs where. One lives as long as its frame runs, so to unbook it without a kill changes nothing.

    What is given to somebody else is its place, once it has ended.
    """

    @shared
    async def GetProcs(self, request: host_pb2.ProcGetProcsRequest, call: Call) -> bytes:
        """Procs by criteria."""
        farm = call.farm
        found = await find_procs(call, request.r)
        return list_of(await rows_of(call, found, lambda proc: row_of(proc_message(proc_row(farm, proc)))))

    def GetFrame(self, request: host_pb2.ProcGetFrameRequest, call: Call) -> host_pb2.ProcGetFrameResponse:
        """The frame that runs."""
        proc, farm = _proc(request, call), call.farm
        row = frame_row(farm, farm.layers[proc.layer_id], proc.frame_index, call.engine.now_us())
        return host_pb2.ProcGetFrameResponse(frame=frame_message(row))

    def GetHost(self, request: host_pb2.ProcGetHostRequest, call: Call) -> host_pb2.ProcGetHostResponse:
        """The host where it runs."""
        host = call.farm.hosts[_proc(request, call).host_id]
        return host_pb2.ProcGetHostResponse(host=host_message(host_row(call.farm, host, commented(call.farm))))

    def GetJob(self, request: host_pb2.ProcGetJobRequest, call: Call) -> host_pb2.ProcGetJobResponse:
        """The job of the frame that runs."""
        job = call.farm.jobs[_proc(request, call).job_id]
        return host_pb2.ProcGetJobResponse(job=job_message(job_row(call.farm, job, commented(call.farm))))

    def GetLayer(self, request: host_pb2.ProcGetLayerRequest, call: Call) -> host_pb2.ProcGetLayerResponse:
        """The layer of the frame that runs."""
        layer = call.farm.layers[_proc(request, call).layer_id]
        return host_pb2.ProcGetLayerResponse(layer=layer_message(layer_row(call.farm, layer)))

    async def Kill(self, request: host_pb2.ProcKillRequest, call: Call) -> None:
        """End a run; what becomes of its frame, the outcome decides."""
        await call.submit(c.KillProcs((_proc(request, call).id,), "proc killed"))

    async def Unbook(self, request: host_pb2.ProcUnbookRequest, call: Call) -> None:
        """Give a proc's cores back when its frame has ended, or at once."""
        proc = _proc(request, call)
        call.count(0)
        if request.kill:
            await call.submit(c.KillProcs((proc.id,), "proc unbooked"))
        else:
            call.warnings.append(UNBOOK)

    async def UnbookProcs(
        self, request: host_pb2.ProcUnbookProcsRequest, call: Call
    ) -> host_pb2.ProcUnbookProcsResponse:
        """The same for procs by criteria; returns how many they are."""
        found = await find_procs(call, request.r)
        call.count(0)
        if request.kill and found:
            await call.submit(c.KillProcs(tuple(proc.id for proc in found), "procs unbooked"))
        elif not request.kill:
            call.warnings.append(UNBOOK)
        return host_pb2.ProcUnbookProcsResponse(num_procs=int32(len(found)))

    async def UnbookToJob(
        self, request: host_pb2.ProcUnbookToJobRequest, call: Call
    ) -> host_pb2.ProcUnbookToJobResponse:
        """Give the places of procs by criteria to jobs in turn; returns how many."""
        jobs = tuple(job.id for job in request.jobs.jobs)
        count = await redirect(call, await find_procs(call, request.r), jobs=jobs, kill=request.kill)
        return host_pb2.ProcUnbookToJobResponse(num_procs=int32(count))

    async def UnbookToGroup(
        self, request: host_pb2.ProcUnbookToGroupRequest, call: Call
    ) -> host_pb2.ProcUnbookToGroupResponse:
        """Give the places of procs by criteria to the jobs of a group; returns how many."""
        procs = await find_procs(call, request.r)
        count = await redirect(call, procs, group=request.group.id, kill=request.kill)
        return host_pb2.ProcUnbookToGroupResponse(num_procs=int32(count))

    async def RedirectToJob(
        self, request: host_pb2.ProcRedirectToJobRequest, call: Call
    ) -> host_pb2.ProcRedirectToJobResponse:
        """Give a proc's place to a job once it has ended, or at once; returns whether that is of any use."""
        count = await redirect(call, [_proc(request, call)], jobs=(request.job_id,), kill=request.kill)
        return host_pb2.ProcRedirectToJobResponse(value=count > 0)

    async def RedirectToGroup(
        self, request: host_pb2.ProcRedirectToGroupRequest, call: Call
    ) -> host_pb2.ProcRedirectToGroupResponse:
        """Give a proc's place to the jobs of a group; returns whether that is of any use."""
        count = await redirect(call, [_proc(request, call)], group=request.group_id, kill=request.kill)
        return host_pb2.ProcRedirectToGroupResponse(value=count > 0)

    async def ClearRedirect(
        self, request: host_pb2.ProcClearRedirectRequest, call: Call
    ) -> host_pb2.ProcClearRedirectResponse:
        """Give a proc's place to nobody any more; returns whether it would have gone to somebody."""
        count = await call.submit(c.ClearRedirects((_proc(request, call).id,)))
        return host_pb2.ProcClearRedirectResponse(value=bool(count))


async def redirect(call: Call, procs: list[Proc], *, jobs: tuple[str, ...] = (), group: str = "", kill: bool) -> int:
    """Give the places of procs away. Returns how many; where it is none, the caller is told why."""
    most = call.engine.core.bounds.commands_per_call
    if len(jobs) > most:
        raise Invalid(f"{call.rpc}: at most {most} jobs at a time (limit commands_per_call), not {len(jobs)}")
    command = c.RedirectProcs(tuple(proc.id for proc in procs), jobs, group, kill)
    count = int(await call.submit(command))
    if not count:
        call.warnings.append(NOT_REDIRECTED)
    return count


def _proc(request: OfProc, call: Call) -> Proc:
    proc: Proc = call.farm.get("proc", request.proc.id)
    return proc

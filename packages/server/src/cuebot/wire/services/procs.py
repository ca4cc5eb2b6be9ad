"""ProcInterface."""

from __future__ import annotations

from opencue_proto import host_pb2

from cuebot.domain import commands as c
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
from cuebot.wire.without_effect import UNBOOK


class ProcInterface:
    """Procs: what runs where. One lives as long as its frame runs, so to unbook it without a kill changes nothing."""

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


def _proc(request: OfProc, call: Call) -> Proc:
    proc: Proc = call.farm.get("proc", request.proc.id)
    return proc

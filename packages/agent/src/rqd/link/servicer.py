"""What the server can ask of the agent: `RqdInterface`."""

from __future__ import annotations

from typing import Any, Callable, NoReturn

import grpc
from opencue_proto import rqd_pb2, rqd_pb2_grpc

from rqd.link.messages import frame_info, launch_from
from rqd.link.reporting import Reporting
from rqd.link.runner_channel import RunnerChannel, RunnerLost, RunnerRefused

RUN_ID_KEY = "cuefarm-run-id"
INSTANCE_KEY = "cuefarm-instance"

_ABSENT = {
    "GetRunFrame": "ask GetRunningFrameStatus",
    "NimbyOn": "this agent does not watch who sits at the machine; lock its cores instead",
    "NimbyOff": "this agent does not watch who sits at the machine; unlock its cores instead",
}


class RqdServicer(rqd_pb2_grpc.RqdInterfaceServicer):
    """Each call becomes one question to the runner; its refusals become statuses."""

    def __init__(self, line: RunnerChannel, reporting: Reporting, instance: str) -> None:
        self._line = line
        self._instance = instance
        self._reporting = reporting

    async def LaunchFrame(
        self, request: rqd_pb2.RqdStaticLaunchFrameRequest, context: Any
    ) -> rqd_pb2.RqdStaticLaunchFrameResponse:
        """Hand a run to the runner. OK: the runner has it, and its outcome will come, whatever it is."""
        await self._ask(context, "launch", launch=launch_from(request.run_frame))
        return rqd_pb2.RqdStaticLaunchFrameResponse()

    async def KillRunningFrame(
        self, request: rqd_pb2.RqdStaticKillRunningFrameRequest, context: Any
    ) -> rqd_pb2.RqdStaticKillRunningFrameResponse:
        """End a run, or whatever runs under a frame's id."""
        run_id = _run_id(context)
        await self._ask(context, "kill", run_id=run_id, frame_id=request.frame_id, message=request.message)
        return rqd_pb2.RqdStaticKillRunningFrameResponse()

    async def GetRunningFrameStatus(
        self, request: rqd_pb2.RqdStaticGetRunningFrameStatusRequest, context: Any
    ) -> rqd_pb2.RqdStaticGetRunningFrameStatusResponse:
        """Describe what runs under a frame's id; NOT_FOUND is proof that nothing does."""
        run = await self._ask(context, "find", run_id=_run_id(context), frame_id=request.frame_id)
        return rqd_pb2.RqdStaticGetRunningFrameStatusResponse(running_frame_info=frame_info(run))

    async def ReportStatus(
        self, request: rqd_pb2.RqdStaticReportStatusRequest, context: Any
    ) -> rqd_pb2.RqdStaticReportStatusResponse:
        """Answer with the report that a server would get at this moment."""
        try:
            return rqd_pb2.RqdStaticReportStatusResponse(host_report=await self._reporting.host_report())
        except RunnerLost:
            await _abort_runner_lost(context)

    async def Lock(self, request: rqd_pb2.RqdStaticLockRequest, context: Any) -> rqd_pb2.RqdStaticLockResponse:
        """Offer some cores less (hundredths of a core)."""
        if request.cores < 0:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"cannot lock {request.cores} core units")
        await self._change_lock(context, "lock", core_units=request.cores, all=False)
        return rqd_pb2.RqdStaticLockResponse()

    async def LockAll(self, request: rqd_pb2.RqdStaticLockAllRequest, context: Any) -> rqd_pb2.RqdStaticLockAllResponse:
        """Offer no cores any more. What runs goes on."""
        await self._change_lock(context, "lock", core_units=0, all=True)
        return rqd_pb2.RqdStaticLockAllResponse()

    async def Unlock(self, request: rqd_pb2.RqdStaticUnlockRequest, context: Any) -> rqd_pb2.RqdStaticUnlockResponse:
        """Offer some of the locked cores again (hundredths of a core)."""
        if request.cores < 0:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"cannot unlock {request.cores} core units")
        await self._change_lock(context, "unlock", core_units=request.cores, all=False)
        return rqd_pb2.RqdStaticUnlockResponse()

    async def UnlockAll(
        self, request: rqd_pb2.RqdStaticUnlockAllRequest, context: Any
    ) -> rqd_pb2.RqdStaticUnlockAllResponse:
        """Offer all cores again, and take back what waits for the last frame: a shutdown, a restart or a reboot."""
        await self._change_lock(context, "unlock", core_units=0, all=True)
        return rqd_pb2.RqdStaticUnlockAllResponse()

    async def ShutdownRqdNow(
        self, request: rqd_pb2.RqdStaticShutdownNowRequest, context: Any
    ) -> rqd_pb2.RqdStaticShutdownNowResponse:
        """End all frames and then the agent."""
        await self._ask(context, "shutdown", when_idle=False)
        return rqd_pb2.RqdStaticShutdownNowResponse()

    async def ShutdownRqdIdle(
        self, request: rqd_pb2.RqdStaticShutdownIdleRequest, context: Any
    ) -> rqd_pb2.RqdStaticShutdownIdleResponse:
        """Lock all cores, and end the agent after its last frame."""
        await self._change_lock(context, "shutdown", when_idle=True)
        return rqd_pb2.RqdStaticShutdownIdleResponse()

    async def RestartRqdNow(
        self, request: rqd_pb2.RqdStaticRestartNowRequest, context: Any
    ) -> rqd_pb2.RqdStaticRestartNowResponse:
        """Have the agent start itself anew. Frames go on."""
        await self._ask(context, "restart", when_idle=False)
        return rqd_pb2.RqdStaticRestartNowResponse()

    async def RestartRqdIdle(
        self, request: rqd_pb2.RqdStaticRestartIdleRequest, context: Any
    ) -> rqd_pb2.RqdStaticRestartIdleResponse:
        """Lock all cores, and have the agent start itself anew after its last frame."""
        await self._change_lock(context, "restart", when_idle=True)
        return rqd_pb2.RqdStaticRestartIdleResponse()

    async def RebootNow(
        self, request: rqd_pb2.RqdStaticRebootNowRequest, context: Any
    ) -> rqd_pb2.RqdStaticRebootNowResponse:
        """End all frames, and then reboot the machine."""
        await self._ask(context, "reboot", when_idle=False)
        return rqd_pb2.RqdStaticRebootNowResponse()

    async def RebootIdle(
        self, request: rqd_pb2.RqdStaticRebootIdleRequest, context: Any
    ) -> rqd_pb2.RqdStaticRebootIdleResponse:
        """Lock all cores, and reboot the machine after the last frame."""
        await self._change_lock(context, "reboot", when_idle=True)
        return rqd_pb2.RqdStaticRebootIdleResponse()

    async def _change_lock(self, context: Any, do: str, **fields: object) -> None:
        await self._ask(context, do, **fields)
        self._reporting.report_soon()

    async def _ask(self, context: Any, do: str, **fields: object) -> Any:
        meant = _metadata(context, INSTANCE_KEY)
        if meant and meant != self._instance:
            detail = f"this is for the agent with spool {meant}; this one's is {self._instance}: two share a name"
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, detail)
        try:
            return await self._line.call(do, **fields)
        except RunnerRefused as refusal:
            await context.abort(grpc.StatusCode[refusal.code], str(refusal))
        except RunnerLost:
            await _abort_runner_lost(context)


async def _abort_runner_lost(context: Any) -> NoReturn:
    await context.abort(grpc.StatusCode.UNAVAILABLE, "the agent is starting again; what it had will be in its report")
    raise AssertionError("abort raises")


def _metadata(context: Any, wanted: str) -> str:
    return next((str(value) for key, value in context.invocation_metadata() if key == wanted), "")


def _run_id(context: Any) -> str:
    return _metadata(context, RUN_ID_KEY)


def _refusing(name: str, advice: str) -> Callable[[RqdServicer, Any, Any], Any]:
    async def refuse(self: RqdServicer, request: Any, context: Any) -> None:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{name}: {advice}")

    return refuse


for _name, _advice in _ABSENT.items():
    setattr(RqdServicer, _name, _refusing(_name, _advice))

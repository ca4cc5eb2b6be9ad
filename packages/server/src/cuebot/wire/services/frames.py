"""FrameInterface."""

from __future__ import annotations

from opencue_proto import job_pb2

from cuebot.domain import commands as c
from cuebot.domain.errors import NotFound
from cuebot.domain.frames import as_indices
from cuebot.domain.states import CheckpointState, DependType, FrameState
from cuebot.queries.depends import frame_is_waited_for, frame_waits_by, layer_waits_by
from cuebot.queries.frames import displays_of, frame_row
from cuebot.queries.layers import in_dispatch_order
from cuebot.wire.call import Call
from cuebot.wire.messages.frames import color_of, display_message, frame_message
from cuebot.wire.requests import OfFrame
from cuebot.wire.services.dependencies import FRAME_TYPES, Side, add_depend, depend_seq, drop
from cuebot.wire.services.jobs import fill_frames
from cuebot.wire.services.wording import change_message, kill_message
from cuebot.wire.values import member


class FrameInterface:
    """Single frames."""

    def FindFrame(self, request: job_pb2.FrameFindFrameRequest, call: Call) -> job_pb2.FrameFindFrameResponse:
        """A frame by the name of its active job or the id of any, layer name and number."""
        farm = call.farm
        layer = farm.layer_named(farm.job_named(request.job), request.layer)
        index = layer.frames.index_of(request.frame)
        if index is None:
            raise NotFound(f"layer {layer.name!r} has no frame {request.frame}; its range is {layer.range_text}")
        return job_pb2.FrameFindFrameResponse(frame=frame_message(frame_row(farm, layer, index, call.engine.now_us())))

    def GetFrame(self, request: job_pb2.FrameGetFrameRequest, call: Call) -> job_pb2.FrameGetFrameResponse:
        """The frame with that id."""
        layer, index = call.farm.frame(request.id)
        row = frame_row(call.farm, layer, index, call.engine.now_us())
        return job_pb2.FrameGetFrameResponse(frame=frame_message(row))

    async def GetFrames(self, request: job_pb2.FrameGetFramesRequest, call: Call) -> job_pb2.FrameGetFramesResponse:
        """One page of the frames of an active job, found by its name."""
        layers = in_dispatch_order(call.farm, call.farm.job_named(request.job))
        response = job_pb2.FrameGetFramesResponse()
        await fill_frames(response.frames.frames, layers, request.r, call)
        return response

    async def Eat(self, request: job_pb2.FrameEatRequest, call: Call) -> None:
        """Give a frame up."""
        await call.submit(c.EatFrames(_selection(request, call), change_message(call, "eaten")))

    async def Retry(self, request: job_pb2.FrameRetryRequest, call: Call) -> None:
        """Let a frame run again."""
        await call.submit(c.RetryFrames(_selection(request, call), change_message(call, "retried")))

    async def Kill(self, request: job_pb2.FrameKillRequest, call: Call) -> None:
        """End a frame's run."""
        command = c.KillFrames(_selection(request, call), kill_message(request, "frame killed"))
        await call.submit(command, actor=request.username, reason=request.reason)

    async def MarkAsWaiting(self, request: job_pb2.FrameMarkAsWaitingRequest, call: Call) -> None:
        """Let a DEPEND frame go."""
        await call.submit(c.ReleaseFrames(_selection(request, call)))

    async def MarkAsDepend(self, request: job_pb2.FrameMarkAsDependRequest, call: Call) -> None:
        """Let a frame that was let go wait again for what has not happened."""
        await call.submit(c.HoldFrames(_selection(request, call)))

    async def SetCheckpointState(self, request: job_pb2.FrameSetCheckpointStateRequest, call: Call) -> None:
        """Say how far a frame's checkpoint is; a transition that makes no sense changes nothing."""
        layer, index = call.farm.frame(request.frame.id)
        state = member(CheckpointState, request.state, "checkpoint state")
        await call.submit(c.SetCheckpoint(layer.id, index, state))

    async def SetFrameStateDisplayOverride(self, request: job_pb2.FrameStateDisplayOverrideRequest, call: Call) -> None:
        """Have clients show another text and colour for a frame while it is in a state."""
        layer, index = call.farm.frame(request.frame.id)
        override = request.override
        state = member(FrameState, override.state, "frame state")
        await call.submit(c.SetDisplayOverride(layer.id, index, state, override.text, color_of(override)))

    def GetFrameStateDisplayOverrides(
        self, request: job_pb2.GetFrameStateDisplayOverridesRequest, call: Call
    ) -> job_pb2.GetFrameStateDisplayOverridesResponse:
        """What clients show for a frame in states that have a text of their own."""
        displays = displays_of(call.farm, *call.farm.frame(request.frame.id))
        overrides = job_pb2.FrameStateDisplayOverrideSeq(overrides=[display_message(row) for row in displays])
        return job_pb2.GetFrameStateDisplayOverridesResponse(overrides=overrides)

    async def CreateDependencyOnJob(
        self, request: job_pb2.FrameCreateDependencyOnJobRequest, call: Call
    ) -> job_pb2.FrameCreateDependencyOnJobResponse:
        """Make a frame wait for a job."""
        er, on = Side.of_frame(call.farm, request.frame.id), Side.of_job(call.farm, request.job.id)
        depend = await add_depend(call, DependType.FRAME_ON_JOB, er, on)
        return job_pb2.FrameCreateDependencyOnJobResponse(depend=depend)

    async def CreateDependencyOnLayer(
        self, request: job_pb2.FrameCreateDependencyOnLayerRequest, call: Call
    ) -> job_pb2.FrameCreateDependencyOnLayerResponse:
        """Make a frame wait for a layer."""
        er, on = Side.of_frame(call.farm, request.frame.id), Side.of_layer(call.farm, request.layer.id)
        depend = await add_depend(call, DependType.FRAME_ON_LAYER, er, on)
        return job_pb2.FrameCreateDependencyOnLayerResponse(depend=depend)

    async def CreateDependencyOnFrame(
        self, request: job_pb2.FrameCreateDependencyOnFrameRequest, call: Call
    ) -> job_pb2.FrameCreateDependencyOnFrameResponse:
        """Make a frame wait for a frame."""
        er, on = Side.of_frame(call.farm, request.frame.id), Side.of_frame(call.farm, request.depend_on_frame.id)
        depend = await add_depend(call, DependType.FRAME_ON_FRAME, er, on)
        return job_pb2.FrameCreateDependencyOnFrameResponse(depend=depend)

    async def DropDepends(self, request: job_pb2.FrameDropDependsRequest, call: Call) -> None:
        """Let a frame go from its own depends; those of its layer and job stay."""
        layer, index = call.farm.frame(request.frame.id)
        own = [d for d in layer_waits_by(call.farm, layer) if d.type in FRAME_TYPES and d.er_frame == index]
        await drop(call, own, request.target)

    def GetWhatDependsOnThis(
        self, request: job_pb2.FrameGetWhatDependsOnThisRequest, call: Call
    ) -> job_pb2.FrameGetWhatDependsOnThisResponse:
        """What waits for a frame."""
        depends = frame_is_waited_for(call.farm, *call.farm.frame(request.frame.id))
        return job_pb2.FrameGetWhatDependsOnThisResponse(depends=depend_seq(call.farm, depends))

    def GetWhatThisDependsOn(
        self, request: job_pb2.FrameGetWhatThisDependsOnRequest, call: Call
    ) -> job_pb2.FrameGetWhatThisDependsOnResponse:
        """What a frame waits for, also with its layer and its job."""
        depends = frame_waits_by(call.farm, *call.farm.frame(request.frame.id))
        return job_pb2.FrameGetWhatThisDependsOnResponse(depends=depend_seq(call.farm, depends))


def _selection(request: OfFrame, call: Call) -> c.Selection:
    layer, index = call.farm.frame(request.frame.id)
    return {layer.id: as_indices([index])}

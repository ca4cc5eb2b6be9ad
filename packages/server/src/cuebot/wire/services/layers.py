"""LayerInterface."""

from __future__ import annotations

from typing import Any

from opencue_proto import job_pb2

from cuebot.domain import commands as c
from cuebot.domain.errors import Invalid, quoted
from cuebot.domain.frames import as_indices
from cuebot.domain.nouns import Layer
from cuebot.domain.states import DependType
from cuebot.domain.units import HOUR, MIN_MEMORY, SECOND, split_frame_id
from cuebot.queries.depends import layer_waits_by
from cuebot.queries.frames import numbers_of
from cuebot.queries.layers import layer_row
from cuebot.queries.limits import limit_row, limits_of_layer
from cuebot.wire.call import Call
from cuebot.wire.messages.layers import layer_message
from cuebot.wire.messages.limits import limit_message
from cuebot.wire.requests import OfLayer
from cuebot.wire.services.dependencies import LAYER_TYPES, Side, add_depend, depend_seq, drop
from cuebot.wire.services.jobs import ORDERS, fill_frames
from cuebot.wire.services.partitions import add_partition
from cuebot.wire.services.wording import change_message, kill_message
from cuebot.wire.values import frame_units, units


class LayerInterface:
    """Layers: find, change, and all their frames at once."""

    def FindLayer(self, request: job_pb2.LayerFindLayerRequest, call: Call) -> job_pb2.LayerFindLayerResponse:
        """A layer of an active job, both by name."""
        farm = call.farm
        layer = farm.layer_named(farm.job_named(request.job), request.layer)
        return job_pb2.LayerFindLayerResponse(layer=layer_message(layer_row(farm, layer)))

    def GetLayer(self, request: job_pb2.LayerGetLayerRequest, call: Call) -> job_pb2.LayerGetLayerResponse:
        """The layer with that id, or the one of the frame with that id: a frame's message does not name its job."""
        farm = call.farm
        known = request.id in farm.layers or split_frame_id(request.id) is None
        layer = farm.get("layer", request.id) if known else farm.frame(request.id)[0]
        return job_pb2.LayerGetLayerResponse(layer=layer_message(layer_row(farm, layer)))

    async def GetFrames(self, request: job_pb2.LayerGetFramesRequest, call: Call) -> job_pb2.LayerGetFramesResponse:
        """One page of a layer's frames by criteria."""
        response = job_pb2.LayerGetFramesResponse()
        await fill_frames(response.frames.frames, [_layer(request, call)], request.s, call)
        return response

    def GetOutputPaths(
        self, request: job_pb2.LayerGetOutputPathsRequest, call: Call
    ) -> job_pb2.LayerGetOutputPathsResponse:
        """The files that a layer writes, as registered."""
        return job_pb2.LayerGetOutputPathsResponse(output_paths=_layer(request, call).outputs)

    # --- limits ---------------------------------------------------------------------------------------------------

    async def AddLimit(self, request: job_pb2.LayerAddLimitRequest, call: Call) -> None:
        """Count a layer by one more limit."""
        await call.submit(c.AddLayerLimit(_layer(request, call).id, request.limit_id))

    async def DropLimit(self, request: job_pb2.LayerDropLimitRequest, call: Call) -> None:
        """Count a layer no longer by a limit."""
        await call.submit(c.DropLayerLimit(_layer(request, call).id, request.limit_id))

    def GetLimits(self, request: job_pb2.LayerGetLimitsRequest, call: Call) -> job_pb2.LayerGetLimitsResponse:
        """The limits that exist of those that a layer names."""
        farm, now_us = call.farm, call.engine.now_us()
        limits = limits_of_layer(farm, _layer(request, call))
        return job_pb2.LayerGetLimitsResponse(
            limits=[limit_message(limit_row(farm, limit, now_us)) for limit in limits]
        )

    # --- frames ---------------------------------------------------------------------------------------------------

    async def KillFrames(self, request: job_pb2.LayerKillFramesRequest, call: Call) -> None:
        """End all runs of a layer."""
        command = c.KillFrames(_all_frames(request, call), kill_message(request, "layer killed"))
        await call.submit(command, actor=request.username, reason=request.reason)

    async def EatFrames(self, request: job_pb2.LayerEatFramesRequest, call: Call) -> None:
        """Give all frames of a layer up."""
        await call.submit(c.EatFrames(_all_frames(request, call), change_message(call, "eaten")))

    async def RetryFrames(self, request: job_pb2.LayerRetryFramesRequest, call: Call) -> None:
        """Let all frames of a layer run again."""
        await call.submit(c.RetryFrames(_all_frames(request, call), change_message(call, "retried")))

    async def MarkdoneFrames(self, request: job_pb2.LayerMarkdoneFramesRequest, call: Call) -> None:
        """Satisfy what waits for a layer or for frames of it."""
        await call.submit(c.MarkDone(_all_frames(request, call), (request.layer.id,)))

    async def ReorderFrames(self, request: job_pb2.LayerReorderFramesRequest, call: Call) -> None:
        """Give a range of frames another place in the layer's order."""
        layer = _layer(request, call)
        numbers = numbers_of([layer], request.range, call.engine.core.bounds)
        order = ORDERS.get(request.order, str(request.order))
        await call.submit(c.ReorderFrames(layer.id, numbers, order))

    async def AddRenderPartition(
        self, request: job_pb2.LayerAddRenderPartitionRequest, call: Call
    ) -> job_pb2.LayerAddRenderPartitionResponse:
        """Render a layer on a part of its user's host."""
        layer = _layer(request, call)
        partition = await add_partition(call, request, call.farm.jobs[layer.job_id], layer)
        return job_pb2.LayerAddRenderPartitionResponse(render_partition=partition)

    async def StaggerFrames(self, request: job_pb2.LayerStaggerFramesRequest, call: Call) -> None:
        """Run every `stagger`-th frame of a range first, then those between."""
        layer = _layer(request, call)
        numbers = numbers_of([layer], request.range, call.engine.core.bounds)
        await call.submit(c.StaggerFrames(layer.id, numbers, request.stagger))

    async def RegisterOutputPath(self, request: job_pb2.LayerRegisterOutputPathRequest, call: Call) -> None:
        """Say that a layer writes a file."""
        await call.submit(c.AddOutput(_layer(request, call).id, request.spec))

    # --- changing -------------------------------------------------------------------------------------------------

    async def SetTags(self, request: job_pb2.LayerSetTagsRequest, call: Call) -> None:
        """Set the tags of which a host must have one."""
        await _change(request, call, tags=tuple(request.tags))

    async def SetMinCores(self, request: job_pb2.LayerSetMinCoresRequest, call: Call) -> None:
        """Set the cores that a frame gets, to a hundredth; 0 is a whole host, below that all but so much."""
        await _change(request, call, min_cores=frame_units(request.cores, "the cores of a frame", call.warnings))

    async def SetMaxCores(self, request: job_pb2.LayerSetMaxCoresRequest, call: Call) -> None:
        """Set the cores that a frame may get, to a hundredth; 0 is no limit."""
        await _change(request, call, max_cores=units(request.cores, "the maximum of cores"))

    async def SetMinGpus(self, request: job_pb2.LayerSetMinGpusRequest, call: Call) -> None:
        """Set the GPUs that a frame gets."""
        await _change(request, call, min_gpus=request.min_gpus)

    async def SetMaxGpus(self, request: job_pb2.LayerSetMaxGpusRequest, call: Call) -> None:
        """Set the GPUs that a frame may get."""
        await _change(request, call, max_gpus=request.max_gpus)

    async def SetMinMemory(self, request: job_pb2.LayerSetMinMemoryRequest, call: Call) -> None:
        """Set the memory that a frame gets, in KiB, at least 256 MiB."""
        if request.memory < MIN_MEMORY:
            call.warnings.append(f"{request.memory} KB is less than the least memory of a frame, so 256 MB is used")
        await _change(request, call, min_memory=request.memory)

    async def SetMinGpuMemory(self, request: job_pb2.LayerSetMinGpuMemoryRequest, call: Call) -> None:
        """Set the GPU memory that a frame gets, in KiB."""
        await _change(request, call, min_gpu_memory=request.gpu_memory)

    async def SetThreadable(self, request: job_pb2.LayerSetThreadableRequest, call: Call) -> None:
        """Say whether a frame can use more cores than it asks for."""
        await _change(request, call, threadable=request.threadable)

    async def SetTimeout(self, request: job_pb2.LayerSetTimeoutRequest, call: Call) -> None:
        """Set how long a frame may run, in minutes."""
        await _change(request, call, timeout_minutes=request.timeout)

    async def SetTimeoutLLU(self, request: job_pb2.LayerSetTimeoutLLURequest, call: Call) -> None:
        """Set how long a frame may write nothing to its log, in minutes."""
        await _change(request, call, timeout_llu_minutes=request.timeout_llu)

    async def SetDispatchOrder(self, request: job_pb2.LayerSetDispatchOrderRequest, call: Call) -> None:
        """Set a layer's place among the layers of its job."""
        await _change(request, call, dispatch_order=request.order)

    async def EnableMemoryOptimizer(self, request: job_pb2.LayerEnableMemoryOptimizerRequest, call: Call) -> None:
        """Say whether the layer's memory may be lowered to what its frames use."""
        await _change(request, call, memory_optimizer=request.value)

    async def SetStartAfter(self, request: job_pb2.LayerSetStartAfterRequest, call: Call) -> None:
        """Book no frame of a layer before a time in seconds since the epoch; 0 clears it."""
        most_days = call.engine.core.bounds.start_after_days
        if not 0 <= request.start_after * SECOND <= call.engine.now_us() + most_days * 24 * HOUR:
            raise Invalid(
                f"start_after {request.start_after}: accepted is 0, or seconds since the epoch at most {most_days} days"
                " ahead (limit start_after_days)"
            )
        reason = f"Set by {quoted(request.username) or 'unknown'}" if request.start_after else ""
        command = c.Change(
            "layer",
            _layer(request, call).id,
            {"start_after_us": request.start_after * SECOND, "start_after_reason": reason},
        )
        await call.submit(command, actor=request.username)

    # --- depends --------------------------------------------------------------------------------------------------

    async def CreateDependencyOnJob(
        self, request: job_pb2.LayerCreateDependOnJobRequest, call: Call
    ) -> job_pb2.LayerCreateDependOnJobResponse:
        """Make a layer wait for a job."""
        er, on = Side.of_layer(call.farm, request.layer.id), Side.of_job(call.farm, request.job.id)
        depend = await add_depend(call, DependType.LAYER_ON_JOB, er, on)
        return job_pb2.LayerCreateDependOnJobResponse(depend=depend)

    async def CreateDependencyOnLayer(
        self, request: job_pb2.LayerCreateDependOnLayerRequest, call: Call
    ) -> job_pb2.LayerCreateDependOnLayerResponse:
        """Make a layer wait for a layer."""
        er, on = Side.of_layer(call.farm, request.layer.id), Side.of_layer(call.farm, request.depend_on_layer.id)
        depend = await add_depend(call, DependType.LAYER_ON_LAYER, er, on)
        return job_pb2.LayerCreateDependOnLayerResponse(depend=depend)

    async def CreateDependencyOnFrame(
        self, request: job_pb2.LayerCreateDependOnFrameRequest, call: Call
    ) -> job_pb2.LayerCreateDependOnFrameResponse:
        """Make a layer wait for a frame."""
        er, on = Side.of_layer(call.farm, request.layer.id), Side.of_frame(call.farm, request.frame.id)
        depend = await add_depend(call, DependType.LAYER_ON_FRAME, er, on)
        return job_pb2.LayerCreateDependOnFrameResponse(depend=depend)

    async def CreateFrameByFrameDependency(
        self, request: job_pb2.LayerCreateFrameByFrameDependRequest, call: Call
    ) -> job_pb2.LayerCreateFrameByFrameDependResponse:
        """Make each frame of a layer wait for the frame of the same number of another."""
        er, on = Side.of_layer(call.farm, request.layer.id), Side.of_layer(call.farm, request.depend_layer.id)
        depend = await add_depend(call, DependType.FRAME_BY_FRAME, er, on, any_frame=request.any_frame)
        return job_pb2.LayerCreateFrameByFrameDependResponse(depend=depend)

    async def DropDepends(self, request: job_pb2.LayerDropDependsRequest, call: Call) -> None:
        """Let a layer go; depends of single frames stay."""
        depends = [d for d in layer_waits_by(call.farm, _layer(request, call)) if d.type in LAYER_TYPES]
        await drop(call, depends, request.target)

    def GetWhatDependsOnThis(
        self, request: job_pb2.LayerGetWhatDependsOnThisRequest, call: Call
    ) -> job_pb2.LayerGetWhatDependsOnThisResponse:
        """What waits for a layer or for frames of it."""
        depends = call.farm.depends_on(_layer(request, call))
        return job_pb2.LayerGetWhatDependsOnThisResponse(depends=depend_seq(call.farm, depends))

    def GetWhatThisDependsOn(
        self, request: job_pb2.LayerGetWhatThisDependsOnRequest, call: Call
    ) -> job_pb2.LayerGetWhatThisDependsOnResponse:
        """What a layer and its frames wait for."""
        depends = layer_waits_by(call.farm, _layer(request, call))
        return job_pb2.LayerGetWhatThisDependsOnResponse(depends=depend_seq(call.farm, depends))


def _layer(request: OfLayer, call: Call) -> Layer:
    layer: Layer = call.farm.get("layer", request.layer.id)
    return layer


def _all_frames(request: OfLayer, call: Call) -> c.Selection:
    layer = _layer(request, call)
    return {layer.id: as_indices(range(len(layer.frames)))}


async def _change(request: OfLayer, call: Call, **changes: Any) -> None:
    await call.submit(c.Change("layer", _layer(request, call).id, changes))

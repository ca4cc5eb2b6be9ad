"""The part of cuefarm.v1 FarmInterface that sets what published messages lack: owners, limits, retries, depends."""

from __future__ import annotations

from cuebot.decide.time_limits import ends_us
from cuebot.domain import commands as c
from cuebot.domain.errors import Invalid, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Depend
from cuebot.domain.states import DependType
from cuebot.queries.depends import depend_row, waiting_in
from cuebot.queries.frames import numbers_with_displays
from cuebot.queries.layers import in_dispatch_order
from cuebot.queries.lookup import Scope, job_of, scope_of
from cuebot.queries.units import in_cores
from cuebot.wire.call import Call
from cuebot.wire.services.dependencies import Side, add_depend
from cuebot.wire.values import int32
from cuefarm_proto import farm_pb2


class JobSettings:
    """Owners, time limits, retries, and depends of any type."""

    async def SetJobOwner(self, request: farm_pb2.SetJobOwnerRequest, call: Call) -> farm_pb2.SetJobOwnerResponse:
        """Give a job to somebody else."""
        uid = request.uid if request.HasField("uid") else None
        changes = {"user": request.user, "uid": uid}
        await call.submit(c.Change("job", _job_id(call, request.job), changes))
        return farm_pb2.SetJobOwnerResponse()

    async def SetJobTimeLimit(
        self, request: farm_pb2.SetJobTimeLimitRequest, call: Call
    ) -> farm_pb2.SetJobTimeLimitResponse:
        """Say how long a job may go on."""
        changes = {"time_limit_minutes": request.minutes}
        await call.submit(c.Change("job", _job_id(call, request.job), changes))
        return farm_pb2.SetJobTimeLimitResponse()

    async def SetLayerMaxRetries(
        self, request: farm_pb2.SetLayerMaxRetriesRequest, call: Call
    ) -> farm_pb2.SetLayerMaxRetriesResponse:
        """Say how often the frames of a layer are tried again."""
        layer = scope_of(call.farm, request.job, request.layer, "").layer
        if layer is None:
            raise Invalid("name the layer whose retries are meant")
        retries = request.max_retries if request.HasField("max_retries") else None
        await call.submit(c.Change("layer", layer.id, {"max_retries": retries}))
        return farm_pb2.SetLayerMaxRetriesResponse()

    async def AddDepend(self, request: farm_pb2.AddDependRequest, call: Call) -> farm_pb2.AddDependResponse:
        """Make a job, a layer or a frame wait for another."""
        er = scope_of(call.farm, request.job, request.layer, request.frame)
        on = scope_of(call.farm, request.on_job, request.on_layer, request.on_frame)
        name = request.type.upper() or f"{_kind(er)}_ON_{_kind(on)}"
        if name not in DependType.__members__:
            raise Invalid(f"there is no type of depend {quoted(name)!r}; there are {', '.join(DependType.__members__)}")
        depend = await add_depend(
            call,
            DependType[name],
            _side(er),
            _side(on),
            any_frame=request.any_frame,
            on_failure=request.on_failure,
        )
        return farm_pb2.AddDependResponse(depend_id=depend.id)

    def GetJobSettings(self, request: farm_pb2.GetJobSettingsRequest, call: Call) -> farm_pb2.GetJobSettingsResponse:
        """What a job and its layers have that published messages have no field for."""
        farm = call.farm
        job = farm.jobs[_job_id(call, request.job)]
        layers = [
            farm_pb2.LayerSettings(
                layer_id=layer.id,
                layer_name=layer.name,
                max_retries=layer.max_retries,
                max_cores=in_cores(max(layer.max_cores, 0)),
                displays=numbers_with_displays(farm, layer),
            )
            for layer in in_dispatch_order(farm, job)
        ]
        return farm_pb2.GetJobSettingsResponse(
            job_id=job.id,
            job_name=job.name,
            user=job.user,
            uid=job.uid,
            max_retries=int32(job.max_retries),
            time_limit_minutes=int32(job.time_limit_minutes),
            time_limit_ends_us=ends_us(job),
            subscribers=job.subscribers,
            layers=layers,
            depends=[_depend(farm, depend) for depend in waiting_in(farm, job)],
        )


def _depend(farm: Farm, depend: Depend) -> farm_pb2.DependSettings:
    row = depend_row(farm, depend)
    return farm_pb2.DependSettings(
        depend_id=row.id,
        type=row.type.name,
        active=row.active,
        any_frame=row.any_frame,
        on_failure=depend.on_failure,
        layer=row.er_layer,
        frame=row.er_frame,
        on_job=row.on_job,
        on_layer=row.on_layer,
        on_frame=row.on_frame,
    )


def _kind(scope: Scope) -> str:
    """What is named: a job, a layer or a frame."""
    return "JOB" if scope.layer is None else "LAYER" if scope.index is None else "FRAME"


def _side(scope: Scope) -> Side:
    return Side(scope.job.id, scope.layer.id if scope.layer else None, scope.index)


def _job_id(call: Call, text: str) -> str:
    if not text:
        raise Invalid("name the job, by its name or its id")
    return job_of(call.farm, text).id

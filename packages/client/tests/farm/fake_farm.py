"""A farm in memory behind a real gRPC server on a loopback port.

It answers the reads that the client needs from small dicts, accepts every change of the interfaces it offers, keeps a
record of all requests, and refuses everything else as a real server does: UNIMPLEMENTED.
"""

from __future__ import annotations

import importlib
from concurrent import futures
from dataclasses import dataclass
from typing import Any, Optional

import grpc
from opencue_proto import (
    comment_pb2,
    department_pb2,
    depend_pb2,
    facility_pb2,
    filter_pb2,
    host_pb2,
    job_pb2,
    limit_pb2,
    service_pb2,
    show_pb2,
    subscription_pb2,
    task_pb2,
)

from cuefarm_proto import farm_pb2
from opencue.cuebot import INTERFACES

OFFERED = {
    "AllocationInterface",
    "CommentInterface",
    "CueInterface",
    "DepartmentInterface",
    "DependInterface",
    "FacilityInterface",
    "FarmInterface",
    "FilterInterface",
    "FrameInterface",
    "GroupInterface",
    "HostInterface",
    "JobInterface",
    "LayerInterface",
    "LimitInterface",
    "OwnerInterface",
    "ProcInterface",
    "ServiceInterface",
    "ServiceOverrideInterface",
    "ShowInterface",
    "SubscriptionInterface",
    "TaskInterface",
}
KEPT = {
    "GroupInterface.SetMaxCores": ("max_cores", "max_cores"),
    "JobInterface.SetMaxCores": ("val", "max_cores"),
    "JobInterface.SetMinCores": ("val", "min_cores"),
    "LayerInterface.SetMinCores": ("cores", "min_cores"),
    "LayerInterface.SetMinGpuMemory": ("gpu_memory", "min_gpu_memory"),
    "LayerInterface.SetMinMemory": ("memory", "min_memory"),
    "ShowInterface.SetDefaultMaxCores": ("max_cores", "default_max_cores"),
    "ShowInterface.SetDefaultMinCores": ("min_cores", "default_min_cores"),
}
"""Setters whose values are kept: the field of the request, and that of the thing."""
READS = ("Get", "Find", "IsJobPending", "Explain", "Read")
NOW = 1_700_000_000


@dataclass(frozen=True)
class Call:
    """One request that arrived."""

    name: str  # "JobInterface.Kill"
    request: Any
    metadata: dict[str, str]
    seconds_left: float


class FakeFarm(grpc.GenericRpcHandler):
    """The server. Its dicts are its state: fill them, call it, look at `calls`."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.failures: list[grpc.StatusCode] = []  # statuses to answer with next, one a call
        self.not_offered: set[str] = set()
        self.changed: dict[str, int] = {}  # what calls say that they changed, by their name; 1 where it is not given
        self.groups: dict[str, job_pb2.Group] = {}  # made when they are asked for
        self.stores: dict[str, float] = {}  # what setters keep instead of what they are given, by their name
        self.says_that_it_answers = (
            True  # with an UNAVAILABLE of its own; a proxy before a server that is away does not
        )
        self.says_what_changed = True  # OpenCue's server does not
        self.jobs: dict[str, job_pb2.Job] = {}
        self.layers: dict[str, list[job_pb2.Layer]] = {}  # by job name
        self.frames: dict[str, list[job_pb2.Frame]] = {}  # by job name
        self.depends: dict[str, list[depend_pb2.Depend]] = {}  # by job name
        self.settings: dict[str, farm_pb2.GetJobSettingsResponse] = {}  # by job id
        self.hosts: dict[str, host_pb2.Host] = {}
        self.procs: list[host_pb2.Proc] = []
        self.shows: dict[str, show_pb2.Show] = {}
        self.allocations: dict[str, facility_pb2.Allocation] = {}
        self.subscriptions: dict[str, subscription_pb2.Subscription] = {}
        self.services: dict[str, service_pb2.Service] = {}
        self.limits: dict[str, limit_pb2.Limit] = {}  # made when they are asked for
        self.owners: dict[str, host_pb2.Owner] = {}
        self.explanation = farm_pb2.ExplainResponse()
        self.remarks: list[comment_pb2.Comment] = []  # on every host that has some
        self.runs: list[farm_pb2.Run] = []  # newest first
        self.failed: list[farm_pb2.Failure] = []
        self.event_answers: list[farm_pb2.GetEventsResponse] = []
        self.event_requests: list[farm_pb2.GetEventsRequest] = []
        self.log_pieces: list[bytes] = []  # what each call of ReadLog finds written, the last one when the run is over
        self.doors = farm_pb2.GetDoorsResponse()
        self.specification = "<spec/>"
        self.token: Optional[str] = None  # what calls must have; None: it is not looked at
        self.lets_in_without_token = True  # as a server does with its own user
        self.port = 0
        self._server: Optional[grpc.Server] = None

    def start(self, port: int = 0) -> FakeFarm:
        """Listen on a loopback port, a free one unless it is given."""
        self._server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((self,))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop listening and end the calls in progress."""
        if self._server is not None:
            self._server.stop(grace=None).wait()
            self._server = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def changes(self) -> list[Call]:
        """Return the calls that asked for a change, without probes and reads."""
        return [call for call in self.calls if not call.name.split(".")[1].startswith(READS)]

    def only(self, name: str) -> Any:
        """Return the request of the one call of that name; fail if there was none or more."""
        requests = [call.request for call in self.calls if call.name == name]
        assert len(requests) == 1, f"{name} was called {len(requests)} times; calls: {[c.name for c in self.calls]}"
        return requests[0]

    def service(self, handler_call_details: Any) -> Any:
        """Find what answers a call (gRPC asks this of a handler)."""
        path, method = handler_call_details.method.lstrip("/").split("/")
        interface = path.split(".")[-1]
        if interface not in OFFERED or f"{interface}.{method}" in self.not_offered:
            return None
        request_class, response_class = _messages(interface, method)
        metadata = dict(handler_call_details.invocation_metadata)

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            name = f"{interface}.{method}"
            self.calls.append(Call(name, request, metadata, context.time_remaining()))
            if self.token is not None and "cuefarm-token" in metadata and metadata["cuefarm-token"] != self.token:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "the cuefarm-token of this call is not the server's")
            if self.token is not None and "cuefarm-token" not in metadata and not self.lets_in_without_token:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "this server does not know who calls")
            if self.failures:
                if self.failures[0] is grpc.StatusCode.UNAVAILABLE and self.says_that_it_answers:
                    context.set_trailing_metadata([("cuefarm-unavailable", "now")])
                context.abort(self.failures.pop(0), "told to fail")
            if self.says_what_changed and not method.startswith(READS):
                context.set_trailing_metadata([("cuefarm-changed", str(self.changed.get(name, 1)))])
            self._keep(name, request)
            known = getattr(self, f"{interface}_{method}", None)
            return known(request, context) if known else response_class()

        return grpc.unary_unary_rpc_method_handler(
            answer, request_class.FromString, lambda response: response.SerializeToString()
        )

    def _keep(self, name: str, request: Any) -> None:
        if name not in KEPT:
            return
        kind, (given, kept) = name.partition("Interface")[0].lower(), KEPT[name]
        named = getattr(request, kind)
        layers = {layer.id: layer for layers in self.layers.values() for layer in layers}
        things: dict[str, Any] = {
            "job": self.jobs.get(named.name),
            "layer": layers.get(named.id),
            "show": self.shows.get(named.name),
            "group": self.groups.get(named.name),
        }
        if things[kind] is not None:
            setattr(things[kind], kept, self.stores.get(name, getattr(request, given)))

    def GroupInterface_FindGroup(self, request: Any, context: Any) -> Any:
        made = job_pb2.Group(id=f"id-{request.name}", name=request.name)
        return job_pb2.GroupFindGroupResponse(group=self.groups.setdefault(request.name, made))

    # --- Jobs

    def JobInterface_FindJob(self, request: Any, context: Any) -> Any:
        active = {name: job for name, job in self.jobs.items() if job.state != job_pb2.FINISHED}
        return job_pb2.JobFindJobResponse(job=_find(active, request.name, "job", context))

    def JobInterface_GetJob(self, request: Any, context: Any) -> Any:
        by_id = {job.id: job for job in self.jobs.values()}
        return job_pb2.JobGetJobResponse(job=_find(by_id, request.id, "job", context))

    def JobInterface_GetJobs(self, request: Any, context: Any) -> Any:
        return job_pb2.JobGetJobsResponse(jobs=job_pb2.JobSeq(jobs=self._matching(request.r)))

    def JobInterface_GetJobNames(self, request: Any, context: Any) -> Any:
        return job_pb2.JobGetJobNamesResponse(names=[job.name for job in self._matching(request.r)])

    def JobInterface_IsJobPending(self, request: Any, context: Any) -> Any:
        return job_pb2.JobIsJobPendingResponse(value=request.name in self.jobs)

    def JobInterface_LaunchSpecAndWait(self, request: Any, context: Any) -> Any:
        return job_pb2.JobLaunchSpecAndWaitResponse(jobs=job_pb2.JobSeq(jobs=self.jobs.values()))

    def JobInterface_GetLayers(self, request: Any, context: Any) -> Any:
        return job_pb2.JobGetLayersResponse(layers=job_pb2.LayerSeq(layers=self.layers.get(request.job.name, [])))

    def JobInterface_GetFrames(self, request: Any, context: Any) -> Any:
        frames = _page(self.frames.get(request.job.name, []), request.req)
        return job_pb2.JobGetFramesResponse(frames=job_pb2.FrameSeq(frames=frames))

    def JobInterface_GetDepends(self, request: Any, context: Any) -> Any:
        depends = depend_pb2.DependSeq(depends=self.depends.get(request.job.name, []))
        return job_pb2.JobGetDependsResponse(depends=depends)

    def JobInterface_GetWhatThisDependsOn(self, request: Any, context: Any) -> Any:
        mine = [depend for depend in self.depends.get(request.job.name, []) if not depend.depend_er_layer]
        return job_pb2.JobGetWhatThisDependsOnResponse(depends=depend_pb2.DependSeq(depends=mine))

    def JobInterface_SetPriority(self, request: Any, context: Any) -> Any:
        self.jobs[request.job.name].priority = request.val
        return job_pb2.JobSetPriorityResponse()

    def FarmInterface_GetJobSettings(self, request: Any, context: Any) -> Any:
        return self.settings.get(request.job, farm_pb2.GetJobSettingsResponse())

    def _matching(self, criteria: Any) -> list[Any]:
        found = sorted(self.jobs.values(), key=lambda job: job.name)
        if not criteria.include_finished:
            found = [job for job in found if job.state != job_pb2.FINISHED]
        if criteria.ids:
            found = [job for job in found if job.id in criteria.ids]
        if criteria.shows:
            found = [job for job in found if job.show in criteria.shows]
        if criteria.users:
            found = [job for job in found if job.user in criteria.users]
        if criteria.jobs:
            found = [job for job in found if job.name in criteria.jobs]
        if criteria.substr:
            found = [job for job in found if any(part in job.name for part in criteria.substr)]
        return found

    # --- Layers and frames

    def LayerInterface_FindLayer(self, request: Any, context: Any) -> Any:
        by_name = {layer.name: layer for layer in self.layers.get(request.job, [])}
        return job_pb2.LayerFindLayerResponse(layer=_find(by_name, request.layer, "layer", context))

    def LayerInterface_GetFrames(self, request: Any, context: Any) -> Any:
        every = [frame for frames in self.frames.values() for frame in frames]
        frames = _page([frame for frame in every if frame.layer_name == request.layer.name], request.s)
        return job_pb2.LayerGetFramesResponse(frames=job_pb2.FrameSeq(frames=frames))

    def LayerInterface_GetWhatDependsOnThis(self, request: Any, context: Any) -> Any:
        every = [depend for depends in self.depends.values() for depend in depends]
        mine = [depend for depend in every if depend.depend_on_layer == request.layer.name]
        return job_pb2.LayerGetWhatDependsOnThisResponse(depends=depend_pb2.DependSeq(depends=mine))

    def LayerInterface_GetWhatThisDependsOn(self, request: Any, context: Any) -> Any:
        every = [depend for depends in self.depends.values() for depend in depends]
        mine = [depend for depend in every if depend.depend_er_layer == request.layer.name]
        return job_pb2.LayerGetWhatThisDependsOnResponse(depends=depend_pb2.DependSeq(depends=mine))

    def FrameInterface_GetFrames(self, request: Any, context: Any) -> Any:
        frames = _page(self.frames.get(request.job, []), request.r)
        return job_pb2.FrameGetFramesResponse(frames=job_pb2.FrameSeq(frames=frames))

    # --- Hosts and procs

    def HostInterface_GetHosts(self, request: Any, context: Any) -> Any:
        found = list(self.hosts.values())
        if request.r.hosts:
            found = [host for host in found if host.name in request.r.hosts]
        if request.r.substr:
            found = [host for host in found if any(part in host.name for part in request.r.substr)]
        if request.r.states.state:
            found = [host for host in found if host.state in request.r.states.state]
        return host_pb2.HostGetHostsResponse(hosts=host_pb2.HostSeq(hosts=found))

    def HostInterface_GetComments(self, request: Any, context: Any) -> Any:
        return host_pb2.HostGetCommentsResponse(comments=comment_pb2.CommentSeq(comments=self.remarks))

    def AllocationInterface_SetBillable(self, request: Any, context: Any) -> Any:
        context.set_trailing_metadata((("cuefarm-warning", "nothing is charged, f%C3%BCr niemanden"),))
        return facility_pb2.AllocSetBillableResponse()

    def HostInterface_FindHost(self, request: Any, context: Any) -> Any:
        return host_pb2.HostFindHostResponse(host=_find(self.hosts, request.name, "host", context))

    def ProcInterface_GetProcs(self, request: Any, context: Any) -> Any:
        found = self.procs
        if request.r.shows:
            found = [proc for proc in found if proc.show_name in request.r.shows]
        return host_pb2.ProcGetProcsResponse(procs=host_pb2.ProcSeq(procs=found))

    # --- Shows, allocations, subscriptions, services

    def ShowInterface_GetShows(self, request: Any, context: Any) -> Any:
        return show_pb2.ShowGetShowsResponse(shows=show_pb2.ShowSeq(shows=self.shows.values()))

    def ShowInterface_FindShow(self, request: Any, context: Any) -> Any:
        return show_pb2.ShowFindShowResponse(show=_find(self.shows, request.name, "show", context))

    def ShowInterface_CreateShow(self, request: Any, context: Any) -> Any:
        self.shows[request.name] = show_pb2.Show(id=f"id-{request.name}", name=request.name, active=True)
        return show_pb2.ShowCreateShowResponse(show=self.shows[request.name])

    def ShowInterface_FindFilter(self, request: Any, context: Any) -> Any:
        return show_pb2.ShowFindFilterResponse(filter=filter_pb2.Filter(id="id-f", name=request.name))

    def ShowInterface_GetServiceOverride(self, request: Any, context: Any) -> Any:
        data = service_pb2.Service(id="id-o", name=request.name, min_memory_increase=1)
        override = service_pb2.ServiceOverride(id="id-o", data=data)
        return show_pb2.ShowGetServiceOverrideResponse(service_override=override)

    def ShowInterface_GetDepartment(self, request: Any, context: Any) -> Any:
        found = department_pb2.Department(id="id-d", dept=request.department)
        return show_pb2.ShowGetDepartmentResponse(department=found)

    def DepartmentInterface_GetTasks(self, request: Any, context: Any) -> Any:
        tasks = [task_pb2.Task(id="id-t", shot="sh010", min_cores=4.0)]
        return department_pb2.DeptGetTasksResponse(tasks=task_pb2.TaskSeq(tasks=tasks))

    def ShowInterface_CreateOwner(self, request: Any, context: Any) -> Any:
        self.owners[request.name] = host_pb2.Owner(name=request.name, show=request.show.name)
        return show_pb2.ShowCreateOwnerResponse(owner=self.owners[request.name])

    def OwnerInterface_GetOwner(self, request: Any, context: Any) -> Any:
        return host_pb2.OwnerGetOwnerResponse(owner=_find(self.owners, request.name, "owner", context))

    def ShowInterface_GetSubscriptions(self, request: Any, context: Any) -> Any:
        mine = [entry for entry in self.subscriptions.values() if entry.show_name == request.show.name]
        return show_pb2.ShowGetSubscriptionResponse(subscriptions=subscription_pb2.SubscriptionSeq(subscriptions=mine))

    def ShowInterface_CreateSubscription(self, request: Any, context: Any) -> Any:
        entry = subscription_pb2.Subscription(
            name=f"{request.allocation_id}.{request.show.name}", size=int(request.size * 100)
        )
        return show_pb2.ShowCreateSubscriptionResponse(subscription=entry)

    def FacilityInterface_Get(self, request: Any, context: Any) -> Any:
        return facility_pb2.FacilityGetResponse(facility=facility_pb2.Facility(id="id-f", name=request.name))

    def AllocationInterface_Create(self, request: Any, context: Any) -> Any:
        allocation = facility_pb2.Allocation(name=f"{request.facility.name}.{request.name}", tag=request.tag)
        self.allocations[allocation.name] = allocation
        return facility_pb2.AllocCreateResponse(allocation=allocation)

    def AllocationInterface_GetAll(self, request: Any, context: Any) -> Any:
        allocations = facility_pb2.AllocationSeq(allocations=self.allocations.values())
        return facility_pb2.AllocGetAllResponse(allocations=allocations)

    def AllocationInterface_Find(self, request: Any, context: Any) -> Any:
        return facility_pb2.AllocFindResponse(allocation=_find(self.allocations, request.name, "allocation", context))

    def AllocationInterface_GetHosts(self, request: Any, context: Any) -> Any:
        mine = [host for host in self.hosts.values() if host.alloc_name == request.allocation.name]
        return facility_pb2.AllocGetHostsResponse(hosts=host_pb2.HostSeq(hosts=mine))

    def AllocationInterface_GetSubscriptions(self, request: Any, context: Any) -> Any:
        mine = [entry for entry in self.subscriptions.values() if entry.allocation_name == request.allocation.name]
        return facility_pb2.AllocGetSubscriptionsResponse(
            subscriptions=subscription_pb2.SubscriptionSeq(subscriptions=mine)
        )

    def SubscriptionInterface_Find(self, request: Any, context: Any) -> Any:
        return subscription_pb2.SubscriptionFindResponse(
            subscription=_find(self.subscriptions, request.name, "subscription", context)
        )

    def ServiceInterface_GetDefaultServices(self, request: Any, context: Any) -> Any:
        return service_pb2.ServiceGetDefaultServicesResponse(
            services=service_pb2.ServiceSeq(services=self.services.values())
        )

    def ServiceInterface_GetService(self, request: Any, context: Any) -> Any:
        return service_pb2.ServiceGetServiceResponse(service=_find(self.services, request.name, "service", context))

    # --- Limits

    def LimitInterface_Find(self, request: Any, context: Any) -> Any:
        made = limit_pb2.Limit(id=f"id-{request.name}", name=request.name)
        return limit_pb2.LimitFindResponse(limit=self.limits.setdefault(request.name, made))

    def LimitInterface_GetAll(self, request: Any, context: Any) -> Any:
        return limit_pb2.LimitGetAllResponse(limits=self.limits.values())

    # --- cuefarm.v1

    def FarmInterface_Explain(self, request: Any, context: Any) -> Any:
        if request.job not in {job.id for job in self.jobs.values()}:
            _find(self.jobs, request.job, "job", context)
        return self.explanation

    def FarmInterface_GetRuns(self, request: Any, context: Any) -> Any:
        if request.job and request.job not in {text for job in self.jobs.values() for text in (job.id, job.name)}:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no job {request.job!r}")
        found = [run for run in self.runs if not request.before_seq or run.seq < request.before_seq]
        if request.states:
            found = [run for run in found if run.state in request.states]
        if request.frame:
            found = [run for run in found if request.frame in (run.frame_id, str(run.number))]
        page = found[: request.limit]
        return farm_pb2.GetRunsResponse(runs=page, next_before_seq=page[-1].seq if len(found) > len(page) else 0)

    def FarmInterface_GetFailures(self, request: Any, context: Any) -> Any:
        return farm_pb2.GetFailuresResponse(failures=self.failed, complete=True)

    def FarmInterface_ReadLog(self, request: Any, context: Any) -> Any:
        if not self.log_pieces:
            context.abort(grpc.StatusCode.NOT_FOUND, "this server cannot see the folder of /logs/a.rqlog")
        written = self.log_pieces.pop(0) if request.wait_ms or not request.offset else self.log_pieces[0]
        data = written[request.offset :][: request.max_bytes or 5]
        end = request.offset + len(data)
        complete = not self.log_pieces and end == len(written)
        if not self.log_pieces:
            self.log_pieces.append(written)
        return farm_pb2.ReadLogResponse(
            run_id="run-1", data=data, offset=request.offset, next_offset=end, size=len(written), complete=complete
        )

    def FarmInterface_GetEvents(self, request: Any, context: Any) -> Any:
        """The answers of `event_answers` one by one, then a refusal, so that whoever follows ends."""
        self.event_requests.append(request)
        if not self.event_answers:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "that was all")
        return self.event_answers.pop(0)

    def FarmInterface_GetDoors(self, request: Any, context: Any) -> Any:
        return self.doors

    def FarmInterface_GetSpecification(self, request: Any, context: Any) -> Any:
        job = _find({**self.jobs, **{job.id: job for job in self.jobs.values()}}, request.job, "job", context)
        return farm_pb2.GetSpecificationResponse(job_id=job.id, job_name=job.name, text=self.specification)

    def FarmInterface_FindFinishedJobs(self, request: Any, context: Any) -> Any:
        found = [job for job in self.jobs.values() if job.state == job_pb2.FINISHED]
        found = [job for job in found if not request.parts or any(part in job.name for part in request.parts)]
        found = [job for job in found if not request.names or job.name in request.names]
        found.sort(key=lambda job: -job.stop_time)
        return farm_pb2.FindFinishedJobsResponse(job_ids=[job.id for job in found[: request.limit]], found=len(found))


def _find(things: dict[str, Any], name: str, kind: str, context: grpc.ServicerContext) -> Any:
    if name not in things:
        context.abort(grpc.StatusCode.NOT_FOUND, f"There is no {kind} {name!r}.")
    return things[name]


def _page(frames: list[Any], criteria: Any) -> list[Any]:
    if criteria.states.frame_states:
        frames = [frame for frame in frames if frame.state in criteria.states.frame_states]
    if criteria.layers:
        frames = [frame for frame in frames if frame.layer_name in criteria.layers]
    first = (max(criteria.page, 1) - 1) * criteria.limit
    return frames[first : first + criteria.limit]


def _messages(interface: str, method: str) -> tuple[Any, Any]:
    stem = next(stem for stem, name in INTERFACES.values() if name == interface)
    proto = importlib.import_module(f"{stem}_pb2")
    descriptor = proto.DESCRIPTOR.services_by_name[interface].methods_by_name[method]
    return getattr(proto, descriptor.input_type.name), getattr(proto, descriptor.output_type.name)

"""The gRPC server: every service of the published interface, and our own, on one port."""

from __future__ import annotations

import importlib
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from cuebot.domain.bounds import Bounds
from cuebot.engine.engine import Engine
from cuebot.engine.ports import FarmHistory, RunHistory
from cuebot.feed import EventFeed
from cuebot.wire.agents.reports import RqdReportInterface
from cuebot.wire.agents.streams import AgentStreams
from cuebot.wire.agents.work import AgentInterface
from cuebot.wire.authentication import Authentication
from cuebot.wire.call import Method, behaviour, not_offered, stream_behaviour
from cuebot.wire.connections import most_connections
from cuebot.wire.doors import Door, Doors, door_of
from cuebot.wire.not_offered import NOT_OFFERED
from cuebot.wire.rpc_actions import asked_by
from cuebot.wire.services.comments import CommentInterface
from cuebot.wire.services.cue import CueInterface
from cuebot.wire.services.departments import DepartmentInterface, TaskInterface
from cuebot.wire.services.depends import DependInterface
from cuebot.wire.services.facilities import AllocationInterface, FacilityInterface
from cuebot.wire.services.farm import FarmInterface
from cuebot.wire.services.filters import ActionInterface, FilterInterface, MatcherInterface
from cuebot.wire.services.frames import FrameInterface
from cuebot.wire.services.groups import GroupInterface
from cuebot.wire.services.hosts import HostAgents, HostInterface
from cuebot.wire.services.jobs import JobInterface
from cuebot.wire.services.layers import LayerInterface
from cuebot.wire.services.limits import LimitInterface
from cuebot.wire.services.monitoring import MonitoringInterface
from cuebot.wire.services.owners import DeedInterface, OwnerInterface
from cuebot.wire.services.partitions import RenderPartitionInterface
from cuebot.wire.services.procs import ProcInterface
from cuebot.wire.services.services import ServiceInterface, ServiceOverrideInterface
from cuebot.wire.services.shows import ShowInterface
from cuebot.wire.services.subscriptions import SubscriptionInterface
from cuebot.wire.strangers import Handler, Strangers
from cuebot.wire.traffic import Traffic
from cuebot.wire.without_effect import SETTERS_WITHOUT_EFFECT
from cuefarm_proto import agent_pb2, farm_pb2
from rqd import connections

BESIDE_SPEC_BYTES: Final = 1024 * 1024
"""What a message may have besides a specification. It is in memory whole before anybody looks at it."""

PUBLISHED_FILES: Final = (
    "comment",
    "cue",
    "department",
    "depend",
    "facility",
    "filter",
    "host",
    "job",
    "limit",
    "monitoring",
    "renderPartition",
    "report",
    "rqd",
    "service",
    "show",
    "subscription",
    "task",
)
"""The files of the published interface that define services."""


def service_descriptors() -> list[ServiceDescriptor]:
    """Descriptors of all services on the port, those of the published interface and ours."""
    files = [importlib.import_module(f"opencue_proto.{name}_pb2").DESCRIPTOR for name in PUBLISHED_FILES]
    return [
        service
        for file in (*files, farm_pb2.DESCRIPTOR, agent_pb2.DESCRIPTOR)
        for service in file.services_by_name.values()
    ]


def offered_services(
    *,
    streams: AgentStreams,
    bounds: Bounds,
    allow_root: bool,
    history: RunHistory | None = None,
    farm_history: FarmHistory | None = None,
    doors: Doors | None = None,
    host_agents: HostAgents | None = None,
    feed: EventFeed | None = None,
) -> dict[str, Any]:
    """The services that are offered, by full name. A method's name is its RPC's."""
    doors = doors or Doors(None)
    return {
        "comment.CommentInterface": CommentInterface(),
        "cue.CueInterface": CueInterface(),
        "department.DepartmentInterface": DepartmentInterface(),
        "depend.DependInterface": DependInterface(),
        "facility.AllocationInterface": AllocationInterface(),
        "facility.FacilityInterface": FacilityInterface(),
        "filter.ActionInterface": ActionInterface(),
        "filter.FilterInterface": FilterInterface(),
        "filter.MatcherInterface": MatcherInterface(),
        "host.HostInterface": HostInterface(host_agents),
        "host.DeedInterface": DeedInterface(),
        "host.OwnerInterface": OwnerInterface(),
        "host.ProcInterface": ProcInterface(),
        "job.FrameInterface": FrameInterface(),
        "job.GroupInterface": GroupInterface(),
        "job.JobInterface": JobInterface(allow_root=allow_root),
        "job.LayerInterface": LayerInterface(),
        "limit.LimitInterface": LimitInterface(),
        "monitoring.MonitoringInterface": MonitoringInterface(farm_history, bounds),
        "renderPartition.RenderPartitionInterface": RenderPartitionInterface(),
        "report.RqdReportInterface": RqdReportInterface(doors.book),
        "service.ServiceInterface": ServiceInterface(),
        "service.ServiceOverrideInterface": ServiceOverrideInterface(),
        "show.ShowInterface": ShowInterface(),
        "subscription.SubscriptionInterface": SubscriptionInterface(),
        "task.TaskInterface": TaskInterface(),
        "cuefarm.v1.AgentInterface": AgentInterface(streams),
        "cuefarm.v1.FarmInterface": FarmInterface(history, doors, bounds, feed, allow_root=allow_root),
    }


async def serve(
    engine: Engine,
    *,
    address: str,
    streams: AgentStreams,
    doors: Doors,
    allow_root: bool,
    history: RunHistory | None = None,
    host_agents: HostAgents | None = None,
    farm_history: FarmHistory | None = None,
    feed: EventFeed | None = None,
) -> tuple[grpc.aio.Server, int]:
    """Offer the farm on `address` (`host:port`, port 0 for any) and return the started server and its port.

    It runs on the engine's loop; `streams` are those that the engine's orders go through. `doors` says who is
    let in. `allow_root` lets jobs belong to root. Without a `history`, only runs under way are known, without a
    `farm_history` nothing of hosts and sums of before; without `host_agents`, no host is restarted or rebooted; without
    a `feed`, nobody is told what happens.
    Raises OSError when the address cannot be bound.
    """
    bounds = engine.core.bounds
    server = grpc.aio.server(
        interceptors=(Authentication(doors, Strangers(bounds)),),
        options=(
            ("grpc.max_receive_message_length", bounds.spec_bytes + BESIDE_SPEC_BYTES),
            ("grpc.max_send_message_length", bounds.reply_bytes),
            ("grpc.so_reuseport", 0),  # two servers on one port would each get half of the calls
            ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
            ("grpc.max_concurrent_streams", bounds.calls_per_connection),
            ("grpc.server.max_pending_requests", bounds.pending_calls),
            ("grpc.server.max_pending_requests_hard_limit", bounds.pending_calls),
            ("grpc.keepalive_time_ms", 60_000),  # a stream of a host that vanished must not stay for ever
            ("grpc.keepalive_timeout_ms", 20_000),  # also how long bytes may stay unacknowledged (`hang_up`)
            *connections.options(most_connections(bounds)),
        ),
        maximum_concurrent_rpcs=bounds.concurrent_calls,
    )
    offered = offered_services(
        streams=streams,
        bounds=bounds,
        doors=doors,
        allow_root=allow_root,
        history=history,
        host_agents=host_agents,
        farm_history=farm_history,
        feed=feed,
    )
    traffic, handlers = Traffic(engine), _Handlers()
    for service in service_descriptors():
        queues = None if door_of(service.full_name) is Door.AGENTS else traffic
        for rpc in service.methods:
            handler = _handler(engine, service, rpc, offered.get(service.full_name), queues)
            handlers.add(f"/{service.full_name}/{rpc.name}", handler)
    server.add_generic_rpc_handlers((handlers,))
    try:
        port = server.add_insecure_port(address)
        doors.address = f"{address.rpartition(':')[0]}:{port}"
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}: {error}; is another server running there?") from error
    await server.start()
    return server, port


class _Handlers(grpc.GenericRpcHandler):
    """All methods by path: gRPC asks one generic handler after another, so there is only one."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def add(self, path: str, handler: Handler) -> None:
        """Serve a method."""
        self._handlers[path] = handler

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """The handler of a call, or None where no interface has its method."""
        return self._handlers.get(handler_call_details.method)


def _handler(
    engine: Engine,
    service: ServiceDescriptor,
    rpc: MethodDescriptor,
    implementation: Any,
    traffic: Traffic | None,
) -> Handler:
    """The handler of one RPC. It takes and gives bytes; `behaviour` knows the messages."""
    name, asked = f"{service.name}.{rpc.name}", asked_by(service.full_name, rpc)
    request_type = GetMessageClass(rpc.input_type)
    reason = NOT_OFFERED.get(service.full_name, {}).get(rpc.name)
    if reason is not None:
        return grpc.unary_unary_rpc_method_handler(not_offered(engine, name, request_type, reason, asked))
    if rpc.client_streaming:
        work = getattr(implementation, rpc.name)
        return grpc.stream_stream_rpc_method_handler(stream_behaviour(engine, name, work, asked))
    method: Method = getattr(implementation, rpc.name)
    warning = SETTERS_WITHOUT_EFFECT.get(service.full_name, {}).get(rpc.name, "")
    answer = behaviour(engine, name, request_type, method, asked, warning, traffic)
    return grpc.unary_unary_rpc_method_handler(answer)

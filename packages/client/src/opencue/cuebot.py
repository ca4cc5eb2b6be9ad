"""The connection to the server, and which server that is (`Cuebot.init`)."""

from __future__ import annotations

import atexit
import collections
import importlib
import logging
import os
import random
import uuid
from types import ModuleType
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional, Union
from urllib.parse import quote

import grpc

from opencue import config as configuration
from opencue import listeners, running_farms, strangers
from opencue.caller import userName
from opencue.changed import ChangedInterceptor
from opencue.exception import (
    ConnectionException,
    CueException,
    RefusedException,
    ServerNotNamedException,
    transportReason,
)
from opencue.retrying import ExponentialBackoff as ExponentialBackoff
from opencue.retrying import RetryOnRpcErrorClientInterceptor as RetryOnRpcErrorClientInterceptor
from opencue.retrying import SleepingPolicy as SleepingPolicy
from opencue.switching import SwitchedChannel
from opencue.token import Token, TokenInUse
from opencue.warning import WarningInterceptor

logger = logging.getLogger("opencue")

DEFAULT_MAX_MESSAGE_BYTES = 1024 * 1024 * 10
DEFAULT_GRPC_PORT = 8443
DEFAULT_TIMEOUT_MS = 10_000
CONNECT_SECONDS = 3
"""How long a host may take to accept a connection; one that is off does not even refuse it."""
HOW_TO_NAME_A_SERVER = "Name the server with CUEBOT_HOSTS=HOST[:PORT], or start one with `cuefarm up`."


def how_to_reach_a_server() -> str:
    """What to do where no server answers; a variable that is set already is said to be, and where it counts."""
    named = configuration.hosts_from_environment()
    if not named or Cuebot.Hosts != named:
        return HOW_TO_NAME_A_SERVER
    variable = "CUEBOT_HOSTS" if os.environ.get("CUEBOT_HOSTS") else "OPENCUE_HOSTS"
    return f"The address is from {variable}; let that name a server that runs, or start one there with `cuefarm up`."


# Where each interface of the wire is defined: short name -> (module stem, name of the gRPC service).
INTERFACES = {
    "action": ("opencue_proto.filter", "ActionInterface"),
    "allocation": ("opencue_proto.facility", "AllocationInterface"),
    "comment": ("opencue_proto.comment", "CommentInterface"),
    "cue": ("opencue_proto.cue", "CueInterface"),
    "deed": ("opencue_proto.host", "DeedInterface"),
    "depend": ("opencue_proto.depend", "DependInterface"),
    "department": ("opencue_proto.department", "DepartmentInterface"),
    "facility": ("opencue_proto.facility", "FacilityInterface"),
    "farm": ("cuefarm_proto.farm", "FarmInterface"),
    "filter": ("opencue_proto.filter", "FilterInterface"),
    "frame": ("opencue_proto.job", "FrameInterface"),
    "group": ("opencue_proto.job", "GroupInterface"),
    "host": ("opencue_proto.host", "HostInterface"),
    "job": ("opencue_proto.job", "JobInterface"),
    "layer": ("opencue_proto.job", "LayerInterface"),
    "limit": ("opencue_proto.limit", "LimitInterface"),
    "matcher": ("opencue_proto.filter", "MatcherInterface"),
    "monitoring": ("opencue_proto.monitoring", "MonitoringInterface"),
    "owner": ("opencue_proto.host", "OwnerInterface"),
    "proc": ("opencue_proto.host", "ProcInterface"),
    "renderPartition": ("opencue_proto.renderPartition", "RenderPartitionInterface"),
    "service": ("opencue_proto.service", "ServiceInterface"),
    "serviceOverride": ("opencue_proto.service", "ServiceOverrideInterface"),
    "show": ("opencue_proto.show", "ShowInterface"),
    "subscription": ("opencue_proto.subscription", "SubscriptionInterface"),
    "task": ("opencue_proto.task", "TaskInterface"),
}


class _ByInterface(Mapping[str, Any]):
    """What there is for each interface, by its short name; loaded when it is asked for."""

    def __init__(self, names: Iterable[str], load: Callable[[str], Any]) -> None:
        self._names = sorted(names)
        self._load = load

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _proto(name: str) -> ModuleType:
    stem = "opencue_proto.criterion" if name == "criterion" else _interface(name)[0]
    return importlib.import_module(f"{stem}_pb2")


def _service(name: str) -> Callable[[grpc.Channel], Any]:
    stem, interface = _interface(name)
    return getattr(importlib.import_module(f"{stem}_pb2_grpc"), f"{interface}Stub")


class Cuebot:
    """The process's one connection, opened by the first call that needs it."""

    PROTO_MAP: Mapping[str, Any] = _ByInterface([*INTERFACES, "criterion"], _proto)
    SERVICE_MAP: Mapping[str, Any] = _ByInterface(INTERFACES, _service)
    RpcChannel: Optional[grpc.Channel] = None
    Hosts: list[str] = []
    Stubs: dict[str, Any] = {}
    _address = ""
    _token: Optional[TokenInUse] = None
    Config: dict[str, Any] = configuration.in_use()
    Timeout: int = Config.get("cuebot.timeout", DEFAULT_TIMEOUT_MS)  # milliseconds

    @staticmethod
    def init(config: Optional[dict[str, Any]] = None) -> None:
        """Find the server and connect.

        `config` replaces the configuration from the file. The server is named by the environment (CUEBOT_HOSTS), else
        by the facility that the environment (CUEBOT_FACILITY) or the configuration selects. Where neither says
        anything and nothing listens at the default address, it is the one farm that this user runs on this machine.
        """
        if config is not None:
            configuration.use(config)
            Cuebot.Config = config
            Cuebot.Timeout = config.get("cuebot.timeout", Cuebot.Timeout)
        hosts = configuration.hosts_from_environment()
        if not hosts and not configuration.names_a_server(Cuebot.Config):
            hosts = _only_farm_here()
        if hosts:
            Cuebot.setHosts(hosts)
        else:
            Cuebot.setHostWithFacility(
                configuration.facility_from_environment() or Cuebot.Config["cuebot.facility_default"]
            )

    @staticmethod
    def setChannel() -> None:
        """Connect to the first server that answers, in random order; raise ConnectionException when none does."""
        if not Cuebot.Hosts:
            raise CueException(f"No server is configured. {HOW_TO_NAME_A_SERVER}")
        channel = SwitchedChannel(Cuebot._connect(Cuebot._addresses()))
        retry = RetryOnRpcErrorClientInterceptor(
            max_attempts=1 + int(Cuebot.Config["cuebot.exception_retries"]),
            goes_to=lambda: channel.current,
            go_on=lambda failed: channel.go_on(failed, Cuebot._another),
        )
        Cuebot.RpcChannel = grpc.intercept_channel(
            channel, ChangedInterceptor(), RequestIdentityInterceptor(), WarningInterceptor(), retry
        )
        atexit.register(Cuebot.closeChannel)

    @staticmethod
    def _connect(addresses: list[str]) -> grpc.Channel:
        """Return a channel to the first of these servers that answers, in random order."""
        failures = []
        for address in random.sample(addresses, len(addresses)):
            target = listeners.number_of(address)
            token = TokenInUse(target, Cuebot.Config)
            channel = grpc.intercept_channel(
                Cuebot._openChannel(target), TokenInterceptor(token), strangers.StrangerInterceptor(token)
            )
            try:
                Cuebot._probe(channel)
            except grpc.RpcError as error:
                channel.close()
                if isinstance(error, strangers.StrangerListens):
                    raise
                if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                    raise _refused(token, error) from None
                failures.append(f"{address} ({transportReason(error)})")
                logger.info("no server answers at %s: %s", address, error.details())  # if none does, it is raised
                continue
            Cuebot._address, Cuebot._token = address, token
            return channel
        tried = f"No server answers at {', '.join(failures)}. {how_to_reach_a_server()}"
        raise ConnectionException(tried, code=grpc.StatusCode.UNAVAILABLE, details=tried)

    @staticmethod
    def _another() -> Optional[grpc.Channel]:
        """Return a channel to another of the hosts than the one in use, None where no other answers."""
        others = [address for address in Cuebot._addresses() if address != Cuebot._address]
        if not others:
            return None
        left = Cuebot._address
        try:
            channel = Cuebot._connect(others)
        except CueException as error:
            logger.info("no other host takes over from %s: %s", left, error)
            return None
        logger.warning("the server at %s is away; going on with %s", left, Cuebot._address)
        return channel

    @staticmethod
    def asked(reached: bool = True) -> list[str]:
        """Return the addresses of a call: that of the server it reached, else all that are tried."""
        return [Cuebot._address] if reached and Cuebot.RpcChannel is not None else Cuebot._addresses()

    @staticmethod
    def refused(error: grpc.RpcError) -> CueException:
        """Return what a refusal of the server means to whoever called."""
        return _refused(Cuebot._token or TokenInUse(" or ".join(Cuebot.asked()), Cuebot.Config), error)

    @staticmethod
    def closeChannel() -> None:
        """Close the connection; the next call opens a new one."""
        if Cuebot.RpcChannel is not None:
            Cuebot.RpcChannel.close()
            Cuebot.RpcChannel = None
        atexit.unregister(Cuebot.closeChannel)

    @staticmethod
    def resetChannel() -> None:
        """Close the connection and open it again, perhaps to another of the hosts."""
        Cuebot.closeChannel()
        Cuebot.setChannel()

    @staticmethod
    def setHostWithFacility(facility: str) -> None:
        """Connect to the servers of a facility; raise ServerNotNamedException where it is not configured."""
        try:
            hosts = configuration.hosts_of_facility(Cuebot.Config, facility)
        except ValueError as error:
            raise ServerNotNamedException(str(error)) from None
        Cuebot.setHosts(hosts)

    @staticmethod
    def setHosts(hosts: Union[str, list[str]]) -> None:
        """Connect to one of these servers, each `host` or `host:port`; raise ServerNotNamedException for a bad port."""
        named = [hosts] if isinstance(hosts, str) else list(hosts)
        for address in named:
            _check_port(address)
        Cuebot.Hosts = named
        Cuebot.resetChannel()

    @staticmethod
    def setTimeout(timeout: int) -> None:
        """Set how long each call may take, in milliseconds."""
        Cuebot.Timeout = timeout

    @classmethod
    def getProto(cls, name: str) -> ModuleType:
        """Return the module of messages that the interface `name` uses; ValueError if there is none."""
        return _proto(name)

    @classmethod
    def getService(cls, name: str) -> Callable[[grpc.Channel], Any]:
        """Return the stub class of the interface `name`; ValueError if there is none."""
        return _service(name)

    @classmethod
    def getStub(cls, name: str) -> Any:
        """Return a new stub of the interface `name`, connecting first where that has not happened."""
        service = cls.getService(name)
        if Cuebot.RpcChannel is None:
            if Cuebot.Hosts:
                cls.setChannel()
            else:
                cls.init()
        assert Cuebot.RpcChannel is not None, "connecting opens it, or raises"
        return service(Cuebot.RpcChannel)

    @staticmethod
    def getConfig() -> dict[str, Any]:
        """Return the configuration in use."""
        return Cuebot.Config

    @staticmethod
    def _addresses() -> list[str]:
        port = Cuebot.Config.get("cuebot.grpc_port", DEFAULT_GRPC_PORT)
        return [host if ":" in host else f"{host}:{port}" for host in Cuebot.Hosts]

    @staticmethod
    def _openChannel(address: str) -> grpc.Channel:
        limit = Cuebot.Config.get("cuebot.max_message_bytes", DEFAULT_MAX_MESSAGE_BYTES)
        return grpc.insecure_channel(
            address,
            options=[
                ("grpc.max_send_message_length", limit),
                ("grpc.max_receive_message_length", limit),
                # gRPC waits a second before it tries a lost connection again: longer than a server needs to restart.
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 1_600),
                ("grpc.min_reconnect_backoff_ms", CONNECT_SECONDS * 1000),  # as long as one attempt may take
                # Connections that gRPC shares have failures in common: this one would be refused for those of another.
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )

    @staticmethod
    def _probe(channel: grpc.Channel) -> None:
        """Ask something, to see whether a server answers and lets this client in."""
        stub = Cuebot.getService("cue")(grpc.intercept_channel(channel, RequestIdentityInterceptor()))
        stub.GetSystemStats(Cuebot.getProto("cue").CueGetSystemStatsRequest(), timeout=Cuebot.Timeout / 1000)


def _refused(token: TokenInUse, error: grpc.RpcError) -> CueException:
    detail = f"The server at {token.address} refuses this client: {token.why_refused(error.details() or '')}"
    return RefusedException(detail, code=grpc.StatusCode.UNAUTHENTICATED, details=detail)


def _only_farm_here() -> list[str]:
    """The address of the one farm that this user runs on this machine; none where the default address is another's.

    Raises CueException where there are several, and none is at the default address.
    """
    own = [farm.address for farm in running_farms.found() if running_farms.is_default(farm.address)]
    if own:
        return own[:1]  # exactly there: the default is a name, which may be another address too
    if running_farms.something_listens(running_farms.DEFAULT_ADDRESS):
        return []
    farms = running_farms.found()
    if len(farms) > 1:
        listed = "; ".join(f"CUEBOT_HOSTS={farm.address} ({farm.place})" for farm in farms)
        raise CueException(
            f"{len(farms)} farms of yours run on this machine, none at the default address. Choose one: {listed}"
        )
    for farm in farms:
        logger.info("using the farm on this machine at %s (%s)", farm.address, farm.place)
    return [farm.address for farm in farms]


PORT_MAX = 65_535
_SCHEMES = ("dns", "ipv4", "ipv6", "unix", "unix-abstract", "vsock", "xds")
"""How addresses begin that gRPC reads in a way of its own."""


def _check_port(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if not colon or host.split(":", 1)[0] in _SCHEMES or (":" in host and not host.endswith("]")):
        return
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= PORT_MAX):
        raise ServerNotNamedException(f"{address!r}: there is no port {port!r}; ports go from 1 to {PORT_MAX}")


def _interface(name: str) -> tuple[str, str]:
    if name not in INTERFACES:
        raise ValueError(f"There is no interface {name!r}. Known: {', '.join(sorted(INTERFACES))}")
    return INTERFACES[name]


REQUEST_ID = "cuefarm-request-id"
USER = "cuefarm-user"
TOKENS_TRIED_MAX = 3


class RequestIdentityInterceptor(grpc.UnaryUnaryClientInterceptor):
    """Names every request and who asks, so that a server knows a repeated request for the same one."""

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Add the metadata and go on."""
        metadata = [
            *(client_call_details.metadata or ()),
            (REQUEST_ID, str(uuid.uuid4())),
            (USER, quote(userName())),
        ]
        return continuation(_with_metadata(client_call_details, metadata), request)


class TokenInterceptor(grpc.UnaryUnaryClientInterceptor):
    """Sends one server its token, and no other."""

    def __init__(self, token: TokenInUse) -> None:
        self._token = token

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Add the token and go on; a call that was refused, and so not carried out, is made with another token."""
        metadata = [*(client_call_details.metadata or ())]
        tried: list[Optional[Token]] = []
        while True:
            tried.append(self._token.current)
            details = _with_metadata(client_call_details, [*metadata, *self._token.metadata()])
            response = continuation(details, request)
            if response.code() is not grpc.StatusCode.UNAUTHENTICATED:
                return response
            if len(tried) > TOKENS_TRIED_MAX or not self._token.change(tried):
                return response


class _CallDetails(
    collections.namedtuple("_CallDetails", "method timeout metadata credentials wait_for_ready compression"),
    grpc.ClientCallDetails,
):
    """gRPC's own record of a call has no constructor; this is one."""


def _with_metadata(details: Any, metadata: list[tuple[str, str]]) -> _CallDetails:
    return _CallDetails(
        details.method, details.timeout, metadata, details.credentials, details.wait_for_ready, details.compression
    )

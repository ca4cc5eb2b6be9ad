"""What another user of the machine tries on a farm; run as a program of its own, which becomes that user."""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import opencue_proto.rqd_pb2
from opencue_proto import cue_pb2, cue_pb2_grpc

from cuebot.wire.server import service_descriptors

PATIENCE_S = 20.0
HTTP_REQUESTS = (
    "GET /",
    "POST /open",
    "GET /open/x",
    "GET /nowhere",
    "DELETE /",
    "PUT /healthz",
    "OPTIONS /",
    "HEAD /",
)


def become(uid: int) -> None:
    """Be another user from now on, for good."""
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


def rpcs_of_server() -> list[tuple[str, bool]]:
    """Every method on a server's port, and whether it is a stream."""
    return [
        (f"/{service.full_name}/{rpc.name}", rpc.client_streaming)
        for service in service_descriptors()
        for rpc in service.methods
    ]


CALLS_A_CONNECTION = 15


def rpcs_of_agent() -> list[tuple[str, bool]]:
    """Every method on an agent's port."""
    services = opencue_proto.rqd_pb2.DESCRIPTOR.services_by_name.values()
    return [(f"/{service.full_name}/{rpc.name}", False) for service in services for rpc in service.methods]


def answers(target: str, rpcs: list[tuple[str, bool]], metadata: tuple[tuple[str, str], ...] = ()) -> dict[str, str]:
    """What each method answers to an empty message; a few calls a connection, since one refused often is ended."""
    found: dict[str, str] = {}
    options = [("grpc.use_local_subchannel_pool", 1)]
    for first in range(0, len(rpcs), CALLS_A_CONNECTION):
        some = rpcs[first : first + CALLS_A_CONNECTION]
        with grpc.insecure_channel(target, options=options) as channel, ThreadPoolExecutor(8) as threads:
            codes = threads.map(lambda rpc: _answer(channel, *rpc, metadata), some)
            found.update((name, code) for (name, _), code in zip(some, codes, strict=True))
    return found


def _answer(channel: Any, rpc: str, streams: bool, metadata: Any) -> str:
    try:
        if streams:
            list(channel.stream_stream(rpc)(iter([b""]), timeout=PATIENCE_S, metadata=metadata))
        else:
            channel.unary_unary(rpc)(b"", timeout=PATIENCE_S, metadata=metadata)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


def ask_http(address: str, method: str, path: str, source_port: int = 0) -> tuple[int, str]:
    """Status and body of a request, from a port of one's own choice."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    with connected(host, int(port), source_port) as link:
        connection = http.client.HTTPConnection(host, int(port))
        connection.sock = link
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def connected(host: str, port: int, source_port: int = 0) -> socket.socket:
    """A connection from a port of one's own choice, which is free again as soon as it is closed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    link = socket.socket(family)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    link.settimeout(PATIENCE_S)
    if source_port:
        link.bind((host, source_port))
    link.connect((host, port))
    return link


def call_from_port(address: str, source_port: int) -> str:
    """What the server answers to a real gRPC client that comes from this port, by a relay in this process."""
    host, _, port = address.rpartition(":")
    with socket.create_server(("127.0.0.1", 0)) as relay:

        def carry() -> None:
            inner, _ = relay.accept()
            with inner, connected(host, int(port), source_port) as outer:
                _carry_between(inner, outer)

        carrying = threading.Thread(target=carry, daemon=True)
        carrying.start()
        with grpc.insecure_channel(f"127.0.0.1:{relay.getsockname()[1]}") as channel:
            try:
                stub = cue_pb2_grpc.CueInterfaceStub(channel)
                stub.GetSystemStats(cue_pb2.CueGetSystemStatsRequest(), timeout=PATIENCE_S)
                code = "OK"
            except grpc.RpcError as error:
                code = str(error.code().name)
        carrying.join(PATIENCE_S)
    return code


def _carry_between(one: socket.socket, other: socket.socket) -> None:
    """Pass on what comes until either end has enough."""
    while True:
        for source in select.select([one, other], [], [], PATIENCE_S)[0]:
            try:
                data = source.recv(65_536)
            except OSError:
                data = b""
            if not data:
                return
            (other if source is one else one).sendall(data)


def take_port(host: str, port: str) -> str:
    """Listen where somebody else does, if the machine lets."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            own.bind((host.strip("[]"), int(port)))
            own.listen()
        except OSError as error:
            return os.strerror(error.errno or 0)
    return "OK"


def readable(paths: list[str]) -> list[str]:
    """Those of some files and folders that can be read."""
    found = []
    for path in paths:
        try:
            os.listdir(path) if os.path.isdir(path) else open(path, "rb").close()
            found.append(path)
        except OSError:
            continue
    return found


def main() -> None:
    """Do as the JSON on standard input says, as the user that it names."""
    wanted = json.load(sys.stdin)
    become(wanted["uid"])
    told: dict[str, Any] = {}
    for target in wanted.get("servers", ()):
        told[target] = answers(target, rpcs_of_server())
        told[f"{target} with a guess"] = answers(target, rpcs_of_server()[:5], (("cuefarm-token", "guess"),))
    for target in wanted.get("agents", ()):
        told[target] = answers(target, rpcs_of_agent())
    for target in wanted.get("http", ()):
        told[target] = {request: ask_http(target, *request.split()) for request in HTTP_REQUESTS}
        told[f"{target} ready"] = ask_http(target, "GET", "/readyz")
    for address, port in wanted.get("from_ports", ()):
        told[f"{address} from {port}"] = call_from_port(address, port)
    for address, port in wanted.get("http_from_ports", ()):
        told[f"http {address} from {port}"] = ask_http(address, "GET", "/", port)[0]
    told["taken"] = {port: take_port(*port.rsplit(":", 1)) for port in wanted.get("take", ())}
    told["readable"] = readable(wanted.get("files", []))
    print(json.dumps(told))


if __name__ == "__main__":
    main()

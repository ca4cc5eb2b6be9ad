"""Another user of the machine gets refusals only: on every port of server and agent, in every call, of every file."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import stranger
from farm_process import FarmProcess, layer, wait_for

UID = 20_123
"""Of nobody, as far as this machine knows."""

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="only root can become another user"
)


@pytest.fixture
def reachable_farm() -> Iterator[Callable[..., FarmProcess]]:
    """A maker of farms in folders that other users can come near, and of which nothing is left."""
    folder = Path(tempfile.mkdtemp(prefix="cuefarm-stranger-"))
    folder.chmod(0o755)
    made: list[FarmProcess] = []

    def make(*extra: str) -> FarmProcess:
        made.append(FarmProcess(folder / f"farm{len(made)}", *extra))
        return made[-1].start()

    yield make
    for process in made:
        process.cleanup()
    shutil.rmtree(folder)


def try_as_stranger(**wanted: Any) -> dict[str, Any]:
    """Let another user try things."""
    done = subprocess.run(
        [sys.executable, stranger.__file__],
        input=json.dumps({"uid": UID, **wanted}),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def listening(farm: FarmProcess) -> set[int]:
    """The ports on which a farm's processes listen."""
    assert farm.server is not None
    server = psutil.Process(farm.server.pid)
    processes = {
        process.pid: process for agent in [server, *farm.agents()] for process in [agent, *agent.children(True)]
    }
    return {
        connection.laddr.port
        for process in processes.values()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def test_a_stranger_gets_refusals_only(reachable_farm: Callable[..., FarmProcess]) -> None:
    """Every method of the server and of the agent, every HTTP request, and every file but what he may know."""
    farm = reachable_farm()
    job = farm.launch("secret", layer("work", "sleep 60", "1"))
    wait_for(lambda: farm.connect().api.getJob(job.id()).runningFrames(), 20, "the frame to run")
    (agent,) = [Path(path).read_text().strip() for path in (farm.data / "run").glob("agent-*/address")]
    ports = {int(address.rpartition(":")[2]) for address in (farm.grpc, farm.http, agent)}
    assert listening(farm) == ports, "something else of the farm listens; it belongs into this test"
    announced = list((Path.home() / ".cache" / "cuefarm" / "farms").glob("*.json"))
    files = [farm.data, *farm.data.rglob("*"), *announced]
    assert {"token", "farm.sqlite", "server.json", "lock"} <= {path.name for path in files}

    told = try_as_stranger(
        servers=[farm.grpc],
        agents=[agent],
        http=[farm.http],
        take=[f"{host}:{port}" for host in ("127.0.0.1", "0.0.0.0") for port in ports],
        files=[str(path) for path in files],
    )

    for target, count in ((farm.grpc, 200), (f"{farm.grpc} with a guess", 5), (agent, 10)):
        assert set(told[target].values()) == {"UNAUTHENTICATED"}, told[target]
        assert len(told[target]) >= count
    for request, (status, body) in told[farm.http].items():
        assert status in (401, 403), request
        assert "secret" not in body
    assert told[f"{farm.http} ready"] == [200, '{"ready":true}']
    assert set(told["taken"].values()) == {"Address already in use"}, told["taken"]
    made_by_the_test = {str(farm.data), str(farm.data / "server.log")}
    assert set(told["readable"]) <= made_by_the_test, "even in a folder that is open, what the farm makes is not"
    assert farm.connect().api.getJob(job.id()).runningFrames() == 1
    refused = farm.run("cueadmin", "-lh", "--json")
    assert [host["refused"]["code"] for host in json.loads(refused.stdout) if host["state"] == "REFUSED"] == [
        "NO_TOKEN"
    ]


@pytest.mark.parametrize("bound", ["[::]:0", "0.0.0.0:0", "localhost:0"])
def test_a_stranger_is_refused_however_he_comes(reachable_farm: Callable[..., FarmProcess], bound: str) -> None:
    """By IPv4, IPv6 and one in the other's clothes, by name and by the machine's own address.

    This user is let in without a token, but for gRPC on all addresses, where nobody is.
    """
    farm = reachable_farm("--no-agent", "--grpc", bound, "--http", bound if bound != "localhost:0" else "127.0.0.1:0")
    grpc_port, http_port = (address.rpartition(":")[2] for address in (farm.grpc, farm.http))
    hosts = ["127.0.0.1", "localhost"]
    if bound == "[::]:0":
        hosts += ["[::1]", "[::ffff:127.0.0.1]"]
    if bound != "localhost:0":
        hosts += [own] if (own := _own_address()) else []
    servers, pages = [f"{host}:{grpc_port}" for host in hosts], [f"{host}:{http_port}" for host in hosts]
    some = stranger.rpcs_of_server()[:3]
    for target in servers:
        is_refused = "UNAUTHENTICATED" in stranger.answers(target, some).values()
        assert is_refused is (bound != "localhost:0"), target
    for target in pages:
        assert stranger.ask_http(target, "POST", "/open")[0] == 201, target

    told = try_as_stranger(servers=servers, http=pages)

    for target in servers:
        assert set(told[target].values()) == {"UNAUTHENTICATED"}, target
    for target in pages:
        assert {status for status, _ in told[target].values()} <= {401, 403}, target


def test_a_port_that_changes_hands_opens_nothing(reachable_farm: Callable[..., FarmProcess]) -> None:
    """The four numbers of a connection were this user's a moment ago: the stranger who has them now is refused."""
    farm = reachable_farm("--no-agent")
    ports = [_free_port() for _ in range(4)]
    for port in ports[:2]:
        assert stranger.call_from_port(farm.grpc, port) == "OK"
    for port in ports[2:]:
        assert stranger.ask_http(farm.http, "GET", "/", port)[0] == 200
    told = try_as_stranger(
        from_ports=[(farm.grpc, port) for port in ports[:2]], http_from_ports=[(farm.http, port) for port in ports[2:]]
    )
    assert {told[f"{farm.grpc} from {port}"] for port in ports[:2]} == {"UNAUTHENTICATED"}
    assert {told[f"http {farm.http} from {port}"] for port in ports[2:]} == {401}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _own_address() -> str:
    """An address of this machine that is no loopback, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(way.getsockname()[0])

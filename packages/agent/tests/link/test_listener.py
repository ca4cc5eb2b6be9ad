"""The token goes to the server, and not to another user who listens at its port while it does not run."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from agent_farm import AgentProcess, FakeServer, eventually

from opencue.listeners import number_of, owners_of_listeners, strangers_at

STRANGER = 20_124
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

LISTEN_AS_A_STRANGER = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
import grpc
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        print(dict(details.invocation_metadata).get("cuefarm-token"), flush=True)
        return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")
server = grpc.server(ThreadPoolExecutor(2), options=(("grpc.so_reuseport", 0),))
server.add_generic_rpc_handlers((Handler(),))
assert server.add_insecure_port("127.0.0.1:" + sys.argv[1])
server.start()
print("listens", flush=True)
server.wait_for_termination(60)
"""


@pytest.mark.parametrize(
    ("bound", "asked", "found"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "localhost", True),
        ("127.0.0.1", "[::1]", False),
        ("127.0.0.1", "127.0.0.2", False),
        ("0.0.0.0", "127.0.0.1", True),
        ("0.0.0.0", "[::1]", False),
        ("::1", "[::1]", True),
        ("::1", "127.0.0.1", False),
        ("::", "127.0.0.1", True),
        ("::", "[::1]", True),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
    ],
)
def test_who_listens_is_found_where_he_would_be_reached(bound: str, asked: str, found: bool) -> None:
    """By IPv4, IPv6, one in the other's clothes, and on all addresses."""
    family = socket.AF_INET6 if ":" in bound else socket.AF_INET
    with socket.socket(family) as server:
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind((bound, 0))
        address = f"{asked}:{server.getsockname()[1]}"
        assert owners_of_listeners(address) == set()
        server.listen()
        assert owners_of_listeners(address) == ({os.geteuid()} if found else set())


@pytest.mark.parametrize("address", ["farm.example:8443", "192.0.2.1:8443", "127.0.0.1:", ""])
def test_of_other_machines_nothing_is_known(address: str) -> None:
    """Only who listens on this machine can be asked for."""
    assert owners_of_listeners(address) is None


@pytest.mark.parametrize(
    "asked", ["LOCALHOST", "localhost.", "farm.localhost", "dns:///localhost", "ipv4:127.0.0.1", "127.1", "0.0.0.0"]
)
def test_loopback_is_known_however_it_is_written(asked: str) -> None:
    """By other names and other numbers, and as gRPC writes addresses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert owners_of_listeners(f"{asked}:{server.getsockname()[1]}") == {os.geteuid()}


def test_a_name_of_this_machines_own_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some systems give the machine's own name a loopback address."""
    monkeypatch.setattr("opencue.listeners._HOSTS_FILE", str(tmp_path / "hosts"))
    (tmp_path / "hosts").write_text("# names\n127.0.1.1 Desk desk.example # own\n192.0.2.1 farm\nnonsense farm\n")
    with socket.create_server(("127.0.1.1", 0)) as server:
        port = server.getsockname()[1]
        assert owners_of_listeners(f"desk:{port}") == {os.geteuid()}
        assert owners_of_listeners(f"farm:{port}") is None


def test_the_name_is_used_as_the_number_that_listens() -> None:
    """`localhost` is 127.0.0.1 where only that listens; numbers, and names where neither does, stay what they are."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert number_of(f"localhost:{port}") == f"127.0.0.1:{port}"
        assert number_of(f"[::1]:{port}") == f"[::1]:{port}"
        with socket.create_server(("::1", port), family=socket.AF_INET6):
            assert number_of(f"localhost:{port}") == f"localhost:{port}"
    assert number_of(f"localhost:{port}") == f"localhost:{port}"
    assert number_of("farm.example:8443") == "farm.example:8443"


@as_root
def test_who_listens_everywhere_gets_nothing_of_a_very_address() -> None:
    """The kernel prefers the exact address: a stranger on all others cannot keep anybody from the server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"""
import os, socket, sys
os.setgroups([]); os.setgid({STRANGER}); os.setuid({STRANGER})
with socket.create_server(("::", {port}), family=socket.AF_INET6):
    print("listens", flush=True)
    sys.stdin.read()
"""
        command = [sys.executable, "-c", code]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stranger:
            assert stranger.stdout is not None
            assert stranger.stdout.readline() == "listens\n"
            assert strangers_at(f"127.0.0.1:{port}") == set()
            assert strangers_at(f"[::1]:{port}") == {STRANGER}
            assert strangers_at(f"[::1]:{port}", [STRANGER]) == set()
            stranger.communicate()


@as_root
def test_another_user_at_the_servers_port_gets_no_token(
    server: FakeServer, make_agent: Callable[..., AgentProcess], tmp_path: Path
) -> None:
    """The server is gone and a stranger answers in its place: he is called by nobody, and it is logged."""
    server_file = tmp_path / "server.json"
    server_file.write_text(json.dumps({"grpc": f"127.0.0.1:{server.port}"}))
    agent = make_agent("--server-file", str(server_file))
    eventually(lambda: server.reports, "a report")
    server.stop()
    command = [sys.executable, "-c", LISTEN_AS_A_STRANGER, str(server.port), str(STRANGER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stranger:
        try:
            assert stranger.stdout is not None
            assert stranger.stdout.readline() == "listens\n"
            eventually(lambda: "another user listens" in agent.stderr_path.read_text(), "a line of the agent's log")
            time.sleep(1.0)
        finally:
            stranger.kill()
        assert stranger.stdout.read() == ""
    count = len(server.reports)
    server.start()
    eventually(lambda: len(server.reports) > count, "a report to the server", 30)

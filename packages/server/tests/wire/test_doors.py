"""Who has the token is let in, and on this machine the server's own user; everybody else is refused."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import grpc
import pytest
from opencue_proto import cue_pb2, cue_pb2_grpc

from cuebot.domain.errors import Unauthenticated
from cuebot.domain.principals import Principal, Proof
from cuebot.wire.doors import TOKEN_KEY, Door, Doors, door_of
from cuebot.wire.server import service_descriptors
from rqd.socket_owner import Endpoint

TOKEN = "the token"
STRANGER = 4_242


class Caller:
    """A call's context, as far as doors look at it."""

    def __init__(self, peer: str = "ipv4:127.0.0.1:5000", token: str | None = None) -> None:
        self._peer = peer
        self._metadata = () if token is None else ((TOKEN_KEY, token),)

    def peer(self) -> str:
        """Where it comes from."""
        return self._peer

    def invocation_metadata(self) -> Any:
        """What it carries."""
        return self._metadata


class Kernel:
    """Knows who owns connections, and counts how often it was asked."""

    def __init__(self, uid: int | None) -> None:
        self.uid = uid
        self.asked: list[tuple[Endpoint, Endpoint]] = []

    def owner(self, client: Endpoint, server: Endpoint) -> int | None:
        """The user id that this test wants."""
        self.asked.append((client, server))
        return self.uid


def doors(kernel: Kernel, *opened: Door, address: str = "127.0.0.1:8443") -> Doors:
    """A server's doors."""
    made = Doors(TOKEN, opened=frozenset(opened), owner=kernel.owner)
    made.address = address
    return made


@pytest.mark.parametrize("door", Door)
def test_the_token_opens_both_doors_and_the_kernel_is_not_asked(door: Door) -> None:
    """Who has the token may come from anywhere."""
    kernel = Kernel(None)
    doors(kernel).check(door, Caller("ipv4:10.0.0.9:5000", TOKEN))
    assert kernel.asked == []


@pytest.mark.parametrize("door", Door)
@pytest.mark.parametrize("token", ["", "the toke", "ünknown"])
def test_a_wrong_token_is_refused_whoever_calls(door: Door, token: str) -> None:
    """It is refused for the server's own user too, and where the doors are open: somebody means another farm."""
    with pytest.raises(Unauthenticated, match="is not the server's"):
        doors(Kernel(os.geteuid()), *Door).check(door, Caller(token=token))


@pytest.mark.parametrize("uid", [0, os.geteuid()])
def test_the_servers_own_user_and_root_need_no_token(uid: int) -> None:
    """A client's call from a process of theirs on this machine is let in."""
    doors(Kernel(uid)).check(Door.CLIENTS, Caller())


def test_a_door_says_who_comes_in() -> None:
    """Users of this machine by their numbers, who has the token by the address as well, others by the address alone."""
    remote = "ipv4:10.0.0.9:5000"
    bearer = "whoever has the token at 10.0.0.9"
    closed, opened = doors(Kernel(None)), doors(Kernel(None), *Door)
    assert doors(Kernel(0)).check(Door.CLIENTS, Caller()) == Principal(Proof.KERNEL, "user 0")
    assert closed.check(Door.CLIENTS, Caller(remote, TOKEN)) == Principal(Proof.TOKEN, bearer)
    assert closed.check(Door.AGENTS, Caller(remote, TOKEN)) == Principal(Proof.AGENT, "the agent at 10.0.0.9")
    assert opened.check(Door.CLIENTS, Caller(remote)) == Principal(Proof.NOBODY, "address 10.0.0.9")
    assert opened.check(Door.AGENTS, Caller(remote)) == Principal(Proof.NOBODY, "address 10.0.0.9")


@pytest.mark.parametrize("uid", [STRANGER, None])
def test_another_user_and_nobody_are_refused_with_what_to_do(uid: int | None) -> None:
    """Neither who is somebody else nor a connection of which nothing is known is let in."""
    with pytest.raises(Unauthenticated, match=r"CUEFARM_TOKEN_FILE.*--open clients"):
        doors(Kernel(uid)).check(Door.CLIENTS, Caller())


def test_an_agent_needs_the_token_whoever_runs_it() -> None:
    """The server's own user is no agent."""
    with pytest.raises(Unauthenticated, match="--open agents"):
        doors(Kernel(os.geteuid())).check(Door.AGENTS, Caller())


@pytest.mark.parametrize("door", Door)
def test_an_open_door_is_open_for_its_own_callers_only(door: Door) -> None:
    """--open clients lets no agent in, and the other way round."""
    half_open = doors(Kernel(None), door)
    half_open.check(door, Caller("ipv4:10.0.0.9:5000"))
    other = next(other for other in Door if other is not door)
    with pytest.raises(Unauthenticated):
        half_open.check(other, Caller("ipv4:10.0.0.9:5000"))


def test_the_kernel_is_asked_with_every_call() -> None:
    """A connection's four numbers may be another user's a moment later, so nothing is believed for a while."""
    kernel = Kernel(os.geteuid())
    made = doors(kernel)
    made.check(Door.CLIENTS, Caller())
    kernel.uid = STRANGER
    with pytest.raises(Unauthenticated):
        made.check(Door.CLIENTS, Caller())
    assert len(kernel.asked) == 2


@pytest.mark.parametrize(
    ("address", "peer", "servers"),
    [
        ("127.0.0.1:8443", "ipv4:127.0.0.1:5000", {"127.0.0.1"}),
        ("localhost:8443", "ipv4:127.0.0.1:5000", {"127.0.0.1"}),
        ("127.0.0.1:8443", "ipv6:%5B::ffff:127.0.0.1%5D:5000", {"127.0.0.1"}),
        ("0.0.0.0:8443", "ipv4:127.0.0.1:5000", set()),
        ("[::]:8443", "ipv4:10.0.0.7:5000", set()),
        ("[::]:8443", "ipv6:%5B::1%5D:5000", set()),
        ("localhost:8443", "ipv6:%5B::1%5D:5000", {"::1"}),
        ("127.0.0.1:8443", "unix:/tmp/socket", set()),
    ],
)
def test_the_kernel_is_asked_for_the_exact_connection(address: str, peer: str, servers: set[str]) -> None:
    """Never for a port alone: both addresses and both ports are named; where one is not known, nobody is asked.

    A server on all addresses does not learn to which of them a client came, and another user's connection to another
    address of this machine may have the same end.
    """
    kernel = Kernel(None)
    with pytest.raises(Unauthenticated):
        doors(kernel, address=address).check(Door.CLIENTS, Caller(peer))
    assert {str(server[0]) for _, server in kernel.asked} == servers
    assert all(client[1] == 5000 and server[1] == 8443 for client, server in kernel.asked)


def test_every_service_lies_behind_a_door() -> None:
    """What agents call is behind theirs; all the rest is for clients."""
    behind = {name: door_of(name) for name in (service.full_name for service in service_descriptors())}
    agents = {name for name, door in behind.items() if door is Door.AGENTS}
    assert agents == {"report.RqdReportInterface", "cuefarm.v1.AgentInterface"}


CALL_AS_A_STRANGER = """
import os, sys
import grpc
from opencue_proto import cue_pb2, cue_pb2_grpc
os.setuid(int(sys.argv[2]))
stub = cue_pb2_grpc.CueInterfaceStub(grpc.insecure_channel(sys.argv[1]))
try:
    stub.GetSystemStats(cue_pb2.CueGetSystemStatsRequest(), timeout=10)
except grpc.RpcError as error:
    print(error.code().name)
else:
    print("OK")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("uid", "answer"), [(65_534, "UNAUTHENTICATED"), (0, "OK")])
async def test_a_strangers_account_on_this_machine_is_refused(start_site: Any, uid: int, answer: str) -> None:
    """A real client, run by another user, gets nothing from a real server; one of the server's user does."""
    site = await start_site()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CALL_AS_A_STRANGER, f"127.0.0.1:{site.port}", str(uid), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(child.communicate(), 60)
    assert out.decode().strip() == answer


async def test_a_client_without_a_token_is_let_in_where_it_is_this_user(start_site: Any) -> None:
    """Upstream's clients, which know no token, go on working for whoever started the farm."""
    site = await start_site()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{site.port}") as channel:
        await cue_pb2_grpc.CueInterfaceStub(channel).GetSystemStats(cue_pb2.CueGetSystemStatsRequest(), timeout=10)

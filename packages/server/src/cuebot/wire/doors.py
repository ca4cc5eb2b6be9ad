"""Who is let in: whoever has the installation's token, and on this machine the user that the server runs as.

A call with a token is judged by it alone. One without comes in where it could not be kept out with any sense: from a
process of the server's own user, or of root, on the same machine, which could read the token anyhow. That is asked of
the kernel for the exact connection (`socket_owner`), and believed for a second at most. Everything else is refused,
unless whoever started the server has opened the door in so many words.
"""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, Final
from urllib.parse import unquote

from cuebot.domain.errors import Unauthenticated, shown
from cuebot.wire.socket_owner import Endpoint, may_speak_for, owner_of, parse_endpoint

TOKEN_KEY: Final = "cuefarm-token"
BELIEVED_SECONDS: Final = 1.0
CONNECTIONS_REMEMBERED: Final = 10_000


class Door(Enum):
    """Who a service is for."""

    CLIENTS = "clients"
    AGENTS = "agents"


AGENT_SERVICES: Final = frozenset({"report.RqdReportInterface", "cuefarm.v1.AgentInterface"})


def door_of(service: str) -> Door:
    """The door that a service, by its full name, lies behind."""
    return Door.AGENTS if service in AGENT_SERVICES else Door.CLIENTS


class Doors:
    """The doors of one server. Without a token all of them stand open, which only tests and benchmarks want."""

    def __init__(
        self,
        token: str | None,
        *,
        opened: frozenset[Door] = frozenset(),
        owner: Callable[[Endpoint, Endpoint], int | None] = owner_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.opened = frozenset(Door) if token is None else opened
        self.address = ""
        """`host:port` where the server listens, once it does."""
        self._token = token.encode() if token else b""
        self._owner = owner
        self._clock = clock
        self._believed_until: dict[str, float] = {}

    def check(self, door: Door, context: Any) -> None:
        """Let a call pass. Raises Unauthenticated with what to do."""
        given = next((value for key, value in context.invocation_metadata() or () if key == TOKEN_KEY), None)
        if given is None:
            self._check_without_token(door, context.peer())
        elif self._token and not hmac.compare_digest(_as_bytes(given), self._token):
            raise Unauthenticated(
                f"the {TOKEN_KEY} of this call is not the server's; use a copy of the token file that the server was"
                " started with (rqd --token-file, CUEFARM_TOKEN_FILE for clients)"
            )

    def _check_without_token(self, door: Door, peer: str) -> None:
        if door in self.opened:
            return
        if door is Door.AGENTS:
            raise Unauthenticated(
                f"this agent sends no {TOKEN_KEY}; give rqd --token-file a copy of the token file that the server was"
                " started with, or start the server with --open agents to let agents in that have none"
            )
        if not self._is_ours(peer):
            raise Unauthenticated(
                f"this server does not know who calls from {shown(peer)}: it lets in who has its token, and on its own"
                " machine the user that runs it. Let CUEFARM_TOKEN_FILE name a copy of its token file, or start the"
                " server with --open clients on a network that you trust"
            )

    def _is_ours(self, peer: str) -> bool:
        """Whether a call comes from a process of this user, or of root, on this machine."""
        now = self._clock()
        if self._believed_until.get(peer, 0.0) > now:
            return True
        client = _endpoint_of(peer)
        if client is None:
            return False
        ours = any(may_speak_for(self._owner(client, server)) for server in self._servers_for(client))
        if ours:
            if len(self._believed_until) >= CONNECTIONS_REMEMBERED:
                self._believed_until.clear()
            self._believed_until[peer] = now + BELIEVED_SECONDS
        return ours

    def _servers_for(self, client: Endpoint) -> Iterator[Endpoint]:
        """The endpoints of this server that a client may be connected to; one, unless it listens on all addresses."""
        host, _, port = self.address.rpartition(":")
        bound = parse_endpoint("127.0.0.1:" + port if host == "localhost" else self.address)
        if bound is None:
            return
        if not bound[0].is_unspecified:
            yield bound
            return
        loopback = "127.0.0.1" if client[0].version == 4 else "::1"
        for address in {client[0], ipaddress.ip_address(loopback)}:
            yield address, bound[1]


def _endpoint_of(peer: str) -> Endpoint | None:
    """gRPC's name of a peer, `ipv4:127.0.0.1:5000` or `ipv6:%5B::1%5D:5000`, as an endpoint."""
    kind, _, rest = peer.partition(":")
    return parse_endpoint(unquote(rest)) if kind in ("ipv4", "ipv6") else None


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value

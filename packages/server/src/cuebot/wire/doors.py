"""Who is let in: whoever has the installation's token, and on this machine the user that the server runs as.

A call with a token is judged by it alone. One without comes in where it could not be kept out with any sense: from a
process of the server's own user, or of root, on the same machine, which could read the token anyhow. That is asked of
the kernel for the exact connection, with each call: its four numbers may be another user's a moment later. Everything
else is refused, unless whoever started the server has opened the door in so many words.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextvars import ContextVar
from enum import Enum
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

from cuebot.access.callers import Callers, Owner
from cuebot.domain.errors import Unauthenticated, quoted
from cuebot.domain.principals import NOBODY, Principal, Proof
from cuebot.wire.door_book import DoorBook, Refusal, name_in
from rqd.socket_owner import Endpoint, owner_of, parse_endpoint

TOKEN_KEY: Final = "cuefarm-token"
_PRINCIPAL: Final[ContextVar[Principal]] = ContextVar("principal", default=NOBODY)
"""Who makes the call of this task: gRPC gives each call a task of its own."""


def principal_of_call() -> Principal:
    """Who makes the call that is under way in this task; nobody where no door was passed."""
    return _PRINCIPAL.get()


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
        owner: Owner = owner_of,
        book: DoorBook | None = None,
    ) -> None:
        self.opened = frozenset(Door) if token is None else opened
        self.book = book or DoorBook()
        self._address = ""
        self._bound: tuple[Endpoint, ...] = ()
        self._needs_token = token is not None
        self._callers = Callers(token or "", owner)

    @property
    def address(self) -> str:
        """`host:port` where the server listens, once it does."""
        return self._address

    @address.setter
    def address(self, address: str) -> None:
        self._address = address
        self._bound = tuple(_endpoints_named(address))

    def admit(self, door: Door, context: Any) -> None:
        """Let a call pass, which from then on knows who makes it. Raises Unauthenticated with what to do."""
        _PRINCIPAL.set(self.check(door, context))

    def check(self, door: Door, context: Any) -> Principal:
        """Who makes a call. Raises Unauthenticated, with what to do, where it is not let in."""
        given = next((value for key, value in context.invocation_metadata() or () if key == TOKEN_KEY), None)
        if given is None:
            return self._check_without_token(door, context)
        if self._needs_token and not self._callers.has_token(given):
            self._note_refused(door, context, Refusal.WRONG_TOKEN)
            raise Unauthenticated(
                f"the {TOKEN_KEY} of this call is not the server's; use a copy of the token file that the server was"
                " started with (rqd --token-file, CUEFARM_TOKEN_FILE for clients)"
            )
        proof = (Proof.AGENT if door is Door.AGENTS else Proof.TOKEN) if self._needs_token else Proof.NOBODY
        return _bearer(proof, context.peer())

    def _check_without_token(self, door: Door, context: Any) -> Principal:
        if door in self.opened:
            if door is Door.AGENTS and self._needs_token:
                self.book.let_in_without_token(address_of(context.peer()), name_in(context.invocation_metadata()))
            return _passer_by(context.peer())
        if door is Door.AGENTS:
            self._note_refused(door, context, Refusal.NO_TOKEN)
            raise Unauthenticated(
                f"this agent sends no {TOKEN_KEY}; give rqd --token-file a copy of the token file that the server was"
                " started with, or start the server with --open agents to let agents in that have none"
            )
        peer = context.peer()
        caller = self._one_of_ours(peer)
        if caller is None:
            own = "" if self._is_on_all_addresses else ", and on its own machine the user that runs it"
            raise Unauthenticated(
                f"this server does not know who calls from {quoted(peer)}: it lets in who has its token{own}. Let"
                " CUEFARM_TOKEN_FILE name a copy of its token file, or start the server with --open clients on a"
                " network that you trust"
            )
        return Principal(Proof.KERNEL, caller)

    def is_let_in_at_once(self, door: Door, metadata: Any) -> bool:
        """Whether a call is let in whoever makes it, by its token or because the door stands open."""
        given = next((value for key, value in metadata or () if key == TOKEN_KEY), None)
        if given is None:
            return door in self.opened
        return not self._needs_token or self._callers.has_token(given)

    def _note_refused(self, door: Door, context: Any, why: Refusal) -> None:
        if door is Door.AGENTS:
            self.book.refused_agent(address_of(context.peer()), name_in(context.invocation_metadata()), why)

    def _one_of_ours(self, peer: str) -> str | None:
        """The name of this user, or of root, where a call comes from a process of theirs on this machine."""
        client = endpoint_of(peer)
        if client is None:
            return None
        callers = (self._callers.who(client, server) for server in self._servers_for(client))
        return next((caller.name for caller in callers if caller.is_ours), None)

    @property
    def _is_on_all_addresses(self) -> bool:
        """Whether nobody can say which of this machine's addresses a client is connected to: gRPC does not tell.

        One user's connection to the one address and another's to the other may have the same end, so none is asked for.
        """
        return any(address.is_unspecified for address, _ in self._bound)

    def _servers_for(self, client: Endpoint) -> Iterator[Endpoint]:
        """The endpoint of this server that a client is connected to; none where that cannot be known."""
        if not self._is_on_all_addresses:
            yield from ((address, port) for address, port in self._bound if address.version == client[0].version)


def _endpoints_named(address: str) -> list[Endpoint]:
    """Where a server listens that was told `localhost:8443` or the like: a name may stand for several addresses."""
    bound = parse_endpoint(address)
    if bound is not None:
        return [bound]
    host, _, port = address.rpartition(":")
    if host == "localhost":  # gRPC binds whichever there are
        return [(ipaddress.ip_address(loopback), int(port)) for loopback in ("127.0.0.1", "::1")]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    named = (parse_endpoint(f"[{where[0]}]:{where[1]}") for *_, where in found if isinstance(where[0], str))
    return list(dict.fromkeys(endpoint for endpoint in named if endpoint is not None))


@lru_cache(maxsize=16_384)
def _bearer(proof: Proof, peer: str) -> Principal:
    """Whoever has sent the token, or one where none is asked for."""
    who = "the agent" if proof is Proof.AGENT else "whoever has the token"
    return Principal(proof, f"{who} at {address_of(peer)}")


@lru_cache(maxsize=16_384)
def _passer_by(peer: str) -> Principal:
    """Whoever has come by a door that stands open."""
    return Principal(Proof.NOBODY, f"address {address_of(peer)}")


@lru_cache(maxsize=16_384)
def address_of(peer: str) -> str:
    """`192.0.2.7` of gRPC's `ipv4:192.0.2.7:50312`, as far as that is an address."""
    endpoint = endpoint_of(peer)
    return str(endpoint[0]) if endpoint else quoted(peer)


def endpoint_of(peer: str) -> Endpoint | None:
    """gRPC's name of a peer, `ipv4:127.0.0.1:5000` or `ipv6:%5B::1%5D:5000`, as an endpoint."""
    kind, _, rest = peer.partition(":")
    return parse_endpoint(unquote(rest)) if kind in ("ipv4", "ipv6") else None

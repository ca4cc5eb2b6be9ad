"""What shows that a caller may come in: the installation's token, or being this user (or root) on this machine."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rqd.socket_owner import Endpoint, may_speak_for, owner_of

Owner = Callable[[Endpoint, Endpoint], int | None]
"""Says whose process is at the first end of a connection; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who has made a connection."""

    name: str
    """A user of this machine (`user 1000`), or an address (`address 192.0.2.7`)."""
    is_ours: bool
    """A living process of this server's user, or of root, on this machine."""


NOBODY: Final = Caller("", False)
"""Whoever has a connection of which nothing is known."""


class Callers:
    """How the callers of one server are told apart, on each of its ports. An empty token is nobody's."""

    def __init__(self, token: str, owner: Owner = owner_of) -> None:
        self._token = token.encode()
        self._owner = owner

    def has_token(self, given: str | bytes) -> bool:
        """Whether this is the installation's token."""
        told = given.encode("utf-8", "surrogateescape") if isinstance(given, str) else given
        return bool(self._token) and hmac.compare_digest(told, self._token)

    def who(self, client: Endpoint, server: Endpoint) -> Caller:
        """Who has the client's end of a connection: a user of this machine, else whoever is at that address."""
        uid = self._owner(client, server)
        return Caller(f"address {client[0]}" if uid is None else f"user {uid}", may_speak_for(uid))

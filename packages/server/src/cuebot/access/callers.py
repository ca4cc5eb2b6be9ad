"""What shows that a caller may come in: the installation's token, or being this user (or root) on this machine."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from cuebot.access.socket_owner import Endpoint, may_speak_for, owner_of

Owner = Callable[[Endpoint, Endpoint], int | None]
"""Says whose process is at the first end of a connection; None where nobody knows."""


class Callers:
    """How the callers of one server are told apart, on each of its ports. An empty token is nobody's."""

    def __init__(self, token: str, owner: Owner = owner_of) -> None:
        self._token = token.encode()
        self._owner = owner

    def has_token(self, given: str | bytes) -> bool:
        """Whether this is the installation's token."""
        told = given.encode("utf-8", "surrogateescape") if isinstance(given, str) else given
        return bool(self._token) and hmac.compare_digest(told, self._token)

    def is_ours(self, client: Endpoint, server: Endpoint) -> bool:
        """Whether a living process of this server's user, or of root, has the client's end of this connection."""
        return may_speak_for(self._owner(client, server))

    def name_of(self, client: Endpoint, server: Endpoint) -> str:
        """Who has the client's end: a user of this machine, else whoever is at that address."""
        uid = self._owner(client, server)
        return f"address {client[0]}" if uid is None else f"user {uid}"

"""Who may speak as an agent: whoever has the installation's token."""

from __future__ import annotations

import hmac
from typing import Final

from cuebot.domain.errors import Unauthenticated
from cuebot.wire.call import Call

TOKEN_KEY: Final = "cuefarm-token"


class AgentToken:
    """The installation's token; without one, or where that is allowed, agents are not asked for it."""

    def __init__(self, token: str | None, *, allow_none: bool) -> None:
        self._token = token.encode() if token else None
        self._allow_none = allow_none or self._token is None

    def check(self, call: Call) -> None:
        """Let an agent's call pass. Raises Unauthenticated."""
        given = call.metadata(TOKEN_KEY)
        if not given and self._allow_none:
            return
        if self._token is None or not hmac.compare_digest(given.encode(), self._token):
            raise Unauthenticated(_refusal(given, server_has_one=self._token is not None))


def _refusal(given: str, *, server_has_one: bool) -> str:
    if not server_has_one:
        return f"this agent sends a {TOKEN_KEY} and the server has none; start the server with --token-file"
    if given:
        return (
            f"the {TOKEN_KEY} of this agent is not the server's;"
            " give rqd --token-file a copy of the token file that the server was started with"
        )
    return (
        f"this agent sends no {TOKEN_KEY}; give rqd --token-file a copy of the token file that the server was started"
        " with, or start the server with --allow-agents-without-token to let agents in that have none"
    )

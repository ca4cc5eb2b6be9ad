"""A call with a token is not made while a stranger listens where it would go."""

from __future__ import annotations

import time
from typing import Any, Optional

import grpc

from opencue import listeners
from opencue.exception import CueException
from opencue.token import Token, TokenInUse

CHECKED_FOR_SECONDS = 1.0
"""How long listeners are taken for the same while calls succeed; after one that failed they are looked at again."""


class StrangerListens(CueException):
    """Another user listens at the server's address, and was sent nothing. It is also the call that was not made."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, code=grpc.StatusCode.PERMISSION_DENIED, details=detail)

    def initial_metadata(self) -> tuple[Any, ...]:
        """No server sent any."""
        return ()

    def trailing_metadata(self) -> tuple[Any, ...]:
        """No server sent any."""
        return ()

    def result(self, timeout: Optional[float] = None) -> Any:
        """Raise it: there is no answer."""
        raise self


def check(address: str, token: Token) -> None:
    """Raise StrangerListens where somebody would get the token who is neither root, nor this user, nor its owner."""
    strangers = listeners.strangers_at(address, (token.owner,))
    if strangers:
        detail = listeners.words_on_strangers(address, strangers, (token.owner,))
        raise StrangerListens(f"{detail[:1].upper()}{detail[1:]}.")


class StrangerInterceptor(grpc.UnaryUnaryClientInterceptor):
    """Looks who listens before calls, the innermost of a channel: each new attempt may go by a new connection."""

    def __init__(self, token: TokenInUse) -> None:
        self._token = token
        self._checked_at = -CHECKED_FOR_SECONDS

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Call, or return what stands for the call that is not made."""
        token = self._token.current
        if token is not None and time.monotonic() - self._checked_at >= CHECKED_FOR_SECONDS:
            try:
                check(self._token.address, token)
            except StrangerListens as problem:
                return problem
            self._checked_at = time.monotonic()
        response = continuation(client_call_details, request)
        if response.code() is not grpc.StatusCode.OK:
            self._checked_at = -CHECKED_FOR_SECONDS
        return response

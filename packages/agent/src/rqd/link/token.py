"""The installation's token: sent with each call, asked of each caller."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Iterable
from typing import Any, Callable, Optional

import grpc

from rqd.beforehand import read_token

KEY = "cuefarm-token"


class Token:
    """The content of a token file, or none where the agent was given no file."""

    def __init__(self, path: Optional[str]) -> None:
        self._path = path
        self._text = ""
        self.owner: Optional[int] = None
        """The user id of the file's owner, as it was read last."""
        if path is not None:
            self.read_again()

    def read_again(self) -> None:
        """Read the file; raises CannotStart where there is no token in it."""
        if self._path is not None:
            self._text, self.owner = read_token(self._path)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with every call to the server."""
        return ((KEY, self._text),) if self._text else ()

    def refusal(self, metadata: Iterable[tuple[str, object]]) -> Optional[str]:
        """Say what is wrong with a caller's metadata; nothing where it may go on."""
        if not self._text:
            return None
        given = next((value for key, value in metadata if key == KEY), None)
        if given is None:
            return f"this agent wants the installation's token: metadata {KEY}, the content of the farm's token file"
        if not hmac.compare_digest(str(given).encode(), self._text.encode()):
            return (
                f"the metadata {KEY} is not this installation's token; caller and agent must read the same token file"
            )
        return None


class TokenCheck(grpc.aio.ServerInterceptor):
    """Refuses every call, of whatever method, that does not carry the token."""

    def __init__(self, token: Token) -> None:
        self._token = token

    async def intercept_service(self, go_on: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Let the call through, or answer it here."""
        refusal = self._token.refusal(details.invocation_metadata)
        if refusal is None:
            return await go_on(details)

        async def refuse(requests: Any, context: Any) -> None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, refusal)

        return grpc.stream_unary_rpc_method_handler(refuse)  # which reads no message: a stranger's may be large

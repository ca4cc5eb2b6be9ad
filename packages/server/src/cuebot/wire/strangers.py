"""Calls that bring no token, or a wrong one.

gRPC reads a call's message whole before it hands the call over, and a message may be as large as a specification. So
these are taken as streams of one message, which is read only when their caller is let in. A connection that is refused
again and again is ended: each refusal costs the farm time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Exhausted, FarmError, Invalid
from cuebot.wire.call import refusal
from cuebot.wire.hang_up import hang_up

Serve = Callable[[bytes, Any], Awaitable[bytes]]
Admit = Callable[[Any], None]
"""Takes a call's context. Raises Unauthenticated where its caller is not let in."""
Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


class Strangers:
    """Those of whom a server does not know at once who they are."""

    def __init__(self, bounds: Bounds, end: Callable[[str, str], None] = hang_up) -> None:
        self._bounds = bounds
        self._end = end
        self._refusals: OrderedDict[str, int] = OrderedDict()

    def careful(self, serve: Serve, admit: Admit, rpc: str) -> Handler:
        """The handler of an RPC that asks who calls before it reads what is asked."""

        async def answer(requests: Any, context: Any) -> bytes:
            try:
                admit(context)
            except FarmError as error:
                self._note(context.peer())
                await context.abort(*refusal(rpc, error))
            try:
                raw = await self._message(requests, rpc)
            except FarmError as error:
                await context.abort(*refusal(rpc, error))
            return await serve(raw, context)

        return grpc.stream_unary_rpc_method_handler(answer)

    async def _message(self, requests: Any, rpc: str) -> bytes:
        patience_s = self._bounds.message_seconds
        try:
            async with asyncio.timeout(patience_s):
                return bytes(await anext(aiter(requests)))
        except StopAsyncIteration:
            raise Invalid(f"{rpc}: the call has no message") from None
        except TimeoutError:
            raise Exhausted(
                f"{rpc}: the message did not come within {patience_s} s (limit message_seconds); try again"
            ) from None

    def _note(self, peer: str) -> None:
        refusals = self._refusals[peer] = self._refusals.pop(peer, 0) + 1
        if refusals == self._bounds.refusals_per_connection:
            self._end(peer, f"it was refused {refusals} times (limit refusals_per_connection)")
        while len(self._refusals) > self._bounds.connections_remembered:
            self._refusals.popitem(last=False)

"""The interceptor before all services: it finds out who calls, and no call of whom it does not know reaches a method.

A call that is let in whoever makes it, by its token or because the door stands open, goes straight on. Of every other
one the message is read only once its caller is let in (`Strangers`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import grpc
import grpc.aio

from cuebot.wire.call import refusal
from cuebot.wire.doors import Door, Doors, door_of
from cuebot.wire.strangers import Handler, Serve, Strangers

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]]


class Authentication(grpc.aio.ServerInterceptor):
    """Lets callers in by the doors."""

    def __init__(self, doors: Doors, strangers: Strangers) -> None:
        self._doors = doors
        self._strangers = strangers
        self._handlers: dict[str, tuple[Door, Handler, Handler]] = {}
        """By path: the door, what serves a call that is let in at once, and what serves all others."""

    async def intercept_service(  # type: ignore[override]  # of bytes, not of whatever a handler is for
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """The handler of a call, or None where no interface has its method."""
        path = handler_call_details.method
        known = self._handlers.get(path)
        if known is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            known = self._handlers[path] = self._behind_its_door(path, handler)
        door, at_once, careful = known
        is_let_in = self._doors.is_let_in_at_once(door, handler_call_details.invocation_metadata)
        return at_once if is_let_in else careful

    def _behind_its_door(self, path: str, handler: Handler) -> tuple[Door, Handler, Handler]:
        service, _, method = path.removeprefix("/").partition("/")
        rpc = f"{service.rpartition('.')[2]}.{method}"
        door = door_of(service)
        admit = partial(self._doors.admit, door)
        # types-grpcio knows handlers that do not wait, only
        serve = cast(Serve, handler.stream_stream if handler.request_streaming else handler.unary_unary)

        async def answer(request: Any, context: Any) -> Any:
            try:
                admit(context)
            except Exception as error:  # noqa: BLE001  # the border of an RPC
                await context.abort(*refusal(rpc, error))
            return await serve(request, context)

        if handler.request_streaming:  # its messages are read one by one anyhow
            behind: Handler = grpc.stream_stream_rpc_method_handler(answer)
            return door, behind, behind
        return door, grpc.unary_unary_rpc_method_handler(answer), self._strangers.careful(serve, admit, rpc)

"""Callers of whom the server does not know at once who they are."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.errors import Unauthenticated
from cuebot.wire.strangers import Strangers

PEER = "ipv4:127.0.0.1:5000"


class Aborted(Exception):
    """A call ended with a status."""


class Context:
    """A call from a peer."""

    def peer(self) -> str:
        """Where from."""
        return PEER

    async def abort(self, code: grpc.StatusCode, words: str) -> None:
        """End it."""
        raise Aborted(code.name)


class Message:
    """A stream of one message, which says whether it was read."""

    def __init__(self, *messages: bytes) -> None:
        self.was_read = False
        self._messages = messages

    async def __aiter__(self) -> Any:
        self.was_read = True
        for message in self._messages:
            yield message
        if not self._messages:
            return


def refuse(context: Any) -> str:
    """Let nobody in."""
    raise Unauthenticated("who are you?")


async def serve(raw: bytes, context: Any) -> bytes:
    """Answer with what was asked."""
    return raw


async def test_the_message_of_a_stranger_is_never_read() -> None:
    """It may be as large as a specification, and nobody has asked for it."""
    message = Message(b"a lot")
    handler = Strangers(DEFAULT_BOUNDS, lambda peer, why: None).careful(serve, refuse, "It.Does")
    with pytest.raises(Aborted, match="UNAUTHENTICATED"):
        await handler.stream_unary(message, Context())
    assert not message.was_read


async def test_who_is_let_in_is_served() -> None:
    """Here by what the kernel says."""
    handler = Strangers(DEFAULT_BOUNDS, lambda peer, why: None).careful(serve, lambda context: "user 1", "It.Does")
    assert await handler.stream_unary(Message(b"asked"), Context()) == b"asked"
    with pytest.raises(Aborted, match="INVALID_ARGUMENT"):
        await handler.stream_unary(Message(), Context())


async def test_a_message_that_never_comes_is_not_awaited_for_ever() -> None:
    """A slow sender holds nothing but his own call, and that for a time."""
    strangers = Strangers(Bounds(message_seconds=0.05), lambda peer, why: None)

    class Silent:
        async def __aiter__(self) -> Any:
            await asyncio.sleep(60)
            yield b""

    handler = strangers.careful(serve, lambda context: "user 1", "It.Does")
    with pytest.raises(Aborted, match="RESOURCE_EXHAUSTED"):
        await handler.stream_unary(Silent(), Context())


async def test_a_connection_that_is_refused_again_and_again_is_ended() -> None:
    """Once, after so many refusals; each of them costs the farm time."""
    ended: list[str] = []
    handler = Strangers(DEFAULT_BOUNDS, lambda peer, why: ended.append(peer)).careful(serve, refuse, "It.Does")
    most = DEFAULT_BOUNDS.refusals_per_connection
    for number in range(most + 5):
        assert ended == ([PEER] if number >= most else [])
        with pytest.raises(Aborted):
            await handler.stream_unary(Message(b""), Context())
    assert ended == [PEER]

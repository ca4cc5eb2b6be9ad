"""The way to the server: where it is, and the calls that can be made to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Sequence
from typing import Any, Optional
from urllib.parse import quote

import grpc
from opencue_proto import report_pb2_grpc

from cuefarm_proto import agent_pb2_grpc
from opencue import listeners
from rqd import log
from rqd.beforehand import CannotStart
from rqd.link.token import Token
from rqd.options import Options

CALL_SECONDS = 10.0
WARN_SECONDS = 60.0
HOST_NAME_MAX = 1024
NOBODY = "127.0.0.1:1"
HOST_KEY = "cuefarm-host"
"""Metadata: what this host is called, percent-encoded."""

_CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.enable_http_proxy", 0),  # a farm's own hosts are never behind a web proxy
)


class Server:
    """A channel to one of the servers, replaced by one to the next when contact is lost."""

    def __init__(self, options: Options, token: Token) -> None:
        self._options = options
        self._token = token
        self._host_name = quote(options.name, safe="", errors="surrogateescape")[:HOST_NAME_MAX]
        self._choice = 0
        self._warned_at = -WARN_SECONDS
        self._closing: set[asyncio.Task[None]] = set()
        self.address = ""
        self._target = NOBODY
        self._channel: Optional[Any] = None
        self._stub: Any
        self._agent_stub: Any
        self._connect()

    async def call(self, method: str, request: Any) -> Any:
        """Make one call that is answered; returns the call, which has the trailing metadata. Raises grpc.RpcError."""
        call = getattr(self._stub, method)(request, timeout=CALL_SECONDS, metadata=self._metadata())
        await call
        return call

    def open_stream(self) -> Any:
        """Begin a stream to the server that is in use now."""
        return self._agent_stub.Work(metadata=self._metadata())

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        """The token, and this host's name: a server that refuses the token reads nothing else of a call."""
        self._check_listener()
        return (*self._token.metadata(), (HOST_KEY, self._host_name))

    def _check_listener(self) -> None:
        """Raise grpc.RpcError where a call to this machine would go to a stranger, or to nobody.

        While the server does not run, or at the other of its name's addresses, any user here may listen.
        """
        path = self._options.server_file
        owners = listeners.owners_of_listeners(self._target)
        if owners is None or (path is None and not self._token.metadata()):
            return
        trusted = set() if self._token.owner is None else {self._token.owner}
        if path is not None:
            with contextlib.suppress(OSError):
                trusted.add(os.stat(path).st_uid)
        strangers = owners - trusted - {0, os.geteuid()}
        if not strangers and (owners or path is None):  # where nobody listens, the call finds that out itself
            return
        if strangers and time.monotonic() - self._warned_at >= WARN_SECONDS:
            self._warned_at = time.monotonic()
            why = listeners.words_on_strangers(self._target, strangers, trusted)
            log.error("another user listens in the server's place; nothing is sent", server=self.address, why=why)
        detail = "another user listens" if strangers else "nobody listens"
        nothing = grpc.aio.Metadata()
        raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing, f"{detail} at {self._target}")

    def contact_lost(self) -> None:
        """Read again where the servers are and what the token is, and try the next one."""
        self._choice += 1
        try:
            self._token.read_again()
        except CannotStart as problem:
            log.warning("token cannot be read again", why=problem)
        self._connect()

    def _connect(self) -> None:
        addresses = self.addresses()
        self.address = addresses[self._choice % len(addresses)] if addresses else ""
        # No address is known yet: fail like a server that does not answer.
        self._target = listeners.number_of(self.address) if self.address else NOBODY
        old, self._channel = self._channel, grpc.aio.insecure_channel(self._target, _CHANNEL_OPTIONS)
        self._stub = report_pb2_grpc.RqdReportInterfaceStub(self._channel)
        self._agent_stub = agent_pb2_grpc.AgentInterfaceStub(self._channel)
        if old is not None:
            # Calls in flight may still be answered; a channel that is closed under them would cancel them.
            closing = asyncio.get_running_loop().create_task(old.close(CALL_SECONDS + 1))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def addresses(self) -> Sequence[str]:
        """Where the servers are, as far as that is known now."""
        path = self._options.server_file
        if path is None:
            return self._options.servers
        try:
            with open(path, encoding="utf-8") as file:
                address = json.load(file)["grpc"]
        except (OSError, ValueError, KeyError, TypeError) as problem:
            log.warning("server file cannot be read", path=path, why=repr(problem))
            return [self.address] if self.address else []
        return [str(address)]

"""Hanging up on a client: one that does not read its reply, or is refused again and again.

gRPC for asyncio (1.85) was tried with clients on raw sockets and replies of 20 MB that nobody reads:

- A client that reads nothing at all, or whose process is stopped, acknowledges no bytes. The kernel gives up the
  connection after `grpc.keepalive_timeout_ms` (gRPC sets TCP_USER_TIMEOUT), and all memory is given back.
- A client that answers pings and never opens its window keeps the connection, and with it the reply, for ever. A
  handler cannot end that: a call whose reply waits takes no further operation, so a timeout around the write, an abort
  or the end of the handler all leave the reply where it is. Only the end of the connection frees it, and gRPC offers no
  way to end a single one, so its socket is shut down here.

In either case the callbacks of `context.add_done_callback` come when the reply has been read or the connection is gone.
"""

from __future__ import annotations

import os
import socket
import threading

import structlog

from cuebot.wire.doors import endpoint_of
from rqd.connections import DESCRIPTORS, socket_at
from rqd.socket_owner import parse_endpoint

log = structlog.get_logger("wire")


def hang_up(peer: str, why: str) -> None:
    """Shut down this process's connection to a peer, named as gRPC names it; in a thread, as there may be thousands."""
    threading.Thread(target=_hang_up, args=(peer, why), name="hang up", daemon=True).start()


def _hang_up(peer: str, why: str) -> None:
    wanted = endpoint_of(peer)
    for name in os.listdir(DESCRIPTORS):
        connection = socket_at(int(name))
        if connection is None or wanted is None:
            continue
        with connection:  # a copy of the descriptor: gRPC's own stays open until it sees the end
            try:
                host, port = connection.getpeername()[:2]  # of another kind of socket something else, or nothing
                if parse_endpoint(f"{host}:{port}") == wanted:
                    connection.shutdown(socket.SHUT_RDWR)
                    log.warning("a client's connection was ended", peer=peer, why=why)
                    return
            except (OSError, ValueError):  # not connected, or gone by now
                continue

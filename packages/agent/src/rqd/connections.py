"""How many connections a gRPC port holds, and one caller of them: each costs a file and some 15 KiB.

gRPC ends those that say nothing, and bounds all of them together. Of one caller it knows nothing, and it tells nobody
of a connection before there is a call. So this process looks at its own sockets every few seconds while they are many.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import time
from collections import Counter
from typing import Callable, Optional, Union

from rqd.socket_owner import Endpoint, owner_of, parse_endpoint

HANDSHAKE_MS = 10_000
"""For how long a client may say nothing at all; gRPC's own patience is two minutes."""
IDLE_MS = 300_000
"""For how long a connection may have no call. Clients of gRPC open another one by themselves with their next call, and
agents, which hold a stream, or report once a minute, are never idle."""

LOOK_SECONDS = 5.0
HURRIED_SECONDS = 1.0
"""Between two looks while there is something to end: whoever opens them all again at once is soon cut again."""
BREATH, BREATH_SECONDS = 32, 0.000_5
"""So many new connections are looked at between two pauses, in which other threads go on: in about a millisecond."""
TELL_SECONDS = 60.0
DESCRIPTORS = "/dev/fd"

Option = tuple[str, Union[int, str]]
Owner = Callable[[Endpoint, Endpoint], Optional[int]]


def options(most: int) -> tuple[Option, ...]:
    """What a gRPC server is told so that idle connections end, and at most so many are there."""
    return (
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
        ("grpc.max_connection_idle_ms", IDLE_MS),
        ("grpc.max_allowed_incoming_connections", most),  # more are ended as they come
    )


class Connections:
    """The connections to one port of this process, by caller: a user of this machine, or an address.

    Nobody is excepted. This user's own program that forgets to close its connections is bounded as a stranger's is.
    """

    def __init__(self, port: int, most_of_a_caller: int, owner: Owner = owner_of) -> None:
        self._port = port
        self._most = most_of_a_caller
        self._owner = owner
        self._callers: dict[int, str] = {}
        """Of each socket, by its inode, which no other socket gets; the oldest first, and "" for other ones."""

    async def watch(self, tell: Callable[[dict[str, int]], None]) -> None:
        """Look again and again; `tell`, once a minute at most, how many connections of whom were ended."""
        ended: Counter[str] = Counter()
        pause_s, told_at = LOOK_SECONDS, time.monotonic() - TELL_SECONDS
        while True:
            await asyncio.sleep(pause_s)
            found = await asyncio.to_thread(self.look)
            ended.update(found)
            pause_s = HURRIED_SECONDS if found else LOOK_SECONDS
            if ended and time.monotonic() - told_at >= TELL_SECONDS:
                tell(dict(ended))
                ended.clear()
                told_at = time.monotonic()

    def look(self) -> dict[str, int]:
        """End the newest connections of each caller who has too many. Returns how many, by caller.

        It costs some 30 µs for a new connection and a few for one that is known, so it belongs in a thread.
        """
        try:
            descriptors = [int(name) for name in os.listdir(DESCRIPTORS)]
        except OSError:  # none is left to look with
            return {}
        if len(descriptors) <= self._most:
            self._callers.clear()
            return {}
        sockets = _sockets(descriptors)
        self._callers = {inode: caller for inode, caller in self._callers.items() if inode in sockets}
        held: Counter[str] = Counter()
        ended: Counter[str] = Counter()
        for inode in [*self._callers, *(inode for inode in sockets if inode not in self._callers)]:
            caller = self._callers.get(inode)
            if caller is None:
                caller = self._callers[inode] = self._caller(sockets[inode], inode)
                if len(self._callers) % BREATH == 0:
                    time.sleep(BREATH_SECONDS)
            if not caller:  # no connection to this port
                continue
            held[caller] += 1
            if held[caller] > self._most and _end(sockets[inode], inode):
                ended[caller] += 1
        return dict(ended)

    def _caller(self, descriptor: int, inode: int) -> str:
        connection = _copy(descriptor, inode)
        if connection is None:
            return ""
        with connection:
            own, client = _endpoint(connection.getsockname), _endpoint(connection.getpeername)
        if own is None or client is None or own[1] != self._port:
            return ""
        uid = self._owner(client, own)
        return f"address {client[0]}" if uid is None else f"user {uid}"


def socket_at(descriptor: int) -> Optional[socket.socket]:
    """A copy of a descriptor of this process as a socket; None where there is none. The first one stays its owner's."""
    try:
        copy = os.dup(descriptor)
    except OSError:
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:  # no socket
        os.close(copy)
        return None


def _sockets(descriptors: list[int]) -> dict[int, int]:
    """The descriptors of sockets, by inode."""
    found = {}
    for descriptor in descriptors:
        try:
            status = os.fstat(descriptor)
        except OSError:  # closed by now
            continue
        if stat.S_ISSOCK(status.st_mode):
            found[status.st_ino] = descriptor
    return found


def _copy(descriptor: int, inode: int) -> Optional[socket.socket]:
    """That very socket, unless its descriptor is another file's by now."""
    copy = socket_at(descriptor)
    if copy is not None and os.fstat(copy.fileno()).st_ino != inode:
        copy.close()
        return None
    return copy


def _end(descriptor: int, inode: int) -> bool:
    connection = _copy(descriptor, inode)
    if connection is None:
        return False
    with connection:
        try:
            connection.shutdown(socket.SHUT_RDWR)  # gRPC sees the end, and closes it
        except OSError:  # gone already
            return False
    return True


def _endpoint(name_of: Callable[[], object]) -> Optional[Endpoint]:
    try:
        name = name_of()
    except OSError:  # not connected
        return None
    return parse_endpoint(f"[{name[0]}]:{name[1]}") if isinstance(name, tuple) and len(name) > 1 else None

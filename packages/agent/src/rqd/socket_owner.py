"""Who owns the other end of a connection on this machine, asked of the kernel (Linux: `sock_diag` over netlink).

A port says nothing about who uses it: it may belong to somebody else a moment later. So the kernel is asked about the
exact connection, and only an established one with a process behind it counts: an orphan, whose process has closed it or
is gone, is listed as root's.
"""

from __future__ import annotations

import atexit
import ipaddress
import os
import socket
import struct
import sys
import threading
from typing import Final, Union

IpAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Endpoint = tuple[IpAddress, int]
"""An address and a TCP port."""

# Numbers of linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h.
_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_NLM_F_REQUEST: Final = 1
_TCP_ESTABLISHED: Final = 1
_ANY_COOKIE: Final = 0xFFFF_FFFF

_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
_REQUEST: Final = struct.Struct("=BBBBI")  # family, protocol, extensions, padding, states
_PORTS: Final = struct.Struct("!HH")
_INTERFACE_AND_COOKIE: Final = struct.Struct("=III")
_ANSWER: Final = struct.Struct("=BBBB48xIIIII")  # family, state, timer, retransmits; expires, queues, uid, inode

_ANSWER_BYTES_MAX: Final = 4096


class _Kernel:
    """A socket to the kernel that is kept: opening one for each question costs more than the question."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._sequence = 0

    def answer(self, client: Endpoint, server: Endpoint) -> bytes:
        """What the kernel says of a connection. Raises OSError."""
        with self._lock:
            self._sequence = self._sequence % 0xFFFF_FFFF + 1
            if self._socket is None:
                self._socket = socket.socket(
                    socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, _NETLINK_SOCK_DIAG
                )
            try:
                self._socket.sendto(_question(client, server, self._sequence), (0, 0))
                answer = self._socket.recv(_ANSWER_BYTES_MAX)  # the kernel has answered within `sendto`
                if len(answer) < _HEADER.size or _HEADER.unpack_from(answer)[3] != self._sequence:
                    raise OSError("an answer to another question")
            except OSError:
                self.close()  # whatever the socket still holds must not answer the next question
                raise
            return answer

    def close(self) -> None:
        """Let the socket go, until the next question."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


_kernel: Final = _Kernel()
atexit.register(_kernel.close)


def owner_of(client: Endpoint, server: Endpoint) -> int | None:
    """The user id of the process whose socket is bound to `client` and connected to `server`.

    None where there is no such established connection with a living process, and on systems that cannot tell.
    Costs two system calls, some 15 µs: cheap enough to be asked each time, so that nothing need be remembered of a
    connection whose four numbers may be another user's a moment later.
    """
    if not sys.platform.startswith("linux"):
        return None
    try:
        answer = _kernel.answer(client, server)
    except OSError:
        return None
    return _owner_in(answer, client, server)


def may_speak_for(uid: int | None) -> bool:
    """Whether that is this process's own user, or root."""
    return uid is not None and uid in (0, os.geteuid())


def parse_endpoint(text: str) -> Endpoint | None:
    """`127.0.0.1:8443` or `[::1]:8443`; an IPv4 address in IPv6 clothes is one of IPv4. None for anything else."""
    host, _, port = text.rpartition(":")
    try:
        address: IpAddress = ipaddress.ip_address(host.strip("[]").partition("%")[0])
        number = int(port)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return (address, number) if 0 < number < 65_536 else None


def _question(client: Endpoint, server: Endpoint, sequence: int) -> bytes:
    family = socket.AF_INET if client[0].version == 4 else socket.AF_INET6
    body = (
        _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 1 << _TCP_ESTABLISHED)
        + _identity(client, server)
        + _INTERFACE_AND_COOKIE.pack(0, _ANY_COOKIE, _ANY_COOKIE)
    )
    return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, sequence, 0) + body


def _identity(client: Endpoint, server: Endpoint) -> bytes:
    """Both ports and both addresses as the kernel has them, 36 bytes."""
    ports = _PORTS.pack(client[1], server[1])
    return ports + client[0].packed.ljust(16, b"\0") + server[0].packed.ljust(16, b"\0")


def _owner_in(answer: bytes, client: Endpoint, server: Endpoint) -> int | None:
    if len(answer) < _HEADER.size + _ANSWER.size:
        return None
    _, kind, _, _, _ = _HEADER.unpack_from(answer)
    if kind != _SOCK_DIAG_BY_FAMILY:
        return None
    body = answer[_HEADER.size :]
    family, state, _, _, _, _, _, uid, inode = _ANSWER.unpack_from(body)
    ports = _PORTS.unpack_from(body, 4)
    addresses = (_address(family, body[8:24]), _address(family, body[24:40]))
    # The kernel falls back to a listening socket where no connection fits, and an orphan has no inode.
    same = ports == (client[1], server[1]) and addresses == (client[0], server[0])
    return uid if same and state == _TCP_ESTABLISHED and inode else None


def _address(family: int, packed: bytes) -> IpAddress:
    if family == socket.AF_INET:
        return ipaddress.IPv4Address(packed[:4])
    address = ipaddress.IPv6Address(packed)
    return address.ipv4_mapped or address

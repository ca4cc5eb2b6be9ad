"""The sockets of this machine that listen, as its kernel lists them (Linux)."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Iterator
from typing import List, NamedTuple, Optional, Union

# Numbers of linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h.
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x1 | 0x300
_ERROR, _DONE = 2, 3
_LISTENING = 10
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
_QUESTION = struct.Struct("=BBBBI48x")  # family, protocol, extensions, padding, states; any addresses and ports
_LISTENER = struct.Struct("!BBxxHxx16s")  # family, state, port, address
_UID = struct.Struct("=64xI")
_BYTES_MAX = 1 << 16

_TABLES = (("/proc/net/tcp", 4), ("/proc/net/tcp6", 16))


class Listener(NamedTuple):
    """A socket that takes connections."""

    address: Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
    port: int
    uid: int
    is_ipv6: bool


def listening_sockets() -> Optional[List[Listener]]:
    """All of them; None where the system does not tell.

    Costs less than 0.1 ms. Where only files of /proc tell, the kernel walks through its table of all connections for
    each of the two, which takes milliseconds on a machine with much memory, however few there are.
    """
    if not hasattr(socket, "AF_NETLINK"):
        return None
    try:
        return [*_told(socket.AF_INET), *_told(socket.AF_INET6)]
    except OSError:  # a kernel or a sandbox without sock_diag
        return _in_tables()


def _told(family: int) -> Iterator[Listener]:
    """What the kernel answers for one family. Raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        question = _QUESTION.pack(family, socket.IPPROTO_TCP, 0, 0, 1 << _LISTENING)
        size = _HEADER.size + len(question)
        kernel.sendto(_HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + question, (0, 0))
        while True:
            answers, at = kernel.recv(_BYTES_MAX), 0
            while at + _HEADER.size <= len(answers):
                length, kind = _HEADER.unpack_from(answers, at)[:2]
                if kind == _DONE:
                    return
                if kind == _ERROR or length < _HEADER.size:
                    raise OSError("the kernel does not list its sockets")
                yield _listener(answers[at + _HEADER.size : at + length])
                at += length + 3 & ~3


def _listener(answer: bytes) -> Listener:
    family, _, port, address = _LISTENER.unpack_from(answer)
    is_ipv6 = family == socket.AF_INET6
    number = ipaddress.ip_address(address if is_ipv6 else address[:4])
    return Listener(number, port, _UID.unpack_from(answer)[0], is_ipv6)


def _in_tables() -> Optional[List[Listener]]:
    found: List[Listener] = []
    is_told = False
    for table, size in _TABLES:
        with contextlib.suppress(OSError, ValueError, IndexError), open(table, encoding="ascii") as lines:
            next(lines)
            is_told = True
            for line in lines:
                fields = line.split()
                address, _, port = fields[1].partition(":")
                if fields[3] == f"{_LISTENING:02X}":
                    found.append(Listener(_number(address), int(port, 16), int(fields[7]), size == 16))
    return found if is_told else None


def _number(words: str) -> Union[ipaddress.IPv4Address, ipaddress.IPv6Address]:
    """An address as these tables have it: 32-bit words in the machine's own order."""
    numbers = [int(words[at : at + 8], 16) for at in range(0, len(words), 8)]
    return ipaddress.ip_address(struct.pack(f"={len(numbers)}I", *numbers))

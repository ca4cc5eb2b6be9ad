"""Who would take a connection to an address of this machine, as the kernel lists its listening sockets.

A server's port may be taken by any account of the machine while the server does not run, and agents go on calling it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from typing import Optional

_TABLES = (("/proc/net/tcp", 4), ("/proc/net/tcp6", 16))
_LISTENING = "0A"


def owners_of_listeners(address: str) -> Optional[set[int]]:
    """The user ids of those who listen at a loopback address; None where it is none, or the system does not tell.

    `address` is HOST:PORT. Costs a millisecond or so where the machine has a few hundred sockets.
    """
    host, _, port = address.rpartition(":")
    wanted = _loopbacks(host.strip("[]"))
    if not wanted or not port.isdigit():
        return None
    owners: set[int] = set()
    is_told = False
    for table, size in _TABLES:
        with contextlib.suppress(OSError, ValueError, IndexError), open(table, encoding="ascii") as lines:
            next(lines)
            is_told = True
            for line in lines:
                fields = line.split()
                local, _, local_port = fields[1].partition(":")
                if fields[3] == _LISTENING and int(local_port, 16) == int(port) and _would_take(local, size, wanted):
                    owners.add(int(fields[7]))
    return owners if is_told else None


def _loopbacks(host: str) -> frozenset[str]:
    if host == "localhost":
        return frozenset(("127.0.0.1", "::1"))
    try:
        given = ipaddress.ip_address(host)
    except ValueError:
        return frozenset()
    return frozenset((str(given),)) if given.is_loopback else frozenset()


def _would_take(local: str, size: int, wanted: frozenset[str]) -> bool:
    """Whether a socket that is bound to this address, as the kernel writes it, gets what is sent to one of those."""
    words = struct.unpack(f"!{size // 4}I", bytes.fromhex(local))
    packed = struct.pack(f"={size // 4}I", *words)  # each word stands there as the machine has it in memory
    bound = ipaddress.ip_address(socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, packed))
    if bound.is_unspecified:
        return size == 16 or any(":" not in address for address in wanted)
    mapped = getattr(bound, "ipv4_mapped", None)
    return str(mapped or bound) in wanted

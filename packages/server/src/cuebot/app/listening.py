"""Where a server listens, and why it cannot where it was told to."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator


def address_problem(error: OSError) -> str:
    """Why an address cannot be listened on. Python's own text repeats the address as it holds it."""
    if error.errno == errno.EADDRINUSE:
        return "is in use by another program"
    if error.errno == errno.EADDRNOTAVAIL:
        return "is not an address of this machine"
    why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return f"cannot be used ({why})"


def as_number(address: str) -> str:
    """`localhost` as 127.0.0.1: the name has two addresses, and whoever took the other would be called in our place."""
    host, _, port = address.rpartition(":")
    return f"127.0.0.1:{port}" if host.lower().rstrip(".") == "localhost" else address


def all_sockets(host: str, port: int) -> Iterator[tuple[socket.AddressFamily, tuple[str, int]]]:
    """Every address of a name, the first for IPv4 before others: gRPC is content where it gets one of them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    unique = dict.fromkeys((family, (str(place[0]), port)) for family, _, _, _, place in found)
    yield from sorted(unique, key=lambda one: one[0] != socket.AF_INET)


def first_number(address: str) -> str:
    """An address whose host is a name, with a number of it: a name may lead elsewhere as well."""
    host, _, port = address.rpartition(":")
    try:
        family, (number, _) = next(all_sockets(host.strip("[]"), 0))
    except (OSError, StopIteration):
        return address
    return f"[{number}]:{port}" if family == socket.AF_INET6 else f"{number}:{port}"

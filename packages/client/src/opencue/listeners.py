"""Who would take a connection to an address of this machine, as the kernel lists its listening sockets.

A port above 1023 may be taken by any account of the machine, where the server does not run, or on `[::1]` while it runs
on 127.0.0.1. So a token goes to a loopback address only while everybody who listens there is trusted with it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import socket
from collections.abc import Iterable
from typing import Optional, Union

from opencue.listening_sockets import listening_sockets

_HOSTS_FILE = "/etc/hosts"
_HOSTS_BYTES_MAX = 1 << 20
_LOOPBACK_NAMES = ("localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback")
_BOTH = frozenset(("127.0.0.1", "::1"))
_SCHEME = re.compile(r"^(?:dns:(?://[^/]*/)?|ipv4:|ipv6:)", re.IGNORECASE)
"""How an address may begin that is written as gRPC's own."""


def owners_of_listeners(address: str) -> Optional[set[int]]:
    """The user ids of those who listen at a loopback address; None where it is none, or the system does not tell.

    `address` is HOST:PORT.
    """
    host, port = _split(address)
    wanted = _loopbacks(host)
    return _owners(wanted, int(port)) if wanted and port.isdecimal() else None


def strangers_at(address: str, trusted: Iterable[int] = ()) -> set[int]:
    """The user ids of those at a loopback address who are neither root, nor this user, nor among the trusted."""
    owners = owners_of_listeners(address)
    return owners - {0, os.geteuid(), *trusted} if owners else set()


def number_of(address: str) -> str:
    """127.0.0.1:PORT for a loopback name where something listens there and nothing at [::1]; else what was given."""
    host, port = _split(address)
    if not port.isdecimal() or _number(host) is not None or _loopbacks(host) != _BOTH:
        return address
    by_ipv4, by_ipv6 = (_owners(frozenset((number,)), int(port)) for number in ("127.0.0.1", "::1"))
    return f"127.0.0.1:{port}" if by_ipv4 and not by_ipv6 else address


def words_on_strangers(address: str, strangers: Iterable[int], trusted: Iterable[int] = ()) -> str:
    """What is wrong where strangers listen, whose token is not sent, and what to do."""
    uids = sorted(strangers)
    who = " and ".join(_named(uid) for uid in uids)
    detail = f"at {address} listens {who}, so the token is not sent there"
    _, port = _split(address)
    by_number = f"127.0.0.1:{port}"
    if owners_of_listeners(by_number) and not strangers_at(by_number, trusted):
        return f"{detail}; the server listens at {by_number}: name it so"
    return (
        f"{detail}. If that is your server, let its user own the token file (chown {uids[0]} FILE); if not, name the"
        " server's own address, and let it be started again"
    )


def _named(uid: int) -> str:
    name = ""
    with contextlib.suppress(ImportError, KeyError):
        import pwd

        name = pwd.getpwuid(uid).pw_name
    return f"user {name} (uid {uid})" if name else f"uid {uid}"


def _split(address: str) -> tuple[str, str]:
    host, _, port = _SCHEME.sub("", address).rpartition(":")
    return host.strip("[]").rstrip("."), port


def _owners(wanted: frozenset[str], port: int) -> Optional[set[int]]:
    found = listening_sockets()
    if found is None:
        return None
    exactly: dict[str, set[int]] = {}
    anywhere: dict[str, set[int]] = {}
    for listener in found:
        if listener.port != port:
            continue
        bound = getattr(listener.address, "ipv4_mapped", None) or listener.address
        for address in wanted:
            if bound.is_unspecified and (listener.is_ipv6 or ":" not in address):
                anywhere.setdefault(address, set()).add(listener.uid)
            elif str(bound) == address:
                exactly.setdefault(address, set()).add(listener.uid)
    # The kernel gives a connection to who is bound to its very address, and to others only where nobody is.
    return set().union(*(exactly.get(address) or anywhere.get(address, set()) for address in wanted))


def _loopbacks(host: str) -> frozenset[str]:
    """The loopback addresses that a name or number leads to; no name service is asked, only this machine's files."""
    number = _number(host)
    if number is not None:
        if number.is_unspecified:  # who connects there comes to this machine
            return _BOTH
        return frozenset((str(number),)) if number.is_loopback else frozenset()
    name = host.lower()
    if name in _LOOPBACK_NAMES or name.endswith(".localhost"):
        return _BOTH
    return frozenset(address for address in _in_hosts_file(name) if ipaddress.ip_address(address).is_loopback)


def _number(host: str) -> Union[ipaddress.IPv4Address, ipaddress.IPv6Address, None]:
    """An address that is written as a number, in whatever way a connection takes it (127.1, ::ffff:127.0.0.1)."""
    with contextlib.suppress(ValueError):
        found = ipaddress.ip_address(host)
        return getattr(found, "ipv4_mapped", None) or found
    if host[:1].isdigit():
        with contextlib.suppress(OSError):
            return ipaddress.ip_address(socket.inet_aton(host))
    return None


def _in_hosts_file(name: str) -> list[str]:
    found = []
    with contextlib.suppress(OSError), open(_HOSTS_FILE, encoding="utf-8", errors="replace") as file:
        for line in file.read(_HOSTS_BYTES_MAX).splitlines():
            number, *names = line.partition("#")[0].split() or [""]
            if name in (known.lower() for known in names):
                with contextlib.suppress(ValueError):
                    found.append(str(ipaddress.ip_address(number)))
    return found

"""Who was proven to want something, which is more than who says so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Proof(Enum):
    """What shows who somebody is."""

    SERVER = "server"
    """It is the server itself: a plan, a sweep, a first start."""
    KERNEL = "kernel"
    """The kernel says whose process has made the connection: this server's user, or root, on this machine."""
    TOKEN = "token"
    """It bears the installation's token, as a client."""
    SESSION = "session"
    """A browser with a session that somebody opened who was let in."""
    AGENT = "agent"
    """It bears the installation's token, as a host's agent. Which host is its own word, the address is not."""
    NOBODY = "nobody"
    """Nothing is proven; whoever it is came by a door that stands open."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who wants something, as far as that was proven.

    The *actor* of an envelope is what a caller says that its user is called; a principal is what it could not invent.
    """

    proof: Proof
    name: str = ""
    """For people, and the same for all calls of one caller: `user 1000`, `address 192.0.2.7`."""

    def __str__(self) -> str:
        """The name, or what there is instead of one."""
        return self.name or self.proof.value


NOBODY: Final = Principal(Proof.NOBODY)
"""Of whom nothing at all is known."""
THE_SERVER: Final = Principal(Proof.SERVER, "the server itself")

"""What every command is, and the envelope that it travels in."""

from __future__ import annotations

from dataclasses import dataclass

from cuebot.domain.principals import NOBODY, Principal


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who wants a command done, from where, and why."""

    actor: str = "system"
    """What whoever wants it says that its user is called."""
    origin: str = ""
    reason: str = ""
    request_id: str = ""
    """Not empty: a command with the same id is answered as the first one was, and not done again."""
    principal: Principal = NOBODY
    """Who was proven to want it. Watchers are told; the stored history has only the actor."""


@dataclass(frozen=True, slots=True)
class Command:
    """Base of all commands."""

"""What every command is, and the envelope that it travels in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who wants a command done, from where, and why."""

    actor: str = "system"
    origin: str = ""
    reason: str = ""
    request_id: str = ""
    """Not empty: a command with the same id is answered as the first one was, and not done again."""


@dataclass(frozen=True, slots=True)
class Command:
    """Base of all commands."""

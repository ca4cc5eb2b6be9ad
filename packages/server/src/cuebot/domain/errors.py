"""The one tree of errors that the farm raises on purpose.

Each class knows the gRPC status and the HTTP status that a client sees, so the adapters never decide that themselves.
A message says what happened, which thing it concerns, and what to do.
"""

from __future__ import annotations

from typing import ClassVar, Self

from cuebot.domain.bounds import GREATEST

_SHOWN_CHARACTERS = 80


def quoted(text: str) -> str:
    """Return a text as a message may quote it: one line, printable, and short."""
    head = "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text[:_SHOWN_CHARACTERS]
    )
    return head if len(text) <= _SHOWN_CHARACTERS else head + "…"


class FarmError(Exception):
    """A refusal or failure that is reported to whoever asked."""

    code: ClassVar[str] = "INTERNAL"
    """Name of the gRPC status."""
    http: ClassVar[int] = 500
    """HTTP status."""
    missing: str = ""
    """An id or a name that may be a finished job's, which is on disk: whoever can loads it, and asks again."""

    def may_be_past(self, text: str) -> Self:
        """This error, when a job on disk may be what is missing."""
        self.missing = text
        return self


class NotFound(FarmError):
    """The thing that was asked for does not exist."""

    code = "NOT_FOUND"
    http = 404


class AlreadyExists(FarmError):
    """A thing of that name exists already."""

    code = "ALREADY_EXISTS"
    http = 409


class Invalid(FarmError):
    """The request itself is wrong and would be refused again."""

    code = "INVALID_ARGUMENT"
    http = 400


class Refused(FarmError):
    """The request is well-formed, but the farm's present state does not allow it."""

    code = "FAILED_PRECONDITION"
    http = 409


class HostConflict(Refused):
    """A second agent speaks under the name of a host whose own agent lives."""


class Exhausted(FarmError):
    """Something is full for now; the same request may succeed later."""

    code = "RESOURCE_EXHAUSTED"
    http = 429


class Unavailable(FarmError):
    """The server cannot answer at this moment; try again."""

    code = "UNAVAILABLE"
    http = 503


class Forbidden(FarmError):
    """The caller is known, and may not do this."""

    code = "PERMISSION_DENIED"
    http = 403


class Unauthenticated(FarmError):
    """The caller did not prove who it is."""

    code = "UNAUTHENTICATED"
    http = 401


class NotOffered(FarmError):
    """The interface names this operation, and this server does not do it."""

    code = "UNIMPLEMENTED"
    http = 501


class LimitExceeded(Invalid):
    """A request is larger than one of the numbers in `cuebot.domain.settings.Bounds`.

    It is a kind of `Invalid`, not of `Exhausted`: waiting does not make the request smaller.
    """

    def __init__(self, thing: str, counted: str, *, given: int, limit: str, allowed: int) -> None:
        """Say that `thing` has `given` of `counted`, where the limit named `limit` allows `allowed`."""
        can_be_raised = allowed < GREATEST[limit]
        remedy = f", or ask who runs the farm to raise {limit} in its cuefarm.toml" if can_be_raised else ""
        super().__init__(
            f"{thing}: {given} {counted}, more than the limit {limit} = {allowed}. Make it smaller{remedy}."
        )
        self.counted = counted
        self.limit = limit
        self.given = given
        self.allowed = allowed

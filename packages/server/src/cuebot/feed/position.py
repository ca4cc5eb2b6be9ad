"""A place in a farm's history, as a text that clients keep and give back, and what they are told where it is lost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cuebot.domain.errors import Invalid, quoted

_TEXT: Final = re.compile(r"([0-9a-f-]{1,64})\.(\d{1,18})\.(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Position:
    """Behind an event: whoever gives it back is told what came after."""

    farm_id: str
    epoch: int
    """Since which the farm's history has only grown; a backup that was put back begins another."""
    seq: int
    """Number of the event."""

    def __str__(self) -> str:
        return f"{self.farm_id}.{self.epoch}.{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """The inverse of `str`. Raises Invalid."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise Invalid(f"{quoted(text)!r} is no position; give back one that this server sent, or none")
        return cls(match[1], int(match[2]), int(match[3]))


class PlaceLost(Exception):
    """A subscription cannot go on where it was; `position` is where another one may begin."""

    def __init__(self, message: str, position: Position) -> None:
        super().__init__(message)
        self.position = position


class Behind(PlaceLost):
    """The subscriber was too slow. Nothing is lost: `position` is its own, and what came after is on disk."""


class Reset(PlaceLost):
    """What came after the subscriber's position is not known: read everything anew, then go on from `position`."""

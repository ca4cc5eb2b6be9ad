"""The kinds of values in `cuefarm.toml`: what each accepts, in the file and as a variable, and how it is shown."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from cuebot.app.log_levels import log_levels
from cuebot.domain.units import HOUR, MINUTE, SECOND, Micros

DURATION_UNITS: Final = {"ms": SECOND // 1_000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": 24 * HOUR}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)", re.ASCII)


class Kind(Protocol):
    """A kind of value."""

    @property
    def accepted(self) -> str:
        """What may be given, in words."""

    def read(self, given: Any, folder: Path) -> Any:
        """The value that the file of a folder gives. Raises ValueError, with a reason that `accepted` does not say."""

    def from_text(self, text: str) -> Any:
        """What the file would have where a variable has this text."""

    def shown(self, value: Any) -> Any:
        """The value as the file has it."""


class Text:
    """A text that is not empty."""

    accepted = "a text"

    def read(self, given: Any, folder: Path) -> Any:
        """As it is."""
        if not isinstance(given, str) or not given:
            raise ValueError
        return given

    def from_text(self, text: str) -> Any:
        """As it is."""
        return text

    def shown(self, value: Any) -> Any:
        """As it is."""
        return value


class Address(Text):
    """An address to listen on."""

    accepted = "HOST:PORT, such as 127.0.0.1:8443"

    def read(self, given: Any, folder: Path) -> Any:
        """As it is."""
        try:
            host_and_port(super().read(given, folder))
        except ValueError:
            raise ValueError from None
        return given


class DatabaseUrl(Text):
    """Where the farm is kept. It is shown without its password."""

    accepted = "the URL of a database, such as sqlite:///farm.sqlite"

    def read(self, given: Any, folder: Path) -> Any:
        """As it is."""
        self.shown(super().read(given, folder))
        return given

    def shown(self, value: Any) -> Any:
        """Without its password. Raises ValueError for what is no such URL."""
        from cuebot.journal import JournalUnusable
        from cuebot.journal.database import parse, redacted

        try:
            return redacted(parse(value))
        except JournalUnusable as error:
            raise ValueError(str(error)) from None


class File(Text):
    """The path of a file or a folder, seen from the folder that the configuration lies in."""

    accepted = "a path"

    def read(self, given: Any, folder: Path) -> Any:
        """As a path."""
        return folder / Path(super().read(given, folder)).expanduser()

    def shown(self, value: Any) -> Any:
        """As a text."""
        return str(value)


class Levels(Text):
    """How much parts of the server say."""

    accepted = 'a level, and others of single parts, such as "info,wire=debug"'

    def read(self, given: Any, folder: Path) -> Any:
        """As it is."""
        try:
            log_levels(super().read(given, folder))
        except argparse.ArgumentTypeError as error:
            raise ValueError(str(error)) from None
        return given


@dataclass(frozen=True, slots=True)
class Words(Text):
    """A list of texts; of some words only, where these are given. A variable has commas between them."""

    words: Sequence[str] = ()

    @property
    def accepted(self) -> str:  # type: ignore[override]
        """What may be in the list."""
        return f"a list of {' and '.join(json.dumps(word) for word in self.words) or 'texts'}"

    def read(self, given: Any, folder: Path) -> Any:
        """As a tuple."""
        if not isinstance(given, list) or not all(isinstance(one, str) and one for one in given):
            raise ValueError
        if self.words and not set(given) <= set(self.words):
            raise ValueError
        return tuple(given)

    def from_text(self, text: str) -> Any:
        """Split at commas and blanks."""
        return text.replace(",", " ").split()

    def shown(self, value: Any) -> Any:
        """As a list."""
        return list(value)


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number."""

    least: int
    most: int

    @property
    def accepted(self) -> str:
        """Between what it lies."""
        return f"a whole number from {self.least} to {self.most}"

    def read(self, given: Any, folder: Path) -> Any:
        """As it is."""
        if isinstance(given, bool) or not isinstance(given, int) or not self.least <= given <= self.most:
            raise ValueError
        return given

    def from_text(self, text: str) -> Any:
        """A number, where it is one."""
        return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else text

    def shown(self, value: Any) -> Any:
        """As it is."""
        return value


@dataclass(frozen=True, slots=True)
class Duration(Text):
    """A duration in microseconds, written with its unit."""

    least: int = 0
    most: int = 365 * 24 * HOUR

    @property
    def accepted(self) -> str:  # type: ignore[override]
        """Between what it lies, and how it is written."""
        return f'a duration from "{duration_text(self.least)}" to "{duration_text(self.most)}", such as "90s" or "5m"'

    def read(self, given: Any, folder: Path) -> Any:
        """In microseconds."""
        match = _DURATION.fullmatch(given) if isinstance(given, str) else None
        if match is None:
            raise ValueError
        value = Micros(round(float(match[1]) * DURATION_UNITS[match[2]]))
        if not self.least <= value <= self.most:
            raise ValueError
        return value

    def shown(self, value: Any) -> Any:
        """With the largest unit in which it is a whole number."""
        return duration_text(value)


def duration_text(duration_us: int) -> str:
    """A duration with the largest unit in which it is a whole number."""
    if not duration_us:
        return "0s"
    unit, size = next((unit, size) for unit, size in reversed(DURATION_UNITS.items()) if duration_us % size == 0)
    return f"{duration_us // size}{unit}"


def host_and_port(address: str) -> tuple[str, int]:
    """The two parts of an address. Raises ValueError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(f"{address!r} is not HOST:PORT, such as 127.0.0.1:8443 (port 0 picks a free one)")
    return host.strip("[]"), int(port)

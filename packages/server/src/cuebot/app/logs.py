"""Structured logs on standard error: for people on a terminal, JSON lines elsewhere.

Logging never raises: a full disk or a reader that has gone behind standard error must stop neither server nor farm.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict

from cuebot.app.log_levels import LOGS, LogLevels


class Unfailing:
    """Writes whole lines to a file without a buffer, so that nothing of a failure is left over for later.

    Lines that could not be written are counted, and the count is told by the first one that can be.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.lost = 0

    def write(self, text: str) -> int:
        """Write a text, or count it as lost."""
        try:
            if self.lost:
                self._put(f"{self.lost} lines of this log could not be written\n")
                self.lost = 0
            self._put(text)
        except (OSError, ValueError):
            self.lost += 1
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        """Whether people are reading."""
        return self._file.isatty()

    def _put(self, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        while data:
            data = data[os.write(self._file.fileno(), data) :]


class PartLogger(structlog.WriteLogger):
    """Writes what one part of the server says, from its level on."""

    def __init__(self, stream: Unfailing, name: str, least: int) -> None:
        super().__init__(cast(TextIO, stream))
        self.name = name
        self.least = least


def configure(levels: LogLevels) -> None:
    """Set up logging for this process."""
    stream = Unfailing(sys.stderr)
    numbers = logging.getLevelNamesMapping()
    general = numbers[levels.general.upper()]
    least_of_all = min(numbers[levels.of(name).upper()] for name in LOGS)
    terminal = stream.isatty()
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S" if terminal else "iso", utc=not terminal)

    def part_logger(name: str = "server") -> PartLogger:
        return PartLogger(stream, name, numbers[levels.of(name).upper()])

    structlog.configure(
        processors=[
            _drop_below_level,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _add_part,
            stamp,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least_of_all),  # what nobody wants costs nothing
        logger_factory=part_logger,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(general, logging.WARNING), stream=stream)


def _drop_below_level(logger: PartLogger, method: str, event: EventDict) -> EventDict:
    if logging.getLevelNamesMapping()[method.upper()] < logger.least:
        raise structlog.DropEvent
    return event


def _add_part(logger: PartLogger, method: str, event: EventDict) -> EventDict:
    event["logger"] = logger.name
    return event

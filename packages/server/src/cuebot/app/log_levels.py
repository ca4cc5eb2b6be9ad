"""How much each part of the server says: `info`, or `info,wire=debug,engine=debug`."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error")

LOGS: Final = {
    "agents": "the way to the agents: launches, kills, streams",
    "doors": "who was refused",
    "engine": "plans and commits",
    "feed": "who follows what happens, and what went wrong there",
    "hosts": "what took hosts down, and what people did to them",
    "mail": "mail of jobs that ended",
    "reports": "what agents report",
    "retention": "what is forgotten at last",
    "rqd": "the agents that `cuefarm up` runs",
    "serve": "start and end of `cuefarm serve`",
    "server": "start, database and end of the server",
    "up": "start and end of `cuefarm up`, and what becomes of its agents",
    "wire": "calls of clients and agents",
}
"""The names by which parts of the server log, and what each says. Those of `structlog.get_logger`."""


@dataclass(frozen=True, slots=True)
class LogLevels:
    """The least level that is written, by part of the server."""

    general: str = "info"
    by_log: Mapping[str, str] = field(default_factory=dict)

    def of(self, log: str) -> str:
        """The level of one part."""
        return self.by_log.get(log, self.general)


def log_levels(text: str) -> LogLevels:
    """Read levels as a person writes them. Raises argparse.ArgumentTypeError for what is none."""
    general = "info"
    by_log: dict[str, str] = {}

    for word in text.replace(",", " ").split():
        name, is_named, level = word.partition("=")
        if not is_named:
            general = _known(name, LEVELS, "level")
        else:
            by_log[_known(name, LOGS, "part")] = _known(level, LEVELS, "level")
    return LogLevels(general, by_log)


def _known(word: str, known: Mapping[str, str] | tuple[str, ...], kind: str) -> str:
    if word in known:
        return word
    near = difflib.get_close_matches(word, known, 1)
    nearest = f" (did you mean {near[0]}?)" if near else ""
    raise argparse.ArgumentTypeError(f"{word!r} is no {kind}{nearest}; there are {', '.join(known)}")

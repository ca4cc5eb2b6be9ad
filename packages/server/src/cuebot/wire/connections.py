"""How many connections clients and agents may hold at the gRPC port, all together and each caller."""

from __future__ import annotations

from typing import Final

import structlog

from cuebot.domain.bounds import Bounds
from rqd import open_files
from rqd.connections import Connections

log = structlog.get_logger("wire")

KEPT_FILES: Final = 1_024
"""Files that connections leave to the rest of the server: HTTP, the journal, logs that are read."""


def most_connections(bounds: Bounds) -> int:
    """How many there may be, so that files can always be opened."""
    files = open_files.allowed()
    return min(bounds.connections, max(files - KEPT_FILES, files // 2))


def most_of_a_caller(bounds: Bounds) -> int:
    """How many of them one caller may have."""
    return min(bounds.connections_per_caller, open_files.allowed() // 4)


async def watch_connections(port: int, bounds: Bounds) -> None:
    """End what a caller has beyond his part, for ever, and say so once a minute."""
    most = most_of_a_caller(bounds)

    def tell(ended: dict[str, int]) -> None:
        of = ", ".join(f"{caller}: {count}" for caller, count in sorted(ended.items()))
        log.warning("connections beyond a caller's part were ended", ended=of, connections_per_caller=most)

    await Connections(port, most).watch(tell)

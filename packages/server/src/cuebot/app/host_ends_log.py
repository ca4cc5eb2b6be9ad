"""The server's log says when a host's agent died with frames: what `-runs` says of each frame, once for the host."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from cuebot.feed.public_events import PublicEvent, RunEndedRow

log = structlog.get_logger("hosts")

TOLD_SECONDS = 60.0
"""A host whose agent dies again and again is told of once in that time."""


class HostEndsLog:
    """Follows the feed, and writes a line for each host whose runs ended with it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told_s: dict[str, float] = {}
        """When a host was told of last, by its id; only those of the last minute are kept."""

    async def __call__(self, events: Sequence[PublicEvent]) -> None:
        """Tell of the hosts that are in these events."""
        ended: dict[str, RunEndedRow] = {}
        for event in events:
            if isinstance(event.row, RunEndedRow) and event.row.is_host_end:
                ended.setdefault(event.row.host_id, event.row)
        if not ended:
            return

        now_s = self._clock()
        self._told_s = {id: at_s for id, at_s in self._told_s.items() if now_s - at_s < TOLD_SECONDS}
        for host_id, first in ended.items():
            if host_id not in self._told_s:
                self._told_s[host_id] = now_s
                _tell(first)


def _tell(run: RunEndedRow) -> None:
    log.warning(
        "a host's agent died with frames, or the host was booted unannounced; `cueadmin -runs JOB` has them",
        host=run.host_name or run.host_id,
        job=run.job_name or run.job_id,
        first_run=run.run_id,
        alone=run.is_alone,
    )

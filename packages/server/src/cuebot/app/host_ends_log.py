"""The server's log says when a host's agent died with frames: what `-runs` says of each frame, once for the host."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from cuebot.domain import events as ev
from cuebot.domain.farm import Farm
from cuebot.engine.ports import Recorded

log = structlog.get_logger("hosts")

TOLD_SECONDS = 60.0
"""A host whose agent dies again and again is told of once in that time."""


class HostEndsLog:
    """Looks at what was made durable, and writes a line for each host whose runs ended with it."""

    def __init__(self, farm: Farm, clock: Callable[[], float] = time.monotonic) -> None:
        self._farm = farm
        self._clock = clock
        self._told_s: dict[str, float] = {}
        """When a host was told of last, by its id; only those of the last minute are kept."""

    async def __call__(self, events: Sequence[Recorded]) -> None:
        """Tell of the hosts that are in these events."""
        ended: dict[str, list[ev.RunEnded]] = {}
        for recorded in events:
            if isinstance(recorded.event, ev.RunEnded) and recorded.event.with_host:
                ended.setdefault(recorded.event.host_id, []).append(recorded.event)
        if not ended:
            return
        now_s = self._clock()
        self._told_s = {id: at_s for id, at_s in self._told_s.items() if now_s - at_s < TOLD_SECONDS}
        for host_id, runs in ended.items():
            if host_id not in self._told_s:
                self._told_s[host_id] = now_s
                self._tell(host_id, runs)

    def _tell(self, host_id: str, runs: list[ev.RunEnded]) -> None:
        host, job = self._farm.hosts.get(host_id), self._farm.jobs.get(runs[0].job_id)
        log.warning(
            "a host's agent died with frames, or the host was booted unannounced; `cueadmin -runs JOB` has them",
            host=host.name if host else host_id,
            job=job.name if job else runs[0].job_id,
            first_run=runs[0].run_id,
            alone=runs[0].alone,
        )
